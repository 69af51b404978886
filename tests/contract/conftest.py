"""A table under moto, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.loaders import create_loader
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from antiphon.platform.table import Table

REGION = "us-east-1"
TEMPLATE = Path(__file__).parents[2] / "infra" / "data.yaml"


class _Loader(yaml.SafeLoader):
    """Reads a template; intrinsic functions become their argument."""


_LOADER_TAG = "!"
_Loader.add_multi_constructor(
    _LOADER_TAG,
    lambda loader, _, node: (
        loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node)
    ),
)


def create_table(name: str) -> None:
    """As the template has it, so that keys and indexes are written down once."""
    properties = yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]["Table"]["Properties"]
    wanted = {k: properties[k] for k in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")}
    boto3.client("dynamodb", region_name=REGION).create_table(TableName=name, **wanted)


@pytest.fixture(scope="session", autouse=True)
def service_models() -> Iterator[None]:
    """What AWS's services are is read from disk once; each test has sessions and clients of its own, and would read it for each of them: half of its time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", cache(create_loader))
        yield


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_REGION", REGION),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # DynamoDB does one request on an item after the other; moto checks a condition in one step and writes in the next.
    one_by_one, call = threading.RLock(), DynamoHandler.call_action

    def call_action(handler: DynamoHandler) -> Any:
        with one_by_one:
            return call(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", call_action)
    with mock_aws():
        yield


@pytest.fixture
def table(aws: None) -> Table:
    create_table("antiphon")
    return Table("antiphon", REGION)
