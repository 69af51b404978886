from __future__ import annotations

from dataclasses import asdict
from itertools import accumulate
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import Language, NewSpeech
from wiring import Wiring

from antiphon.engines.voices import check_mix, matches, voice_for
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import NotFound
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech import model
from antiphon.speech.again import retry_by
from antiphon.speech.listen import MAX_WAIT
from antiphon.speech.marked import voices_in
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import Mark
from antiphon.speech.retrying import change
from antiphon.speech.samples import said_by
from antiphon.speech.submit import NewJob
from antiphon.speech.text import format_of
from antiphon.speech.view import job_view, mark_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
KIND = Kind.SPEECH
MARKS_AT_ONCE = 500
CHARACTERS_AT_ONCE = 50_000
"""Of marks: even if each is a word with its times, they stay below the 6 MB that a function may answer."""


def speech_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["speech"])
    results, engine = wiring.settings.results_bucket, wiring.settings.synthesizer

    def find(me: Caller, job_id: str) -> Job:
        job = wiring.jobs.get(me.user_id, KIND, job_id)
        if job is None:
            raise NotFound("There is no such speech.")
        return job

    def shown(job: Job, *, joined: bool = False) -> dict[str, Any]:
        url = None
        if job.status is Status.SUCCEEDED:
            name = f"{job.title or 'speech'}.{job.result['extension']}"
            url = wiring.objects.presign_get(
                results, job.result["key"], filename=name, content_type=job.result["content_type"]
            )
        return job_view(job, audio_url=url, joined=joined, outlook=wiring.outlooks.of(job))

    @routes.post("/speech", status_code=202)
    def create(new: NewSpeech, request: Request, response: Response, me: Me, dry_run: bool = False) -> dict[str, Any]:
        """With ``dry_run`` nothing is started: the answer is what it would cost, and when it would be done."""
        if new.callback_url:
            wiring.guard.check_syntax(new.callback_url)
        options = {"voice": voice_for(engine, new.language), **new.options()}
        check_mix(options["voice"], engine)
        if new.input and format_of(new.input, None, None, new.input_format) != "ssml":
            for voice in dict.fromkeys(voices_in(new.input)):
                check_mix(voice, engine, field="input")
        wanted = NewJob(
            options=options,
            metadata=new.metadata,
            title=new.title,
            callback_url=new.callback_url,
            media_id=new.media_id,
            text=new.input,
            request_id=request.state.request_id,
            dedupe=new.dedupe,
        )
        if dry_run:
            response.status_code = 200
            return wiring.estimate(me, KIND, wanted)
        submitted = wiring.submit.speech(me, wanted, seed_of(request))
        response.headers["Location"] = f"/v1/speech/{submitted.job.id}"
        return shown(submitted.job, joined=submitted.joined)

    @routes.get("/speech")
    def listed(
        me: Me,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        status: Status | None = None,
    ) -> dict[str, Any]:
        filters = {"status": status.value} if status else {}
        scope = (me.user_id, "speech", *filters.values())
        page = wiring.jobs.list(me.user_id, KIND, limit=limit, position=decode_cursor(cursor, *scope), filters=filters)
        return {
            "data": [job_view(j) for j in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/speech/{job_id}")
    def one(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(find(me, job_id))

    @routes.get("/speech/{job_id}/marks")
    def marks(
        job_id: Id,
        me: Me,
        after: Annotated[int, Query(ge=-1, le=10**9)] = -1,
        limit: Annotated[int, Query(ge=1, le=MARKS_AT_ONCE)] = MARKS_AT_ONCE,
        wait: Annotated[float, Query(ge=0, le=MAX_WAIT)] = 0,
    ) -> dict[str, Any]:
        """Sentence and word times, and where each sentence can be heard: from the moment it is finished, while the rest is made, and for two days.

        To play a speech while it is made, ask with `wait` (seconds) and with `after`, the index of the last sentence that you have, until
        `status` is an end and `data` is empty. The audio of the sentences in their order, pauses included, is the audio of the whole.
        """
        job, found = wiring.listen.marks(me.user_id, job_id, after=after, limit=limit, wait=wait)

        def playable(mark: Mark) -> str | None:
            if mark.key is None or not wiring.listen.playable(job, mark):
                return None
            name = f"{mark.index:05d}.wav"
            return wiring.objects.presign_get(results, mark.key, filename=name, content_type="audio/wav")

        sizes = accumulate(len(mark.text) for mark in found)
        shown_now = [
            mark_view(m, playable(m)) for m, size in zip(found, sizes, strict=True) if size <= CHARACTERS_AT_ONCE
        ]
        return {"id": job.id, "status": job.status.value, "data": shown_now}

    @routes.post("/speech/{job_id}/cancel")
    def cancel(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(change(wiring.jobs, me.user_id, KIND, job_id, lambda job: model.cancel(job, wiring.clock())))

    @routes.post("/speech/{job_id}/retry")
    def retry(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(change(wiring.jobs, me.user_id, KIND, job_id, retry_by(me, wiring.clock)))

    @routes.delete("/speech/{job_id}")
    def delete(job_id: Id, me: Me) -> dict[str, Any]:
        receipt = wiring.remove(me.user_id, KIND, job_id)
        return {
            "id": receipt.id,
            "deleted": True,
            "rows": receipt.rows,
            "objects": receipt.objects,
            "versions": receipt.versions,
        }

    @routes.get("/voices")
    def voices(
        me: Me,
        language: Language | None = None,
        gender: Literal["female", "male"] | None = None,
        engine: Literal["espeak", "kokoro"] | None = None,
    ) -> dict[str, Any]:
        """All voices of the synthesizer that speaks here. language: `en` or `en-GB`. quality: the grades of Kokoro's makers, A the best.
        sample_url: null until the sample is made, which the first worker that starts does for all voices."""
        found = [v for v in wiring.voices if matches(v, language=language, gender=gender, engine=engine)]
        made = wiring.samples.made()
        urls = {v.id: f"/v1/voices/{v.id}/sample" if v.id in made else None for v in found}
        return {"data": [{**asdict(v), "sample_url": urls[v.id]} for v in found], "next_cursor": None}

    @routes.get("/voices/{voice_id}/sample")
    def sample(voice_id: Id, me: Me) -> dict[str, Any]:
        """How the voice sounds: `audio_url` is an MP3, for 15 minutes; `text` what it says. A 404 with the code `sample_not_made` passes."""
        voice = next((v for v in wiring.voices if v.id == voice_id), None)
        if voice is None:
            raise NotFound("There is no such voice; GET /v1/voices lists them.", code="unknown_voice")
        if voice.id not in wiring.samples.made():
            raise NotFound("The sample of this voice is not made yet; a worker does it.", code="sample_not_made")
        return {
            "voice": voice.id,
            "language": voice.language,
            "engine": voice.engine,
            "text": said_by(voice),
            "audio_url": wiring.samples.address(voice),
        }

    return routes
