"""Meanings from any endpoint that speaks OpenAI's protocol of embeddings, through the official SDK."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from antiphon.engines.chat import ATTEMPTS, CONNECT, ModelError

WITHIN = 20.0
DIMENSIONS = 384


class OpenAiEmbedder:
    """model: such as ``text-embedding-3-small``; it has to know ``dimensions``."""

    def __init__(self, model: str, *, base_url: str, api_key: str) -> None:
        self.name = model
        self._base_url = base_url
        self._api_key = api_key

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        import openai

        try:
            answer = self._client.embeddings.create(
                model=self.name, input=list(texts), dimensions=DIMENSIONS, encoding_format="float"
            )
        except openai.APITimeoutError as error:
            raise ModelError("The model of meanings took too long.", code="model_timeout") from error
        except openai.APIError as error:
            raise ModelError("The model of meanings gave no answer.") from error
        return unit([each.embedding for each in sorted(answer.data, key=lambda each: each.index)])

    @cached_property
    def _client(self) -> Any:
        from openai import OpenAI, Timeout

        return OpenAI(
            base_url=self._base_url,
            api_key=self._api_key or "none",
            timeout=Timeout(WITHIN, connect=CONNECT),
            max_retries=ATTEMPTS - 1,
        )


def unit(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Each of length 1: what is cut to fewer dimensions no longer is. Raises ModelError for one of another size."""
    found = []
    for vector in vectors:
        length = sum(x * x for x in vector) ** 0.5
        if len(vector) != DIMENSIONS or not length:
            raise ModelError(f"The model of meanings does not give {DIMENSIONS} numbers.", code="model_refused")
        found.append([x / length for x in vector])
    return found
