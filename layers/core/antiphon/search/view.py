"""What the routes show of what was found."""

from __future__ import annotations

from typing import Any

from antiphon.search.model import Hit, Kind

_PARENTS = {Kind.MESSAGE: "conversation_id", Kind.TRANSCRIPT: "job_id", Kind.DOCUMENT: "document_id"}


def hit_view(hit: Hit) -> dict[str, Any]:
    return {
        "kind": hit.part.kind.value,
        "id": hit.part.id,
        _PARENTS[hit.part.kind]: hit.part.parent,
        "snippet": hit.snippet,
        "fragments": [{"text": text, "match": match} for text, match in hit.fragments],
        "score": round(hit.score, 4),
        "start": hit.start,
        "speaker": hit.speaker,
        "page": hit.part.page,
    }
