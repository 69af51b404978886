"""A-60: the document lists every route that answers, and only those; a change of the contract is seen in review."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from antiphon.platform.access import ROUTES, SCOPES, Who
from antiphon.platform.problem import DOCS
from infra import openapi
from infra.answers import ANSWERS

FOLDER = Path(__file__).parents[2] / "functions/docs"


@cache
def made() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text("utf-8"))
    return found


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in made()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_committed_files_are_those_that_the_code_writes() -> None:
    """Run `make openapi` where this fails, and look at what has changed."""
    for path, text in openapi.files().items():
        assert path.read_text("utf-8") == text, path.name


def test_every_route_is_in_the_document_with_its_answers() -> None:
    assert {route for route, _ in operations()} == set(ROUTES) == set(ANSWERS)


def test_who_may_call_is_said_of_every_route() -> None:
    for route, operation in operations():
        assert (operation["security"] == []) == (ROUTES[route].who is Who.PUBLIC), route
        if scope := ROUTES[route].scope:
            assert scope in operation["x-access"]
    assert SCOPES


def test_names_are_unique_and_every_reference_leads_somewhere() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)
    for target in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(made()))):
        place: Any = made()
        for part in target.split("/"):
            place = place[part]


def strict(schema: Any, path: str = "") -> Iterator[str]:
    """Objects of a request that take fields which nobody knows, and texts, lists and numbers without an end."""
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "string" and not {"maxLength", "enum", "const", "pattern", "format"} & set(schema):
        yield f"{path}: a text without an end"
    if kind == "array" and "maxItems" not in schema:
        yield f"{path}: a list without an end"
    # Metadata is the user's own; its size is bounded as a whole.
    if (
        kind == "object"
        and not path.endswith(".metadata")
        and schema.get("additionalProperties", True) is True
        and "maxProperties" not in schema
    ):
        yield f"{path}: takes what nobody knows"
    for name, inner in schema.get("properties", {}).items():
        yield from strict(inner, f"{path}.{name}")
    for inner in (*schema.get("anyOf", ()), schema.get("items")):
        yield from strict(inner, path)


def test_bodies_are_closed_and_bounded() -> None:
    """A-44, A-51"""
    found: list[str] = []
    for route, operation in operations():
        if "requestBody" in operation:
            ((_, body),) = operation["requestBody"]["content"].items()
            schema = body["schema"]
            if "$ref" in schema:
                schema = made()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            assert schema.get("additionalProperties") is False, route
            found += strict(schema, route)
    assert found == []


@pytest.mark.parametrize("name", sorted(openapi.SCHEMAS))
def test_every_schema_of_an_answer_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(made()["components"]["schemas"][name])


def test_the_type_of_every_problem_leads_to_its_line() -> None:
    page = (FOLDER / "errors.html").read_text("utf-8")
    assert DOCS == "/v1/docs/errors#"
    for code in (
        "unauthorized",
        "rate_limited",
        "too_many_attempts",
        "quota_exceeded",
        "weak_password",
        "worker_crashed",
    ):
        assert f'<tr id="{code}">' in page


@pytest.mark.parametrize("name", ["docs.html", "errors.html"])
def test_a_page_loads_nothing_and_runs_nothing(name: str) -> None:
    page = (FOLDER / name).read_text("utf-8")
    assert not re.search(r"<script|src=|@import|url\(|\son\w+=", page)
    assert 'lang="en"' in page
