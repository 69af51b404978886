"""From an event of the outbox to the queues: its work to the lane, what can be found to the index, a delivery to each endpoint that wants to hear of it."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.identity.mail import Kind, Mail, Mails
from antiphon.platform.events import MAIL, Event
from antiphon.platform.metrics import METRICS, UNMEASURED, Metrics
from antiphon.realtime.tell import Tell
from antiphon.search.follow import IndexQueue, errand_of_event, errand_of_removed
from antiphon.tally.ports import Tally
from antiphon.webhooks.model import CALLBACK, Errand, matches
from antiphon.webhooks.ports import DeliveryQueue, EndpointStore, Lanes, Waiters


@dataclass(frozen=True)
class Publisher:
    endpoints: EndpointStore
    lanes: Lanes
    queue: DeliveryQueue
    mails: Mails
    index: IndexQueue
    waiters: Waiters
    tell: Tell
    tally: Tally
    metrics: Metrics = UNMEASURED

    def publish(self, event: Event) -> int:
        """The number of deliveries that go out. Safe to repeat: jobs are claimed once, a delivery's id comes from event and endpoint,
        and an event is counted once."""
        if event.dispatch and event.dispatch.kind == MAIL:
            mail = Mail(Kind(event.dispatch.lane), user_id=event.user_id, about=event.dispatch.job_id)
            self.mails.send(mail, request_id=event.request_id)
        elif event.dispatch:
            self.lanes.send(event.user_id, event.dispatch, request_id=event.request_id)
        for dispatch in self.waiters.waiting(event.user_id, event.wakes) if event.wakes else ():
            self.lanes.send(event.user_id, dispatch, request_id=event.request_id)
        for dispatch in self.waiters.turns(event.user_id, event.frees) if event.frees else ():
            self.lanes.send(event.user_id, dispatch, request_id=event.request_id)
        if errand := errand_of_event(event):
            self.index.send(errand, request_id=event.request_id)
        self.tell(event)
        receivers = [e.id for e in self.endpoints.of_user(event.user_id) if e.active and matches(e.events, event.type)]
        if event.callback_url:
            receivers.append(CALLBACK)
        errands = [Errand(event.user_id, endpoint_id, event.id) for endpoint_id in receivers]
        self.queue.send_all(errands, request_id=event.request_id)
        counts = {**event.counts, **({"deliveries": len(receivers)} if receivers else {})}
        if counts:
            self.tally.add(event.id, event.timestamp, counts)
        self._measure(event)
        return len(receivers)

    def _measure(self, event: Event) -> None:
        """Last, so that what is tried again because a queue did not answer is counted once."""
        error = event.data.get("error") or {}
        known = {"kind": event.data.get("kind", ""), "code": error.get("code", "none")}
        for name, value in event.measured.items():
            self.metrics.put(name, value, **{each: known[each] for each in METRICS[name].dimensions})

    def removed(self, pk: str, sk: str) -> bool:
        """Of a row that is gone: whether it takes something out of the index. Safe to repeat."""
        errand = errand_of_removed(pk, sk)
        if errand is not None:
            self.index.send(errand)
        return errand is not None
