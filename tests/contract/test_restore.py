"""T-10: rows come back from a table that was restored, all of them, and nothing is sent a second time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from infra.restore import LEFT_OUT, Receipt, digest, restore, rows, sum_of
from tests.contract.conftest import REGION, create_table

OLD, OWN = "antiphon-restored", "antiphon-own"


def row(number: int, kind: str = "job", **more: Any) -> dict[str, Any]:
    return {
        "pk": {"S": f"user#usr_{number % 7}"},
        "sk": {"S": f"{kind}#{number:05d}"},
        "row": {"S": kind},
        "version": {"N": str(number)},
        "sealed": {"B": number.to_bytes(4, "big")},
        "options": {"S": '{"language": "en"}'},
        **more,
    }


@pytest.fixture
def client(aws: None) -> Iterator[Any]:
    for name in (OLD, OWN):
        create_table(name)
    return boto3.client("dynamodb", region_name=REGION)


def put(client: Any, table: str, *items: dict[str, Any]) -> None:
    for item in items:
        client.put_item(TableName=table, Item=item)


def sum_in(client: Any, table: str) -> tuple[int, str]:
    found = [digest(each) for each in rows(client, table) if each["row"]["S"] not in LEFT_OUT]
    return len(found), sum_of(iter(found))


def test_an_empty_table_becomes_what_the_other_was(client: Any) -> None:
    put(client, OLD, *(row(number) for number in range(300)), *(row(number, "event") for number in range(20)))
    found = restore(client, OLD, OWN)
    assert (found.added, found.left_out, found.changed, found.differ) == (300, 20, 0, 0)
    assert sum_in(client, OWN) == sum_in(client, OLD) == (300, found.sha256)
    assert not [each for each in rows(client, OWN) if each["row"]["S"] == "event"], "the stream would send it again"


def test_a_second_time_changes_nothing(client: Any) -> None:
    put(client, OLD, *(row(number) for number in range(30)))
    first = restore(client, OLD, OWN)
    assert restore(client, OLD, OWN) == Receipt(0, 0, 30, 0, 0, first.sha256)


def test_one_that_was_broken_off_is_completed(client: Any) -> None:
    put(client, OLD, *(row(number) for number in range(30)))
    put(client, OWN, *(row(number) for number in range(11)))
    found = restore(client, OLD, OWN)
    assert (found.added, found.kept) == (19, 11)
    assert sum_in(client, OWN) == sum_in(client, OLD)


def test_what_came_since_stays_and_what_changed_only_goes_back_when_it_is_asked_for(client: Any) -> None:
    put(client, OLD, row(1), row(2))
    put(client, OWN, row(1, status={"S": "damaged"}), row(3))
    found = restore(client, OLD, OWN)
    assert (found.added, found.differ) == (1, 1)
    assert row(1, status={"S": "damaged"}) in list(rows(client, OWN))
    found = restore(client, OLD, OWN, over=True)
    assert (found.changed, found.kept) == (1, 1)
    assert sorted(each["sk"]["S"] for each in rows(client, OWN)) == ["job#00001", "job#00002", "job#00003"]
    assert row(1) in list(rows(client, OWN))


class Raced:
    """Somebody writes a row between the look and the write."""

    def __init__(self, client: Any, newer: dict[str, Any]) -> None:
        self._client = client
        self._newer = newer
        self.exceptions = client.exceptions

    def get_paginator(self, name: str) -> Any:
        return self._client.get_paginator(name)

    def put_item(self, **asked: Any) -> Any:
        self._client.put_item(TableName=OWN, Item=self._newer)
        return self._client.put_item(**asked)


def test_who_writes_a_row_meanwhile_wins(client: Any) -> None:
    put(client, OLD, row(1))
    newer = row(1, status={"S": "newer"})
    assert restore(Raced(client, newer), OLD, OWN).added == 0
    assert list(rows(client, OWN)) == [newer]
