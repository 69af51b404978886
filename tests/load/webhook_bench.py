"""Figures of callbacks: how soon a receiver hears of a change, and what one receiver that hangs costs the others."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from antiphon.platform.clock import system_clock
from antiphon.platform.events import Event
from antiphon.platform.ids import new_id
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.table import Table
from infra.local.person import Person
from infra.local.stack import LocalStack
from tests.load.figures import Figure, account_of, quantile

CHANGES = 30
ENDPOINTS, EVENTS = 10, 100
HANGS = "/9"
"""Where nobody answers."""
_EMPTY = """
import time, urllib.request
def handler(event, context):
    for record in event["Records"]:
        urllib.request.urlopen(urllib.request.Request("{url}/stream", data=b"{{}}", method="POST"))
"""


class Clocked:
    """A receiver that notes when the first bytes of each request came. ``hanging``: set while its last path does not answer."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, float, bytes]] = []
        self.hanging = threading.Event()
        self.leaving = threading.Event()
        self.changed = threading.Condition()
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with place.changed:
                    place.arrived.append((self.path, at, body))
                    place.changed.notify_all()
                if self.path == HANGS and place.hanging.is_set():
                    place.leaving.wait(20)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet: what came is in ``arrived``."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 200
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever hangs up early is part of the measurement."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def listening(self) -> Iterator[Clocked]:
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.leaving.set()
            self.server.shutdown()
            thread.join()
            self.server.server_close()

    def wait_for(self, count: int, path: str | None = None, seconds: float = 180) -> list[tuple[str, float, bytes]]:
        """So many requests: of this path, or of all that do not hang."""
        deadline = time.monotonic() + seconds

        def come() -> list[tuple[str, float, bytes]]:
            return [each for each in self.arrived if (each[0] == path if path else each[0] != HANGS)]

        with self.changed:
            while len(found := come()) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise SystemExit(f"of {count} requests {len(found)} came")
                self.changed.wait(left)
        return found


def webhooks(stack: LocalStack, person: Person) -> Iterator[Figure]:
    with Clocked().listening() as place:
        yield from latency(stack, person, place)
    with Clocked().listening() as place:
        yield from bulkhead(stack, person, place)


def latency(stack: LocalStack, person: Person, place: Clocked) -> Iterator[Figure]:
    """From the moment in the event, which is that of the change, to the first byte at the receiver; and what the emulator's stream alone takes."""
    hook = person.post("/v1/webhooks", {"url": place.url + "/changes", "events": ["transcription.canceled"]}).json()
    spent: list[float] = []
    for number in range(CHANGES + 3):
        job = person.post("/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": 10}).json()
        person.post(f"/v1/transcriptions/{job['id']}/cancel")
        _, at, body = place.wait_for(number + 1, "/changes")[-1]
        changed = datetime.fromisoformat(json.loads(body)["timestamp"].replace("Z", "+00:00")).timestamp()
        spent.append(at - changed)
    person.delete(f"/v1/webhooks/{hook['id']}")
    spent = spent[3:]  # what is cold warms up
    middle, high = quantile(spent, 0.5), quantile(spent, 0.95)
    bare = stream_alone(stack, place)
    yield Figure("State change → first byte at the receiver, p50", "≤ 1.0 s", f"{middle:.2f} s", middle <= 1.0)
    yield Figure("the same, p95", "≤ 2.5 s", f"{high:.2f} s", high <= 2.5)
    yield Figure("  of the emulator: put → stream → empty function → receiver, median", "", f"{bare:.2f} s")


def stream_alone(stack: LocalStack, place: Clocked) -> float:
    """A table and a function of their own, without any code of ours."""
    dynamodb, functions = stack.client("dynamodb"), stack.client("lambda")
    key = {"AttributeName": "pk", "AttributeType": "S"}
    table = dynamodb.create_table(
        TableName="bench-stream",
        AttributeDefinitions=[key],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("empty.py", _EMPTY.format(url=place.url))
    role = next(r["Arn"] for r in stack.client("iam").list_roles()["Roles"] if "PublisherRole" in r["RoleName"])
    functions.create_function(
        FunctionName="bench-stream",
        Runtime="python3.13",
        Role=role,
        Handler="empty.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    mapping = functions.create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"],
        FunctionName="bench-stream",
        StartingPosition="TRIM_HORIZON",
        BatchSize=1,
    )
    spent = []
    for number in range(CHANGES + 3):
        started = time.time()
        dynamodb.put_item(TableName="bench-stream", Item={"pk": {"S": str(number)}})
        spent.append(place.wait_for(number + 1, "/stream")[-1][1] - started)
    functions.delete_event_source_mapping(UUID=mapping["UUID"])
    functions.delete_function(FunctionName="bench-stream")
    dynamodb.delete_table(TableName="bench-stream")
    return quantile(spent[3:], 0.5)


def bulkhead(stack: LocalStack, person: Person, place: Clocked) -> Iterator[Figure]:
    """A hundred events for ten endpoints, first without the tenth, then with it, hanging."""
    made = [
        person.post("/v1/webhooks", {"url": f"{place.url}/{n}", "events": ["transcription.canceled"]}).json()["id"]
        for n in range(ENDPOINTS)
    ]
    last = f"/v1/webhooks/{made[-1]}"
    burst(stack, person, place)  # what is cold warms up
    person.call("PATCH", last, json={"active": False})
    without = burst(stack, person, place)
    person.call("PATCH", last, json={"active": True})
    place.hanging.set()
    beside = burst(stack, person, place)
    ratio = beside / without
    for each in made:
        person.delete(f"/v1/webhooks/{each}")
    yield Figure(
        "1,000 deliveries to ten endpoints, one of which hangs: the other nine, of their time without it",
        "≤ 1.2",
        f"{ratio:.2f} ({beside:.1f} s, {without:.1f} s)",
        ratio <= 1.2,
    )


def burst(stack: LocalStack, person: Person, place: Clocked) -> float:
    """Seconds until the nine endpoints that answer have heard of each of the events."""
    account_of(stack)
    rows = Table(stack.outputs["TableName"], "us-east-1").bind(EventRow)
    before = len([each for each in place.arrived if each[0] != HANGS])
    started = time.perf_counter()
    with rows.batch_write() as batch:
        for _ in range(EVENTS):
            now = system_clock()
            about = {"id": "job_1", "kind": "transcription", "status": "canceled", "sequence": 2}
            event = Event(new_id("evt", now), person.id, "transcription.canceled", now, about)
            batch.save(event_row(rows, event))
    place.wait_for(before + EVENTS * (ENDPOINTS - 1))
    return time.perf_counter() - started
