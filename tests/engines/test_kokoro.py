"""Kokoro, for real, with small random weights: `.venvs/engines/bin/python -m pytest tests/engines/test_kokoro.py`, HF_HUB_OFFLINE=1."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kokoro import KModel, KPipeline

from antiphon.engines.kokoro import Kokoro
from antiphon.engines.ports import Sound
from antiphon.platform.errors import EngineError
from tests.engines.synthesizer_promises import SENTENCE, SynthesizerPromises


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an engine opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def synthesizer(kokoro_dir: Path) -> Kokoro:
    engine = Kokoro(model_dir=kokoro_dir, threads=1)
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


def test_amounts_and_abbreviations_are_words(synthesizer: Kokoro) -> None:
    text = "Dr. Smith paid $42.50 on the 2nd of May, 2024."
    words = synthesizer.speak(text, voice="af_heart").words

    assert [word.word for word in words] == text.split()
    assert [word.start for word in words] == sorted({word.start for word in words})


@pytest.mark.parametrize("voice", ["af_heart", "ef_dora"])
def test_given_phonemes_are_what_is_said_and_the_words_keep_their_times(synthesizer: Kokoro, voice: str) -> None:
    text = "Say tomato, please."
    plain, given = (
        synthesizer.speak(text, voice=voice, sounds=sounds) for sounds in ((), (Sound(4, 10, "təmˈɑtətətətətə"),))
    )

    assert [word.word for word in given.words] == [word.word for word in plain.words] == text.split()
    length = [word.end - word.start for spoken in (plain, given) for word in spoken.words[1:2]]
    assert length[1] > 1.3 * length[0]
    assert not given.unsaid


def test_what_has_no_sound_is_named(synthesizer: Kokoro) -> None:
    assert synthesizer.speak("Hola → mundo.", voice="ef_dora").unsaid == (f"{synthesizer.name} has no sound for '→'.",)
    (unsaid,) = synthesizer.speak("Say x.", voice="af_heart", sounds=(Sound(4, 5, "ǃa"),)).unsaid
    assert "'ǃ'" in unsaid


def test_audio_is_600_samples_for_each_frame_that_was_predicted(
    synthesizer: Kokoro, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[int] = []
    infer = KPipeline.infer

    def counted(*what: Any, **how: Any) -> Any:
        output = infer(*what, **how)
        frames.append(int(output.pred_dur.sum()))
        return output

    monkeypatch.setattr(KPipeline, "infer", staticmethod(counted))
    for voice in ("af_heart", "ef_dora"):
        spoken = synthesizer.speak(SENTENCE, voice=voice)
        assert len(spoken.samples) == 600 * sum(frames)
        assert spoken.words[-1].end <= sum(frames) * 600 / 24_000
        frames.clear()


@pytest.mark.parametrize("text", ["שלום עולם", "你好，世界", "😀👩‍👩‍👧🇮🇱", "Привет 你好 hello नमस्ते"])
def test_any_script_is_heard(synthesizer: Kokoro, text: str) -> None:
    spoken = synthesizer.speak(text, voice="af_heart")

    assert len(spoken.samples) > 6_000
    assert not spoken.unsaid


@pytest.fixture
def sounds_of(synthesizer: Kokoro, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], tuple[int, set[str]]]:
    """Text and voice → how many phonemes the model got for it, and what was told to be unsaid. All of Kokoro but the arithmetic of its model."""
    got: list[int] = []

    def forward(self: Any, phonemes: str, style: Any, speed: float = 1, return_output: bool = False) -> Any:
        known = [phoneme for phoneme in phonemes if phoneme in self.vocab]
        assert len(known) + 2 <= self.context_length
        got.append(len(phonemes.replace(" ", "")))
        return self.Output(torch.zeros(600 * (len(known) + 2)), torch.ones(len(known) + 2, dtype=torch.long))

    def counted(text: str, voice: str) -> tuple[int, set[str]]:
        got.clear()
        spoken = [synthesizer.speak(sentence, voice=voice) for sentence in synthesizer.split(text, None)]
        assert all(len(sentence.samples) for sentence in spoken)
        return sum(got), {unsaid for sentence in spoken for unsaid in sentence.unsaid}

    monkeypatch.setattr(KModel, "forward", forward)
    monkeypatch.setattr(KPipeline, "generate_from_tokens", _never_cut(KPipeline.generate_from_tokens))
    return counted


def _never_cut(generate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """It takes the first 510 phonemes of a part and leaves out the rest."""

    def checked(self: Any, tokens: Any, **how: Any) -> Iterator[Any]:
        for result in generate(self, tokens, **how):
            if result.tokens:
                assert result.phonemes == self.tokens_to_ps(result.tokens).strip()
            yield result

    return checked


@pytest.mark.usefixtures("sounds_of")
@pytest.mark.parametrize("voice", ["af_heart", "ef_dora"])
def test_numbers_by_the_dozen_are_said_to_the_end(synthesizer: Kokoro, voice: str) -> None:
    short, long = (len(synthesizer.speak("8 " * count, voice=voice).samples) for count in (35, 140))

    assert long > 3.5 * short


@pytest.mark.parametrize("voice", ["af_heart", "ef_dora"])
@pytest.mark.parametrize(
    "unit",
    ["abcdefghij", "8", "你好世界", "안녕", "สวัสดี", "😀", "e\u0301", "%&", "http://x.y/z?q=1&", "Приветhello你好"],
)
def test_text_without_a_space_is_said_to_its_end(
    sounds_of: Callable[[str, str], tuple[int, set[str]]], voice: str, unit: str
) -> None:
    short, long = (unit * 10_000)[:16], (unit * 10_000)[:10_000]
    expected = len(long) / len(short) * sounds_of(short, voice)[0]

    said, unsaid = sounds_of(long, voice)
    assert said > 0.85 * expected > 0
    assert not unsaid


@pytest.mark.parametrize("voice", ["af_heart", "ef_dora"])
def test_a_long_word_of_what_has_no_sound_is_named(
    sounds_of: Callable[[str, str], tuple[int, set[str]]], voice: str
) -> None:
    said, unsaid = sounds_of("🇮🇱" * 20, voice)

    assert said == 0
    assert any("🇮🇱" in named for named in unsaid)


def test_a_file_that_is_not_a_model_is_named_at_start(kokoro_dir: Path, tmp_path: Path) -> None:
    shutil.copy(kokoro_dir / "config.json", tmp_path)
    shutil.copytree(kokoro_dir / "voices", tmp_path / "voices")
    (tmp_path / "kokoro-broken.pth").write_bytes((kokoro_dir / "kokoro-random.pth").read_bytes()[:100_000])

    with pytest.raises(EngineError, match=str(tmp_path / "kokoro-broken.pth")) as raised:
        Kokoro(model_dir=tmp_path).warm_up()
    assert not raised.value.retryable
    (tmp_path / "kokoro-broken.pth").unlink()
    (tmp_path / "kokoro.pth").symlink_to(kokoro_dir / "kokoro-random.pth")
    (tmp_path / "voices" / "am_adam.pt").write_bytes(b"no voice")
    with pytest.raises(EngineError, match=r"am_adam\.pt"):
        Kokoro(model_dir=tmp_path).warm_up()


def _with_weights(kokoro_dir: Path, folder: Path, change: Callable[[str, str], str | None]) -> Path:
    """change: part and key → the key that the file has instead, or None for none."""
    for name in ("config.json", "voices"):
        (folder / name).symlink_to(kokoro_dir / name)
    kept = torch.load(kokoro_dir / "kokoro-random.pth", weights_only=True)
    changed = {
        part: {new: tensor for key, tensor in tensors.items() if (new := change(part, key)) is not None}
        for part, tensors in kept.items()
    }
    torch.save({part: tensors for part, tensors in changed.items() if tensors}, folder / "kokoro-v1_0.pth")
    return folder


def test_a_file_with_the_keys_of_a_published_one_is_the_same_voice(
    kokoro_dir: Path, synthesizer: Kokoro, tmp_path: Path
) -> None:
    """They begin with ``module.``, and those of the instance norms are not there (hexgrad/kokoro#175)."""

    def published(_: str, key: str) -> str | None:
        return None if re.search(r"\bnorm\d?\.norm\.", f".{key}") else f"module.{key}"

    as_published = Kokoro(model_dir=_with_weights(kokoro_dir, tmp_path, published), threads=1)
    kept = torch.load(tmp_path / "kokoro-v1_0.pth", weights_only=True)
    assert "module.F0.0.norm1.fc.weight" in kept["predictor"]
    assert "module.F0.0.norm1.norm.weight" not in kept["predictor"]

    spoken = [engine.speak(SENTENCE, voice="af_heart").samples for engine in (synthesizer, as_published)]
    assert len(spoken[0]) == len(spoken[1])
    # Two models in one process may round their sums in another order, and the phase of a tone is the sum of all before: 0.99 was seen.
    assert np.corrcoef(*spoken)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda part, key: f"encoder.{key}" if part == "predictor" else key, r"predictor\.F0\.0\..*more"),
        (lambda part, key: None if key == "duration_proj.linear_layer.bias" else key, r"for predictor\.duration_proj"),
    ],
    ids=["other names", "no bias"],
)
def test_weights_that_the_file_lacks_are_named_at_start_and_never_made_up(
    kokoro_dir: Path, tmp_path: Path, change: Callable[[str, str], str | None], named: str
) -> None:
    engine = Kokoro(model_dir=_with_weights(kokoro_dir, tmp_path, change))

    for attempt in (engine.warm_up, lambda: engine.speak(SENTENCE, voice="af_heart")):
        with pytest.raises(EngineError, match=rf"kokoro-v1_0\.pth.* {named}") as raised:
            attempt()
        assert not raised.value.retryable


def test_a_model_that_is_not_there_is_named_and_never_fetched(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=str(tmp_path / "kokoro")):
        Kokoro(model_dir=tmp_path / "kokoro").warm_up()
    with pytest.raises(EngineError, match=r"config\.json"):
        Kokoro(model_dir=tmp_path).warm_up()
