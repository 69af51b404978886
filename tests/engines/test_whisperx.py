"""WhisperX, for real, with a tiny Whisper: `.venvs/engines/bin/python -m pytest tests/engines/test_whisperx.py`, HF_HUB_OFFLINE=1."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from antiphon.engines.ports import SAMPLE_RATE, TranscriptionOptions
from antiphon.engines.whisperx import WhisperX
from antiphon.platform.errors import EngineError
from tests.engines.conftest import PHRASE
from tests.engines.speech_samples import SENTENCES, spoken
from tests.engines.transcriber_promises import TranscriberPromises, minute, run, whole

__all__ = ["minute", "whole"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an engine opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def make(whisper_dir: Path, align_dir: Path | None) -> WhisperX:
    aligners = {"en": align_dir} if align_dir else {}
    return WhisperX(model_dir=whisper_dir, align_dirs=aligners, compute_type="int8", threads=2, piece=8.0, window=20.0)


@pytest.fixture(scope="session")
def transcriber(whisper_dir: Path, align_dir: Path) -> WhisperX:
    engine = make(whisper_dir, align_dir)
    engine.warm_up()
    return engine


class TestWhisperX(TranscriberPromises):
    pass


def test_every_piece_of_speech_is_what_the_model_says(transcriber: WhisperX) -> None:
    chunks = run(transcriber, spoken(SENTENCES[:4]))
    texts = {segment.text for chunk in chunks for segment in chunk.segments}

    assert texts == {PHRASE.strip()}
    assert {chunk.language for chunk in chunks} == {"en"}


def test_words_have_times_of_their_own(transcriber: WhisperX) -> None:
    for chunk in run(transcriber, spoken(SENTENCES[:3]), offset=500.0):
        for segment in chunk.segments:
            assert [word.word for word in segment.words] == PHRASE.split()
            assert segment.words[0].start >= 500.0
            assert segment.words[-1].end > segment.words[0].start


def test_a_language_that_was_not_given_is_detected_and_kept(transcriber: WhisperX) -> None:
    chunks = list(transcriber.transcribe([spoken(SENTENCES[:2])], TranscriptionOptions()))

    assert [chunk.language for chunk in chunks] == ["en"] * len(chunks)


def test_without_an_alignment_model_there_are_no_words_and_that_is_said(whisper_dir: Path) -> None:
    engine = make(whisper_dir, None)
    (chunk,) = engine.transcribe([spoken(SENTENCES[:1])], TranscriptionOptions(language="en"))

    assert chunk.segments
    assert chunk.segments[0].words == ()
    assert any("words have no times" in sentence for sentence in engine.unmet(TranscriptionOptions(language="en")))


def test_speech_that_goes_on_at_the_end_of_a_window_is_left_whole_for_the_next(transcriber: WhisperX) -> None:
    audio = spoken(SENTENCES, pause=0.6)
    chunks = run(transcriber, audio)

    assert len(chunks) > 1
    for chunk in chunks[:-1]:
        cut = audio[round((chunk.end - 0.02) * SAMPLE_RATE) : round((chunk.end + 0.02) * SAMPLE_RATE)]
        assert np.abs(cut).max() < 0.05


def test_an_unknown_language_is_refused_before_any_work(transcriber: WhisperX) -> None:
    with pytest.raises(EngineError) as raised:
        transcriber.transcribe(iter(()), TranscriptionOptions(language="tlh"))
    assert raised.value.code == "unsupported_language"


def test_a_model_that_is_not_there_is_named_and_never_fetched(tmp_path: Path, whisper_dir: Path) -> None:
    with pytest.raises(EngineError, match=str(tmp_path / "large-v3")):
        WhisperX(model_dir=tmp_path / "large-v3").warm_up()
    with pytest.raises(EngineError, match=str(tmp_path / "align")):
        WhisperX(model_dir=whisper_dir, compute_type="int8", align_dirs={"en": tmp_path / "align"}).warm_up()


def test_it_does_not_start_where_it_could_download(whisper_dir: Path) -> None:
    program = f"from antiphon.engines.whisperx import WhisperX; WhisperX(model_dir={str(whisper_dir)!r}).warm_up()"
    environment = {"PYTHONPATH": "layers/core", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    assert "HF_HUB_OFFLINE=1" in done.stderr
