"""How much one recording may be, and cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """max_duration: seconds of audio; memory: bytes of address space of the decoder; cpu, wall: seconds that the decoder may take.

    A decoder streams, so what it needs does not grow with the recording; what would need more memory than this is an attack.
    """

    max_duration: float = 12 * 3600.0
    min_rate: int = 4_000
    max_rate: int = 384_000
    max_channels: int = 8
    max_streams: int = 16
    memory: int = 1024**3
    cpu: int = 3_600
    wall: float = 6 * 3600.0
    probe_wall: float = 20.0
