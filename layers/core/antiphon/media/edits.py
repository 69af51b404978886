"""Edits of media items: asked for here, done by the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from antiphon.media.items import Media, MediaStore, editable
from antiphon.media.operations import AnyOperation, Normalize, Reverse, check, joined, plain
from antiphon.platform.clock import Clock
from antiphon.platform.errors import AntiphonError, Conflict, Field, Invalid, NotFound
from antiphon.platform.ids import new_id
from antiphon.platform.pages import Page
from antiphon.speech.model import EMPTY, Job, Kind, Status, create
from antiphon.speech.ports import JobStore, Stale

LANE = "standard"
"""The one lane of edits: no GPU is waited for, so nobody needs to be let pass."""

MAX_LAID = 5 << 30
"""Bytes of samples that one edit may lay on the disk of 10 GB, beside the recording and the result."""


@dataclass(frozen=True)
class Plan:
    """Operations that can be done. ``duration``: seconds of the result; ``sources``: by id, where the items that are joined lie and how long they are."""

    media: Media
    operations: tuple[AnyOperation, ...]
    duration: float
    sources: Mapping[str, Mapping[str, Any]]


class Edits:
    def __init__(self, *, jobs: JobStore, media: MediaStore, clock: Clock) -> None:
        self._jobs = jobs
        self._media = media
        self._clock = clock

    def plan(self, user_id: str, media_id: str, operations: Sequence[AnyOperation]) -> Plan:
        """Raises NotFound, Conflict (``media_not_ready media_rejected media_not_editable``), Invalid."""
        media, duration = self.item(user_id, media_id)
        sources: dict[str, Mapping[str, Any]] = {}
        for each in joined(operations):
            if each not in sources:
                sources[each] = self._joined(user_id, each)
        lengths = {each: float(source["duration"]) for each, source in sources.items()}
        plan = Plan(media, tuple(operations), check(operations, duration, lengths), sources)
        _check_room(plan, duration)
        return plan

    def submit(
        self,
        user_id: str,
        tier: str,
        media_id: str,
        operations: Sequence[AnyOperation],
        *,
        metadata: Mapping[str, Any] = EMPTY,
        callback_url: str | None = None,
        request_id: str | None = None,
        seed: str | None = None,
    ) -> Job:
        """A job that makes a new media item; the old one stays. seed: the same seed gives the same job. Raises what `plan` does, and QuotaExceeded."""
        plan = self.plan(user_id, media_id, operations)
        now = self._clock()
        job = Job(
            id=f"job_{seed}" if seed else new_id("job"),
            kind=Kind.EDIT,
            user_id=user_id,
            status=Status.QUEUED,
            created_at=now,
            lane=LANE,
            tier=tier,
            options={
                "media_id": media_id,
                "duration": plan.media.facts.duration if plan.media.facts else 0.0,
                "operations": [plain(each) for each in operations],
                "sources": dict(plan.sources),
            },
            metadata=metadata,
            source=plan.media.source,
            title=plan.media.filename,
            duration=round(plan.duration, 3),
            callback_url=callback_url,
            request_id=request_id,
        )
        change = create(job, now)
        try:
            self._jobs.apply(change)
        except Stale:
            known = self._jobs.get(user_id, Kind.EDIT, job.id)
            if known is None:
                raise
            return known  # an earlier request with this seed came so far before it crashed
        return change.after

    def get(self, user_id: str, job_id: str) -> Job:
        """Raises NotFound."""
        job = self._jobs.get(user_id, Kind.EDIT, job_id)
        if job is None:
            raise NotFound("There is no such edit.")
        return job

    def list(self, user_id: str, *, limit: int, position: str | None, filters: Mapping[str, str]) -> Page[Job]:
        return self._jobs.list(user_id, Kind.EDIT, limit=limit, position=position, filters=filters)

    def item(self, user_id: str, media_id: str) -> tuple[Media, float]:
        """The item and its seconds. Raises NotFound, Conflict."""
        media = self._media.get(user_id, media_id)
        if media is None:
            raise NotFound("There is no such media item.")
        _, facts = editable(media)
        return media, facts.duration

    def _joined(self, user_id: str, media_id: str) -> Mapping[str, Any]:
        try:
            media, duration = self.item(user_id, media_id)
        except (NotFound, Conflict) as error:
            raise _not_joined(media_id, error) from error
        assert media.source is not None
        return {**asdict(media.source), "duration": duration}


def _check_room(plan: Plan, duration: float) -> None:
    """What must be seen as a whole is laid on the editor's disk. Raises Invalid."""
    facts = plan.media.facts
    times = sum(isinstance(each, Reverse | Normalize) for each in plan.operations)
    if facts and times * max(duration, plan.duration) * facts.sample_rate * facts.channels * 4 > MAX_LAID:
        raise Invalid(
            "This reverses or normalizes more than fits on the editor's disk: shorten the recording first, or do it in several edits.",
            code="operation_out_of_range",
            fields=(Field("operations", "Fewer of reverse and normalize at once."),),
        )


def _not_joined(media_id: str, error: AntiphonError) -> Invalid:
    return Invalid(
        f"{media_id} cannot be joined: {error.detail}",
        code="media_not_joinable",
        fields=(Field("operations", f"{media_id}: {error.detail}"),),
    )
