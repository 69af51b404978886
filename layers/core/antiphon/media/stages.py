"""Each operation as a stage: blocks go in, blocks come out, and no stage holds more than a few of them.

What must have seen the end before it can give the beginning (reverse, normalize) lays the samples into a file of the work folder.
Times become samples by rounding once, so that what is trimmed, cut, joined, reversed or amplified is exact to the sample.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from antiphon.media.filters import Blocks, Meter, Sound, filtered
from antiphon.media.operations import (
    AnyOperation,
    Channels,
    Concat,
    Convert,
    Cut,
    Denoise,
    Fade,
    Gain,
    Normalize,
    Pitch,
    Reverse,
    Speed,
    Trim,
)

COMPRESSED = "The peaks left no room for the wanted loudness, so the dynamics were reduced."
_GATE = 10.0
"""LU below the loudness from which on a part does not count for it."""
_LISTENED = 30
"""Seconds from which the noise is told."""
_ABOVE_NOISE = 4.0
"""Decibels above the noise at which FFmpeg's afftdn lowers it by just what is asked for."""
_SPOOLED = 1 << 16
"""Samples that are read back at once."""
_TEMPO_STEP = 2.0
"""FFmpeg's atempo leaves samples out beyond it, so larger changes are made in steps."""


@dataclass(frozen=True)
class Stream:
    """``length``: seconds, as they are expected."""

    blocks: Blocks
    sound: Sound
    length: float


@dataclass
class Studio:
    """What the stages need: a folder for what does not fit into memory, and how to hear another media item.

    ``warnings``: complete when all blocks were taken.
    """

    folder: Path
    hear: Callable[[str, Sound], Blocks]
    lengths: dict[str, float]
    warnings: list[str]


def through(operation: AnyOperation, stream: Stream, studio: Studio) -> Stream:
    blocks, sound, length = stream.blocks, stream.sound, stream.length
    match operation:
        case Trim(start=start, end=end):
            kept = length if end is None else min(end, length)
            return Stream(
                _between(blocks, _at(start, sound), None if end is None else _at(end, sound)), sound, kept - start
            )
        case Cut(start=start, end=end):
            removed = min(end, length) - start
            return Stream(_without(blocks, _at(start, sound), _at(end, sound)), sound, length - removed)
        case Concat(media_ids=ids):
            added = sum(studio.lengths[each] for each in ids)
            return Stream(_joined(blocks, sound, ids, studio), sound, length + added)
        case Fade(fade_in=fade_in, fade_out=fade_out):
            return replace(stream, blocks=_faded(blocks, _at(fade_in, sound), _at(fade_out, sound)))
        case Gain(db=db):
            return replace(stream, blocks=_amplified(blocks, 10 ** (db / 20)))
        case Normalize():
            return replace(stream, blocks=_normalized(blocks, sound, operation, studio))
        case Denoise(reduction_db=reduction):
            return replace(stream, blocks=_denoised(blocks, sound, reduction))
        case Speed(factor=factor):
            return Stream(_stretched(blocks, sound, _tempo(factor), factor), sound, length / factor)
        case Pitch(semitones=semitones):
            return replace(stream, blocks=_stretched(blocks, sound, _shifted(semitones, sound), 1.0))
        case Reverse():
            return replace(stream, blocks=_reversed(blocks, sound, studio))
        case Channels(to=to):
            return _mixed(stream, to)
        case Convert(sample_rate=rate, channels=channels):
            if channels and channels != sound.channels:
                stream = _mixed(stream, "mono" if channels == 1 else "stereo")
            if rate and rate != sound.rate:
                out = replace(stream.sound, rate=rate)
                stream = Stream(filtered(stream.blocks, stream.sound, [], out=out), out, length)
    return stream


def _at(seconds: float, sound: Sound) -> int:
    return round(seconds * sound.rate)


def _between(blocks: Blocks, first: int, end: int | None) -> Iterator[np.ndarray]:
    position = 0
    for block in blocks:
        kept = block[max(0, first - position) : None if end is None else max(0, end - position)]
        position += len(block)
        if len(kept):
            yield kept
        if end is not None and position >= end:
            return


def _without(blocks: Blocks, first: int, end: int) -> Iterator[np.ndarray]:
    position = 0
    for block in blocks:
        for kept in (block[: max(0, first - position)], block[max(0, end - position) :]):
            if len(kept):
                yield kept
        position += len(block)


def _joined(blocks: Blocks, sound: Sound, ids: tuple[str, ...], studio: Studio) -> Iterator[np.ndarray]:
    yield from blocks
    for each in ids:
        yield from studio.hear(each, sound)


def _amplified(blocks: Blocks, factor: float) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block * np.float32(factor)


def _faded(blocks: Blocks, fade_in: int, fade_out: int) -> Iterator[np.ndarray]:
    """Linear. The end is known only when it came: what may belong to the fade waits until then."""
    position = 0
    waiting: list[np.ndarray] = []
    held = 0

    def faded_in(block: np.ndarray) -> np.ndarray:
        if position >= fade_in:
            return block
        ramp = np.minimum(1, (position + np.arange(len(block), dtype=np.float64)) / fade_in)
        return (block * ramp[:, None]).astype(np.float32)

    for block in blocks:
        waiting.append(faded_in(block))
        position += len(block)
        held += len(block)
        while waiting and held - len(waiting[0]) >= fade_out:
            held -= len(waiting[0])
            yield waiting.pop(0)
    ahead = held
    for block in waiting:
        # The last sample is silent, the one that is fade_out before the end is whole.
        ramp = np.minimum(1, (ahead - 1 - np.arange(len(block), dtype=np.float64)) / max(1, fade_out))
        yield (block * ramp[:, None]).astype(np.float32)
        ahead -= len(block)


def _stretched(blocks: Blocks, sound: Sound, filters: list[tuple[str, str]], factor: float) -> Iterator[np.ndarray]:
    """Exactly as long as it should be: the filters keep back what lies in their last window, unless silence pushes it out."""
    taken, ended = 0, False

    def pushed() -> Iterator[np.ndarray]:
        nonlocal taken, ended
        for block in blocks:
            taken += len(block)
            yield block
        ended = True
        yield np.zeros((sound.rate, sound.channels), np.float32)

    given = 0
    for block in filtered(pushed(), sound, filters):
        kept = block[: max(0, round(taken / factor) - given)] if ended else block
        given += len(kept)
        if len(kept):
            yield kept


def _denoised(blocks: Blocks, sound: Sound, reduction: float) -> Iterator[np.ndarray]:
    """What is noise is told from the quietest moments of the beginning: FFmpeg's own guess lies far from it."""
    rest = iter(blocks)
    heard: list[np.ndarray] = []
    while sum(map(len, heard)) < _LISTENED * sound.rate and (block := next(rest, None)) is not None:
        heard.append(block)
    if not heard:
        return
    floor = min(-20.0, max(-80.0, _quietest(np.concatenate(heard), sound) + _ABOVE_NOISE))
    options = f"nr={reduction}:nf={floor:.1f}"
    yield from filtered(chain(heard, rest), sound, [("afftdn", options)])


def _quietest(samples: np.ndarray, sound: Sound) -> float:
    """Decibels below full scale in the quietest tenth of all moments that are not digitally silent."""
    moment = max(1, sound.rate // 20)
    whole = len(samples) // moment * moment
    power = (samples[:whole].astype(np.float64) ** 2).reshape(-1, moment * sound.channels).mean(axis=1)
    heard = power[power > 1e-10]
    return 10 * math.log10(float(np.percentile(heard, 10))) if len(heard) else -80.0


def _tempo(factor: float) -> list[tuple[str, str]]:
    steps = max(1, math.ceil(abs(math.log(factor, _TEMPO_STEP)) - 1e-9))
    return [("atempo", f"{factor ** (1 / steps):.9f}")] * steps


def _shifted(semitones: float, sound: Sound) -> list[tuple[str, str]]:
    """Played at another rate, which changes pitch and speed, and the speed brought back."""
    played = round(sound.rate * 2 ** (semitones / 12))
    return [("asetrate", str(played)), ("aresample", str(sound.rate)), *_tempo(sound.rate / played)]


class _Spool:
    """Samples in a file that has no name."""

    def __init__(self, folder: Path, channels: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the context
        self._width = 4 * channels
        self._channels = channels
        self.samples = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.close()

    def append(self, block: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(block, "<f4").tobytes())
        self.samples += len(block)

    def read(self, first: int, count: int) -> np.ndarray:
        self._file.seek(first * self._width)
        return np.frombuffer(self._file.read(count * self._width), "<f4").reshape(-1, self._channels)

    def forward(self) -> Iterator[np.ndarray]:
        for first in range(0, self.samples, _SPOOLED):
            yield self.read(first, min(_SPOOLED, self.samples - first))

    def backward(self) -> Iterator[np.ndarray]:
        for end in range(self.samples, 0, -_SPOOLED):
            first = max(0, end - _SPOOLED)
            yield self.read(first, end - first)[::-1]


def _reversed(blocks: Blocks, sound: Sound, studio: Studio) -> Iterator[np.ndarray]:
    with _Spool(studio.folder, sound.channels) as spool:
        for block in blocks:
            spool.append(block)
        yield from spool.backward()


def _normalized(blocks: Blocks, sound: Sound, wanted: Normalize, studio: Studio) -> Iterator[np.ndarray]:
    """One gain for all where the peaks allow it; else FFmpeg's loudnorm, which follows the loudness as it goes."""
    with _Spool(studio.folder, sound.channels) as spool:
        meter = Meter(sound)
        for block in blocks:
            spool.append(block)
            meter.show(block)
        found = meter.loudness()
        if found.lufs is None or found.true_peak is None:  # nothing to hear, nothing to make louder
            yield from spool.forward()
        elif found.true_peak + (gain := wanted.lufs - found.lufs) <= wanted.true_peak:
            yield from _amplified(spool.forward(), 10 ** (gain / 20))
        else:
            studio.warnings.append(COMPRESSED)
            options = f"I={wanted.lufs}:TP={wanted.true_peak}:LRA=11:measured_I={found.lufs}:linear=false"
            options += f":measured_TP={found.true_peak}:measured_LRA={found.range}"
            options += f":measured_thresh={found.lufs - _GATE:.2f}"
            yield from _between(filtered(spool.forward(), sound, [("loudnorm", options)]), 0, spool.samples)


def _mixed(stream: Stream, to: str) -> Stream:
    """To mono: the mean of all channels, which cannot clip."""
    channels = stream.sound.channels
    match to:
        case "mono":
            mix = np.full((channels, 1), 1 / channels)
        case "left":
            mix = np.eye(channels, 1)
        case "right":
            mix = np.eye(channels, 1, k=-min(1, channels - 1))
        case "swap" if channels == 2:
            mix = np.eye(2)[::-1]
        case "stereo" if channels == 1:
            mix = np.ones((1, 2))
        case "stereo" if channels > 2:
            out = replace(stream.sound, channels=2)
            return replace(stream, blocks=filtered(stream.blocks, stream.sound, [], out=out), sound=out)
        case _:
            return stream
    mixed = (block @ mix.astype(np.float32) for block in stream.blocks)
    return replace(stream, blocks=mixed, sound=replace(stream.sound, channels=mix.shape[1]))
