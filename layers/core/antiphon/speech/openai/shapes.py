"""What OpenAI's audio routes take, by their names and within their bounds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from antiphon.speech.openai.languages import code_of

MAX_INPUT = 4_096
"""Characters that OpenAI speaks at once."""
MAX_PROMPT = 100_000
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Term = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$"),
    BeforeValidator(lambda given: code_of(given) if isinstance(given, str) else given),
]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _number(given: Any) -> Any:
    """Text is read as one, true and null are none."""
    if given is None or isinstance(given, bool):
        raise PydanticCustomError("number_type", "Input should be a number")
    return given


Milliseconds = Annotated[Annotated[int, Field(ge=0, le=60_000)] | None, BeforeValidator(_number)]


class ServerVad(Shape):
    """Its numbers may be text, as in `chunking_strategy[threshold]`."""

    type: Literal["server_vad"]
    prefix_padding_ms: Milliseconds = None
    silence_duration_ms: Milliseconds = None
    threshold: Annotated[Annotated[float, Field(ge=0, le=1)] | None, BeforeValidator(_number)] = None


def _parsed(given: Any) -> Any:
    """An object in a form is its JSON."""
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            return json.loads(given)
        except ValueError:
            return given
    return given


class _Recording(Shape):
    """``media_id``: of an upload, ``url``: of a recording that is fetched, each in the place of ``file``."""

    model: Name
    media_id: Annotated[str, StringConstraints(pattern=r"^med_[0-9A-HJKMNP-TV-Z]{26}$")] | None = None
    url: str | None = Field(None, min_length=8, max_length=2048)
    dedupe: bool = True
    prompt: str | None = Field(None, max_length=MAX_PROMPT)
    temperature: float | None = Field(None, ge=0, le=1)


class NewAudioTranscription(_Recording):
    """As `POST https://api.openai.com/v1/audio/transcriptions`, as a form. `file` has the recording; in its place `media_id` may name one that was uploaded
    before, however large, or `url` one that is to be fetched. `dedupe=false` asks for work that was done already once more. `hotwords` is ours: words to listen for, as `keywords[]` are."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    language: Language | None = None
    timestamp_granularities: list[Literal["word", "segment"]] | None = Field(None, max_length=100)
    stream: bool | None = None
    include: list[Literal["logprobs"]] | None = Field(None, max_length=100)
    chunking_strategy: Annotated[Literal["auto"] | ServerVad | None, BeforeValidator(_parsed)] = None
    keywords: list[Term] | None = Field(None, max_length=100)
    languages: list[Language] | None = Field(None, max_length=200)
    known_speaker_names: list[Term] | None = Field(None, max_length=4)
    known_speaker_references: list[Annotated[str, StringConstraints(max_length=500_000)]] | None = Field(
        None, max_length=4
    )
    hotwords: str | None = Field(None, max_length=1_000)


class NewAudioTranslation(_Recording):
    """As `POST https://api.openai.com/v1/audio/translations`, as a form: what was said, in English."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"


class VoiceId(Shape):
    id: Name


class NewAudioSpeech(Shape):
    """As `POST https://api.openai.com/v1/audio/speech`. `voice` is one of OpenAI's names, one of ours, or a mix of ours."""

    model: Name
    input: str = Field(min_length=1, max_length=MAX_INPUT)
    voice: Annotated[str, StringConstraints(min_length=1, max_length=200)] | VoiceId
    instructions: str | None = Field(None, max_length=MAX_INPUT)
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(1.0, ge=0.25, le=4, strict=True)
    stream_format: Literal["sse", "audio"] = "audio"


LISTS = frozenset(
    {"timestamp_granularities", "include", "keywords", "languages", "known_speaker_names", "known_speaker_references"}
)


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Fields of a form as the SDKs write them: ``include[]`` is a list, ``chunking_strategy[type]`` a part of an object."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        outer, bracket, inner = name.partition("[")
        inner = inner.removesuffix("]")
        if bracket and inner and not inner.isdigit():
            part = found.setdefault(outer, {})
            found[outer] = {**(part if isinstance(part, dict) else {}), inner: value}
        elif bracket or outer in LISTS:
            found.setdefault(outer, []).append(value)
        else:
            found[outer] = value
    return found
