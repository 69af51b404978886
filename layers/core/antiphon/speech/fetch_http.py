"""What lies at an address, over HTTP/1.1: vetted sockets, no cookies, no proxy, nothing read from the environment, one deadline for all of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore

from antiphon.speech.fetch import Answer, TooMuch, Unreached
from antiphon.webhooks.guard import Blocked, Guard, Resolver
from antiphon.webhooks.wire import BudgetSpent, Deadline, VettedBackend, system_resolver

SECONDS = 780.0
"""For one request with its answer; the function that asks has 15 minutes."""
HEADERS = 65_536
"""Bytes of an answer beside its body."""
USER_AGENT = "Antiphon-Fetcher/1"


class HttpWeb:
    def __init__(
        self, guard: Guard, roots: ssl.SSLContext, *, resolve: Resolver = system_resolver, seconds: float = SECONDS
    ) -> None:
        self._guard = guard
        self._roots = roots
        self._resolve = resolve
        self._seconds = seconds

    @contextmanager
    def get(self, url: str, most: int) -> Iterator[Answer]:
        try:
            target = self._guard.check_syntax(url, "url")
            backend = VettedBackend(target, self._guard, self._resolve, Deadline(self._seconds), most + HEADERS)
            origin = httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port)
            asked = httpcore.URL(
                scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
            )
            headers = {
                "host": target.authority,
                "user-agent": USER_AGENT,
                "accept": "*/*",
                "accept-encoding": "identity",
                "connection": "close",
            }
            with (
                httpcore.HTTPConnection(origin, ssl_context=self._roots, network_backend=backend) as connection,
                connection.stream("GET", asked, headers=list(headers.items())) as response,
            ):
                found = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                parts = _bounded(response.iter_stream(), most)
                yield Answer(response.status, found.get(b"location"), found.get(b"content-type"), parts)
        except (Blocked, OSError, httpcore.ProtocolError, httpcore.NetworkError) as error:
            raise Unreached from error


def _bounded(parts: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Raises TooMuch, Unreached."""
    taken = 0
    try:
        for part in parts:
            taken += len(part)
            if taken > most:
                raise TooMuch
            yield part
    except BudgetSpent as error:
        raise TooMuch from error
    except (OSError, httpcore.ProtocolError, httpcore.NetworkError) as error:
        raise Unreached from error
