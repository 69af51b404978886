"""`make restore FROM=antiphon-restored STACK=antiphon-prod`: bring the rows of a restored table into the stack's own (infra/restore.md).

DynamoDB restores into a new table only, and the stack's table keeps its name. Rows that are missing are added; with --over those that differ become what they were,
too; nothing is removed. It may be broken off and begun again. Works on the account that the AWS variables point to.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.redrive import outputs

LEFT_OUT = frozenset({"event"})
"""Kinds of rows that stay behind: the stream would send each of them once more. What a job still needs, the janitor sends again by itself."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """Rows by what became of them, and the sum of all that were to be there."""

    added: int
    changed: int
    kept: int
    left_out: int
    differ: int
    sha256: str


def rows(client: Any, table: str) -> Iterator[Row]:
    """All of them, as DynamoDB writes them."""
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def digest(row: Row) -> bytes:
    """Of a row, whatever the order of its attributes; binary values as their bytes."""

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.hex()
        raise TypeError(type(value))

    return hashlib.sha256(json.dumps(row, sort_keys=True, default=plain).encode()).digest()


def sum_of(found: Iterator[bytes]) -> str:
    """Of rows in any order: the same for the same ones."""
    return hashlib.sha256(b"".join(sorted(found))).hexdigest()


def restore(client: Any, source: str, target: str, *, over: bool = False) -> Receipt:
    there = {key_of(row): digest(row) for row in rows(client, target)}
    added = changed = kept = left_out = differ = 0
    wanted: list[bytes] = []
    for row in rows(client, source):
        if row["row"]["S"] in LEFT_OUT:
            left_out += 1
            continue
        before, now = there.get(key_of(row)), digest(row)
        wanted.append(now)
        if before == now:
            kept += 1
        elif before is None:
            added += _put(client, target, row)
        elif over:
            client.put_item(TableName=target, Item=row)
            changed += 1
        else:
            differ += 1
    return Receipt(added, changed, kept, left_out, differ, sum_of(iter(wanted)))


def _put(client: Any, table: str, row: Row) -> int:
    """1, or 0 where somebody wrote the row meanwhile: theirs is newer."""
    try:
        client.put_item(TableName=table, Item=row, ConditionExpression="attribute_not_exists(pk)")
    except client.exceptions.ConditionalCheckFailedException:
        return 0
    return 1


def key_of(row: Row) -> tuple[str, str]:
    return row["pk"]["S"], row["sk"]["S"]


def main(arguments: list[str]) -> int:
    over = "--over" in arguments
    names = [argument for argument in arguments if argument != "--over"]
    if len(names) != 2:
        print("usage: make restore FROM=<restored table> STACK=<stack> [OVER=--over]", file=sys.stderr)
        return 2
    import boto3

    region = os.environ.get("AWS_REGION", "us-east-1")
    table = outputs(names[1], region)["TableName"]
    found = restore(boto3.client("dynamodb", region_name=region), names[0], table, over=over)
    print(
        f"{found.added} rows added, {found.changed} brought back, {found.kept} as they were, {found.left_out} events left out."
    )
    if found.differ:
        print(f"{found.differ} rows are others than at that moment; OVER=--over brings them back, too.")
    print(f"sha256 of the rows: {found.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
