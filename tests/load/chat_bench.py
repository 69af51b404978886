"""Figures of chat and search: our share of a streamed answer, and what a search costs whoever has much."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
from ulid import ULID

from antiphon.conversations.answer import Answer, Asked, Text
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.own import own_passages, own_pictures
from antiphon.engines.chat import About
from antiphon.engines.chat_models import ChatModels
from antiphon.engines.chat_openai import OpenAiChat
from antiphon.platform.clock import rfc3339, system_clock
from antiphon.platform.table import Table
from infra.local.person import Person
from infra.local.stack import LocalStack
from tests.load.figures import Figure, quantile, timed_calls
from tests.model_servers import Act, OpenAiServer

DELAY = 0.2
"""Seconds that the model's server waits before its first token."""
ANSWERS, TOKENS = 30, 1_000
FEW, MANY, SEARCHES = 1_000, 100_000, 30


def chat(stack: LocalStack, person: Person, model: OpenAiServer) -> Iterator[Figure]:
    talk = person.post("/v1/conversations", {}).json()["id"]
    model.script = [Act(("a",), pause=DELAY)]
    first = [_first_token(stack, person, talk) for _ in range(ANSWERS + 5)][5:]
    aws = asyncio.run(_aws_before_the_first_token(stack, person, talk, model))
    whole = quantile(first, 0.5) * 1000
    share = whole - (DELAY + aws) * 1000
    yield Figure("First token of a streamed answer, p50, model's delay 200 ms", "", f"{whole:.0f} ms")
    yield Figure("  of it AWS calls of the emulator", "", f"{aws * 1000:.0f} ms")
    yield Figure("  our share: neither the model's delay nor AWS calls", "≤ 30 ms", f"{share:.0f} ms", share <= 30)

    model.script = [Act(("word ",) * TOKENS)]
    ours, bare = [], []
    for _ in range(7):
        ours.append(_whole_answer(stack, person, talk))
        bare.append(asyncio.run(_bare_answer(model)))
    each = (statistics.median(ours) - statistics.median(bare)) / TOKENS * 1000
    yield Figure("Cost of a token, beside the provider's SDK alone", "≤ 0.2 ms", f"{each:.2f} ms", each <= 0.2)


def _request(stack: LocalStack, person: Person, talk: str) -> tuple[str, dict[str, Any]]:
    """To the streaming server itself, as the gateway calls it: the emulator's gateway is not what is measured."""
    route = "/v1/conversations/{id}/messages/stream"
    context = {
        "resourcePath": route,
        "httpMethod": "POST",
        "identity": {"sourceIp": "127.0.0.1"},
        "authorizer": {"user_id": person.id, "tier": "enterprise", "role": "user", "scopes": ""},
    }
    headers = {"x-amzn-request-context": json.dumps(context), "Accept": "text/event-stream"}
    url = f"http://127.0.0.1:{stack.stream_ports['stream']}/v1/conversations/{talk}/messages/stream"
    return url, {"json": {"content": "Hello?"}, "headers": headers, "timeout": 60}


_CLIENT = httpx.Client(trust_env=False)


def _first_token(stack: LocalStack, person: Person, talk: str) -> float:
    url, options = _request(stack, person, talk)
    started, at = time.perf_counter(), None
    with _CLIENT.stream("POST", url, **options) as answer:
        for line in answer.iter_lines():
            if line == "event: delta" and at is None:
                at = time.perf_counter() - started
    assert at is not None
    return at


def _whole_answer(stack: LocalStack, person: Person, talk: str) -> float:
    url, options = _request(stack, person, talk)
    started = time.perf_counter()
    with _CLIENT.stream("POST", url, **options) as answer:
        got = sum(line == "event: delta" for line in answer.iter_lines())
    assert got == TOKENS, got
    return time.perf_counter() - started


async def _bare_answer(server: OpenAiServer) -> float:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=server.url, api_key="k") as client:
        started = time.perf_counter()
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Hello?"}], stream=True
        )
        async for _ in stream:
            pass
        return time.perf_counter() - started


async def _aws_before_the_first_token(stack: LocalStack, person: Person, talk: str, server: OpenAiServer) -> float:
    """Seconds, p50."""
    table = Table(stack.outputs["TableName"], "us-east-1")
    chat = OpenAiChat(About("gemma", "openai", 128_000), base_url=server.url, api_key="k", model="gemma")
    answer = Answer(
        store=DynamoConversations(table),
        models=ChatModels([chat]),
        passages=own_passages(table, system_clock),
        pictures=own_pictures(table, system_clock),
        clock=system_clock,
    )
    spent = []
    with timed_calls(stack) as calls:
        for _ in range(ANSWERS):
            calls.clear()
            async with aclosing(cast(Any, answer(talk, Asked(person.id, "enterprise", "Hello?")))) as steps:
                async for step in steps:
                    if isinstance(step, Text):
                        spent.append(sum(took for _, took in calls))
                        break
    # The rate limit's write, which the use case knows nothing of, costs about what another one does.
    return quantile(spent, 0.5)


def search(stack: LocalStack, http: httpx.Client) -> Iterator[Figure]:
    few, many = Person.register(http), Person.register(http)
    times = {}
    for person, count in ((few, FEW), (many, MANY)):
        talk = person.post("/v1/conversations", {}).json()["id"]
        started = time.perf_counter()
        _fill(stack, person, talk, count)
        print(f"({count:,} messages written and indexed in {time.perf_counter() - started:.0f} s)", flush=True)
        took = []
        for number in range(SEARCHES + 5):
            begun = time.perf_counter()
            answer = person.get(f"/v1/search?q=common+w{number % 10}")
            took.append(time.perf_counter() - begun)
            assert len(answer.json()["data"]) == 20, answer.text
        times[count] = quantile(took[5:], 0.5) * 1000
        yield from _page_reads(stack, talk, count)
    ratio = times[MANY] / times[FEW]
    shown = f"{times[FEW]:.0f} ms and {times[MANY]:.0f} ms: {ratio:.2f} ×"
    yield Figure("Search by words, p50, among 1,000 and 100,000 messages", "≤ 3 ×", shown, ratio <= 3)


def _fill(stack: LocalStack, person: Person, talk: str, count: int) -> None:
    """Messages and their index, as their functions write them, but in batches."""
    client = stack.client("dynamodb")
    table = stack.outputs["TableName"]
    begin = datetime.now(UTC) - timedelta(days=300)

    def rows(number: int) -> Iterator[dict[str, Any]]:
        at = begin + timedelta(seconds=number)
        key, text, moment = f"msg_{ULID.from_datetime(at)}", f"common w{number % 10}", rfc3339(at)
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


def _page_reads(stack: LocalStack, talk: str, count: int) -> Iterator[Figure]:
    """What DynamoDB looks at for one page of messages; its units follow from that."""
    store = DynamoConversations(Table(stack.outputs["TableName"], "us-east-1"))
    scanned: list[int] = []
    with timed_calls(stack, answers=lambda name, answer: scanned.append(answer.get("ScannedCount", 0))):
        store.messages(talk, 20)
    rows = sum(scanned)
    yield Figure(f"Rows read for a page of 20 messages of {count:,}", "≤ 21", str(rows), 0 < rows <= 21)
