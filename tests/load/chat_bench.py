"""Figures of chat and search: our share of a streamed answer, and what a search costs whoever has much."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from ulid import ULID

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.platform.clock import rfc3339
from antiphon.platform.table import Table
from infra.local.home import free_port, port_taken
from infra.local.person import Person
from infra.local.stack import ROOT, LocalStack
from tests.load.figures import Figure, quantile, read_units, timed_calls
from tests.model_servers import Act, OpenAiServer

DELAY = 0.2
"""Seconds that the model's server waits before its first token."""
ANSWERS, TOKENS = 30, 1_000
FEW, MANY, SEARCHES = 1_000, 100_000, 30


def chat(stack: LocalStack, person: Person, model: OpenAiServer) -> Iterator[Figure]:
    talk = person.post("/v1/conversations", {}).json()["id"]
    with _watched(stack) as http:
        model.script = [Act(("a",), pause=DELAY)]
        # Of each answer by itself, so that what else the machine does hardly shows.
        first = [_first_token(http, person, talk) for _ in range(ANSWERS + 5)][5:]
        shares = [whole - aws - DELAY * 1000 for whole, aws in first]
        whole, aws, share = (quantile(list(each), 0.5) for each in (*zip(*first, strict=True), shares))
        yield Figure("First token of a streamed answer, p50, model's delay 200 ms", "", f"{whole:.0f} ms")
        yield Figure("  of it AWS calls of the emulator", "", f"{aws:.0f} ms")
        yield Figure("  our share: neither the model's delay nor AWS calls", "≤ 30 ms", f"{share:.0f} ms", share <= 30)

        model.script = [Act(("word ",) * TOKENS)]
        ours, bare = [], []
        for _ in range(9):
            ours.append(_processor_time(http, lambda: _whole_answer(http, person, talk)))
            bare.append(_processor_time(http, lambda: http.get("/bare").text))
    each = (statistics.median(ours) - statistics.median(bare)) / TOKENS * 1000
    alone = statistics.median(bare) / TOKENS * 1000
    yield Figure("Processor time of a token in the provider's SDK", "", f"{alone:.2f} ms")
    yield Figure("  and beside it, until it has left", "≤ 0.2 ms", f"{each:.2f} ms", each <= 0.2)


@contextmanager
def _watched(stack: LocalStack) -> Iterator[httpx.Client]:
    """The streaming server once more, with what the stack's own was started with, to be asked as the gateway asks it: the emulator's gateway is not what is measured."""
    given = Path(f"/proc/{stack.pid('stream')}/environ").read_text().split("\0")
    port = free_port()
    environment = dict(item.split("=", 1) for item in given if item) | {"PORT": str(port)}
    environment["PYTHONPATH"] += f":{ROOT / 'functions/messages'}"
    script = Path(__file__).with_name("watched_stream.py")
    with (
        subprocess.Popen([sys.executable, str(script)], env=environment) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http,
    ):
        try:
            while not port_taken(port):
                assert server.poll() is None, "the streaming server has ended"
                time.sleep(0.1)
            yield http
        finally:
            server.terminate()


def _request(person: Person, talk: str) -> tuple[str, dict[str, Any]]:
    context = {
        "resourcePath": "/v1/conversations/{id}/messages/stream",
        "httpMethod": "POST",
        "identity": {"sourceIp": "127.0.0.1"},
        "authorizer": {"user_id": person.id, "tier": "enterprise", "role": "user", "scopes": ""},
    }
    headers = {"x-amzn-request-context": json.dumps(context), "Accept": "text/event-stream"}
    return f"/v1/conversations/{talk}/messages/stream", {"json": {"content": "Hello?"}, "headers": headers}


def _first_token(http: httpx.Client, person: Person, talk: str) -> tuple[float, float]:
    """Milliseconds until it came, and of AWS calls among them."""
    url, options = _request(person, talk)
    started, at, aws = time.perf_counter(), None, None
    with http.stream("POST", url, **options) as answer:
        for line in answer.iter_lines():
            if line.startswith(": aws "):
                aws = float(line.removeprefix(": aws "))
            if line == "event: delta" and at is None:
                at = (time.perf_counter() - started) * 1000
    assert at is not None
    assert aws is not None
    return at, aws


def _whole_answer(http: httpx.Client, person: Person, talk: str) -> None:
    url, options = _request(person, talk)
    with http.stream("POST", url, **options) as answer:
        got = sum(line == "event: delta" for line in answer.iter_lines())
    assert got == TOKENS, got


def _processor_time(http: httpx.Client, work: Callable[[], object]) -> float:
    """Seconds of the streaming server. It waits for the client and for the model, so a clock would measure those."""
    before = float(http.get("/cpu").text)
    work()
    return float(http.get("/cpu").text) - before


def search(stack: LocalStack, http: httpx.Client) -> Iterator[Figure]:
    few, many = Person.register(http), Person.register(http)
    times, units = {}, {}
    for person, count in ((few, FEW), (many, MANY)):
        talk = person.post("/v1/conversations", {}).json()["id"]
        started = time.perf_counter()
        middle = _fill(stack, person, talk, count)
        print(f"({count:,} messages written and indexed in {time.perf_counter() - started:.0f} s)", flush=True)
        took = []
        for number in range(SEARCHES + 5):
            begun = time.perf_counter()
            answer = person.get(f"/v1/search?q=common+w{number % 10}")
            took.append(time.perf_counter() - begun)
            assert len(answer.json()["data"]) == 20, answer.text
        times[count] = quantile(took[5:], 0.5) * 1000
        units[count] = _page_units(stack, talk, middle)
    ratio = times[MANY] / times[FEW]
    shown = f"{times[FEW]:.0f} ms and {times[MANY]:.0f} ms: {ratio:.2f} ×"
    yield Figure("Search by words, p50, among 1,000 and 100,000 messages", "≤ 3 ×", shown, ratio <= 3)
    same = units[FEW] == units[MANY]
    shown = f"{units[FEW]} and {units[MANY]}"
    yield Figure("Read units of 20 messages: newest, and amid 1,000 and 100,000", "the same", shown, same)


def _fill(stack: LocalStack, person: Person, talk: str, count: int) -> str:
    """Messages and their index, as their functions write them, but in batches. Gives the id of the one in the middle."""
    client = stack.client("dynamodb")
    table = stack.outputs["TableName"]
    begin = datetime.now(UTC) - timedelta(days=300)
    keys = [f"msg_{ULID.from_datetime(begin + timedelta(seconds=number))}" for number in range(count)]

    def rows(number: int) -> Iterator[dict[str, Any]]:
        key, text, moment = keys[number], f"common w{number % 10}", rfc3339(begin + timedelta(seconds=number))
        message = {"pk": f"conv#{talk}", "sk": f"msg#{key}", "row": "message", "user_id": person.id, "role": "user"}
        message |= {"type": "text", "content": text, "status": "complete", "created_at": moment, "touched_at": moment}
        yield {name: {"S": value} for name, value in message.items()}
        for word in text.split():
            posting = {"pk": f"search#{person.id}", "sk": f"w#{word}#message#{key}", "row": "posting", "parent": talk}
            counted = {"times": {"N": "1"}, "length": {"N": "2"}}
            yield {name: {"S": value} for name, value in posting.items()} | counted

    def write(first: int) -> None:
        batch = [
            {"PutRequest": {"Item": row}} for number in range(first, min(first + 8, count)) for row in rows(number)
        ]
        left = client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"]
        assert not left

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(0, count, 8)))
    return keys[count // 2]


def _page_units(stack: LocalStack, talk: str, middle: str) -> tuple[int, int]:
    """Of the newest page, and of the one before this message."""
    store = DynamoConversations(Table(stack.outputs["TableName"], "us-east-1"))
    units: list[int] = []
    with timed_calls(stack, answers=lambda name, answer: units.append(read_units(answer))):
        assert len(store.messages(talk, 20).items) == 20
        assert len(store.messages(talk, 20, middle).items) == 20
    newest, amid = units
    return newest, amid
