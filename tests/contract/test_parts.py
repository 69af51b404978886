"""Unfinished objects: the fake and S3's multipart uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from antiphon.platform.errors import NotFound
from antiphon.speech.memory import MemoryObjects, MemoryParts
from antiphon.speech.parts import PartBucket
from antiphon.speech.parts_s3 import S3Parts
from antiphon.speech.s3 import s3_client

BUCKET, KEY, REGION = "uploads", "uploads/usr_1/med_1", "us-east-1"
LEAST = 5 * 1024 * 1024
"""Bytes that S3 wants of each part but the last."""
Put = Callable[[str, int, bytes], None]


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest, aws: None) -> Iterator[tuple[PartBucket, Put]]:
    if request.param == "memory":
        fake = MemoryParts(MemoryObjects(), BUCKET)
        yield fake, lambda upload_id, number, body: fake.put(KEY, upload_id, number, body)
        return
    with mock_aws():
        client: Any = s3_client(REGION)
        boto3.client("s3", region_name=REGION).create_bucket(Bucket=BUCKET)

        def put(upload_id: str, number: int, body: bytes) -> None:
            client.upload_part(Bucket=BUCKET, Key=KEY, UploadId=upload_id, PartNumber=number, Body=body)

        yield S3Parts(client, BUCKET), put


def test_parts_are_listed_in_order_and_joined(bucket: tuple[PartBucket, Put]) -> None:
    parts, put = bucket
    upload_id = parts.begin(KEY, "audio/wav")
    assert parts.there(KEY, upload_id) == []
    assert parts.size(KEY) is None
    put(upload_id, 2, b"end")
    put(upload_id, 1, bytes(LEAST))
    put(upload_id, 2, b"the end")
    there = parts.there(KEY, upload_id)
    assert [(part.number, part.size) for part in there] == [(1, LEAST), (2, 7)]
    assert there[1].etag == hashlib.md5(b"the end").hexdigest()
    parts.join(KEY, upload_id, there)
    assert parts.size(KEY) == LEAST + 7
    with pytest.raises(NotFound):
        parts.there(KEY, upload_id)


def test_what_was_never_begun_is_not_there(bucket: tuple[PartBucket, Put]) -> None:
    parts, _ = bucket
    with pytest.raises(NotFound):
        parts.there(KEY, "nothing")


def test_an_address_is_for_one_part_of_one_upload(bucket: tuple[PartBucket, Put]) -> None:
    parts, _ = bucket
    upload_id = parts.begin(KEY, "audio/wav")
    address = parts.address(KEY, upload_id, 3, LEAST, timedelta(minutes=15))
    assert "partNumber=3" in address
    assert KEY in address
