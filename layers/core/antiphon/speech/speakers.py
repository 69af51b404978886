"""Who said it: the turns of the speakers laid over segments and words, as WhisperX does it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from antiphon.engines.ports import Segment, Turn


class Turns:
    """turns: in any order; they may overlap."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker))
        self._starts = [turn.start for turn in self._turns]
        self._longest = max((turn.end - turn.start for turn in self._turns), default=0.0)

    @property
    def speakers(self) -> tuple[str, ...]:
        """In the order in which they first speak."""
        return tuple(dict.fromkeys(turn.speaker for turn in self._turns))

    def speaker(self, start: float, end: float, *, nearest: bool = False) -> str | None:
        """Who speaks longest in that time, of two the first; without anybody None or, with ``nearest``, whose turn's middle is nearest."""
        spoken: dict[str, float] = defaultdict(float)
        first = bisect_left(self._starts, start - self._longest)
        for turn in self._turns[first : bisect_left(self._starts, end)]:
            shared = min(turn.end, end) - max(turn.start, start)
            if shared > 0:
                spoken[turn.speaker] += shared
        if spoken:
            return max(spoken, key=lambda speaker: spoken[speaker])
        if not (nearest and self._turns):
            return None
        middle = (start + end) / 2
        return min(self._turns, key=lambda turn: abs((turn.start + turn.end) / 2 - middle)).speaker

    def assign(self, segments: Sequence[Segment], *, nearest: bool = False) -> tuple[Segment, ...]:
        """A word in nobody's turn is said by whom the segment is said by."""
        assigned = []
        for segment in segments:
            speaker = self.speaker(segment.start, segment.end, nearest=nearest)
            words = tuple(
                replace(word, speaker=self.speaker(word.start, word.end, nearest=nearest) or speaker)
                for word in segment.words
            )
            assigned.append(replace(segment, speaker=speaker, words=words))
        return tuple(assigned)
