"""The published keys, over HTTPS."""

from __future__ import annotations

from typing import Any

from antiphon.identity.firebase import Fetch, Fetched

MAX_BYTES = 65_536
SECONDS = 3.0


def fetch_from(url: str) -> Fetch:
    """A bounded GET: no redirects, no proxies, at most 64 KB within 3 seconds to connect and 3 to read."""
    import urllib3

    pool: Any = urllib3.PoolManager(timeout=urllib3.Timeout(connect=SECONDS, read=SECONDS), retries=False)

    def fetch() -> Fetched:
        try:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
            try:
                body = answer.read(MAX_BYTES + 1, decode_content=True)
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"no keys from {url}") from error
        if answer.status != 200 or len(body) > MAX_BYTES:
            raise OSError(f"no keys from {url}: status {answer.status}, {len(body)} bytes")
        return Fetched(body, answer.headers.get("Cache-Control", ""))

    return fetch
