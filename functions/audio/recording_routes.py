"""``/v1/audio/transcriptions`` and ``/translations`` as OpenAI has them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from form import documented, read_form
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from started import (
    LONGEST,
    QUIET,
    accepted,
    check_ended,
    headers_of,
    patience,
    start,
    still_running,
    streamed,
    wants_no_answer,
)
from wiring import Wiring

from antiphon.platform.errors import Field, Invalid
from antiphon.platform.request import Caller
from antiphon.platform.web import caller
from antiphon.speech.fetch import filename_of
from antiphon.speech.hand_in import File
from antiphon.speech.model import Job
from antiphon.speech.openai.asked import Wanted, wanted_transcription, wanted_translation
from antiphon.speech.openai.events import transcript_events
from antiphon.speech.openai.shapes import NewAudioTranscription, NewAudioTranslation
from antiphon.speech.openai.told import body_of, text_of
from antiphon.speech.submit import NewJob, Submitted
from antiphon.speech.transcript import transcript_of

Me = Annotated[Caller, Depends(caller)]
FORMS = ("/v1/audio/transcriptions", "/v1/audio/translations")
SPACE_EVERY = 10.0
"""Seconds."""
JSON = "application/json"


def recording_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/audio", tags=["audio"])
    engine = wiring.settings.transcriber

    @routes.post("/transcriptions", response_model=None, openapi_extra=documented(NewAudioTranscription))
    async def transcribe(request: Request, me: Me) -> Response:
        """As OpenAI's. With `Prefer: respond-async` a 202 that names the job; else the answer waits for it. Asking for another format of the same recording is
        the same job."""
        new, file = await read_form(request, NewAudioTranscription)
        return await _answered(wiring, request, me, wanted_transcription(new, engine), file)

    @routes.post("/translations", response_model=None, openapi_extra=documented(NewAudioTranslation))
    async def translate(request: Request, me: Me) -> Response:
        """As OpenAI's: what was said, in English."""
        new, file = await read_form(request, NewAudioTranslation)
        return await _answered(wiring, request, me, wanted_translation(new, engine), file)

    return routes


async def _answered(wiring: Wiring, request: Request, me: Caller, wanted: Wanted, file: File | None) -> Response:
    if sum(source is not None for source in (file, wanted.media_id, wanted.url)) != 1:
        nothing = file is None and wanted.media_id is None and wanted.url is None
        detail = "Missing required parameter: 'file'." if nothing else "Send one of file, media_id and url."
        raise Invalid(detail, code="missing_required_parameter", fields=(Field("file", detail),))
    if wanted.url:
        wiring.guard.check_syntax(wanted.url, "url")
    submitted = await run_in_threadpool(_started, wiring, request, me, wanted, file)
    job = submitted.job
    if wants_no_answer(request):
        return accepted(submitted)
    if wanted.streams:
        segments = wiring.follow.segments(job)
        events = transcript_events(
            wanted, segments, check_ended, lambda ended: transcript_of(ended, wiring.jobs.segments(ended.id))
        )
        return await streamed(job, events)
    return await _whole(wiring, job, wanted, QUIET if wanted.is_json else patience(request))


def _started(wiring: Wiring, request: Request, me: Caller, wanted: Wanted, file: File | None) -> Submitted:
    new = NewJob(
        options=wanted.options,
        title=filename_of(wanted.url) if wanted.url else None,
        media_id=wanted.media_id,
        url=wanted.url,
        request_id=request.state.request_id,
        dedupe=wanted.dedupe,
    )
    digest = hashlib.sha256(file.body).hexdigest() if file else None
    canonical = json.dumps([asdict(wanted), digest], sort_keys=True).encode()

    def make(seed: str | None) -> Submitted:
        return wiring.hand_in(me, file, new, seed) if file else wiring.submit.transcription(me, new, seed)

    return start(wiring, request, me, canonical, make)


async def _whole(wiring: Wiring, job: Job, wanted: Wanted, silent: float) -> Response:
    """A status of its own within so many seconds of silence. White space may stand before JSON, and keeps the way open after that."""
    ending = asyncio.ensure_future(wiring.follow.ended(job))
    done, _ = await asyncio.wait({ending}, timeout=silent)
    if done:
        body, kind = await run_in_threadpool(_shown, wiring, check_ended(ending.result()), wanted)
        return Response(body, 200, headers_of(job), kind)
    if wanted.is_json:
        return StreamingResponse(_spaced(wiring, job, ending, wanted), 200, headers_of(job), JSON)
    ending.cancel()
    raise still_running(job)


async def _spaced(wiring: Wiring, job: Job, ending: asyncio.Future[Job], wanted: Wanted) -> AsyncIterator[bytes]:
    """An error cuts the answer off: there is no status left to say it with, and the SDKs repeat what was cut off."""
    try:
        for _ in range(int((LONGEST - QUIET) / SPACE_EVERY)):
            yield b" "
            done, _ = await asyncio.wait({ending}, timeout=SPACE_EVERY)
            if done:
                yield (await run_in_threadpool(_shown, wiring, check_ended(ending.result()), wanted))[0]
                return
        raise still_running(job)
    finally:
        ending.cancel()


def _shown(wiring: Wiring, job: Job, wanted: Wanted) -> tuple[bytes, str]:
    transcript = transcript_of(job, wiring.jobs.segments(job.id))
    if wanted.is_json:
        return json.dumps(body_of(wanted, job, transcript), ensure_ascii=False).encode(), JSON
    text, kind = text_of(wanted, transcript)
    return text.encode(), kind
