"""``search``: passages of the user's own messages, transcripts and documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from antiphon.engines.chat import Source
from antiphon.runs.model import MAX_RESULT, Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, schema_of
from antiphon.search.find import Find
from antiphon.search.model import Hit, Kind, Query

HITS = 6
_PLACES = {"messages": Kind.MESSAGE, "transcripts": Kind.TRANSCRIPT, "documents": Kind.DOCUMENT}


class SearchArguments(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=300, description="Words that stand in what is looked for.")]
    places: list[Literal["messages", "transcripts", "documents"]] = Field(
        default_factory=list, description="Where to look; everywhere if left out.", max_length=3
    )


class SearchTool:
    name = "search"
    description = "Finds passages in the user's own messages, transcripts and documents by words."
    parameters = schema_of(SearchArguments)

    def __init__(self, find: Find) -> None:
        self._find = find

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        asked = parsed(SearchArguments, arguments)
        kinds = tuple(_PLACES[place] for place in dict.fromkeys(asked.places)) or tuple(Kind)
        query = Query(asked.query, kinds)
        hits = [hit for hit in self._find.by_words(run.user_id, query, HITS).items if hit.part.id != run.message_id]
        if not hits:  # nothing has all of the words
            by_key: dict[str, Hit] = {}
            for term in sorted(query.terms, key=len, reverse=True)[:4]:
                for hit in self._find.by_words(run.user_id, Query(term, kinds), HITS).items:
                    if hit.part.id != run.message_id:
                        by_key.setdefault(hit.part.key, hit)
            hits = sorted(by_key.values(), key=lambda hit: -hit.score)[:HITS]
        sources = _sources(hits)
        if not sources:
            return Result("Nothing was found.", {"hits": 0})
        return Result(f"{len(sources)} passages", {"hits": len(hits)}, sources)

    def check(self, run: Run, waits_for: str) -> Result | None:
        raise NotImplementedError("search waits for nothing")


def _sources(hits: list[Hit]) -> tuple[Source, ...]:
    found: list[Source] = []
    room = MAX_RESULT
    for hit in hits:
        for line in hit.part.lines:
            text = line.text[:1000]
            room -= len(text)
            if room < 0:
                return tuple(found)
            found.append(Source(hit.part.kind.value, hit.part.id, text, line.start, line.speaker, hit.part.page))
    return tuple(found)
