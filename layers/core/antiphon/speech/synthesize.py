"""One claimed speech job, from its checkpoint to its end."""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import time
import wave
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from antiphon.engines.ports import Spoken, Synthesizer
from antiphon.media.formats import FORMATS
from antiphon.platform.clock import Clock
from antiphon.platform.errors import EngineError, LeaseLost, NotFound
from antiphon.speech.model import Checkpoint, Job, spent
from antiphon.speech.once import Once
from antiphon.speech.ports import JobStore, Mark, Objects
from antiphon.speech.progress import Progress
from antiphon.speech.script import MOST_WARNINGS, Line, Reading, digest, digest_of_all, lines
from antiphon.speech.text import MAX_BYTES, read
from antiphon.work.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WAV = "audio/wav"


@dataclass(frozen=True)
class _Script:
    """What a job is to say; ``characters``: of what is said, without tags and marks."""

    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    characters: int


class Encoding(Protocol):
    """Audio being written to a file in one format."""

    def write(self, samples: np.ndarray) -> None:
        """samples: int16, mono, shape (samples,)."""

    def close(self) -> None: ...


class Encoders(Protocol):
    def __call__(self, format: str, sample_rate: int, path: Path, /) -> Encoding:
        """Begins a file. Raises Invalid for an unknown format."""


class Synthesize:
    """voice_for: who speaks a language (None: any) where the job names no voice."""

    def __init__(
        self,
        *,
        store: JobStore,
        objects: Objects,
        engine: Synthesizer,
        encoders: Encoders,
        results_bucket: str,
        voice_for: Callable[[str | None], str],
        max_characters: int,
        work_dir: Path,
        clock: Clock,
    ) -> None:
        self._store = store
        self._objects = objects
        self._engine = engine
        self._encoders = encoders
        self._bucket = results_bucket
        self._voice_for = voice_for
        self._max_characters = max_characters
        self._work_dir = work_dir
        self._clock = clock
        self._once = Once(store, engine.name, clock)
        self._left: float | None = None
        self._speed = 0.01
        """Seconds of work per character, as of late."""

    def remaining(self) -> float | None:
        left = self._left
        return None if left is None else left * self._speed

    def prepare(self, job: Job) -> str | None:
        """Texts are small: nothing is gained by fetching one ahead."""
        return None

    def discard(self, prepared: str | None) -> None:
        return

    def run(self, job: Job, lease: Lease, prepared: str | None) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._work_dir))
        try:
            self._speak(job, lease, folder)
        except LeaseLost:
            self._remove_what_is_nobodys(job)
            raise
        finally:
            self._left = None
            shutil.rmtree(folder, ignore_errors=True)

    def _remove_what_is_nobodys(self, job: Job) -> None:
        """The job was taken away while something of it was on its way to the bucket: where it is gone for good, nobody else would find that."""
        now_job = self._store.get(job.user_id, job.kind, job.id)
        if now_job is None:
            self._objects.delete_prefix(self._bucket, f"parts/{job.user_id}/{job.id}/")
        if now_job is None or not str(now_job.result.get("key", "")).startswith(_attempt(job)):
            self._objects.delete_prefix(self._bucket, _attempt(job))

    def _speak(self, job: Job, lease: Lease, folder: Path) -> None:
        lease.check()
        reading, content = self._reading(job)
        progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
        if self._once.copied(progress, lease, content, self._copy):
            return
        job = progress.job
        script = self._script(job, reading)
        language = job.options.get("language")
        digests = [digest(line, self._engine.name, language) for line in script.lines]
        plan = {"sentences": len(digests), "script": digest_of_all(digests)}
        if job.result != plan or self._objects.head(self._bucket, _part(job, 0)) is None:
            # Not begun yet; or the text is cut or spoken otherwise by now; or the parts are gone, which are kept for days only.
            progress.advance(
                quiet=True,
                checkpoint=Checkpoint(),
                result=plan,
                characters=job.characters or script.characters,
                warnings=script.warnings,
            )
        done = progress.job.checkpoint.count
        self._left = float(sum(len(line.text) for line in script.lines[done:]))
        for index in range(done, len(script.lines)):
            started, line = time.perf_counter(), script.lines[index]
            spoken = self._engine.speak(
                line.text, voice=line.voice, speed=line.speed, language=language, sounds=line.sounds
            )
            took = time.perf_counter() - started
            self._store_part(progress, index, line, spoken, digests, took)
            self._observe(took, len(line.text))
            lease.check()
        try:
            self._assemble(progress, plan, script.characters, folder, lease)
        except NotFound as error:
            progress.advance(quiet=True, checkpoint=Checkpoint())
            raise EngineError(f"A part of the speech is gone: {error.detail}", retryable=True) from error

    def _script(self, job: Job, reading: Reading) -> _Script:
        language = job.options.get("language")
        if len(reading.text) > self._max_characters:
            raise EngineError(
                f"The text has {len(reading.text):,} characters; at most {self._max_characters:,} can be spoken.",
                code="text_too_long",
            )
        found = lines(
            reading,
            lambda text: self._engine.split(text, language),
            voice=str(job.options.get("voice") or self._voice_for(language)),
            speed=float(job.options.get("speed") or 1.0),
        )
        if not found:
            raise EngineError("There is nothing to say in this text.", code="text_empty")
        unmet = [
            warning
            for voice in dict.fromkeys(line.voice for line in found)
            for warning in self._engine.unmet(voice, language)
        ]
        return _Script(found, tuple(dict.fromkeys([*unmet, *reading.warnings])), len(reading.text))

    def _copy(self, progress: Progress, lease: Lease, first: Job) -> bool:
        """The audio as it is, to this job's own place; where the other is being deleted, this one is spoken."""
        job, key = progress.job, str(first.result["key"])
        for mark in list(self._store.marks(first.id))[job.checkpoint.count :]:
            if mark.index != progress.job.checkpoint.count:
                return False
            progress.advance(
                mark=replace(mark, key=None), checkpoint=Checkpoint(mark.end, mark.index + 1), stage="copying"
            )
            lease.check()
        if progress.job.checkpoint.count != first.checkpoint.count:
            return False
        own = f"{_attempt(job)}{key.rpartition('/')[2]}"
        try:
            self._objects.copy(self._bucket, key, own)
        except NotFound:
            return False
        progress.finish(
            engine=first.engine,
            duration=first.duration,
            characters=first.characters,
            warnings=first.warnings,
            result={**first.result, "key": own},
        )
        return True

    def _reading(self, job: Job) -> tuple[Reading, str]:
        """What is to be said, and what names its bytes and how they are read."""
        if job.source is None:
            raise NotFound("The job has no text.")
        source = job.source
        body = self._objects.read(source.bucket, source.key, first=MAX_BYTES + 1, version=source.version)
        reading = read(
            body,
            content_type=source.content_type,
            filename=source.filename,
            input_format=job.options.get("input_format"),
            knows=self._knows,
        )
        read_as = f"{source.content_type}:{(source.filename or '').rpartition('.')[2]}"
        return reading, f"{read_as}:{hashlib.sha256(body).hexdigest()}"

    def _knows(self, voice: str) -> bool:
        try:
            self._engine.unmet(voice, None)
        except EngineError:
            return False
        return True

    def _store_part(
        self, progress: Progress, index: int, line: Line, spoken: Spoken, digests: Sequence[str], took: float
    ) -> None:
        """The part first, then the row that tells of it: a crash between the two leaves a part that is written again, the same."""
        job, key, rate = progress.job, _part(progress.job, index), self._engine.sample_rate
        before, after = (bytes(2 * round(seconds * rate)) for seconds in (line.before, line.after))
        said = before + spoken.samples.tobytes() + after
        self._objects.put(self._bucket, key, wav_of(said, rate), content_type=WAV)
        part = job.checkpoint.position
        start = part + len(before) / 2 / rate
        end = start + len(spoken.samples) / rate
        words = tuple(
            type(w)(w.word, round(w.start + start, 3), round(w.end + start, 3), w.score, w.speaker)
            for w in spoken.words
        )
        whole = part + len(said) / 2 / rate
        progress.advance(
            mark=Mark(index, spoken.text, round(start, 3), round(end, 3), words, key, digests[index]),
            checkpoint=Checkpoint(whole, index + 1),
            progress=int(98 * (index + 1) / len(digests)),
            stage="speaking",
            engine=self._engine.name,
            duration=round(whole, 3),
            warnings=_with(job.warnings, spoken.unsaid),
            timings=spent(job, synthesize_ms=timedelta(seconds=took)),
        )

    def _assemble(
        self, progress: Progress, plan: Mapping[str, Any], characters: int, folder: Path, lease: Lease
    ) -> None:
        """All parts in order through one encoder, a part at a time in memory. Raises NotFound where one is gone."""
        job, started = progress.job, time.perf_counter()
        format = str(job.options.get("format") or "mp3")
        path = folder / "audio"
        with closing(self._encoders(format, self._engine.sample_rate, path)) as encoding:
            for index in range(plan["sentences"]):
                with wave.open(io.BytesIO(self._objects.read(self._bucket, _part(job, index)))) as part:
                    encoding.write(np.frombuffer(part.readframes(part.getnframes()), "<i2"))
                lease.check()
        kind = FORMATS[format]
        key = f"{_attempt(job)}audio.{kind.extension}"
        self._objects.upload(self._bucket, key, str(path), content_type=kind.content_type)
        progress.finish(
            timings=spent(job, encode_ms=timedelta(seconds=time.perf_counter() - started)),
            result={
                **plan,
                "key": key,
                "format": format,
                "content_type": kind.content_type,
                "extension": kind.extension,
                "bytes": path.stat().st_size,
                "characters": characters,
            },
        )

    def _observe(self, seconds: float, characters: int) -> None:
        self._speed = 0.7 * self._speed + 0.3 * seconds / max(1, characters)
        self._left = max(0.0, (self._left or 0.0) - characters)


def _with(warnings: tuple[str, ...], more: Sequence[str]) -> tuple[str, ...]:
    """Each once, and no more than a reader takes in."""
    found = tuple(dict.fromkeys((*warnings, *more)))
    return found if len(found) <= MOST_WARNINGS else (*found[:MOST_WARNINGS], "There is more like this.")


def _attempt(job: Job) -> str:
    """Where the audio of this attempt lies, and no other's."""
    return f"speech/{job.user_id}/{job.id}/{job.attempts}/"


def _part(job: Job, index: int) -> str:
    return f"parts/{job.user_id}/{job.id}/{index:06d}.wav"


def wav_of(samples: bytes, sample_rate: int) -> bytes:
    """samples: int16, mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(samples)
    return file.getvalue()
