"""What is to be said, out of what was sent: plain text, Markdown or SSML."""

from __future__ import annotations

import re

from antiphon.platform.errors import EngineError

MAX_BYTES = 20 * 1024**2
_MARKDOWN = re.compile(r"\.(md|markdown)$", re.IGNORECASE)
_SSML = re.compile(r"\.(ssml|xml)$", re.IGNORECASE)


def text_of(body: bytes, *, content_type: str | None, filename: str | None) -> str:
    """Raises EngineError ``text_empty``, ``text_unreadable``, ``text_too_long``."""
    if len(body) > MAX_BYTES:
        raise EngineError(f"The text has more than {MAX_BYTES:,} bytes.", code="text_too_long")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EngineError(
            "The text is not UTF-8; save it as UTF-8 and send it again.", code="text_unreadable"
        ) from error
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind == "text/markdown" or _MARKDOWN.search(filename or ""):
        text = _markdown(text)
    elif kind == "application/ssml+xml" or _SSML.search(filename or "") or text.lstrip().startswith("<speak"):
        text = _ssml(text)
    if not text.strip():
        raise EngineError("There is nothing to say in this text.", code="text_empty")
    return text


def _markdown(text: str) -> str:
    """The words a reader would see: code blocks, addresses and images' targets are left out."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    lines = ["".join(_inline(child) for child in token.children or ()) for token in tokens if token.type == "inline"]
    return "\n\n".join(line for line in lines if line.strip())


def _inline(token: object) -> str:
    kind = getattr(token, "type", "")
    if kind in ("softbreak", "hardbreak"):
        return "\n"
    return getattr(token, "content", "") if kind in ("text", "code_inline", "image") else ""


def _ssml(text: str) -> str:
    """The words in the tags. Entities that would make a document grow, or read a file, are refused."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise EngineError("The SSML cannot be read; check that every tag is closed.", code="text_unreadable") from error
    return " ".join(" ".join(root.itertext()).split())
