"""Which marks of an answer are citations: those that stand at a passage which the model was given and, where the answer quotes, whose words the quote is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from antiphon.conversations.model import Citation
from antiphon.engines.chat import Source
from antiphon.platform.words import Word, words_in, words_of

QUOTATION = 3
"""Words from which on something between quotation marks is a quotation; fewer are a name, or doubted."""
NEIGHBOURS = 2
"""Passages before and behind the one at the mark that a quotation may reach into."""
_MARK = re.compile(r"\[(?:(?:\d{1,2}:)?\d{1,3}:\d{2}(?: [^\]\n]{1,80})?|page \d{1,5}|message|transcript|document)\]")
_QUOTED = re.compile(r'"([^"\n]+)"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|»([^«\n]+)«|「([^」\n]+)」')
_BLOCK = re.compile(r"(?:^|\n)((?:>[^\n]*\n?)+)")
_SIGNS = re.compile(r"[^\w\s]*")
_LEFT_OUT = re.compile(r"\[?(?:…|\.\.\.)\]?")


def citations_in(text: str, sources: Sequence[Source]) -> tuple[Citation, ...]:
    """In order, each once. The ``quote`` of one is what the answer quotes, as it stands in the passage; all of the passage where the answer quotes nothing.
    A mark that the model made up, or put behind words that are not there, is none."""
    at: dict[str, list[int]] = {}
    for place, source in enumerate(sources):
        at.setdefault(source.label, []).append(place)
    found: dict[Citation, None] = {}
    end, statement = 0, ""
    for match in _MARK.finditer(text):
        between = text[end : match.start()]
        # Marks side by side stand behind one statement.
        statement = _paragraph(between) if between.strip(" ,;&\n") else statement
        end = match.end()
        if cited := _cited(statement, at.get(match[0], ()), sources):
            found.setdefault(cited)
    return tuple(found)


def _paragraph(text: str) -> str:
    """The last one that says something."""
    return next((part for part in reversed(text.split("\n\n")) if part.strip()), "")


def _cited(statement: str, places: Sequence[int], sources: Sequence[Source]) -> Citation | None:
    quotation = _quotation(statement)
    if quotation:
        quotes = ((place, _quote(quotation, place, sources)) for place in places)
        return next((_citation(sources[place], quote) for place, quote in quotes if quote), None)
    # Of several passages with one mark, that which says most of what the answer says.
    said = set(words_of(statement))
    best = max(places, key=lambda place: len(said.intersection(words_of(sources[place].text))), default=None)
    return None if best is None else _citation(sources[best], sources[best].text.strip())


def _citation(source: Source, quote: str) -> Citation:
    return Citation(source.kind, source.id, quote, source.start, source.speaker, source.page)


def _quotation(statement: str) -> list[list[str]]:
    """The words of the last quotation, in stretches between what it leaves out; empty where there is none."""
    blocks = _BLOCK.findall(statement)
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(statement)]
    long = [text for text in quoted if len(words_of(text)) >= QUOTATION]
    last = re.sub(r"(?m)^> ?", "", blocks[-1]) if blocks else long[-1] if long else ""
    return [words for words in map(words_of, _LEFT_OUT.split(last)) if words]


def _quote(quotation: Sequence[Sequence[str]], place: int, sources: Sequence[Source]) -> str:
    """What of it stands in the passage at this place; empty where not all of it stands there and in its neighbours, in one piece for each stretch."""
    words = list(_around(place, sources))
    spelled = [word.text for _, word in words]
    own: list[Word] = []
    for stretch in quotation:
        starts = (n for n in range(len(words) - len(stretch) + 1) if spelled[n : n + len(stretch)] == list(stretch))
        hits = [words[start : start + len(stretch)] for start in starts]
        if not hits:
            return ""
        mine = [[word for where, word in hit if where == place] for hit in hits]
        longest = max(mine, key=len)
        own += longest
    if not own:
        return ""
    text, last = sources[place].text, max(word.end for word in own)
    # With the full stop behind it.
    signs = _SIGNS.match(text, last)
    return text[min(word.start for word in own) : signs.end() if signs else last]


def _around(place: int, sources: Sequence[Source]) -> Iterator[tuple[int, Word]]:
    """The words of a passage and its neighbours in the same thing, each with where it stands."""
    for near in range(max(0, place - NEIGHBOURS), min(len(sources), place + NEIGHBOURS + 1)):
        if (sources[near].kind, sources[near].id) == (sources[place].kind, sources[place].id):
            yield from ((near, word) for word in words_in(sources[near].text))


__all__ = ["citations_in"]
