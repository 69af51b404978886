"""A function as Lambda keeps it: one process, loaded once, that answers whoever comes, over moto."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import boto3
import pytest

from antiphon.platform.table import Table
from tests.contract.conftest import REGION
from tests.integration.webhooks.functions import loaded

UPLOADS, RESULTS = "uploads-bucket", "results-bucket"


def prepare(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The buckets and settings that the functions of the HTTPS API need."""
    s3 = boto3.client("s3", region_name=REGION)
    for bucket in (UPLOADS, RESULTS):
        s3.create_bucket(Bucket=bucket)
    key = boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"]
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="any")["QueueUrl"]
    queues = ("DELIVERIES", "TRANSCRIPTION", "TRANSCRIPTION_PRIORITY", "SPEECH", "SPEECH_PRIORITY")
    settings = {
        "TABLE_NAME": table.name,
        "UPLOADS_BUCKET": UPLOADS,
        "RESULTS_BUCKET": RESULTS,
        "ISSUER": "https://here.example",
        "ALLOW_LOCAL_CALLBACKS": "false",
        "TRANSCRIBER": "pocketsphinx",
        "SYNTHESIZER": "espeak",
        "SEALING_KEY_ID": key,
        "GEMINI_MODELS": "",
        "OPEN_AI_MODELS": "",
        "OPEN_AI_URL": "",
        "MODEL_KEYS": "",
        "CHAT_TOKENS_PER_DAY": "0",
        "DEPLOYMENT": "test",
        "VECTOR_INDEX": "",
        **{f"{name}_QUEUE_URL": queue for name in queues},
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True)
class Warm:
    module: ModuleType

    def __call__(
        self, user: str, route: str, body: Any = None, *, id: str = "", query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The answer as the gateway gets it. user: whom the authorizer let in; route: as the table of access has it."""
        method, resource = route.split(" ")
        headers = {"content-type": "application/json"}
        event = {
            "resource": resource,
            "path": resource.replace("{id}", id),
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": query and {name: [value] for name, value in query.items()},
            "pathParameters": {"id": id} if id else None,
            "requestContext": {
                "stage": "live",
                "identity": {"sourceIp": "192.0.2.1"},
                "authorizer": {"user_id": user, "tier": "enterprise", "role": "user", "session_id": "ses_1"},
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        return self.module.handler(event, None)

    def made(self, user: str, route: str, body: Any, *, id: str = "") -> dict[str, Any]:
        answer = self(user, route, body, id=id)
        assert answer["statusCode"] in (200, 201, 202), answer["body"]
        return json.loads(answer["body"])


@contextlib.contextmanager
def warm(name: str) -> Iterator[Warm]:
    with loaded(name) as module:
        yield Warm(module)
