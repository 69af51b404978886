"""Markdown as a reader says it: the words, with a stop after each block; no addresses, no code blocks."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote

from antiphon.speech.marked import read_marked
from antiphon.speech.script import Reading

if TYPE_CHECKING:
    from markdown_it.token import Token

_PHONEMES = re.compile(r"/([^()/\n]*[^\x00-\x7f()/\n][^()/\n]*)/")
"""As the target of a link. ``/about/`` is an address: of phonemes, one at least is no ASCII letter, and if it is the mark of stress."""
_TAGS = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>", re.DOTALL)


def read_markdown(text: str, reading: Reading) -> None:
    """Marks as in plain text. Raises EngineError ``unknown_voice``."""
    from markdown_it import MarkdownIt

    left_out: Counter[str] = Counter()
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline":
            _inline(token.children or [], reading)
            reading.say("\n\n")
        elif token.type in ("fence", "code_block"):
            left_out["code block"] += 1
        elif token.type == "html_block":
            read_marked(_TAGS.sub(" ", token.content), reading)
            reading.say("\n\n")
    for what, count in left_out.items():
        reading.warn(f"{count} {what}{'s are' if count > 1 else ' is'} not said.")


def _inline(tokens: list[Token], reading: Reading) -> None:
    """Text is gathered before it is read, as the parser cuts it at brackets."""
    said: list[str] = []
    words: list[str] | None = None
    phonemes = ""
    for token in tokens:
        into = said if words is None else words
        if token.type == "link_open":
            found = _PHONEMES.fullmatch(unquote(str(token.attrGet("href") or "")))
            if found:
                words, phonemes = [], found[1]
        elif token.type == "link_close" and words is not None:
            word, words = "".join(words), None
            read_marked("".join(said), reading)
            said.clear()
            reading.say(word, phonemes)
        elif token.type in ("softbreak", "hardbreak"):
            into.append("\n")
        elif token.type in ("text", "code_inline", "image"):
            into.append(token.content)
    read_marked("".join(said + (words or [])), reading)
