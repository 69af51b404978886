"""A transcript in the formats that people and programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from antiphon.platform.errors import Field, Invalid
from antiphon.speech.render.model import IndexedSegment, Rendered, RenderOptions, Transcript
from antiphon.speech.render.prose import md, txt
from antiphon.speech.render.subtitles import srt, vtt
from antiphon.speech.render.tables import audacity, tsv
from antiphon.speech.render.whole import json_text

__all__ = ["FORMATS", "IndexedSegment", "RenderOptions", "Rendered", "Transcript", "render"]

FORMATS: Mapping[str, tuple[Callable[[Transcript, RenderOptions], str], str]] = MappingProxyType(
    {
        "json": (json_text, "application/json"),
        "txt": (txt, "text/plain; charset=utf-8"),
        "srt": (srt, "application/x-subrip; charset=utf-8"),
        "vtt": (vtt, "text/vtt; charset=utf-8"),
        "tsv": (tsv, "text/tab-separated-values; charset=utf-8"),
        "aud": (audacity, "text/plain; charset=utf-8"),
        "md": (md, "text/markdown; charset=utf-8"),
    }
)
"""Of each format: how it is written, and its content type. The name is the file extension too."""


def render(format: str, transcript: Transcript, options: RenderOptions | None = None) -> Rendered:
    """Raises Invalid for an unknown format (the sentence lists them) or an option below 1."""
    options = options or RenderOptions()
    if format not in FORMATS:
        raise Invalid(
            f"The format {format!r} is not one of {', '.join(FORMATS)}.",
            fields=(Field("format", f"is one of {', '.join(FORMATS)}"),),
        )
    for name in ("max_line_width", "max_line_count"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise Invalid(f"{name} must be at least 1.", fields=(Field(name, "is at least 1"),))
    write, content_type = FORMATS[format]
    if not options.speaker_labels and format != "json":
        segments = tuple(replace(segment, speaker=None) for segment in transcript.segments)
        transcript = replace(transcript, segments=segments)
    return Rendered(write(transcript, options), content_type, format)
