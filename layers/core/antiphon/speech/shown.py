"""A segment as its owner wants it shown: the corrected text, the speakers by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from antiphon.engines.ports import Segment
from antiphon.speech.ports import Numbered


def corrected(numbered: Numbered, text: str | None) -> Numbered:
    if text is None:
        return numbered
    heard = numbered.segment
    return replace(numbered, segment=replace(heard, text=text), machine_text=heard.text)


def named(segment: Segment, names: Mapping[str, str]) -> Segment:
    """With the speakers' names where they have one, of its words too."""
    if not names:
        return segment
    words = tuple(replace(word, speaker=names.get(word.speaker or "", word.speaker)) for word in segment.words)
    return replace(segment, speaker=names.get(segment.speaker or "", segment.speaker), words=words)
