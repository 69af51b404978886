"""What is to be said, out of what was sent: plain text with marks of ours, Markdown or SSML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from antiphon.platform.errors import EngineError
from antiphon.speech.script import Reading

MAX_BYTES = 20 * 1024**2
FORMATS = ("auto", "text", "markdown", "ssml")
_MARKDOWN = re.compile(r"\.(md|markdown)$", re.IGNORECASE)
_SSML = re.compile(r"\.(ssml|xml)$", re.IGNORECASE)
_SPEAK = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<speak[\s>/]", re.DOTALL)


def read(
    body: bytes,
    *,
    content_type: str | None,
    filename: str | None,
    input_format: str | None = None,
    knows: Callable[[str], bool],
) -> Reading:
    """input_format: of ``FORMATS``, ``auto`` by None; knows: whether there is such a voice. Raises EngineError ``text_empty``, ``text_unreadable``, ``text_too_long``, ``unknown_voice``."""
    if len(body) > MAX_BYTES:
        raise EngineError(f"The text has more than {MAX_BYTES:,} bytes.", code="text_too_long")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EngineError(
            "The text is not UTF-8; save it as UTF-8 and send it again.", code="text_unreadable"
        ) from error
    reading = Reading(knows)
    match format_of(text, content_type, filename, input_format):
        case "markdown":
            from antiphon.speech.markdown import read_markdown

            read_markdown(text, reading)
        case "ssml":
            from antiphon.speech.ssml import read_ssml

            read_ssml(text, reading)
        case _:
            from antiphon.speech.marked import read_marked

            read_marked(text, reading)
    reading.close()
    if not any(c.isalnum() or unicodedata.category(c).startswith("S") for c in reading.text):
        raise EngineError("There is nothing to say in this text.", code="text_empty")
    return reading


def format_of(text: str, content_type: str | None, filename: str | None, wanted: str | None = None) -> str:
    """``text``, ``markdown`` or ``ssml``: what was asked for, else by type, by name, or SSML by its first tag."""
    if wanted and wanted != "auto":
        return wanted
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind == "text/markdown" or _MARKDOWN.search(filename or ""):
        return "markdown"
    if kind == "application/ssml+xml" or _SSML.search(filename or "") or _SPEAK.match(text):
        return "ssml"
    return "text"
