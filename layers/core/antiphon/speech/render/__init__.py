"""A transcript in the formats that people and programs read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType

from antiphon.platform.errors import Field, Invalid
from antiphon.speech.render.cues import cues, frames, plain
from antiphon.speech.render.model import IndexedSegment, Rendered, RenderOptions, Transcript

Writer = Callable[[Transcript, RenderOptions], str]


def clock(seconds: float, mark: str) -> str:
    """``01:02:03.456``: rounded as a whole, so that no part overflows. mark: between seconds and milliseconds."""
    total = max(0, round(seconds * 1000))
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"


def _json(transcript: Transcript, _: RenderOptions) -> str:
    return json.dumps(asdict(transcript), ensure_ascii=False)


def _txt(transcript: Transcript, _: RenderOptions) -> str:
    return "".join(f"{_labelled(s)}\n" for s in transcript.segments if plain(s.text))


def _srt(transcript: Transcript, options: RenderOptions) -> str:
    shown = [frame for cue in cues(transcript, options) for frame in frames(cue, options, str)]
    return "".join(
        f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text}\n\n" for number, (start, end, text) in enumerate(shown, start=1)
    )


def _vtt(transcript: Transcript, options: RenderOptions) -> str:
    shown = [frame for cue in cues(transcript, options) for frame in frames(cue, options, _escaped)]
    return "WEBVTT\n\n" + "".join(f"{clock(start, '.')} --> {clock(end, '.')}\n{text}\n\n" for start, end, text in shown)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tsv(transcript: Transcript, _: RenderOptions) -> str:
    rows = [(round(max(0, s.start) * 1000), round(max(0, s.start, s.end) * 1000), plain(s.text)) for s in transcript.segments]
    return "start\tend\ttext\n" + "".join(f"{start}\t{end}\t{text}\n" for start, end, text in rows)


def _aud(transcript: Transcript, _: RenderOptions) -> str:
    """Labels for Audacity: seconds, seconds, text."""
    return "".join(f"{max(0, s.start):.6f}\t{max(0, s.start, s.end):.6f}\t{_labelled(s)}\n" for s in transcript.segments)


def _md(transcript: Transcript, _: RenderOptions) -> str:
    facts = [("Language", transcript.language), ("Engine", transcript.engine)]
    if transcript.duration is not None:
        facts.insert(0, ("Duration", clock(transcript.duration, ".")))
    head = "# Transcript\n\n" + "".join(f"- {name}: {value}\n" for name, value in facts if value)
    lines = [
        f"**{clock(s.start, '.')}**{f' **{_quoted(plain(s.speaker))}**' if s.speaker else ''} {_quoted(plain(s.text))}\n"
        for s in transcript.segments
        if plain(s.text)
    ]
    return head + "\n" + "\n".join(lines)


def _quoted(text: str) -> str:
    """Spoken words are words, whatever they would mean in Markdown or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|~&" else c for c in text)


def _labelled(segment: IndexedSegment) -> str:
    return f"[{plain(segment.speaker)}]: {plain(segment.text)}" if segment.speaker else plain(segment.text)


FORMATS: Mapping[str, tuple[Writer, str]] = MappingProxyType(
    {
        "json": (_json, "application/json"),
        "txt": (_txt, "text/plain; charset=utf-8"),
        "srt": (_srt, "application/x-subrip; charset=utf-8"),
        "vtt": (_vtt, "text/vtt; charset=utf-8"),
        "tsv": (_tsv, "text/tab-separated-values; charset=utf-8"),
        "aud": (_aud, "text/plain; charset=utf-8"),
        "md": (_md, "text/markdown; charset=utf-8"),
    }
)


def render(format: str, transcript: Transcript, options: RenderOptions | None = None) -> Rendered:
    """Raises Invalid for an unknown format."""
    if format not in FORMATS:
        raise Invalid("There is no such format.", fields=(Field("format", f"Choose one of {', '.join(FORMATS)}."),))
    write, content_type = FORMATS[format]
    return Rendered(write(transcript, options or RenderOptions()), content_type, format)


__all__ = ["FORMATS", "IndexedSegment", "RenderOptions", "Rendered", "Transcript", "render"]
