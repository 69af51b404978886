"""What the routes show of runs."""

from __future__ import annotations

from typing import Any

from antiphon.platform.clock import rfc3339
from antiphon.runs.model import Called, Run, Step


def run_view(run: Run) -> dict[str, Any]:
    counted = run.tokens_in or run.tokens_out
    return {
        "id": run.id,
        "kind": "run",
        "conversation_id": run.conversation_id,
        "message_id": run.message_id,
        "reply_id": run.reply_id,
        "status": run.status.value,
        "progress": run.progress,
        "model": run.model,
        "tools": list(run.tools),
        "steps": [_step(step) for step in run.steps],
        "answer": run.answer,
        "tokens": {"input": run.tokens_in, "output": run.tokens_out} if counted else None,
        "error": {"code": run.error.code, "detail": run.error.detail} if run.error else None,
        "metadata": dict(run.metadata),
        "created_at": rfc3339(run.created_at),
        "started_at": rfc3339(run.started_at) if run.started_at else None,
        "finished_at": rfc3339(run.finished_at) if run.finished_at else None,
    }


def _step(step: Step) -> dict[str, Any]:
    return {"text": step.text, "calls": [_call(call) for call in step.calls]}


def _call(call: Called) -> dict[str, Any]:
    return {
        "tool": call.name,
        "arguments": dict(call.arguments),
        "status": call.status.value,
        "waits_for": call.waits_for if call.open else None,
        "result": call.result,
        "output": {name: value for name, value in call.output.items() if name != "parts"},
    }
