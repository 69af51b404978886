"""What is to be said, out of what was sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines import sentences
from antiphon.engines.ports import Sound
from antiphon.platform.errors import EngineError
from antiphon.speech.script import ALL_PAUSES, LONGEST_PAUSE, Line, Pause, Reading, Say, lines
from antiphon.speech.text import MAX_BYTES, read

VOICES = ("anna", "ben", "af_heart(2)+af_sky(1)")


def heard(body: str | bytes, content_type: str | None = None, filename: str | None = None, **more: Any) -> Reading:
    raw = body.encode() if isinstance(body, str) else body
    return read(raw, content_type=content_type, filename=filename, knows=lambda voice: voice in VOICES, **more)


def said(body: str | bytes, content_type: str | None = None, filename: str | None = None, **more: Any) -> str:
    return heard(body, content_type, filename, **more).text.strip()


def spoken(body: str, content_type: str | None = None, speed: float = 1.0) -> tuple[Line, ...]:
    return lines(heard(body, content_type), sentences.split, voice="me", speed=speed)


def ssml(inside: str) -> Reading:
    return heard(f"<speak>{inside}</speak>")


def refused(body: str | bytes, content_type: str | None = None, filename: str | None = None) -> str:
    with pytest.raises(EngineError) as caught:
        said(body, content_type, filename)
    assert not caught.value.retryable
    return caught.value.code


def test_plain_text_stays_as_it_is() -> None:
    text = "Grüße aus *Köln*: 5 < 6 & so weiter.\n\n# Ende [1] (a) [b](c) [pause] [voice]"
    assert heard(text, "text/plain; charset=utf-8", "a.txt").pieces == [Say(text)]


def test_a_byte_order_mark_is_not_said() -> None:
    assert said(b"\xef\xbb\xbfHello.") == "Hello."


@pytest.mark.parametrize(("content_type", "filename"), [("text/markdown", None), (None, "a.MD"), (None, "a.markdown")])
def test_markdown_is_known_by_type_or_name(content_type: str | None, filename: str | None) -> None:
    assert said("# Title\n\nSome **bold** words.", content_type, filename) == "Title\n\nSome bold words."


def test_what_it_is_can_be_said_and_then_counts() -> None:
    assert said("# *T*", "text/plain", "a.txt", input_format="markdown") == "T"
    assert said("<b>T</b>", "text/plain", input_format="ssml") == "T"
    assert said("<speak>T</speak>", "application/ssml+xml", "a.ssml", input_format="text") == "<speak>T</speak>"
    assert said("<speak>T</speak>", input_format="auto") == "T"


def test_of_markdown_only_what_a_reader_sees_is_said() -> None:
    text = """
- first [link](https://example.com/a?b=c) and [another](/about/)
- second `code`

```python
print("not said")
```

| A | B |
|---|---|
| 1 | 2 |

![a picture](p.png) <b>tags</b>

<div>In a <i>block</i><!-- unsaid --></div>
"""
    found = heard(text, "text/markdown")
    assert " ".join(found.text.split()) == ("first link and another second code A B 1 2 a picture tags In a block")
    assert list(found.warnings) == ["1 code block is not said."]


@pytest.mark.parametrize(
    ("content_type", "filename"), [("application/ssml+xml", None), (None, "a.ssml"), (None, None), ("text/plain", None)]
)
def test_ssml_is_known_by_type_name_or_first_tag(content_type: str | None, filename: str | None) -> None:
    body = '<?xml version="1.0"?>\n<!-- by hand --><speak version="1.1">Hello <emphasis>dear</emphasis> reader.</speak>'
    assert said(body, content_type, filename) == "Hello dear reader."


BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><speak>&b;</speak>'
FILE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hostname">]><speak>&a;</speak>'
DEEP = "<speak>" + "<s>" * 100_000 + "a" + "</s>" * 100_000 + "</speak>"


@pytest.mark.parametrize("body", [BOMB, FILE, DEEP, "<speak>never closed", "<speak>&unknown;</speak>", "a < b"])
def test_ssml_that_would_grow_read_or_end_early_is_refused(body: str) -> None:
    assert refused(body, "application/ssml+xml") == "text_unreadable"


def test_what_is_no_utf_8_is_refused() -> None:
    assert refused("Grüße".encode("latin-1")) == "text_unreadable"


@pytest.mark.parametrize("body", ["", " \n\t", "<speak> <break/> </speak>", "[pause:1s] [voice:anna]"])
def test_a_text_without_a_word_is_refused(body: str) -> None:
    assert refused(body) == "text_empty"


def test_markdown_without_a_word_is_refused() -> None:
    assert refused("```\ncode\n```", "text/markdown") == "text_empty"


def test_more_than_the_limit_is_refused() -> None:
    assert refused(b"a" * (MAX_BYTES + 1)) == "text_too_long"


@pytest.mark.parametrize("kind", ["text/plain", "text/markdown"])
def test_pauses_and_voices_stand_in_the_text(kind: str) -> None:
    found = spoken("One. [pause:1.5s] Two [PAUSE: 250 ms]three. [voice:anna]Four. Five.[pause:2s]", kind)
    assert found == (
        Line("One.", "me"),
        Line("Two", "me", before=1.5),
        Line("three.", "me", before=0.25),
        Line("Four.", "anna"),
        Line("Five.", "anna", after=2.0),
    )


@pytest.mark.parametrize("kind", ["text/plain", "text/markdown"])
def test_a_word_can_be_given_with_its_phonemes(kind: str) -> None:
    (line,) = spoken("Say [tomato](/təmˈɑːtoʊ/) and [New York](/nuː jˈɔːɹk/), please.", kind)
    assert line.text == "Say tomato and New York, please."
    assert [(line.text[s.start : s.end], s.phonemes) for s in line.sounds] == [
        ("tomato", "təmˈɑːtoʊ"),
        ("New York", "nuː jˈɔːɹk"),
    ]


def test_no_sentence_ends_within_phonemes() -> None:
    first, second = spoken("It was [Dr. No. Yes](/nˈoʊ/) again. [End](/ˈɛnd/).")
    assert (first.text, second.text) == ("It was Dr. No. Yes again.", "End.")
    assert (first.sounds, second.sounds) == ((Sound(7, 18, "nˈoʊ"),), (Sound(0, 3, "ˈɛnd"),))


def test_a_voice_in_the_text_that_is_not_there_is_an_error() -> None:
    assert refused("Hello [voice:nobody] there.") == "unknown_voice"


def test_what_only_looks_like_a_mark_is_said_and_pointed_out() -> None:
    found = heard("Wait [pause:long] and [voice: then.")
    assert found.text == "Wait [pause:long] and [voice: then."
    assert len(found.warnings) == 2


def test_pauses_have_an_end() -> None:
    (line,) = spoken(f"[pause:{LONGEST_PAUSE + 1:g}s][pause:5s]One.")
    assert line.before == LONGEST_PAUSE
    with pytest.raises(EngineError) as raised:
        spoken("[pause:60s]a" * (int(ALL_PAUSES) // 60 + 1))
    assert raised.value.code == "pauses_too_long"


def test_ssml_is_reduced_to_words_pauses_voices_and_speeds() -> None:
    found = lines(
        heard("""<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">
            <p><s>First sentence</s><s>Second sentence</s></p>
            <break time="300ms"/>Third.<break strength="x-strong"/>
            <prosody rate="slow">Slow <prosody rate="200%">and half as fast again.</prosody></prosody>
            <voice name="ben">I am <sub alias="World Wide Web Consortium">W3C</sub>.</voice> Me again.
        </speak>"""),
        sentences.split,
        voice="me",
        speed=2.0,
    )
    assert found == (
        Line("First sentence", "me", 2.0),
        Line("Second sentence", "me", 2.0),
        Line("Third.", "me", 2.0, before=0.3),
        Line("Slow", "me", 1.5, before=1.0),
        Line("and half as fast again.", "me", 3.0),
        Line("I am World Wide Web Consortium.", "ben", 2.0),
        Line("Me again.", "me", 2.0),
    )


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ('<say-as interpret-as="characters">AB1</say-as>', "A B 1"),
        ('<say-as interpret-as="telephone">+1 23</say-as>', "plus 1 2 3"),
        ('<say-as interpret-as="ordinal">22</say-as>', "22nd"),
        ('<say-as interpret-as="ordinal">112</say-as>', "112th"),
        ('<say-as interpret-as="date" format="ymd">2026-11-27</say-as>', "2026-11-27"),
        ('a<mark name="here"/> b', "a b"),
        ('<audio src="x.mp3"><desc>a bell</desc>Ding</audio> dong', "Ding dong"),
        ('<lang xml:lang="fr">Bonjour</lang>', "Bonjour"),
        ("<metadata>of no concern</metadata>Hello", "Hello"),
        ("<what><ever>keeps</ever> its</what> words", "keeps its words"),
    ],
)
def test_no_words_of_ssml_are_lost(inside: str, words: str) -> None:
    assert ssml(inside).text.strip() == words


def test_phonemes_of_ssml_are_those_of_ipa() -> None:
    found = ssml(
        'I say <phoneme alphabet="ipa" ph="təmˈɑːtoʊ">tomato</phoneme>, <phoneme alphabet="x-sampa" ph="x">pecan</phoneme>.'
    )
    (say,) = found.pieces
    assert isinstance(say, Say)
    assert say.text == "I say tomato, pecan."
    assert [say.text[s.start : s.end] for s in say.sounds] == ["tomato"]
    assert len(found.warnings) == 1


@pytest.mark.parametrize("count", [200, 201])
def test_a_word_with_more_phonemes_than_an_engine_takes_is_said_as_it_is_written(count: int) -> None:
    found = ssml(f'Say <phoneme ph="{"ə" * count}">tomato</phoneme>.')
    (say,) = found.pieces
    assert isinstance(say, Say)
    assert say.text == "Say tomato."
    assert [len(sound.phonemes) for sound in say.sounds] == ([200] if count == 200 else [])
    assert ["tomato" in warning for warning in found.warnings] == ([] if count == 200 else [True])


@pytest.mark.parametrize(
    ("inside", "about"),
    [
        ('<prosody pitch="high">a</prosody>', "pitch"),
        ('<prosody rate="quick">a</prosody>', "quick"),
        ('<voice name="nobody">a</voice>', "nobody"),
        ("<emphasis>a</emphasis>", "emphasis"),
        ('<say-as interpret-as="expletive">a</say-as>', "expletive"),
        ('<break time="soon"/>a', "soon"),
        ('<audio src="x">a</audio>', "audio"),
    ],
)
def test_what_ssml_asks_in_vain_is_said(inside: str, about: str) -> None:
    found = ssml(inside)
    assert found.text.strip() == "a"
    assert any(about in warning for warning in found.warnings)


def test_a_speed_beyond_what_engines_do_is_brought_within_and_said() -> None:
    reading = ssml('<prosody rate="x-slow">a</prosody>')
    assert lines(reading, sentences.split, voice="me", speed=0.25)[0].speed == 0.25
    assert any("0.125" in warning for warning in reading.warnings)


SCRIPTS = "aZ ñé שלום אבג 你好。こんにちは مرحبا नमस्ते 😀👩‍👩‍👧🇮🇱 한국어 ไทย 1 2.5 $€ — … “”«»\n\t"


@given(
    st.one_of(
        st.text(alphabet=st.sampled_from(SCRIPTS), max_size=1500),
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=1500),
        st.builds(
            lambda unit, n: unit * n,
            st.sampled_from(["a", "word ", "字", "ש", "😀", "e\u0301"]),
            st.integers(400, 10_000),
        ),
    )
)
def test_every_character_of_a_text_is_in_a_line_and_in_its_place(text: str) -> None:
    """T-07: unpunctuated texts, words of 10,000 letters, emoji, and any mixture of scripts."""
    reading = Reading(lambda voice: False)
    reading.say(text)
    reading.close()
    found = lines(reading, sentences.split, voice="me", speed=1.0)
    assert "".join("".join(line.text for line in found).split()) == "".join(text.split())
    assert all(len(line.text) <= sentences.LONGEST for line in found)


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="ab. ,\n你。", max_size=300),
            st.tuples(st.text(alphabet="ab. ", min_size=1, max_size=30).filter(str.strip), st.just("fˈoʊ")),
            st.sampled_from([Pause(0.5), Pause(2.0)]),
        ),
        max_size=12,
    )
)
def test_sounds_stay_on_their_words_and_pauses_are_kept(parts: list[Any]) -> None:
    reading = Reading(lambda voice: False)
    for part in parts:
        if isinstance(part, Pause):
            reading.pause(part.seconds)
        elif isinstance(part, tuple):
            reading.say(*part)
        else:
            reading.say(part)
    reading.close()
    found = lines(reading, sentences.split, voice="me", speed=1.0)
    wanted = ["".join(part[0].split()) for part in parts if isinstance(part, tuple)]
    kept = ["".join(line.text[s.start : s.end].split()) for line in found for s in line.sounds]
    assert kept == wanted
    if found:
        pauses = sum(part.seconds for part in parts if isinstance(part, Pause))
        assert sum(line.before + line.after for line in found) == pytest.approx(pauses)
