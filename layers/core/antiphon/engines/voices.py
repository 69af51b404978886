"""The voices of each synthesizer as plain data, so that a function can list them without any engine at hand.

Kokoro: the 54 voices of model v1.0 with the grades of its VOICES.md. espeak: a choice of its languages, one woman and one man where
a variant sounds like it, ids without the ``+`` that mixes are made of.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from antiphon.engines.ports import Voice
from antiphon.platform.errors import EngineError, Field, Invalid

_LANGUAGES = {
    "a": "en-US", "b": "en-GB", "e": "es-ES", "f": "fr-FR", "h": "hi-IN", "i": "it-IT", "j": "ja-JP", "p": "pt-BR", "z": "zh-CN",
}  # fmt: skip
_GENDERS = {"f": "female", "m": "male"}

_KOKORO = """
af_heart:A af_alloy:C af_aoede:C+ af_bella:A- af_jessica:D af_kore:C+ af_nicole:B- af_nova:C af_river:D af_sarah:C+ af_sky:C-
am_adam:F+ am_echo:D am_eric:D am_fenrir:C+ am_liam:D am_michael:C+ am_onyx:D am_puck:C+ am_santa:D-
bf_alice:D bf_emma:B- bf_isabella:C bf_lily:D bm_daniel:D bm_fable:C bm_george:C bm_lewis:D+
jf_alpha:C+ jf_gongitsune:C jf_nezumi:C- jf_tebukuro:C jm_kumo:C-
zf_xiaobei:D zf_xiaoni:D zf_xiaoxiao:D zf_xiaoyi:D zm_yunjian:D zm_yunxi:D zm_yunxia:D zm_yunyang:D
ef_dora em_alex em_santa
ff_siwis:B-
hf_alpha:C hf_beta:C hm_omega:C hm_psi:C
if_sara:C im_nicola:C
pf_dora pm_alex pm_santa
"""

# id: (spoken name, language, gender, espeak's own name)
_ESPEAK = {
    "en-us-f": ("American English, woman", "en-US", "female", "en-us+f2"),
    "en-us-m": ("American English, man", "en-US", "male", "en-us"),
    "en-gb-f": ("British English, woman", "en-GB", "female", "gmw/en+f2"),
    "en-gb-m": ("British English, man", "en-GB", "male", "gmw/en"),
    "es-f": ("Spanish, woman", "es-ES", "female", "es+f2"),
    "es-m": ("Spanish, man", "es-ES", "male", "es"),
    "fr-f": ("French, woman", "fr-FR", "female", "fr+f2"),
    "fr-m": ("French, man", "fr-FR", "male", "fr"),
    "de-f": ("German, woman", "de-DE", "female", "de+f2"),
    "de-m": ("German, man", "de-DE", "male", "de"),
    "it-f": ("Italian, woman", "it-IT", "female", "it+f2"),
    "it-m": ("Italian, man", "it-IT", "male", "it"),
    "pt-br-f": ("Brazilian Portuguese, woman", "pt-BR", "female", "pt-br+f2"),
    "pt-br-m": ("Brazilian Portuguese, man", "pt-BR", "male", "pt-br"),
    "hi-f": ("Hindi, woman", "hi-IN", "female", "hi+f2"),
    "hi-m": ("Hindi, man", "hi-IN", "male", "hi"),
    "ja-f": ("Japanese, woman", "ja-JP", "female", "ja+f2"),
    "ja-m": ("Japanese, man", "ja-JP", "male", "ja"),
    "zh-f": ("Mandarin Chinese, woman", "zh-CN", "female", "cmn+f2"),
    "zh-m": ("Mandarin Chinese, man", "zh-CN", "male", "cmn"),
    "he-f": ("Hebrew, woman", "he-IL", "female", "he+f2"),
    "he-m": ("Hebrew, man", "he-IL", "male", "he"),
    "ar-m": ("Arabic, man", "ar", "male", "ar"),
    "ru-m": ("Russian, man", "ru-RU", "male", "ru"),
    "nl-m": ("Dutch, man", "nl-NL", "male", "nl"),
}

_GRADES = ("A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F+", "F", None)
_PART = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9_-]{0,63})\s*(?:\(\s*(\d+(?:\.\d+)?)\s*\))?\s*")
_MOST_PARTS = 8


def catalogue(engine: str) -> tuple[Voice, ...]:
    """The voices of ``espeak`` or ``kokoro``. Raises Invalid for another engine."""
    if engine == "kokoro":
        return tuple(_kokoro(*entry.partition(":")[::2]) for entry in _KOKORO.split())
    if engine == "espeak":
        return tuple(Voice(id, name, language, gender, "espeak") for id, (name, language, gender, _) in _ESPEAK.items())
    raise Invalid(f"There is no synthesizer {engine!r}; choose espeak or kokoro")


def voices_of(engine: str) -> frozenset[str]:
    """The ids that a request to this engine may name: its own and, for ``espeak``, those of Kokoro, which its nearest voices speak."""
    others = catalogue("kokoro") if engine == "espeak" else ()
    return frozenset(voice.id for voice in (*catalogue(engine), *others))


def voice_for(engine: str, language: str | None) -> str:
    """Who speaks where no voice was asked for: the best of the language (BCP 47), of the region if there is one; else the first of the list."""
    voices, wanted = catalogue(engine), (language or "").lower()
    spoken = [voice for voice in voices if matches(voice, language=wanted.split("-")[0])] if wanted else []
    near = [voice for voice in spoken if voice.language.lower() == wanted] or spoken or list(voices[:1])
    return min(near, key=lambda voice: _GRADES.index(voice.quality)).id


def matches(voice: Voice, *, language: str | None = None, gender: str | None = None, engine: str | None = None) -> bool:
    """language: ``en`` is every English, ``en-GB`` that of Great Britain."""
    spoken, wanted = voice.language.lower(), (language or "").lower()
    return (
        (not wanted or spoken == wanted or spoken.split("-")[0] == wanted)
        and gender in (None, voice.gender)
        and engine in (None, voice.engine)
    )


def check_mix(text: str, engine: str, field: str = "voice") -> None:
    """Raises Invalid with what is wrong and where."""
    known = voices_of(engine)
    try:
        mix = parse_mix(text)
    except Invalid as error:
        raise Invalid(error.detail, code="unknown_voice", fields=(Field(field, error.fields[0].detail),)) from None
    for voice, _ in mix:
        if voice not in known:
            near = get_close_matches(voice, sorted(known), n=1)
            hint = f"do you mean {near[0]}?" if near else "GET /v1/voices lists them."
            raise Invalid(
                f"There is no voice {voice}; {hint}", code="unknown_voice", fields=(Field(field, f"{voice}: {hint}"),)
            )


def espeak_name(voice: str) -> str | None:
    """What espeak-ng calls this voice of the ``espeak`` catalogue; None when it is not one of them."""
    return _ESPEAK[voice][3] if voice in _ESPEAK else None


def kokoro_language(voice: str) -> str:
    """BCP 47 of a Kokoro voice, by the first letter of its id. Raises EngineError (``unknown_voice``) for another letter."""
    if voice[:1] not in _LANGUAGES:
        raise EngineError(f"The voice {voice!r} does not say its language in its first letter", code="unknown_voice")
    return _LANGUAGES[voice[0]]


def parse_mix(text: str) -> tuple[tuple[str, float], ...]:
    """``af_heart(2)+af_sky(1)`` → the voices and their weights, which add up to 1. A voice without a weight counts 1.

    Whether the voices exist is for the engine to say. Raises Invalid (field ``voice``).
    """
    parts = text.split("+")
    if len(parts) > _MOST_PARTS:
        raise _wrong(f"mixes at most {_MOST_PARTS} voices, not {len(parts)}")
    weights: dict[str, float] = {}
    for part in parts:
        found = _PART.fullmatch(part)
        if not found:
            raise _wrong(f"{part.strip()[:80]!r} is not a voice; write a voice or a mix like af_heart(2)+af_sky(1)")
        if found[1] in weights:
            raise _wrong(f"names {found[1]} twice")
        weights[found[1]] = float(found[2] or 1)
        if not 0 < weights[found[1]] <= 100:
            raise _wrong(f"the weight of {found[1]} must be above 0 and at most 100")
    whole = sum(weights.values())
    return tuple((voice, weight / whole) for voice, weight in weights.items())


def known_mix(text: str, known: Collection[str], engine: str) -> tuple[tuple[str, float], ...]:
    """As ``parse_mix``, of voices that are ``known``. Raises EngineError (``unknown_voice``) for anything else."""
    try:
        mix = parse_mix(text)
    except Invalid as error:
        raise EngineError(error.detail, code="unknown_voice") from None
    for voice, _ in mix:
        if voice not in known:
            raise EngineError(
                f"{engine} has no voice {voice!r}; GET /v1/voices lists those it has", code="unknown_voice"
            )
    return mix


def nearest(voice: Voice, among: tuple[Voice, ...]) -> Voice:
    """Of ``among``, the voice of the same language and gender; of the same language if there is none, of the same gender last."""

    def unlike(other: Voice) -> tuple[bool, bool, bool]:
        return (
            other.language.split("-")[0] != voice.language.split("-")[0],
            other.gender != voice.gender,
            other.language != voice.language,
        )

    return min(among, key=unlike)


def _kokoro(id: str, quality: str) -> Voice:
    return Voice(id, id[3:].capitalize(), _LANGUAGES[id[0]], _GENDERS[id[1]], "kokoro", quality or None)


def _wrong(detail: str) -> Invalid:
    return Invalid(f"The voice {detail}", fields=(Field("voice", detail),))
