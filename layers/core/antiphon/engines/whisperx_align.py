"""Times of words by WhisperX's forced alignment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon.engines.gpu import is_out_of_memory
from antiphon.engines.offline import installed, require_files, require_offline, require_weights
from antiphon.engines.ports import Char, Segment, TranscriptionOptions, Word
from antiphon.engines.shelf import Shelf
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    import numpy as np

_FOR_TRAINING = ("wav2vec2.masked_spec_embed",)
"""Published models are without it."""


class WhisperXAligner:
    """Aligner. folders: ISO 639-1 → a wav2vec2 with its processor."""

    def __init__(self, folders: Mapping[str, str | Path], *, device: str = "cpu", shelf: Shelf | None = None) -> None:
        self.name = f"whisperx {installed('whisperx', 'whisperx')}"
        self._folders = {language: Path(folder) for language, folder in folders.items()}
        self._device = device
        self._shelf = shelf or Shelf()

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(self._folders)

    def warm_up(self) -> None:
        for language in self._folders:
            self._model(language)

    def align(
        self, segments: Sequence[Segment], audio: np.ndarray, language: str, options: TranscriptionOptions
    ) -> tuple[Segment, ...]:
        if language not in self._folders:
            raise EngineError(f"{self.name} has no alignment model for {language!r}", code="unsupported_language")
        return tuple(part for segment in segments for part in self._one(segment, audio, language, options))

    def _one(
        self, segment: Segment, audio: np.ndarray, language: str, options: TranscriptionOptions
    ) -> Iterator[Segment]:
        import whisperx

        model, about = self._model(language)
        heard = {"start": segment.start, "end": segment.end, "text": segment.text}
        try:
            found = whisperx.align(
                [heard],
                model,
                about,
                audio,
                self._device,
                interpolate_method=options.interpolate_method or "nearest",
                return_char_alignments=options.return_char_alignments,
            )["segments"]
        except RuntimeError as error:
            if is_out_of_memory(error):  # for the caller, who knows what else could make room
                raise
            raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
        # It drops sentences in which it finds no time at all. Words with guessed times are better than words lost.
        if _letters(part["text"] for part in found) != _letters([segment.text]):
            found = [heard]
        floor = segment.start
        for part in found:
            aligned = _aligned(part, segment, floor, keep_chars=options.return_char_alignments)
            floor = aligned.end
            yield aligned

    def _model(self, language: str) -> tuple[Any, Any]:
        loaded: tuple[Any, Any] = self._shelf.get(("align", language), lambda: self._load(language))
        return loaded

    def _load(self, language: str) -> tuple[Any, Any]:
        folder = self._folders[language]
        require_files(self.name, folder, ("config.json", "vocab.json", "*.safetensors|pytorch_model.bin"))
        require_offline(self.name)
        import nltk
        from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor
        from whisperx.utils import PUNKT_LANGUAGES

        data = f"tokenizers/punkt_tab/{PUNKT_LANGUAGES.get(language, 'english')}"
        try:
            nltk.data.find(f"{data}/abbrev_types.txt")
        except LookupError:
            raise EngineError(f"{self.name} finds no {data} in {nltk.data.path}; set NLTK_DATA") from None
        # As whisperx.load_align_model does, which tells nothing of weights that the file does not have.
        try:
            processor = Wav2Vec2Processor.from_pretrained(str(folder), local_files_only=True)
            model, found = Wav2Vec2ForCTC.from_pretrained(str(folder), local_files_only=True, output_loading_info=True)
            model = model.to(self._device)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise EngineError(f"{self.name} cannot load {folder}: {error}") from error
        require_weights(self.name, folder, (name for name in found["missing_keys"] if name not in _FOR_TRAINING))
        letters = {letter.lower(): code for letter, code in processor.tokenizer.get_vocab().items()}
        return model, {"language": language, "dictionary": letters, "type": "huggingface"}


def _letters(texts: Any) -> str:
    return "".join("".join(text.split()) for text in texts)


def _aligned(part: Mapping[str, Any], of: Segment, floor: float, *, keep_chars: bool) -> Segment:
    """WhisperX's segment as ours: in order, and not beyond the segment that it was found in."""
    start = _within(part["start"], floor, of.end)
    end = max(_within(part["end"], start, of.end), start + 0.001)
    words = tuple(_words(part.get("words") or [{"word": word} for word in part["text"].split()], start, end))
    chars = tuple(_chars(part.get("chars") or ())) if keep_chars else ()
    return Segment(
        start=round(start, 3),
        end=round(end, 3),
        text=part["text"].strip(),
        words=words,
        confidence=of.confidence,
        chars=chars,
    )


def _words(found: Sequence[Mapping[str, Any]], start: float, end: float) -> Iterator[Word]:
    """Without a score its times are WhisperX's guess; without a start there is none, and ours is between the neighbours."""
    at, place = start, 0
    while place < len(found):
        without = next((i for i in range(place, len(found)) if _number(found[i].get("start")) is not None), len(found))
        until = _within(found[without]["start"], at, end) if without < len(found) else end
        share = (until - at) / max(1, without - place)
        for number, word in enumerate(found[place:without]):
            yield Word(
                word["word"],
                round(at + number * share, 3),
                round(at + (number + 1) * share, 3),
                None,
                interpolated=True,
            )
        if without == len(found):
            return
        word, score = found[without], _number(found[without].get("score"))
        at = _within(word.get("end", until), until, end)
        yield Word(
            word["word"],
            round(until, 3),
            round(at, 3),
            None if score is None else min(1.0, max(0.0, score)),
            interpolated=score is None,
        )
        place = without + 1


def _chars(found: Sequence[Mapping[str, Any]]) -> Iterator[Char]:
    for char in found:
        yield Char(char["char"], _number(char.get("start")), _number(char.get("end")), _number(char.get("score")))


def _number(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _within(time: float, low: float, high: float) -> float:
    return low if math.isnan(time) else float(min(max(time, low), max(low, high)))
