"""Commands in plain language, English and Hebrew, by a grammar: no model is asked, and nothing is guessed.

Commands follow each other with commas, "and" or "then". At each place the phrase that explains most of the text is taken; a place that none
explains is said to be not understood, with the words that stand there.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from antiphon.media.operations import (
    MAX_OPERATIONS,
    AnyOperation,
    Channels,
    Concat,
    Convert,
    Cut,
    Denoise,
    Fade,
    Gain,
    Normalize,
    Pitch,
    Reverse,
    Speed,
    Trim,
    length_after,
)
from antiphon.media.quantities import FULL_NUMBER, LETTER, TIME, number_of, seconds_of, unit_of
from antiphon.platform.errors import Field, Invalid

EXAMPLES = (
    "drop the first ten seconds and normalise",
    "keep 0:30 to 2:00, fade in over 2 s and fade out over 3 s",
    "make it louder by 3 dB, then convert to mp3 at 128 kbit/s",
    "remove the noise and play at 1.25 times the speed",
    "תוריד את עשר השניות הראשונות ותנרמל",
)
FADE = 2.0
"""Seconds of a fade whose length nobody says."""
LOUDER = 6.0
"""Decibels where somebody says louder or quieter, and not how much."""

N, T = FULL_NUMBER, TIME
_START = r"(?:the )?(?:start|beginning|very beginning)|ההתחלה|התחלה|תחילתו"
_FINISH = r"(?:the )?(?:very )?end|הסוף|סוף"
_MOMENT = rf"(?:{_START}|{_FINISH}|{T})"
_TO = r"(?: ?(?:-|to|until|till|up to|through|and|עד|ועד|ל-?|ו-?) ?)"
_IT = r"(?: (?:it|this|that|(?:the|this|my) (?:audio|recording|file|track|sound|clip|volume|loudness|level|whole thing)|everything|את ה?(?:הקלטה|קובץ|קול|עוצמה|שמע|כול|כל)|אותו|אותה|את זה|הכול|הכל))?"
_REMOVE = r"(?:drop|remove|delete|cut(?: (?:out|off|away))?|skip|take (?:out|off|away)|get rid of|erase|discard|strip(?: off)?|chop(?: off)?|snip(?: (?:off|out))?|lose|trim (?:off|out|away)|crop (?:off|out)|ת?(?:וריד|סיר|מחק|חתוך|שמיט)י?|ה(?:ורד|סר|ורידי|סירי|שמט)|מחקי?|חתכי?|חתוך|למחוק|להסיר|להוריד|לחתוך)"
_KEEP = r"(?:keep|leave|extract|retain|use|trim|crop|trim(?: it)? (?:down )?to|crop(?: it)? to|ת?שאירי?|השארי?|ת?שמור|שמרי|להשאיר)(?: only| just| רק)?"
_FIRST = r"(?:first|initial|opening|leading)"
_LAST = r"(?:last|final|closing|trailing)"
_ALL = r"(?:everything|all|anything|the part|the section|the bit|what is|what's|את כל מה ש|את מה ש|כל מה ש|הכול|הכל)"
_THE = r"(?: the| את)?"
_DB = r"(?:db|decibels?|דציבל(?:ים)?)"
_PERCENT = r"(?:%|percent|per cent|אחוז(?:ים)?)"
_TONES = r"(?:semi-?tones?|half[ -]?tones?|half[ -]?steps?|חצאי טו(?:נים|ן)|חצי טון)"
_VOLUME = r"(?: the)?(?: (?:volume|gain|level|loudness|sound)| את ה(?:עוצמה|ווליום|קול))"
_FORMAT = r"(?P<format>mp3|m4a|aac|opus|ogg|flac|wave?)"
_JOINER = re.compile(
    rf"[\s,;.!:]*(?:(?:and then|and also|and|then|also|after that|afterwards|next|finally|please|now|plus|just|can you|could you|i want you to|let's"
    rf"|ואז|וגם|ואחר כך|אחר כך|לאחר מכן|ולבסוף|לבסוף|בבקשה|אז|גם|עכשיו)(?![{LETTER}])[\s,;.!:]*)*"
)
_TAIL = re.compile(rf" (?:of (?:it|the (?:recording|audio|file|track))|please|בבקשה|של ההקלטה)(?![{LETTER}])")
_FOLDED = str.maketrans("ךםןףץ", "כמנפצ")
"""Hebrew letters at the end of a word have another form, so that one pattern would not fit "תהפוך" and "תהפכי"."""
_MARKS = re.compile("[\u0591-\u05c7\u200e\u200f]")


@dataclass(frozen=True)
class _Heard:
    """A phrase that matched. ``command``: as it was written, where the match is of folded letters; ``length``: seconds of the recording at this place; None once another was joined to it."""

    match: re.Match[str]
    length: float | None
    command: str

    @property
    def words(self) -> str:
        return self.command[self.match.start() : self.match.end()]

    def text(self, name: str) -> str:
        if self.match.groupdict().get(name) is None:
            return ""
        start, end = self.match.span(name)
        return self.command[start:end]

    def seconds(self, name: str, unit: float = 1.0) -> float:
        return seconds_of(self.text(name), unit)

    def number(self, name: str) -> float:
        text = self.text(name)
        return -number_of(text[1:]) if text.startswith("-") else number_of(text.removeprefix("+"))

    def end(self) -> float:
        if self.length is None:
            raise Invalid(
                "How long the recording is after joining is not known here: name the times from its beginning.",
                code="command_not_understood",
                fields=(Field("text", f"{self.words!r} counts from an end that is not known."),),
            )
        return self.length

    def from_end(self, name: str) -> float:
        seconds, length = self.seconds(name), self.end()
        if seconds >= length:
            raise Invalid(
                f"{self.words!r}: the recording has only {length:.1f} s at this place.",
                code="operation_out_of_range",
                fields=(Field("text", f"{self.words!r} is more than there is."),),
            )
        return round(length - seconds, 3)

    def between(self) -> tuple[float, float | None]:
        """end: None for the end. A bare number has the unit of the other."""
        first, last = self.text("a"), self.text("b")
        if re.fullmatch(_FINISH, last):
            end = None
        else:
            end = seconds_of(last)
        if re.fullmatch(_START, first):
            return 0.0, end
        unit = unit_of(last) if end is not None and unit_of(first) is None else None
        return seconds_of(first, unit or 1.0), end


Builder = Callable[[_Heard], AnyOperation]
_PHRASES: list[tuple[re.Pattern[str], Builder]] = []


def _phrase(*patterns: str) -> Callable[[Builder], Builder]:
    def keep(builder: Builder) -> Builder:
        _PHRASES.extend((re.compile(pattern.translate(_FOLDED)), builder) for pattern in patterns)
        return builder

    return keep


@_phrase(
    rf"(?:{_REMOVE}|trim){_THE} {_FIRST} (?P<t>{T})",
    rf"(?:{_REMOVE}|trim){_THE} (?P<t>{T})(?: off| away)? (?:from|at|off)(?: of)? (?:the )?(?:start|beginning|front)",
    rf"{_REMOVE} {_ALL} before (?P<t>{T})",
    rf"(?:keep|leave) {_ALL}(?: that comes)? (?:after|from) (?P<t>{T})(?: on(?:wards?)?)?",
    rf"(?:start|begin|trim|keep|crop){_IT} (?:from|at) (?P<t>{T})(?: on(?:wards?)?| to the end)?",
    rf"{_REMOVE}(?: את)? (?P<t>{T}) ה?ראשונ(?:ות|ה|ים)",
    rf"{_REMOVE} (?P<t>{T}) מה(?:התחלה|תחילה)",
    rf"{_REMOVE} {_ALL} ?לפני (?P<t>{T})",
)
def _drop_first(heard: _Heard) -> AnyOperation:
    return Trim(start=heard.seconds("t"))


@_phrase(
    rf"(?:{_REMOVE}|trim){_THE} {_LAST} (?P<t>{T})",
    rf"(?:{_REMOVE}|trim){_THE} (?P<t>{T})(?: off| away)? (?:from|at|off)(?: of)? (?:the )?(?:end|back|tail)",
    rf"{_REMOVE}(?: את)? (?P<t>{T}) ה?אחרונ(?:ות|ה|ים)",
    rf"{_REMOVE} (?P<t>{T}) מהסוף",
)
def _drop_last(heard: _Heard) -> AnyOperation:
    return Trim(end=heard.from_end("t"))


@_phrase(
    rf"{_KEEP}{_IT}(?: to)?(?: the| את)? {_FIRST} (?P<t>{T})",
    rf"{_KEEP}(?: את)? (?P<t>{T}) ה?ראשונ(?:ות|ה|ים)",
    rf"(?:trim|shorten|cut|crop){_IT}(?: down)? to (?P<t>{T})",
    rf"(?:end|stop|cut){_IT} (?:at|after) (?P<t>{T})",
    rf"{_REMOVE} {_ALL} after (?P<t>{T})",
    rf"{_REMOVE} {_ALL} ?אחרי (?P<t>{T})",
    rf"(?:keep|leave) {_ALL}(?: that comes)? (?:before|until|till|up to) (?P<t>{T})",
    rf"(?:קצרי?|תקצרי?){_IT} ל-? ?(?P<t>{T})",
)
def _keep_first(heard: _Heard) -> AnyOperation:
    return Trim(end=heard.seconds("t"))


@_phrase(
    rf"{_KEEP}{_IT}(?: to)?(?: the| את)? {_LAST} (?P<t>{T})",
    rf"{_KEEP}(?: את)? (?P<t>{T}) ה?אחרונ(?:ות|ה|ים)",
)
def _keep_last(heard: _Heard) -> AnyOperation:
    return Trim(start=heard.from_end("t"))


@_phrase(
    rf"{_REMOVE}{_IT}(?: {_ALL})?(?: from| between| מ-?| בין)? ?(?P<a>{_MOMENT}){_TO}(?P<b>{_MOMENT})",
)
def _cut(heard: _Heard) -> AnyOperation:
    start, end = heard.between()
    if end is None:
        return Trim(end=start)
    return Cut(start=start, end=end)


@_phrase(
    rf"{_KEEP}{_IT}(?: to)?(?: {_ALL})?(?: from| between| מ-?| בין)? ?(?P<a>{_MOMENT}){_TO}(?P<b>{_MOMENT})",
)
def _keep(heard: _Heard) -> AnyOperation:
    start, end = heard.between()
    return Trim(start=start, end=end)


_FADE_LENGTH = r"(?:(?: (?:over|for|of|in|lasting|during|with|at|by|across|במשך|של|ב-?))?(?: the)?(?: first| last)?"


@_phrase(
    rf"fade{_IT} (?P<way>in|out){_FADE_LENGTH} (?P<t>{T}))?",
    rf"(?:(?:add|apply|put|use|make) )?(?:an? )?(?:(?P<t>{T})[ -])?(?:long )?fade[ -](?P<way>in|out)(?: (?:of|over|for|lasting) (?P<u>{T}))?",
    rf"(?P<way>in|out) over (?P<t>{T})",
    rf"(?:פייד|דעיכת) (?P<way>אין|אאוט|כניסה|יציאה){_FADE_LENGTH} ?(?P<t>{T}))?",
    rf"(?P<way>הכנס[הת]|עמעום|דעיכה)(?: הדרגתית?)?{_FADE_LENGTH} ?(?P<t>{T}))?(?: בסוף)?",
)
def _fade(heard: _Heard) -> AnyOperation:
    given = heard.text("t") or heard.text("u")
    seconds = seconds_of(given) if given else FADE
    inwards = heard.text("way") in ("in", "אין", "כניסה", "הכנסה", "הכנסת")
    return Fade(fade_in=seconds) if inwards else Fade(fade_out=seconds)


@_phrase(
    rf"fade{_IT} in over (?P<t>{T}) and (?:fade )?out over (?P<u>{T})",
    rf"fade{_IT} in and (?:fade )?out{_FADE_LENGTH} (?P<t>{T}))?(?: each)?",
    rf"(?:add|apply) fades{_FADE_LENGTH} (?P<t>{T}))?",
)
def _fades(heard: _Heard) -> AnyOperation:
    first = heard.seconds("t") if heard.text("t") else FADE
    return Fade(fade_in=first, fade_out=heard.seconds("u") if heard.text("u") else first)


_UP = r"(?:raise|increase|boost|turn up|lift|amplify|bring up|תגבירי?|הגבר|הגבירי|להגביר)"
_DOWN = r"(?:lower|decrease|reduce|turn down|attenuate|cut|drop|bring down|תנמיכי?|הנמך|הנמיכי|תחלישי?|החלש|החלישי|להנמיך|להחליש)"
_AMOUNT = rf"(?:(?: by| with| ב-?)? ?(?P<n>{N}) ?(?P<unit>{_DB}|{_PERCENT})?)"
_LOUD = r"(?:louder|higher in volume|חזק יותר)"
_QUIET = r"(?:quieter|softer|lower in volume|חלש יותר|שקט יותר)"


def _decibels(heard: _Heard, sign: int) -> AnyOperation:
    if not heard.text("n"):
        return Gain(db=sign * LOUDER)
    amount = heard.number("n")
    if re.fullmatch(_PERCENT, heard.text("unit")):
        share = 1 + sign * amount / 100
        if share <= 0:
            raise _not_understood(heard.words)
        return Gain(db=round(20 * math.log10(share), 3))
    return Gain(db=sign * amount)


@_phrase(
    rf"(?:make|turn|play|get){_IT} {_LOUD}{_AMOUNT}?",
    rf"(?:make|turn|play|get){_IT} (?P<n>{N}) ?(?P<unit>{_DB}|{_PERCENT}) {_LOUD}",
    rf"{_LOUD}{_AMOUNT}?",
    rf"(?:{_UP}{_VOLUME}|turn{_VOLUME} up|turn{_IT} up|amplify{_IT}|boost{_IT}|gain|{_UP}{_IT}){_AMOUNT}?",
    rf"(?:add|apply)(?: a)? (?:gain of )?(?P<n>{N}) ?(?P<unit>{_DB})(?: of gain| gain)?",
    rf"\+ ?(?P<n>{N}) ?(?P<unit>{_DB})",
)
def _louder(heard: _Heard) -> AnyOperation:
    return _decibels(heard, 1)


@_phrase(
    rf"(?:make|turn|play|get){_IT} {_QUIET}{_AMOUNT}?",
    rf"(?:make|turn|play|get){_IT} (?P<n>{N}) ?(?P<unit>{_DB}|{_PERCENT}) {_QUIET}",
    rf"{_QUIET}{_AMOUNT}?",
    rf"(?:{_DOWN}{_VOLUME}|turn{_VOLUME} down|turn{_IT} down|attenuate{_IT}){_AMOUNT}?",
    rf"(?:{_DOWN}{_IT}){_AMOUNT}",
    rf"(?:gain )?- ?(?P<n>{N}) ?(?P<unit>{_DB})",
)
def _quieter(heard: _Heard) -> AnyOperation:
    return _decibels(heard, -1)


@_phrase(rf"double{_VOLUME}", r"(?:make it )?twice as loud")
def _double(heard: _Heard) -> AnyOperation:
    return Gain(db=6.021)


@_phrase(rf"halve{_VOLUME}", r"(?:make it )?half as loud", rf"half{_VOLUME}")
def _halve(heard: _Heard) -> AnyOperation:
    return Gain(db=-6.021)


@_phrase(
    rf"(?:normali[sz]e|level|even out|ת?נרמלי?|לנרמל)(?:{_IT}|{_VOLUME})(?: (?:to|at|ל-?) ?(?P<lufs>-? ?{N}) ?(?:lufs|lkfs|db ?lufs))?"
    rf"(?:,? (?:and |with )?(?:a )?(?:true |maximum )?peaks? (?:of|at|to|below) (?P<peak>-? ?{N}) ?(?:dbtp|{_DB})(?: ?tp)?)?",
    rf"(?:set|bring)(?:{_VOLUME}) to (?P<lufs>-? ?{N}) ?lufs",
)
def _normalize(heard: _Heard) -> AnyOperation:
    given: dict[str, Any] = {}
    for name, text in (("lufs", heard.text("lufs")), ("true_peak", heard.text("peak"))):
        if text:
            # Nobody means a loudness above that of full scale.
            given[name] = -abs(number_of(text.removeprefix("-")))
    return Normalize(**given)


@_phrase(
    r"de-?noise(?:" + _IT + ")" + rf"(?: by (?P<n>{N}) ?{_DB})?",
    rf"(?:reduce|remove|clean(?: up)?|lower|suppress|filter(?: out)?|get rid of|take out|ת?סירי?|ת?ורידי?|הסר|הסירי|הפחת|הפחיתי|נקה|נקי|תנקה|תפחיתי?)(?: the| some| all)?(?: background)?(?: hiss and)?(?: את)? ?(?:noises?|hiss|hum|רעש(?:ים)?(?: ה?רקע)?|ה?רעש(?:ים)?(?: ה?רקע)?)(?: by (?P<n>{N}) ?{_DB}| ב-? ?(?P<m>{N}) ?{_DB})?",
    rf"clean up(?:{_IT})",
    r"(?:apply )?noise (?:reduction|removal)",
)
def _denoise(heard: _Heard) -> AnyOperation:
    given = heard.text("n") or heard.text("m")
    return Denoise(reduction_db=number_of(given)) if given else Denoise()


@_phrase(
    rf"(?:play|run|make|set)?{_IT} ?(?:at |to |the speed to )?(?P<n>{N}) ?(?:x|times)(?: (?:the|as))?(?: (?:normal|original|usual))? ?(?:speed|as fast|fast|faster)",
    rf"(?:play|run|make|set){_IT} (?:at|to) (?P<n>{N}) ?x",
    rf"(?:set|change)(?: the)? speed to (?P<n>{N})(?: ?x| times)?",
    rf"(?:speed|tempo)(?: of)? (?P<n>{N})(?: ?x)?",
    rf"(?:speed|sped|hurry){_IT} up(?: to| by(?: a factor of)?)? (?P<n>{N}) ?(?:x|times)",
    rf"speed{_IT} up by a factor of (?P<n>{N})",
    rf"(?:{_IT} )?(?P<n>{N}) times faster",
    rf"(?:תנגני?|נגני?|תשמיעי?)?{_IT} ?(?:במהירות|מהירות)(?: של)?(?: פי)? ?(?P<n>{N})",
    rf"(?:תאיצי?|האיצי?){_IT} פי ?(?P<n>{N})",
)
def _speed(heard: _Heard) -> AnyOperation:
    return Speed(factor=heard.number("n"))


@_phrase(
    rf"(?:play|run|make|set)?{_IT} ?(?:at |to )?(?P<n>{N}) ?{_PERCENT}(?: of)?(?: the)?(?: (?:normal|original))? speed",
)
def _speed_percent(heard: _Heard) -> AnyOperation:
    return Speed(factor=round(heard.number("n") / 100, 6))


@_phrase(
    rf"speed{_IT} up by (?P<n>{N}) ?{_PERCENT}",
    rf"(?:make|play){_IT} (?P<n>{N}) ?{_PERCENT} faster",
    rf"(?:תאיצי?|האיצי?){_IT} ב-? ?(?P<n>{N}) ?{_PERCENT}",
)
def _faster(heard: _Heard) -> AnyOperation:
    return Speed(factor=round(1 + heard.number("n") / 100, 6))


@_phrase(
    rf"slow{_IT} down by (?P<n>{N}) ?{_PERCENT}",
    rf"(?:make|play){_IT} (?P<n>{N}) ?{_PERCENT} slower",
    rf"(?:תאטי?|האטי?|תאיטי?|האיטי?){_IT} ב-? ?(?P<n>{N}) ?{_PERCENT}",
)
def _slower(heard: _Heard) -> AnyOperation:
    return Speed(factor=round(1 - heard.number("n") / 100, 6))


@_phrase(
    rf"(?:play(?:{_IT})? |run(?:{_IT})? |make(?:{_IT})? )?(?:at )?(?:half(?: the)? (?:speed|tempo)|half as fast)",
    rf"slow{_IT} down to half(?: (?:the )?speed)?",
    r"ב?חצי ה?מהירות",
)
def _half_speed(heard: _Heard) -> AnyOperation:
    return Speed(factor=0.5)


@_phrase(
    rf"(?:play(?:{_IT})? |run(?:{_IT})? |make(?:{_IT})? )?(?:at )?(?:double(?: the)? (?:speed|tempo)|twice (?:as fast|the speed))",
    r"double(?: the)? speed",
    r"ב?מהירות כפולה",
)
def _double_speed(heard: _Heard) -> AnyOperation:
    return Speed(factor=2)


_STEPS = rf"(?P<n>{N}|an?) ?(?P<unit>{_TONES}|octaves?|(?:whole )?tones?|אוקטבות|אוקטבה|טונים)"


@_phrase(
    rf"(?:raise|increase|shift up|transpose up|pitch up|lift|shift|transpose|תעלי?|העלי?)(?: the| את ה?)?(?: ?(?:pitch|key|גובה(?: הצליל)?))?{_IT}(?: up)?(?: by| ב-?)? ?{_STEPS}(?: (?:up|higher))?",
    rf"(?:make{_IT} |pitch{_IT} )?{_STEPS} (?:higher|up)",
    rf"pitch(?: it)? (?:up|\+)(?: by)? ?{_STEPS}",
)
def _higher(heard: _Heard) -> AnyOperation:
    return Pitch(semitones=_semitones(heard))


@_phrase(
    rf"(?:lower|decrease|reduce|drop|shift down|transpose down|pitch down|bring down|תורידי?|הורידי?|תנמיכי?|הנמיכי?)(?: the| את ה?)?(?: ?(?:pitch|key|גובה(?: הצליל)?))?{_IT}(?: down)?(?: by| ב-?)? ?{_STEPS}",
    rf"(?:shift|transpose|bring)(?: the)?(?: pitch)?{_IT} down(?: by)? {_STEPS}",
    rf"(?:shift|transpose)(?: the)?(?: pitch)?{_IT}(?: by)? {_STEPS} (?:down|lower)",
    rf"(?:make{_IT} |pitch{_IT} )?{_STEPS} (?:lower|down)",
    rf"pitch(?: it)? (?:down|-)(?: by)? ?{_STEPS}",
)
def _deeper(heard: _Heard) -> AnyOperation:
    return Pitch(semitones=-_semitones(heard))


def _semitones(heard: _Heard) -> float:
    count = 1.0 if heard.text("n") in ("a", "an") else heard.number("n")
    unit = heard.text("unit")
    if unit.startswith(("octave", "אוקטב")):
        return count * 12
    return count if re.fullmatch(_TONES, unit) else count * 2


@_phrase(
    rf"(?:reverse|play(?:{_IT})? (?:backwards?|in reverse)|flip|backwards?|תהפוך|תהפכי|הפוך|הפכי|להפוך|תשמיעי? לאחור|נגני? לאחור){_IT}",
    rf"turn{_IT} (?:round|around|backwards)",
)
def _reverse(heard: _Heard) -> AnyOperation:
    return Reverse()


@_phrase(
    rf"(?:(?:mix|fold|down-?mix|sum|turn|make|convert|change|switch|go|set|תמירי?|המר|המירי|תהפוך|תהפכי|הפוך|הפכי){_IT}(?: down)?(?: ?(?:in)?to| ל-?)? ?)?(?:a )?(?P<to>mono|stereo|מונו|סטריאו|סטראו)(?: (?:channel|sound|track))?",
)
def _channels(heard: _Heard) -> AnyOperation:
    return Channels(to="mono" if heard.text("to") in ("mono", "מונו") else "stereo")


@_phrase(
    r"(?:keep|take|use|extract|only)(?: only| just)?(?: the)? (?P<to>left|right) (?:channel|side)(?: only)?",
    rf"{_KEEP} את הערוץ ה(?P<to>שמאלי|ימני)",
)
def _one_channel(heard: _Heard) -> AnyOperation:
    return Channels(to="left" if heard.text("to") in ("left", "שמאלי") else "right")


@_phrase(
    r"(?:swap|exchange|flip|switch)(?: the)?(?: left and right| stereo)?(?: channels| sides)",
    r"(?:החלף|תחליף|החליפי) (?:את )?(?:ה|בין ה)ערוצים",
)
def _swap(heard: _Heard) -> AnyOperation:
    return Channels(to="swap")


@_phrase(
    rf"(?:convert|export|save|encode|transcode|change|turn|make|render|output|תמירי?|המר|המירי|תשמו?רי?|שמור|שמרי|להמיר){_IT}(?: ?(?:(?:in)?to|as|an?|in|ל-?|כ-?))*(?: the)?(?: format)? ?{_FORMAT}(?: (?:file|format))?"
    rf"(?:,? ?(?:at|with|in|@|ב-?)? ?(?P<kbps>{N}) ?(?:kbit/s|kbits?|kbps|kb/s|k))?(?:,? ?(?:at|with|in|and|ב-?)? ?(?P<rate>{N}) ?(?P<hz>k?hz))?(?:,? in (?P<count>mono|stereo))?",
    rf"convert (?=at|in )(?:at (?P<kbps>{N}) kbit/s)?(?: ?at (?P<rate>{N}) (?P<hz>k?hz))?(?: ?in (?P<count>mono|stereo))?",
    rf"(?:resample|down-?sample|up-?sample){_IT} (?:to|at) (?P<rate>{N}) ?(?P<hz>k?hz)",
)
def _convert(heard: _Heard) -> AnyOperation:
    given: dict[str, Any] = {}
    if wanted := heard.text("format"):
        given["format"] = {"m4a": "aac", "ogg": "opus", "wave": "wav"}.get(wanted, wanted)
    if heard.text("kbps"):
        given["bit_rate"] = round(heard.number("kbps") * 1000)
    if heard.text("rate"):
        given["sample_rate"] = round(heard.number("rate") * (1000 if heard.text("hz") == "khz" else 1))
    if heard.text("count"):
        given["channels"] = 1 if heard.text("count") == "mono" else 2
    return Convert(**given)


_MEDIA = r"med_[0-9a-hjkmnp-tv-z]{26}"


@_phrase(
    rf"(?:append|add|join|attach|הוסף|תוסיף|צרף) (?P<ids>{_MEDIA}(?:,? (?:and )?{_MEDIA})*)(?: (?:at|to) the end| בסוף)?",
)
def _append(heard: _Heard) -> AnyOperation:
    ids = re.findall(_MEDIA, heard.text("ids"))
    return Concat(media_ids=tuple(f"med_{each[4:].upper()}" for each in ids))


def understand(text: str, duration: float) -> list[AnyOperation]:
    """The operations of a command, in order. duration: seconds of the recording.

    Raises Invalid: ``command_not_understood`` names the part that no phrase explains; ``operation_out_of_range`` where a number is none that
    the operation takes.
    """
    plain = _plain(text)
    folded = plain.translate(_FOLDED)
    length: float | None = duration
    found: list[AnyOperation] = []
    position = _joined(plain, 0)
    while position < len(plain):
        best = max(_matches(folded, position), key=lambda each: each[0].end(), default=None)
        if best is None or best[0].end() == position:
            raise _not_understood(_part(plain, position))
        match, builder = best
        operation = _built(builder, _Heard(match, length, plain))
        found.append(operation)
        if len(found) > MAX_OPERATIONS:
            raise Invalid(f"At most {MAX_OPERATIONS} operations can be done at once.", code="too_many_operations")
        length = None if length is None or isinstance(operation, Concat) else length_after(operation, length, {})
        tail = _TAIL.match(plain, match.end())
        position = _joined(plain, tail.end() if tail else match.end())
    if not found:
        raise _not_understood(text.strip()[:100])
    return found


def _plain(text: str) -> str:
    """One kind of dash, of quotation mark and of space; lower case; Hebrew without points. No joiner is left at its end."""
    text = _MARKS.sub("", unicodedata.normalize("NFKC", text).lower())
    text = re.sub("[\u2010-\u2015\u2212\u05be]", "-", text)
    text = re.sub("[\u2018\u2019\u05f3]", "'", text)
    return " ".join(re.sub('["\u201c\u201d\u05f4?!]', " ", text).split()).rstrip(" .,;")


def _joined(text: str, position: int) -> int:
    """Where the next command begins."""
    found = _JOINER.match(text, position)
    return found.end() if found else position


def _matches(text: str, position: int) -> Iterator[tuple[re.Match[str], Builder]]:
    """Only whole words: what follows must not go on with a letter or a digit. In Hebrew "and" is the first letter of the next word."""
    starts = [position]
    if position + 1 < len(text) and text[position] == "ו" and re.match("[א-ת]", text[position + 1]):
        starts.append(position + 1)
    for start in starts:
        for pattern, builder in _PHRASES:
            match = pattern.match(text, start)
            if match and match.end() > start and not re.match(rf"[{LETTER}\d%]", text[match.end() :]):
                yield match, builder


def _built(builder: Builder, heard: _Heard) -> AnyOperation:
    try:
        return builder(heard)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise Invalid(
            f"{heard.words!r}: {f'{name}: ' if name else ''}{reason}.",
            code="operation_out_of_range",
            fields=(Field("text", f"{heard.words!r}: {reason}."),),
        ) from error


def _part(text: str, position: int) -> str:
    """Up to the next comma or joiner."""
    rest = text[position:]
    end = re.search(r"[,;]|\.\s| (?:and|then|ואז|וגם) ", rest)
    return rest[: end.start() if end else None].strip()[:100]


def _not_understood(part: str) -> Invalid:
    examples = "; ".join(f'"{each}"' for each in EXAMPLES)
    return Invalid(
        f'"{part}" is not understood. What is understood: {examples}.',
        code="command_not_understood",
        fields=(Field("text", f'"{part}" is not understood.'),),
    )
