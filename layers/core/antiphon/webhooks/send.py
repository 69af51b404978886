"""One webhook request over HTTP/1.1: no redirects, no cookies, no proxy, nothing read from the environment, one deadline for all of it.

httpcore is the engine under httpx; it is used bare because only there can the socket be ours (see wire.py).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping

import httpcore

from antiphon.webhooks.guard import Blocked, Guard, Resolver, Target
from antiphon.webhooks.model import Outcome
from antiphon.webhooks.wire import BudgetSpent, Deadline, VettedBackend, system_resolver

DEADLINE_SECONDS = 15.0
MAX_READ = 64 * 1024
MAX_KEPT = 1024
USER_AGENT = "Antiphon-Webhooks/1"


def trusted_roots() -> ssl.SSLContext:
    """The public certificate authorities of the certifi package, the same on every machine."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


class HttpSender:
    """guard: says what may be called; roots: which certificates count; deadline_seconds: from the first look at the name to the last byte read."""

    def __init__(
        self,
        guard: Guard,
        roots: ssl.SSLContext,
        *,
        resolve: Resolver = system_resolver,
        deadline_seconds: float = DEADLINE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._roots = roots
        self._resolve = resolve
        self._seconds = deadline_seconds
        self._monotonic = monotonic

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        started = self._monotonic()

        def outcome(
            status: int | None, error: str | None, answer: bytes = b"", retry_after: str | None = None
        ) -> Outcome:
            ms = round((self._monotonic() - started) * 1000)
            return Outcome(status, error, ms, answer[:MAX_KEPT].decode("utf-8", "replace"), retry_after)

        try:
            target = self._guard.check_syntax(url)
        except Blocked:
            return outcome(None, "unreachable")
        deadline = Deadline(self._seconds, self._monotonic)
        backend = VettedBackend(target, self._guard, self._resolve, deadline, MAX_READ)
        status: int | None = None
        answer = bytearray()
        retry_after = None
        try:
            with (
                httpcore.HTTPConnection(
                    _origin(target), ssl_context=self._roots, network_backend=backend
                ) as connection,
                connection.stream(
                    "POST", _url(target), headers=_headers(target, headers, body), content=body
                ) as response,
            ):
                status = response.status
                retry_after = next(
                    (v.decode("latin-1") for k, v in response.headers if k.lower() == b"retry-after"), None
                )
                for part in response.iter_stream():
                    answer += part[: MAX_KEPT - len(answer)]
        except BudgetSpent:
            # Enough of a long answer is an answer; headers without end are none.
            return outcome(status, None if status else "bad_answer", bytes(answer), retry_after)
        except TimeoutError:
            return outcome(status, "timeout" if backend.connected else "unreachable", bytes(answer))
        except ssl.SSLError:
            return outcome(status, "tls_failed", bytes(answer))
        except (Blocked, OSError):
            return outcome(status, "bad_answer" if backend.connected else "unreachable", bytes(answer))
        except (httpcore.ProtocolError, httpcore.NetworkError):
            return outcome(status, "bad_answer", bytes(answer))
        return outcome(status, None, bytes(answer), retry_after)


def _origin(target: Target) -> httpcore.Origin:
    return httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port)


def _url(target: Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )


def _headers(target: Target, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    return [
        ("host", target.authority),
        ("user-agent", USER_AGENT),
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("accept-encoding", "identity"),
        ("connection", "close"),
        *headers.items(),
    ]
