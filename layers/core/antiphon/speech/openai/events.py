"""The events of a transcription while it grows, as OpenAI streams them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from antiphon.speech.model import Job
from antiphon.speech.openai.asked import Wanted
from antiphon.speech.openai.names import TELLS_LANGUAGES
from antiphon.speech.openai.told import Speakers, diarized_segment
from antiphon.speech.ports import Numbered
from antiphon.speech.render import Transcript


async def transcript_events(
    wanted: Wanted,
    found: AsyncIterator[Numbered | Job],
    check: Callable[[Job], Job],
    whole: Callable[[Job], Transcript],
) -> AsyncIterator[dict[str, Any]]:
    """found: the segments, and last the job as it ended. Speakers are known at the end only, so `diarized_json` comes then. All deltas together are the text of
    ``transcript.text.done``. Raises what ``check`` raises."""
    said, ended = False, None
    async for each in found:
        if isinstance(each, Job):
            ended = check(each)
        elif wanted.format != "diarized_json" and (text := each.segment.text.strip()):
            yield _delta(text, said)
            said = True
    assert ended is not None
    transcript = await asyncio.to_thread(whole, ended)
    if wanted.format == "diarized_json":
        speakers = Speakers()
        for segment in transcript.segments:
            shown = diarized_segment(segment, speakers)
            if text := segment.text.strip():
                yield {**_delta(text, said), "segment_id": shown["id"]}
                said = True
            yield shown
    done: dict[str, Any] = {"type": "transcript.text.done", "text": transcript.text}
    if wanted.model == TELLS_LANGUAGES:
        done["languages"] = [{"code": ended.language}] if ended.language else []
    yield done


def _delta(text: str, said: bool) -> dict[str, Any]:
    return {"type": "transcript.text.delta", "delta": f" {text}" if said else text}
