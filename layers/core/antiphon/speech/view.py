"""Jobs, segments and marks as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from antiphon.platform.clock import rfc3339
from antiphon.speech.model import PLACES, RESULTS, STEPS, Job, Kind
from antiphon.speech.outlook import NOTHING_AHEAD, Cost, Estimate, Eta, Outlook, cost_of
from antiphon.speech.parts import PartedUpload
from antiphon.speech.ports import Mark, Numbered, Upload
from antiphon.speech.shown import named


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def job_view(
    job: Job,
    *,
    upload: Upload | PartedUpload | None = None,
    audio_url: str | None = None,
    joined: bool = False,
    outlook: Outlook = NOTHING_AHEAD,
) -> dict[str, Any]:
    """joined: this answers a request for work that the job did already. outlook: not known in lists."""
    view: dict[str, Any] = {
        "id": job.id,
        "kind": job.kind.value,
        "status": job.status.value,
        "progress": job.progress,
        "stage": job.stage,
        "attempts": job.attempts,
        "engine": job.engine,
        "title": job.title,
        "created_at": rfc3339(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "timings": dict(job.timings),
        "warnings": list(job.warnings),
        "error": {"code": job.error.code, "detail": job.error.detail} if job.error else None,
        "metadata": dict(job.metadata),
    }
    if job.kind is Kind.DOCUMENT:
        return view | _document(job, upload)
    view |= {"language": job.language, "duration": job.duration}
    if job.kind in (Kind.TRANSCRIPTION, Kind.SPEECH):
        view |= {
            "deduplicated": joined or job.copied,
            "queue_position": outlook.queue_position,
            "eta": _eta(outlook.eta),
            "cost": _cost(cost_of(job)),
        }
    if job.kind is Kind.TRANSCRIPTION:
        labels = dict.fromkeys(job.result.get("speakers", ()))
        view |= {"speakers": {**labels, **job.speakers}, "upload": upload_view(upload) if upload else None}
    elif job.kind in STEPS:
        view |= _step(job, upload)
    elif job.kind is Kind.EDIT:
        made = job.result.get("media_id")
        view |= {
            "media_id": job.options["media_id"],
            "operations": list(job.options["operations"]),
            "result_media_id": made,
            "links": {"self": f"/v1/edits/{job.id}", "media": f"/v1/media/{made}" if made else None},
        }
    else:
        view |= {
            "voice": job.options.get("voice"),
            "format": job.options.get("format"),
            "speed": job.options.get("speed"),
            "characters": job.options.get("characters") or job.result.get("characters"),
            "audio_url": audio_url,
            "marks_url": f"/v1/speech/{job.id}/marks",
            "parts": {"done": job.checkpoint.count, "total": job.result.get("sentences")},
        }
    return view


def _eta(eta: Eta | None) -> dict[str, Any] | None:
    return {"at": rfc3339(eta.at), "error": eta.error} if eta else None


def _cost(cost: Cost | None) -> dict[str, float] | None:
    return {"gpu_seconds": cost.gpu_seconds, "usd": cost.usd} if cost else None


def estimate_view(kind: Kind, estimate: Estimate, joins: Job | None) -> dict[str, Any]:
    """What a request would cost. Whoever joins a job pays nothing."""
    return {
        "dry_run": True,
        "kind": kind.value,
        "audio_seconds": estimate.amount if kind is Kind.TRANSCRIPTION else None,
        "characters": round(estimate.amount or 0) if kind is Kind.SPEECH and estimate.amount is not None else None,
        "cost": {"gpu_seconds": 0.0, "usd": 0.0} if joins else _cost(estimate.cost),
        "queue_position": None if joins else estimate.queue_position,
        "eta": None if joins else _eta(estimate.eta),
        "joins": joins.id if joins else None,
    }


def _step(job: Job, upload: Upload | PartedUpload | None) -> dict[str, Any]:
    place = f"/v1/{PLACES[job.kind]}/{job.id}"
    return {
        **{name: job.options.get(name) for name in ("transcription_id", "alignment_id", "diarization_id")},
        "speakers": job.result.get("speakers"),
        "links": {"self": place, RESULTS[job.kind]: f"{place}/{RESULTS[job.kind]}"},
        "upload": upload_view(upload) if upload else None,
    }


def turn_view(numbered: Numbered) -> dict[str, Any]:
    segment = numbered.segment
    return {"index": numbered.index, "start": segment.start, "end": segment.end, "speaker": segment.speaker}


def _document(job: Job, upload: Upload | PartedUpload | None) -> dict[str, Any]:
    wanted = job.options.get("upload") or {}
    return {
        "filename": wanted.get("filename") or (job.source.filename if job.source else None),
        "format": job.result.get("format"),
        "size": job.source.size if job.source else wanted.get("size"),
        "pages": job.result.get("pages"),
        "words": job.result.get("words"),
        "upload": upload_view(upload) if upload else None,
    }


def upload_view(upload: Upload | PartedUpload) -> dict[str, Any]:
    if isinstance(upload, PartedUpload):
        return {
            "method": "MULTIPART",
            "upload_id": upload.upload_id,
            "part_size": upload.part_size,
            "parts": [{"number": number, "url": url} for number, url in enumerate(upload.urls, start=1)],
            "received": list(upload.received),
            "complete_url": upload.complete_url,
            "expires_at": rfc3339(upload.expires_at),
        }
    return {
        "method": "POST",
        "url": upload.url,
        "fields": dict(upload.fields),
        "expires_at": rfc3339(upload.expires_at),
    }


def segment_view(job: Job, numbered: Numbered) -> dict[str, Any]:
    """With the owner's names and corrections, and beside them what the engine said."""
    segment = named(numbered.segment, job.speakers)
    return {
        "index": numbered.index,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "machine_text": numbered.machine_text,
        "speaker": segment.speaker,
        "speaker_label": numbered.segment.speaker,
        "confidence": segment.confidence,
        "words": [asdict(word) for word in segment.words],
        **({"chars": [asdict(char) for char in segment.chars]} if segment.chars else {}),
    }


def mark_view(mark: Mark, audio_url: str | None) -> Mapping[str, Any]:
    return {
        "index": mark.index,
        "text": mark.text,
        "start": mark.start,
        "end": mark.end,
        "words": [asdict(word) for word in mark.words],
        "audio_url": audio_url,
    }
