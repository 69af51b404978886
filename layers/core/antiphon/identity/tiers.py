"""What each tier may use. The one table of limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.platform.limits import Allowance

MIB, GIB = 1024**2, 1024**3
DEFAULT = "free"


@dataclass(frozen=True)
class Limits:
    """creations_per_minute: requests that make something; key_requests_per_minute: of all API keys together, so that a program leaves
    its owner room; concurrent_jobs: that wait or run; running_jobs: of them, that workers of one kind have in hand; upload_bytes: of one file; storage_bytes: of all; audio_minutes, characters, tokens: per month; speech_characters: of one request; lane: of the queues."""

    requests_per_minute: int
    creations_per_minute: int
    key_requests_per_minute: int
    concurrent_jobs: int
    running_jobs: int
    upload_bytes: int
    storage_bytes: int
    audio_minutes: int
    characters: int
    tokens: int
    speech_characters: int
    lane: str


TIERS: Mapping[str, Limits] = MappingProxyType(
    {
        "free": Limits(
            requests_per_minute=1_200,
            creations_per_minute=300,
            key_requests_per_minute=1_000,
            concurrent_jobs=100,
            running_jobs=1,
            upload_bytes=500 * MIB,
            storage_bytes=20 * GIB,
            audio_minutes=600,
            characters=500_000,
            tokens=1_000_000,
            speech_characters=200_000,
            lane="standard",
        ),
        "premium": Limits(
            requests_per_minute=3_000,
            creations_per_minute=900,
            key_requests_per_minute=2_500,
            concurrent_jobs=1_000,
            running_jobs=4,
            upload_bytes=5_000 * MIB,
            storage_bytes=500 * GIB,
            audio_minutes=6_000,
            characters=5_000_000,
            tokens=10_000_000,
            speech_characters=1_000_000,
            lane="priority",
        ),
        "enterprise": Limits(
            requests_per_minute=12_000,
            creations_per_minute=3_000,
            key_requests_per_minute=10_000,
            concurrent_jobs=10_000,
            running_jobs=16,
            upload_bytes=5_000 * MIB,
            storage_bytes=10_000 * GIB,
            audio_minutes=60_000,
            characters=50_000_000,
            tokens=100_000_000,
            speech_characters=5_000_000,
            lane="priority",
        ),
    }
)


def limits_of(tier: str) -> Limits:
    """An unknown tier has the limits of the smallest: a typing error must not open the doors."""
    return TIERS.get(tier, TIERS[DEFAULT])


def allowance_of(tier: str) -> Allowance:
    limits = limits_of(tier)
    return Allowance(limits.requests_per_minute, limits.creations_per_minute, limits.key_requests_per_minute)
