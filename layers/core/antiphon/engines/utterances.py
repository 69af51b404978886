"""Where a recording may be cut: pauses, found by PocketSphinx's endpointer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from antiphon.engines.ports import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


_PAD = _samples(0.15)
_ONSET = _samples(0.5)
_SHORTEST = _samples(1.0)
_SEARCH = _samples(10.0)
_QUIET = _samples(0.1)


@dataclass(frozen=True)
class Cut:
    """end: samples of this chunk; utterances: (start, end) in samples, ordered, apart, all before ``end``."""

    LONGEST: ClassVar[int] = _samples(30.0)

    end: int
    utterances: tuple[tuple[int, int], ...]


def cut_chunk(pcm: NDArray[np.int16], *, is_last: bool) -> Cut:
    """Cut the next chunk from the beginning of ``pcm`` (int16, 16 kHz): all of it when it is the last, else up to a pause, and
    where nobody pauses at the quietest moment of its last 10 s."""
    spoken, open_since = _speech(pcm, is_last=is_last)
    size = len(pcm)
    if is_last:
        end = size
    elif open_since is None:
        # Speech that has just begun is seen only when it has filled the endpointer's window.
        end = max([size - _ONSET, *(stop for _, stop in spoken)])
    elif open_since >= _SHORTEST:
        end = max([open_since - _PAD, *(stop for _, stop in spoken)])
    else:
        end = _quietest(pcm)
        spoken.append((open_since, end))
    return Cut(end, _padded(spoken, end))


def _speech(pcm: NDArray[np.int16], *, is_last: bool) -> tuple[list[tuple[int, int]], int | None]:
    """Finished stretches of speech, and where one that has not ended began."""
    from pocketsphinx import Endpointer

    endpointer = Endpointer()
    step = endpointer.frame_bytes // 2
    spoken: list[tuple[int, int]] = []
    is_open = False
    for at in range(0, len(pcm) - step + 1, step):
        heard = endpointer.process(pcm[at : at + step].tobytes())
        is_open = endpointer.in_speech
        if heard is not None and not is_open:
            spoken.append((_samples(endpointer.speech_start), _samples(endpointer.speech_end)))
    if not is_open:
        return spoken, None
    began = _samples(endpointer.speech_start)
    return ([*spoken, (began, len(pcm))], None) if is_last else (spoken, began)


def _quietest(pcm: NDArray[np.int16]) -> int:
    """The middle of the quietest tenth of a second near the end."""
    energy = np.cumsum(pcm[-_SEARCH:].astype(np.int64) ** 2)
    return len(pcm) - len(energy) + int(np.argmin(energy[_QUIET:] - energy[:-_QUIET])) + _QUIET // 2


def _padded(spoken: list[tuple[int, int]], end: int) -> tuple[tuple[int, int], ...]:
    """Widened by a little silence, which the decoder likes, but never into a neighbour."""
    bounds = [
        0,
        *(min(end, (stop + start) // 2) for (_, stop), (start, _) in pairwise(spoken)),
        end,
    ]
    return tuple(
        (max(low, start - _PAD), min(high, stop + _PAD))
        for (start, stop), low, high in zip(spoken, bounds, bounds[1:], strict=False)
    )
