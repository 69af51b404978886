"""Every request is a durable job first, and an answer is only waiting for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, cast

from fastapi.responses import JSONResponse
from starlette.requests import Request
from wiring import Wiring

from antiphon.platform.errors import AntiphonError, Field, Invalid, Unavailable
from antiphon.platform.idempotency import Answer
from antiphon.platform.openai_errors import error_object
from antiphon.platform.request import Caller
from antiphon.platform.sse import EventStream
from antiphon.platform.web import about
from antiphon.speech.model import PLACES, Job, Status
from antiphon.speech.submit import Submitted
from antiphon.speech.view import job_view

QUIET = 25.0
"""Seconds for which a failure still has a status of its own, where an answer can be kept alive after them; proxies close what says nothing for 30."""
PATIENCE = 240.0
"""Seconds for an answer that cannot: the gateway closes what says nothing for 300."""
EDGE_PATIENCE = 50.0
"""Seconds for one that goes through CloudFront, which closes what says nothing for 60."""
LONGEST = 840.0
"""Seconds for one that can: the gateway ends every answer after 900."""
_CALLERS_FAULT: Mapping[str, str] = MappingProxyType(
    {
        "empty_media": "file",
        "media_out_of_bounds": "file",
        "media_too_large": "file",
        "media_too_long": "file",
        "no_audio": "file",
        "text_empty": "input",
        "text_too_long": "input",
        "text_unreadable": "input",
        "truncated_media": "file",
        "undecodable_media": "file",
        "unknown_voice": "voice",
        "unsupported_language": "language",
        "unsupported_media": "file",
    }
)
"""The parameter of each."""


def patience(request: Request) -> float:
    """Seconds for which an answer that cannot be kept alive may be waited for. CloudFront tells of itself (decision 52)."""
    return EDGE_PATIENCE if "x-antiphon-edge" in request.headers else PATIENCE


def still_running(job: Job) -> Unavailable:
    """The SDKs of OpenAI repeat the request."""
    where = place_of(job)
    error = Unavailable(
        f"This takes longer than a request may wait; nothing is lost, and the result will be at {where}.",
        code="still_running",
        retry_after=1,
    )
    error.headers = {"Location": where}
    return error


def place_of(job: Job) -> str:
    return f"/v1/{PLACES[job.kind]}/{job.id}"


def start(
    wiring: Wiring, request: Request, me: Caller, canonical: bytes, make: Callable[[str | None], Submitted]
) -> Submitted:
    """canonical: the same bytes for the same request, however its form was written. make: the job of a seed, the same each time."""
    key = request.headers.get("idempotency-key")
    if key is None:
        submitted = make(None)
    else:
        record = wiring.idempotency.begin(
            user=me.user_id, method="POST", path=request.url.path, key=key, body=canonical
        )
        try:
            submitted = make(record.seed)
        except BaseException:
            if record.answer is None:
                wiring.idempotency.release(record)
            raise
        if record.answer is None:
            wiring.idempotency.finish(record, Answer(202, (), json.dumps({"id": submitted.job.id})))
    about(request, submitted.job.id)
    return submitted


def wants_no_answer(request: Request) -> bool:
    """RFC 7240."""
    return "respond-async" in request.headers.get("prefer", "").lower()


def accepted(submitted: Submitted) -> JSONResponse:
    headers = {"Location": place_of(submitted.job), "Preference-Applied": "respond-async"}
    return JSONResponse(job_view(submitted.job, joined=submitted.joined), 202, headers)


def headers_of(job: Job) -> dict[str, str]:
    """Where the result stays."""
    return {"Content-Location": place_of(job)}


def check_ended(job: Job) -> Job:
    """Raises what became of it where it did not succeed."""
    if job.status is Status.SUCCEEDED:
        return job
    code = job.error.code if job.error else f"job_{job.status.value}"
    detail = job.error.detail if job.error else f"The job was {job.status.value}."
    fields = (Field(_CALLERS_FAULT[code], detail),) if code in _CALLERS_FAULT else ()
    failed = Invalid(detail, code=code, fields=fields) if fields or not job.error else AntiphonError(detail, code=code)
    # What failed for good fails again.
    failed.headers = {"X-Should-Retry": "false", "Location": place_of(job)}
    raise failed


async def streamed(job: Job, events: AsyncIterator[dict[str, Any]]) -> EventStream:
    """Until the first event there is a status to fail with, unless that takes too long. Raises what the events raise till then."""
    first = asyncio.ensure_future(cast(Any, anext(events)))
    done, _ = await asyncio.wait({first}, timeout=QUIET)
    if done:
        first.result()
    stream = EventStream(_told(job, first, events))
    stream.headers.update(headers_of(job))
    return stream


async def _told(
    job: Job, first: asyncio.Future[dict[str, Any]], events: AsyncIterator[dict[str, Any]]
) -> AsyncIterator[bytes]:
    ends = asyncio.get_running_loop().time() + LONGEST
    async with aclosing(cast(Any, events)):
        try:
            yield _event(await first)
            while True:
                async with asyncio.timeout_at(ends):
                    event = await anext(events, None)
                if event is None:
                    return
                yield _event(event)
        except TimeoutError:
            yield _event(error_object(still_running(job)))
        except AntiphonError as error:
            yield _event(error_object(error))
        finally:
            first.cancel()


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
