"""The names that OpenAI gave its models and voices, and what we have in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.engines.ports import Voice
from antiphon.engines.voices import catalogue, known_mix, nearest
from antiphon.platform.errors import EngineError, Field, Invalid

DIARIZES = "gpt-4o-transcribe-diarize"
NEVER_STREAMS = "whisper-1"
TELLS_LANGUAGES = "gpt-transcribe"
TRANSCRIBERS = (
    NEVER_STREAMS,
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    DIARIZES,
    TELLS_LANGUAGES,
)
NO_EVENTS = frozenset({"tts-1", "tts-1-hd"})
"""Of these models OpenAI gives no server-sent events."""
SPEAKERS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")

VOICES: Mapping[str, str] = MappingProxyType(
    {
        "alloy": "af_alloy",
        "ash": "am_michael",
        "ballad": "bm_george",
        "cedar": "am_fenrir",
        "coral": "af_bella",
        "echo": "am_echo",
        "fable": "bm_fable",
        "marin": "af_heart",
        "nova": "af_nova",
        "onyx": "am_onyx",
        "sage": "af_sarah",
        "shimmer": "af_nicole",
        "verse": "am_puck",
    }
)
"""OpenAI's thirteen, and the voice of Kokoro that is most like each."""

_ABLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pocketsphinx": ("transcription", "timestamps", "streaming"),
        "whisperx": ("transcription", "translation", "timestamps", "diarization", "streaming"),
        "espeak": ("speech", "streaming"),
        "kokoro": ("speech", "streaming"),
    }
)


@dataclass(frozen=True)
class AudioModel:
    """A name that the audio routes take. ``engine``: what answers; its own name is one of the names."""

    name: str
    engine: str
    capabilities: tuple[str, ...]


def audio_models(transcriber: str, synthesizer: str) -> tuple[AudioModel, ...]:
    """transcriber, synthesizer: the engines of this deployment."""
    heard = [AudioModel(name, transcriber, _ABLE[transcriber]) for name in (*TRANSCRIBERS, transcriber)]
    spoken = [AudioModel(name, synthesizer, _ABLE[synthesizer]) for name in (*SPEAKERS, synthesizer)]
    return (*heard, *spoken)


def check_model(name: str, known: tuple[str, ...]) -> None:
    """Raises Invalid ``unknown_model``."""
    if name not in known:
        raise Invalid(
            f"The model `{name}` does not exist; this route has {', '.join(known)}.",
            code="unknown_model",
            fields=(Field("model", "Choose of: " + ", ".join(known) + "."),),
        )


def own_voice(name: str, engine: str) -> str:
    """The voice of ours for a name of OpenAI's; our own voices and mixes are left as they are. Raises Invalid ``unknown_voice``."""
    kokoro, own = catalogue("kokoro"), catalogue(engine)
    if name in VOICES:
        (meant,) = (voice for voice in kokoro if voice.id == VOICES[name])
        return meant.id if engine == "kokoro" else nearest(meant, own).id
    try:
        # A request works with either engine, as it does on the job routes.
        known_mix(name, {voice.id for voice in (*own, *kokoro)}, engine)
    except EngineError:
        raise Invalid(
            f"Invalid value: '{name}'. Supported are {', '.join(map(repr, VOICES))}, and the voices that GET /v1/voices lists, alone or mixed.",
            code="invalid_value",
            fields=(Field("voice", "GET /v1/audio/voices lists the names."),),
        ) from None
    return name


def all_voices(engine: str) -> list[tuple[str, Voice]]:
    """Every name that can be asked for, OpenAI's first, with the voice that speaks."""
    own = {voice.id: voice for voice in catalogue(engine)}
    return [*((name, own[own_voice(name, engine)]) for name in VOICES), *own.items()]
