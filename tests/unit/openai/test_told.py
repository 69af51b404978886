from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionStreamEvent,
    TranscriptionVerbose,
    TranslationVerbose,
)
from pydantic import TypeAdapter

from antiphon.engines.ports import Segment, Word
from antiphon.platform.errors import Invalid
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.openai.asked import Wanted, wanted_transcription, wanted_translation
from antiphon.speech.openai.events import transcript_events
from antiphon.speech.openai.shapes import NewAudioTranscription, NewAudioTranslation
from antiphon.speech.openai.told import Speakers, body_of, text_of
from antiphon.speech.ports import Numbered
from antiphon.speech.transcript import transcript_of

SEGMENTS = (
    Segment(0.0, 1.25, "Who calls?", (Word("Who", 0.0, 0.5), Word("calls?", 0.5, 1.25)), 0.8, "SPEAKER_01"),
    Segment(1.5, 2.0, "I do.", (), None, "SPEAKER_00"),
    Segment(2.0, 2.5, "", (), None, None),
    Segment(2.5, 3.2, "And Anna.", (), 1.0, "Anna"),
)
NUMBERED = tuple(Numbered(index, segment) for index, segment in enumerate(SEGMENTS))
JOB = Job(
    "job_1",
    Kind.TRANSCRIPTION,
    "usr_1",
    Status.SUCCEEDED,
    datetime(2026, 11, 27, tzinfo=UTC),
    language="de",
    duration=3.2,
)
WHOLE = transcript_of(JOB, NUMBERED)


def wanted(format: str = "json", model: str = "whisper-1", **options: Any) -> Wanted:
    return wanted_transcription(NewAudioTranscription(model=model, response_format=format, **options), "whisperx")  # type: ignore[arg-type]


def test_verbose_json_has_every_field_of_openais() -> None:
    body = body_of(wanted("verbose_json", timestamp_granularities=["word", "segment"]), JOB, WHOLE)
    told = TypeAdapter(TranscriptionVerbose).validate_python(body, strict=True)
    assert told.model_extra == {"task": "transcribe"}
    assert (told.language, told.duration, told.usage and told.usage.seconds) == ("german", 3.2, 4)
    assert told.segments is not None
    assert [s.id for s in told.segments] == [0, 1, 2, 3]
    assert told.segments[0].avg_logprob == pytest.approx(math.log(0.8), abs=1e-6)
    assert [w.word for w in told.words or ()] == ["Who", "calls?"]


@pytest.mark.parametrize(
    ("granularities", "segments", "words"), [(None, True, False), (["word"], False, True), (["segment"], True, False)]
)
def test_only_what_was_asked_for_has_times(granularities: Any, segments: bool, words: bool) -> None:
    body = body_of(wanted("verbose_json", timestamp_granularities=granularities), JOB, WHOLE)
    assert ("segments" in body, "words" in body) == (segments, words)


def test_speakers_are_letters_in_the_order_of_their_voices() -> None:
    body = body_of(wanted("diarized_json"), JOB, WHOLE)
    told = TypeAdapter(TranscriptionDiarized).validate_python(body, strict=True)
    assert [s.speaker for s in told.segments] == ["A", "B", "B", "Anna"]
    assert not told.model_extra
    speakers = Speakers()
    names = [speakers(f"SPEAKER_{number:02d}") for number in range(28)]
    assert (names[0], names[25], names[26], names[27]) == ("A", "Z", "AA", "AB")


def test_plain_json_and_the_languages_of_the_model_that_tells_them() -> None:
    told = TypeAdapter(Transcription).validate_python(body_of(wanted(), JOB, WHOLE), strict=True)
    assert (told.text, told.model_extra) == ("Who calls? I do. And Anna.", {})
    assert body_of(wanted(model="gpt-transcribe"), JOB, WHOLE)["languages"] == [{"code": "de"}]


def test_a_translation_is_english() -> None:
    asked = wanted_translation(NewAudioTranslation(model="whisper-1", response_format="verbose_json"), "whisperx")
    told = TypeAdapter(TranslationVerbose).validate_python(body_of(asked, JOB, WHOLE), strict=True)
    assert (told.language, told.model_extra) == ("english", {"task": "translate"})


@pytest.mark.parametrize(
    ("format", "start", "kind"),
    [
        ("text", "Who calls? I do. And Anna.\n", "text/plain; charset=utf-8"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,250\n", "text/plain; charset=utf-8"),
        ("vtt", "WEBVTT\n\n", "text/vtt; charset=utf-8"),
    ],
)
def test_text_and_captions(format: str, start: str, kind: str) -> None:
    text, told = text_of(wanted(format), WHOLE)
    assert (text.startswith(start), told) == (True, kind)


async def _found(*, ended: Job = JOB) -> AsyncIterator[Numbered | Job]:
    for numbered in NUMBERED:
        yield numbered
    yield ended


def streamed(asked: Wanted, found: AsyncIterator[Numbered | Job], check: Any = lambda job: job) -> list[dict[str, Any]]:
    async def all_of_it() -> list[dict[str, Any]]:
        return [event async for event in transcript_events(asked, found, check, lambda job: WHOLE)]

    events = asyncio.run(all_of_it())
    for event in events:
        told: Any = TypeAdapter(TranscriptionStreamEvent).validate_python(event, strict=True)
        assert not told.model_extra
    return events


def test_all_deltas_together_are_the_text() -> None:
    events = streamed(wanted(model="gpt-4o-transcribe", stream=True), _found())
    assert "".join(e["delta"] for e in events[:-1]) == events[-1]["text"] == WHOLE.text


def test_speakers_come_with_the_segments_that_they_speak() -> None:
    events = streamed(wanted("diarized_json", model="gpt-4o-transcribe-diarize", stream=True), _found())
    assert [e["type"].rpartition(".")[2] for e in events] == ["delta", "segment"] * 2 + [
        "segment",
        "delta",
        "segment",
        "done",
    ]
    assert events[0]["segment_id"] == events[1]["id"]


def test_a_job_that_failed_ends_the_events_with_its_error() -> None:
    def failed(job: Job) -> Job:
        raise Invalid("It is no recording.", code="unsupported_media")

    with pytest.raises(Invalid):
        streamed(wanted(model="gpt-4o-transcribe", stream=True), _found(), failed)
