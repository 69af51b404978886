"""A conversation as a file: json, md, txt, csv or html, made piece by piece, so that its length does not matter.

What people and models wrote is never markup here: HTML is escaped, and a cell of CSV that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from antiphon.conversations.model import Conversation, Message
from antiphon.conversations.view import conversation_view, message_view
from antiphon.platform.clock import rfc3339

_WHO = MappingProxyType({"user": "You", "assistant": "Antiphon"})
_COLUMNS = ("id", "created_at", "role", "type", "status", "model", "input_tokens", "output_tokens", "content")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "article{margin:1.5rem 0}header{color:#666;font-size:.85rem}.text{white-space:pre-wrap;overflow-wrap:anywhere}"
    "blockquote{margin:.5rem 0;padding-inline-start:1rem;border-inline-start:3px solid #ccc;color:#444}"
)
Piece = Callable[[Conversation, Iterable[Message]], Iterator[str]]


def _json(conversation: Conversation, messages: Iterable[Message]) -> Iterator[str]:
    yield '{"conversation": ' + _dumped(conversation_view(conversation)) + ', "messages": ['
    for place, message in enumerate(messages):
        yield ("," if place else "") + "\n" + _dumped(message_view(message))
    yield "\n]}\n"


def _csv(conversation: Conversation, messages: Iterable[Message]) -> Iterator[str]:
    yield _row(_COLUMNS)
    for m in messages:
        yield _row(
            (m.id, rfc3339(m.created_at), m.role, m.type, m.status, m.model, m.tokens_in, m.tokens_out, m.content)
        )


def _md(conversation: Conversation, messages: Iterable[Message]) -> Iterator[str]:
    yield f"# {_line(conversation.title)}\n"
    for m in messages:
        yield f"\n## {_head(m)}\n\n{m.content}\n"
        for citation in m.citations:
            yield f"\n> {_line(citation.quote)}  \n> {_from(citation)}\n"


def _txt(conversation: Conversation, messages: Iterable[Message]) -> Iterator[str]:
    yield f"{_line(conversation.title)}\n"
    for m in messages:
        yield f"\n{_head(m)}\n{m.content}\n"
        for citation in m.citations:
            yield f'    "{_line(citation.quote)}" ({_from(citation)})\n'


def _html(conversation: Conversation, messages: Iterable[Message]) -> Iterator[str]:
    title = escape(_line(conversation.title))
    yield (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1 dir="auto">{title}</h1>\n'
    )
    for m in messages:
        yield f'<article id="{escape(m.id)}"><header>{escape(_head(m))}</header><div class="text" dir="auto">{escape(m.content)}</div>'
        for citation in m.citations:
            yield f'<blockquote dir="auto">{escape(_line(citation.quote))}<br><small>{escape(_from(citation))}</small></blockquote>'
        yield "</article>\n"
    yield "</body></html>\n"


FORMATS: Mapping[str, tuple[str, Piece]] = MappingProxyType(
    {
        "json": ("application/json", _json),
        "md": ("text/markdown; charset=utf-8", _md),
        "txt": ("text/plain; charset=utf-8", _txt),
        "csv": ("text/csv; charset=utf-8", _csv),
        "html": ("text/html; charset=utf-8", _html),
    }
)
"""Content type and maker of each."""


def exported(conversation: Conversation, messages: Iterable[Message], format: str) -> Iterator[bytes]:
    """messages: oldest first, read as they are taken. UTF-8."""
    for piece in FORMATS[format][1](conversation, messages):
        yield piece.encode()


def disposition(conversation: Conversation, format: str) -> str:
    """``Content-Disposition``: an attachment under the title's name (RFC 6266), in ASCII for clients that know no other."""
    name = "".join(c for c in _line(conversation.title)[:80] if c not in '/\\:*?"<>|' and c.isprintable()).strip(". ")
    return f"attachment; filename=\"conversation.{format}\"; filename*=UTF-8''{quote(name or 'conversation', safe='')}.{format}"


def _row(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(cell) for cell in cells])
    return line.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _head(message: Message) -> str:
    who = _WHO.get(message.role, message.role)
    model = f" ({message.model})" if message.model else ""
    unfinished = "" if message.status == "complete" else f" · {message.status.value}"
    return f"{who}{model} · {rfc3339(message.created_at)}{unfinished}"


def _from(citation: Any) -> str:
    where = f" at {citation.start:.1f} s" if citation.start is not None else ""
    where += f", {citation.speaker}" if citation.speaker else ""
    where += f", page {citation.page}" if citation.page is not None else ""
    return f"{citation.kind} {citation.id}{where}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
