"""Plain text with marks: ``[word](/fəˈniːmz/)`` is said as these phonemes, ``[pause:1.5s]`` is silence, ``[voice:af_heart]`` another voice from
there on. Whatever only looks like one of them is said as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from antiphon.platform.errors import EngineError
from antiphon.speech.script import MOST_PHONEMES, Reading

_MARK = re.compile(
    rf"\[(?P<word>[^\[\]\n]{{1,100}})\]\(/(?P<phonemes>[^()/\n]{{1,{MOST_PHONEMES}}})/\)"
    r"|\[pause:[ \t]*(?P<length>\d{1,6}(?:\.\d{1,6})?)[ \t]*(?P<unit>ms|s)[ \t]*\]"
    r"|\[voice:(?P<voice>[^\[\]\n]{1,200})\]",
    re.IGNORECASE,
)
_ALMOST = re.compile(r"\[(?:pause|voice):[^\[\]\n]{0,40}\]?", re.IGNORECASE)


def read_marked(text: str, reading: Reading) -> None:
    """Raises EngineError ``unknown_voice``."""
    at = 0
    for mark in _MARK.finditer(text):
        _plain(text[at : mark.start()], reading)
        at = mark.end()
        if mark["word"]:
            reading.say(mark["word"], mark["phonemes"].strip())
        elif mark["length"]:
            reading.pause(float(mark["length"]) / (1000 if mark["unit"].lower() == "ms" else 1))
        else:
            voice = mark["voice"].strip()
            if not reading.knows(voice):
                raise EngineError(
                    f"The text has {mark.group()[:80]}, and there is no such voice; GET /v1/voices lists them.",
                    code="unknown_voice",
                )
            reading.speak_as(voice, reading.rate)
    _plain(text[at:], reading)


def voices_in(text: str) -> Iterator[str]:
    """The voices that the marks of a text name."""
    return (mark["voice"].strip() for mark in _MARK.finditer(text) if mark["voice"])


def _plain(text: str, reading: Reading) -> None:
    for almost in _ALMOST.finditer(text):
        reading.warn(f"{almost.group()} is said as it stands; write [pause:1.5s], [pause:300ms] or [voice:af_heart].")
    reading.say(text)
