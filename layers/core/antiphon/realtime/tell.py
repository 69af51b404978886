"""From the stream to the pushes: an event goes on where its user is connected, and costs nothing else where nobody is."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.platform.events import Event
from antiphon.realtime.ports import ConnectionStore, News, PushQueue


@dataclass(frozen=True)
class Tell:
    connections: ConnectionStore
    queue: PushQueue

    def __call__(self, event: Event) -> bool:
        """Whether anybody may want to hear of it. Who connects later asks for what was before. Safe to repeat."""
        if not self.connections.of_user(event.user_id):
            return False
        self.queue.send(News(event), request_id=event.request_id)
        return True
