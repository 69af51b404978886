"""One claimed transcription, from its checkpoint to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

from antiphon.engines.ports import Diarizer, Speakers, Transcriber, TranscriptionOptions, Vad
from antiphon.platform.clock import Clock
from antiphon.platform.errors import MediaError
from antiphon.speech.diarize import diarized
from antiphon.speech.model import Checkpoint, Job, spent
from antiphon.speech.once import Once
from antiphon.speech.ports import Chunk, JobStore
from antiphon.speech.progress import Progress
from antiphon.speech.recordings import Prepared, Recording, Recordings
from antiphon.speech.speakers import Turns
from antiphon.work.lease import Lease

if TYPE_CHECKING:
    import numpy as np

HEARD = 80
"""Progress in percent at which the text of a recording is there whose speakers are told apart afterwards."""
NO_DIARIZER = "Telling speakers apart is not configured here; no speakers were assigned."


class Transcribe:
    """First the text, chunk by chunk, each stored and to be seen before the next begins; then, where it is wanted, who speaks, over the whole
    recording. An attempt that is not the first goes on after the last chunk; the speakers are found in one piece."""

    def __init__(
        self,
        *,
        store: JobStore,
        recordings: Recordings,
        engine: Transcriber,
        diarizer: Diarizer | None,
        clock: Clock,
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._engine = engine
        self._diarizer = diarizer
        self._clock = clock
        self._once = Once(store, engine.name if diarizer is None else f"{engine.name} and a diarizer", clock)
        self._speed = 0.2
        """Seconds of work per second of audio, as of late."""
        self._left: float | None = None

    def remaining(self) -> float | None:
        left = self._left
        return None if left is None else left * self._speed

    def prepare(self, job: Job) -> Prepared | None:
        return self._recordings.prepare(job, job.checkpoint.position)

    def discard(self, prepared: Prepared | None) -> None:
        self._recordings.discard(prepared)

    def run(self, job: Job, lease: Lease, prepared: Prepared | None) -> None:
        try:
            position = job.checkpoint.position
            with self._recordings.held(job, lease, prepared, position) as held:
                _check(job, held.sha256)
                progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
                if self._once.copied(progress, lease, f"sha256:{held.sha256}", self._copy):
                    return
                job = progress.job
                if job.checkpoint.position == position:
                    self._transcribe(job, lease, held)
                    return
            # A copy that broke off came so far.
            with self._recordings.held(job, lease, None, job.checkpoint.position) as held:
                self._transcribe(job, lease, held)
        finally:
            self._left = None

    def _copy(self, progress: Progress, lease: Lease, first: Job) -> bool:
        """Chunk by chunk, as if they were heard: where it breaks off, the engine or the next attempt goes on."""
        for chunk in self._store.chunks(first.id):
            at = progress.job.checkpoint
            if chunk.first < at.count:
                continue
            if chunk.first > at.count:
                return False  # it is being deleted
            end = max(at.position, chunk.segments[-1].end)
            progress.advance(
                chunk=chunk,
                checkpoint=Checkpoint(end, at.count + len(chunk.segments)),
                progress=_percent(end, first.duration, 99),
                stage="copying",
                engine=first.engine,
                language=first.language,
                duration=first.duration,
            )
            lease.check()
        if progress.job.checkpoint.count != first.checkpoint.count:
            return False
        progress.finish(
            engine=first.engine,
            language=first.language,
            duration=first.duration,
            warnings=first.warnings,
            timings=progress.job.timings,
            result=first.result,
        )
        return True

    def _transcribe(self, job: Job, lease: Lease, prepared: Prepared) -> None:
        recording = prepared.recording
        assert recording is not None  # opened without an error
        options = options_of(job)
        progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
        decoding = _Timed(recording)
        first = job.checkpoint.count
        self._left = recording.duration and recording.duration - job.checkpoint.position
        language, last = job.language, time.perf_counter()
        waited = timedelta(milliseconds=prepared.download_ms)
        diarize = options.wants_speakers and self._diarizer is not None
        told = (*job.warnings, *self._engine.unmet(options))
        if options.wants_speakers and not diarize:
            told = (*told, NO_DIARIZER)
        for chunk in self._engine.transcribe(decoding, options, offset=job.checkpoint.position):
            language = chunk.language or language
            now = time.perf_counter()
            self._observe(now - last, chunk.end - progress.job.checkpoint.position)
            read = decoding.take()
            timings = spent(
                progress.job,
                download_ms=waited,
                decode_ms=timedelta(seconds=read),
                transcribe_ms=timedelta(seconds=max(0.0, now - last - read - chunk.align_seconds)),
                **({"align_ms": timedelta(seconds=chunk.align_seconds)} if chunk.align_seconds else {}),
            )
            waited = timedelta(0)
            duration = recording.duration
            told = tuple(dict.fromkeys((*told, *chunk.warnings)))
            progress.advance(
                chunk=Chunk(first, chunk.segments),
                checkpoint=Checkpoint(chunk.end, first + len(chunk.segments)),
                progress=_percent(chunk.end, duration, HEARD if diarize else 99),
                stage="transcribing",
                engine=self._engine.name,
                language=language,
                duration=duration,
                timings=timings,
                warnings=told,
            )
            first += len(chunk.segments)
            self._left = duration and max(0.0, duration - chunk.end)
            last = time.perf_counter()
            lease.check()
        self._left = 0.0
        speakers = self._speakers(progress, lease, prepared, options) if diarize else None
        self._finish(progress, recording, told, {"segments": first} | ({"speakers": speakers} if diarize else {}))

    def _speakers(
        self, progress: Progress, lease: Lease, prepared: Prepared, options: TranscriptionOptions
    ) -> list[str]:
        """Every segment once more, with who says it; gives their labels. Doing it twice writes the same."""
        assert self._diarizer is not None
        job, started = progress.job, time.perf_counter()
        progress.advance(stage="diarizing", progress=HEARD)
        turns = Turns(
            diarized(self._diarizer, self._recordings, progress, lease, prepared, speakers_of(options), HEARD)
        )
        for chunk in self._store.chunks(job.id):
            progress.advance(quiet=True, chunk=Chunk(chunk.first, turns.assign(chunk.segments)), stage="assigning")
            lease.check()
        took = timedelta(seconds=time.perf_counter() - started)
        progress.advance(quiet=True, timings=spent(progress.job, diarize_ms=took))
        return list(turns.speakers)

    def _finish(
        self, progress: Progress, recording: Recording, told: tuple[str, ...], result: dict[str, object]
    ) -> None:
        progress.finish(
            engine=self._engine.name,
            duration=round(recording.decoded, 3),
            warnings=tuple(dict.fromkeys((*told, *recording.warnings))),
            timings=progress.job.timings,
            result=result,
        )

    def _observe(self, seconds: float, audio: float) -> None:
        if audio > 0:
            self._speed = 0.7 * self._speed + 0.3 * max(0.0, seconds) / audio


class _Timed:
    """Passes blocks on and counts the seconds that were spent waiting for them."""

    def __init__(self, blocks: Recording) -> None:
        self._blocks = blocks
        self._taken = 0.0

    def __iter__(self) -> Iterator[np.ndarray]:
        blocks = iter(self._blocks)
        while True:
            started = time.perf_counter()
            block = next(blocks, None)
            self._taken += time.perf_counter() - started
            if block is None:
                return
            yield block

    def take(self) -> float:
        """The seconds since the last call."""
        taken, self._taken = self._taken, 0.0
        return taken


def _check(job: Job, sha256: str) -> None:
    declared = (job.options.get("upload") or {}).get("sha256")
    if declared and declared != sha256:
        raise MediaError("The file is not the one whose SHA-256 was declared.", code="checksum_mismatch")


def _percent(position: float, duration: float | None, of: int) -> int:
    return 0 if not duration else min(of, int(of * position / duration))


def options_of(job: Job) -> TranscriptionOptions:
    """The job's own options as the engine takes them; what else the job keeps is left out."""
    known = {f.name for f in fields(TranscriptionOptions)} - {"vad"}
    given = {name: value for name, value in job.options.items() if name in known}
    if job.checkpoint.position and job.language:  # what was detected in the first part holds for the rest
        given["language"] = job.language
    return TranscriptionOptions(**given, vad=Vad(**job.options.get("vad", {})))


def speakers_of(options: TranscriptionOptions) -> Speakers:
    return Speakers(options.num_speakers, options.min_speakers, options.max_speakers)
