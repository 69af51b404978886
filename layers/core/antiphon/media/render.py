"""A recording through its operations into a new file, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon.media.encode import Encoder
from antiphon.media.filters import Blocks, Sound, filtered
from antiphon.media.hear import Hearing
from antiphon.media.model import Limits, Probe
from antiphon.media.operations import AnyOperation, Convert
from antiphon.media.stages import Stream, Studio, through
from antiphon.platform.errors import MediaError

LOSSY = {"mp3": "mp3", "mp3float": "mp3", "opus": "opus", "libopus": "opus", "vorbis": "opus", "aac": "aac"}
_BITS = {"mp3": 96_000, "opus": 64_000, "aac": 96_000}
"""A second and channel, where nobody says otherwise."""
_MOST_CHANNELS = {"mp3": 2}


@dataclass(frozen=True)
class Rendered:
    """``duration``: seconds written."""

    format: str
    duration: float
    warnings: tuple[str, ...]


def render(
    source: Path,
    operations: Sequence[AnyOperation],
    target: Path,
    *,
    others: Mapping[str, Path],
    lengths: Mapping[str, float],
    duration: float,
    tick: Callable[[float | None], None],
    limits: Limits | None = None,
) -> Rendered:
    """others, lengths: files and seconds of the media items that are joined. tick: called between two blocks, with the share of ``duration`` that was
    heard or None where that is not what grew; what it raises ends the work. Raises MediaError.
    """
    heard_others: list[Hearing] = []

    def hear(media_id: str, sound: Sound) -> Blocks:
        hearing = Hearing(others[media_id], limits, sound=sound)
        heard_others.append(hearing)
        return hearing

    with Hearing(source, limits) as hearing:
        studio = Studio(target.parent, hear, dict(lengths), [])

        def watched() -> Blocks:
            for block in hearing:
                tick(min(1.0, hearing.heard / max(duration, 0.001)))
                yield block

        stream = Stream(watched(), hearing.sound, duration)
        for operation in operations:
            stream = through(operation, stream, studio)
        wanted = format_of(operations, hearing.probe)
        try:
            seconds = _write(stream, wanted, bit_rate_of(operations), target, tick)
        finally:
            for each in heard_others:
                each.close()
        warnings = (*hearing.warnings, *studio.warnings)
    if seconds == 0:
        raise MediaError("Nothing is left of the recording after these operations.", code="empty_media")
    return Rendered(wanted, seconds, warnings)


def format_of(operations: Sequence[AnyOperation], probe: Probe) -> str:
    """The last that is asked for; else the recording's own, or one that loses nothing more."""
    for operation in reversed(operations):
        if isinstance(operation, Convert) and operation.format:
            return operation.format
    if probe.codec in LOSSY:
        return LOSSY[probe.codec]
    return "wav" if probe.container == "wav" else "flac"


def bit_rate_of(operations: Sequence[AnyOperation]) -> int | None:
    return next((o.bit_rate for o in reversed(operations) if isinstance(o, Convert) and o.bit_rate), None)


def _write(
    stream: Stream, format: str, bit_rate: int | None, target: Path, tick: Callable[[float | None], None]
) -> float:
    sound, blocks = stream.sound, stream.blocks
    most = _MOST_CHANNELS.get(format, sound.channels)
    if sound.channels > most:
        narrow = Sound(sound.rate, most)
        blocks, sound = filtered(blocks, sound, [], out=narrow), narrow
    bits = bit_rate or _BITS.get(format, 0) * sound.channels or None
    with Encoder(format, sound.rate, target, layout=sound.layout, bit_rate=bits) as encoder:
        for block in blocks:
            tick(None)
            encoder.write(_integers(block))
        return encoder.duration


def _integers(block: np.ndarray) -> np.ndarray:
    """int16; what came from 16 bits and was not changed comes back as it was."""
    return np.clip(np.rint(block * 32768), -32768, 32767).astype(np.int16)
