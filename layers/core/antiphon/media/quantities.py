"""Numbers and times as people write them, in English and Hebrew: "ten", "two and a half minutes", "1:30", "עשר שניות".

The patterns are parts of larger ones, so they hold no named groups; they expect lower case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_ENGLISH: Mapping[str, float] = MappingProxyType(
    {
        word: value
        for value, words in {
            0: "zero",
            1: "one",
            2: "two",
            3: "three",
            4: "four",
            5: "five",
            6: "six",
            7: "seven",
            8: "eight",
            9: "nine",
            10: "ten",
            11: "eleven",
            12: "twelve",
            13: "thirteen",
            14: "fourteen",
            15: "fifteen",
            16: "sixteen",
            17: "seventeen",
            18: "eighteen",
            19: "nineteen",
            20: "twenty",
            30: "thirty",
            40: "forty",
            50: "fifty",
            60: "sixty",
            70: "seventy",
            80: "eighty",
            90: "ninety",
        }.items()
        for word in words.split()
    }
)
_HEBREW: Mapping[str, float] = MappingProxyType(
    {
        word: value
        for value, words in {
            0: "אפס",
            1: "אחת אחד",
            2: "שתיים שניים שתי שני",
            3: "שלוש שלושה שלושת",
            4: "ארבע ארבעה ארבעת",
            5: "חמש חמישה חמשת חמשה",
            6: "שש שישה ששת ששה",
            7: "שבע שבעה שבעת",
            8: "שמונה שמונת",
            9: "תשע תשעה תשעת",
            10: "עשר עשרה עשרת",
            20: "עשרים",
            30: "שלושים",
            40: "ארבעים",
            50: "חמישים",
            60: "שישים",
            70: "שבעים",
            80: "שמונים",
            90: "תשעים",
            100: "מאה",
            200: "מאתיים",
        }.items()
        for word in words.split()
    }
)
_PARTS: Mapping[str, float] = MappingProxyType({"half": 0.5, "quarter": 0.25, "חצי": 0.5, "רבע": 0.25})
_UNITS: tuple[tuple[float, str], ...] = (
    (0.001, r"ms|msecs?|milliseconds?|מילישניות|מילישנייה|מילישניה"),
    (1, r"s|secs?|seconds?|שניות|שנייה|שניה"),
    (60, r"m|mins?|minutes?|דקות|דקה"),
    (3600, r"h|hrs?|hours?|שעות|שעה"),
)
_DUAL = MappingProxyType({"דקתיים": 120.0, "שעתיים": 7200.0, "שנייתיים": 2.0})

LETTER = "a-zא-ת"
_END = rf"(?![{LETTER}])"


def _any(words: Mapping[str, float]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_ENGLISH_WORD = rf"(?:{_any(_ENGLISH)}|hundred|thousand){_END}"
_HEBREW_WORD = rf"(?:{_any(_HEBREW)}|מאות){_END}"
_HALF = rf"(?:half(?: of)?(?: an?)?|(?:a )?quarter(?: of)?(?: an?)?|חצי|רבע){_END}"
_AND_HALF = rf"(?: and (?:a half|a quarter)| וחצי| ורבע){_END}"
_DIGITS = r"\d+(?:[.,]\d+)?"
NUMBER = (
    rf"(?:{_DIGITS}|(?:an? (?=hundred|thousand))?{_ENGLISH_WORD}(?:[ -](?:and )?{_ENGLISH_WORD})*"
    rf"(?: point (?:{_ENGLISH_WORD} ?)+)?|{_HEBREW_WORD}(?: ו?{_HEBREW_WORD})*|{_HALF})"
)
"""Without "and a half", which may stand before the unit or after it."""
FULL_NUMBER = rf"{NUMBER}(?:{_AND_HALF})?"
_UNIT = rf"(?:{'|'.join(names for _, names in _UNITS)}){_END}"
_SINGLE = rf"(?:millisecond|second|minute|hour|מילישנייה|מילישניה|שנייה|שניה|דקה|שעה){_END}"
"""What is one of them without a number."""
_ONE_SPAN = rf"(?:(?:{_any(_DUAL)}){_END}|(?:(?:{FULL_NUMBER}|an?)[ -]?ה?{_UNIT}|ה?{_SINGLE})(?: (?:אחת|אחד){_END})?(?:{_AND_HALF})?)"
_CLOCK = r"\d+(?::[0-5]?\d){1,2}(?:\.\d+)?(?![\d:])"
TIME = rf"(?:{_CLOCK}|{_ONE_SPAN}(?:,? (?:and |ו-?)?{_ONE_SPAN})*|{FULL_NUMBER})"
"""A moment or a length; a number without a unit too."""

_SPAN = re.compile(
    rf"(?P<dual>{_any(_DUAL)}){_END}|(?:(?P<number>{FULL_NUMBER}|an?)[ -]?)?ה?(?P<unit>{_UNIT})(?: (?:אחת|אחד){_END})?(?P<half>{_AND_HALF})?"
)


def number_of(text: str) -> float:
    """text: what matches FULL_NUMBER."""
    text = text.strip()
    more = 0.0
    if found := re.search(rf"{_AND_HALF}$", text):
        more = 0.25 if ("quarter" in found[0] or "רבע" in found[0]) else 0.5
        text = text[: found.start()]
    if re.fullmatch(_DIGITS, text):
        return float(text.replace(",", ".")) + more
    for word, value in _PARTS.items():
        if re.match(rf"(?:a )?{word}{_END}", text):
            return value
    if " point " in text:
        whole, _, digits = text.partition(" point ")
        return number_of(whole) + float("0." + "".join(str(int(_ENGLISH[each])) for each in digits.split()))
    return _in_words(text) + more


def _in_words(text: str) -> float:
    total = 0.0
    for raw in re.split(r"[ -]+", text):
        word = raw if raw in _HEBREW or raw in _ENGLISH else raw.removeprefix("ו")
        if word == "thousand":
            total = (total or 1) * 1000
        elif word in ("hundred", "מאות"):
            ones = total % 1000 or 1
            total += ones * 99 if total else 100
        elif word in _ENGLISH:
            total += _ENGLISH[word]
        elif word in _HEBREW:
            total += _HEBREW[word]
    return total


def seconds_of(text: str, unit: float = 1.0) -> float:
    """text: what matches TIME. unit: seconds of one, where none is written."""
    text = text.strip()
    if ":" in text:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
        return round(total, 6)
    if unit_of(text) is None:
        return number_of(text) * unit
    total = 0.0
    for found in _SPAN.finditer(text):
        if found["dual"]:
            total += _DUAL[found["dual"]]
            continue
        count = found["number"]
        value = 1.0 if count is None or count in ("a", "an") else number_of(count)
        if found["half"]:
            value += 0.25 if ("quarter" in found["half"] or "רבע" in found["half"]) else 0.5
        total += value * _seconds(found["unit"])
    return round(total, 6)


def unit_of(text: str) -> float | None:
    """Seconds of the last unit that is written; None for a bare number. A clock needs none."""
    if ":" in text:
        return 1.0
    spans = list(_SPAN.finditer(text))
    if not spans:
        return None
    last = spans[-1]
    return _DUAL[last["dual"]] if last["dual"] else _seconds(last["unit"])


def _seconds(unit: str) -> float:
    return next(value for value, names in _UNITS if re.fullmatch(names, unit))
