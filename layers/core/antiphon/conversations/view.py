"""What the routes show of conversations and messages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from antiphon.conversations.model import Conversation, Message
from antiphon.conversations.presets import Preset
from antiphon.platform.clock import rfc3339


def conversation_view(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "model": conversation.model,
        "archived": conversation.archived,
        "settings": conversation.options.shown,
        "metadata": dict(conversation.metadata),
        "message_count": conversation.message_count,
        "created_at": rfc3339(conversation.created_at),
        "updated_at": rfc3339(conversation.updated_at),
    }


def message_view(message: Message) -> dict[str, Any]:
    counted = message.tokens_in is not None or message.tokens_out is not None
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "role": message.role,
        "type": message.type,
        "content": message.content,
        "parts": [dict(part) for part in message.parts],
        "status": message.status.value,
        "finish_reason": message.ended,
        "model": message.model,
        "tokens": {"input": message.tokens_in, "output": message.tokens_out} if counted else None,
        "latency_ms": message.latency_ms,
        "citations": [asdict(citation) for citation in message.citations],
        "created_at": rfc3339(message.created_at),
    }


def preset_view(preset: Preset) -> dict[str, Any]:
    return {
        "id": preset.id,
        "name": preset.name,
        "model": preset.model,
        "settings": preset.options.shown,
        "created_at": rfc3339(preset.created_at),
    }
