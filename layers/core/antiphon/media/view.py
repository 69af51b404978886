"""Media items, and what was understood of a command, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from antiphon.media.edits import Plan
from antiphon.media.items import Media
from antiphon.media.model import Facts
from antiphon.media.operations import plain
from antiphon.platform.clock import rfc3339
from antiphon.speech.model import Job
from antiphon.speech.view import job_view


def media_view(media: Media, *, whole: bool = False, url: str | None = None) -> dict[str, Any]:
    """whole: with the peaks and the address, as the item alone is shown."""
    view: dict[str, Any] = {
        "id": media.id,
        "purpose": media.purpose,
        "status": media.status.value,
        "filename": media.filename,
        "content_type": media.content_type,
        "size": media.size,
        "parent_id": media.parent_id,
        "created_at": rfc3339(media.created_at),
        "error": {"code": media.error.code, "detail": media.error.detail} if media.error else None,
        "facts": _facts_view(media.facts) if media.facts else None,
    }
    if whole:
        view["url"] = url
        view["waveform"] = _waveform(media.facts) if media.facts else None
    return view


def _facts_view(facts: Facts) -> dict[str, Any]:
    return {
        "container": facts.container,
        "codec": facts.codec,
        "duration": facts.duration,
        "sample_rate": facts.sample_rate,
        "channels": facts.channels,
        "bit_rate": facts.bit_rate,
        "loudness": {"lufs": facts.lufs, "true_peak": facts.true_peak, "range": facts.loudness_range},
        "tags": dict(facts.tags),
    }


def _waveform(facts: Facts) -> list[list[float]]:
    values = [round(value / 127, 3) for value in facts.peaks]
    return [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]


def understood_view(plan: Plan, sentences: Sequence[str], job: Job | None) -> dict[str, Any]:
    return {
        "operations": [plain(each) for each in plan.operations],
        "understood": list(sentences),
        "duration": round(plan.duration, 3),
        "job": job_view(job) if job else None,
    }
