"""What a recording says of itself, and the bounds within which we believe it.

A header may lie, so the same bounds are held once more while the recording is decoded.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from antiphon.platform.errors import MediaError

SAMPLE_RATES = range(4_000, 384_001)
CHANNELS = range(1, 9)
STREAMS = range(1, 17)
LAYOUTS: Mapping[int, str] = MappingProxyType(
    {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
)
"""By number of channels, as FFmpeg calls them."""
MAX_TAGS, MAX_TAG = 50, 500
"""Tags of one file, and characters of one."""


@dataclass(frozen=True)
class Limits:
    """``max_duration``: seconds of audio; ``max_memory``: bytes of address space of the decoding process; ``max_cpu``: seconds that it may
    compute in all; ``max_wall``: seconds that a reader waits for the probe or for the next block."""

    max_duration: float = 12 * 3600.0
    max_memory: int = 1 << 30
    max_cpu: int = 900
    max_wall: int = 60


@dataclass(frozen=True)
class Probe:
    """``duration``: seconds as declared, None where the file does not say; ``bit_rate``: bits a second of the whole file or None;
    ``streams``: of all kinds; ``tags``: see `readable`; the rest is of the audio stream that is decoded."""

    container: str
    codec: str
    duration: float | None
    sample_rate: int
    channels: int
    streams: int
    bit_rate: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """All that can be said of a recording after it was heard once. ``duration``: seconds that could be decoded; ``bit_rate``: bits a second;
    ``lufs``, ``loudness_range``: integrated loudness and range after EBU R 128; ``true_peak``: dBTP; all three None for silence.
    ``peaks``: lowest and highest value of `PEAKS` equal parts, from -127 to 127: low, high, low, high …"""

    container: str
    codec: str
    duration: float
    sample_rate: int
    channels: int
    bit_rate: int | None
    lufs: float | None
    true_peak: float | None
    loudness_range: float | None
    tags: Mapping[str, str] = field(default_factory=dict)
    peaks: tuple[int, ...] = ()


PEAKS = 800


def readable(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as they may be shown: so many, so long, and without control characters."""

    def plain(text: str) -> str:
        return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))[:MAX_TAG]

    kept = {plain(name)[:64].lower(): plain(value) for name, value in tags.items()}
    return {name: value for name, value in list(kept.items())[:MAX_TAGS] if name and value}


def check(probe: Probe, limits: Limits) -> None:
    """U-13. Raises MediaError: ``media_out_of_bounds`` or ``media_too_long``."""
    if probe.streams not in STREAMS:
        raise MediaError(
            f"The file holds {probe.streams} streams; at most {STREAMS[-1]} are accepted.", code="media_out_of_bounds"
        )
    check_sound(probe.sample_rate, probe.channels)
    check_duration(probe.duration or 0.0, limits)


def check_sound(sample_rate: int, channels: int) -> None:
    """Raises MediaError (``media_out_of_bounds``)."""
    if sample_rate not in SAMPLE_RATES:
        raise MediaError(
            f"The sample rate is {sample_rate} Hz; recordings from {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]} Hz are accepted.",
            code="media_out_of_bounds",
        )
    if channels not in CHANNELS:
        raise MediaError(
            f"The recording has {channels} channels; 1 to {CHANNELS[-1]} are accepted.", code="media_out_of_bounds"
        )


def check_duration(seconds: float, limits: Limits) -> None:
    """Raises MediaError (``media_too_long``)."""
    if seconds > limits.max_duration:
        raise MediaError(
            f"The recording is longer than {_span(limits.max_duration)}, which is the most that is accepted.",
            code="media_too_long",
        )


def _span(seconds: float) -> str:
    for length, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} seconds"
