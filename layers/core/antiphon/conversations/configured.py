"""The chat models of this deployment, from its settings: the same for every function that asks them."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon.conversations.cap_dynamo import daily_cap
from antiphon.engines.chat_models import ChatModels, ChatSettings
from antiphon.platform.clock import Clock
from antiphon.platform.secret import model_keys
from antiphon.platform.table import Table
from antiphon.platform.telemetry import EmfMetrics


def chat_models(values: Mapping[str, str], table: Table, clock: Clock) -> ChatModels:
    """values: ``GEMINI_MODELS``, ``OPEN_AI_MODELS``, ``OPEN_AI_URL``, ``CHAT_TOKENS_PER_DAY``, ``DEPLOYMENT``, the name of the stack, and ``MODEL_KEYS``, the secret that holds the providers' keys as
    JSON (``{"gemini": "…", "openai": "…"}``), which is read where there is a model that may need one."""
    gemini, openai, url = values["GEMINI_MODELS"], values["OPEN_AI_MODELS"], values["OPEN_AI_URL"]
    secret = values["MODEL_KEYS"]
    keys = model_keys(secret, table.region) if gemini or openai else {}
    settings = ChatSettings(
        gemini_models=gemini,
        gemini_key=keys.get("gemini", ""),
        openai_models=openai,
        openai_key=keys.get("openai", ""),
        openai_url=url,
    )
    cap = daily_cap(table, int(values["CHAT_TOKENS_PER_DAY"]), clock)
    return ChatModels.of(settings, cap, EmfMetrics(values["DEPLOYMENT"]))
