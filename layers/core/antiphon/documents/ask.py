"""A question to one's documents: the passages that fit it, and an answer that rests on them alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from antiphon.conversations.citations import citations_in
from antiphon.conversations.complete import Complete
from antiphon.conversations.model import DEFAULT_OUTPUT, Citation
from antiphon.documents.find import FindPassages, Passage
from antiphon.engines.chat import Delta, Done, Prompt, Settings, Turn
from antiphon.engines.chat_models import ChatModels

RULE = "Answer the question from the passages alone, in the language of the question. Where they do not hold the answer, say so and add nothing."


@dataclass(frozen=True)
class Question:
    """``document_ids``: None for all; ``most``: passages; ``model``: None for the deployment's default."""

    text: str
    document_ids: Sequence[str] | None = None
    most: int = 5
    model: str | None = None


@dataclass(frozen=True)
class Answer:
    """``citations``: marks of the answer that stand at one of its passages; their quotes stand on the pages that they name."""

    content: str
    citations: tuple[Citation, ...]
    model: str
    finish_reason: str
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True)
class Answered:
    """``answer``: None where no passage fits: then no model was asked."""

    passages: tuple[Passage, ...]
    answer: Answer | None


class AskDocuments:
    def __init__(self, *, find: FindPassages, complete: Complete, models: ChatModels) -> None:
        self._find = find
        self._complete = complete
        self._models = models

    async def __call__(self, user_id: str, tier: str, question: Question) -> Answered:
        """Raises NotFound, Conflict, Invalid (unknown model), QuotaExceeded, ModelError."""
        model = self._models.get(question.model).about.name
        look = partial(self._find, user_id, question.text, question.document_ids, question.most)
        passages = await asyncio.to_thread(look)
        if not passages:
            return Answered((), None)
        sources = tuple(passage.source for passage in passages)
        prompt = Prompt(RULE, (Turn("user", question.text),), Settings(0.2, None, DEFAULT_OUTPUT), sources=sources)
        content, done = "", Done()
        async with aclosing(cast(Any, self._complete(user_id, tier, model, prompt))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Delta):
                    content += piece.text
                else:
                    done = piece
        cited = citations_in(content, sources)
        tokens = (done.tokens_in or 0, done.tokens_out or 0)
        return Answered(passages, Answer(content, cited, model, done.reason, *tokens))
