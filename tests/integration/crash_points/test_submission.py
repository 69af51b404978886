"""Q-10, Q-12, Q-42: a request that makes a job, with every AWS call of it failing in turn, and repeated with its Idempotency-Key: one job, counted once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from fastapi import FastAPI, Request
from mangum import Mangum

from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.idempotency import WORKING, Answer, Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.request import Caller
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.platform.web import make_app, seed_of
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.metering import Usage, contribution, month_of
from antiphon.speech.model import STEPS, Job, Kind
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.steps import Given, SubmitStep
from antiphon.speech.submit import FileToCome, NewJob
from tests.contract.conftest import REGION
from tests.faults import KINDS, Crash, Faults, Refusals, refusal
from tests.unit.platform.gates import make_gate

UPLOADS = "uploads-bucket"
MONTH = "2026-11"
FILE = NewJob(file=FileToCome("talk.wav", "audio/wav", 10_000))
TEXT = NewJob(text="One sentence. And another.", options={"voice": "any"})
SEGMENTS = ({"start": 0.0, "end": 1.0, "text": "One sentence."},)
GIVEN = {
    Kind.ALIGNMENT: Given(segments=SEGMENTS),
    Kind.DIARIZATION: Given(),
    Kind.ASSIGNMENT: Given(segments=SEGMENTS, turns=({"start": 0.0, "end": 1.0, "speaker": "SPEAKER_00"},)),
}
WITH_TEXT = (Kind.SPEECH, Kind.ALIGNMENT, Kind.ASSIGNMENT)
"""What they are given lies in the bucket before the job exists."""


class Desk:
    """Where jobs are made, on a clock that the test holds."""

    def __init__(self, table: Table) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.clock: Callable[[], datetime] = lambda: self.now
        s3 = s3_client(REGION)
        s3.create_bucket(Bucket=UPLOADS)
        s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
        self.s3 = s3
        self.store = DynamoJobStore(table)
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), self.clock)
        self.submit = SubmitStep(
            jobs=self.store,
            media=DynamoMediaStore(table),
            objects=S3Objects(s3, self.clock),
            uploads_bucket=UPLOADS,
            clock=self.clock,
        )

    def make(self, kind: Kind, user: str, seed: str | None) -> Job:
        caller = Caller(user, "free")
        if kind is Kind.SPEECH:
            return self.submit.speech(caller, TEXT, seed).job
        if kind is Kind.DOCUMENT:
            return self.submit.document(caller, NewJob(), FileToCome("a.pdf", "application/pdf", 10_000), seed)
        if kind in STEPS:
            return self.submit(kind, caller, NewJob() if kind is Kind.ASSIGNMENT else FILE, GIVEN[kind], seed)
        return self.submit.transcription(caller, FILE, seed).job

    def post(self, kind: Kind, user: str) -> str:
        """What the frame does with a request that carries an Idempotency-Key."""
        record = self.idempotency.begin(user=user, method="POST", path=f"/v1/{kind.value}", key="k", body=b"{}")
        if record.answer:
            return record.answer.body
        job = self.make(kind, user, record.seed)
        self.idempotency.finish(record, Answer(201, (), job.id))
        return job.id

    def check(self, kind: Kind, user: str, *ids: str) -> None:
        """One job, and the counters show what it counts for."""
        (job,) = self.store.list(user, kind, limit=10).items
        assert set(ids) == {job.id}
        assert self.store.usage(user, month_of(job)) == contribution(job)
        texts = self.s3.list_objects_v2(Bucket=UPLOADS, Prefix=f"texts/{user}/").get("Contents", [])
        assert len(texts) == (kind in WITH_TEXT)


@pytest.fixture
def desk(table: Table) -> Desk:
    return Desk(table)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.EDIT])
def test_a_request_that_crashed_anywhere_makes_one_job_when_it_is_repeated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-10, Q-12"""
    faults, points = Faults(monkeypatch), 0
    for fault in KINDS:
        at = 1
        while True:
            user = f"usr_{KINDS.index(fault)}{at:025d}"
            faults.arm(at, fault)
            ids = []
            try:
                with faults.watched():
                    ids.append(desk.post(kind, user))
            except Crash:
                desk.now += WORKING + timedelta(seconds=1)
            ids += [desk.post(kind, user), desk.post(kind, user)]
            desk.check(kind, user, *ids)
            if not faults.struck:
                break
            points, at = points + 1, at + 1
    with capsys.disabled():
        print(f"\nsubmission of a {kind.value}: {points} points of failure tried")
    assert points >= 10


class Client:
    """Requests to the real frame, behind API Gateway's shape of an event."""

    def __init__(self, desk: Desk) -> None:
        app: FastAPI = make_app(
            "test", logger=make_logger("test"), idempotency=desk.idempotency, gate=make_gate(), version="1"
        )

        @app.post("/v1/{kind}", status_code=201)
        def create(kind: Kind, request: Request) -> dict[str, Any]:
            user = request.scope["aws.event"]["requestContext"]["authorizer"]["user_id"]
            return {"id": desk.make(kind, user, seed_of(request)).id}

        self._app = app

    def post(self, kind: Kind, user: str) -> tuple[int, str | None, dict[str, Any]]:
        """Status, Retry-After, body."""
        headers = {"content-type": "application/json", "Idempotency-Key": "k"}
        event = {
            "resource": "/v1/{kind}",
            "path": f"/v1/{kind.value}",
            "httpMethod": "POST",
            "headers": headers,
            "multiValueHeaders": {k: [v] for k, v in headers.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "requestContext": {"stage": "live", "authorizer": {"user_id": user, "tier": "free"}, "identity": {}},
            "body": "{}",
            "isBase64Encoded": False,
        }
        found = Mangum(self._app, lifespan="off", text_mime_types=["application/"])(event, None)  # type: ignore[arg-type]
        sent = {k.lower(): v for k, v in (found.get("headers") or {}).items()}
        sent |= {k.lower(): v[0] for k, v in (found.get("multiValueHeaders") or {}).items()}
        return found["statusCode"], sent.get("retry-after"), json.loads(found["body"])


THROTTLED = [
    refusal("ProvisionedThroughputExceededException"),
    refusal("ThrottlingException"),
    refusal("RequestLimitExceeded"),
]


@pytest.mark.parametrize("answer", THROTTLED, ids=lambda answer: answer["Error"]["Code"])
def test_a_throttled_request_is_told_to_come_back_and_then_makes_one_job(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    """Q-42: from each call on, the table takes no more; later it does."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    refusals, client = Refusals(monkeypatch), Client(desk)
    at = 0
    while True:
        at, user = at + 1, f"usr_{at:026d}"
        seen = 0

        def plan(operation: str, number: int, at: int = at) -> dict[str, Any] | None:
            nonlocal seen
            seen += operation in TABLE_CALLS
            return answer if operation in TABLE_CALLS and seen >= at else None

        refusals.plan = plan
        status, wait, body = client.post(Kind.TRANSCRIPTION, user)
        refusals.plan = lambda operation, number: None
        if status == 201:
            assert seen < at, "a call was throttled and nobody saw it"
            break
        assert (status, body["code"], wait) == (503, "unavailable", "2")
        desk.now += WORKING + timedelta(seconds=1)  # even the release of the key was refused
        first, again = client.post(Kind.TRANSCRIPTION, user), client.post(Kind.TRANSCRIPTION, user)
        assert (first[0], again[0]) == (201, 201)
        desk.check(Kind.TRANSCRIPTION, user, first[2]["id"], again[2]["id"])
    assert at > 4


TABLE_CALLS = frozenset({"GetItem", "PutItem", "TransactWriteItems"})


def test_a_transaction_that_is_throttled_at_a_counter_is_no_quota(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-42: also where DynamoDB says so among the reasons of a canceled transaction."""
    refusals, client = Refusals(monkeypatch), Client(desk)
    throttled = refusal("TransactionCanceledException", "None", "ThrottlingError")
    refusals.plan = lambda operation, number: throttled if operation == "TransactWriteItems" else None
    assert client.post(Kind.TRANSCRIPTION, "usr_1")[:2] == (503, "2")
    assert desk.store.usage("usr_1", MONTH) == Usage()
    refusals.plan = lambda operation, number: None
    assert client.post(Kind.TRANSCRIPTION, "usr_1")[0] == 201
    assert desk.store.usage("usr_1", MONTH) == Usage(1, 10_000)


def test_a_full_quota_answers_429_and_the_same_key_works_once_there_is_room(desk: Desk) -> None:
    """Q-42: nothing is stored, not even the refusal."""
    boto3.resource("dynamodb", region_name=REGION).Table("antiphon").put_item(
        Item={"pk": "user#usr_1", "sk": "usage#now", "row": "usage", "open_jobs": 100}
    )
    client = Client(desk)
    status, wait, body = client.post(Kind.TRANSCRIPTION, "usr_1")
    assert (status, wait, body["code"]) == (429, "60", "too_many_jobs")
    assert desk.store.list("usr_1", Kind.TRANSCRIPTION, limit=1).items == ()
    boto3.resource("dynamodb", region_name=REGION).Table("antiphon").put_item(
        Item={"pk": "user#usr_1", "sk": "usage#now", "row": "usage", "open_jobs": 99}
    )
    assert client.post(Kind.TRANSCRIPTION, "usr_1")[0] == 201
