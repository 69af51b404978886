"""Figures of chat and search: our share of a streamed answer, and what a search costs whoever has much."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from ulid import ULID

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.own import own_search
from antiphon.platform.clock import rfc3339, system_clock
from antiphon.platform.table import Table
from antiphon.search.model import Kind, Query
from infra.local.home import free_port, port_taken
from infra.local.person import Person
from infra.local.stack import ROOT, LocalStack
from tests.load.figures import Figure, quantile
from tests.load.sorted_table import Row, SortedTable
from tests.model_servers import Act, OpenAiServer

DELAY = 0.2
"""Seconds that the model's server waits before its first token."""
ANSWERS, TOKENS = 30, 1_000
FEW, MANY, SEARCHES = 1_000, 100_000, 100
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ANYBODY, TALK = "usr_1", "conv_1"


def chat(stack: LocalStack, person: Person, model: OpenAiServer) -> Iterator[Figure]:
    talk = person.post("/v1/conversations", {}).json()["id"]
    with _watched(stack) as http:
        model.script = [Act(("a",), pause=DELAY)]
        # Of each answer by itself, so that what else the machine does hardly shows.
        first = [_first_token(http, person, talk) for _ in _when_idle(ANSWERS + 5)][5:]
        shares = [whole - aws - DELAY * 1000 for whole, aws, _ in first]
        whole, aws, busy, share = (quantile(list(each), 0.5) for each in (*zip(*first, strict=True), shares))
        yield Figure("First token of a streamed answer, p50, model's delay 200 ms", "", f"{whole:.0f} ms")
        yield Figure("  of it AWS calls of the emulator", "", f"{aws:.0f} ms")
        yield Figure("  our share: neither the model's delay nor AWS calls", "≤ 30 ms", f"{share:.0f} ms", share <= 30)
        yield Figure("  processor time of the streaming server until then", "", f"{busy:.0f} ms")

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
    environment = dict(item.split("=", 1) for item in given if item) | {"PORT": str(port), "LOG_LEVEL": "ERROR"}
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


def _when_idle(count: int) -> Iterator[int]:
    """Each time that the machine has done what the time before left behind: events, deliveries and the index, which in the cloud run elsewhere."""
    for number in range(count):
        deadline = time.monotonic() + 20
        while _busy(0.2) > 0.1 and time.monotonic() < deadline:
            pass
        yield number


def _busy(seconds: float) -> float:
    """The part of all cores' time that was used meanwhile."""

    def read() -> tuple[int, int]:
        spent = [int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return sum(spent), spent[3] + spent[4]

    (all_before, idle_before), _ = read(), time.sleep(seconds)
    all_after, idle_after = read()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def _request(person: Person, talk: str) -> tuple[str, dict[str, Any]]:
    context = {
        "resourcePath": "/v1/conversations/{id}/messages/stream",
        "httpMethod": "POST",
        "identity": {"sourceIp": "127.0.0.1"},
        "authorizer": {"user_id": person.id, "tier": "enterprise", "role": "user", "scopes": ""},
    }
    headers = {"x-amzn-request-context": json.dumps(context), "Accept": "text/event-stream"}
    return f"/v1/conversations/{talk}/messages/stream", {"json": {"content": "Hello?"}, "headers": headers}


def _first_token(http: httpx.Client, person: Person, talk: str) -> tuple[float, float, float]:
    """Milliseconds until it came, of AWS calls among them, and of processor time."""
    url, options = _request(person, talk)
    started, at, told = time.perf_counter(), None, None
    with http.stream("POST", url, **options) as answer:
        for line in answer.iter_lines():
            if line.startswith(": aws "):
                told = line.removeprefix(": aws ").split()
            if line == "event: delta" and at is None:
                at = (time.perf_counter() - started) * 1000
    assert at is not None
    assert told is not None
    aws, busy = map(float, told)
    return at, aws, busy


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


def search() -> Iterator[Figure]:
    """In this process, over a table that is as quick as DynamoDB."""
    milliseconds, units, pages = {}, {}, {}
    for count in (FEW, MANY):
        table = SortedTable(row for number in range(count) for row in rows_of(number))
        with table.instead():
            find = own_search(Table("search", "us-east-1"), system_clock)
            took = []
            for number in range(SEARCHES + 5):
                table.units, begun = 0, time.perf_counter()
                page = find.by_words(ANYBODY, Query(f"common w{number % 10}", tuple(Kind)), 20)
                took.append(time.perf_counter() - begun)
                assert len(page.items) == 20, page
            milliseconds[count], units[count] = quantile(took[5:], 0.5) * 1000, table.units
            pages[count] = list(page_units(table, count))
    ratio = milliseconds[MANY] / milliseconds[FEW]
    shown = f"{milliseconds[FEW]:.1f} ms and {milliseconds[MANY]:.1f} ms: {ratio:.2f} ×"
    yield Figure("Search by words, p50, among 1,000 and 100,000 messages", "≤ 3 ×", shown, ratio <= 3)
    shown = f"{units[FEW]:g} and {units[MANY]:g}"
    yield Figure("  read units of it", "≤ 3 ×", shown, units[MANY] <= 3 * units[FEW])
    shown = f"{pages[FEW]} and {pages[MANY]}"
    name = "Read units of 20 messages, newest and from the middle, of 1,000 and of 100,000"
    yield Figure(name, "the same", shown, pages[FEW] == pages[MANY])


def rows_of(number: int) -> Iterator[Row]:
    """A message and its index, as their functions write them."""
    key, text, moment = _message(number), f"common w{number % 10}", rfc3339(BEGIN + timedelta(seconds=number))
    message = {"pk": f"conv#{TALK}", "sk": f"msg#{key}", "row": "message", "user_id": ANYBODY, "role": "user"}
    message |= {"type": "text", "content": text, "status": "complete", "created_at": moment, "touched_at": moment}
    yield {name: {"S": value} for name, value in message.items()}
    for word in text.split():
        posting = {"pk": f"search#{ANYBODY}", "sk": f"w#{word}#message#{key}", "row": "posting", "parent": TALK}
        yield {name: {"S": value} for name, value in posting.items()} | {"times": {"N": "1"}, "length": {"N": "2"}}


def _message(number: int) -> str:
    moment = str(ULID.from_datetime(BEGIN + timedelta(seconds=number)))[:10]
    return f"msg_{moment}{number:016d}"


def page_units(table: SortedTable, count: int) -> Iterator[float]:
    """Of the newest page, and of one from the middle."""
    store = DynamoConversations(Table("search", "us-east-1"))
    for before in (None, _message(count // 2)):
        table.units = 0
        assert len(store.messages(TALK, 20, before).items) == 20
        yield table.units
