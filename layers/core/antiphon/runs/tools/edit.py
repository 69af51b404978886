"""``edit_audio``: operations on a recording, or a command in plain language; a new recording comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from antiphon.media.edits import Edits
from antiphon.media.operations import Operations
from antiphon.media.understand import understand
from antiphon.runs.model import Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, seed_of
from antiphon.speech.model import Status


class EditArguments(Arguments):
    media_id: Annotated[str, Field(pattern=r"^med_[0-9A-HJKMNP-TV-Z]{26}$")]
    command: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    operations: Operations | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> EditArguments:
        if (self.command is None) == (self.operations is None):
            raise ValueError("send either command or operations")
        return self


class EditTool:
    name = "edit_audio"
    description = (
        "Edits an uploaded recording and makes a new one: trim, cut, fade, gain, normalize, denoise, speed, pitch, reverse, channels, convert. "
        "Takes a while."
    )
    # Written out: providers do not take the references of the whole schema.
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "media_id": {"type": "string", "description": "Of an uploaded recording."},
            "command": {
                "type": "string",
                "description": "In plain words, such as: drop the first ten seconds, then normalize and convert to mp3.",
            },
            "operations": {
                "type": "array",
                "items": {"type": "object"},
                "description": 'Instead of command, such as [{"op": "trim", "start": 10}, {"op": "gain", "db": -3}].',
            },
        },
        "required": ["media_id"],
        "additionalProperties": False,
    }

    def __init__(self, edits: Edits) -> None:
        self._edits = edits

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        asked = parsed(EditArguments, arguments)
        operations = list(asked.operations or ())
        if asked.command is not None:
            _, duration = self._edits.item(run.user_id, asked.media_id)
            operations = list(understand(asked.command, duration))
        job = self._edits.submit(
            run.user_id,
            run.tier,
            asked.media_id,
            operations,
            metadata={"run_id": run.id},
            request_id=run.request_id,
            seed=seed_of(run.id, seed),
        )
        return Waiting(job.id, {"edit_id": job.id, "link": f"/v1/edits/{job.id}"})

    def check(self, run: Run, waits_for: str) -> Result | None:
        job = self._edits.get(run.user_id, waits_for)
        if not job.terminal:
            return None
        if job.status is not Status.SUCCEEDED:
            code = job.error.code if job.error else job.status.value
            return Result(job.error.detail if job.error else f"It was {job.status.value}.", {"code": code}, failed=True)
        media = str(job.result["media_id"])
        part = {"type": "audio", "media_id": media}
        return Result(f"The new recording is {media}.", {"media_id": media, "parts": [part]})
