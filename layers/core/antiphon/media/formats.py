"""The formats that speech is given out in, for everyone who must name one: API, worker and encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Format:
    """``extension``: of a file name, without the dot; ``pcm`` is signed 16 bit, little-endian, without a header."""

    name: str
    content_type: str
    extension: str


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        format.name: format
        for format in (
            Format("mp3", "audio/mpeg", "mp3"),
            Format("opus", "audio/ogg", "opus"),
            Format("aac", "audio/aac", "aac"),
            Format("flac", "audio/flac", "flac"),
            Format("wav", "audio/wav", "wav"),
            Format("pcm", "audio/pcm", "pcm"),
        )
    }
)
