"""What a recording or a text needs is known only when a worker has opened it: beyond the quota the job ends there, and nothing is counted."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.identity.tiers import TIERS
from antiphon.speech import model
from antiphon.speech.metering import Usage, contribution
from antiphon.speech.model import Job, Kind, Status
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.inbox import Held
from antiphon.work.memory import MemoryLane
from antiphon.work.protection import NoProtection
from antiphon.work.queue import Message
from antiphon.work.worker import Outcome, Worker
from tests.unit.speech_work.conftest import LOG, Desk
from tests.unit.work.conftest import LEASE, USER

FREE = TIERS["free"]
MONTH = "2026-11"


@pytest.fixture(autouse=True)
def free(desk: Desk) -> None:
    desk.tier = "free"


def handle(desk: Desk, job: Job) -> Outcome:
    """The job's message, by a worker, from claim to its end."""
    work: Any = desk.transcribe if job.kind is Kind.TRANSCRIPTION else desk.synthesize
    lane = MemoryLane("standard", desk.clock)
    lane.send(Message("m", "m/0", job.user_id, job.kind, job.id))
    message = lane.receive(0)
    assert message
    heartbeat = Heartbeat(lane, message, desk.store, lease=LEASE, clock=desk.clock, logger=LOG)
    worker = Worker(
        lanes=[lane],
        store=desk.store,
        work=work,
        lease=LEASE,
        clock=desk.clock,
        protection=NoProtection(),
        logger=LOG,
    )
    return worker.handle(Held(lane, message, heartbeat, desk.clock()))


def used(desk: Desk) -> Usage:
    return desk.store.usage(USER, MONTH)


def told(desk: Desk) -> list[Any]:
    return [e.data["counter"] for e in desk.store.events if e.type == "user.quota_reached"]


@pytest.mark.parametrize("known", [True, False], ids=["length known", "length found out"])
def test_a_recording_beyond_the_months_minutes_fails_at_once_and_for_good(desk: Desk, known: bool) -> None:
    """Q-12: and counts for nothing but its bytes."""
    desk.decoder.duration = FREE.audio_minutes * 60.0
    first = desk.recording()
    assert handle(desk, first) == Outcome("deleted")
    full = used(desk)
    assert full.audio_ms == 90_000
    desk.decoder.duration = FREE.audio_minutes * 60.0 if known else None
    desk.listener.chunks = FREE.audio_minutes * 2
    second = desk.recording(b"A recording")
    assert handle(desk, second) == Outcome("deleted")
    ended = desk.now(second)
    assert ended.error
    assert (ended.status, ended.error.code, ended.attempts) == (Status.FAILED, "quota_exceeded", 1)
    assert "600 minutes of audio" in ended.error.detail
    assert used(desk) == full + contribution(ended)
    assert contribution(ended) == Usage(storage_bytes=len(b"a recording"))
    assert told(desk) == ["audio_seconds"]
    assert desk.events(second, "failed") == 1


def test_a_text_beyond_the_months_characters_is_not_spoken(desk: Desk) -> None:
    spoken = Job("job_0", Kind.SPEECH, USER, Status.QUEUED, desk.clock(), characters=FREE.characters - 10)
    desk.store.apply(model.create(spoken, desk.clock()))
    job = desk.text("This text has more characters than that.")
    assert handle(desk, job) == Outcome("deleted")
    ended = desk.now(job)
    assert ended.error
    assert (ended.status, ended.error.code) == (Status.FAILED, "quota_exceeded")
    assert desk.speaker.spoken == []
    assert used(desk).characters == FREE.characters - 10
    assert told(desk) == ["characters"]


def test_what_fits_exactly_is_spoken(desk: Desk) -> None:
    spoken = Job("job_0", Kind.SPEECH, USER, Status.QUEUED, desk.clock(), characters=FREE.characters - 10)
    desk.store.apply(model.create(spoken, desk.clock()))
    job = desk.text("Ten chars.")
    assert handle(desk, job) == Outcome("deleted")
    assert desk.now(job).status is Status.SUCCEEDED
    assert used(desk).characters == FREE.characters
    assert told(desk) == []
