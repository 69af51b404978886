"""For people: plain text, one segment a line, and Markdown, one paragraph for what somebody says at a stretch."""

from __future__ import annotations

import re
from itertools import groupby

from antiphon.speech.render.model import RenderOptions, Transcript
from antiphon.speech.render.text import one_line
from antiphon.speech.render.timestamps import clock, milliseconds

_PARAGRAPH = 5
"""Segments in one paragraph at most, where one speaker goes on or none is known."""


def txt(transcript: Transcript, _: RenderOptions) -> str:
    lines = []
    for segment in transcript.segments:
        label, text = one_line(segment.speaker or ""), one_line(segment.text)
        if text:
            lines.append(f"[{label}]: {text}\n" if label else f"{text}\n")
    return "".join(lines)


def md(transcript: Transcript, _: RenderOptions) -> str:
    said = [segment for segment in transcript.segments if one_line(segment.text)]
    paragraphs = ["# Transcript\n"]
    about = [
        f"{name}: {_plain(value)}"
        for name, value in (
            ("Language", transcript.language),
            ("Duration", clock(milliseconds(transcript.duration)) if transcript.duration is not None else None),
            ("Engine", transcript.engine),
        )
        if value
    ]
    if about:
        paragraphs.append(" · ".join(about) + "\n")
    for speaker, group in groupby(said, key=lambda segment: one_line(segment.speaker or "")):
        run = list(group)
        for first in range(0, len(run), _PARAGRAPH):
            part = run[first : first + _PARAGRAPH]
            time = clock(milliseconds(part[0].start)).partition(".")[0]
            name = f" **{_plain(speaker)}:**" if speaker else ""
            paragraphs.append(f"`{time}`{name} {' '.join(_plain(one_line(s.text)) for s in part)}\n")
    return "\n".join(paragraphs)


def _plain(text: str) -> str:
    """Any ASCII punctuation may be escaped in CommonMark; these are the marks that mean something within a paragraph, or to its extensions."""
    return re.sub(r"([\\`*_\[\]<>&~|$#])", r"\\\1", text)
