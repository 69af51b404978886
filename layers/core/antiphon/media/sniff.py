"""What a file is, told from its first bytes and never from its name. Light enough for a function: the true probe is the worker's."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["audio", "video", "text", "other", "unknown"]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# Containers that the library does not tell: Matroska whose document type lies deep, QuickTime without "ftyp", AMR-WB, MPEG audio in the rarer layers.
_MATROSKA = b"\x1a\x45\xdf\xa3"
_QUICKTIME = (b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot")


@dataclass(frozen=True)
class Sniffed:
    """kind ``unknown``: binary that nobody recognises, for the worker to try; ``mime``: where it is known."""

    kind: Kind
    mime: str | None = None


def sniff(head: bytes) -> Sniffed:
    """head: the first bytes of the file, up to 64 KiB. Playlists and manifests are text, whatever they point to."""
    import filetype

    if head.startswith(_MATROSKA):
        return Sniffed("video", "video/x-matroska")
    if head.startswith(b"#!AMR-WB\n"):
        return Sniffed("audio", "audio/amr-wb")
    if head[4:8] in _QUICKTIME:
        return Sniffed("video", "video/quicktime")
    if _is_text(head):
        return Sniffed("text", "text/plain")
    found = filetype.guess(head)
    if found is None:
        return Sniffed("unknown")
    family = found.mime.split("/")[0]
    return Sniffed(family if family in ("audio", "video") else "other", found.mime)


def _is_text(head: bytes) -> bool:
    if not head:
        return False
    try:
        # The last character may be cut in two: an incremental decoder waits for its rest.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(text)
