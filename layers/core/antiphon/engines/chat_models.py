"""The models that this deployment has, from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from antiphon.engines.chat import About, ChatModel, Delta, Done, ModelError, Prompt
from antiphon.engines.chat_capped import Capped, DailyCap
from antiphon.engines.chat_gemini import BASE_URL, GeminiChat
from antiphon.engines.chat_guarded import Breaker, Guarded
from antiphon.engines.chat_offline import OFFLINE, OfflineChat
from antiphon.engines.chat_openai import OpenAiChat
from antiphon.platform.errors import Field as FieldError
from antiphon.platform.errors import Invalid, Unavailable
from antiphon.platform.metrics import UNMEASURED, Metrics

GEMINI_TOKENS, OPENAI_TOKENS = 1_000_000, 128_000
_ABLE = ("chat", "streaming", "tools", "citations")


@dataclass(frozen=True)
class ChatSettings:
    """Names of models are separated by commas; the first one is the default. ``openai_url``: of any endpoint of that protocol; a local one needs no key.
    A model whose provider lacks its key or address is listed as not configured, and says so when it is asked."""

    gemini_models: str = ""
    gemini_key: str = ""
    gemini_url: str = BASE_URL
    openai_models: str = ""
    openai_key: str = ""
    openai_url: str = ""
    openai_context_tokens: int = OPENAI_TOKENS


class NotConfigured:
    """Stands in a model's place until the operator has set what is missing."""

    def __init__(self, about: About, missing: str) -> None:
        self.about = replace(about, configured=False)
        self._missing = missing

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        raise ModelError(
            f"{self.about.name} is not set up: the operator has to set {self._missing}.", code="model_not_configured"
        )
        yield Done()

    async def aclose(self) -> None:
        """There is nothing."""


class ChatModels:
    """By name. The offline answerer is always there, and the default only where nothing else is."""

    def __init__(self, models: Sequence[ChatModel]) -> None:
        self._models: Mapping[str, ChatModel] = {model.about.name: model for model in models}

    @classmethod
    def of(cls, settings: ChatSettings, cap: DailyCap | None = None, metrics: Metrics = UNMEASURED) -> ChatModels:
        """cap, metrics: of what costs money; the offline answerer costs nothing."""
        models: list[ChatModel] = []
        breaker = Breaker()
        for name in _names(settings.gemini_models):
            about = About(name, "google", GEMINI_TOKENS, _ABLE)
            if settings.gemini_key:
                made = GeminiChat(about, api_key=settings.gemini_key, model=name, base_url=settings.gemini_url)
                models.append(Guarded(made, breaker))
            else:
                models.append(NotConfigured(about, "the key of Gemini"))
        breaker = Breaker()
        for name in _names(settings.openai_models):
            about = About(name, "openai", settings.openai_context_tokens, _ABLE)
            if settings.openai_url:
                chat = OpenAiChat(about, base_url=settings.openai_url, api_key=settings.openai_key, model=name)
                models.append(Guarded(chat, breaker))
            else:
                models.append(NotConfigured(about, "OpenAiUrl"))
        return cls([*(Capped(model, cap, metrics) for model in models), OfflineChat()])

    @property
    def default(self) -> ChatModel:
        return next(iter(self._models.values()))

    def get(self, name: str | None) -> ChatModel:
        """None: the default. Raises Invalid for a name that is not there."""
        if name is None:
            return self.default
        if name not in self._models:
            raise Invalid(f"There is no model {name!r}.", code="unknown_model", fields=(_unknown(self._models),))
        return self._models[name]

    def kept(self, name: str | None) -> ChatModel:
        """Of a conversation, whose model may have gone since. Raises Unavailable."""
        if name is not None and name not in self._models:
            raise Unavailable(
                f"The model {name!r} of this conversation is not set up any more; choose another.", code="model_gone"
            )
        return self.get(name)

    @property
    def all(self) -> list[About]:
        return [model.about for model in self._models.values()]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _unknown(models: Mapping[str, ChatModel]) -> FieldError:
    return FieldError("model", "Choose of: " + ", ".join(models) + ".")


__all__ = ["OFFLINE", "ChatModels", "ChatSettings", "NotConfigured"]
