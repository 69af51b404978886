"""Send what is due: long waits that no queue can hold, and messages that were lost."""

from __future__ import annotations

from datetime import timedelta

from antiphon.platform.clock import Clock
from antiphon.webhooks.model import SWEEP_AHEAD, next_errand, swept
from antiphon.webhooks.ports import DeliveryQueue, DeliveryStore, Stale


class SweepDeliveries:
    """To be called every minute. Sends messages for all deliveries due within the next 60 s, with the delay that remains; gives their number.

    The row is moved on before its message is sent, so two sweeps at once send one; a crash between the two is found by a later sweep.
    """

    def __init__(self, deliveries: DeliveryStore, queue: DeliveryQueue, clock: Clock) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._clock = clock

    def __call__(self) -> int:
        now = self._clock()
        sent = 0
        for delivery in self._deliveries.due(now + SWEEP_AHEAD):
            try:
                self._deliveries.replace(delivery, swept(delivery, now))
            except Stale:
                continue
            remaining = (delivery.next_attempt_at or now) - now
            self._queue.send(next_errand(delivery), delay=max(remaining, timedelta(0)))
            sent += 1
        return sent
