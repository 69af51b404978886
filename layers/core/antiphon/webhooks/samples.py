"""What an event of each type looks like, with ids that nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NOBODYS = "00000000000000000000000000"
_STATUS = MappingProxyType({"started": "running", "progress": "running"})
_PLACES = MappingProxyType(
    {
        "transcription": "transcriptions",
        "speech": "speech",
        "edit": "edits",
        "document": "documents",
        "run": "runs",
        "alignment": "alignments",
        "diarization": "diarizations",
        "assignment": "speaker-assignments",
    }
)
_SEQUENCE = ("queued", "started", "progress", "succeeded", "failed", "canceled")


def sample_of(event_type: str) -> Mapping[str, Any]:
    """``data`` of the event. Raises KeyError for a type that is not one of ours."""
    kind, _, step = event_type.rpartition(".")
    if event_type == "media.edited":
        kind, step = "edit", "succeeded"
    if kind in _PLACES:
        return _work(kind, step)
    return {
        "media": lambda: _media(step),
        "message": _message,
        "device.command": lambda: _command(step),
        "webhook": lambda: _webhook(step),
        "user": lambda: (
            {"counter": "audio_seconds", "month": "2026-11", "tier": "free"} if step == "quota_reached" else {}
        ),
    }[kind]()


def _work(kind: str, step: str) -> Mapping[str, Any]:
    identity = f"{'run' if kind == 'run' else 'doc' if kind == 'document' else 'job'}_{_NOBODYS}"
    path = f"/v1/{_PLACES[kind]}/{identity}"
    data = {
        "id": identity,
        "kind": kind,
        "status": _STATUS.get(step, step),
        "sequence": _SEQUENCE.index(step) + 1 if step in _SEQUENCE else 1,
        "progress": 100 if step == "succeeded" else 0,
        "error": {"code": "internal", "detail": "A sample."} if step == "failed" else None,
        "metadata": {},
        "links": {"self": path},
    }
    if kind == "run":
        conversation = f"conv_{_NOBODYS}"
        links = {"self": path, "messages": f"/v1/conversations/{conversation}/messages"}
        return {**data, "links": links, "conversation_id": conversation}
    return {**data, "attempts": 1}


def _media(step: str) -> Mapping[str, Any]:
    error = {"code": "bad_media", "detail": "A sample."} if step == "rejected" else None
    return {"id": f"med_{_NOBODYS}", "status": step, "error": error, "links": {"self": f"/v1/media/med_{_NOBODYS}"}}


def _message() -> Mapping[str, Any]:
    conversation = f"conv_{_NOBODYS}"
    return {
        "id": f"msg_{_NOBODYS}",
        "kind": "message",
        "role": "assistant",
        "status": "complete",
        "sequence": 1,
        "links": {"self": f"/v1/conversations/{conversation}/messages"},
        "conversation_id": conversation,
    }


def _command(step: str) -> Mapping[str, Any]:
    path = f"/v1/devices/dev_{_NOBODYS}/commands/cmd_{_NOBODYS}"
    return {
        "id": f"cmd_{_NOBODYS}",
        "kind": "device_command",
        "status": step,
        "sequence": 1,
        "device_id": f"dev_{_NOBODYS}",
        "origin": "user",
        "run_id": None,
        "links": {"self": path},
    }


def _webhook(step: str) -> Mapping[str, Any]:
    path = f"/v1/webhooks/whk_{_NOBODYS}"
    data = {"id": f"whk_{_NOBODYS}", "kind": "webhook", "links": {"self": path}}
    if step == "test":
        return data
    links = {"self": path, "deliveries": f"{path}/deliveries"}
    return {**data, "status": "disabled", "reason": "failing", "sequence": 2, "links": links}
