"""A-57: what users write never becomes a part of an expression. `conftest.py` holds the same of every request in this folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from pynamodb.connection.base import Connection

from antiphon.admin.jobs_dynamo import DynamoAllJobs
from antiphon.admin.model import Sought
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.manage import Conversations, Filter, Wish
from antiphon.conversations.presets import Presets
from antiphon.conversations.presets_dynamo import DynamoPresets
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.search import model as search
from antiphon.search.dynamo import DynamoIndex
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Kind
from tests.contract.expressions import check_request, expressions_of

ROOT = Path(__file__).parents[2]
HOSTILE = [
    ":0",
    "#0",
    "attribute_exists(pk)",
    "x OR attribute_exists(pk)",
    "' OR '1'='1",
    "} , REMOVE #0",
    "pk = :0 OR begins_with(pk, :1)",
]
"""Each means something inside of an expression."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The requests to DynamoDB, as they leave."""
    requests: list[tuple[str, dict[str, Any]]] = []
    dispatch = Connection.dispatch

    def noted(connection: Connection, operation_name: str, operation_kwargs: dict[str, Any]) -> Any:
        requests.append((operation_name, operation_kwargs))
        return dispatch(connection, operation_name, operation_kwargs)

    monkeypatch.setattr(Connection, "dispatch", noted)
    return requests


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_is_an_expression_is_a_value(table: Table, sent: list[tuple[str, dict[str, Any]]], text: str) -> None:
    """Where users' text is what a row is found, filtered or changed by; and it is found as it was written."""
    talks = Conversations(DynamoConversations(table), system_clock)
    talk = talks.create("usr_1", Wish(title="before", metadata={text: text}))
    assert talks.change("usr_1", talk.id, Wish(title=text)).title == text
    talks.create("usr_1", Wish(title="another"))
    assert [t.id for t in talks.page("usr_1", Filter(q=text), 10).items] == [talk.id]
    assert talks.get("usr_1", talk.id).metadata == {text: text}
    presets = Presets(DynamoPresets(table), system_clock)
    assert presets.create("usr_1", text, None, talk.options).name == text
    jobs = DynamoJobStore(table)
    assert jobs.list("usr_1", Kind.TRANSCRIPTION, limit=5, filters={"status": text}).items == ()
    assert jobs.get(text, Kind.SPEECH, text) is None
    assert DynamoMediaStore(table).list(text, limit=5, parent_id=text).items == ()
    assert DynamoAllJobs(table).page(Sought(kind=Kind.SPEECH, user_id=text), 5).items == ()
    assert list(DynamoIndex(table).entries(text, search.Kind.MESSAGE, text)) == []
    expressions = [each for _, request in sent for each in expressions_of(request)]
    assert len(expressions) > 10
    assert not [each for each in expressions if text in each and text not in (":0", "#0")]
    assert {operation for operation, _ in sent} & {"Query", "UpdateItem"}


@pytest.mark.parametrize(
    "expression", ["#0 = Anna", "#0 = :0 OR pk = :1", "SET note = :0", "begins_with(#0, 'x')", "#0 = 7", "#name = :0"]
)
def test_an_expression_with_anything_written_into_it_is_noticed(expression: str) -> None:
    for request in (
        {"UpdateExpression": expression},
        {"TransactItems": [{"Put": {"ConditionExpression": expression}}]},
    ):
        with pytest.raises(AssertionError):
            check_request("UpdateItem", request)
    with pytest.raises(AssertionError):
        check_request("Scan", {})


WRITTEN_BY_HAND = ("Expression", "ExecuteStatement", "execute_statement", "KeyConditions", "QueryFilter", "ScanFilter")


def test_no_expression_is_written_by_hand_and_no_code_scans() -> None:
    """PynamoDB writes them, with places for names and values; what it does not write would be an argument or a key with such a name."""
    paths = [path for folder in ("layers/core/antiphon", "functions") for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 300
    found = []
    for path in paths:
        text = path.read_text()
        if not re.search(r"scan|pynamodb\.expressions|" + "|".join(WRITTEN_BY_HAND), text):
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.keyword(arg=str(name)) | ast.Constant(value=str(name)) if name.endswith(WRITTEN_BY_HAND):
                    found.append((path, name))
                case ast.Constant(value="scan") | ast.Attribute(attr="scan" | "parallel_scan" | "rate_limited_scan"):
                    found.append((path, "scan"))
                case ast.ImportFrom(module="pynamodb.expressions.operand" | "pynamodb.expressions.update"):
                    found += [(path, name.name) for name in node.names if name.name in ("Path", "Value")]
    assert found == []
