"""Answers without a model: quotes the passages of the user's own material that fit the question best, and says that it is offline."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from antiphon.engines.chat import About, Delta, Done, Prompt, Source, tokens_of
from antiphon.platform.words import words_of

BEST = 3
"""Passages that are quoted at most."""
MAX_QUOTE = 400
"""Characters of a passage that are quoted."""
OFFLINE = About("offline", "offline", 32_000, ("chat", "streaming", "citations"))
_NOTHING = "I am offline: no language model is set up here, and in your messages, transcripts and documents I find nothing about this."
_FOUND = "I am offline: no language model is set up here. In your own material, this fits best:"


def ranked(question: str, sources: Sequence[Source]) -> list[Source]:
    """Those that share a word with the question, best first."""
    return [source for _, source in scored(question, sources)]


def scored(question: str, sources: Sequence[Source]) -> list[tuple[float, Source]]:
    """Those that share a word with the question, best first: BM25 (k1 1.2, b 0.75) over these passages alone."""
    asked = set(words_of(question))
    texts = [Counter(words_of(source.text)) for source in sources]
    lengths = [sum(text.values()) for text in texts]
    mean = sum(lengths) / len(lengths) if lengths else 0
    weight = {}
    for word in asked:
        having = sum(1 for text in texts if word in text)
        # A word that nearly every passage has says nothing.
        weight[word] = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
    found = []
    for place, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        norm = 1.2 * (0.25 + 0.75 * length / mean) if mean else 1.2
        score = sum(weight[w] * text[w] * 2.2 / (text[w] + norm) for w in asked if w in text)
        if score > 0:
            found.append((-score, place))
    return [(-score, sources[place]) for score, place in sorted(found)]


class OfflineChat:
    """Reads ``sources`` of the prompt: whoever asks puts in what may be quoted."""

    about = OFFLINE

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        best = ranked(prompt.turns[-1].text, prompt.sources)[:BEST]
        parts = [_FOUND, *(f"\n\n> {quoted(source)} {source.label}" for source in best)] if best else [_NOTHING]
        room = prompt.settings.max_output_tokens
        for part in parts:
            if tokens_of(part) > room:
                yield Done("length", None, None)
                return
            room -= tokens_of(part)
            yield Delta(part)
        yield Done()

    async def aclose(self) -> None:
        """There are none."""


def quoted(source: Source) -> str:
    """On one line, cut at a word where it is long."""
    text = " ".join(source.text.split())
    return text if len(text) <= MAX_QUOTE else text[:MAX_QUOTE].rsplit(" ", 1)[0] + " …"
