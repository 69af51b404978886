"""Samples of voices: each is made once, between two jobs."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from antiphon.engines.ports import Spoken
from antiphon.engines.voices import catalogue
from antiphon.media.encode import Encoder
from antiphon.platform.errors import EngineError
from antiphon.speech.memory import MemoryObjects
from antiphon.speech.samples import SAID, Samples, place_of, said_by
from antiphon.speech.sampling import PAUSE, MakeSamples

BUCKET = "results-bucket"
VOICES = catalogue("espeak")[:3]
LOG = logging.getLogger("sampling")


class Speaker:
    """Says each sentence as a tenth of a second; ``before`` is called with the voice."""

    name, sample_rate = "speaker 1", 16_000

    def __init__(self) -> None:
        self.before: Callable[[str], Any] = lambda voice: None
        self.spoken: list[str] = []

    def split(self, text: str, language: str | None) -> list[str]:
        return [f"{sentence}." for sentence in text.split(".") if sentence.strip()]

    def speak(self, sentence: str, *, voice: str, language: str | None = None, **_: Any) -> Spoken:
        self.before(voice)
        self.spoken.append(voice)
        return Spoken(sentence, np.full(1_600, 1_000, np.int16))


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects, self.speaker, self.now = MemoryObjects(), Speaker(), 0.0
        self.samples = Samples(objects=self.objects, bucket=BUCKET, voices=VOICES)

    def maker(self, samples: Samples | None = None) -> MakeSamples:
        return MakeSamples(
            samples=samples or Samples(objects=self.objects, bucket=BUCKET, voices=VOICES),
            voices=VOICES,
            engine=self.speaker,  # type: ignore[arg-type]
            encoders=Encoder,
            work_dir=self.folder,
            logger=LOG,
            now=lambda: self.now,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_one_sample_at_a_time_until_all_are_there(place: Place) -> None:
    make = place.maker()
    for number in range(1, len(VOICES) + 1):
        make()
        assert place.samples.made() == {voice.id for voice in VOICES[:number]}
    place.speaker.spoken.clear()
    make()
    place.maker()()
    assert place.speaker.spoken == [], "another worker makes none again"
    assert list(place.folder.iterdir()) == []


def test_a_sample_is_an_mp3_of_what_it_says(place: Place) -> None:
    place.maker()()
    found = place.objects.objects[BUCKET, place_of(VOICES[0])]
    assert found.content_type == "audio/mpeg"
    with av.open(io.BytesIO(found.body)) as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert seconds == pytest.approx(0.1 * said_by(VOICES[0]).count("."), abs=0.1)
    assert VOICES[0].id in place.samples.address(VOICES[0])


def test_of_two_workers_the_first_sample_stays(place: Place) -> None:
    one, other = place.maker(), place.maker()
    other._missing = list(VOICES)  # it looked before the first was there
    one()
    first = place.objects.objects[BUCKET, place_of(VOICES[0])]
    other()
    assert place.objects.objects[BUCKET, place_of(VOICES[0])] is first


def test_a_voice_that_cannot_be_spoken_is_left_out_and_the_others_are_made(place: Place) -> None:
    def refuse(voice: str) -> None:
        if voice == VOICES[0].id:
            raise EngineError("No.", code="unsupported_language")

    place.speaker.before = refuse
    make = place.maker()
    for _ in range(4):
        make()
    assert place.samples.made() == {voice.id for voice in VOICES[1:]}


@pytest.mark.parametrize("trouble", [ConnectionError("down"), EngineError("busy", retryable=True)])
def test_what_may_pass_is_tried_again_after_a_while(place: Place, trouble: Exception) -> None:
    def fail(voice: str) -> None:
        raise trouble

    place.speaker.before = fail
    make = place.maker()
    make()
    place.speaker.before = lambda voice: None
    make()
    assert place.samples.made() == frozenset()
    place.now += PAUSE
    make()
    assert place.samples.made() == {VOICES[0].id}


def test_the_bucket_is_not_asked_again_once_all_are_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    make = place.maker()
    for _ in VOICES:
        make()
    assert len(place.samples.made()) == len(VOICES)
    monkeypatch.setattr(place.objects, "keys", None)
    assert len(place.samples.made()) == len(VOICES)


@pytest.mark.parametrize("engine", ["espeak", "kokoro"])
def test_every_voice_has_something_to_say_in_its_language(engine: str) -> None:
    assert {said_by(voice) for voice in catalogue(engine)} <= set(SAID.values())
    assert len({place_of(voice) for voice in catalogue(engine)}) == len(catalogue(engine))
