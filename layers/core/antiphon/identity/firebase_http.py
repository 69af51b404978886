"""The published keys, over HTTPS."""

from __future__ import annotations

import time
from typing import Any

from antiphon.identity.firebase import Fetch, Fetched

MAX_BYTES = 65_536
SECONDS = 3.0


def fetch_from(url: str, seconds: float = SECONDS) -> Fetch:
    """A bounded GET: no redirects, no proxies, at most 64 KB. seconds: to connect, for each pause of the server, and for the whole body."""
    import urllib3

    pool: Any = urllib3.PoolManager(timeout=urllib3.Timeout(connect=seconds, read=seconds), retries=False)

    def fetch() -> Fetched:
        try:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
            try:
                body = _read(answer, time.monotonic() + seconds)
            finally:
                answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"no keys from {url}") from error
        if answer.status != 200 or len(body) > MAX_BYTES:
            raise OSError(f"no keys from {url}: status {answer.status}, {len(body)} bytes")
        return Fetched(body, answer.headers.get("Cache-Control", ""))

    return fetch


def _read(answer: Any, deadline: float) -> bytes:
    """Piece by piece: a server that sends a byte now and then would never meet the limit of a pause."""
    body = b""
    while len(body) <= MAX_BYTES and (piece := answer.read1(MAX_BYTES + 1 - len(body), decode_content=True)):
        body += piece
        if time.monotonic() > deadline:
            raise OSError("the keys come too slowly")
    return body
