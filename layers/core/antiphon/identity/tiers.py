"""What each tier may use. The one table of limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.platform.limits import Allowance

MIB = 1024**2
DEFAULT = "free"


@dataclass(frozen=True)
class Limits:
    """creations_per_minute: requests that make something; key_requests_per_minute: of all API keys together, so that a program leaves
    its owner room; upload_bytes: of one file; audio_minutes, characters, tokens: per month; speech_characters: of one request; lane: of the queues."""

    requests_per_minute: int
    creations_per_minute: int
    key_requests_per_minute: int
    concurrent_jobs: int
    upload_bytes: int
    audio_minutes: int
    characters: int
    tokens: int
    speech_characters: int
    lane: str


TIERS: Mapping[str, Limits] = MappingProxyType(
    {
        "free": Limits(1_200, 300, 1_000, 2, 500 * MIB, 600, 500_000, 1_000_000, 200_000, "standard"),
        "premium": Limits(3_000, 900, 2_500, 10, 5_000 * MIB, 6_000, 5_000_000, 10_000_000, 1_000_000, "priority"),
        "enterprise": Limits(
            6_000, 3_000, 5_000, 50, 5_000 * MIB, 60_000, 50_000_000, 100_000_000, 5_000_000, "priority"
        ),
    }
)


def limits_of(tier: str) -> Limits:
    """An unknown tier has the limits of the smallest: a typing error must not open the doors."""
    return TIERS.get(tier, TIERS[DEFAULT])


def allowance_of(tier: str) -> Allowance:
    limits = limits_of(tier)
    return Allowance(limits.requests_per_minute, limits.creations_per_minute, limits.key_requests_per_minute)
