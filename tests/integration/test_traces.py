"""O-03: X-Ray finds by the id of a job what was done for it, and learns nothing else."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from antiphon.platform.access import ROUTES
from antiphon.platform.events import Event
from antiphon.platform.gate import Ended
from antiphon.platform.segments import job_of, part_of_trace, tell
from antiphon.platform.telemetry import make_logger
from tests.unit.platform.gates import make_gate

JOB = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
ROOT, PARENT = "1-5759e988-bd862e3fe1be46a994272793", "a1" * 8
FUNCTIONS_FOLDER = Path(__file__).resolve().parents[2] / "functions"
HEADER = f"Root={ROOT};Parent={PARENT};Sampled=1;Lineage=1:a87bd80c:0"


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(2)
        yield listening


@pytest.fixture
def environment(daemon: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    given = {
        "_X_AMZN_TRACE_ID": HEADER,
        "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def heard(daemon: socket.socket) -> dict[str, Any]:
    head, _, document = daemon.recv(65_536).partition(b"\n")
    assert json.loads(head) == {"format": "json", "version": 1}
    return json.loads(document)


def nothing_heard(daemon: socket.socket) -> bool:
    daemon.setblocking(False)
    try:
        daemon.recv(65_536)
    except BlockingIOError:
        return True
    return False


def test_a_part_belongs_to_the_call_and_carries_the_job(daemon: socket.socket, environment: Mapping[str, str]) -> None:
    """O-03"""
    before = time.time()
    with part_of_trace("deliver") as part:
        part.job_id = JOB
    found = heard(daemon)
    assert len(found.pop("id")) == 16
    assert before <= found.pop("start_time") <= found.pop("end_time") <= time.time()
    assert found == {
        "name": "deliver",
        "trace_id": ROOT,
        "parent_id": PARENT,
        "type": "subsegment",
        "annotations": {"job_id": JOB},
    }


def test_what_raises_is_a_fault_and_is_raised(daemon: socket.socket, environment: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match=r"anna@example\.com"), part_of_trace("work", JOB):
        raise ValueError("anna@example.com")
    found = heard(daemon)
    assert found["fault"] is True
    assert "anna" not in json.dumps(found), "what went wrong stands in the log"


@pytest.mark.parametrize("about", [JOB.replace("job", "usr"), "anna@example.com", JOB.replace("job", "conv"), "", None])
def test_what_is_no_id_of_a_job_is_told_to_nobody(
    about: str | None, daemon: socket.socket, environment: Mapping[str, str]
) -> None:
    """O-03: no person is in a trace."""
    with part_of_trace("publish", about):
        pass
    assert nothing_heard(daemon)


@pytest.mark.parametrize(
    "changed",
    [
        {"_X_AMZN_TRACE_ID": HEADER.replace("Sampled=1", "Sampled=0")},
        {"_X_AMZN_TRACE_ID": f"Root={ROOT};Sampled=1"},
        {"_X_AMZN_TRACE_ID": ""},
        {"AWS_XRAY_DAEMON_ADDRESS": ""},
    ],
)
def test_what_is_not_traced_sends_nothing(
    changed: Mapping[str, str], daemon: socket.socket, environment: Mapping[str, str]
) -> None:
    tell("work", JOB, time.time(), environment={**environment, **changed})
    assert nothing_heard(daemon)


def test_a_daemon_may_be_named_by_protocol(daemon: socket.socket, environment: Mapping[str, str]) -> None:
    address = f"tcp:127.0.0.1:9 udp:{environment['AWS_XRAY_DAEMON_ADDRESS']}"
    tell("work", JOB, time.time(), environment={**environment, "AWS_XRAY_DAEMON_ADDRESS": address})
    assert heard(daemon)["name"] == "work"


def test_a_daemon_that_is_not_there_costs_nothing(environment: Mapping[str, str]) -> None:
    for nowhere in ("127.0.0.1:1", "255.255.255.255:2000", "127.0.0.1:70000"):
        tell("work", JOB, time.time(), environment={**environment, "AWS_XRAY_DAEMON_ADDRESS": nowhere})


def test_a_process_that_is_told_no_trace_goes_by_the_requests_own(
    daemon: socket.socket, environment: Mapping[str, str]
) -> None:
    tell("request", JOB, time.time(), header=HEADER, environment={**environment, "_X_AMZN_TRACE_ID": ""})
    assert heard(daemon)["trace_id"] == ROOT


def test_each_kind_of_job_is_known() -> None:
    assert job_of(None, JOB.replace("job", "usr"), JOB.replace("job", "doc")) == JOB.replace("job", "doc")
    assert job_of(JOB.replace("job", "run")) == JOB.replace("job", "run")
    assert job_of(JOB.replace("job", "med"), 7, None) is None


TOLD = {"id": JOB, "status": "succeeded"}
OUTCOME = SimpleNamespace(what="deleted")
BODY = {"user_id": "usr_1", "job_id": JOB, "kind": "transcription"}
DELIVERY = SimpleNamespace(
    id="dlv_1", status=SimpleNamespace(value="succeeded"), attempts=(), body=json.dumps({"data": TOLD})
)
WORKER = SimpleNamespace(deliver=lambda lane, message: OUTCOME)
FUNCTIONS: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "publisher": ("publish", {"publisher": lambda: SimpleNamespace(publish=lambda event: 1), "set_aside": None}, {}),
    "delivery": (
        "deliver",
        {"deliverer": lambda: SimpleNamespace(deliver=lambda errand, request_id: DELIVERY)},
        {"user_id": "usr_1", "endpoint_id": "whk_1", "event_id": "evt_1"},
    ),
    "reader": ("work", {"wiring": lambda: SimpleNamespace(worker=WORKER, lane=None)}, BODY),
    "editor": ("work", {"wiring": lambda: SimpleNamespace(deliver=lambda message, seconds: OUTCOME)}, BODY),
    "agent": ("work", {"work": lambda: lambda *about: "waits"}, BODY),
    "intake": (
        "arrive",
        {"arrive": lambda: lambda arrival, made: made(SimpleNamespace(id=JOB, request_id=None))},
        {"Records": [{"eventName": "ObjectCreated:Put"}]},
    ),
    "fetcher": ("fetch", {"fetch": lambda: lambda *about: "fetched", "queue": None}, BODY),
}
"""The name of its part, what its wiring would give, and a message of its queue."""


def loaded(function: str, wiring: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Its handler, put together from fakes."""
    given = ModuleType("wiring")
    vars(given).update(wiring)
    monkeypatch.setitem(sys.modules, "wiring", given)
    spec = importlib.util.spec_from_file_location(f"{function}_handler", FUNCTIONS_FOLDER / function / "handler.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_sqs(body: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1"}
    about = {"messageId": "m-1", "receiptHandle": "r-1", "messageAttributes": {}, "attributes": attributes}
    return {"eventSource": "aws:sqs", "body": json.dumps(body), **about}


def of_the_stream() -> dict[str, Any]:
    keys = {"pk": {"S": "user#usr_1"}, "sk": {"S": "event#evt_1"}}
    image = {**keys, "row": {"S": "event"}}
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": keys, "NewImage": image}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_behind_a_queue_or_the_stream_tells_the_job(
    function: str, daemon: socket.socket, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-03: dispatcher, workers on Lambda, delivery."""
    part, wiring, body = FUNCTIONS[function]
    module = loaded(function, wiring, monkeypatch)
    if function == "publisher":
        event = Event("evt_1", "usr_1", "transcription.completed", datetime(2026, 11, 28, tzinfo=UTC), TOLD)
        monkeypatch.setattr(module, "event_of_image", lambda image: event)
    if function == "intake":
        monkeypatch.setattr(module, "arrival_of", lambda notified: SimpleNamespace(key=f"uploads/usr_1/{JOB}"))
    records = [of_the_stream() if function == "publisher" else of_sqs(body)]
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000)
    assert module.handler({"Records": records}, context) == {"batchItemFailures": []}
    found = heard(daemon)
    assert (found["name"], found["annotations"]) == (part, {"job_id": JOB})
    assert "usr_1" not in json.dumps(found)


def test_the_api_tells_the_job_that_it_made(daemon: socket.socket, environment: Mapping[str, str]) -> None:
    """O-03"""
    gate = make_gate(ROUTES)
    who = {"user_id": "usr_1", "tier": "free", "role": "user", "session_id": "ses_1"}
    request = {"httpMethod": "POST", "resource": "/v1/transcriptions", "requestContext": {"authorizer": who}}
    let_in = gate.enter(request, "req_1")
    gate.leave(let_in, request, Ended.of(202, json.dumps(TOLD)), "req_1", 250, make_logger("test"))
    found = heard(daemon)
    assert (found["name"], found["annotations"]) == ("request", {"job_id": JOB})
    assert found["end_time"] - found["start_time"] == pytest.approx(0.25, abs=0.1)
    assert "fault" not in found
