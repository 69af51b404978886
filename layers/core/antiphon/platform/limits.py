"""How many requests a caller may make: fixed windows of a minute, counted in the table, one conditional write per request at most.

A row holds one caller's minute, so no partition gets more than one caller's traffic. A request that is refused is not counted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from antiphon.platform.errors import TooMany

WINDOW = 60
"""Seconds."""
TOTAL, CREATIONS, KEYS = "total", "creations", "keys"
"""What is counted: all requests, those that make something, those with an API key."""


@dataclass(frozen=True)
class Allowance:
    """Requests a minute: all, those that make something, those with an API key."""

    requests: int
    creations: int
    key_requests: int


@dataclass(frozen=True)
class Counted:
    """``quota``: of the counter that is nearest to its end; ``left``: of it; ``reset``: seconds until the window ends."""

    quota: int
    left: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit header fields for HTTP (IETF draft 10)."""
        return {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW}',
            "RateLimit": f'"default";r={max(0, self.left)};t={self.reset}',
        }


class RateLimited(TooMany):
    def __init__(self, counted: Counted) -> None:
        super().__init__(
            f"At most {counted.quota} such requests a minute; repeat in {counted.reset} seconds.",
            retry_after=counted.reset,
        )
        self.headers = counted.headers


class Limiter(Protocol):
    def count(self, subject: str, limits: Mapping[str, int], now: datetime) -> Mapping[str, int] | None:
        """Adds one to each of these counters of the subject's minute, if all are below their limits; gives them afterwards, or None."""


def window_of(now: datetime) -> tuple[int, int]:
    """The number of the window, and the seconds until it ends."""
    seconds = now.timestamp()
    return int(seconds // WINDOW), max(1, WINDOW - int(seconds % WINDOW))


def spend(limiter: Limiter, subject: str, limits: Mapping[str, int], now: datetime) -> Counted:
    """Raises RateLimited."""
    reset = window_of(now)[1]
    found = limiter.count(subject, limits, now)
    if found is None:
        raise RateLimited(Counted(min(limits.values()), 0, reset))
    nearest = min(limits, key=lambda name: limits[name] - found[name])
    return Counted(limits[nearest], limits[nearest] - found[nearest], reset)


def network_of(address: str) -> str:
    """Who shares an allowance: an IPv4 address's /24, an IPv6 address's /64; what is no address shares one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))
