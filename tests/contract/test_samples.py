"""T-03: objects that are written once, and found by their folder."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from antiphon.platform.clock import system_clock
from antiphon.speech.memory import MemoryObjects
from antiphon.speech.ports import Objects
from antiphon.speech.s3 import S3Objects, s3_client
from tests.contract.conftest import REGION

BUCKET = "results"


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest) -> Objects:
    if request.param == "memory":
        return MemoryObjects()
    request.getfixturevalue("aws")
    client: Any = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket=BUCKET)
    return S3Objects(s3_client(REGION), system_clock)


def test_what_is_there_stays(objects: Objects) -> None:
    assert objects.create(BUCKET, "samples/x/a.mp3", b"first", content_type="audio/mpeg")
    assert not objects.create(BUCKET, "samples/x/a.mp3", b"second", content_type="audio/mpeg")
    assert objects.read(BUCKET, "samples/x/a.mp3") == b"first"
    stored = objects.head(BUCKET, "samples/x/a.mp3")
    assert stored
    assert stored.content_type == "audio/mpeg"


def test_only_the_keys_of_the_folder_are_found(objects: Objects) -> None:
    for key in ("samples/x/b.mp3", "samples/x/a.mp3", "samples/xy/c.mp3", "speech/d.mp3"):
        objects.create(BUCKET, key, b"x", content_type="audio/mpeg")
    assert list(objects.keys(BUCKET, "samples/x/")) == ["samples/x/a.mp3", "samples/x/b.mp3"]
    assert list(objects.keys(BUCKET, "nothing/")) == []
