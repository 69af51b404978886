"""OpenAI's document of its audio routes, put together from the types of its SDK, which are generated from that document.

What the types say in prose only (bounds, languages) is a table here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, Required, get_args, get_origin, get_type_hints

from openai.types import AudioModel
from openai.types.audio import (
    SpeechModel,
    Transcription,
    TranscriptionDiarized,
    TranscriptionVerbose,
    Translation,
    TranslationVerbose,
)
from openai.types.audio.speech_create_params import SpeechCreateParams, Voice
from openai.types.audio.transcription_create_params import (
    TranscriptionCreateParamsNonStreaming,
    TranscriptionCreateParamsStreaming,
)
from openai.types.audio.translation_create_params import TranslationCreateParams
from openai.types.shared import ErrorObject
from pydantic import BaseModel, TypeAdapter

FILE = {"type": "string", "format": "openai-recording", "contentMediaType": "application/octet-stream"}
LANGUAGE = {"type": "string", "format": "openai-language"}
IN_PROSE: Mapping[tuple[str, ...], Mapping[str, Any]] = {
    ("temperature",): {"minimum": 0, "maximum": 1},
    ("speed",): {"minimum": 0.25, "maximum": 4},
    ("input",): {"maxLength": 4096},
    ("known_speaker_names",): {"maxItems": 4},
    ("known_speaker_references",): {"maxItems": 4},
    ("language",): LANGUAGE,
    ("languages", "items"): LANGUAGE,
    ("chunking_strategy", "ChunkingStrategyVadConfig", "threshold"): {"minimum": 0, "maximum": 1},
}
"""By the path to a part of a request."""
HEARERS: tuple[str, ...] = get_args(AudioModel)
SPEAKERS: tuple[str, ...] = get_args(SpeechModel)
VOICES: tuple[str, ...] = next(get_args(part) for part in get_args(Voice) if get_origin(part) is Literal)
SPOKEN = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
TEXTS = {"text": "text/plain", "srt": "text/plain", "vtt": "text/vtt"}
FORM = "multipart/form-data"
NOT_SERVED = ("include", "known_speaker_names", "known_speaker_references")
"""No engine here gives log probabilities or knows speakers by samples."""
EVENTS = "text/event-stream"
ANSWERS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "/audio/transcriptions": {
        "json": Transcription,
        "verbose_json": TranscriptionVerbose,
        "diarized_json": TranscriptionDiarized,
    },
    "/audio/translations": {"json": Translation, "verbose_json": TranslationVerbose},
}
"""By path and ``response_format``."""


def document(pinned: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """pinned: fields that are there, with their values; then the document is narrowed to what is served: of ``str | Literal[…]`` (models, voices) the
    names alone, and without what OpenAI refuses by a rule in prose."""
    heard = [_request(params) for params in (TranscriptionCreateParamsNonStreaming, TranscriptionCreateParamsStreaming)]
    requests = {
        "/audio/transcriptions": (FORM, _without_null(_either(heard))),  # a form has no null
        "/audio/translations": (FORM, _request(TranslationCreateParams)),
        "/audio/speech": ("application/json", _request(SpeechCreateParams)),
    }
    answers = {
        path: {
            "application/json": {"anyOf": [answer(model) for model in models.values()]},
            **{kind: {"type": "string"} for kind in TEXTS.values()},
        }
        for path, models in ANSWERS.items()
    }
    answers["/audio/transcriptions"][EVENTS] = {}
    answers["/audio/speech"] = {kind: {} for kind in (*SPOKEN.values(), EVENTS)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenAI's audio routes", "version": "1"},
        "servers": [{"url": "/v1"}],
        "paths": {
            path: {"post": _operation(media_type, schema if pinned is None else _narrow(schema, pinned), answers[path])}
            for path, (media_type, schema) in requests.items()
        },
    }


@cache
def error_schema() -> dict[str, Any]:
    """All four members are always there, of which `param` and `code` may be null."""
    inner = _flat(TypeAdapter(ErrorObject).json_schema())
    inner["required"] = ["message", "type", "param", "code"]
    return {"type": "object", "properties": {"error": inner}, "required": ["error"]}


@cache
def answer(model: type[BaseModel]) -> dict[str, Any]:
    """An optional field of an answer may be left out: None is how the SDK says that, the document has no null."""
    return _without_null(_flat(TypeAdapter(model).json_schema()))


def _operation(media_type: str, request: dict[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    refused = {"description": "Refused.", "content": {"application/json": {"schema": error_schema()}}}
    return {
        "requestBody": {"required": True, "content": {media_type: {"schema": request}}},
        "responses": {
            "200": {"description": "Done.", "content": {kind: {"schema": part} for kind, part in answers.items()}},
            "400": refused,
            "404": refused,
        },
    }


def _request(params: Any) -> dict[str, Any]:
    """params: a TypedDict, whose annotations are text: it does not know itself what is required."""
    properties, required = {}, []
    for name, hint in get_type_hints(params, include_extras=True).items():
        if get_origin(hint) is Required:
            (hint,) = get_args(hint)
            required.append(name)
        properties[name] = dict(FILE) if name == "file" else _limited((name,), _field(hint))
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _field(hint: Any) -> dict[str, Any]:
    if getattr(get_origin(hint), "__name__", "") == "SequenceNotStr":
        hint = list[get_args(hint)[0]]  # type: ignore[misc]
    return _flat(TypeAdapter(hint).json_schema())


def _limited(path: tuple[str, ...], schema: dict[str, Any]) -> dict[str, Any]:
    schema = {**schema, **IN_PROSE.get(path, {})}
    if "items" in schema:
        schema["items"] = _limited((*path, "items"), schema["items"])
    if "anyOf" in schema:
        schema["anyOf"] = [_limited(path, part) for part in schema["anyOf"]]
    if "properties" in schema:
        inner = (*path, schema["title"])
        schema["properties"] = {n: _limited((*inner, n), part) for n, part in schema["properties"].items()}
        schema["additionalProperties"] = False
    return schema


def _flat(schema: Any, parts: Mapping[str, Any] | None = None) -> Any:
    """References resolved."""
    if isinstance(schema, list):
        return [_flat(part, parts) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = schema.get("$defs", {}) if parts is None else parts
    if "$ref" in schema:
        return _flat(parts[schema["$ref"].rsplit("/", 1)[1]], parts)
    return {key: _flat(part, parts) for key, part in schema.items() if key not in ("$defs", "description")}


def _without_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _without_null(part) for key, part in schema.items() if (key, part) != ("default", None)}
    if "anyOf" in schema:
        schema["anyOf"] = [part for part in schema["anyOf"] if part.get("type") != "null"]
    return schema


def _narrow(schema: dict[str, Any], pinned: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {*NOT_SERVED, *(() if pinned.get("response_format") == "verbose_json" else ("timestamp_granularities",))}
    properties = {name: _named(part) for name, part in schema["properties"].items() if name not in left_out}
    properties |= {name: {"enum": [value]} for name, value in pinned.items()}
    return {**schema, "properties": properties, "required": sorted({*schema["required"], *pinned})}


def _named(schema: Any) -> Any:
    """A text of which some are named: the names, also where one is the `id` of an object."""
    if isinstance(schema, list):
        return [_named(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _named(part) for key, part in schema.items()}
    kinds = schema.get("anyOf", ())
    for names in [part for part in kinds if "enum" in part]:
        schema["anyOf"] = [part for part in kinds if part != {"type": "string"}]
        for part in schema["anyOf"]:
            if "id" in part.get("properties", {}):
                part["properties"]["id"] = names
    return schema


def _either(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One schema of several that differ in whether `stream` is true: forms are generated from the fields of one object."""
    first, *others = schemas
    merged = {**first, "properties": dict(first["properties"])}
    for other in others:
        for name, part in other["properties"].items():
            if part != merged["properties"].setdefault(name, part):
                merged["properties"][name] = {"anyOf": [merged["properties"][name], part]}
        merged["required"] = [name for name in merged["required"] if name in other["required"]]
    return merged


__all__ = [
    "ANSWERS",
    "EVENTS",
    "FORM",
    "HEARERS",
    "NOT_SERVED",
    "SPEAKERS",
    "SPOKEN",
    "TEXTS",
    "VOICES",
    "answer",
    "document",
    "error_schema",
]
