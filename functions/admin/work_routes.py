"""Jobs, queues and what has happened, of all accounts together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime
from shapes import managed_job_view, queue_view, span_view
from wiring import Wiring

from antiphon.admin.model import LANES, Depth, Sought
from antiphon.platform.clock import rfc3339
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import Field, Invalid, NotFound
from antiphon.platform.request import Caller
from antiphon.platform.web import caller
from antiphon.speech.model import Kind, Status
from antiphon.tally.model import DAY, HOUR, by_day, day_of, hour_of

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Moment = Annotated[AwareDatetime | None, Query()]
YEARS = range(2020, 2200)
LONGEST = {"hour": timedelta(days=31), "day": timedelta(days=366)}
AT_ONCE = 200
"""Dead letters of one request: it has to be over before the gateway gives up."""


def work_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["administration"])

    @routes.get("/jobs")
    def jobs(
        me: Me,
        status: Status | None = None,
        kind: Kind | None = None,
        user_id: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
    ) -> dict[str, Any]:
        """Everybody's, newest first: how they go, and nothing of what is in them. A change shows after a moment."""
        scope = (me.user_id, "jobs", str(status), str(kind), str(user_id))
        page = wiring.jobs.page(Sought(kind, status, user_id), limit, decode_cursor(cursor, *scope))
        return {
            "data": [managed_job_view(job) for job in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/jobs/{job_id}")
    def job(job_id: Id) -> dict[str, Any]:
        found = wiring.jobs.find(job_id)
        if found is None:
            raise NotFound("There is no such job.")
        return managed_job_view(found)

    @routes.get("/queues")
    def queues() -> dict[str, Any]:
        """Messages of each queue, and its dead letters; the numbers are those of the queues' service, which counts about."""
        now = wiring.clock()
        return {
            "data": [queue_view(depth, queued_since(depth), now) for depth in wiring.queues.depths()],
            "next_cursor": None,
        }

    def queued_since(depth: Depth) -> datetime | None:
        kinds, lane = LANES.get(depth.name, ((), ""))
        found = (wiring.jobs.longest_queued(kind, lane) for kind in kinds)
        return min((since for since in found if since), default=None)

    @routes.post("/queues/{name}/redrive")
    def redrive(name: Id) -> dict[str, Any]:
        """Brings up to 200 dead letters back to work; ask again while `moved` is 200. It shows in the audit log."""
        return {"name": name, "moved": wiring.queues.redrive(name, AT_ONCE)}

    @routes.get("/metrics")
    def metrics(per: Literal["hour", "day"] = "hour", since: Moment = None, until: Moment = None) -> dict[str, Any]:
        """What has happened, per hour (of 31 days at most) or day (of 366), kept for 400 days; left out, the last day or month. Hours or days in
        which nothing happened are left out. `since` and `until` (not included) are rounded down to the hour or day, in UTC."""
        if any(moment and moment.year not in YEARS for moment in (since, until)):
            raise Invalid(f"Nothing is counted outside of {YEARS[0]} to {YEARS[-1]}.")
        start, step, usual = (hour_of, HOUR, DAY) if per == "hour" else (day_of, DAY, 30 * DAY)
        end = start(until) if until else start(wiring.clock()) + step
        begin = start(since) if since else end - usual
        if not timedelta(0) < end - begin <= LONGEST[per]:
            raise Invalid(
                f"Ask for {LONGEST[per].days} days at most, and for an end behind the beginning.",
                fields=(Field("until", "It is not behind since, or too far behind it."),),
            )
        hours = wiring.tally.hours(begin, end)
        spans = hours if per == "hour" else by_day(hours)
        return {
            "per": per,
            "since": rfc3339(begin),
            "until": rfc3339(end),
            "data": [span_view(span) for span in spans],
        }

    return routes
