"""In the table's place where time is measured over many rows.

A query of DynamoDB finds its place in a sorted partition and reads on from there, so it takes the time of the rows that it reads, whatever else the partition holds. The
emulator goes through all rows of it, which would be measured instead of the search.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from botocore.endpoint import Endpoint

Row = dict[str, dict[str, str]]
_BETWEEN, _BEGINS = re.compile(r"BETWEEN (:\d+) AND (:\d+)"), re.compile(r"begins_with \(#\d+, (:\d+)\)")
_PAGE = 1_000_000
"""Bytes of one answer, at most."""


class SortedTable:
    """Answers what reads. ``units``: read units of what was asked so far, each row of a consistent read weighed as DynamoDB does."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in rows:
            self._rows[row["pk"]["S"]][row["sk"]["S"]] = row
        self._keys = {pk: sorted(rows) for pk, rows in self._rows.items()}
        self.units = 0.0

    @contextmanager
    def instead(self) -> Iterator[None]:
        """All calls of this process come here."""
        make_request = Endpoint.make_request
        Endpoint.make_request = lambda _, operation, request: (
            SimpleNamespace(status_code=200, headers={}),
            self._answer(operation.name, json.loads(request["body"])),
        )
        try:
            yield
        finally:
            Endpoint.make_request = make_request

    def _answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "Query":
            return self._query(asked)
        if operation == "GetItem":
            found = self._get(asked["Key"])
            self._weigh([found] if found else [], asked)
            return {"Item": found} if found else {}
        assert operation == "BatchGetItem", operation
        answers = {}
        for name, wanted in asked["RequestItems"].items():
            rows = [row for row in map(self._get, wanted["Keys"]) if row]
            for row in rows:
                self._weigh([row], wanted)
            answers[name] = rows
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _query(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: value["S"] for name, value in asked["ExpressionAttributeValues"].items()}
        condition = asked["KeyConditionExpression"]
        pk = values[":0"]
        keys = self._keys.get(pk, [])
        if bounds := _BETWEEN.search(condition):
            first, last = values[bounds[1]], values[bounds[2]]
        else:
            prefix = _BEGINS.search(condition)
            assert prefix, condition
            first, last = values[prefix[1]], values[prefix[1]] + "\U0010ffff"
        begin, end = bisect_left(keys, first), bisect_right(keys, last)
        forward = asked.get("ScanIndexForward", True)
        if after := asked.get("ExclusiveStartKey"):
            begin, end = (
                (bisect_right(keys, after["sk"]["S"]), end)
                if forward
                else (begin, min(end, bisect_left(keys, after["sk"]["S"])))
            )
        rows: list[Row] = []
        size, limit = 0, asked.get("Limit", math.inf)
        places = range(begin, end) if forward else range(end - 1, begin - 1, -1)
        for place in places:
            if len(rows) >= limit or size > _PAGE:
                break
            rows.append(self._rows[pk][keys[place]])
            size += _weight(rows[-1])
        self._weigh(rows, asked)
        answer: dict[str, Any] = {"Items": rows, "Count": len(rows), "ScannedCount": len(rows)}
        if len(rows) < len(places):
            answer["LastEvaluatedKey"] = {name: rows[-1][name] for name in ("pk", "sk")}
        return answer

    def _get(self, key: Row) -> Row | None:
        return self._rows.get(key["pk"]["S"], {}).get(key["sk"]["S"])

    def _weigh(self, rows: list[Row], asked: Mapping[str, Any]) -> None:
        units = max(1, math.ceil(sum(map(_weight, rows)) / 4096))
        self.units += units if asked.get("ConsistentRead") else units / 2


def _weight(row: Row) -> int:
    """Bytes of names and values; numbers, which weigh less than their digits, as their digits."""
    return sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in row.items())
