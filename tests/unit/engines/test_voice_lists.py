"""The voices as data, and mixes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.voices import (
    catalogue,
    check_mix,
    espeak_name,
    known_mix,
    matches,
    nearest,
    parse_mix,
    voice_for,
)
from antiphon.platform.errors import EngineError, Invalid

KOKORO = catalogue("kokoro")


def test_kokoro_has_its_54_voices_in_nine_languages() -> None:
    assert len({voice.id for voice in KOKORO}) == 54
    assert Counter(voice.language for voice in KOKORO) == {
        "en-US": 20, "en-GB": 8, "ja-JP": 5, "zh-CN": 8, "es-ES": 3, "fr-FR": 1, "hi-IN": 4, "it-IT": 2, "pt-BR": 3,
    }  # fmt: skip
    assert {voice.gender for voice in KOKORO} == {"female", "male"}


def test_the_best_voice_is_graded_best() -> None:
    assert [voice.id for voice in KOKORO if voice.quality == "A"] == ["af_heart"]


def test_every_language_of_kokoro_has_an_espeak_voice_of_each_gender() -> None:
    for voice in KOKORO:
        stand_in = nearest(voice, catalogue("espeak"))
        assert (stand_in.language, stand_in.gender) == (voice.language, voice.gender)


def test_every_espeak_voice_has_a_native_name_and_an_id_that_mixes_can_hold() -> None:
    for voice in catalogue("espeak"):
        assert espeak_name(voice.id)
        assert parse_mix(voice.id) == ((voice.id, 1.0),)


def test_listing_voices_loads_no_engine() -> None:
    """A Lambda function lists them: by module names, not by milliseconds."""
    code = "import sys; from antiphon.engines.voices import catalogue; catalogue('kokoro'); print(*sys.modules)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"numpy", "torch", "pocketsphinx", "espeakng_loader", "av"} & set(loaded)


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(Invalid, match="flite"):
        catalogue("flite")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("af_heart", {"af_heart": 1}),
        ("af_heart(2)+af_sky(1)", {"af_heart": 2 / 3, "af_sky": 1 / 3}),
        (" af_heart ( 0.5 ) + af_sky", {"af_heart": 1 / 3, "af_sky": 2 / 3}),
    ],
)
def test_a_mix_is_read(text: str, expected: dict[str, float]) -> None:
    assert dict(parse_mix(text)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a voice"),
        ("a++b", "is not a voice"),
        ("a(-1)", "is not a voice"),
        ("a(0)+b", "above 0"),
        ("a(101)", "at most 100"),
        ("a+a", "twice"),
        ("+".join(f"v{i}" for i in range(9)), "at most 8"),
        ("../../etc/passwd", "is not a voice"),
        ("a" * 65, "is not a voice"),
    ],
)
def test_a_wrong_mix_is_refused_with_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as raised:
        parse_mix(text)
    assert [field.field for field in raised.value.fields] == ["voice"]


@given(st.text(max_size=200))
def test_any_text_is_a_mix_or_is_refused(text: str) -> None:
    """T-07"""
    try:
        mix = parse_mix(text)
    except Invalid:
        return
    assert sum(weight for _, weight in mix) == pytest.approx(1)


@pytest.mark.parametrize("voice", ["nobody", "af_heart+nobody", "a++b"])
def test_an_unknown_voice_says_where_the_list_is(voice: str) -> None:
    with pytest.raises(EngineError) as raised:
        known_mix(voice, {"af_heart"}, "kokoro")
    assert raised.value.code == "unknown_voice"
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("engine", "text", "says"),
    [
        ("kokoro", "af_heart(2)+af_skye(1)", "af_skye: do you mean af_sky?"),
        ("kokoro", "af_heart(2)+af_sky(0)", "af_sky must be above 0"),
        ("kokoro", "en-us-f", "en-us-f"),
        ("espeak", "af_heart+zzz", "zzz: GET /v1/voices"),
    ],
)
def test_a_mix_is_refused_by_naming_its_bad_part(engine: str, text: str, says: str) -> None:
    with pytest.raises(Invalid) as raised:
        check_mix(text, engine, field="input")
    assert raised.value.code == "unknown_voice"
    (field,) = raised.value.fields
    assert field.field == "input"
    assert says in field.detail


def test_espeak_takes_the_names_of_kokoro_too() -> None:
    check_mix("af_heart(2)+en-us-f(1)", "espeak")


@pytest.mark.parametrize(
    ("engine", "language", "voice"),
    [
        ("kokoro", None, "af_heart"),
        ("kokoro", "en-GB", "bf_emma"),
        ("kokoro", "en", "af_heart"),
        ("kokoro", "fr-CA", "ff_siwis"),
        ("kokoro", "xx", "af_heart"),
        ("espeak", "he", "he-f"),
    ],
)
def test_the_best_voice_of_the_language_speaks_where_none_is_named(
    engine: str, language: str | None, voice: str
) -> None:
    assert voice_for(engine, language) == voice


def test_voices_are_found_by_language_gender_and_engine() -> None:
    assert sum(matches(v, language="EN") for v in KOKORO) == 28
    assert sum(matches(v, language="en-GB", gender="male") for v in KOKORO) == 4
    assert not any(matches(v, engine="espeak") for v in KOKORO)
