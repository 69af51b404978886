"""Who speaks when, by pyannote: a folder as its community pipelines come, run over the whole recording.

Memory, beside the models (about 0.2 GB and 1 GB for a batch on the card): the recording may lie in a file and is read a batch at a time; for each
window of 10 s pyannote keeps the activity of three voices and an embedding of each (13 KB), and to group them the distances between all
embeddings, which grow with the square of their number. So the windows step further in long recordings: at most ``WINDOWS`` of them, which is
1.2 GB however long the recording is. Up to two hours that is pyannote's own step.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon.engines.gpu import is_out_of_memory
from antiphon.engines.offline import installed, require_files, require_offline
from antiphon.engines.ports import SAMPLE_RATE, Speakers, Turn
from antiphon.engines.shelf import Shelf
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    import numpy as np

WINDOWS = 7_200
"""Of one recording; each is a second further than the one before it, until there would be more."""
_PARTS = ("segmentation", "embedding")
_SHORTEST = SAMPLE_RATE // 10
_SHARES = {"segmentation": (0.0, 0.5), "embeddings": (0.5, 1.0)}
"""Of the work, by pyannote's names of its steps."""


class Pyannote:
    """Diarizer. model_dir: ``config.yaml`` and what it names under ``$model``. The weights are pickles: only folders of one's own."""

    def __init__(
        self,
        *,
        model_dir: str | Path,
        device: str = "cpu",
        device_index: int = 0,
        batch_size: int = 32,
        shelf: Shelf | None = None,
    ) -> None:
        self.name = f"pyannote {installed('pyannote', 'pyannote.audio')}"
        self._folder = Path(model_dir)
        self._device = f"{device}:{device_index}" if device == "cuda" else device
        self._batch_size = batch_size
        self._shelf = shelf or Shelf()
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        with self._lock:
            self._pipeline()

    def diarize(self, audio: np.ndarray, speakers: Speakers, progress: Callable[[float], None]) -> tuple[Turn, ...]:
        if len(audio) < _SHORTEST:
            return ()
        batch = self._batch_size
        with self._lock:
            while True:
                try:
                    return self._turns(audio, speakers, progress, batch)
                except RuntimeError as error:
                    if not is_out_of_memory(error):
                        raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
                    freed = self._shelf.clear(keep="diarize")
                    if batch == 1 and not freed:
                        detail = f"{self.name} has too little memory on its card even for one window at a time"
                        raise EngineError(detail, code="gpu_out_of_memory", retryable=True) from error
                    batch = max(1, batch // 2)

    def _turns(
        self, audio: np.ndarray, speakers: Speakers, progress: Callable[[float], None], batch: int
    ) -> tuple[Turn, ...]:
        import torch

        pipeline = self._pipeline()
        pipeline.segmentation_batch_size = pipeline.embedding_batch_size = batch
        window = pipeline._segmentation.duration
        step = pipeline.segmentation_step * window
        pipeline._segmentation.step = min(window / 2, max(step, len(audio) / SAMPLE_RATE / WINDOWS))

        def hook(step: str, _: Any, file: Any = None, total: int | None = None, completed: int | None = None) -> None:
            low, high = _SHARES.get(step, (1.0, 1.0))
            if total and completed is not None:
                progress(low + (high - low) * min(1.0, completed / total))

        with warnings.catch_warnings():
            # It warns where it hears fewer voices than were asked for; the turns say that too.
            warnings.simplefilter("ignore")
            found = pipeline(
                # from_numpy copies nothing: a recording that lies in a file stays there.
                {"waveform": torch.from_numpy(audio)[None], "sample_rate": SAMPLE_RATE},
                num_speakers=speakers.exact,
                min_speakers=speakers.least,
                max_speakers=speakers.most,
                hook=hook,
            ).speaker_diarization
        turns = sorted((turn.start, turn.end, label) for turn, _, label in found.itertracks(yield_label=True))
        return _named(turns, len(audio) / SAMPLE_RATE)

    def _pipeline(self) -> Any:
        return self._shelf.get("diarize", self._load)

    def _load(self) -> Any:
        weights = "pytorch_model.bin|model.safetensors"
        require_files(self.name, self._folder, ("config.yaml",))
        for part in _PARTS:
            require_files(self.name, self._folder / part, (weights,))
        require_offline(self.name)
        import torch
        from pyannote.audio import Model, Pipeline
        from pyannote.audio.telemetry import set_telemetry_metrics

        set_telemetry_metrics(False)  # else it tells its makers the length of every recording and how many spoke
        # Parts first, by themselves: the pipeline takes what fits of a file and leaves the rest at random.
        for load, folder in (*((Model, self._folder / part) for part in _PARTS), (Pipeline, self._folder)):
            try:
                pipeline = load.from_pretrained(str(folder))
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                raise EngineError(f"{self.name} cannot load {folder}: {error}") from error
        if pipeline is None:
            raise EngineError(f"{self.name} cannot load {self._folder}")
        return pipeline.to(torch.device(self._device))


def _named(turns: list[tuple[float, float, str]], duration: float) -> tuple[Turn, ...]:
    """Speakers numbered in the order in which they first speak, whatever order pyannote found them in."""
    names: dict[str, str] = {}
    for _, _, label in turns:
        names.setdefault(label, f"SPEAKER_{len(names):02}")
    return tuple(
        Turn(round(max(0.0, start), 3), round(min(end, duration), 3), names[label]) for start, end, label in turns
    )
