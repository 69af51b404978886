"""A message's body as ``POST …/messages`` takes it."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from antiphon.conversations.answer import Asked
from antiphon.conversations.model import ChatOptions
from antiphon.conversations.shapes import NewMessage
from antiphon.platform.errors import Field, Invalid
from antiphon.realtime.ports import Question


def asked(request_id: str) -> Callable[[Question], Asked]:
    """What it gives raises Invalid."""

    def read(question: Question) -> Asked:
        try:
            new = NewMessage.model_validate(dict(question.body))
        except ValidationError as error:
            wrong = tuple(
                Field(".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")) for e in error.errors()[:20]
            )
            raise Invalid("; ".join(f"{f.field}: {f.detail}" for f in wrong[:3]), fields=wrong) from error
        return Asked(
            user_id=question.user_id,
            tier=question.tier,
            content=new.content,
            options=new.settings.options() if new.settings else ChatOptions(),
            parts=tuple(a.model_dump() for a in new.attachments),
            model=new.model,
            seed=question.seed,
            request_id=request_id,
        )

    return read
