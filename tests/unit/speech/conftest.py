from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from antiphon.identity.ports import Standing
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.request import Caller
from antiphon.speech.arrive import Arrival, Arrive
from antiphon.speech.memory import MemoryJobStore, MemoryObjects
from antiphon.speech.remove import Remove
from antiphon.speech.submit import Submit

UPLOADS, RESULTS = "uploads-bucket", "results-bucket"
ANNA = Caller("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "free")
BORIS = Caller("usr_01BX5ZZKBKACTAV9WEVGEMMVRZ", "premium")


def wav(samples: int = 1600) -> bytes:
    """A second's tenth of silence, 16 kHz mono."""
    data = b"\0\0" * samples
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 4 + len(form) + 8 + len(data))
        + b"WAVE"
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


@dataclass
class KnownUsers:
    tiers: dict[str, str] = field(default_factory=lambda: {ANNA.user_id: "free", BORIS.user_id: "premium"})
    defaults: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    def tier_of(self, user_id: str) -> str | None:
        return self.tiers.get(user_id)

    def standing(self, user_id: str) -> Standing:
        return "here" if user_id in self.tiers else "erased" if user_id in self.erased else "unknown"

    def defaults_of(self, user_id: str) -> Mapping[str, Any]:
        return self.defaults.get(user_id, {})


class Desk:
    """All use cases around one set of fakes."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.jobs, self.media, self.objects = MemoryJobStore(), MemoryMediaStore(), MemoryObjects()
        self.users, self.audit = KnownUsers(), MemoryAuditLog()
        self.submit = Submit(
            jobs=self.jobs, media=self.media, objects=self.objects, uploads_bucket=UPLOADS, clock=clock
        )
        self.arrive = Arrive(
            jobs=self.jobs, media=self.media, objects=self.objects, users=self.users, audit=self.audit, clock=clock
        )
        self.remove = Remove(
            jobs=self.jobs, objects=self.objects, uploads_bucket=UPLOADS, results_bucket=RESULTS, clock=clock
        )
        self._sequencer = 0

    def put(self, key: str, body: bytes, **metadata: str) -> Arrival:
        self.objects.put(UPLOADS, key, body, content_type="application/octet-stream", metadata=metadata)
        self._sequencer += 1
        version = self.objects.objects[UPLOADS, key].version
        return Arrival(UPLOADS, key, self.clock(), f"{self._sequencer:016X}", version)

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(key for _, key in self.objects.objects if key.startswith(prefix))

    @property
    def events(self) -> list[str]:
        return [e.type for e in self.jobs.events]


@pytest.fixture
def desk(clock: Any) -> Desk:
    return Desk(clock)
