"""What the operator's metrics and the counters of the hour (tally) hear of a change of a job. It is stored with the change's event, in the same transaction, so that each change is counted where it is
told: nothing is counted that did not happen, and nothing that happened is missed.

A round of a job is accepted once, with the first event that tells of it, and ends once: accepted = succeeded + failed + canceled + expired + open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from antiphon.platform.events import Event
from antiphon.speech.model import FETCHING, LISTENING, TERMINAL, WORKERS, Change, Kind, Status

ENDED: Mapping[Status, str] = {
    Status.SUCCEEDED: "JobsSucceeded",
    Status.FAILED: "JobsFailed",
    Status.CANCELED: "JobsCanceled",
    Status.EXPIRED: "JobsExpired",
}
WAITED: Mapping[str, str] = {"standard": "QueueWaitMs", "priority": "PriorityWaitMs"}
"""By the lane, which the owner's tier decides."""
HEARD = (*LISTENING, Kind.SPEECH)
"""Jobs whose ``duration`` is one of audio."""


def event_of(change: Change) -> Event | None:
    """The change's event with what is measured and counted of it, and whose turn it makes."""
    return change.event and replace(
        change.event, measured=measures_of(change), counts=counts_of(change), frees=freed_by(change)
    )


def freed_by(change: Change) -> str | None:
    """The workers that have one job of the user less in hand."""
    before, after = change.before, change.after
    left = before is not None and before.status is Status.RUNNING and after.status is not Status.RUNNING
    return WORKERS[after.kind] if left else None


def measures_of(change: Change) -> Mapping[str, float]:
    before, after = change.before, change.after
    found: dict[str, float] = {}
    if change.event is None or (before is not None and before.status is after.status is not Status.RUNNING):
        return found
    if before is None or before.status in TERMINAL or _unheard(before.status, before.stage):
        found["JobsAccepted"] = 1
    if after.status in ENDED:
        found[ENDED[after.status]] = 1
    if before is not None and after.attempts > before.attempts:
        if before.status is Status.RUNNING:
            found["LeaseLost"] = 1
        else:
            found[WAITED[after.lane]] = after.timings["queued_ms"] - before.timings.get("queued_ms", 0)
    if after.status is Status.SUCCEEDED and after.kind in HEARD and after.duration and not after.copied:
        found["AudioSeconds"] = after.duration
        found["RealTimeFactor"] = after.busy_ms / 1000 / after.duration
    return found


def counts_of(change: Change) -> Mapping[str, int]:
    """By the names of the tally. What was accepted or retried has succeeded, failed or was canceled, or is open."""
    before, after = change.before, change.after
    found: dict[str, int] = {}
    came_from = before.status if before else None
    if after.status is Status.QUEUED and came_from in (None, Status.AWAITING_UPLOAD):
        found["accepted"] = 1
    if after.status is Status.QUEUED and came_from in TERMINAL:
        found["retried"] = 1
    if before is not None and after.attempts > before.attempts:
        found["started"] = 1
        if came_from is Status.QUEUED:
            found["queued_ms"] = after.timings["queued_ms"] - before.timings.get("queued_ms", 0)
    if after.status in TERMINAL and after.status is not came_from:
        # Of an upload that is called off nobody has heard; one that is no recording is rejected.
        rejected = {Status.FAILED: "rejected", Status.CANCELED: ""} if came_from is Status.AWAITING_UPLOAD else {}
        if name := rejected.get(after.status, after.status.value):
            found[name] = 1
    if found.get("succeeded") and not after.copied:  # else another job's work would be counted twice
        found |= {
            "audio_ms": round((after.duration or 0.0) * 1000),
            "busy_ms": after.busy_ms,
            "characters": after.characters or 0,
        }
    return {f"{after.kind.value}_{name}": number for name, number in found.items() if number}


def _unheard(status: Status, stage: str | None) -> bool:
    """Of a job that waits for its file nobody was told; of one whose file is being fetched, they were."""
    return status is Status.AWAITING_UPLOAD and stage != FETCHING
