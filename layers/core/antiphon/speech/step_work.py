"""Claimed jobs that do one step of what a transcription does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from antiphon.engines.ports import SAMPLE_RATE, Aligner, Diarizer, Segment, Turn, Word
from antiphon.platform.clock import Clock
from antiphon.platform.errors import EngineError
from antiphon.speech.diarize import diarized
from antiphon.speech.model import Checkpoint, Job, Kind, spent
from antiphon.speech.ports import Chunk, JobStore, Objects
from antiphon.speech.progress import Progress
from antiphon.speech.recordings import Prepared, Recordings
from antiphon.speech.speakers import Turns
from antiphon.speech.transcribe import options_of, speakers_of
from antiphon.work.lease import Lease
from antiphon.work.worker import Work

AT_ONCE = 50
"""Segments or turns that are stored together."""


class ByKind:
    """Work for each kind of job that comes over one lane."""

    def __init__(self, works: Mapping[Kind, Work]) -> None:
        self._works = works
        self._running: Work | None = None

    def prepare(self, job: Job) -> tuple[Work, Any]:
        work = self._works[job.kind]
        return work, work.prepare(job)

    def discard(self, prepared: tuple[Work, Any] | None) -> None:
        if prepared:
            work, what = prepared
            work.discard(what)

    def run(self, job: Job, lease: Lease, prepared: tuple[Work, Any] | None) -> None:
        self._running = self._works[job.kind]
        try:
            self._running.run(job, lease, prepared[1] if prepared else None)
        finally:
            self._running = None

    def remaining(self) -> float | None:
        running = self._running
        return running.remaining() if running else None


class Inputs:
    """What a step was given beside a recording."""

    def __init__(self, store: JobStore, objects: Objects) -> None:
        self._store = store
        self._objects = objects

    def segments(self, job: Job) -> list[Segment]:
        """In order, of a transcription with the corrections that were made to it. Raises NotFound."""
        of = job.options.get("alignment_id") or job.options.get("transcription_id")
        given = self._own(job).get("segments")
        if given is None and of:
            return [numbered.segment for numbered in self._store.segments(of)]
        found = [
            Segment(s["start"], s["end"], s["text"], tuple(Word(**word) for word in s.get("words") or ()))
            for s in given or ()
        ]
        return sorted(found, key=lambda segment: segment.start)

    def turns(self, job: Job) -> list[Turn]:
        of = job.options.get("diarization_id")
        given = self._own(job).get("turns")
        if given is None and of:
            return [Turn(n.segment.start, n.segment.end, n.segment.speaker or "") for n in self._store.segments(of)]
        return [Turn(**turn) for turn in given or ()]

    def _own(self, job: Job) -> Mapping[str, Any]:
        place = job.options.get("input")
        found: Mapping[str, Any] = json.loads(self._objects.read(place["bucket"], place["key"])) if place else {}
        return found


class _Listening:
    """Work on a whole recording."""

    def __init__(self, *, store: JobStore, recordings: Recordings, clock: Clock) -> None:
        self._store = store
        self._recordings = recordings
        self._clock = clock

    def prepare(self, job: Job) -> Prepared | None:
        return self._recordings.prepare(job, 0.0)

    def discard(self, prepared: Prepared | None) -> None:
        self._recordings.discard(prepared)

    def remaining(self) -> float | None:
        return None

    def _progress(self, job: Job, lease: Lease) -> Progress:
        return Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)


class AlignText(_Listening):
    """aligner: None where none is configured."""

    def __init__(self, *, inputs: Inputs, aligner: Aligner | None, **common: Any) -> None:
        super().__init__(**common)
        self._inputs = inputs
        self._aligner = aligner

    def run(self, job: Job, lease: Lease, prepared: Prepared | None) -> None:
        with self._recordings.held(job, lease, prepared, 0.0) as held:
            if self._aligner is None:
                raise EngineError("Alignment is not configured here.", code="not_configured")
            self._align(self._aligner, job, lease, held)

    def _align(self, aligner: Aligner, job: Job, lease: Lease, prepared: Prepared) -> None:
        progress, options = self._progress(job, lease), options_of(job)
        language = (options.language or job.language or "en").lower().split("-")[0]
        segments = self._inputs.segments(job)
        done = int(job.result.get("done", 0))
        with self._recordings.whole(prepared, lease) as samples:
            duration = round(len(samples) / SAMPLE_RATE, 3)
            if not segments:
                aligner.align((), samples, language, options)  # an unknown language is one without a text too
            for first in range(done, len(segments), AT_ONCE):
                started = time.perf_counter()
                part = aligner.align(segments[first : first + AT_ONCE], samples, language, options)
                done = min(first + AT_ONCE, len(segments))
                count = progress.job.checkpoint.count
                progress.advance(
                    chunk=Chunk(count, part),
                    checkpoint=Checkpoint(part[-1].end if part else 0.0, count + len(part)),
                    progress=int(99 * done / len(segments)),
                    stage="aligning",
                    engine=aligner.name,
                    language=language,
                    duration=duration,
                    timings=spent(progress.job, align_ms=timedelta(seconds=time.perf_counter() - started)),
                    result={"done": done},
                )
                lease.check()
        progress.finish(
            engine=aligner.name,
            language=language,
            duration=duration,
            timings=progress.job.timings,
            result={"segments": progress.job.checkpoint.count},
        )


class TellApart(_Listening):
    """diarizer: None where none is configured."""

    def __init__(self, *, diarizer: Diarizer | None, **common: Any) -> None:
        super().__init__(**common)
        self._diarizer = diarizer

    def run(self, job: Job, lease: Lease, prepared: Prepared | None) -> None:
        with self._recordings.held(job, lease, prepared, 0.0) as held:
            if self._diarizer is None:
                raise EngineError("Telling speakers apart is not configured here.", code="not_configured")
            progress, started = self._progress(job, lease), time.perf_counter()
            wanted = speakers_of(options_of(job))
            turns = diarized(self._diarizer, self._recordings, progress, lease, held, wanted, 0)
            for chunk in _chunks([Segment(turn.start, turn.end, "", speaker=turn.speaker) for turn in turns]):
                progress.advance(quiet=True, chunk=chunk)
                lease.check()
            assert held.recording is not None
            progress.finish(
                engine=self._diarizer.name,
                duration=held.recording.duration and round(held.recording.duration, 3),
                timings=spent(progress.job, diarize_ms=timedelta(seconds=time.perf_counter() - started)),
                result={"turns": len(turns), "speakers": list(Turns(turns).speakers)},
            )


class AssignSpeakers:
    """Needs neither a recording nor an engine."""

    def __init__(self, *, store: JobStore, inputs: Inputs, clock: Clock) -> None:
        self._store = store
        self._inputs = inputs
        self._clock = clock

    def prepare(self, job: Job) -> None:
        return

    def discard(self, prepared: None) -> None:
        return

    def remaining(self) -> float | None:
        return 0.0

    def run(self, job: Job, lease: Lease, prepared: None) -> None:
        lease.check()
        progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
        turns, started = Turns(self._inputs.turns(job)), time.perf_counter()
        assigned = turns.assign(self._inputs.segments(job), nearest=bool(job.options.get("fill_nearest")))
        for chunk in _chunks(assigned):
            progress.advance(quiet=True, chunk=chunk, stage="assigning")
            lease.check()
        progress.finish(
            timings=spent(progress.job, assign_ms=timedelta(seconds=time.perf_counter() - started)),
            result={"segments": len(assigned), "speakers": list(turns.speakers)},
        )


def _chunks(segments: Sequence[Segment]) -> Iterator[Chunk]:
    """Cut the same way each time, so that a second attempt writes over what the first left."""
    for first in range(0, len(segments), AT_ONCE):
        yield Chunk(first, tuple(segments[first : first + AT_ONCE]))
