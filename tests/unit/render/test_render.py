"""Each format, read back by a parser that is not ours (L-07)."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from antiphon.engines.ports import Word
from antiphon.platform.errors import Invalid
from antiphon.speech.render import FORMATS, IndexedSegment, RenderOptions, Transcript, render
from antiphon.speech.render.text import one_line


def transcript(*segments: IndexedSegment, language: str | None = "en") -> Transcript:
    text = " ".join(segment.text for segment in segments)
    return Transcript("job_1", text, language, 10.0, "whisperx 3.8.6", segments)


def segment(
    text: str,
    start: float = 0.0,
    end: float = 1.0,
    *,
    index: int = 0,
    speaker: str | None = None,
    words: tuple[Word, ...] = (),
) -> IndexedSegment:
    return IndexedSegment(index, start, end, text, speaker, 0.9, words)


def spoken(text: str, start: float = 0.0, step: float = 0.5) -> IndexedSegment:
    """A segment whose words follow each other with pauses of half their length."""
    words = tuple(Word(word, start + i * step, start + (i + 0.5) * step, 0.8) for i, word in enumerate(text.split()))
    return segment(text, start, words[-1].end, words=words)


def read_srt(body: str) -> list[srt.Subtitle]:
    return list(srt.parse(body, ignore_errors=False))


def read_vtt(body: str) -> list[webvtt.Caption]:
    return webvtt.from_string(body).captions


# Anything a recogniser or a user could put there, and all that could look like a mark of a format.
nasty = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                "-->",
                "--->",
                "-",
                "->",
                "\n\n",
                "\r",
                "1",
                "00:00:01,000 --> 00:00:02,000",
                "<b>",
                "&amp;",
                "NOTE",
                "WEBVTT",
                "\t",
                "\u2028",
                "\x00",
                "*",
                "`",
                "[",
                "| a |",
            ]
        ),
    ),
    max_size=8,
).map("".join)
times = st.floats(min_value=-1, max_value=400_000, allow_nan=False)
segments = st.lists(
    st.builds(segment, nasty, times, times, speaker=st.one_of(st.none(), nasty)),
    max_size=6,
)


@given(segments)
def test_no_text_can_make_an_srt_cue_and_times_run_forward(made: list[IndexedSegment]) -> None:
    said = [s for s in made if one_line(s.text)]
    cues = read_srt(render("srt", transcript(*made)).body)
    assert [cue.index for cue in cues] == list(range(1, len(said) + 1))
    # The arrow is the one thing that SRT cannot hold: it is shortened. The rest is as it was said.
    assert all(
        cue.content.endswith(re.sub("-{2,}>", "->", one_line(one.text))) for cue, one in zip(cues, said, strict=True)
    )
    starts = [cue.start for cue in cues]
    assert starts == sorted(starts)
    assert all(timedelta(0) <= cue.start < cue.end for cue in cues)


@given(segments)
def test_no_text_can_make_a_vtt_cue_and_every_text_survives(made: list[IndexedSegment]) -> None:
    said = [s for s in made if one_line(s.text)]
    body = render("vtt", transcript(*made)).body
    blocks = body.split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[-1] == ""
    assert len(blocks) == len(said) + 2
    for block, one in zip(blocks[1:], said, strict=False):
        times_, text = block.split("\n")
        assert times_.count("-->") == 1
        assert "-->" not in text
        assert "<" not in text
        plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert plain.endswith(one_line(one.text))


@given(segments)
def test_tsv_has_one_row_of_three_for_each_segment(made: list[IndexedSegment]) -> None:
    rows = list(csv.reader(io.StringIO(render("tsv", transcript(*made)).body), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows[0] == ["start", "end", "text"]
    assert [row[2] for row in rows[1:]] == [one_line(s.text) for s in made]
    assert all(0 <= int(start) <= int(end) for start, end, _ in rows[1:])


@given(segments)
def test_labels_for_audacity_have_one_line_for_each_segment(made: list[IndexedSegment]) -> None:
    lines = render("aud", transcript(*made)).body.split("\n")[:-1]
    assert len(lines) == len(made)
    for line, one in zip(lines, made, strict=True):
        start, end, label = line.split("\t")
        assert 0 <= float(start) <= float(end)
        assert label.endswith(one_line(one.text))


@given(segments)
def test_markdown_shows_the_words_and_nothing_that_they_could_mean(made: list[IndexedSegment]) -> None:
    said = [s for s in made if one_line(s.text)]
    tokens = MarkdownIt("commonmark").parse(render("md", transcript(*made)).body)
    assert {token.tag for token in tokens if token.tag} <= {"h1", "p"}
    inline = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "text_special", "code_inline", "strong_open", "strong_close"}
    shown = " ".join(
        "".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"
    )
    assert all(one_line(s.text) in shown for s in said)


@given(segments)
def test_json_gives_back_every_text_as_it_was(made: list[IndexedSegment]) -> None:
    read = json.loads(render("json", transcript(*made)).body)
    assert [s["text"] for s in read["segments"]] == [s.text for s in made]
    assert all(0 <= s["start"] <= s["end"] for s in read["segments"])


@given(st.lists(st.floats(0, 400_000), min_size=2, max_size=8, unique_by=lambda t: round(t * 1000)).map(sorted))
def test_times_survive_to_the_millisecond_in_every_format_that_has_them(edges: list[float]) -> None:
    made = [segment(f"s{i}", start, end, index=i) for i, (start, end) in enumerate(pairwise(edges))]
    whole = transcript(*made)
    tsv = csv.DictReader(io.StringIO(render("tsv", whole).body), delimiter="\t", quoting=csv.QUOTE_NONE)
    labels = [line.split("\t") for line in render("aud", whole).body.splitlines()]
    srt_cues, vtt_cues = read_srt(render("srt", whole).body), read_vtt(render("vtt", whole).body)
    read = {
        "json": [(s["start"], s["end"]) for s in json.loads(render("json", whole).body)["segments"]],
        "srt": [(cue.start.total_seconds(), cue.end.total_seconds()) for cue in srt_cues],
        "vtt": [
            (
                cue.start_in_seconds + cue.start_time.milliseconds / 1000,
                cue.end_in_seconds + cue.end_time.milliseconds / 1000,
            )
            for cue in vtt_cues
        ],
        "tsv": [(int(row["start"]) / 1000, int(row["end"]) / 1000) for row in tsv],
        "aud": [(float(start), float(end)) for start, end, _ in labels],
    }
    for format, times_ in read.items():
        assert len(times_) == len(made), format
        for (start, end), one in zip(times_, made, strict=True):
            assert abs(start - one.start) < 0.000_501, format
            assert abs(end - one.end) < 0.000_501, format


@given(
    st.text(alphabet="abc -", min_size=1, max_size=60),
    st.integers(1, 20),
    st.one_of(st.none(), st.integers(1, 3)),
    st.booleans(),
)
def test_lines_keep_to_width_and_count_and_lose_nothing(text: str, width: int, count: int | None, timed: bool) -> None:
    if not text.split():
        return
    one = spoken(text) if timed else segment(text)
    options = RenderOptions(max_line_width=width, max_line_count=count)
    cues = read_vtt(render("vtt", transcript(one), options).body)
    lines = [line for cue in cues for line in cue.text.split("\n")]
    assert " ".join(lines) == " ".join(text.split())
    assert all(len(line) <= width or " " not in line for line in lines)
    assert all(len(cue.text.split("\n")) <= (count or len(lines)) for cue in cues)


@given(
    st.lists(st.text(alphabet="abc", min_size=1, max_size=9), min_size=1, max_size=12),
    st.integers(10, 40),
    st.one_of(st.none(), st.integers(1, 3)),
    st.booleans(),
)
def test_a_speakers_name_counts_in_the_width(said: list[str], width: int, count: int | None, highlight: bool) -> None:
    one = replace(spoken(" ".join(said)), speaker="SPEAKER_00")
    cues = read_srt(render("srt", transcript(one), RenderOptions(width, count, highlight)).body)
    shown = [re.sub("</?u>", "", cue.content).split("\n") for cue in cues]
    assert all(len(lines) <= (count or len(lines)) for lines in shown)
    for line in (line for lines in shown for line in lines):
        # Where a cue is one line, the name and the first word share it, whatever its width.
        assert len(line) <= width or line in {"[SPEAKER_00]:", f"[SPEAKER_00]: {said[0]}" if count == 1 else ""}
    if not highlight:
        assert " ".join(line for lines in shown for line in lines) == f"[SPEAKER_00]: {' '.join(said)}"


@given(st.lists(st.tuples(times, times), min_size=1, max_size=6))
def test_highlighting_shows_each_moment_once_whatever_the_times(spans: list[tuple[float, float]]) -> None:
    words = tuple(Word(f"w{i}", start, end) for i, (start, end) in enumerate(spans))
    one = segment(" ".join(w.word for w in words), 0, 10, words=words)
    cues = read_srt(render("srt", transcript(one), RenderOptions(highlight_words=True)).body)
    assert all(before.end <= after.start for before, after in pairwise(cues))
    assert {cue.content.replace("<u>", "").replace("</u>", "") for cue in cues} == {one.text}


def test_milliseconds_are_rounded_on_the_total() -> None:
    body = render("srt", transcript(segment("Hi", 1.9996, 59.9999))).body
    assert "00:00:02,000 --> 00:01:00,000" in body


def test_vtt_leaves_out_hours_below_one_as_whisper_does() -> None:
    body = render("vtt", transcript(segment("a", 1, 2), segment("b", 3599.9999, 3601, index=1))).body
    assert body == "WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n01:00:00.000 --> 01:00:01.000\nb\n\n"


def test_a_cue_that_is_split_has_the_times_of_its_own_words() -> None:
    cues = read_srt(render("srt", transcript(spoken("one two three four")), RenderOptions(8, 1)).body)
    assert [cue.content for cue in cues] == ["one two", "three", "four"]
    assert [cue.start.total_seconds() for cue in cues] == [0, 1.0, 1.5]
    assert [cue.end.total_seconds() for cue in cues] == [0.75, 1.25, 1.75]


def test_a_corrected_text_is_shown_although_the_words_say_otherwise() -> None:
    heard = spoken("wreck a nice beach")
    corrected = segment("recognise speech", heard.start, heard.end, words=heard.words)
    options = RenderOptions(12, 1, highlight_words=True)
    assert [c.content for c in read_srt(render("srt", transcript(corrected), options).body)] == ["recognise", "speech"]


def test_words_added_to_the_end_by_a_correction_are_shown() -> None:
    heard = spoken("nice beach")
    corrected = segment("nice beach today", heard.start, heard.end, words=heard.words)
    assert [c.content for c in read_srt(render("srt", transcript(corrected)).body)] == ["nice beach today"]


def test_each_word_is_underlined_while_it_is_spoken() -> None:
    cues = read_srt(render("srt", transcript(spoken("one two")), RenderOptions(highlight_words=True)).body)
    assert [c.content for c in cues] == ["<u>one</u> two", "one two", "one <u>two</u>"]


def test_languages_without_spaces_are_broken_between_characters() -> None:
    one = segment("今日は良い天気です", 0, 9)
    cues = read_vtt(render("vtt", transcript(one, language="ja"), RenderOptions(5, 1)).body)
    assert [c.text for c in cues] == ["今日は良い", "天気です"]


def test_words_of_a_language_without_spaces_are_joined_without_spaces() -> None:
    one = segment("今日は良い", 0, 2, words=(Word("今日", 0, 0.5), Word("は", 0.5, 1), Word("良い", 1, 2)))
    cues = read_vtt(render("vtt", transcript(one, language="ja"), RenderOptions(3, 1)).body)
    assert [c.text for c in cues] == ["今日は", "良い"]


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("txt", "[Anna]: Hello."),
        ("srt", "[Anna]: Hello."),
        ("vtt", "[Anna]: Hello."),
        ("aud", "[[Anna]]Hello."),
        ("md", "**Anna:** Hello."),
    ],
)
def test_the_speaker_is_named(format: str, line: str) -> None:
    assert line in render(format, transcript(segment("Hello.", speaker="Anna"))).body


def test_json_has_the_documented_shape() -> None:
    one = segment("Hi", 0.1234567, 1, speaker="SPEAKER_00", words=(Word("Hi", 0.1234567, 1.0, 0.5, "SPEAKER_00"),))
    assert json.loads(render("json", transcript(one)).body) == {
        "id": "job_1",
        "text": "Hi",
        "language": "en",
        "duration": 10.0,
        "engine": "whisperx 3.8.6",
        "segments": [
            {
                "index": 0,
                "start": 0.123,
                "end": 1,
                "text": "Hi",
                "machine_text": None,
                "speaker": "SPEAKER_00",
                "speaker_label": None,
                "confidence": 0.9,
                "words": [
                    {
                        "word": "Hi",
                        "start": 0.123,
                        "end": 1.0,
                        "score": 0.5,
                        "speaker": "SPEAKER_00",
                        "interpolated": False,
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_an_empty_transcript_is_valid_in_every_format(format: str) -> None:
    rendered = render(format, transcript())
    assert rendered.extension == format
    if format == "srt":
        assert read_srt(rendered.body) == []
    if format == "vtt":
        assert read_vtt(rendered.body) == []


@pytest.mark.parametrize(
    ("format", "content_type"),
    [
        ("json", "application/json"),
        ("txt", "text/plain; charset=utf-8"),
        ("srt", "application/x-subrip; charset=utf-8"),
        ("vtt", "text/vtt; charset=utf-8"),
        ("tsv", "text/tab-separated-values; charset=utf-8"),
        ("aud", "text/plain; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
    ],
)
def test_each_format_says_what_it_is(format: str, content_type: str) -> None:
    assert render(format, transcript()).content_type == content_type


def test_a_name_too_wide_for_the_first_word_stands_on_a_line_of_its_own() -> None:
    one = segment("wonderful transcription everywhere", speaker="SPEAKER_00")
    cues = read_vtt(render("vtt", transcript(one), RenderOptions(20, 2)).body)
    assert [cue.text for cue in cues] == ["[SPEAKER_00]:\nwonderful", "transcription\neverywhere"]


def test_audacity_reads_seconds_with_six_decimals() -> None:
    body = render("aud", transcript(segment("one\ttwo", 1.2345, 1.9996))).body
    assert body == "1.234000\t2.000000\tone two\n"


def test_json_times_are_never_negative_and_no_end_is_before_its_start() -> None:
    one = segment("Hi", -0.0004, -1, words=(Word("Hi", 2, 1),))
    body = render("json", transcript(one)).body
    read = json.loads(body)["segments"][0]
    assert "-0.0" not in body
    assert (read["start"], read["end"]) == (0, 0)
    assert (read["words"][0]["start"], read["words"][0]["end"]) == (2, 2)


def test_a_backslash_in_markdown_is_a_backslash() -> None:
    assert MarkdownIt("commonmark").render(render("md", transcript(segment("a\\!"))).body).endswith("a\\!</p>\n")


def test_an_unknown_format_is_refused_with_the_list() -> None:
    with pytest.raises(Invalid, match="json, txt, srt, vtt, tsv, aud, md"):
        render("docx", transcript())


@pytest.mark.parametrize("options", [RenderOptions(max_line_width=0), RenderOptions(max_line_count=0)])
def test_widths_and_counts_begin_at_one(options: RenderOptions) -> None:
    with pytest.raises(Invalid):
        render("srt", transcript(), options)


def test_who_speaks_can_be_left_out() -> None:
    said = transcript(segment("Hello.", speaker="Anna"))
    for format in ("txt", "srt", "vtt", "aud", "md"):
        assert "Anna" in render(format, said).body
        assert "Anna" not in render(format, said, RenderOptions(speaker_labels=False)).body
    whole = json.loads(render("json", said, RenderOptions(speaker_labels=False)).body)
    assert whole["segments"][0]["speaker"] == "Anna"
