"""The edge passes requests through unchanged and bounds what it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from infra.local.edge import MAX_BODY_BYTES, application, forwarded

API = "http://127.0.0.1:4566/_aws/execute-api/abc/live"


T = TypeVar("T")


class Streamed(httpx.AsyncByteStream):
    """A body as it comes from the network: in pieces, once."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), 1):
            yield self._content[start : start + 1]


def ask(
    answer: Callable[[httpx.Request], httpx.Response],
    method: str,
    path: str,
    web: Path | None = None,
    **options: object,
) -> httpx.Response:
    """One request to the edge, whose next hop is `answer`."""

    async def run() -> httpx.Response:
        app = application(API, web, httpx.MockTransport(answer))
        transport = httpx.ASGITransport(app, client=("127.0.0.9", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return in_a_loop(run())


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` would take the thread's own loop away from the adapters of other tests and leave it unclosed."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def unreachable(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.url} must not be asked")


def test_method_path_query_body_and_headers_reach_the_api_as_they_came() -> None:
    seen: list[httpx.Request] = []

    def api(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(
            201, stream=Streamed(b"\x00\xff"), headers=[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-own", "1")]
        )

    headers = {"authorization": "Bearer t", "idempotency-key": "k", "content-type": "audio/wav"}
    answer = ask(api, "PATCH", "/v1/jobs/a%2Fb%20c?x=1&x=2&y=%2F+", content=b"\x00body", headers=headers)
    request = seen[0]
    assert str(request.url) == f"{API}/v1/jobs/a%2Fb%20c?x=1&x=2&y=%2F+"
    assert (request.method, request.content) == ("PATCH", b"\x00body")
    assert {name: request.headers[name] for name in headers} == headers
    assert (answer.status_code, answer.content, answer.headers["x-own"]) == (201, b"\x00\xff", "1")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_hop_by_hop_headers_end_here_and_the_clients_address_is_what_the_edge_sees() -> None:
    sent = [
        ("Connection", "keep-alive, X-Secret-Hop"),
        ("X-Secret-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "evil.example"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("Accept", "text/plain"),
        ("X-Many", "1"),
        ("X-Many", "2"),
    ]
    assert forwarded(sent, "127.0.0.9") == [
        ("Accept", "text/plain"),
        ("X-Many", "1"),
        ("X-Many", "2"),
        ("x-forwarded-for", "127.0.0.9"),
        ("x-forwarded-proto", "http"),
    ]


@pytest.mark.parametrize("length", ["declared", "hidden"])
def test_a_body_of_more_than_10_mib_is_refused_before_it_goes_on(length: str) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(11):
            yield bytes(1024 * 1024)

    content = bytes(MAX_BODY_BYTES + 1) if length == "declared" else pieces()
    answer = ask(unreachable, "POST", "/v1/uploads", content=content)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail", "code", "request_id", "error"}
    # For clients of OpenAI's routes, which look nowhere else.
    assert (told["error"]["code"], "/v1/uploads" in told["error"]["message"]) == ("too_large", True)


def test_an_api_that_does_not_answer_is_a_503_that_says_when_to_come_back() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    answer = ask(down, "GET", "/v1/health")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["code"] == "unavailable"
    assert answer.json()["request_id"].startswith("req_")


@pytest.mark.parametrize("path", ["/v1/../../_ministack/reset", "/v1/%2e%2e/%2e%2e/x", "/v1/a/./b", "/v1/..%2f..%2fx"])
def test_a_path_that_climbs_never_leaves_the_api(path: str) -> None:
    async def run() -> list[dict]:
        sent: list[dict] = []
        scope = {
            "type": "http",
            "method": "GET",
            "path": path.replace("%2e", ".").replace("%2f", "/"),
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
            "client": ("127.0.0.9", 1),
            "server": ("edge", 80),
            "scheme": "http",
            "http_version": "1.1",
        }

        async def receive() -> dict:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message) -> None:  # type: ignore[no-untyped-def]
            sent.append(message)

        await application(API, None, httpx.MockTransport(unreachable))(scope, receive, send)
        return sent

    assert in_a_loop(run())[0]["status"] == 404


def test_every_answer_carries_the_security_headers_once() -> None:
    answer = ask(
        lambda request: httpx.Response(200, stream=Streamed(b""), headers={"x-content-type-options": "nosniff"}),
        "GET",
        "/v1/x",
    )
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["referrer-policy"]
    assert "strict-transport-security" not in answer.headers


def test_the_web_app_is_served_beside_the_api(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>Antiphon</h1>")
    assert ask(unreachable, "GET", "/", tmp_path).text == "<h1>Antiphon</h1>"


def test_without_a_web_app_the_first_page_names_the_api() -> None:
    assert "/v1" in ask(unreachable, "GET", "/").text
