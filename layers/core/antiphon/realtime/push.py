"""Events on their way to the connections of their user.

The queue keeps the order of one user's events. Each connection gets its events one after the other, and all connections get theirs side by side; one that takes
nothing is ended after seconds, and its client comes back and asks for what it missed. A push that is repeated after a crash has the same ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from antiphon.devices.command import Commands
from antiphon.devices.view import entry_view
from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.platform.events import Event
from antiphon.realtime.connect import Doorkeeper
from antiphon.realtime.model import PROGRESS_EVERY, Connection, coalesced, frame_of, is_progress, recent
from antiphon.realtime.ports import ConnectionStore, EventLog, Gone, News, PushQueue, Replay, Slow, Sockets
from antiphon.realtime.show import channels_frame

BUDGET = 5.0
"""Seconds that one connection may take for one batch, beside those in which progress is held back."""
PAGE = 100
"""Events of a replay that are read at once; in between the user's other messages have their turn."""
COMMAND = "device.command.pending"


class Push:
    """pause: waits so many seconds; pool: for connections, side by side."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        door: Doorkeeper,
        log: EventLog,
        sockets: Sockets,
        queue: PushQueue,
        commands: Commands,
        clock: Clock,
        pool: ThreadPoolExecutor,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connections = connections
        self._door = door
        self._log = log
        self._sockets = sockets
        self._queue = queue
        self._commands = commands
        self._clock = clock
        self._pool = pool
        self._monotonic = monotonic
        self._pause = pause

    def __call__(self, messages: Sequence[News | Replay]) -> int:
        """messages: of one user, in their order. Gives how many frames went out. Whatever is raised, the same messages may come again."""
        sent, events = 0, list[Event]()
        for message in messages:
            if isinstance(message, News):
                events.append(message.event)
                continue
            sent += self._news(events) + self._replay(message)
            events = []
        return sent + self._news(events)

    def _news(self, events: Sequence[Event]) -> int:
        if not events:
            return 0
        connections = self._connections.of_user(events[0].user_id)
        return sum(self._pool.map(lambda each: self._deliver(each, events), connections))

    def _deliver(self, connection: Connection, events: Iterable[Event]) -> int:
        if not any(map(connection.wants, events)):
            return 0
        still = self._door.good(connection)
        if still is None:
            return 0
        return self._post(still, coalesced(list(filter(still.wants, events))))

    def _replay(self, replay: Replay) -> int:
        connection = self._connections.get(replay.user_id, replay.connection_id)
        connection = connection and self._door.good(connection)
        channels = replay.channels & connection.waiting if connection else frozenset()
        if connection is None or not channels:  # ended, or not wanted any more
            return 0
        found = self._log.after(replay.user_id, replay.after, PAGE)
        listening = replace(connection, channels=channels)
        sent = self._post(listening, coalesced(list(filter(listening.wants, found))), held_back=False)
        if len(found) == PAGE:
            self._queue.send(replace(replay, channels=channels, after=found[-1].id))
        elif self._connections.caught_up(connection, channels):
            sent += self._post_frame(connection, channels_frame("caught_up", channels))
        else:
            # Some of them were given up in the meantime: once more for the others.
            self._queue.send(replace(replay, channels=channels, after=found[-1].id if found else replay.after))
        return sent

    def _post(self, connection: Connection, events: Iterable[Event], *, held_back: bool = True) -> int:
        """held_back: progress waits until half a second after the last one of its job; of a replay there is one of each job anyway."""
        progressed, sent = dict(connection.progressed), 0
        left = BUDGET
        for event in events:
            job = str(event.data.get("id"))
            progress = held_back and is_progress(event)
            if progress:
                self._hold_back(progressed.get(job))
            began = self._monotonic()
            if left <= 0 or not self._post_event(connection, event):
                self._door.end(connection)
                break
            sent += 1
            left -= self._monotonic() - began
            if progress:
                progressed[job] = round(self._clock().timestamp() * 1000)
        if progressed != connection.progressed:
            self._connections.progressed(connection, recent(progressed, self._clock()))
        return sent

    def _hold_back(self, last: int | None) -> None:
        if last is None:
            return
        left = last / 1000 + PROGRESS_EVERY.total_seconds() - self._clock().timestamp()
        if left > 0:
            self._pause(min(left, PROGRESS_EVERY.total_seconds()))

    def _post_event(self, connection: Connection, event: Event) -> bool:
        """False where the connection takes nothing."""
        device_id = connection.caller.device_id
        try:
            if device_id and event.type == COMMAND:
                return self._hand_over(connection, device_id, event.data["id"])
            self._sockets.post(connection.id, frame_of(event))
        except (Gone, Slow):
            return False
        return True

    def _post_frame(self, connection: Connection, frame: dict[str, object]) -> int:
        try:
            self._sockets.post(connection.id, frame)
        except (Gone, Slow):
            self._door.end(connection)
            return 0
        return 1

    def _hand_over(self, connection: Connection, device_id: str, command_id: str) -> bool:
        """The command itself in place of the event that it is there."""
        try:
            command = self._commands.hand_over(connection.user_id, device_id, command_id)
        except NotFound:
            return True
        if command is not None:
            self._sockets.post(connection.id, {"type": "command", "data": entry_view(command)})
        return True
