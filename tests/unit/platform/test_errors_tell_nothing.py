"""A-55: an error says what a caller can do about it, and nothing of what we are made of."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError, ReadTimeoutError
from fastapi import FastAPI
from pynamodb.exceptions import QueryError, TransactWriteError
from starlette.requests import ClientDisconnect

from antiphon.platform import errors, openai_errors
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.rest import answer, make_resolver
from antiphon.platform.web import make_app
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate, open_gate
from tests.unit.platform.test_web_frame import Nowhere, event, send

ROOT = Path(__file__).parents[3]
SECRETS = (
    "antiphon-prod-Table",
    "antiphon-prod-uploads",
    "arn:aws:dynamodb:us-east-1:123456789012:table/antiphon-prod-Table",
    "/var/task/handler.py",
    "usr_somebody_else",
)
SAID = " ".join(SECRETS)
REFUSED = ClientError({"Error": {"Code": "ValidationException", "Message": SAID}}, "Query")
DEFECTS = [
    REFUSED,
    ClientError({"Error": {"Code": "ThrottlingException", "Message": SAID}}, "Query"),
    QueryError(SAID, REFUSED),
    TransactWriteError(SAID, REFUSED),
    NoCredentialsError(),
    ParamValidationError(report=SAID),
    ReadTimeoutError(endpoint_url=SAID),
    ClientDisconnect(SAID),
    ZeroDivisionError(SAID),
    KeyError(SAID),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, SAID),
    json.JSONDecodeError(SAID, "{", 0),
    RecursionError(SAID),
]
TELLING = re.compile(
    r"traceback|exception|\berror\(|line \d+|\.py\b|boto|pynamo|dynamo|pydantic|starlette|fastapi|mangum|powertools|query",
    re.I,
)


def check(body: str, headers: dict[str, str], *, is_problem: bool = True) -> None:
    for secret in SECRETS:
        assert secret not in body + str(headers)
    assert not TELLING.search(body.replace(errors.AntiphonError.title, "")), body
    found = json.loads(body)
    request_id = headers["x-request-id"]
    assert request_id == "mine-1"
    assert found.get("request_id") == (request_id if is_problem else None)


@pytest.fixture(params=DEFECTS, ids=lambda error: type(error).__name__)
def defect(request: pytest.FixtureRequest) -> Exception:
    return request.param


@pytest.fixture
def app(clock: HeldClock, defect: Exception, request: pytest.FixtureRequest) -> FastAPI:
    logger = Logger(service=request.node.nodeid, stream=StringIO())
    made = make_app("Test", logger=logger, idempotency=Idempotency(Nowhere(), clock), gate=make_gate(), version="1")

    @made.get("/v1/broken")
    @made.get("/v1/audio/voices")
    def broken() -> None:
        raise defect

    return made


def test_a_defect_under_fastapi_is_a_sentence_and_the_id_of_the_request(app: FastAPI) -> None:
    """A-55"""
    status, headers, body = send(app, event("GET", "/v1/broken", X_Request_Id="mine-1"))
    assert status in (500, 503)
    check(json.dumps(body), headers)


def test_a_defect_where_openais_protocol_is_spoken_has_the_id_in_its_header(app: FastAPI) -> None:
    """A-55: OpenAI's error object has no member for it; its clients read the header."""
    assert openai_errors.speaks("/v1/audio/voices")
    status, headers, body = send(app, event("GET", "/v1/audio/voices", X_Request_Id="mine-1"))
    assert status in (500, 503)
    assert set(body) == {"error"}
    check(json.dumps(body), headers, is_problem=False)


def test_a_defect_of_a_light_function_is_a_sentence_and_the_id_of_the_request(
    defect: Exception, request: pytest.FixtureRequest
) -> None:
    """A-55"""
    app = make_resolver()

    @app.get("/v1/broken")
    def broken() -> dict[str, Any]:
        raise defect

    logger = Logger(service=request.node.nodeid, stream=StringIO())
    found = answer(app, event("GET", "/v1/broken", X_Request_Id="mine-1"), None, logger, open_gate())
    assert found["statusCode"] in (500, 503)
    check(found["body"], {name.lower(): value for name, (value,) in found["multiValueHeaders"].items()})


def packages() -> set[str]:
    """What the layers carry, but names that are words, or an engine that users choose by its name."""
    locks = [path.read_text() for path in (ROOT / "layers").glob("*/requirements.txt")]
    names = {name.lower() for lock in locks for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.M)}
    assert {"pynamodb", "fastapi", "pydantic"} <= names
    return (names | {"boto3", "botocore", "ffmpeg"}) - WORDS


WORDS = {"requests", "click", "packaging", "six", "certifi", "idna"}
OWN_WORDS = {
    "layers/core/antiphon/runs/tools/calculate.py": "what is wrong with the sum that was asked for, to the model that asked for it",
    "layers/core/antiphon/speech/dropped.py": "our own words about an option of a file that was dropped",
}
"""Where the text of an exception becomes a part of ours, and why it may."""


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def error_classes(nodes: Iterable[ast.AST]) -> set[str]:
    """AntiphonError and all that come from it, wherever they are, and what is stored of one."""
    known = [node for node in nodes if isinstance(node, ast.ClassDef)]
    found, before = {"AntiphonError"}, 0
    while len(found) > before:
        before = len(found)
        found |= {each.name for each in known if found & {name_of(base) for base in each.bases}}
    return found | {"Failure", "Field"}


def made(nodes: Iterable[ast.AST], classes: set[str]) -> Iterator[ast.Call]:
    """Errors that callers and owners of jobs read. An engine's without a code of its own is for the log: see test_failures.py."""
    for node in nodes:
        if isinstance(node, ast.Call) and (name := name_of(node.func)) in classes:
            hidden = name == "EngineError" and "code" not in {keyword.arg for keyword in node.keywords}
            if not hidden:
                yield node


def texts(call: ast.Call) -> Iterator[ast.AST]:
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        yield from ast.walk(argument)


def said_by_others(call: ast.Call, caught: str) -> bool:
    """Whether the text of a caught exception goes into an error. Our own errors have it as `detail`."""
    ours = {id(node.value) for node in texts(call) if isinstance(node, ast.Attribute)}
    return any(isinstance(node, ast.Name) and node.id == caught and id(node) not in ours for node in texts(call))


def test_no_sentence_of_an_error_names_a_library_or_repeats_what_one_said() -> None:
    """A-55, of all errors in the source."""
    paths = [path for folder in ("layers/core/antiphon", "functions") for path in (ROOT / folder).rglob("*.py")]
    files = {str(path.relative_to(ROOT)): list(ast.walk(ast.parse(path.read_text()))) for path in paths}
    classes = error_classes(node for nodes in files.values() for node in nodes)
    assert {"NotFound", "QuotaExceeded", "ModelError", "DocumentError"} <= classes
    library = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(packages())))})(?![\w-])", re.I)
    named, repeated, seen = [], [], 0
    for path, nodes in files.items():
        for call in made(nodes, classes):
            seen += 1
            words = [n.value for n in texts(call) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            named += [(path, word) for word in words if library.search(word)]
        for handler in nodes:
            if isinstance(handler, ast.ExceptHandler) and handler.name and path not in OWN_WORDS:
                inside = made(ast.walk(handler), classes)
                repeated += [(path, call.lineno) for call in inside if said_by_others(call, handler.name)]
    assert seen > 200
    assert named == []
    assert repeated == []
