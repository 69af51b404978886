"""What is asked for in OpenAI's words, in ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from antiphon.platform.errors import Field, Invalid
from antiphon.speech.openai.names import DIARIZES, NEVER_STREAMS, SPEAKERS, TRANSCRIBERS, check_model
from antiphon.speech.openai.shapes import NewAudioTranscription, NewAudioTranslation, ServerVad

HEARD_OF_PROMPT = 2_000
"""Characters from the end of a prompt that can matter: Whisper hears its last 224 tokens."""


@dataclass(frozen=True)
class Wanted:
    """``options``: of the job. The same recording in another format is the same job, so nothing of how it is answered is among them."""

    model: str
    options: dict[str, Any]
    format: str
    words: bool = False
    segments: bool = True
    streams: bool = False
    media_id: str | None = None
    url: str | None = None
    dedupe: bool = True

    @property
    def is_json(self) -> bool:
        return self.format in ("json", "verbose_json", "diarized_json")


def wanted_transcription(new: NewAudioTranscription, engine: str) -> Wanted:
    """engine: our own name of a model, beside OpenAI's. Raises Invalid for what is not there, and for what OpenAI refuses."""
    check_model(new.model, (*TRANSCRIBERS, engine))
    if new.timestamp_granularities and new.response_format != "verbose_json":
        raise _wrong(
            "timestamp_granularities",
            f"timestamp_granularities[] needs response_format verbose_json, not {new.response_format}.",
        )
    if new.include:
        raise _wrong("include", "Log probabilities are not offered: the engines here give none.", "unsupported_value")
    if new.known_speaker_names or new.known_speaker_references:
        raise _wrong(
            "known_speaker_references" if new.known_speaker_references else "known_speaker_names",
            "Speakers are not recognised by samples; they are A, B, …, and PATCH /v1/transcriptions/{id} names them.",
            "unsupported_parameter",
        )
    options: dict[str, Any] = {
        "task": "transcribe",
        "diarize": new.model == DIARIZES or new.response_format == "diarized_json",
        "align": True,
        **_heard(new),
    }
    languages = [new.language] if new.language else new.languages or []
    if len(languages) == 1:  # of several, the one that is spoken is detected
        options["language"] = languages[0]
    hotwords = [*(new.keywords or ()), *([new.hotwords] if new.hotwords else ())]
    if hotwords:
        options["hotwords"] = ", ".join(hotwords)[:1_000]
    if isinstance(new.chunking_strategy, ServerVad) and new.chunking_strategy.threshold:
        options["vad"] = {"onset": min(0.99, new.chunking_strategy.threshold)}
    granularities = new.timestamp_granularities or ["segment"]
    return Wanted(
        model=new.model,
        options=options,
        format=new.response_format,
        words="word" in granularities,
        segments="segment" in granularities,
        streams=bool(new.stream) and new.model != NEVER_STREAMS,
        **_source(new),
    )


def wanted_translation(new: NewAudioTranslation, engine: str) -> Wanted:
    """Raises Invalid ``unknown_model``."""
    check_model(new.model, (*TRANSCRIBERS, engine))
    options = {"task": "translate", "diarize": False, "align": True, **_heard(new)}
    return Wanted(model=new.model, options=options, format=new.response_format, **_source(new))


def check_speech_model(name: str, engine: str) -> None:
    """Raises Invalid ``unknown_model``."""
    check_model(name, (*SPEAKERS, engine))


def _source(new: NewAudioTranscription | NewAudioTranslation) -> dict[str, Any]:
    return {"media_id": new.media_id, "url": new.url, "dedupe": new.dedupe}


def _heard(new: NewAudioTranscription | NewAudioTranslation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if new.prompt and new.prompt.strip():
        found["initial_prompt"] = new.prompt[-HEARD_OF_PROMPT:]
    if new.temperature is not None:
        found["temperature"] = new.temperature
    return found


def _wrong(field: str, detail: str, code: str = "invalid_value") -> Invalid:
    return Invalid(detail, code=code, fields=(Field(field, detail),))


__all__ = ["Wanted", "check_speech_model", "wanted_transcription", "wanted_translation"]
