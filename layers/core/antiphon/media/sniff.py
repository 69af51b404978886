"""What a file is, by its first bytes and never by its name. Light: no decoder, no numpy."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from filetype import guess

ENOUGH = 65_536
"""Bytes; more are not looked at."""

_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\f\r\x1b"))
_DOCUMENTS_OF_TEXT = (b"%PDF-", b"{\\rtf")
_RATES = ((44_100, 48_000, 32_000), (22_050, 24_000, 16_000), (11_025, 12_000, 8_000))
_KBITS = {
    ("1", 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ("1", 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    ("2", 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    ("2", 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Of MPEG audio, by version (2 also for 2.5) and layer."""


@dataclass(frozen=True)
class Sniffed:
    """``unknown``: only the decoder can tell."""

    kind: Literal["audio", "video", "text", "other", "unknown"]
    mime: str | None = None


def sniff(head: bytes) -> Sniffed:
    """head: the file from its first byte on, up to 64 KB of it. Media containers may hold sound, pictures or both: the decoder looks inside."""
    head = head[:ENOUGH]
    if not head:
        return Sniffed("unknown")
    if _is_text(head):
        # Two letters of a sentence are enough to look like a bitmap or a program: text goes first.
        document = guess(head) if head.startswith(_DOCUMENTS_OF_TEXT) else None
        return Sniffed("other", document.mime) if document else Sniffed("text", "text/plain")
    if mime := _container(head):
        return Sniffed("audio" if mime.startswith("audio/") else "video", mime)
    known = guess(head)
    if known is None:
        return Sniffed("audio", "audio/mpeg") if _is_mpeg_audio(head) else Sniffed("unknown")
    if known.mime.startswith("audio/"):
        return Sniffed("audio", known.mime)
    if known.mime.startswith("video/"):
        return Sniffed("video", known.mime)
    return Sniffed("other", known.mime)


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut by the end of ``head``."""
    if head.translate(None, _CONTROLS) != head:
        return False
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < ENOUGH)
    except UnicodeDecodeError:
        return False
    return not any("\x80" <= c <= "\x9f" for c in text)


def _container(head: bytes) -> str | None:
    """Accepted containers that ``filetype`` does not know or takes for something else."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "audio/wav"
    if head.startswith(b"OggS"):
        return "audio/ogg"
    if head.startswith((b"#!AMR\n", b"#!AMR_MC1.0\n")):
        return "audio/amr"
    if head.startswith((b"#!AMR-WB\n", b"#!AMR-WB_MC1.0\n")):
        return "audio/amr-wb"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[4:8] == b"ftyp" and head[8:12] in (b"M4A ", b"M4B "):
        return "audio/mp4"
    # All other brands of this family that are no pictures; heif and avif are left to filetype.
    if head[4:8] == b"ftyp" and head[8:12] not in (
        b"heic",
        b"heix",
        b"hevc",
        b"mif1",
        b"msf1",
        b"avif",
        b"avis",
        b"crx ",
    ):
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        return "video/quicktime"
    return None


def _is_mpeg_audio(head: bytes) -> bool:
    """Two frame headers, the second where the first says that it ends."""
    length = _mpeg_frame(head)
    return length is not None and _mpeg_frame(head[length:]) is not None


def _mpeg_frame(at: bytes) -> int | None:
    """Bytes of the frame of layer II or III that begins here."""
    if len(at) < 4 or at[0] != 0xFF or at[1] & 0xE0 != 0xE0:
        return None
    version, layer = at[1] >> 3 & 3, 4 - (at[1] >> 1 & 3)
    kbit, rate, padding = at[2] >> 4, at[2] >> 2 & 3, at[2] >> 1 & 1
    if version == 1 or layer not in (2, 3) or kbit in (0, 15) or rate == 3:
        return None
    first = version == 3
    hertz = _RATES[{3: 0, 2: 1, 0: 2}[version]][rate]
    bits = _KBITS["1" if first else "2", layer][kbit - 1] * 1000
    return (144 if first or layer == 2 else 72) * bits // hertz + padding
