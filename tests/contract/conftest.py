"""A table under moto, in this process."""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.loaders import create_loader
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table as MotoTable
from moto.dynamodb.responses import DynamoHandler
from pynamodb.connection.base import Connection

from antiphon.platform.table import Table
from tests.contract.expressions import check_request

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


@pytest.fixture(scope="session", autouse=True)
def cheap_transactions() -> Iterator[None]:
    """For each row of a transaction moto copies the whole table, so that it can take it all back. Copies of its maps do, as long as no row is changed in its place."""
    change = DynamoDBBackend.update_item

    def copied(table: MotoTable, memo: dict[int, Any]) -> MotoTable:
        found = copy.copy(table)
        found.items = defaultdict(dict, {partition: dict(rows) for partition, rows in table.items.items()})
        return found

    def update_item(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *how: Any, **named: Any) -> Any:
        row = backend.get_item(table_name, key)
        if row is not None:
            backend.get_table(table_name).items[row.hash_key][row.range_key] = copy.deepcopy(row)
        return change(backend, table_name, key, *how, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MotoTable, "__deepcopy__", copied, raising=False)
        patched.setattr(DynamoDBBackend, "update_item", update_item)
        yield


@pytest.fixture(scope="session", autouse=True)
def checked_requests() -> Iterator[None]:
    """A-57: of whatever a test here has our code ask of the table."""
    dispatch = Connection.dispatch

    def checked(connection: Connection, operation_name: str, operation_kwargs: dict[str, Any]) -> Any:
        check_request(operation_name, operation_kwargs)
        return dispatch(connection, operation_name, operation_kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Connection, "dispatch", checked)
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
