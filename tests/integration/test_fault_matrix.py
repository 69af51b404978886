"""T-04: each service that we call fails in each way, over real connections and through the adapters of production.

Once, and for good until whoever asked repeats it: each cell says which code comes out of both, and when the service is well again, what was
asked for is there, and there once (Q-21).
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Protocol, Self

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from pynamodb.exceptions import PynamoDBException

from antiphon.engines import chat_gemini
from antiphon.engines.chat import ATTEMPTS, About, Delta, Done, ModelError, Prompt, Turn
from antiphon.engines.chat_gemini import GeminiChat
from antiphon.engines.chat_guarded import Breaker, Guarded
from antiphon.identity.firebase import PublishedKeys
from antiphon.identity.firebase_http import fetch_from
from antiphon.identity.mail import Kind, Mail
from antiphon.identity.mail_dynamo import DynamoMailLog
from antiphon.identity.mail_memory import MemoryMailLog
from antiphon.identity.mail_sqs import SesPost
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import User
from antiphon.identity.send_mail import SendMail
from antiphon.platform.errors import AntiphonError
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id
from antiphon.platform.table import Table
from antiphon.platform.throttled import unavailable
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.tally.dynamo import DynamoTally
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.model import Errand, Status, attempted, begin, next_errand
from antiphon.webhooks.send import HttpSender, trusted_roots
from antiphon.webhooks.sqs import SqsDeliveryQueue
from antiphon.work.failures import verdict
from antiphon.work.queue import sqs_client
from tests.contract.conftest import REGION
from tests.firebase import OnLoopback, Project, Quiet
from tests.model_servers import Act, GeminiServer
from tests.unit.conftest import HeldClock

SERVICES = ("DynamoDB", "SQS", "S3", "Gemini", "Firebase keys", "mail", "customer endpoint")
FAULTS = ("throttle", "500", "timeout before", "answer lost", "slow", "reset", "garbage")
SLOW = 0.3
"""Seconds; stands for five of them: more than `IMPATIENT`, for what waits three, and less than `BRIEF`, for what waits eight or longer. Where
nothing hangs, the answer of a busy machine is waited for."""
IMPATIENT, BRIEF, PATIENT = 0.2, 2.0, 30.0
DONE = "done"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

Answer = tuple[int, Mapping[str, str], bytes]


class Front(OnLoopback):
    """Stands before a service. ``next``: the faults of the next requests, in turn; ``always``: of all after them. Other requests pass."""

    def __init__(
        self, upstream: Callable[[str, str, Mapping[str, str], bytes], Answer], spoken: Mapping[str, Answer | bytes]
    ) -> None:
        """spoken: what the service itself says, where a fault is an answer."""
        self.next: list[str] = []
        self.always: str | None = None
        self.asked = 0
        self.healed = threading.Event()
        front = self

        class Handler(Quiet):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                front.asked += 1
                fault = front.next.pop(0) if front.next else front.always
                if fault == "timeout before":
                    front.healed.wait(60)
                    self.close_connection = True
                elif fault == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    os.close(self.connection.detach())
                    self.close_connection = True
                elif fault is not None and fault in spoken:
                    said = spoken[fault]
                    if isinstance(said, bytes):
                        self.wfile.write(said)
                        self.close_connection = True
                    else:
                        self._answer(*said)
                else:
                    answer = upstream(self.command, self.path, dict(self.headers.items()), body)
                    if fault == "answer lost":
                        self.close_connection = True
                        return
                    if fault == "slow":
                        front.healed.wait(SLOW)
                    self._answer(*answer)

            do_GET = do_POST = do_PUT = do_HEAD = handle_any  # noqa: N815 - the names that http.server looks for

            def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self.healed.set()
        super().__exit__(*_)


class Service(Protocol):
    """``ask`` does one thing through the adapter of production, and gives `DONE` or a code. ``effects``: what is there of it, by what tells things apart."""

    front: Front

    def connect(self, patience: float) -> None:
        """patience: seconds for an answer, or for the whole of it."""

    def ask(self) -> str: ...

    def effects(self) -> set[Any]: ...


def moto(host: str) -> Callable[[str, str, Mapping[str, str], bytes], Answer]:
    """The service as moto plays it in this process."""

    def upstream(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        found = requests.request(
            method, f"https://{host}{path}", headers={**headers, "Host": host}, data=body, timeout=60
        )
        return found.status_code, found.headers, found.content

    return upstream


NO_HTTP = b"\x16\x03\x01 this is no HTTP\r\n\r\n"


def json_error(status: int, kind: str) -> Answer:
    return (
        status,
        {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": kind},
        f'{{"__type":"x#{kind}"}}'.encode(),
    )


def xml_error(status: int, code: str) -> Answer:
    return (
        status,
        {"Content-Type": "application/xml"},
        f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode(),
    )


def answered(do: Callable[[], object]) -> str:
    """As the API answers it. Whatever AWS does, a worker tries again."""
    try:
        do()
    except AntiphonError as error:
        return error.code
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        failure, again = verdict(error)
        assert (failure.code, again) == ("storage_unavailable", True)
        found = unavailable(error)
        return found.code if found else "internal"
    return DONE


class Dynamo:
    """A counter that is written with the marker of its event, in one transaction; and a row that is changed on a condition."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        table: Table = fixture("table")
        errors = {"throttle": json_error(400, "ThrottlingException"), "500": json_error(500, "InternalServerError")}
        self.front = Front(moto(f"dynamodb.{REGION}.amazonaws.com"), {**errors, "garbage": NO_HTTP})
        self._direct = DynamoTally(table)
        self._name = table.name

    def connect(self, patience: float) -> None:
        behind = Table(self._name, REGION)
        connection: Any = behind._shared.connection
        connection.host, connection._read_timeout_seconds = self.front.url, patience
        self._tally, self._log = DynamoTally(behind), DynamoMailLog(behind, lambda: NOW)

    def ask(self) -> str:
        told = {
            answered(lambda: self._tally.add("evt_1", NOW, {"tokens": 7})),
            answered(lambda: self._log.may_send("anna@example.com", "m1")),
        }
        return " or ".join(told)

    def effects(self) -> set[Any]:
        return {span.counts["tokens"] for span in self._direct.hours(NOW, NOW + timedelta(hours=1))}


class Sqs:
    """A message that may come twice; its errand says what was done of it."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        fixture("aws")
        errors = {"throttle": json_error(400, "RequestThrottled"), "500": json_error(500, "InternalFailure")}
        self.front = Front(moto(f"sqs.{REGION}.amazonaws.com"), {**errors, "garbage": NO_HTTP})
        self._direct = boto3.client("sqs", region_name=REGION)
        self._url = self._direct.create_queue(QueueName="deliveries")["QueueUrl"]

    def connect(self, patience: float) -> None:
        self._queue = SqsDeliveryQueue(behind(sqs_client, self.front, patience), self._url)

    def ask(self) -> str:
        return answered(lambda: self._queue.send(Errand("usr_1", "whk_1", "evt_1")))

    def effects(self) -> set[Any]:
        found = self._direct.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return {message["Body"] for message in found.get("Messages", [])}


class S3:
    """An object under a key of its own."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        fixture("aws")
        errors = {"throttle": xml_error(503, "SlowDown"), "500": xml_error(500, "InternalError")}
        self.front = Front(moto(f"s3.{REGION}.amazonaws.com"), {**errors, "garbage": NO_HTTP})
        self._direct = boto3.client("s3", region_name=REGION)
        self._direct.create_bucket(Bucket="results")

    def connect(self, patience: float) -> None:
        self._objects = S3Objects(behind(s3_client, self.front, patience), lambda: NOW)

    def ask(self) -> str:
        return answered(lambda: self._objects.put("results", "job_1/text", b"Good morning.", content_type="text/plain"))

    def effects(self) -> set[Any]:
        found = self._direct.list_objects_v2(Bucket="results").get("Contents", [])
        return {self._direct.get_object(Bucket="results", Key=o["Key"])["Body"].read() for o in found}


class Post:
    """A notice to the owner of an account, by a message that the queue may repeat."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        fixture("aws")
        errors = {"throttle": json_error(429, "TooManyRequestsException"), "500": json_error(500, "InternalFailure")}
        self.front = Front(moto(f"email.{REGION}.amazonaws.com"), {**errors, "garbage": NO_HTTP})
        boto3.client("sesv2", region_name=REGION).create_email_identity(EmailIdentity="us@example.com")
        self._users = MemoryUsers()
        self._users.create(User("usr_1", "anna@example.com", "x", NOW))
        self._log = MemoryMailLog(lambda: NOW)

    def connect(self, patience: float) -> None:
        client = behind(lambda region: boto3.client("sesv2", region_name=region), self.front, patience)
        post = SesPost(client, "us@example.com")
        self._send = SendMail(
            users=self._users, log=self._log, post=post, origin="https://app.example", clock=lambda: NOW
        )

    def ask(self) -> str:
        return answered(lambda: self._send(Mail(Kind.PASSWORD_CHANGED, user_id="usr_1"), "m1"))

    def effects(self) -> set[Any]:
        assert self._send(Mail(Kind.PASSWORD_CHANGED, user_id="usr_1"), "m1") == "sent before"
        return {str(sent.destinations) for sent in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages}


def behind(make: Callable[[str], Any], front: Front, patience: float) -> Any:
    """The client as production makes it, but for where the service is and how long an answer is waited for."""
    real = boto3.client

    def client(name: str, *, region_name: str, config: Config | None = None) -> Any:
        config = (config or Config()).merge(Config(read_timeout=patience))
        return real(name, region_name=region_name, config=config, endpoint_url=front.url)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(boto3, "client", client)
        return make(REGION)


class Gemini:
    """A question and its whole answer."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        import google.genai  # noqa: F401 - takes longer than an answer may

        self._server = GeminiServer(Act(("Good ", "morning.")))

        def upstream(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
            wanted = {k: v for k, v in headers.items() if k.lower() != "host"}
            found = requests.request(method, f"{self._server.url}{path}", headers=wanted, data=body, timeout=60)
            return found.status_code, found.headers, found.content

        no_json = 200, {"Content-Type": "text/event-stream"}, b"data: {this is no JSON\n\n"
        error = b'{"error": {"code": 0, "message": "no", "status": "X"}}'
        kind = {"Content-Type": "application/json"}
        self.front = Front(upstream, {"throttle": (429, kind, error), "500": (500, kind, error), "garbage": no_json})
        self._heard: set[str] = set()

    def connect(self, patience: float) -> None:
        self._patience = patience

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def ask(self) -> str:
        async def run() -> str:
            model = Guarded(
                GeminiChat(About("m", "x", 8_000), api_key="k", model="g", base_url=self.front.url),
                Breaker(),
                first=self._patience * ATTEMPTS,
                between=self._patience,
            )
            said, done = "", None
            try:
                async for piece in model.stream(Prompt("Be brief.", (Turn("user", "Hello?"),))):
                    said, done = (said + piece.text, done) if isinstance(piece, Delta) else (said, piece)
            finally:
                await model.aclose()
            assert isinstance(done, Done)
            self._heard.add(said)
            return DONE

        try:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(chat_gemini, "FIRST", self._patience)
                return asyncio.run(run())
        except ModelError as error:
            return error.code

    def effects(self) -> set[Any]:
        return self._heard


class Keys:
    """The key of a token, before any set of keys was known."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        project = Project()
        published = 200, {"Cache-Control": "max-age=3600"}, project.key_set
        wrong = 200, {"Cache-Control": "max-age=3600"}, b"<html>Sign in to this network</html>"
        self.front = Front(lambda *_: published, {"throttle": (429, {}, b""), "500": (500, {}, b""), "garbage": wrong})
        self._clock = HeldClock()
        self._keys = PublishedKeys(lambda: self._fetch(), self._clock)
        self._found: set[int] = set()

    def connect(self, patience: float) -> None:
        self._fetch = fetch_from(f"{self.front.url}/keys", patience)

    def ask(self) -> str:
        self._clock.move(minutes=1)  # no sooner are they asked for again
        return answered(lambda: self._found.add(self._keys.get(Project.key_id).public_numbers().n))

    def effects(self) -> set[Any]:
        return self._found


class Endpoint:
    """A delivery with its plan: `ask` is one attempt of it."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        self._got: list[str] = []

        def upstream(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
            self._got.append(f"{headers['webhook-id']} {body.decode()}")
            return 204, {}, b""

        self.front = Front(upstream, {"throttle": (429, {}, b"later"), "500": (500, {}, b"no"), "garbage": NO_HTTP})
        event = Event(derived_id("evt", NOW, "x"), "usr_1", "speech.succeeded", NOW, {"id": "job_1"})
        self._delivery = begin(event, "whk_1", f"{self.front.url}/hook", NOW)

    def connect(self, patience: float) -> None:
        self._sender = HttpSender(Guard(allow_local=True), trusted_roots(), deadline_seconds=patience)

    def ask(self) -> str:
        before = self._delivery
        outcome = self._sender.post(before.url, {"webhook-id": before.event_id}, before.body.encode())
        self._delivery = attempted(before, next_errand(before), NOW, outcome, NOW, 0.5)
        if outcome.succeeded:
            assert self._delivery.status is Status.SUCCEEDED
            return DONE
        assert (self._delivery.status, self._delivery.planned) == (Status.PENDING, before.planned + 1)
        return outcome.kind

    def effects(self) -> set[Any]:
        return set(self._got)


MAKE: Mapping[str, Callable[[Callable[[str], Any]], Service]] = dict(
    zip(SERVICES, (Dynamo, Sqs, S3, Gemini, Keys, Post, Endpoint), strict=True)
)


@dataclass(frozen=True)
class Cell:
    """What comes out where the fault strikes once, and where it stays."""

    once: str
    lasting: str


_AWS = {fault: Cell(DONE, DONE if fault == "slow" else "unavailable") for fault in FAULTS}
MATRIX: Mapping[tuple[str, str], Cell] = {
    **{(service, fault): cell for service in ("DynamoDB", "SQS", "S3", "mail") for fault, cell in _AWS.items()},
    ("Gemini", "throttle"): Cell(DONE, "model_busy"),
    ("Gemini", "500"): Cell(DONE, "model_unavailable"),
    ("Gemini", "timeout before"): Cell(DONE, "model_timeout"),
    ("Gemini", "answer lost"): Cell("model_unavailable", "model_unavailable"),
    ("Gemini", "slow"): Cell(DONE, DONE),
    ("Gemini", "reset"): Cell("model_unavailable", "model_unavailable"),
    ("Gemini", "garbage"): Cell("model_unavailable", "model_unavailable"),
    **{("Firebase keys", fault): Cell("unavailable", "unavailable") for fault in FAULTS},
    ("customer endpoint", "throttle"): Cell("4xx", "4xx"),
    ("customer endpoint", "500"): Cell("5xx", "5xx"),
    ("customer endpoint", "timeout before"): Cell("timeout", "timeout"),
    ("customer endpoint", "answer lost"): Cell("bad_answer", "bad_answer"),
    ("customer endpoint", "slow"): Cell(DONE, DONE),
    ("customer endpoint", "reset"): Cell("bad_answer", "bad_answer"),
    ("customer endpoint", "garbage"): Cell("bad_answer", "bad_answer"),
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDKs wait between their own attempts; what counts here is that they try again."""
    real = asyncio.sleep

    async def at_once(_: float, *rest: Any) -> Any:
        return await real(0, *rest)

    monkeypatch.setattr("asyncio.sleep", at_once)  # tenacity, under google-genai, looks it up anew
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None, time=time.time))


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    made: Any = MAKE[request.param](request.getfixturevalue)
    with made if hasattr(made, "__exit__") else nullcontext(), made.front:
        yield made


def ask(service: Service, fault: str, expected: str) -> None:
    if fault in ("timeout before", "slow") and expected != DONE:
        service.connect(IMPATIENT)
    else:
        service.connect(BRIEF if fault == "timeout before" else PATIENT)
    assert service.ask() == expected
    assert service.front.asked


def repeated_when_it_is_well(service: Service, expected: str) -> None:
    service.front.always = None
    service.connect(PATIENT)
    if expected != DONE:
        assert service.ask() == DONE
    assert len(service.effects()) == 1


cells = pytest.mark.parametrize(
    ("service", "fault"), [(s, f) for s in SERVICES for f in FAULTS], indirect=["service"], ids=str
)


def test_no_cell_is_empty() -> None:
    assert set(MATRIX) == {(service, fault) for service in SERVICES for fault in FAULTS}
    assert len(MATRIX) == 49


@cells
def test_what_fails_once(service: Service, fault: str, request: pytest.FixtureRequest) -> None:
    """T-04, Q-21."""
    expected = MATRIX[request.node.callspec.params["service"], fault].once
    service.front.next.append(fault)
    ask(service, fault, expected)
    repeated_when_it_is_well(service, expected)


@cells
def test_what_fails_until_somebody_repeats_it(service: Service, fault: str, request: pytest.FixtureRequest) -> None:
    """T-04, Q-21."""
    expected = MATRIX[request.node.callspec.params["service"], fault].lasting
    service.front.always = fault
    ask(service, fault, expected)
    repeated_when_it_is_well(service, expected)
