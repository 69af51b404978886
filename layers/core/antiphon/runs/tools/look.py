"""``search``: passages of the user's own messages, transcripts and documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from antiphon.runs.model import Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, schema_of
from antiphon.search.find import Find
from antiphon.search.model import Kind

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
        sources = self._find.passages(run.user_id, asked.query, HITS, kinds=kinds, without=run.message_id)
        if not sources:
            return Result("Nothing was found.", {"passages": 0})
        return Result(f"{len(sources)} passages", {"passages": len(sources)}, sources)

    def check(self, run: Run, waits_for: str) -> Result | None:
        raise NotImplementedError("search waits for nothing")
