"""A-47: no code path changes or removes an entry of the audit log, erasure of the whole account aside. Held over the source, because
a path that nobody calls in a test is one too."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOG = "platform/audit_dynamo.py"
ERASURE = "identity/erase_dynamo.py"
WRITES_WITH_ITS_OWN_CHANGE = "identity/dynamo.py"
"""Saves the entry of a session's end in the transaction that ends it."""


@cache
def sources() -> dict[str, ast.Module]:
    """Of the package and the functions, by the path below them."""
    folders = (ROOT / "layers/core/antiphon", ROOT / "functions")
    return {
        str(path.relative_to(folder)): ast.parse(path.read_text())
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def docstrings(tree: ast.Module) -> set[int]:
    """Of the expressions that are only there to be read."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def test_only_the_log_and_erasure_know_where_entries_lie() -> None:
    naming = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "audit#" in node.value
        and id(node) not in docstrings(tree)
    }
    assert naming == {LOG, ERASURE}


def test_only_who_writes_entries_has_their_rows() -> None:
    having = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in ("AuditRow", "audit_row")
    }
    assert having == {LOG, WRITES_WITH_ITS_OWN_CHANGE}


def test_the_log_only_adds_what_is_not_there_and_reads() -> None:
    called = [
        node
        for node in ast.walk(sources()[LOG])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr != "bind"
    ]
    assert {call.func.attr for call in called if isinstance(call.func, ast.Attribute)} <= {
        "does_not_exist",
        "query",
        "removeprefix",
        "save",
        "timestamp",
    }
    (save,) = [call for call in called if isinstance(call.func, ast.Attribute) and call.func.attr == "save"]
    assert [ast.unparse(each.value) for each in save.keywords] == ["self._rows.pk.does_not_exist()"]


def test_beside_it_entries_are_saved_and_nothing_else() -> None:
    tree = sources()[WRITES_WITH_ITS_OWN_CHANGE]
    around = [
        ast.unparse(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and any(isinstance(a, ast.Call) and "audit_row" in ast.unparse(a) for a in node.args)
    ]
    assert set(around) == {"transaction.save"}
    assert "self._audit." not in ast.unparse(tree)
