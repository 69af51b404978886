"""Local servers that speak the protocols of providers of chat models, and fail as they are told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass
class Act:
    """What the server does with one request. ``pieces``: of text; ``pause``: seconds before each; ``after``: what follows the pieces: ``end``,
    ``cut`` (the connection is reset), ``hang``, ``garbage``; ``calls``: tools that the model wants, name and arguments."""

    pieces: Sequence[str] = ()
    status: int = 200
    pause: float = 0.0
    after: str = "end"
    reason: str = "stop"
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    usage: tuple[int, int] | None = (11, 7)
    headers: dict[str, str] = field(default_factory=dict)


class Provider:
    """Answers with the acts of ``script`` in turn; the last one again and again. ``seen``: bodies of requests; ``left``: streams that the
    client ended before the server did."""

    protocol: ClassVar[str]

    def __init__(self, *script: Act) -> None:
        self.script = list(script)
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.left = 0
        self.gone = threading.Event()
        self.released = threading.Event()

    def __enter__(self) -> Provider:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Silent."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.seen.append(body)
                provider.headers.append({k.lower(): v for k, v in self.headers.items()})
                provider.paths.append(self.path)
                act = provider.script.pop(0) if len(provider.script) > 1 else provider.script[0]
                try:
                    provider._play(self, act)
                except (BrokenPipeError, ConnectionResetError):
                    provider.left += 1
                    provider.gone.set()
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _play(self, http: BaseHTTPRequestHandler, act: Act) -> None:
        if act.status != 200:
            body = json.dumps(self._error(act)).encode()
            http.send_response(act.status)
            for name, value in {"Content-Type": "application/json", **act.headers}.items():
                http.send_header(name, value)
            http.send_header("Content-Length", str(len(body)))
            http.end_headers()
            http.wfile.write(body)
            return
        if act.after == "silent":  # not even headers
            self.released.wait(30)
            http.close_connection = True
            return
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()
        http.wfile.flush()
        for piece in act.pieces:
            time.sleep(act.pause)
            self._send(http, json.dumps(self._delta(piece)))
        match act.after:
            case "cut":
                http.close_connection = True
                http.connection.close()
                return
            case "hang":
                while not self.released.wait(0.05):
                    self._raw(http, b"\n")  # an empty line says nothing in either protocol
                http.close_connection = True
                return
            case "garbage":
                self._send(http, "{this is no JSON")
        for line in self._ending(act):
            self._send(http, line)
        http.wfile.write(b"0\r\n\r\n")

    def _send(self, http: BaseHTTPRequestHandler, data: str) -> None:
        self._raw(http, f"data: {data}\n\n".encode())

    @staticmethod
    def _raw(http: BaseHTTPRequestHandler, data: bytes) -> None:
        http.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        http.wfile.flush()

    def _error(self, act: Act) -> dict[str, Any]:
        raise NotImplementedError

    def _delta(self, piece: str) -> dict[str, Any]:
        raise NotImplementedError

    def _ending(self, act: Act) -> Iterator[str]:
        raise NotImplementedError


class OpenAiServer(Provider):
    """``POST /v1/chat/completions`` with ``stream``."""

    protocol = "openai"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def _error(self, act: Act) -> dict[str, Any]:
        return {"error": {"message": "no", "type": "error", "code": act.reason if act.reason != "stop" else None}}

    @staticmethod
    def _chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}

    def _delta(self, piece: str) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": piece})

    def _ending(self, act: Act) -> Iterator[str]:
        for index, (name, arguments) in enumerate(act.calls):
            text = json.dumps(arguments)
            first = {"index": index, "id": f"call_{index}", "type": "function"}
            yield json.dumps(
                self._chunk({"tool_calls": [{**first, "function": {"name": name, "arguments": text[:4]}}]})
            )
            rest = {"index": index, "function": {"arguments": text[4:]}}
            yield json.dumps(self._chunk({"tool_calls": [rest]}))
        yield json.dumps(self._chunk({}, "tool_calls" if act.calls else act.reason))
        if act.usage:
            counted = dict(zip(("prompt_tokens", "completion_tokens"), act.usage, strict=True))
            yield json.dumps({**self._chunk({}), "choices": [], "usage": {**counted, "total_tokens": sum(act.usage)}})
        yield "[DONE]"


class GeminiServer(Provider):
    """``POST /v1beta/models/<name>:streamGenerateContent?alt=sse``."""

    protocol = "gemini"

    @property
    def url(self) -> str:
        return self.origin

    def _error(self, act: Act) -> dict[str, Any]:
        return {"error": {"code": act.status, "message": "no", "status": "INTERNAL"}}

    def _delta(self, piece: str) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}, "index": 0}]}

    def _ending(self, act: Act) -> Iterator[str]:
        if act.reason == "blocked":
            yield json.dumps({"promptFeedback": {"blockReason": "SAFETY"}})
            return
        if act.reason == "empty":
            yield json.dumps({"usageMetadata": {"promptTokenCount": 1}})
            return
        for name, arguments in act.calls:
            part = {"functionCall": {"name": name, "args": arguments}}
            yield json.dumps({"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]})
        reason = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}[act.reason]
        last: dict[str, Any] = {"candidates": [{"finishReason": reason, "index": 0}]}
        if act.usage:
            last["usageMetadata"] = dict(zip(("promptTokenCount", "candidatesTokenCount"), act.usage, strict=True))
        yield json.dumps(last)
