"""espeak-ng, for real."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from antiphon.engines.espeak import Espeak
from antiphon.engines.ports import Sound
from antiphon.engines.sentences import LONGEST
from antiphon.engines.voices import catalogue
from antiphon.platform.errors import EngineError
from tests.engines.synthesizer_promises import SENTENCE, SynthesizerPromises


@pytest.fixture(scope="module")
def synthesizer() -> Iterator[Espeak]:
    engine = Espeak()
    engine.warm_up()
    yield engine
    engine.close()


class TestEspeak(SynthesizerPromises):
    voice = "en-us-f"


class TestEspeakInTheNameOfKokoro(SynthesizerPromises):
    voice = "af_heart(2)+am_adam(1)"


@pytest.mark.parametrize("voice", catalogue("espeak"), ids=lambda voice: voice.id)
def test_every_listed_voice_speaks(synthesizer: Espeak, voice) -> None:
    spoken = synthesizer.speak("1 2 3", voice=voice.id)

    assert np.abs(spoken.samples).max() > 1000
    assert synthesizer.unmet(voice.id, voice.language) == ()


def test_given_phonemes_are_not_taken_and_that_is_said(synthesizer: Espeak) -> None:
    plain = synthesizer.speak("Say tomato.", voice="en-us-f")
    given = synthesizer.speak("Say tomato.", voice="en-us-f", sounds=(Sound(4, 10, "təmˈɑːtoʊ"),))

    assert np.array_equal(plain.samples, given.samples)
    (unsaid,) = given.unsaid
    assert "'tomato'" in unsaid


def test_a_voice_of_kokoro_is_spoken_by_the_nearest_and_that_is_said(synthesizer: Espeak) -> None:
    (sentence,) = synthesizer.unmet("bm_george", "en")

    assert "bm_george" in sentence
    assert "en-gb-m" in sentence
    assert np.array_equal(
        synthesizer.speak(SENTENCE, voice="bm_george").samples, synthesizer.speak(SENTENCE, voice="en-gb-m").samples
    )


def test_of_a_mix_the_heaviest_voice_speaks(synthesizer: Espeak) -> None:
    assert np.array_equal(
        synthesizer.speak("Hello.", voice="af_sky(1)+bm_george(3)").samples,
        synthesizer.speak("Hello.", voice="en-gb-m").samples,
    )


def test_the_same_sentence_is_the_same_samples(synthesizer: Espeak) -> None:
    """Q-21: doing a sentence twice writes the same object."""
    first = synthesizer.speak(SENTENCE, voice="en-us-m")
    synthesizer.speak("Etwas anderes.", voice="de-f", speed=3.0)

    assert np.array_equal(synthesizer.speak(SENTENCE, voice="en-us-m").samples, first.samples)


def test_small_words_that_espeak_runs_together_have_times_of_their_own(synthesizer: Espeak) -> None:
    words = synthesizer.speak("half of the money for $42.50", voice="en-us-f").words

    assert [word.word for word in words] == ["half", "of", "the", "money", "for", "$42.50"]
    assert all(word.end > word.start for word in words)


def test_a_script_without_spaces_is_timed_in_parts(synthesizer: Espeak) -> None:
    words = synthesizer.speak("你好世界。今天天气很好。", voice="zh-f").words

    assert len(words) > 4
    assert "".join(word.word for word in words) == "你好世界。今天天气很好。"


@pytest.mark.parametrize("voice", ["en-us-f", "he-f", "ja-f"])
@pytest.mark.parametrize("unit", ["abcdefghij", "8", "こんにちは", "שלום", "😀", "안녕하 "])
def test_a_sentence_without_a_space_or_in_a_foreign_script_is_said_to_its_end(
    synthesizer: Espeak, voice: str, unit: str
) -> None:
    short, long = (synthesizer.speak((unit * LONGEST)[:length], voice=voice) for length in (16, LONGEST))

    assert len(long.samples) > 0.7 * LONGEST / 16 * len(short.samples)
    assert [word.start for word in long.words] == sorted(word.start for word in long.words)


def test_the_end_of_espeaks_process_costs_one_attempt_and_never_the_worker() -> None:
    """Q-30"""
    engine = Espeak()
    engine.warm_up()
    assert engine.speaker_pid is not None
    os.kill(engine.speaker_pid, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (engine.speaker_pid, signal.SIGKILL)).start()
    with pytest.raises(EngineError, match="signal 9") as raised:
        engine.speak("Hello.", voice="en-us-f")
    healed = engine.speak("Hello.", voice="en-us-f")
    engine.close()

    assert raised.value.retryable
    assert len(healed.samples)
