"""The samples of voices that are missing are made by the workers, one between two jobs, so that no job waits for more than one of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.engines.ports import Synthesizer, Voice
from antiphon.platform.errors import EngineError
from antiphon.speech.samples import FORMAT, Samples, said_by
from antiphon.speech.synthesize import Encoders

if TYPE_CHECKING:
    from logging import Logger

PAUSE = 60.0
"""Seconds after a failure that may pass before another sample is tried."""


class MakeSamples:
    """Each call makes one sample, as long as one is missing; never raises.

    A voice that the engine cannot speak is left out until the worker starts again. Two workers may make the same sample; the first stays.
    """

    def __init__(
        self,
        *,
        samples: Samples,
        voices: Iterable[Voice],
        engine: Synthesizer,
        encoders: Encoders,
        work_dir: Path,
        logger: Logger,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._samples = samples
        self._voices = tuple(voices)
        self._engine = engine
        self._encoders = encoders
        self._work_dir = work_dir
        self._logger = logger
        self._now = now
        self._missing: list[Voice] | None = None
        """None: nobody has looked yet."""
        self._not_before = now()

    def __call__(self) -> None:
        if self._missing == [] or self._now() < self._not_before:
            return
        try:
            if self._missing is None:
                made = self._samples.made()
                self._missing = [voice for voice in self._voices if voice.id not in made]
            if self._missing:
                self._make(self._missing[0])
                self._missing.pop(0)
        except Exception as error:  # noqa: BLE001 - whatever the network does, the worker goes on with its jobs
            self._logger.warning("samples not made", extra={"error": repr(error)})
            self._not_before = self._now() + PAUSE

    def _make(self, voice: Voice) -> None:
        try:
            sample = self._spoken(voice)
        except EngineError as error:
            if error.retryable:
                raise
            self._logger.warning("a voice has no sample", extra={"voice": voice.id, "code": error.code})
            return
        first = self._samples.keep(voice, sample)
        self._logger.info("sample made", extra={"voice": voice.id, "first": first})

    def _spoken(self, voice: Voice) -> bytes:
        with tempfile.TemporaryDirectory(dir=self._work_dir) as folder:
            path = Path(folder) / "sample"
            with closing(self._encoders(FORMAT.name, self._engine.sample_rate, path)) as encoding:
                for sentence in self._engine.split(said_by(voice), voice.language):
                    encoding.write(self._engine.speak(sentence, voice=voice.id, language=voice.language).samples)
            return path.read_bytes()
