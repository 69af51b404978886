"""A sample of an event, sent while its owner waits."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Invalid
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id, new_id, time_of
from antiphon.webhooks.deliver import Deliverer
from antiphon.webhooks.manage import Endpoints
from antiphon.webhooks.model import Errand, begin
from antiphon.webhooks.samples import sample_of


@dataclass(frozen=True)
class TryOut:
    endpoints: Endpoints
    deliverer: Deliverer
    clock: Clock

    def __call__(self, user_id: str, endpoint_id: str, event_type: str, *, seed: str | None = None) -> int:
        """The status that the endpoint answered with. The delivery is in the log as any other, but is not repeated by itself.

        Raises NotFound, Conflict (``webhook_disabled``; ``test_in_progress``), Invalid ``no_answer`` where no answer came.
        """
        endpoint = self.endpoints.switched_on(user_id, endpoint_id)
        now = self.clock()
        made_at = time_of(f"evt_{seed}") if seed else now
        event_id = derived_id("evt", made_at, user_id, seed) if seed else new_id("evt", now)
        event = Event(event_id, user_id, event_type, now, sample_of(event_type))
        self.endpoints.deliveries.create(begin(event, endpoint_id, endpoint.url, now, planned=False))
        done = self.deliverer.deliver(Errand(user_id, endpoint_id, event_id, manual=seed or event_id))
        if done is None or not done.attempts:
            raise Conflict("The test could not be sent at once; its delivery is in the log.", code="test_in_progress")
        status_code = done.attempts[-1].outcome.status_code
        if status_code is None:
            raise Invalid("The endpoint did not answer.", code="no_answer")
        return status_code
