"""Whisper as WhisperX runs it, with faster-whisper's second tries: WhisperX itself decodes each piece of speech once and looks at no threshold."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from whisperx.asr import WhisperModel


@dataclass(frozen=True)
class _Try:
    tokens: list[int]
    text: str
    log_prob: float
    no_speech: float
    temperature: float

    @property
    def compression(self) -> float:
        raw = self.text.strip().encode()
        return len(raw) / len(zlib.compress(raw))


class Search(WhisperModel):
    """``previous``: tokens that the next piece is conditioned on, or None where pieces know nothing of each other."""

    previous: list[int] | None = None

    def generate_segment_batched(
        self, features: Any, tokenizer: Any, options: Any, encoder_output: Any = None
    ) -> dict[str, Any]:
        """The batch through the temperatures: pieces that the thresholds refuse are decoded again with the next one."""
        found: list[_Try | None] = [None] * features.shape[0]
        tried: list[list[_Try]] = [[] for _ in found]
        rest = list(range(len(found)))
        prompt = self._prompt(tokenizer, options)
        for temperature in options.temperatures:
            batch = features if len(rest) == len(found) else features[rest]
            for place, one in zip(rest, self._decode(batch, prompt, tokenizer, options, temperature), strict=True):
                tried[place].append(one)
                if not _refused(one, options):
                    found[place] = one
            rest = [place for place in rest if found[place] is None]
            if not rest:
                break
        chosen = [one or _least_bad(tries, options) for one, tries in zip(found, tried, strict=True)]
        if self.previous is not None:
            self._remember(chosen[-1], options)
        return {
            "text": ["" if _is_silence(one, options) else one.text for one in chosen],
            "avg_logprob": [one.log_prob for one in chosen],
        }

    def _prompt(self, tokenizer: Any, options: Any) -> list[int]:
        before = tokenizer.encode(" " + options.initial_prompt.strip()) if options.initial_prompt else []
        prompt: list[int] = self.get_prompt(
            tokenizer,
            [*before, *(self.previous or ())],
            without_timestamps=options.without_timestamps,
            prefix=options.prefix,
            hotwords=options.hotwords,
        )
        return prompt

    def _decode(self, features: Any, prompt: list[int], tokenizer: Any, options: Any, temperature: float) -> list[_Try]:
        how: dict[str, Any] = {"beam_size": options.beam_size, "patience": options.patience}
        if temperature > 0:
            how = {
                "beam_size": 1,
                "num_hypotheses": options.best_of,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }
        results = self.model.generate(
            self.encode(features),
            [prompt] * features.shape[0],
            length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            max_length=self.max_length,
            suppress_blank=options.suppress_blank,
            suppress_tokens=options.suppress_tokens,
            return_scores=True,
            return_no_speech_prob=True,
            **how,
        )
        tries = []
        for result in results:
            tokens = result.sequences_ids[0]
            log_prob = result.scores[0] * len(tokens) ** options.length_penalty / (len(tokens) + 1)
            text = tokenizer.tokenizer.decode([token for token in tokens if token < tokenizer.eot])
            tries.append(_Try(tokens, text, log_prob, result.no_speech_prob, temperature))
        return tries

    def _remember(self, one: _Try, options: Any) -> None:
        forget = one.temperature > options.prompt_reset_on_temperature
        self.previous = [] if forget else [*(self.previous or ()), *one.tokens]


def _refused(one: _Try, options: Any) -> bool:
    repeats = options.compression_ratio_threshold is not None and one.compression > options.compression_ratio_threshold
    unlikely = options.log_prob_threshold is not None and one.log_prob < options.log_prob_threshold
    silent = options.no_speech_threshold is not None and one.no_speech > options.no_speech_threshold
    return (repeats or unlikely) and not (silent and unlikely)


def _is_silence(one: _Try, options: Any) -> bool:
    if options.no_speech_threshold is None or one.no_speech <= options.no_speech_threshold:
        return False
    return options.log_prob_threshold is None or one.log_prob <= options.log_prob_threshold


def _least_bad(tries: list[_Try], options: Any) -> _Try:
    """As faster-whisper: of those that do not repeat themselves, if there are any, the likeliest; it counts as found at the last temperature."""
    limit = options.compression_ratio_threshold
    calm = [one for one in tries if limit is None or one.compression <= limit]
    best = max(calm or tries, key=lambda one: one.log_prob)
    return _Try(best.tokens, best.text, best.log_prob, best.no_speech, tries[-1].temperature)
