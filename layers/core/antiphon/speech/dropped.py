"""Options of a file that was dropped in the inbox: the user's defaults, overridden by the object's own metadata."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from antiphon.platform.errors import Field, Invalid
from antiphon.speech.model import Kind

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


def _flag(text: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
    except KeyError:
        raise ValueError("is true or false") from None


def _language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise ValueError("is a language code such as en or de")
    return text


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= 20:
        raise ValueError("is a number from 1 to 20")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        raise ValueError("is a number from 0.25 to 4") from None
    if not 0.25 <= speed <= 4:
        raise ValueError("is a number from 0.25 to 4")
    return speed


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ValueError("is one of " + ", ".join(FORMATS))
    return text


def _numbers(low: float, high: float) -> Callable[[str], list[float]]:
    """Several with commas between: temperatures."""

    def read(text: str) -> list[float]:
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 10 or not all(low <= number <= high for number in numbers):
            raise ValueError(f"is a number from {low:g} to {high:g}, or several with commas between")
        return numbers

    return read


def _one_of(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError("is one of " + ", ".join(names))
        return text

    return read


def _text(text: str) -> str:
    if not 1 <= len(text) <= 200:
        raise ValueError("has 1 to 200 characters")
    return text


_KNOWN: Mapping[Kind, Mapping[str, Callable[[str], Any]]] = MappingProxyType(
    {
        Kind.TRANSCRIPTION: {
            "language": _language,
            "model": _text,
            "task": _one_of("transcribe", "translate"),
            "diarize": _flag,
            "align": _flag,
            "num_speakers": _count,
            "min_speakers": _count,
            "max_speakers": _count,
            "beam_size": _count,
            "temperature": _numbers(0, 1),
            "interpolate_method": _one_of("nearest", "linear", "ignore"),
            "return_char_alignments": _flag,
            "suppress_numerals": _flag,
            "initial_prompt": _text,
            "hotwords": _text,
        },
        Kind.SPEECH: {"language": _language, "voice": _text, "format": _format, "speed": _speed},
        Kind.DOCUMENT: {},
    }
)


def options_of(kind: Kind, metadata: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """metadata: ``x-amz-meta-*`` without the prefix, with - or _ between words; unknown names are the user's own. Raises Invalid."""
    given = {name.lower().replace("-", "_"): value for name, value in metadata.items()}
    options = dict(defaults)
    wrong: list[Field] = []
    for name, read in _KNOWN[kind].items():
        if name in given:
            try:
                options[name] = read(given[name])
            except ValueError as error:
                wrong.append(Field(f"x-amz-meta-{name}", str(error)))
    if wrong:
        raise Invalid("; ".join(f"{f.field} {f.detail}" for f in wrong), code="invalid_option", fields=tuple(wrong))
    return options
