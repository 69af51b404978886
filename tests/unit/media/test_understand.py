"""Commands in plain language: what is understood, and that nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.media.operations import AnyOperation, plain
from antiphon.media.operations import operation_of as op
from antiphon.media.quantities import seconds_of
from antiphon.media.understand import EXAMPLES, understand
from antiphon.media.words import said
from antiphon.platform.errors import Invalid

LENGTH = 200.0
ID = "med_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def one(name: str, **fields: Any) -> dict[str, Any]:
    return plain(op({"op": name, **fields}))


def got(text: str) -> list[dict[str, Any]]:
    return [plain(each) for each in understand(text, LENGTH)]


PHRASES = {
    "drop the first ten seconds": one("trim", start=10),
    "Please cut out the first 2.5s": one("trim", start=2.5),
    "remove the opening minute": one("trim", start=60),
    "trim the first 500 ms": one("trim", start=0.5),
    "delete everything before 1:05": one("trim", start=65),
    "start at 0:05": one("trim", start=5),
    "cut five seconds from the beginning": one("trim", start=5),
    "remove the last one and a half minutes": one("trim", end=110),
    "take off the last twenty-five seconds": one("trim", end=175),
    "cut 10 seconds off the end": one("trim", end=190),
    "keep the first minute and a half": one("trim", end=90),
    "keep only the first 30 sec": one("trim", end=30),
    "delete everything after 1 minute 10 seconds": one("trim", end=70),
    "stop at 1:00.5": one("trim", end=60.5),
    "keep the last 20 seconds": one("trim", start=180),
    "keep 0:10 to 0:20": one("trim", start=10, end=20),
    "trim from 10 to 20 seconds": one("trim", start=10, end=20),
    "keep from 1:00 to the end": one("trim", start=60),
    "cut from 0:10 to 0:20": one("cut", start=10, end=20),
    "cut between 1 and 2 minutes": one("cut", start=60, end=120),
    "remove 1:00–1:30": one("cut", start=60, end=90),
    "get rid of everything between 5s and 10s": one("cut", start=5, end=10),
    "drop from 1:40 to the end": one("trim", end=100),
    f"append {ID}": one("concat", media_ids=[ID]),
    "fade in over 3 seconds": one("fade", **{"in": 3}),
    "fade out 5s": one("fade", out=5),
    "fade in": one("fade", **{"in": 2}),
    "add a 3 second fade-out": one("fade", out=3),
    "fade in and out over 2 seconds": one("fade", **{"in": 2, "out": 2}),
    "make it louder by 3 dB": one("gain", db=3),
    "make it 6 decibels louder": one("gain", db=6),
    "boost the volume by 4.5 dB": one("gain", db=4.5),
    "turn it down by 3 dB": one("gain", db=-3),
    "lower the volume by 50%": one("gain", db=-6.021),
    "make it quieter": one("gain", db=-6),
    "normalise": one("normalize"),
    "normalize the loudness to -14 LUFS": one("normalize", lufs=-14),
    "remove the background noise": one("denoise"),
    "reduce the noise by 20 dB": one("denoise", reduction_db=20),
    "half speed": one("speed", factor=0.5),
    "play it twice as fast": one("speed", factor=2),
    "speed it up by 25%": one("speed", factor=1.25),
    "slow it down by 20 percent": one("speed", factor=0.8),
    "play at 150% speed": one("speed", factor=1.5),
    "one and a half times the speed": one("speed", factor=1.5),
    "raise the pitch by two semitones": one("pitch", semitones=2),
    "lower the pitch by an octave": one("pitch", semitones=-12),
    "3 semitones down": one("pitch", semitones=-3),
    "play it backwards": one("reverse"),
    "reverse the audio": one("reverse"),
    "mono": one("channels", to="mono"),
    "make it stereo": one("channels", to="stereo"),
    "keep only the left channel": one("channels", to="left"),
    "swap the channels": one("channels", to="swap"),
    "convert to mp3": one("convert", format="mp3"),
    "export as opus at 64 kbps": one("convert", format="opus", bit_rate=64000),
    "save it as a wav file": one("convert", format="wav"),
    "resample to 16 kHz": one("convert", sample_rate=16000),
    "הסר את עשר השניות הראשונות": one("trim", start=10),
    "תוריד את 10 השניות האחרונות": one("trim", end=190),
    "תמחק את הדקה האחרונה": one("trim", end=140),
    "השאר את הדקה הראשונה": one("trim", end=60),
    "חתוך מ-10 עד 20 שניות": one("cut", start=10, end=20),
    "תחתוך בין דקה לדקה וחצי": one("cut", start=60, end=90),
    "תגביר ב-3 דציבל": one("gain", db=3),
    "תנמיך ב-שישה דציבל": one("gain", db=-6),
    "תנרמל": one("normalize"),
    "הסר את הרעש": one("denoise"),
    "חצי מהירות": one("speed", factor=0.5),
    "תהפוך את ההקלטה": one("reverse"),
    "מונו": one("channels", to="mono"),
    "המר ל-mp3": one("convert", format="mp3"),
}


@pytest.mark.parametrize("text", PHRASES)
def test_a_phrase_is_understood(text: str) -> None:
    assert got(text) == [PHRASES[text]]


def test_commands_follow_each_other_and_times_are_those_of_what_is_left() -> None:
    assert got("Drop the first ten seconds, normalise; then fade out over 3 s and convert to flac.") == [
        one("trim", start=10),
        one("normalize"),
        one("fade", out=3),
        one("convert", format="flac"),
    ]
    assert got("drop the first 100 seconds and then the last 10 seconds".replace("then the", "then drop the")) == [
        one("trim", start=100),
        one("trim", end=90),
    ]
    assert got("תוריד את עשר השניות הראשונות ותנרמל ואז תהפוך") == [
        one("trim", start=10),
        one("normalize"),
        one("reverse"),
    ]


def test_every_example_is_understood() -> None:
    for example in EXAMPLES:
        assert understand(example, LENGTH)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("paint it blue", "paint it blue"),
        ("normalise and paint it blue, then reverse", "paint it blue"),
        ("cut from here to there", "cut from here to there"),
        ("make it faster", "make it faster"),
        ("remove the last seconds", "remove the last seconds"),
        ("reverse it loudly", "loudly"),
        ("normalisezz", "normalisezz"),
        ("צבע בכחול", "צבע בכחול"),
        ("!!!", "!!!"),
    ],
)
def test_the_part_that_is_not_understood_is_named(text: str, part: str) -> None:
    with pytest.raises(Invalid) as refused:
        understand(text, LENGTH)
    assert refused.value.code == "command_not_understood"
    assert refused.value.fields[0].field == "text"
    assert refused.value.fields[0].detail == f'"{part}" is not understood.'
    assert EXAMPLES[0] in refused.value.detail


@pytest.mark.parametrize(
    "text",
    ["drop the last 300 seconds", "play at 9 times the speed", "keep 0:20 to 0:10", "raise the pitch by 9 octaves"],
)
def test_a_number_that_no_operation_takes_is_out_of_range(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        understand(text, LENGTH)
    assert refused.value.code == "operation_out_of_range"


def test_after_joining_nothing_is_counted_from_the_end() -> None:
    with pytest.raises(Invalid, match="joining"):
        understand(f"append {ID} and drop the last 5 seconds", LENGTH)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:02:03.5", 3723.5),
        ("ten", 10),
        ("two hundred and five ms", 0.205),
        ("half a minute", 30),
        ("an hour and two minutes", 3720),
        ("three point five seconds", 3.5),
        ("2 minutes and a half", 150),
        ("עשרים וחמש שניות", 25),
        ("דקתיים", 120),
        ("אחת עשרה שניות", 11),
        ("רבע שעה", 900),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


def tenths(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(round(low * 10), round(high * 10)).map(lambda n: n / 10)


SPAN = st.tuples(st.integers(0, 4_000_000), st.integers(1, 4_000_000)).map(
    lambda pair: (pair[0] / 1000, (pair[0] + pair[1]) / 1000)
)
OPERATIONS = st.one_of(
    SPAN.map(lambda s: {"op": "trim", "start": s[0], "end": s[1]}),
    tenths(0.1, 4000).map(lambda s: {"op": "trim", "start": s}),
    SPAN.map(lambda s: {"op": "cut", "start": s[0], "end": s[1]}),
    st.tuples(tenths(0, 90), tenths(0.1, 90)).map(lambda s: {"op": "fade", "in": s[0], "out": s[1]}),
    tenths(-60, 60).map(lambda n: {"op": "gain", "db": n}),
    st.tuples(tenths(-70, -5), tenths(-9, 0)).map(lambda n: {"op": "normalize", "lufs": n[0], "true_peak": n[1]}),
    tenths(1, 40).map(lambda n: {"op": "denoise", "reduction_db": n}),
    st.integers(250, 4000).map(lambda n: {"op": "speed", "factor": n / 1000}),
    tenths(-24, 24).map(lambda n: {"op": "pitch", "semitones": n}),
    st.just({"op": "reverse"}),
    st.sampled_from(["mono", "stereo", "left", "right", "swap"]).map(lambda to: {"op": "channels", "to": to}),
    st.just({"op": "concat", "media_ids": [ID, ID]}),
    st.fixed_dictionaries(
        {"op": st.just("convert"), "format": st.sampled_from(["mp3", "opus", "aac", "flac", "wav"])},
        optional={
            "bit_rate": st.sampled_from([64_000, 128_000, 320_000]),
            "sample_rate": st.sampled_from([8_000, 11_025, 44_100]),
            "channels": st.sampled_from([1, 2]),
        },
    ),
    st.sampled_from([{"op": "convert", "sample_rate": 16_000}, {"op": "convert", "channels": 1}]),
)


@given(st.lists(OPERATIONS.map(op), min_size=1, max_size=5))
def test_what_is_said_is_understood_again(operations: list[AnyOperation]) -> None:
    for joiner in (", then ", " and ", "; "):
        assert understand(joiner.join(map(said, operations)), LENGTH) == operations


@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        understand(text, LENGTH)
    except Invalid as refused:
        assert refused.code in ("command_not_understood", "operation_out_of_range")  # noqa: PT017 - not every text is refused
