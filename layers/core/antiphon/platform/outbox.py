"""Events in the table, and as the stream shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import KEEP, Dispatch, Event
from antiphon.platform.table import Row


class EventRow(Row):
    type = UnicodeAttribute()
    timestamp = UnicodeAttribute()
    data = JSONAttribute()
    dispatch = JSONAttribute(null=True)
    callback_url = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute(null=True)
    wakes = UnicodeAttribute(null=True)
    measured = JSONAttribute(null=True)
    frees = UnicodeAttribute(null=True)
    counts = JSONAttribute(null=True)


def event_row(rows: type[EventRow], event: Event) -> EventRow:
    return rows(
        f"events#{event.user_id}",
        event.id,
        row="event",
        type=event.type,
        timestamp=rfc3339(event.timestamp),
        data=dict(event.data),
        dispatch=asdict(event.dispatch) if event.dispatch else None,
        callback_url=event.callback_url,
        request_id=event.request_id,
        wakes=event.wakes,
        measured=dict(event.measured) or None,
        frees=event.frees,
        counts=dict(event.counts) or None,
        ttl=int((event.timestamp + KEEP).timestamp()),
    )


def event_of_row(row: EventRow) -> Event:
    return Event(
        id=row.sk,
        user_id=row.pk.removeprefix("events#"),
        type=row.type,
        timestamp=from_rfc3339(row.timestamp),
        data=row.data,
        dispatch=Dispatch(**row.dispatch) if row.dispatch else None,
        callback_url=row.callback_url,
        request_id=row.request_id,
        wakes=row.wakes,
        measured=row.measured or {},
        frees=row.frees,
        counts=row.counts or {},
    )


def event_of_image(image: Mapping[str, Any]) -> Event:
    """image: ``NewImage`` of a stream record, in DynamoDB's typed JSON."""
    row = EventRow()
    row.deserialize(dict(image))
    return event_of_row(row)
