"""I-06, S-10: which partitions a request names, as PynamoDB writes it; the emulator's IAM is told by it."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.corrections import partition_keys

ROW = {"pk": {"S": "user#1"}, "sk": {"S": "profile"}}
OTHER = {"pk": {"S": "conv#1"}, "sk": {"S": "msg#1"}}


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"TableName": "t", "Key": ROW}, ["user#1"]),
        ({"TableName": "t", "Item": {**ROW, "Key": {"S": "an attribute of that name"}}}, ["user#1"]),
        ({"RequestItems": {"t": {"Keys": [ROW, OTHER]}}}, ["user#1", "conv#1"]),
        (
            {"RequestItems": {"t": [{"PutRequest": {"Item": ROW}}, {"DeleteRequest": {"Key": OTHER}}]}},
            ["user#1", "conv#1"],
        ),
        (
            {"TransactItems": [{"Put": {"Item": ROW}}, {"Update": {"Key": OTHER}}, {"ConditionCheck": {"Key": ROW}}]},
            ["user#1", "conv#1", "user#1"],
        ),
        (
            {
                "KeyConditionExpression": "(#0 = :0 AND begins_with (#1, :1))",
                "ExpressionAttributeNames": {"#0": "pk", "#1": "sk"},
                "ExpressionAttributeValues": {":0": {"S": "user#1"}, ":1": {"S": "job#"}},
            },
            ["user#1"],
        ),
        ({"TableName": "t"}, []),
    ],
)
def test_the_partitions_of_a_request(request_: dict[str, Any], found: list[str]) -> None:
    assert list(partition_keys(request_)) == found
