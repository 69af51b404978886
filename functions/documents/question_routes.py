from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from shapes import NewQuestion, answered_view
from wiring import Wiring

from antiphon.documents.ask import Question
from antiphon.engines.chat import ModelError
from antiphon.platform.request import Caller
from antiphon.platform.web import caller

WITHIN = 25.0
"""Seconds for an answer; the gateway gives up after 29."""


def question_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/documents", tags=["documents"])

    @routes.post("/query")
    async def query(new: NewQuestion, me: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        """Passages that fit the question, the best first, and an answer that cites them by their pages; ``answer`` is null where none fits."""
        question = Question(new.question, new.document_ids, new.top_k, new.model)
        try:
            async with asyncio.timeout(WITHIN):
                return answered_view(await wiring.ask(me.user_id, me.tier, question))
        except TimeoutError as error:
            raise ModelError("The answer took too long to wait for it; repeat.", code="model_timeout") from error

    return routes
