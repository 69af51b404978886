"""Kokoro, for real, with small random weights: `.venvs/engines/bin/python -m pytest tests/engines/test_kokoro.py`, HF_HUB_OFFLINE=1."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from antiphon.engines.kokoro import Kokoro
from antiphon.platform.errors import EngineError
from tests.engines.synthesizer_promises import SENTENCE, SynthesizerPromises


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an engine opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def synthesizer(kokoro_dir: Path) -> Kokoro:
    engine = Kokoro(model_dir=kokoro_dir, threads=2)
    engine.warm_up()
    return engine


class TestKokoro(SynthesizerPromises):
    voice = "af_heart"


def test_the_same_sentence_is_the_same_samples(synthesizer: Kokoro) -> None:
    """Q-21"""
    first, again = (synthesizer.speak(SENTENCE, voice="af_heart").samples for _ in range(2))

    assert np.array_equal(first, again)


def test_a_mix_is_its_own_voice(synthesizer: Kokoro) -> None:
    single, mixed, heavier = (
        synthesizer.speak("Hello world.", voice=voice).samples
        for voice in ("af_heart", "af_heart(1)+am_adam(1)", "af_heart(3)+am_adam(1)")
    )

    assert not np.array_equal(single, mixed)
    assert not np.array_equal(mixed, heavier)


@pytest.mark.parametrize(
    ("voice", "text"), [("bf_emma", "The colour of the theatre."), ("ef_dora", "La casa es muy grande y bonita.")]
)
def test_other_languages_speak_with_times_for_their_words(synthesizer: Kokoro, voice: str, text: str) -> None:
    spoken = synthesizer.speak(text, voice=voice)

    assert [word.word for word in spoken.words] == text.split()
    assert spoken.words[-1].end > 0.5


@pytest.mark.parametrize("voice", ["af_heart", "ef_dora"])
def test_numbers_by_the_dozen_are_said_to_the_end(synthesizer: Kokoro, voice: str) -> None:
    short, long = (len(synthesizer.speak("8 " * count, voice=voice).samples) for count in (35, 140))

    assert long > 3.5 * short


def test_amounts_and_abbreviations_are_words(synthesizer: Kokoro) -> None:
    text = "Dr. Smith paid $42.50 on the 2nd of May, 2024."
    words = synthesizer.speak(text, voice="af_heart").words

    assert [word.word for word in words] == text.split()
    assert [word.start for word in words] == sorted({word.start for word in words})


def test_a_model_that_is_not_there_is_named_and_never_fetched(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=str(tmp_path / "kokoro")):
        Kokoro(model_dir=tmp_path / "kokoro").warm_up()
    with pytest.raises(EngineError, match=r"config\.json"):
        Kokoro(model_dir=tmp_path).warm_up()
