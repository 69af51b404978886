"""SSML 1.1 reduced to what both synthesizers can do: speak p s break prosody(rate) voice sub say-as phoneme; whatever else stands in the
document keeps its words, and a warning says what it did not do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from xml.etree.ElementTree import Element, ParseError

from antiphon.platform.errors import EngineError
from antiphon.speech.script import Reading

DEEPEST = 100
_BREAKS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 0.75, "x-strong": 1.0}
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.75}
_TIME = re.compile(r"\+?(\d{1,6}(?:\.\d{1,6})?)(ms|s)")
_PERCENT = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,4})?)%")
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,4})?")
_SILENT = frozenset({"metadata", "meta", "lexicon", "lookup", "desc", "mark"})
_PLAIN = frozenset({"speak", "lang", "token", "w"})
_SPELLED = frozenset({"characters", "spell-out", "verbatim", "letters"})
_DIGITS = frozenset({"digits", "telephone"})
_AS_IT_STANDS = frozenset({"cardinal", "number", "date", "time", "currency", "unit", "fraction", "address", "name"})


def read_ssml(text: str, reading: Reading) -> None:
    """A document or, without ``<speak>``, a piece of one. Entities that would make it grow, or read a file, are refused. Raises EngineError ``text_unreadable``."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if not text.lstrip().startswith(("<speak", "<?xml", "<!")):
        text = f"<speak>{text}</speak>"
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise EngineError("The SSML cannot be read; check that every tag is closed.", code="text_unreadable") from error
    _Reader(reading).element(root, 0)


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def element(self, element: Element, depth: int) -> None:
        if depth > DEEPEST:
            raise EngineError(f"The SSML is nested deeper than {DEEPEST} elements.", code="text_unreadable")
        name = _local(element.tag)
        handler = _HANDLERS.get(name)
        if handler is not None:
            handler(self, element, depth)
            return
        if name in _SILENT:
            if name in ("lexicon", "mark"):
                self._reading.warn(f"<{name}> has no effect.")
            return
        if name not in _PLAIN:
            self._reading.warn(f"<{name}> has no effect; its words are said.")
        self._inside(element, depth)

    def _inside(self, element: Element, depth: int) -> None:
        self._say(element.text)
        for child in element:
            self.element(child, depth + 1)
            self._say(child.tail)

    def _say(self, text: str | None, phonemes: str | None = None) -> None:
        if text:
            self._reading.say(re.sub(r"\s+", " ", text), phonemes)

    def _block(self, element: Element, depth: int) -> None:
        self._reading.say("\n\n")
        self._inside(element, depth)
        self._reading.say("\n\n")

    def _break(self, element: Element, depth: int) -> None:
        time = element.get("time")
        strength = element.get("strength", "medium")
        if time is None:
            seconds = _BREAKS.get(strength)
        else:
            found = _TIME.fullmatch(time.strip())
            seconds = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else None
        if seconds is None:
            seconds = _BREAKS["medium"]
            self._reading.warn(f"<break> of {(time or strength)[:40]!r} was made {seconds:g} s.")
        if seconds:
            self._reading.pause(seconds)
        self._inside(element, depth)

    def _prosody(self, element: Element, depth: int) -> None:
        for other in ("pitch", "contour", "range", "volume", "duration"):
            if element.get(other) is not None:
                self._reading.warn(f"<prosody {other}> has no effect; its words are said.")
        voice, rate = self._reading.voice, self._reading.rate
        self._reading.speak_as(voice, rate * self._rate(element.get("rate", "medium").strip()))
        self._inside(element, depth)
        self._reading.speak_as(voice, rate)

    def _rate(self, text: str) -> float:
        percent = _PERCENT.fullmatch(text)
        if percent:
            value = float(percent[2]) / 100
            factor = 1 + value if percent[1] == "+" else 1 - value if percent[1] == "-" else value
        elif _NUMBER.fullmatch(text):
            factor = float(text)
        else:
            factor = _RATES.get(text, 0.0)
        if factor <= 0:
            self._reading.warn(
                f"<prosody rate={text[:40]!r}> is not understood; its words are said at the rate around it."
            )
            return 1.0
        return factor

    def _voice(self, element: Element, depth: int) -> None:
        voice, rate = self._reading.voice, self._reading.rate
        named = element.get("name", "").split(",")[0].strip()
        if named and self._reading.knows(named):
            self._reading.speak_as(named, rate)
        else:
            self._reading.warn(f"There is no voice {named[:80]!r}; its words are said in the voice around it.")
        self._inside(element, depth)
        self._reading.speak_as(voice, rate)

    def _sub(self, element: Element, depth: int) -> None:
        alias = element.get("alias")
        self._say(alias if alias is not None else "".join(element.itertext()))

    def _phoneme(self, element: Element, depth: int) -> None:
        phonemes, alphabet = element.get("ph", "").strip(), element.get("alphabet", "ipa")
        words = "".join(element.itertext())
        if alphabet != "ipa":
            self._reading.warn(f"Phonemes of the alphabet {alphabet[:40]!r} have no effect; write them in ipa.")
        self._say(words or phonemes, phonemes if alphabet == "ipa" else None)

    def _say_as(self, element: Element, depth: int) -> None:
        words, kind = "".join(element.itertext()).strip(), element.get("interpret-as", "").strip().lower()
        if kind in _SPELLED:
            words = " ".join(words.replace(" ", ""))
        elif kind in _DIGITS:
            words = " ".join("plus" if c == "+" else c for c in words if c.isalnum() or c == "+")
        elif kind == "ordinal":
            words = _ordinal(words)
        elif kind not in _AS_IT_STANDS:
            self._reading.warn(f"<say-as interpret-as={kind[:40]!r}> has no effect; its words are said.")
        self._say(words)


_HANDLERS: Mapping[str, Callable[[_Reader, Element, int], None]] = MappingProxyType(
    {
        "p": _Reader._block,
        "s": _Reader._block,
        "paragraph": _Reader._block,
        "sentence": _Reader._block,
        "break": _Reader._break,
        "prosody": _Reader._prosody,
        "voice": _Reader._voice,
        "sub": _Reader._sub,
        "phoneme": _Reader._phoneme,
        "say-as": _Reader._say_as,
    }
)


def _local(tag: object) -> str:
    return str(tag).rsplit("}", 1)[-1].lower()


def _ordinal(words: str) -> str:
    if not words.isdecimal():
        return words
    ending = "th" if words[-2:] in ("11", "12", "13") else {"1": "st", "2": "nd", "3": "rd"}.get(words[-1], "th")
    return words + ending
