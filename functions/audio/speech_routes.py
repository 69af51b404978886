"""``/v1/audio/speech`` and ``/voices`` as OpenAI and its friends have them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from started import PATIENCE, accepted, check_ended, headers_of, start, still_running, streamed, wants_no_answer
from wiring import Wiring

from antiphon.media.formats import FORMATS
from antiphon.platform.errors import Field, Invalid
from antiphon.platform.request import Caller
from antiphon.platform.web import caller
from antiphon.speech.model import Job
from antiphon.speech.openai.asked import check_speech_model
from antiphon.speech.openai.names import NO_EVENTS, all_voices, own_voice
from antiphon.speech.openai.shapes import NewAudioSpeech, VoiceId
from antiphon.speech.submit import NewJob

Me = Annotated[Caller, Depends(caller)]
PIECE = 24_000
"""Bytes of audio in one event; a multiple of 3, so that their base64 can be put together."""


def speech_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/audio", tags=["audio"])
    engine = wiring.settings.synthesizer

    @routes.post("/speech", response_model=None)
    async def speak(new: NewAudioSpeech, request: Request, me: Me) -> Response:
        """As OpenAI's; `instructions` are accepted, and no engine here follows any. With `Prefer: respond-async` a 202 that names the job."""
        check_speech_model(new.model, engine)
        if new.stream_format == "sse" and new.model in NO_EVENTS:
            detail = f"Invalid value: 'sse'. {new.model} does not support stream_format sse."
            raise Invalid(detail, code="unsupported_value", fields=(Field("stream_format", detail),))
        if not new.input.strip():
            detail = "Invalid 'input': there is nothing to say in it."
            raise Invalid(detail, code="text_empty", fields=(Field("input", detail),))
        voice = own_voice(new.voice.id if isinstance(new.voice, VoiceId) else new.voice, engine)
        wanted = NewJob(
            options={"voice": voice, "format": new.response_format, "speed": new.speed},
            text=new.input,
            request_id=request.state.request_id,
        )
        canonical = json.dumps(new.model_dump(), sort_keys=True).encode()
        job = await run_in_threadpool(
            start, wiring, request, me, canonical, lambda seed: wiring.submit.speech(me, wanted, seed)
        )
        if wants_no_answer(request):
            return accepted(job)
        if new.stream_format == "sse":
            return await streamed(job, _events(wiring, job, new.input))
        try:
            async with asyncio.timeout(PATIENCE):
                audio = await _audio(wiring, job)
        except TimeoutError as error:
            raise still_running(job) from error
        return Response(audio, 200, headers_of(job), FORMATS[new.response_format].content_type)

    @routes.get("/voices")
    def voices(me: Me) -> dict[str, Any]:
        """OpenAI's names first, then all of ours. ``voices`` is what Kokoro's and Open WebUI's clients read."""
        found = [
            {
                "id": name,
                "object": "audio.voice",
                "name": name.capitalize() if name != voice.id else voice.name,
                "voice_id": voice.id,
                "language": voice.language,
                "gender": voice.gender,
                "engine": voice.engine,
                "quality": voice.quality,
            }
            for name, voice in all_voices(engine)
        ]
        return {"object": "list", "data": found, "voices": [{"id": v["id"], "name": v["name"]} for v in found]}

    return routes


async def _audio(wiring: Wiring, job: Job) -> bytes:
    """All of it, with a head that is right."""
    ended = check_ended(await wiring.follow.ended(job))
    return await run_in_threadpool(wiring.objects.read, wiring.settings.results_bucket, ended.result["key"])


async def _events(wiring: Wiring, job: Job, text: str) -> AsyncIterator[dict[str, Any]]:
    audio = await _audio(wiring, job)
    for first in range(0, len(audio), PIECE):
        yield {
            "type": "speech.audio.delta",
            "audio": base64.b64encode(audio[first : first + PIECE]).decode(),
        }
    yield {"type": "speech.audio.done", "usage": usage_of(text)}


def usage_of(text: str) -> dict[str, int]:
    """Tokens are estimated as everywhere here, by a third of the bytes; sound is not made of any."""
    tokens = -(-len(text.encode()) // 3)
    return {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
