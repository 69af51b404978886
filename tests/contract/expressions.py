"""What an expression for DynamoDB may be made of: places for names and values, and DynamoDB's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

WORDS = (
    "AND|OR|NOT|BETWEEN|IN|SET|ADD|REMOVE|DELETE|attribute_exists|attribute_not_exists|attribute_type"
    "|begins_with|contains|size|if_not_exists|list_append"
)
PLACES_ONLY = re.compile(rf"(?:[#:]\d+\b|\b(?:{WORDS})\b|<>|<=|>=|[=<>+\-,.()\s])*")


def expressions_of(request: Any) -> Iterator[str]:
    """Of a request to DynamoDB, those of each row of a transaction too."""
    if isinstance(request, Mapping):
        for name, value in request.items():
            if name.endswith("Expression"):
                yield value
            elif name not in ("Item", "Key", "ExpressionAttributeValues"):
                yield from expressions_of(value)
    elif isinstance(request, list):
        for each in request:
            yield from expressions_of(each)


def check_request(operation: str, request: Mapping[str, Any]) -> None:
    """A-57: text of a user can only be a value beside the expression, and no table is read from end to end."""
    assert operation not in ("Scan", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"), operation
    for expression in expressions_of(request):
        assert PLACES_ONLY.fullmatch(expression), f"{operation}: {expression}"
