from __future__ import annotations

from dataclasses import replace

from antiphon.speech.model import Kind
from antiphon.speech.outlook import Depth
from antiphon.speech.pace import FIRST, Pace


class MemoryPaces:
    def __init__(self) -> None:
        self._paces: dict[tuple[Kind, str], Pace] = {}

    def get(self, kind: Kind, lane: str) -> Pace:
        return self._paces.get((kind, lane), FIRST[kind])

    def took(self, kind: Kind, lane: str) -> None:
        pace = self.get(kind, lane)
        self._paces[kind, lane] = replace(pace, taken=pace.taken + 1)

    def learn(self, kind: Kind, lane: str, pace: Pace) -> None:
        self._paces[kind, lane] = replace(pace, taken=self.get(kind, lane).taken)


class MemoryDepths:
    """``depths``: by kind and lane; 0 and 0 where nothing is said."""

    def __init__(self) -> None:
        self.depths: dict[tuple[Kind, str], Depth] = {}

    def depth(self, kind: Kind, lane: str) -> Depth:
        return self.depths.get((kind, lane), Depth(0, 0))
