"""Engines by the name that the configuration gives. An engine is imported only when it was chosen."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon.engines.ports import Synthesizer, Transcriber
from antiphon.platform.errors import EngineError

TRANSCRIBERS = ("pocketsphinx", "whisperx")
SYNTHESIZERS = ("espeak", "kokoro")


def make_transcriber(name: str, settings: Mapping[str, str]) -> Transcriber:
    """settings of ``whisperx``: ``model_dir`` (required), ``align_dirs`` (``en=/models/align-en,de=…``)
    ``device`` (``cuda``, ``cpu``), ``compute_type``, ``batch_size``, ``threads``. ``pocketsphinx`` has none.

    Loads no model: ``warm_up`` does. Raises EngineError for an unknown engine or setting.
    """
    if name == "pocketsphinx":
        _only(name, settings, ())
        from antiphon.engines.pocketsphinx import PocketSphinx

        return PocketSphinx()
    if name == "whisperx":
        _only(
            name,
            settings,
            ("model_dir", "align_dirs", "device", "compute_type", "batch_size", "threads"),
        )
        from antiphon.engines.whisperx import WhisperX

        return WhisperX(
            model_dir=_required(name, settings, "model_dir"),
            align_dirs=_pairs(settings.get("align_dirs", "")),
            device=settings.get("device") or "cpu",
            compute_type=settings.get("compute_type") or None,
            batch_size=_count(settings, "batch_size", 8),
            threads=_count(settings, "threads", 4),
        )
    raise EngineError(f"There is no transcriber {name!r}; choose {' or '.join(TRANSCRIBERS)}")


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
    if not text.isdecimal() or int(text) < 1:
        raise EngineError(f"The setting {key} must be a whole number above 0, not {text!r}")
    return int(text)


def _pairs(text: str) -> dict[str, str]:
    pairs = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    if len(pairs) != len([pair for pair in text.split(",") if pair.strip()]):
        raise EngineError(
            f"The setting align_dirs must look like en=/models/align-en,de=/models/align-de, not {text!r}"
        )
    return {language.strip(): folder.strip() for language, folder in pairs.items()}
