"""U-25: whatever comes in, our own parsers read it or refuse it in their own words; none breaks.

SRT and VTT are written here and never read (tests/unit/render), cursors are in tests/unit/platform/test_conventions.py, and containers other
than by their first bytes are read by a confined child (tests/integration/media).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from antiphon.conversations.model import ChatOptions
from antiphon.engines import sentences
from antiphon.media.sniff import sniff
from antiphon.platform.errors import EngineError, Invalid
from antiphon.platform.strict_json import MAX_DEPTH, parse
from antiphon.speech.arrive import arrival_of
from antiphon.speech.dropped import options_of
from antiphon.speech.model import Kind
from antiphon.speech.script import lines
from antiphon.speech.text import read
from functions.chat.shapes import NewPreset
from tests.unit.conftest import HeldClock
from tests.unit.speech.conftest import ANNA, Desk, wav

TEXTS = {"text_empty", "text_unreadable", "text_too_long", "unknown_voice", "pauses_too_long"}
_names = st.sampled_from(
    ["speak", "p", "s", "break", "prosody", "voice", "sub", "say-as", "phoneme", "mark", "w", "lexicon", "x:y", "audio"]
)
_values = st.text(max_size=12) | st.sampled_from(
    ["1s", "250ms", "99999s", "-1s", "x-strong", "+20%", "-100%", "9999%", "0", "fast", "me", "nobody", "ipa", "təmˈɑːtoʊ",
     "characters", "digits", "ordinal", "cardinal", "date", "expletive"]
)  # fmt: skip
_attributes = st.dictionaries(
    st.sampled_from(
        ["time", "strength", "rate", "pitch", "name", "alias", "ph", "alphabet", "interpret-as", "xml:lang"]
    ),
    _values,
    max_size=3,
)


def _escaped(text: str) -> str:
    return "".join(f"&#{ord(c)};" if c in "<&\"'" else c for c in text)


def _element(name: str, attributes: dict[str, str], inside: list[str]) -> str:
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(inside)}</{name}>"


_ssml = st.recursive(
    st.text(max_size=15).map(_escaped)
    | st.sampled_from(["12", "Dr. No.", "<!-- x -->", "<![CDATA[<]]>", "&amp;", "&x;"]),
    lambda inner: st.builds(_element, _names, _attributes, st.lists(inner, max_size=4)),
    max_leaves=20,
)
_marks = st.lists(
    st.text(max_size=12)
    | st.sampled_from(
        [
            "[pause:1s]",
            "[pause:",
            "[voice:me]",
            "[voice:nobody]",
            "[a](/b/)",
            "[",
            "](/",
            "# ",
            "```",
            "* ",
            "|--|",
            "![x](y)",
            "<b>",
        ]
    ),
    max_size=12,
).map("".join)


def understood(body: bytes, kind: str) -> None:
    refused = None
    try:
        reading = read(body, content_type=kind, filename=None, knows=lambda voice: voice == "me")
        made = lines(reading, sentences.split, voice="me", speed=1.0)
    except EngineError as error:
        refused = error
    if refused:
        assert refused.code in TEXTS
        assert not refused.retryable
        return
    assert all(line.text.strip() and line.before >= 0 and line.after >= 0 for line in made)
    assert all(0 <= sound.start < sound.end <= len(line.text) for line in made for sound in line.sounds)


@given(_ssml)
def test_any_ssml(inside: str) -> None:
    understood(f"<speak>{inside}</speak>".encode(errors="replace"), "application/ssml+xml")
    understood(inside.encode(errors="replace"), "application/ssml+xml")


@given(_ssml, st.integers(0, 300), st.binary(max_size=3))
def test_ssml_that_was_damaged(inside: str, at: int, junk: bytes) -> None:
    whole = f"<speak>{inside}</speak>".encode(errors="replace")
    understood(whole[:at] + junk + whole[at + len(junk) :], "application/ssml+xml")


@given(_marks, st.sampled_from(["text/plain", "text/markdown"]))
def test_any_text_with_marks(text: str, kind: str) -> None:
    understood(text.encode(errors="replace"), kind)


@given(st.binary(max_size=200), st.sampled_from(["text/plain", "text/markdown", "application/ssml+xml"]))
def test_any_bytes_as_text(body: bytes, kind: str) -> None:
    understood(body, kind)


_magic = st.sampled_from(
    [b"RIFF\xff\xff\xff\xffWAVEfmt ", b"RF64\0\0\0\0WAVE", b"ID3\x04", b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"\0\0\0\x18ftyp", b"PK\x03\x04", b"\xff\xfb\x90\x64"]
)  # fmt: skip


@given(_magic, st.binary(max_size=200), st.integers(0, 20))
def test_any_header_of_a_recording(magic: bytes, rest: bytes, cut: int) -> None:
    """What begins as a WAV is one for its decoder, whatever its fields say."""
    found = sniff(magic + rest)
    assert found.kind
    if magic.startswith(b"RIFF"):
        assert found.mime == "audio/wav"
    sniff(magic[:cut] + rest)


@given(st.integers(4, 44), st.binary(min_size=1, max_size=40))
def test_a_wav_with_other_fields_is_still_told_from_text(at: int, junk: bytes) -> None:
    whole = wav(100)
    found = sniff(whole[:at] + junk + whole[at + len(junk) :])
    assert found.mime == "audio/wav" or at < 12


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(_json, st.sampled_from(["eventTime", "s3", "bucket", "object", "key", "name"]), st.booleans())
def test_any_notification_of_s3(value: Any, place: str, gone: bool) -> None:
    """Q-01: it is read, or refused by an error that leaves the message in the queue."""
    found: dict[str, Any] = {
        "eventTime": "2026-11-20T12:00:00.123Z",
        "s3": {"bucket": {"name": "uploads"}, "object": {"key": "k", "sequencer": "0A"}},
    }
    for owner in (found, found["s3"], found["s3"]["bucket"], found["s3"]["object"]):
        if place in owner:
            owner.pop(place) if gone else owner.update({place: value})
            break
    try:
        arrival = arrival_of(found)
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    assert isinstance(arrival.key, str)


_places = st.sampled_from(["uploads", "inbox", "results", "", "..", "rejected"])
_owners = st.sampled_from([ANNA.user_id, "usr_01ARZ3NDEKTSV4RRFFQ69G5FAW", "usr_1", ""]) | st.text(max_size=5)
_things = st.text(max_size=20) | st.sampled_from(
    [
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "med_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "doc_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "a/b/../c.wav",
    ]
)
_told = st.dictionaries(
    st.sampled_from(
        ["language", "task", "diarize", "num_speakers", "beam-size", "temperature", "speed", "format", "voice", "mine"]
    ),
    st.text(max_size=8)
    | st.sampled_from(["en", "nan", "inf", "1e999", "-0", "²", "0.5,nan", "true", "9" * 5_000, "1,", "١"]),
    max_size=4,
)


@given(_places, _owners, _things, st.binary(max_size=60) | st.just(wav(10)) | st.just(b"Hello there. " * 9), _told)
def test_any_object_that_arrives(place: str, owner: str, thing: str, body: bytes, told: dict[str, str]) -> None:
    """Q-01, U-03: under any key, of any content, with anything said about it; and said twice it is done once."""
    desk = Desk(HeldClock())
    arrival = desk.put(f"{place}/{owner}/{thing}", body, **told)
    assert desk.arrive(arrival) in {"queued", "ready", "inspecting", "rejected", "stray", "gone", "unchanged"}
    events, keys = desk.events, desk.keys()
    desk.arrive(arrival)
    assert (desk.events, desk.keys()) == (events, keys)


@given(_told, st.sampled_from([Kind.TRANSCRIPTION, Kind.SPEECH]))
@example({"num_speakers": "²", "beam-size": "9" * 5_000}, Kind.TRANSCRIPTION)
def test_any_options_beside_a_file(told: dict[str, str], kind: Kind) -> None:
    """What is refused is refused in our words, by the name that its owner gave."""
    refused, found = None, {}
    try:
        found = options_of(kind, told, {})
    except Invalid as error:
        refused = error
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert refused is None or (refused.fields and "literal" not in refused.detail)


@given(st.binary(max_size=60) | _json.map(lambda value: json.dumps(value).encode()))
@example(b"[" * (MAX_DEPTH + 1))
@example(b'{"name": "\\ud800"}')
@example(b'{"name": 1, "name": 2}')
@example(b"1" * 5_000)
def test_any_body_of_a_request(raw: bytes) -> None:
    try:
        found = parse(raw)
    except Invalid:
        return
    json.dumps(found, allow_nan=False).encode()


_settings = st.dictionaries(
    st.sampled_from(["temperature", "top_p", "max_output_tokens", "system_prompt", "else"]), _json, max_size=3
)


@given(
    st.fixed_dictionaries(
        {"name": st.text(max_size=5) | _json},
        optional={"model": st.text(max_size=4) | _json, "settings": _settings | _json},
    )
)
def test_any_preset(body: dict[str, Any]) -> None:
    try:
        preset = NewPreset.model_validate(body)
    except ValidationError:
        return
    assert 1 <= len(preset.name) <= 100
    assert preset.name == preset.name.strip()
    options = preset.settings.options()
    assert isinstance(options, ChatOptions)
    assert options.temperature is None or 0 <= options.temperature <= 2
    assert options.top_p is None or 0 < options.top_p <= 1


@pytest.mark.parametrize("key", ["a b", "é", "100%", "a+b", "%2F"])
def test_a_key_comes_back_as_it_was(key: str) -> None:
    """Q-02."""
    record = {"eventTime": "2026-11-20T12:00:00Z", "s3": {"bucket": {"name": "b"}, "object": {"key": quote_plus(key)}}}
    assert arrival_of(record).key == key
