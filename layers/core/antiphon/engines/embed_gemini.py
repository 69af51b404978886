"""Meanings from Google's Gemini, through google-genai."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from antiphon.engines.chat import ATTEMPTS, ModelError
from antiphon.engines.chat_gemini import BASE_URL
from antiphon.engines.embed_openai import DIMENSIONS, WITHIN, unit


class GeminiEmbedder:
    """model: such as ``gemini-embedding-001``."""

    def __init__(self, model: str, *, api_key: str, base_url: str = BASE_URL) -> None:
        self.name = model
        self._api_key = api_key
        self._base_url = base_url

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        import httpx2
        from google.genai import errors

        try:
            answer = self._client.models.embed_content(
                model=self.name, contents=list(texts), config={"output_dimensionality": DIMENSIONS}
            )
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise ModelError("The model of meanings took too long.", code="model_timeout") from error
        except (errors.APIError, httpx2.HTTPError, OSError) as error:
            raise ModelError("The model of meanings gave no answer.") from error
        return unit([each.values or [] for each in answer.embeddings or ()])

    @cached_property
    def _client(self) -> Any:
        from google.genai import Client, types

        return Client(
            api_key=self._api_key,
            http_options=types.HttpOptions(
                base_url=self._base_url,
                timeout=int(WITHIN * 1000),
                retry_options=types.HttpRetryOptions(
                    attempts=ATTEMPTS, initial_delay=0.5, max_delay=4, exp_base=2, jitter=1
                ),
                client_args={"follow_redirects": False, "trust_env": False},
            ),
        )
