"""Fakes of the index, its queue and the vectors, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from antiphon.search.model import Entry, Errand, Kind, Near, Part, Posting, Postings


class MemoryIndex:
    def __init__(self) -> None:
        self.held: dict[tuple[str, Kind, str], Entry] = {}

    def put(self, user_id: str, entry: Entry, before: Entry | None = None) -> None:
        self.held[user_id, entry.kind, entry.key] = entry

    def meant(self, user_id: str, entry: Entry) -> None:
        self.held[user_id, entry.kind, entry.key] = entry

    def remove(self, user_id: str, entry: Entry) -> None:
        self.held.pop((user_id, entry.kind, entry.key), None)

    def entries(self, user_id: str, kind: Kind, parent: str) -> Iterator[Entry]:
        own = [e for (user, k, _), e in self.held.items() if (user, k, e.parent) == (user_id, kind, parent)]
        return iter(sorted(own, key=lambda e: e.key))

    def newest(
        self,
        user_id: str,
        term: str,
        kind: Kind,
        limit: int,
        *,
        before: str,
        since: str = "",
        parent: str | None = None,
    ) -> Postings:
        keys = sorted(
            (
                key
                for (user, k, key), entry in self.held.items()
                if (user, k) == (user_id, kind) and since <= key < before and term in entry.counts
            ),
            reverse=True,
        )
        found = (self._posting(user_id, term, kind, key) for key in keys[:limit])
        covers = keys[limit - 1] if len(keys) > limit else None
        return Postings(tuple(p for p in found if parent in (None, p.parent)), covers)

    def having(self, user_id: str, term: str, kind: Kind, keys: Sequence[str]) -> Mapping[str, Posting]:
        there = [key for key in keys if term in self.held[user_id, kind, key].counts]
        return {key: self._posting(user_id, term, kind, key) for key in there}

    def _posting(self, user_id: str, term: str, kind: Kind, key: str) -> Posting:
        entry = self.held[user_id, kind, key]
        return Posting(kind, key, entry.parent, entry.counts[term], entry.length)


class MemoryIndexQueue:
    def __init__(self) -> None:
        self.sent: list[Errand] = []

    def send(self, errand: Errand, *, request_id: str | None = None) -> None:
        self.sent.append(errand)


class MemoryVectors:
    def __init__(self) -> None:
        self.held: dict[tuple[str, Kind, str], tuple[str, list[list[float]]]] = {}

    def put(self, user_id: str, part: Part, vectors: Sequence[Sequence[float]]) -> None:
        self.held[user_id, part.kind, part.key] = (part.parent, [list(v) for v in vectors])

    def remove(self, user_id: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.held.pop((user_id, entry.kind, entry.key), None)

    def nearest(
        self, user_id: str, vector: Sequence[float], kinds: Sequence[Kind], limit: int, *, parent: str | None = None
    ) -> list[Near]:
        found = [
            Near(kind, key, of, max(sum(a * b for a, b in zip(vector, v, strict=True)) for v in vectors))
            for (user, kind, key), (of, vectors) in self.held.items()
            if user == user_id and kind in kinds and vectors and parent in (None, of)
        ]
        return sorted(found, key=lambda near: (-near.score, near.key))[:limit]
