from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.engines.ports import (
    Segment,
    Sound,
    Speakers,
    Spoken,
    TranscribedChunk,
    TranscriptionOptions,
    Turn,
    Word,
)
from antiphon.media.encode import Encoder
from antiphon.platform.errors import EngineError
from antiphon.platform.ids import derived_id
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore, MemoryObjects
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.recordings import Recordings
from antiphon.speech.synthesize import Synthesize
from antiphon.speech.transcribe import Transcribe
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.lease import Lease
from antiphon.work.memory import MemoryLane
from antiphon.work.queue import Message
from tests.unit.work.conftest import LEASE, USER

LOG = logging.getLogger("speech-work")
UPLOADS, RESULTS = "uploads-bucket", "results-bucket"


def nothing() -> None:
    return


class Listener:
    """Hears one segment of two words in each of ``chunks`` stretches of 30 s; ``between`` is called before each; ``asked``: (options, offset)."""

    name = "listener 1"

    def __init__(self, chunks: int = 3) -> None:
        self.chunks = chunks
        self.between: Callable[[], None] = nothing
        self.asked: list[tuple[TranscriptionOptions, float]] = []
        self.heard: list[float] = []
        self.silent = False

    def warm_up(self) -> None:
        return

    def unmet(self, options: TranscriptionOptions) -> tuple[str, ...]:
        return ("This engine knows no beams.",) if options.beam_size else ()

    def transcribe(
        self, audio: Any, options: TranscriptionOptions, *, offset: float = 0.0
    ) -> Iterator[TranscribedChunk]:
        self.asked.append((options, offset))
        blocks = iter(audio)
        for n in range(1, self.chunks + 1):
            end = 30.0 * n
            if end <= offset:
                continue
            self.between()
            next(blocks, None)
            self.heard.append(end)
            words = (Word("chunk", end - 20, end - 15), Word(str(n), end - 15, end - 10))
            said = () if self.silent else (Segment(end - 20, end - 10, f"chunk {n}", words),)
            yield TranscribedChunk(end, said, "en")


class Crowd:
    """A diarizer that hears two people, each for half a minute in turn; ``between`` is called before each of its steps."""

    name = "crowd 1"

    def __init__(self) -> None:
        self.between: Callable[[], None] = nothing
        self.asked: list[tuple[int, Speakers]] = []

    def warm_up(self) -> None:
        return

    def diarize(self, audio: np.ndarray, speakers: Speakers, progress: Callable[[float], None]) -> tuple[Turn, ...]:
        self.asked.append((len(audio), speakers))
        for share in (0.25, 0.5, 1.0):
            self.between()
            progress(share)
        return tuple(Turn(30.0 * n, 30.0 * (n + 1), f"SPEAKER_0{n % 2}") for n in range(3))


class Tape:
    """A recording of ``LENGTH`` seconds."""

    LENGTH = 90

    def __init__(self, duration: float | None, decoded: float) -> None:
        self.duration = duration
        self.decoded = decoded
        self.warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        for _ in range(self.LENGTH):
            yield np.zeros(16_000, np.float32)


class Decoder:
    """``error``: raised when it is opened; ``opened``: (bytes, start); ``open``: how many are open now."""

    def __init__(self) -> None:
        self.duration: float | None = 90.0
        self.warnings: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.opened: list[tuple[bytes, float]] = []
        self.open = 0

    @contextmanager
    def __call__(self, path: Path, start: float) -> Iterator[Tape]:
        self.opened.append((path.read_bytes(), start))
        if self.error:
            raise self.error
        self.open += 1
        try:
            tape = Tape(self.duration, 90.0)
            tape.warnings = self.warnings
            yield tape
        finally:
            self.open -= 1


class Speaker:
    """Says each sentence as 10 ms for each of its characters, each at a height of its own; ``before`` is called before each."""

    name = "speaker 1"
    sample_rate = 16_000

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.asked: list[tuple[str, str, float, tuple[Sound, ...]]] = []
        self.before: Callable[[str], None] = lambda sentence: None

    def warm_up(self) -> None:
        return

    def unmet(self, voice: str, language: str | None) -> tuple[str, ...]:
        if voice == "unknown":
            raise EngineError("There is no voice unknown.", code="unknown_voice")
        return ("There is no such voice; another speaks.",) if voice == "absent" else ()

    def split(self, text: str, language: str | None) -> Sequence[str]:
        return [part.strip() for part in re.findall(r"[^.]*\.|[^.]+$", text) if part.strip()]

    def speak(
        self,
        sentence: str,
        *,
        voice: str,
        speed: float = 1.0,
        language: str | None = None,
        sounds: Sequence[Sound] = (),
    ) -> Spoken:
        self.before(sentence)
        if voice == "unknown":
            raise EngineError("There is no voice unknown.", code="unknown_voice")
        self.spoken.append(sentence)
        self.asked.append((sentence, voice, speed, tuple(sounds)))
        samples = np.concatenate([np.full(160, 50 * ord(c) % 30_000, np.int16) for c in sentence])
        unsaid = tuple(f"{c} is not heard." for c in sentence if c in "→☃")
        return Spoken(sentence, samples, (Word(sentence, 0.0, len(samples) / 16_000),), unsaid)


class Desk:
    """One job after another, each under a lease that the test may take away."""

    def __init__(self, clock: Any, folder: Path) -> None:
        self.clock = clock
        self.folder = folder
        self.store, self.objects = MemoryJobStore(), MemoryObjects()
        self.listener, self.decoder, self.speaker = Listener(), Decoder(), Speaker()
        self.stopping = threading.Event()
        self.recordings = Recordings(
            store=self.store, objects=self.objects, decode=self.decoder, work_dir=folder, clock=clock
        )
        self.transcribe = self.transcriber(None)
        self.synthesize = Synthesize(
            store=self.store,
            objects=self.objects,
            engine=self.speaker,
            encoders=Encoder,
            results_bucket=RESULTS,
            voice_for=lambda language: "plain",
            max_characters=1000,
            work_dir=folder,
            clock=clock,
        )
        self._made = 0
        self.tier = "premium"
        """Lets two of one user's jobs run at once."""

    def transcriber(self, diarizer: Crowd | None) -> Transcribe:
        return Transcribe(
            store=self.store, recordings=self.recordings, engine=self.listener, diarizer=diarizer, clock=self.clock
        )

    def recording(self, body: bytes = b"a recording", **options: Any) -> Job:
        return self._job(Kind.TRANSCRIPTION, body, "audio/wav", "talk.wav", options)

    def text(
        self, body: str | bytes, content_type: str = "text/plain", filename: str | None = None, **options: Any
    ) -> Job:
        raw = body.encode() if isinstance(body, str) else body
        return self._job(Kind.SPEECH, raw, content_type, filename, {"format": "wav", **options})

    def _job(self, kind: Kind, body: bytes, content_type: str, filename: str | None, options: Any) -> Job:
        self._made += 1
        id = derived_id("job", self.clock(), str(self._made), order=self._made)
        key = f"uploads/{USER}/{id}"
        self.objects.put(UPLOADS, key, body, content_type=content_type)
        version = self.objects.objects[UPLOADS, key].version
        source = Source(UPLOADS, key, version, "1", len(body), content_type, filename)
        job = Job(id, kind, USER, Status.QUEUED, self.clock(), source=source, options=options, tier=self.tier)
        self.store.apply(model.create(job, self.clock()))
        return self.now(job)

    def now(self, job: Job) -> Job:
        found = self.store.get(job.user_id, job.kind, job.id)
        assert found is not None
        return found

    def claim(self, job: Job, owner: str = "me") -> Job:
        self.store.apply(model.claim(self.now(job), owner=owner, message_id="m", lease=LEASE, now=self.clock()))
        return self.now(job)

    def lease(self, job: Job, owner: str = "me") -> Lease:
        lane = MemoryLane("standard", self.clock)
        message = Message("m", "m/0", job.user_id, job.kind, job.id)
        self.heartbeat = Heartbeat(lane, message, self.store, lease=LEASE, clock=self.clock, logger=LOG)
        return Lease(owner, LEASE, self.heartbeat, self.stopping)

    def run(self, job: Job, owner: str = "me", prepared: Any = None) -> Job:
        """Claims the job and works on it to its end; raises what the work raises."""
        work: Any = self.transcribe if job.kind is Kind.TRANSCRIPTION else self.synthesize
        work.run(self.claim(job, owner), self.lease(job, owner), prepared)
        return self.now(job)

    def edit(self, job: Job, **changes: Any) -> None:
        """As its owner does by the API meanwhile."""
        job = self.now(job)
        self.store.apply(model.Change(job, replace(job, version=job.version + 1, **changes)))

    def audio(self, job: Job) -> bytes:
        return self.objects.read(RESULTS, self.now(job).result["key"])

    def keys(self, bucket: str) -> list[str]:
        return sorted(key for b, key in self.objects.objects if b == bucket)

    def events(self, job: Job, name: str) -> int:
        return sum(e.data.get("id") == job.id and e.type.endswith(f".{name}") for e in self.store.events)


@pytest.fixture
def desk(clock: Any, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(clock, tmp_path)
    yield desk
    assert list(tmp_path.iterdir()) == [], "a file was left behind"
    assert desk.decoder.open == 0, "a decoder was left behind"
