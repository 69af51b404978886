"""Finding: by words, or by meaning. Only what belongs to the user is ever read: every key begins with their id."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from antiphon.engines.chat import Source
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field as FieldError
from antiphon.platform.errors import Invalid, Unavailable
from antiphon.platform.pages import Page
from antiphon.platform.words import words_of
from antiphon.search.model import MAX_TERMS, Hit, Kind, Near, Posting, Query, bound, hit, score, weight
from antiphon.search.ports import Embedder, Index, Material, Vectors

WINDOW = 100
"""Postings of a word that are read at once: the newest, and no more than one BatchGetItem can look up. What is found in one window is ranked together, so that the cost of a search does not grow with what a
user has."""
ROUNDS = 5
"""Windows that one request looks through, at most; the page then is short, and its cursor goes on."""
NEAREST = 100
ANY_OF = 4
PLACES = 500
"""Pages of a word that are read where any word of a question will do: of words that say something these are all there are."""
PASSAGES, LINE = 6_000, 1_000
"""Characters of what a model gets to read, and of one line of it."""
ENOUGH = 0.15
"""Meanings that are less alike than this have nothing to do with each other."""


@dataclass(frozen=True)
class _Window:
    """``next``: where the next one begins for each kind that goes on."""

    ranked: Sequence[tuple[float, Posting]]
    next: Mapping[Kind, str]


class Find:
    """embedder, vectors: None where this deployment has no search by meaning."""

    def __init__(
        self,
        index: Index,
        material: Material,
        clock: Clock,
        *,
        embedder: Embedder | None = None,
        vectors: Vectors | None = None,
    ) -> None:
        self._index = index
        self._material = material
        self._clock = clock
        self._embedder = embedder
        self._vectors = vectors

    def by_words(self, user_id: str, query: Query, limit: int, position: str | None = None) -> Page[Hit]:
        """Parts that have all the words. Best first within a window of time, newer windows first. Raises Invalid."""
        if not query.terms:
            raise Invalid("q: name at least one word.", fields=(FieldError("q", "Name at least one word."),))
        starts, skipped = self._starts(query, position)
        found: list[Hit] = []
        for _ in range(ROUNDS):
            window = self._window(user_id, query, starts)
            for ranked, posting in window.ranked[skipped:]:
                if len(found) == limit:
                    return Page(tuple(found), _position(starts, skipped))
                skipped += 1
                if part := self._material.part(user_id, posting.kind, posting.parent, posting.key):
                    found.append(hit(part, query.terms, ranked))
            starts, skipped = window.next, 0
            if not starts:
                return Page(tuple(found), None)
        return Page(tuple(found), _position(starts, 0))

    def by_meaning(self, user_id: str, query: Query, limit: int, position: str | None = None) -> Page[Hit]:
        """Nearest first. Raises Unavailable, ModelError, Invalid."""
        if self._embedder is None or self._vectors is None:
            raise Unavailable(
                "This deployment has no search by meaning; use mode=keyword.", code="semantic_not_configured"
            )
        if not query.text.strip():
            raise Invalid("q: write what you look for.", fields=(FieldError("q", "Write what you look for."),))
        (vector,) = self._embedder.embed([query.text])
        near = self._vectors.nearest(user_id, vector, query.kinds, NEAREST, parent=query.parent)
        near = [each for each in near if each.score >= ENOUGH]
        return self._shown(user_id, query, near, limit, int(position or 0))

    def passages(
        self, user_id: str, text: str, most: int, *, kinds: Sequence[Kind] = tuple(Kind), without: str = ""
    ) -> tuple[Source, ...]:
        """For a model to read: what has all the words; where nothing has, what has any of the longest. without: a message that is not wanted."""
        query = Query(text, tuple(kinds))
        if not query.terms:
            return ()
        hits = [hit for hit in self.by_words(user_id, query, most).items if hit.part.id != without]
        if not hits:
            by_key: dict[str, Hit] = {}
            for term in sorted(query.terms, key=len, reverse=True)[:ANY_OF]:
                for hit in self.by_words(user_id, Query(term, tuple(kinds)), most).items:
                    if hit.part.id != without:
                        by_key.setdefault(hit.part.key, hit)
            hits = sorted(by_key.values(), key=lambda hit: -hit.score)[:most]
        return tuple(_sources(hits))

    def pages(self, user_id: str, text: str, documents: Collection[str] | None = None) -> Sequence[tuple[str, int]]:
        """Document and page of those that have any of the longest words of a text, best first. documents: of these only, None for all.

        Of a word that stands on more than `PLACES` pages the newest ones count; such a word hardly tells one page from another.
        """
        terms = sorted(dict.fromkeys(words_of(text)), key=len, reverse=True)[:MAX_TERMS]
        before = bound(Kind.DOCUMENT, self._clock(), end=True)
        worth: dict[tuple[str, int], float] = {}
        for term in terms:
            found = self._index.newest(user_id, term, Kind.DOCUMENT, PLACES, before=before)
            weighs = weight(found)
            for posting in found.found:
                if documents is None or posting.parent in documents:
                    place = (posting.parent, int(posting.key.rpartition("#")[2]))
                    worth[place] = worth.get(place, 0.0) + score([posting], [weighs])
        return sorted(worth, key=lambda place: (-worth[place], place))

    def _shown(self, user_id: str, query: Query, near: Sequence[Near], limit: int, skipped: int) -> Page[Hit]:
        found: list[Hit] = []
        for place, each in enumerate(near[skipped:], skipped):
            if len(found) == limit:
                return Page(tuple(found), str(place))
            if part := self._material.part(user_id, each.kind, each.parent, each.key):
                found.append(hit(part, query.terms, each.score))
        return Page(tuple(found), None)

    def _starts(self, query: Query, position: str | None) -> tuple[Mapping[Kind, str], int]:
        if position is not None:
            starts, skipped = json.loads(position)
            return {Kind(kind): before for kind, before in starts.items()}, skipped
        # Later ones do not push what is found from one page to the next.
        now = self._clock()
        return {kind: bound(kind, now, end=True) for kind in query.kinds}, 0

    def _window(self, user_id: str, query: Query, starts: Mapping[Kind, str]) -> _Window:
        ranked: list[tuple[float, Posting]] = []
        following: dict[Kind, str] = {}
        for kind, before in starts.items():
            found, end = self._matching(user_id, query, kind, before)
            ranked += found
            if end is not None:
                following[kind] = end
        ranked.sort(key=lambda each: (each[0], each[1].key.partition("_")[2]), reverse=True)
        return _Window(ranked, following)

    def _matching(
        self, user_id: str, query: Query, kind: Kind, before: str
    ) -> tuple[list[tuple[float, Posting]], str | None]:
        """Each part with all words, with its score; and where the next window begins, None at the end."""
        since = bound(kind, query.since, end=False) if query.since else ""
        lists = [
            self._index.newest(user_id, term, kind, WINDOW, before=before, since=since, parent=query.parent)
            for term in query.terms
        ]
        # The rarest word leads: the list that reaches back furthest.
        leading = min(lists, key=lambda each: (each.covers or "", len(each.found)))
        keys = [posting.key for posting in leading.found]
        by_word = []
        for term, each in zip(query.terms, lists, strict=True):
            known = {posting.key: posting for posting in each.found}
            unknown = [key for key in keys if key not in known and not each.knows(key)]
            by_word.append({**known, **self._index.having(user_id, term, kind, unknown)} if unknown else known)
            keys = [key for key in keys if key in by_word[-1]]
        weights = [weight(each) for each in lists]
        found = [[word[key] for word in by_word] for key in keys]
        return [(score(postings, weights), postings[0]) for postings in found], leading.covers


def _sources(hits: Sequence[Hit]) -> Iterator[Source]:
    room = PASSAGES
    for found in hits:
        part = found.part
        for line in part.lines:
            text = line.text[:LINE]
            room -= len(text)
            if room < 0:
                return
            yield Source(part.kind.value, part.id, text, line.start, line.speaker, part.page)


def _position(starts: Mapping[Kind, str], skipped: int) -> str:
    return json.dumps([{kind.value: before for kind, before in starts.items()}, skipped], separators=(",", ":"))
