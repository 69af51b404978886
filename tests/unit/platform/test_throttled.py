"""Q-42: where AWS asks for patience, so do we; a defect stays a defect."""

from __future__ import annotations

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from pynamodb.exceptions import PutError, TransactWriteError

from antiphon.platform.rest import answer, make_resolver
from antiphon.platform.table import code_of
from antiphon.platform.throttled import unavailable
from tests.unit.platform.gates import open_gate


def from_aws(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutItem")


def from_pynamo(kind: type[Any], code: str) -> Exception:
    error: Exception = kind("failed", from_aws(code))
    return error


@pytest.mark.parametrize(
    "error",
    [
        from_aws("ThrottlingException"),
        from_aws("SlowDown"),
        from_aws("InternalError", 500),
        from_aws("InternalFailure", 503),
        EndpointConnectionError(endpoint_url="https://x"),
        ConnectionClosedError(endpoint_url="https://x"),
        ConnectTimeoutError(endpoint_url="https://x"),
        ReadTimeoutError(endpoint_url="https://x"),
        ResponseStreamingError(error="broken off"),
        PutError("failed", ReadTimeoutError(endpoint_url="https://x")),
        TransactWriteError("failed", ConnectionClosedError(endpoint_url="https://x")),
        from_pynamo(PutError, "ProvisionedThroughputExceededException"),
        from_pynamo(PutError, "RequestLimitExceeded"),
    ],
    ids=repr,
)
def test_patience_is_asked_for(error: Exception) -> None:
    """T-04: by a code, by a status, or by nothing that could be read."""
    found = unavailable(error)
    assert found is not None
    assert (found.status, found.code, found.retry_after) == (503, "unavailable", 2)


def test_a_reason_of_a_transaction_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    error = TransactWriteError("failed")
    reasons = [None, SimpleNamespace(code="ThrottlingError")]
    monkeypatch.setattr(TransactWriteError, "cancellation_reasons", property(lambda self: reasons))
    assert unavailable(error)


def test_what_dynamodb_said_is_known_only_where_it_answered() -> None:
    """T-04: PynamoDB's own ``cause_response_code`` breaks over what the connection met."""
    assert code_of(PutError("failed", from_aws("ConditionalCheckFailedException"))) == "ConditionalCheckFailedException"
    assert code_of(PutError("failed", ReadTimeoutError(endpoint_url="https://x"))) is None
    assert code_of(PutError("failed")) is None


@pytest.mark.parametrize(
    "error",
    [
        from_aws("AccessDeniedException"),
        from_aws("InternalError", 499),
        from_pynamo(PutError, "ValidationException"),
        KeyError("x"),
    ],
    ids=repr,
)
def test_a_defect_is_none_of_it(error: Exception) -> None:
    assert unavailable(error) is None


def test_the_answer_says_when_to_come_back() -> None:
    app = make_resolver()

    @app.post("/v1/things")
    def create() -> None:
        raise RuntimeError("while saving") from from_aws("ThrottlingException")

    event = {"httpMethod": "POST", "path": "/v1/things", "resource": "/v1/things", "headers": {}, "requestContext": {}}
    found = answer(app, event, None, Logger(service="throttled", stream=StringIO()), open_gate())
    assert (found["statusCode"], json.loads(found["body"])["code"]) == (503, "unavailable")
    assert found["multiValueHeaders"]["Retry-After"] == ["2"]
