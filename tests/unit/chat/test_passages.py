"""What is attached to a message becomes passages of its prompt."""

from __future__ import annotations

import pytest

from antiphon.conversations.memory import MemoryConversations
from antiphon.conversations.passages import OwnPassages
from antiphon.documents.memory import MemoryPages
from antiphon.engines.ports import Segment
from antiphon.media.items import Media, MediaStatus
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.platform.errors import Conflict, Invalid
from antiphon.search.find import Find
from antiphon.search.material import OwnMaterial
from antiphon.search.memory import MemoryIndex
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.ports import Chunk
from tests.unit.conftest import HeldClock

ANNA = "usr_1"
RECORDING = ({"type": "audio", "id": "med_1"},)


class Desk:
    """One uploaded recording."""

    def __init__(self, clock: HeldClock) -> None:
        self.clock = clock
        self.jobs, self.media = MemoryJobStore(), MemoryMediaStore()
        source = Source("uploads", "k1")
        self.media.create(Media("med_1", ANNA, "chat", "a.wav", "audio/wav", 10, clock(), MediaStatus.READY, source))
        conversations, pages = MemoryConversations(), MemoryPages(self.jobs)
        find = Find(MemoryIndex(), OwnMaterial(conversations, self.jobs, pages), clock)
        self.passages = OwnPassages(conversations, self.jobs, self.media, pages, find)

    def transcribe(self, number: int, text: str, *, key: str = "k1", done: bool = True) -> str:
        now = self.clock.move(seconds=1)
        job = Job(f"job_{number:026d}", Kind.TRANSCRIPTION, ANNA, Status.QUEUED, now, source=Source("uploads", key))
        change = model.create(job, now)
        self.jobs.apply(change)
        change = model.claim(change.after, owner="w", message_id="m", lease=model.SWEEP_AFTER, now=now)
        self.jobs.apply(change)
        change = model.advance(change.after, owner="w", lease=model.SWEEP_AFTER, now=now)
        self.jobs.apply(change, chunk=Chunk(0, (Segment(12.5, 14.0, text, speaker="Anna"),)))
        if done:
            self.jobs.apply(model.finish(change.after, owner="w", now=now))
        return job.id


@pytest.fixture
def desk(clock: HeldClock) -> Desk:
    return Desk(clock)


def test_a_recording_is_what_its_newest_transcription_says(desk: Desk) -> None:
    desk.transcribe(1, "We meet on Monday.")
    newest = desk.transcribe(2, "We meet on Tuesday.")
    desk.transcribe(3, "Of another recording.", key="k2")
    desk.transcribe(4, "Not at its end yet.", done=False)
    (source,) = desk.passages.attached(ANNA, RECORDING, 1_000)
    assert (source.id, source.text, source.label) == (newest, "We meet on Tuesday.", "[00:12 Anna]")


@pytest.mark.parametrize(("begun", "way"), [(False, "/runs"), (True, "on the way")])
def test_a_recording_that_is_not_transcribed_is_refused_with_the_way_on(desk: Desk, begun: bool, way: str) -> None:
    if begun:
        desk.transcribe(1, "We meet.", done=False)
    with pytest.raises(Conflict) as refused:
        desk.passages.attached(ANNA, RECORDING, 1_000)
    assert (refused.value.code, refused.value.fields[0].field) == ("recording_not_transcribed", "attachments[0].id")
    assert way in refused.value.detail


@pytest.mark.parametrize(("user", "media_id"), [("usr_2", "med_1"), (ANNA, "med_2")])
def test_a_recording_of_somebody_else_is_not_there(desk: Desk, user: str, media_id: str) -> None:
    """A-42"""
    desk.transcribe(1, "We meet on Tuesday.")
    with pytest.raises(Invalid) as refused:
        desk.passages.attached(user, [{"type": "audio", "id": media_id}], 1_000)
    assert refused.value.code == "unknown_attachment"
