"""``/v1/audio/speech`` and ``/voices`` as OpenAI and its friends have them."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from started import accepted, check_ended, headers_of, patience, start, still_running, streamed, wants_no_answer
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
EVENT = 24_000
"""Bytes of sound in one event at most."""
PCM_RATE = 24_000
"""Hz: OpenAI's, and what clients play that without asking."""


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
        # Samples alone do not say at which rate they are to be played.
        kept = "wav" if new.response_format == "pcm" else new.response_format
        wanted = NewJob(
            options={"voice": voice, "format": kept, "speed": new.speed},
            text=new.input,
            request_id=request.state.request_id,
        )
        canonical = json.dumps(new.model_dump(), sort_keys=True).encode()
        submitted = await run_in_threadpool(
            start, wiring, request, me, canonical, lambda seed: wiring.submit.speech(me, wanted, seed)
        )
        if wants_no_answer(request):
            return accepted(submitted)
        job = submitted.job
        pieces = _pieces(wiring, job, new.response_format)
        if new.stream_format == "sse":
            return await streamed(job, _events(pieces, new.input))
        try:
            async with asyncio.timeout(patience(request)):
                first = await anext(pieces)
        except TimeoutError as error:
            raise still_running(job) from error
        kind = FORMATS[new.response_format].content_type
        if new.response_format == "wav":
            return Response(first, 200, headers_of(job), kind)
        return StreamingResponse(_from(first, pieces), 200, headers_of(job), kind)

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


async def _pieces(wiring: Wiring, job: Job, format: str) -> AsyncIterator[bytes]:
    """Each sentence as soon as it is spoken; a WAV, whose head says how long it is, in one piece once that is known. Raises what became of a job that did not succeed."""
    if format == "wav":
        yield await _finished(wiring, await wiring.follow.ended(job))
        return
    # Not with the function: who only lists voices need not wait for FFmpeg.
    from antiphon.media.growing import GrowingSound

    sound: GrowingSound | None = None
    async for each in wiring.follow.sentences(job):
        if isinstance(each, Job):
            ended = check_ended(each)
        elif sound or each.key:
            part = await run_in_threadpool(wiring.listen.part, each)
            sound = sound or GrowingSound(format, part.sample_rate, PCM_RATE)
            if piece := await run_in_threadpool(sound.add, part.samples):
                yield piece
    if sound is None:  # its sentences cannot be had one by one: it is a copy of another job's
        audio = await _finished(wiring, ended)
        if format != "pcm":
            yield audio
            return
        with wave.open(io.BytesIO(audio)) as file:
            sound = GrowingSound(format, file.getframerate(), PCM_RATE)
            yield sound.add(file.readframes(file.getnframes()))
    if rest := await run_in_threadpool(sound.end):
        yield rest


async def _finished(wiring: Wiring, ended: Job) -> bytes:
    return await run_in_threadpool(
        wiring.objects.read, wiring.settings.results_bucket, check_ended(ended).result["key"]
    )


async def _from(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """An error after the first piece cuts the answer off: nobody takes a half for the whole."""
    async with aclosing(cast(Any, pieces)):
        yield first
        async for piece in pieces:
            yield piece


async def _events(pieces: AsyncIterator[bytes], text: str) -> AsyncIterator[dict[str, Any]]:
    async with aclosing(cast(Any, pieces)):
        async for piece in pieces:
            for at in range(0, len(piece), EVENT):
                yield {"type": "speech.audio.delta", "audio": base64.b64encode(piece[at : at + EVENT]).decode()}
    yield {"type": "speech.audio.done", "usage": usage_of(text)}


def usage_of(text: str) -> dict[str, int]:
    """Tokens are estimated as everywhere here, by a third of the bytes; sound is not made of any."""
    tokens = -(-len(text.encode()) // 3)
    return {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
