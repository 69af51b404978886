"""WhisperX, for real, with a tiny Whisper: `.venvs/engines/bin/python -m pytest tests/engines/test_whisperx.py`, HF_HUB_OFFLINE=1."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from antiphon.engines.ports import SAMPLE_RATE, Segment, Speakers, TranscriptionOptions, Turn, Vad
from antiphon.engines.pyannote import Pyannote
from antiphon.engines.shelf import Shelf
from antiphon.engines.whisperx import WhisperX
from antiphon.engines.whisperx_align import WhisperXAligner
from antiphon.platform.errors import EngineError
from antiphon.speech.speakers import Turns
from tests.engines.conftest import PHRASE
from tests.engines.speech_samples import SENTENCES, blocks, conversation, silence, spoken
from tests.engines.transcriber_promises import TranscriberPromises, minute, run, whole

__all__ = ["minute", "whole"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an engine opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def make(whisper_dir: Path, align_dir: Path | None) -> WhisperX:
    aligners = {"en": align_dir} if align_dir else {}
    return WhisperX(
        models={"phrase": whisper_dir},
        align_dirs=aligners,
        compute_type="int8",
        threads=1,
        piece=8.0,
        window=20.0,
    )


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
        WhisperX(models={"large-v3": tmp_path / "large-v3"}).warm_up()
    with pytest.raises(EngineError, match=str(tmp_path / "align")):
        WhisperX(models={"phrase": whisper_dir}, compute_type="int8", align_dirs={"en": tmp_path / "align"}).warm_up()
    with pytest.raises(EngineError, match=str(tmp_path / "diar")):
        Pyannote(model_dir=tmp_path / "diar").warm_up()


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_damaged_model_is_named_at_start(
    tmp_path: Path, whisper_dir: Path, align_dir: Path, diarization_dir: Path, keep: float
) -> None:
    """Empty, or cut in the middle, as a copy that broke off leaves it."""

    def damaged(folder: Path, weights: str) -> Path:
        copy = tmp_path / folder.parent.name / folder.name
        shutil.copytree(folder, copy)
        whole = (copy / weights).read_bytes()
        (copy / weights).write_bytes(whole[: round(keep * len(whole))])
        return copy

    whisper, align = damaged(whisper_dir, "model.bin"), damaged(align_dir, "model.safetensors")
    speakers = damaged(diarization_dir, "embedding/pytorch_model.bin")
    for engine, folder in (
        (make(whisper, None), whisper),
        (WhisperXAligner({"en": align}), align),
        (Pyannote(model_dir=speakers), speakers),
    ):
        with pytest.raises(EngineError, match=re.escape(str(folder))):
            engine.warm_up()


Names = Callable[[str], str | None]
"""Of a weight → the one that a file has in its place, or None for no such weight."""


def _aligner(align_dir: Path, folder: Path, names: Names) -> WhisperXAligner:
    shutil.copytree(align_dir, folder)
    kept = load_file(folder / "model.safetensors")
    renamed = {new: weights for name, weights in kept.items() if (new := names(name))}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    return WhisperXAligner({"en": folder})


def test_a_wav2vec2_with_the_keys_of_a_published_one_is_taken(align_dir: Path, tmp_path: Path) -> None:
    """facebook/wav2vec2-base-960h has no ``masked_spec_embed``, and the old names of its weight norm."""
    norm = "wav2vec2.encoder.pos_conv_embed.conv."
    old = {
        f"{norm}parametrizations.weight.original0": f"{norm}weight_g",
        f"{norm}parametrizations.weight.original1": f"{norm}weight_v",
        "wav2vec2.masked_spec_embed": None,
    }
    assert set(old) - {"wav2vec2.masked_spec_embed"} <= set(load_file(align_dir / "model.safetensors"))
    ours, published = WhisperXAligner({"en": align_dir}), _aligner(align_dir, tmp_path / "en", lambda n: old.get(n, n))

    published.warm_up()
    segment, audio = Segment(0.0, 3.0, "hello world"), spoken(SENTENCES[:1])
    found = [each.align([segment], audio, "en", TranscriptionOptions()) for each in (ours, published)]
    assert found[0] == found[1]


def test_weights_that_a_file_lacks_are_named_at_start_and_never_made_up(
    align_dir: Path, diarization_dir: Path, tmp_path: Path
) -> None:
    align, speakers = tmp_path / "en", tmp_path / "speakers"
    with pytest.raises(EngineError, match=rf"{align}.*lm_head\.weight"):
        _aligner(align_dir, align, lambda name: f"old.{name}" if name == "lm_head.weight" else name).warm_up()

    shutil.copytree(diarization_dir, speakers)
    path = speakers / "segmentation" / "pytorch_model.bin"
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    checkpoint["state_dict"]["old.weight"] = checkpoint["state_dict"].pop("classifier.weight")
    torch.save(checkpoint, path)
    with pytest.raises(EngineError, match=rf"(?s){path.parent}.*classifier\.weight"):
        Pyannote(model_dir=speakers).warm_up()


def test_it_does_not_start_where_it_could_download(whisper_dir: Path) -> None:
    models = {"phrase": str(whisper_dir)}
    program = f"from antiphon.engines.whisperx import WhisperX; WhisperX(models={models!r}).warm_up()"
    environment = {"PYTHONPATH": "layers/core", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    assert "HF_HUB_OFFLINE=1" in done.stderr


OPTIONS = TranscriptionOptions(language="en", align=False)
SEARCHED = {
    "beam_size": 3, "patience": 2.0, "length_penalty": 0.5, "repetition_penalty": 1.1, "no_repeat_ngram_size": 3,
}  # fmt: skip


def heard(engine: WhisperX, options: TranscriptionOptions, audio: np.ndarray | None = None) -> list[Segment]:
    samples = spoken(SENTENCES[:2]) if audio is None else audio
    return [segment for chunk in engine.transcribe([samples], options) for segment in chunk.segments]


@pytest.fixture
def calls(transcriber: WhisperX, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Whisper itself is asked, each time."""
    made: list[dict[str, Any]] = []
    whisper = next(p for p in map(transcriber._pipeline, transcriber._folders.values())).model
    generate = whisper.model.generate

    class Model:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def generate(self, encoded: Any, prompts: Any, **how: Any) -> Any:
            made.append({**how, "prompts": prompts})
            return generate(encoded, prompts, **how)

    real = whisper.model
    monkeypatch.setattr(whisper, "model", Model())
    return made


def test_every_option_of_the_search_reaches_whisper(transcriber: WhisperX, calls: list[dict[str, Any]]) -> None:
    heard(transcriber, replace(OPTIONS, **SEARCHED, suppress_tokens=[-1, 7], hotwords="Anna", initial_prompt="So"))

    assert {name: calls[0][name] for name in SEARCHED} == SEARCHED
    assert calls[0]["suppress_tokens"] == [-1, 7]
    assert len(calls[0]["prompts"][0]) > 4
    heard(transcriber, replace(OPTIONS, suppress_numerals=True))
    assert len(calls[-1]["suppress_tokens"]) > 10


def test_what_the_thresholds_refuse_is_decoded_again_with_the_next_temperature(
    transcriber: WhisperX, calls: list[dict[str, Any]]
) -> None:
    """As faster-whisper: at 0 a beam, above it the best of some that are drawn by lot."""
    refused = replace(OPTIONS, temperature=[0.0, 0.4, 0.8], best_of=2, compression_ratio_threshold=0.01)
    found = heard(transcriber, refused)

    assert [call.get("sampling_temperature") for call in calls[:3]] == [None, 0.4, 0.8]
    assert [call.get("num_hypotheses") for call in calls[:3]] == [None, 2, 2]
    assert found
    calls.clear()
    heard(transcriber, replace(OPTIONS, temperature=[0.0, 0.4]))
    assert {call.get("sampling_temperature") for call in calls} == {None}


def test_what_is_no_speech_is_no_text(transcriber: WhisperX) -> None:
    quiet = replace(OPTIONS, no_speech_threshold=0.0, log_prob_threshold=0.0)
    assert heard(transcriber, quiet) == []


def test_a_piece_can_know_the_text_before_it(transcriber: WhisperX, calls: list[dict[str, Any]]) -> None:
    audio = spoken(SENTENCES[:4])
    heard(transcriber, replace(OPTIONS, condition_on_previous_text=True), audio)

    lengths = [len(call["prompts"][0]) for call in calls]
    assert all(len(call["prompts"]) == 1 for call in calls)
    assert lengths[0] < max(lengths)


@pytest.mark.parametrize("method", ["pyannote", "silero"])
def test_both_detectors_find_the_speech_without_a_network(transcriber: WhisperX, method: str) -> None:
    audio = np.concatenate([silence(3), spoken(SENTENCES[:1], pause=0), silence(4)])
    length = len(audio) / SAMPLE_RATE
    (found,) = heard(transcriber, replace(OPTIONS, vad=Vad(method=method, onset=0.4, offset=0.3)), audio)

    assert found.start == pytest.approx(3, abs=0.4)
    assert found.end == pytest.approx(length - 4, abs=0.4)


def test_pieces_are_as_short_as_was_asked(transcriber: WhisperX) -> None:
    found = heard(transcriber, replace(OPTIONS, vad=Vad(chunk_size=3.0)), spoken(SENTENCES[:3], pause=0.2))
    assert max(s.end - s.start for s in found) <= 4.0


def test_the_model_is_chosen_by_its_name_and_stays_loaded(whisper_dir: Path, tmp_path: Path) -> None:
    other = shutil.copytree(whisper_dir, tmp_path / "other")
    shelf = Shelf()
    engine = WhisperX(models={"a": whisper_dir, "b": other}, compute_type="int8", threads=1, shelf=shelf)
    for model in ("b", "a", "b"):
        assert heard(engine, replace(OPTIONS, model=model))
    assert shelf.loaded == (("whisper", whisper_dir), ("whisper", other))
    assert engine.unmet(replace(OPTIONS, model="b")) == ()
    assert engine.unmet(replace(OPTIONS, model="c"))


def test_a_language_without_a_model_for_its_words_is_left_without_their_times_and_that_is_said(
    whisper_dir: Path,
) -> None:
    (chunk,) = make(whisper_dir, None).transcribe([spoken(SENTENCES[:1])], TranscriptionOptions())

    assert chunk.segments
    assert chunk.segments[0].words == ()
    assert any("words have no times" in sentence for sentence in chunk.warnings)


@pytest.mark.parametrize("method", ["nearest", "linear", "ignore"])
def test_every_word_stays_and_those_without_times_say_so(align_dir: Path, method: str) -> None:
    """A word of spaces and signs alone has nothing that could be aligned; digits are taken as sounds of some kind."""
    text = "we paid 42 to the   friends — of mine"
    audio = spoken(SENTENCES[:1])
    heard_ = [Segment(0.1, 2.0, text)]
    aligner = WhisperXAligner({"en": align_dir})
    found = aligner.align(heard_, audio, "en", replace(OPTIONS, interpolate_method=method, return_char_alignments=True))
    words = [word for segment in found for word in segment.words]

    assert "".join(w.word for w in words) == "".join(text.split())
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(word.interpolated == (word.score is None) for word in words)
    assert "".join(c.char for s in found for c in s.chars).split() == text.split()


def test_a_segment_too_short_to_be_aligned_keeps_its_words(align_dir: Path) -> None:
    aligner = WhisperXAligner({"en": align_dir})
    (found,) = aligner.align([Segment(0.5, 0.52, "far too many words for this")], silence(1.0), "en", OPTIONS)

    assert [w.word for w in found.words] == ["far", "too", "many", "words", "for", "this"]
    assert all(w.interpolated for w in found.words)
    with pytest.raises(EngineError) as raised:
        aligner.align([], silence(1.0), "xx", OPTIONS)
    assert raised.value.code == "unsupported_language"


class OutOfMemoryError(RuntimeError):
    """By name and base that of torch."""


@pytest.mark.parametrize(
    "error", [OutOfMemoryError("CUDA out of memory."), RuntimeError("CUDA failed with error out of memory")]
)
def test_a_full_card_halves_the_batch_and_goes_on(
    transcriber: WhisperX, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Q-24. Of no more than one piece at a time is there room here."""
    audio = spoken(SENTENCES[:5])
    whole = heard(transcriber, OPTIONS, audio)
    whisper = transcriber._pipeline(transcriber._folders["phrase"]).model
    generate, sizes = whisper.model.generate, []

    def full(encoded: Any, prompts: Any, **how: Any) -> Any:
        sizes.append(len(prompts))
        if len(prompts) > 1:
            raise error
        return generate(encoded, prompts, **how)

    monkeypatch.setattr(whisper.model, "generate", full, raising=False)
    assert heard(transcriber, replace(OPTIONS, batch_size=4), audio) == whole
    assert max(sizes) > 1

    monkeypatch.setattr(whisper.model, "generate", lambda *_, **__: (_ for _ in ()).throw(error), raising=False)
    with pytest.raises(EngineError) as raised:
        heard(transcriber, OPTIONS, audio)
    assert (raised.value.code, raised.value.retryable) == ("gpu_out_of_memory", True)


THREE = Speakers(exact=3)


@pytest.fixture(scope="session")
def diarizer(diarization_dir: Path) -> Pyannote:
    engine = Pyannote(model_dir=diarization_dir)
    engine.warm_up()
    return engine


@pytest.fixture(scope="session")
def talk() -> tuple[np.ndarray, list[float]]:
    return conversation()


@pytest.fixture(scope="session")
def turns(diarizer: Pyannote, talk: tuple[np.ndarray, list[float]], tmp_path_factory: pytest.TempPathFactory):
    """From a file, as the worker hands it over."""
    path = tmp_path_factory.mktemp("talk") / "samples"
    talk[0].astype("<f4").tofile(path)
    shares: list[float] = []
    found = diarizer.diarize(np.memmap(path, "<f4", mode="c"), THREE, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return found


def test_who_speaks_when_is_found(
    diarizer: Pyannote, talk: tuple[np.ndarray, list[float]], turns: tuple[Turn, ...]
) -> None:
    audio, changes = talk
    assert [int(turn.speaker.removeprefix("SPEAKER_")) for turn in turns] == [0, 1, 2, 1, 0]
    assert [turn.start for turn in turns[1:]] == pytest.approx(changes, abs=0.5)
    two = audio[: round(changes[1] * SAMPLE_RATE)]
    assert [t.speaker for t in diarizer.diarize(two, Speakers(), lambda _: None)] == ["SPEAKER_00", "SPEAKER_01"]
    assert {t.speaker for t in diarizer.diarize(two, Speakers(most=1), lambda _: None)} == {"SPEAKER_00"}


def test_nobody_speaks_in_silence(diarizer: Pyannote) -> None:
    for seconds in (0.0, 0.05, 6.0):
        assert diarizer.diarize(silence(seconds), Speakers(), lambda _: None) == ()


def test_what_the_progress_raises_ends_the_work(diarizer: Pyannote) -> None:
    class Stop(Exception):
        pass

    def stop(_: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        diarizer.diarize(spoken(SENTENCES[:1]), Speakers(), stop)


def test_a_full_card_makes_smaller_batches_of_windows_too(
    diarizer: Pyannote, talk: tuple[np.ndarray, list[float]], turns: tuple[Turn, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-24. And the same audio gives the same turns."""
    infer, sizes = diarizer._pipeline()._segmentation.infer, []

    def full(chunks: Any) -> Any:
        sizes.append(len(chunks))
        if len(chunks) > 8:
            raise OutOfMemoryError("CUDA out of memory.")
        return infer(chunks)

    monkeypatch.setattr(diarizer._pipeline()._segmentation, "infer", full)
    assert diarizer.diarize(talk[0], THREE, lambda _: None) == turns
    assert min(sizes) <= 8 < max(sizes)


def test_speakers_are_assigned_as_whisperx_does(
    transcriber: WhisperX, talk: tuple[np.ndarray, list[float]], turns: tuple[Turn, ...]
) -> None:
    import pandas
    import whisperx

    options = TranscriptionOptions(language="en")
    segments = [s for c in transcriber.transcribe(blocks(talk[0], 8000), options) for s in c.segments]
    found = Turns(turns).assign(segments)
    theirs = {
        "segments": [
            {
                "start": s.start,
                "end": s.end,
                "text": s.text,
                "words": [{"word": w.word, "start": w.start, "end": w.end} for w in s.words],
            }
            for s in segments
        ]
    }
    table = pandas.DataFrame([{"start": t.start, "end": t.end, "speaker": t.speaker} for t in turns])
    theirs = whisperx.assign_word_speakers(table, theirs)["segments"]

    assert [s.speaker for s in found] == [s.get("speaker") for s in theirs]
    assert {s.speaker for s in found} == {"SPEAKER_00", "SPEAKER_01", "SPEAKER_02"}
    for ours, other in zip(found, theirs, strict=True):
        for word, counterpart in zip(ours.words, other["words"], strict=True):
            assert word.speaker == counterpart.get("speaker", ours.speaker)
