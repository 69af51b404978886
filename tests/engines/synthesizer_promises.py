"""What every Synthesizer promises (engines/ports.py), as one suite: subclass it and give it a ``synthesizer`` fixture. (T-03)"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from antiphon.engines.ports import Synthesizer
from antiphon.platform.errors import EngineError

SENTENCE = "We have spent about half of the money, and the rest comes on Friday."


class SynthesizerPromises:
    voice = "af_heart"

    def test_its_name_has_a_version(self, synthesizer: Synthesizer) -> None:
        assert any(part[0].isdigit() for part in synthesizer.name.split()[1:])

    def test_a_sentence_becomes_audio_that_can_be_heard(self, synthesizer: Synthesizer) -> None:
        spoken = synthesizer.speak(SENTENCE, voice=self.voice)

        assert spoken.text == SENTENCE
        assert (spoken.samples.dtype, spoken.samples.ndim) == (np.int16, 1)
        assert 1 < len(spoken.samples) / synthesizer.sample_rate < 15
        assert np.abs(spoken.samples).max() > 500

    def test_every_word_has_its_time(self, synthesizer: Synthesizer) -> None:
        spoken = synthesizer.speak(SENTENCE, voice=self.voice)

        assert [word.word.strip(".,") for word in spoken.words] == SENTENCE.replace(",", "").replace(".", "").split()
        times = [time for word in spoken.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= len(spoken.samples) / synthesizer.sample_rate + 1e-3

    def test_the_same_sentence_sounds_as_long_every_time(self, synthesizer: Synthesizer) -> None:
        first, again = (synthesizer.speak(SENTENCE, voice=self.voice) for _ in range(2))

        assert len(first.samples) == len(again.samples)
        assert first.words == again.words

    @pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
    def test_speed_changes_the_duration(self, synthesizer: Synthesizer, speed: float) -> None:
        normal, changed = (synthesizer.speak(SENTENCE, voice=self.voice, speed=s) for s in (1.0, speed))

        ratio = len(normal.samples) / len(changed.samples)
        assert speed / 1.35 < ratio < speed * 1.35
        assert changed.words[-1].end <= len(changed.samples) / synthesizer.sample_rate + 1e-3

    @pytest.mark.parametrize("speed", [0.0, 0.2, 4.1, float("nan")])
    def test_a_speed_out_of_bounds_is_refused(self, synthesizer: Synthesizer, speed: float) -> None:
        with pytest.raises(EngineError, match="speed"):
            synthesizer.speak(SENTENCE, voice=self.voice, speed=speed)

    @pytest.mark.parametrize("voice", ["nobody", "af_heart+nobody", "", "../../secret"])
    def test_an_unknown_voice_says_how_to_list_them(self, synthesizer: Synthesizer, voice: str) -> None:
        with pytest.raises(EngineError, match="voice") as raised:
            synthesizer.speak(SENTENCE, voice=voice)
        assert raised.value.code == "unknown_voice"
        assert not raised.value.retryable

    def test_nothing_to_say_is_an_error(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(EngineError) as raised:
            synthesizer.speak(" \n", voice=self.voice)
        assert raised.value.code == "text_empty"

    @pytest.mark.parametrize(
        "text", ["—", "...", "🎉", "<b>&amp;", "a\x00b", "\ud800", "x" * 80, "9" * 30, "%s[[x]]{}", "नमस्ते"]
    )
    def test_odd_text_is_spoken_or_is_a_short_pause(self, synthesizer: Synthesizer, text: str) -> None:
        assert len(synthesizer.speak(text, voice=self.voice).samples) > 0

    def test_threads_do_not_disturb_each_other(self, synthesizer: Synthesizer) -> None:
        texts = [f"{word} is said." for word in ("one", "seventeen", "three", "four hundred")]
        alone = [len(synthesizer.speak(text, voice=self.voice).samples) for text in texts]
        with ThreadPoolExecutor(4) as pool:
            together = pool.map(lambda text: len(synthesizer.speak(text, voice=self.voice).samples), texts)

        assert list(together) == alone

    def test_sentences_are_the_texts_sentences(self, synthesizer: Synthesizer) -> None:
        assert list(synthesizer.split("One. Two!  Three?", "en")) == ["One.", "Two!", "Three?"]

    def test_a_language_that_the_voice_does_not_speak_is_said(self, synthesizer: Synthesizer) -> None:
        assert any("de" in sentence for sentence in synthesizer.unmet(self.voice, "de"))
