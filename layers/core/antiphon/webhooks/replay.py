"""A range of events once more: what failed, and what an endpoint never heard of because it was switched off or not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from antiphon.platform.clock import Clock
from antiphon.platform.events import KEEP, Event
from antiphon.platform.ids import new_id, time_of
from antiphon.platform.pages import Page
from antiphon.webhooks.manage import Endpoints, as_it_stands
from antiphon.webhooks.model import Delivery, Errand, Status, delivery_id, matches
from antiphon.webhooks.ports import EventStore

AT_ONCE = 500
"""Events and deliveries that one call looks at, each."""
_FAILED = (Status.FAILED, Status.CANCELED)
_TICK = timedelta(milliseconds=1)


class Only(StrEnum):
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True)
class Replayed:
    """``next_since``: where the next call goes on; None at the end of the range."""

    queued: int
    next_since: datetime | None


@dataclass(frozen=True)
class Replay:
    """Missing events are known as long as events are kept, failed deliveries as long as the log."""

    endpoints: Endpoints
    events: EventStore
    clock: Clock

    def missing(
        self, user_id: str, endpoint_id: str, *, since: datetime | None, until: datetime | None, limit: int
    ) -> Page[Event]:
        """Events that the endpoint would take and for which there is no delivery, newest first. Its position is the ``until`` of the next page.

        since: or when the endpoint was made. Raises NotFound.
        """
        endpoint = self.endpoints.get(user_id, endpoint_id)
        now = self.clock()
        begin, end = max(since or endpoint.created_at, now - KEEP), until or now
        if end < begin:
            return Page((), None)
        seen = list(islice(self.events.between(user_id, begin, end, newest_first=True), AT_ONCE))
        more = len(seen) == AT_ONCE
        oldest = time_of(seen[-1].id) if more else begin
        if more:  # others of the same millisecond may not have been read
            seen = [e for e in seen if time_of(e.id) > oldest]
        known = {d.id for d in self.endpoints.deliveries.between(user_id, endpoint_id, oldest, end, now)}
        lost = [e for e in seen if matches(endpoint.events, e.type) and delivery_id(e.id, endpoint_id) not in known]
        if len(lost) > limit:
            last = time_of(lost[limit - 1].id)
            # Events of one millisecond stay together.
            page = [e for e in lost if time_of(e.id) >= last]
            return Page(tuple(page), last.isoformat())
        return Page(tuple(lost), (oldest + _TICK).isoformat() if more else None)

    def __call__(
        self,
        user_id: str,
        endpoint_id: str,
        *,
        since: datetime,
        until: datetime | None = None,
        only: Only | None = None,
        seed: str | None = None,
        request_id: str | None = None,
    ) -> Replayed:
        """Each event at most once, the oldest first. What failed is sent once, what was missing as a new event is. Raises NotFound, Conflict."""
        endpoint = self.endpoints.switched_on(user_id, endpoint_id)
        now = self.clock()
        end = min(until or now, now)
        deliveries = self.endpoints.deliveries.between(user_id, endpoint_id, since, end, now)
        known = list(islice(deliveries, AT_ONCE))
        kept = max(since, now - KEEP)
        events = list(islice(self.events.between(user_id, kept, end), AT_ONCE)) if kept <= end else []
        horizon = min((time_of(page[-1].id) for page in (known, events) if len(page) == AT_ONCE), default=None)
        if horizon is not None:
            horizon = max(horizon, since + _TICK)
        request = seed or new_id("req", now)
        errands = [
            Errand(user_id, endpoint_id, d.event_id, manual=request)
            for d in known
            if only is not Only.MISSING and as_it_stands(d, endpoint).status in _FAILED and _before(d, horizon)
        ]
        here = {d.id for d in known}
        errands += [
            Errand(user_id, endpoint_id, e.id)
            for e in events
            if only is not Only.FAILED
            and _before(e, horizon)
            and matches(endpoint.events, e.type)
            and delivery_id(e.id, endpoint_id) not in here
        ]
        errands.sort(key=lambda errand: errand.event_id)
        self.endpoints.queue.send_all(errands, request_id=request_id)
        return Replayed(len(errands), horizon)


def _before(found: Event | Delivery, horizon: datetime | None) -> bool:
    return horizon is None or time_of(found.id) < horizon
