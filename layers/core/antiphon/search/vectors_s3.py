"""Vectors in S3 Vectors: one index for all users, each vector with its owner, and every question asked for one owner only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from antiphon.search.model import MAX_WINDOWS, Entry, Kind, Near, Part

AT_ONCE = 500
"""Vectors in one call, at most."""
MOST = 100
"""Neighbours that S3 Vectors names, at most."""


class S3Vectors:
    """client: boto3's for s3vectors; index: the ARN of an index of `DIMENSIONS` numbers with the distance ``cosine``."""

    def __init__(self, client: Any, index: str) -> None:
        self._client = client
        self._index = index

    def put(self, user_id: str, part: Part, vectors: Sequence[Sequence[float]]) -> None:
        about = {"user": user_id, "kind": part.kind.value, "parent": part.parent}
        made = [
            {"key": key, "data": {"float32": list(vector)}, "metadata": about}
            for key, vector in zip(_keys(user_id, part.kind, part.key), vectors, strict=False)
        ]
        if made:
            self._client.put_vectors(indexArn=self._index, vectors=made)
        # Those that the part had before, and has no more. What is not there is no error.
        self._delete(islice(_keys(user_id, part.kind, part.key), len(vectors), None))

    def remove(self, user_id: str, entries: Iterable[Entry]) -> None:
        self._delete(key for entry in entries for key in _keys(user_id, entry.kind, entry.key))

    def nearest(
        self, user_id: str, vector: Sequence[float], kinds: Sequence[Kind], limit: int, *, parent: str | None = None
    ) -> list[Near]:
        wanted: list[dict[str, Any]] = [
            {"user": {"$eq": user_id}},
            {"kind": {"$in": [kind.value for kind in kinds]}},
        ]
        if parent is not None:
            wanted.append({"parent": {"$eq": parent}})
        answer = self._client.query_vectors(
            indexArn=self._index,
            topK=min(limit, MOST),
            queryVector={"float32": list(vector)},
            filter={"$and": wanted},
            returnMetadata=True,
            returnDistance=True,
        )
        found: dict[str, Near] = {}
        for each in answer["vectors"]:  # nearest first
            owner, kind, key = _parsed(each["key"])
            if owner != user_id:  # never shown, whatever the filter did
                continue
            near = Near(Kind(kind), key, each["metadata"]["parent"], 1 - each["distance"])
            found.setdefault(key, near)
        return list(found.values())

    def _delete(self, keys: Iterable[str]) -> None:
        left = iter(keys)
        while group := list(islice(left, AT_ONCE)):
            self._client.delete_vectors(indexArn=self._index, keys=group)


def _keys(user_id: str, kind: Kind, key: str) -> list[str]:
    return [f"{user_id}#{kind.value}#{key}#{place:03}" for place in range(MAX_WINDOWS)]


def _parsed(key: str) -> tuple[str, str, str]:
    owner, kind, rest = key.split("#", 2)
    return owner, kind, rest.rpartition("#")[0]
