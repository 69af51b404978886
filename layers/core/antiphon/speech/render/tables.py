"""Whisper's tsv (milliseconds) and WhisperX's label track for Audacity (seconds)."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon.speech.render.model import IndexedSegment, RenderOptions, Transcript
from antiphon.speech.render.text import one_line
from antiphon.speech.render.timestamps import span


def tsv(transcript: Transcript, _: RenderOptions) -> str:
    rows = (f"{start}\t{end}\t{one_line(segment.text)}\n" for segment, start, end in _rows(transcript))
    return "start\tend\ttext\n" + "".join(rows)


def audacity(transcript: Transcript, _: RenderOptions) -> str:
    lines = []
    for segment, start, end in _rows(transcript):
        label = one_line(segment.speaker or "")
        speaker = f"[[{label}]]" if label else ""
        # Six decimals, as Audacity itself exports them.
        lines.append(f"{start / 1000:.6f}\t{end / 1000:.6f}\t{speaker}{one_line(segment.text)}\n")
    return "".join(lines)


def _rows(transcript: Transcript) -> Iterator[tuple[IndexedSegment, int, int]]:
    for segment in transcript.segments:
        yield segment, *span(segment.start, segment.end)
