"""One claimed text, sentence by sentence."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from antiphon.media.formats import FORMATS
from antiphon.platform.errors import EngineError, LeaseLost, NotFound
from antiphon.speech import model
from antiphon.speech.model import Checkpoint, Status
from antiphon.speech.ports import Stale
from antiphon.work.lease import Drained
from tests.unit.speech_work.conftest import RESULTS, UPLOADS, Desk
from tests.unit.work.conftest import USER

TEXT = "One sentence. And another. The last."
SENTENCES = ["One sentence.", "And another.", "The last."]
SECONDS = len("".join(SENTENCES)) / 100


class Killed(BaseException):
    """As by SIGKILL: no handler of ours sees it."""


def at(desk: Desk, sentence: str, do: Callable[[], Any]) -> None:
    desk.speaker.before = lambda spoken: do() and None if spoken == sentence else None


def test_a_text_becomes_audio_with_all_that_is_known_of_it(desk: Desk) -> None:
    """A-50: of the audio, and of the sentences, under keys of the user."""
    job = desk.run(desk.text(TEXT, voice="absent"))
    audio = desk.audio(job)
    assert (job.status, job.progress, job.engine) == (Status.SUCCEEDED, 100, "speaker 1")
    assert job.duration == pytest.approx(SECONDS)
    assert job.warnings == ("There is no such voice; another speaks.",)
    assert job.result == {
        "sentences": 3,
        "script": job.result["script"],
        "key": f"speech/{USER}/{job.id}/1/audio.wav",
        "format": "wav",
        "content_type": "audio/wav",
        "extension": "wav",
        "bytes": len(audio),
        "characters": len(TEXT),
    }
    assert [m.key for m in desk.store.marks(job.id)] == [f"parts/{USER}/{job.id}/{n:06d}.wav" for n in range(3)]
    assert {"queued_ms", "synthesize_ms", "encode_ms"} == set(job.timings)
    with wave.open(io.BytesIO(audio)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert samples.tolist() == [50 * ord(c) for s in SENTENCES for c in s for _ in range(160)]


def test_marks_tell_when_each_sentence_is_said(desk: Desk) -> None:
    job = desk.run(desk.text(TEXT))
    marks = list(desk.store.marks(job.id))
    assert [(m.index, m.text) for m in marks] == list(enumerate(SENTENCES))
    assert [(m.start, m.end) for m in marks] == [(0.0, 0.13), (0.13, 0.25), (0.25, 0.34)]
    assert [(w.start, w.end) for m in marks for w in m.words] == [(m.start, m.end) for m in marks]


def test_each_sentence_is_stored_before_the_next_is_spoken(desk: Desk) -> None:
    job = desk.text(TEXT)
    seen: list[tuple[Checkpoint, int]] = []
    desk.speaker.before = lambda _: seen.append((desk.now(job).checkpoint, len(desk.keys(RESULTS))))
    desk.run(job)
    assert seen == [(Checkpoint(), 0), (Checkpoint(0.13, 1), 1), (Checkpoint(0.25, 2), 2)]


def test_the_parts_stay_with_the_speech_for_who_still_listens(desk: Desk) -> None:
    job = desk.run(desk.text(TEXT))
    assert desk.keys(RESULTS) == [*(m.key for m in desk.store.marks(job.id)), job.result["key"]]


def test_a_part_that_is_gone_at_the_end_costs_another_attempt(desk: Desk, clock: Any) -> None:
    job = desk.text(TEXT)
    at(desk, SENTENCES[2], lambda: desk.objects.delete_prefix(RESULTS, "parts/"))
    with pytest.raises(EngineError) as raised:
        desk.run(job)
    assert raised.value.retryable
    desk.speaker.before = lambda _: None
    clock.move(seconds=61)
    assert desk.run(job, "the next").duration == pytest.approx(SECONDS)


def test_a_job_resumed_by_another_engine_begins_anew(desk: Desk, clock: Any) -> None:
    job = desk.text(TEXT)
    at(desk, SENTENCES[1], desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    desk.stopping.clear()
    desk.speaker.before = lambda _: None
    desk.speaker.name = "speaker 2"
    desk.speaker.spoken.clear()
    clock.move(seconds=61)
    assert desk.run(job, "the next").duration == pytest.approx(SECONDS)
    assert desk.speaker.spoken == SENTENCES


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_is_written_and_named(desk: Desk, format: str) -> None:
    job = desk.run(desk.text(TEXT, format=format))
    kind = FORMATS[format]
    assert desk.objects.objects[RESULTS, job.result["key"]].content_type == kind.content_type
    assert job.result["key"].endswith(f"audio.{kind.extension}")
    assert job.result["bytes"] == len(desk.audio(job)) > 0


@pytest.mark.parametrize("format", ["wav", "pcm", "flac", "mp3", "aac"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_worker_that_dies_in_any_sentence_costs_that_sentence_alone(
    desk: Desk, clock: Any, sentence: str, format: str
) -> None:
    """Q-22: and the audio is that of an unbroken run."""
    unbroken = desk.audio(desk.run(desk.text(TEXT, format=format)))
    desk.speaker.spoken.clear()
    job = desk.text(TEXT, format=format, alone=True)

    def die() -> None:
        raise Killed

    at(desk, sentence, die)
    with pytest.raises(Killed):
        desk.run(job)
    desk.speaker.before = lambda _: None
    clock.move(seconds=61)
    done = desk.run(job, "the next")
    assert (done.status, done.attempts) == (Status.SUCCEEDED, 2)
    assert desk.speaker.spoken == SENTENCES
    assert desk.audio(done) == unbroken
    assert [m.index for m in desk.store.marks(job.id)] == [0, 1, 2]


def test_a_job_retried_after_its_parts_are_gone_begins_anew(desk: Desk, clock: Any) -> None:
    """The bucket keeps parts for two days."""
    job = desk.text(TEXT)
    at(desk, SENTENCES[2], desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    desk.stopping.clear()
    desk.speaker.before = lambda _: None
    desk.store.apply(model.hand_back(desk.now(job), owner="me", now=clock()))
    desk.objects.delete_prefix(RESULTS, "parts/")
    clock.move(days=3)
    desk.speaker.spoken.clear()
    done = desk.run(job, "the next")
    assert desk.speaker.spoken == SENTENCES
    assert done.duration == pytest.approx(SECONDS)
    assert [m.start for m in desk.store.marks(job.id)] == [0.0, 0.13, 0.25]


def test_a_worker_that_drains_stops_after_the_sentence_under_way(desk: Desk) -> None:
    """Q-30"""
    job = desk.text(TEXT)
    at(desk, SENTENCES[1], desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    assert desk.speaker.spoken == SENTENCES[:2]
    assert desk.now(job).checkpoint.count == 2


@pytest.mark.parametrize("how", ["canceled", "taken over"])
def test_a_job_that_is_taken_away_stops_within_one_sentence_and_is_not_written(
    desk: Desk, clock: Any, how: str
) -> None:
    """Q-13"""
    job = desk.text(TEXT)

    def take_away() -> None:
        if how == "canceled":
            desk.store.apply(model.cancel(desk.now(job), clock()))
        else:
            clock.move(seconds=61)
            desk.claim(job, "another")

    at(desk, SENTENCES[1], take_away)
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert desk.speaker.spoken == SENTENCES[:2]
    assert len(list(desk.store.marks(job.id))) == 1
    assert not any(key.startswith("speech/") for key in desk.keys(RESULTS))


def test_a_job_that_is_canceled_while_its_audio_is_put_together_has_no_result(
    desk: Desk, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-13"""
    job = desk.text(TEXT)
    upload = desk.objects.upload

    def cancel_first(*where: Any, **how: Any) -> None:
        desk.store.apply(model.cancel(desk.now(job), clock()))
        upload(*where, **how)

    monkeypatch.setattr(desk.objects, "upload", cancel_first)
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert desk.now(job).status is Status.CANCELED
    assert "key" not in desk.now(job).result
    assert desk.keys(RESULTS) == [f"parts/{USER}/{job.id}/{n:06d}.wav" for n in range(3)], "for a retry"


@pytest.mark.parametrize("written", ["a part", "the audio"])
def test_of_a_job_that_is_gone_nothing_stays_that_was_on_its_way(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """U-40: whoever removed the job looked before this object was there."""
    job = desk.text(TEXT)
    name = "put" if written == "a part" else "upload"
    write = getattr(desk.objects, name)

    def remove_first(bucket: str, key: str, *rest: Any, **how: Any) -> None:
        if written == "the audio" or key.endswith("000001.wav"):
            desk.store.delete(desk.now(job))
            desk.objects.delete_prefix(RESULTS, "")
        write(bucket, key, *rest, **how)

    monkeypatch.setattr(desk.objects, name, remove_first)
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert desk.keys(RESULTS) == []


def test_the_audio_of_a_speech_that_succeeded_stays_whoever_changed_the_row_since(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the last write is lost, and the job renamed before it is read again: the attempt looks lost, and is not."""
    job = desk.text(TEXT)
    apply = desk.store.apply

    def lose_the_answer(change: model.Change, **rest: Any) -> None:
        apply(change, **rest)
        if change.after.status is Status.SUCCEEDED:
            monkeypatch.setattr(desk.store, "apply", apply)
            desk.edit(job, title="another")
            raise Stale

    monkeypatch.setattr(desk.store, "apply", lose_the_answer)
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert desk.now(job).status is Status.SUCCEEDED
    assert len(desk.audio(job)) == desk.now(job).result["bytes"]


@pytest.mark.parametrize("text", ["", "  \n", "...", "<speak></speak>"])
def test_a_text_without_words_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(EngineError) as caught:
        desk.run(desk.text(text))
    assert (caught.value.code, caught.value.retryable) == ("text_empty", False)


def test_a_text_above_the_limit_is_refused_before_a_word_is_said(desk: Desk) -> None:
    with pytest.raises(EngineError) as caught:
        desk.run(desk.text("word " * 201))
    assert caught.value.code == "text_too_long"
    assert desk.speaker.spoken == []


def test_an_unknown_voice_is_final(desk: Desk) -> None:
    with pytest.raises(EngineError) as caught:
        desk.run(desk.text(TEXT, voice="unknown"))
    assert (caught.value.code, caught.value.retryable) == ("unknown_voice", False)


def test_a_text_that_is_gone_is_said_to_be_gone(desk: Desk) -> None:
    job = desk.text(TEXT)
    desk.objects.delete_prefix(UPLOADS, "")
    with pytest.raises(NotFound):
        desk.run(job)


def test_markdown_and_ssml_are_said_without_their_marks(desk: Desk) -> None:
    desk.run(desk.text("# Hello\n\nSome *kind* of [link](https://example.com).", "text/markdown"))
    desk.run(desk.text("<speak>Hello <break/> there.</speak>", "application/ssml+xml"))
    assert " ".join(desk.speaker.spoken).replace("\n\n", " ") == "Hello Some kind of link. Hello there."


def test_marks_and_audio_agree_where_pauses_and_voices_come_between(desk: Desk) -> None:
    job = desk.run(desk.text("One. [pause:250ms][voice:absent]Two.[pause:1s]", voice="plain", speed=2))
    with wave.open(io.BytesIO(desk.audio(job))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    marks = list(desk.store.marks(job.id))
    assert [(m.text, m.start, m.end) for m in marks] == [("One.", 0.0, 0.04), ("Two.", 0.29, 0.33)]
    for mark in marks:
        said = samples[round(mark.start * 16_000) : round(mark.end * 16_000)]
        assert said.tolist() == [50 * ord(c) for c in mark.text for _ in range(160)]
    assert not samples[640:4640].any()
    assert (job.duration, len(samples)) == (1.33, 21_280)
    assert [(voice, speed) for _, voice, speed, _ in desk.speaker.asked] == [("plain", 2.0), ("absent", 2.0)]
    assert job.warnings == ("There is no such voice; another speaks.",)


def test_what_is_not_heard_is_said_once(desk: Desk) -> None:
    job = desk.run(desk.text("Go → there. And → here. Snow ☃."))
    assert job.warnings == ("→ is not heard.", "☃ is not heard.")


def test_the_kind_that_was_asked_for_is_the_kind_that_is_read(desk: Desk) -> None:
    desk.run(desk.text("<b>Hello</b>.", input_format="ssml"))
    assert desk.speaker.spoken == ["Hello."]
