"""What search needs from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from antiphon.search.model import Entry, Errand, Kind, Near, Part, Posting, Postings


class Material(Protocol):
    """What users have, as search sees it."""

    def parts(self, errand: Errand) -> Iterator[Part]:
        """In order; nothing where it is gone, or not ready."""

    def part(self, user_id: str, kind: Kind, parent: str, key: str) -> Part | None:
        """None where it is gone, or is not this user's."""


class Index(Protocol):
    """Which words stand in which parts, by user."""

    def put(self, user_id: str, entry: Entry, before: Entry | None = None) -> None:
        """before: what is there of this part. Safe to repeat."""

    def meant(self, user_id: str, entry: Entry) -> None:
        """Its vectors are there, ``entry.meaning`` says whose."""

    def remove(self, user_id: str, entry: Entry) -> None:
        """Safe to repeat."""

    def entries(self, user_id: str, kind: Kind, parent: str) -> Iterator[Entry]:
        """What the index holds of a conversation, transcript or document."""

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
        """Of keys below ``before`` and not below ``since``; looks at ``limit`` of them, at most."""

    def having(self, user_id: str, term: str, kind: Kind, keys: Sequence[str]) -> Mapping[str, Posting]:
        """Those of these parts in which the word stands, by key."""


class Embedder(Protocol):
    """Meaning as a vector of length 1, with `DIMENSIONS` numbers. ``name``: vectors of different embedders are never compared."""

    name: str

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises ModelError."""


class Vectors(Protocol):
    """Meanings of parts, by user. A part may have several."""

    def put(self, user_id: str, part: Part, vectors: Sequence[Sequence[float]]) -> None:
        """In place of those that the part had."""

    def remove(self, user_id: str, entries: Iterable[Entry]) -> None:
        """Safe to repeat."""

    def nearest(
        self, user_id: str, vector: Sequence[float], kinds: Sequence[Kind], limit: int, *, parent: str | None = None
    ) -> list[Near]:
        """Nearest first; each part once."""


DIMENSIONS = 384
