"""The inverted index, and vectors beside it, in the table: one row per word and part, found by the word, newest first."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from antiphon.platform.table import Row, Table
from antiphon.search.model import Entry, Kind, Near, Part, Posting, Postings
from antiphon.search.ports import DIMENSIONS

AT_ONCE = 100
"""What DynamoDB gives in one BatchGetItem."""


class PostingRow(Row):
    parent = UnicodeAttribute()
    times = NumberAttribute()
    length = NumberAttribute()


class EntryRow(Row):
    counts = JSONAttribute()
    meaning = UnicodeAttribute(null=True)


class VectorRow(Row):
    parent = UnicodeAttribute()
    model = UnicodeAttribute()
    vector = BinaryAttribute(legacy_encoding=False)


class DynamoIndex:
    def __init__(self, table: Table) -> None:
        self._postings = table.bind(PostingRow)
        self._entries = table.bind(EntryRow)

    def put(self, user_id: str, entry: Entry, before: Entry | None = None) -> None:
        pk = _partition(user_id)
        gone = set(before.counts) - set(entry.counts) if before else set()
        # First the row that leads to all others, with the old words too: whatever is written can be removed again.
        kept = {**(before.counts if before else {}), **entry.counts}
        self._entry(pk, entry, kept).save()
        with self._postings.batch_write() as batch:
            for word, times in entry.counts.items():
                row = self._postings(pk, _at(word, entry), row="posting", parent=entry.parent)
                row.times, row.length = times, entry.length
                batch.save(row)
            for word in gone:
                batch.delete(self._postings(pk, _at(word, entry)))
        if gone:
            self._entry(pk, entry, entry.counts).save()

    def meant(self, user_id: str, entry: Entry) -> None:
        self._entry(_partition(user_id), entry, entry.counts).save()

    def remove(self, user_id: str, entry: Entry) -> None:
        pk = _partition(user_id)
        with self._postings.batch_write() as batch:
            for word in entry.counts:
                batch.delete(self._postings(pk, _at(word, entry)))
        self._entries(pk, _entry_key(entry.kind, entry.parent, entry.key)).delete()

    def entries(self, user_id: str, kind: Kind, parent: str) -> Iterator[Entry]:
        prefix = _entry_key(kind, parent, "")
        for row in self._entries.query(
            _partition(user_id), self._entries.sk.startswith(prefix), consistent_read=True, page_size=50
        ):
            counts = {word: int(n) for word, n in row.counts.items()}
            yield Entry(kind, row.sk.removeprefix(prefix), parent, counts, row.meaning)

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
        prefix = f"w#{term}#{kind.value}#"
        between = self._postings.sk.between(prefix + since, prefix + before)
        # One for the row at ``before``, which is not wanted, and one to know whether there are more.
        rows = self._postings.query(_partition(user_id), between, scan_index_forward=False, limit=limit + 2)
        seen = [_posting(row, kind, row.sk.removeprefix(prefix)) for row in rows if row.sk != prefix + before]
        covers = seen[limit - 1].key if len(seen) > limit else None
        return Postings(tuple(p for p in seen[:limit] if parent in (None, p.parent)), covers)

    def having(self, user_id: str, term: str, kind: Kind, keys: Sequence[str]) -> Mapping[str, Posting]:
        pk, prefix = _partition(user_id), f"w#{term}#{kind.value}#"
        found = {}
        for row in self._postings.batch_get([(pk, prefix + key) for key in keys]):
            key = row.sk.removeprefix(prefix)
            found[key] = _posting(row, kind, key)
        return found

    def _entry(self, pk: str, entry: Entry, counts: Mapping[str, int]) -> EntryRow:
        sk = _entry_key(entry.kind, entry.parent, entry.key)
        return self._entries(pk, sk, row="entry", counts=dict(counts), meaning=entry.meaning)


class DynamoVectors:
    """Exact: reads all vectors of the user's kind and compares each. For one person's material that is quick; S3 Vectors is for more.

    model: whose vectors these are; those of others are not looked at.
    """

    def __init__(self, table: Table, model: str) -> None:
        self._rows = table.bind(VectorRow)
        self._model = model

    def put(self, user_id: str, part: Part, vectors: Sequence[Sequence[float]]) -> None:
        pk = _partition(user_id)
        with self._rows.batch_write() as batch:
            for place, vector in enumerate(vectors):
                row = self._rows(pk, f"v#{part.kind.value}#{part.key}#{place:03}", row="vector", parent=part.parent)
                row.model, row.vector = self._model, struct.pack(f"<{DIMENSIONS}e", *vector)
                batch.save(row)
            for stale in self._of(pk, part.kind, part.key):
                if int(stale.sk.rpartition("#")[2]) >= len(vectors):
                    batch.delete(stale)

    def remove(self, user_id: str, entries: Iterable[Entry]) -> None:
        pk = _partition(user_id)
        with self._rows.batch_write() as batch:
            for entry in entries:
                for row in self._of(pk, entry.kind, entry.key):
                    batch.delete(row)

    def nearest(
        self, user_id: str, vector: Sequence[float], kinds: Sequence[Kind], limit: int, *, parent: str | None = None
    ) -> list[Near]:
        import numpy as np

        asked = np.asarray(vector, dtype=np.float32)
        best: dict[str, Near] = {}
        for kind in kinds:
            prefix = f"v#{kind.value}#"
            rows = iter(self._rows.query(_partition(user_id), self._rows.sk.startswith(prefix)))
            while group := list(islice(rows, 1000)):
                own = [r for r in group if r.model == self._model and (parent is None or r.parent == parent)]
                if not own:
                    continue
                scores = np.frombuffer(b"".join(r.vector for r in own), dtype="<f2").reshape(len(own), -1) @ asked
                for row, value in zip(own, scores.tolist(), strict=True):
                    key = row.sk.removeprefix(prefix).rpartition("#")[0]
                    if key not in best or best[key].score < value:
                        best[key] = Near(kind, key, row.parent, value)
        return sorted(best.values(), key=lambda near: (-near.score, near.key))[:limit]

    def _of(self, pk: str, kind: Kind, key: str) -> Any:
        return self._rows.query(pk, self._rows.sk.startswith(f"v#{kind.value}#{key}#"))


def _partition(user_id: str) -> str:
    return f"search#{user_id}"


def _at(word: str, entry: Entry) -> str:
    return f"w#{word}#{entry.kind.value}#{entry.key}"


def _entry_key(kind: Kind, parent: str, key: str) -> str:
    return f"entry#{kind.value}#{parent}#{key}"


def _posting(row: PostingRow, kind: Kind, key: str) -> Posting:
    return Posting(kind, key, row.parent, int(row.times), int(row.length))
