"""T-03: what every shelf of weights promises, the fake and the one in S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from antiphon.platform.errors import EngineError
from antiphon.weights.memory import MemoryShelf
from antiphon.weights.ports import Interrupted, Shelf
from antiphon.weights.s3 import S3Shelf, models_client
from tests.contract.conftest import REGION

BODY = bytes(range(100))


@pytest.fixture(params=["memory", "s3", "s3 without prefix"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "memory":
        held = MemoryShelf()
        held.objects["kokoro/config.json"] = BODY
        yield held
        return
    request.getfixturevalue("aws")
    boto3.client("s3", region_name=REGION).create_bucket(Bucket="operator")
    uri = "s3://operator/models/v1/" if request.param == "s3" else "s3://operator"
    in_s3 = S3Shelf(models_client(REGION), uri)
    path = tmp_path / "file"
    path.write_bytes(BODY)
    in_s3.put("kokoro/config.json", str(path))
    yield in_s3


def test_a_size_is_that_of_the_object_and_none_is_of_nothing(shelf: Shelf) -> None:
    assert shelf.size("kokoro/config.json") == 100
    assert shelf.size("kokoro/model.pth") is None


def test_a_read_gives_the_bytes_between_two_positions(shelf: Shelf) -> None:
    assert shelf.read("kokoro/config.json", 0, 100) == BODY
    assert shelf.read("kokoro/config.json", 10, 20) == BODY[10:20]
    assert shelf.read("kokoro/config.json", 99, 100) == BODY[99:]


def test_an_address_names_the_key(shelf: Shelf) -> None:
    assert shelf.address("kokoro/config.json").endswith("/kokoro/config.json")


def test_an_operator_finds_the_object_at_its_address(aws: None) -> None:
    assert S3Shelf(models_client(REGION), "s3://operator/a/b/").address("k") == "s3://operator/a/b/k"
    assert S3Shelf(models_client(REGION), "s3://operator").address("k") == "s3://operator/k"


@pytest.mark.parametrize("uri", ["", "https://example.com/models", "s3:///models", "/models"])
def test_what_is_no_place_in_s3_is_refused(aws: None, uri: str) -> None:
    with pytest.raises(EngineError, match="s3://bucket/prefix"):
        S3Shelf(models_client(REGION), uri)


@pytest.fixture
def stubbed(aws: None) -> Iterator[tuple[S3Shelf, Any]]:
    from botocore.stub import Stubber

    client = models_client(REGION)
    with Stubber(client) as stub:
        yield S3Shelf(client, "s3://operator/models"), stub


def test_a_role_that_may_not_read_is_told_so(stubbed: tuple[S3Shelf, Any]) -> None:
    shelf, stub = stubbed
    stub.add_client_error("head_object", "403", http_status_code=403)
    with pytest.raises(EngineError, match="s3://operator/models/k cannot be looked up: 403"):
        shelf.size("k")


def test_an_error_while_reading_may_be_tried_again(stubbed: tuple[S3Shelf, Any]) -> None:
    shelf, stub = stubbed
    stub.add_client_error("get_object", "SlowDown", http_status_code=503)
    with pytest.raises(Interrupted, match="SlowDown"):
        shelf.read("k", 0, 1)


def test_a_body_that_breaks_off_may_be_tried_again(stubbed: tuple[S3Shelf, Any]) -> None:
    from botocore.response import StreamingBody

    class Broken:
        def read(self, amount: int | None = None) -> bytes:
            return b"half"

    shelf, stub = stubbed
    stub.add_response("get_object", {"Body": StreamingBody(Broken(), 8)})
    with pytest.raises(Interrupted, match="IncompleteRead"):
        shelf.read("k", 0, 8)
