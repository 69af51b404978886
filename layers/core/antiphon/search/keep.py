"""Keeping the index: what is new is added, what has changed is replaced, what is gone is removed. Each message may come twice, late, or in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from antiphon.search.model import Entry, Errand, Part, windows
from antiphon.search.ports import Embedder, Index, Material, Vectors


class Keep:
    """embedder, vectors: None where this deployment has no search by meaning."""

    def __init__(
        self, index: Index, material: Material, *, embedder: Embedder | None = None, vectors: Vectors | None = None
    ) -> None:
        self._index = index
        self._material = material
        self._embedder = embedder
        self._vectors = vectors

    def __call__(self, errand: Errand) -> int:
        """The number of parts that are in the index now. Raises ModelError."""
        whole = errand.id is None
        before = {e.key: e for e in self._index.entries(errand.user_id, errand.kind, errand.parent)} if whole else {}
        kept = []
        for part in self._material.parts(errand):
            entry = Entry.of(part)
            if not entry.counts:
                continue
            known = before.pop(entry.key, None)
            complete = replace(entry, meaning=self._embedder.name if self._embedder else None)
            if known != complete:
                # The entry first: it leads to the vectors.
                self._index.put(errand.user_id, entry, known)
                self._mean(errand.user_id, part, complete)
            kept.append(entry)
        self._forget(errand.user_id, before.values())
        # What was deleted meanwhile, with its account or without, was not in the index when that was cleared.
        if kept and next(self._material.parts(errand), None) is None:
            self._forget(errand.user_id, kept)
            return 0
        return len(kept)

    def _mean(self, user_id: str, part: Part, entry: Entry) -> None:
        if self._embedder is not None and self._vectors is not None:
            self._vectors.put(user_id, part, self._embedder.embed(windows(part.text)))
            self._index.meant(user_id, entry)

    def _forget(self, user_id: str, entries: Iterable[Entry]) -> None:
        gone = list(entries)
        if gone and self._vectors is not None:
            self._vectors.remove(user_id, gone)
        for entry in gone:
            self._index.remove(user_id, entry)
