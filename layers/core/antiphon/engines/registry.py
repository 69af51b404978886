"""Engines by the name that the configuration gives. An engine is imported only when it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.engines.ports import Aligner, Diarizer, Synthesizer, Transcriber
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from antiphon.engines.shelf import Shelf

TRANSCRIBERS = ("pocketsphinx", "whisperx")
DIARIZERS = ("pyannote",)
SYNTHESIZERS = ("espeak", "kokoro")
_CARD = ("device", "device_index", "batch_size")


@dataclass(frozen=True)
class Ears:
    """What a transcriber's worker has. None for what is not configured."""

    transcriber: Transcriber
    aligner: Aligner | None = None
    diarizer: Diarizer | None = None

    def warm_up(self) -> None:
        """Raises EngineError with what is missing. The transcriber last: where there is room for few models, its stay."""
        for engine in (self.diarizer, self.aligner, self.transcriber):
            if engine is not None:
                engine.warm_up()


def make_ears(
    name: str, settings: Mapping[str, str], diarizer: str = "", diarizer_settings: Mapping[str, str] | None = None
) -> Ears:
    """settings of ``whisperx``: ``model_dir`` or ``models`` (``large-v3=/models/large-v3,small=…``, the first is the default), ``align_dirs``
    (``en=/models/align-en,de=…``), ``device`` (``cuda``, ``cpu``), ``device_index``, ``compute_type``, ``batch_size``, ``threads``,
    ``resident_models`` (how many models may be loaded at a time: 2 on a card of 16 GB; all where it is not set). ``pocketsphinx`` has none.

    diarizer: ``pyannote`` (``model_dir``, required, ``device``, ``device_index``, ``batch_size``), or nothing for none.

    Loads no model: ``warm_up`` does. Raises EngineError for an unknown engine or setting.
    """
    if name == "pocketsphinx":
        _only(name, settings, ())
        from antiphon.engines.pocketsphinx import PocketSphinx

        return Ears(PocketSphinx(), None, _diarizer(diarizer, diarizer_settings or {}, None))
    if name == "whisperx":
        known = ("model_dir", "models", "align_dirs", *_CARD, "compute_type", "threads", "resident_models")
        _only(name, settings, known)
        from antiphon.engines.shelf import Shelf
        from antiphon.engines.whisperx import WhisperX

        shelf = Shelf(_count(settings, "resident_models", 0) or None)
        models = _pairs(settings, "models")
        if not models:
            folder = _required(name, settings, "model_dir")
            models = {Path(folder).name: folder}
        whisperx = WhisperX(
            models=models,
            align_dirs=_pairs(settings, "align_dirs"),
            device=settings.get("device") or "cpu",
            device_index=_index(settings),
            compute_type=settings.get("compute_type") or None,
            batch_size=_count(settings, "batch_size", 8),
            threads=_count(settings, "threads", 4),
            shelf=shelf,
        )
        return Ears(whisperx, whisperx.aligner, _diarizer(diarizer, diarizer_settings or {}, shelf))
    raise EngineError(f"There is no transcriber {name!r}; choose {' or '.join(TRANSCRIBERS)}")


def make_transcriber(name: str, settings: Mapping[str, str]) -> Transcriber:
    return make_ears(name, settings).transcriber


def _diarizer(name: str, settings: Mapping[str, str], shelf: Shelf | None) -> Diarizer | None:
    if not name:
        return None
    if name != "pyannote":
        raise EngineError(f"There is no diarizer {name!r}; choose {' or '.join(DIARIZERS)}, or none")
    _only(name, settings, ("model_dir", *_CARD))
    from antiphon.engines.pyannote import Pyannote

    return Pyannote(
        model_dir=_required(name, settings, "model_dir"),
        device=settings.get("device") or "cpu",
        device_index=_index(settings),
        batch_size=_count(settings, "batch_size", 32),
        shelf=shelf,
    )


def make_synthesizer(name: str, settings: Mapping[str, str]) -> Synthesizer:
    """settings of ``kokoro``: ``model_dir`` (required), ``device`` (``cuda``, ``cpu``), ``threads``. ``espeak`` has none.

    Loads no model: ``warm_up`` does. Raises EngineError for an unknown engine or setting.
    """
    if name == "espeak":
        _only(name, settings, ())
        from antiphon.engines.espeak import Espeak

        return Espeak()
    if name == "kokoro":
        _only(name, settings, ("model_dir", "device", "threads"))
        from antiphon.engines.kokoro import Kokoro

        return Kokoro(
            model_dir=_required(name, settings, "model_dir"),
            device=settings.get("device") or "cpu",
            threads=_count(settings, "threads", 4),
        )
    raise EngineError(f"There is no synthesizer {name!r}; choose {' or '.join(SYNTHESIZERS)}")


def _only(engine: str, settings: Mapping[str, str], known: tuple[str, ...]) -> None:
    for key in settings:
        if key not in known:
            raise EngineError(f"The engine {engine} has no setting {key!r}; it has {', '.join(known) or 'none'}")


def _required(engine: str, settings: Mapping[str, str], key: str) -> str:
    if not settings.get(key):
        raise EngineError(f"The engine {engine} needs the setting {key}: the folder that holds its model")
    return settings[key]


def _count(settings: Mapping[str, str], key: str, default: int) -> int:
    text = settings.get(key) or str(default)
    if not text.isdecimal() or (int(text) < 1 and int(text) != default):
        raise EngineError(f"The setting {key} must be a whole number above 0, not {text!r}")
    return int(text)


def _index(settings: Mapping[str, str]) -> int:
    text = settings.get("device_index") or "0"
    if not text.isdecimal():
        raise EngineError(f"The setting device_index must be the number of a card, 0 for the first, not {text!r}")
    return int(text)


def _pairs(settings: Mapping[str, str], key: str) -> dict[str, str]:
    text = settings.get(key, "")
    pairs = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    if len(pairs) != len([pair for pair in text.split(",") if pair.strip()]):
        raise EngineError(f"The setting {key} must look like en=/models/en,de=/models/de, not {text!r}")
    return {name.strip(): folder.strip() for name, folder in pairs.items()}
