"""A connection from its beginning to its end, whoever ends it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from antiphon.identity.admit import Known
from antiphon.platform.clock import Clock
from antiphon.platform.errors import AntiphonError, Forbidden, Unauthorized
from antiphon.platform.request import Caller
from antiphon.realtime.model import LIVES, MAX_CONNECTIONS, Connection
from antiphon.realtime.ports import ConnectionStore, Gone, NotWelcome, Slow, Sockets
from antiphon.realtime.show import error_frame


class Doorkeeper:
    """recheck: how old the knowledge may be that a session or key is good: what was ended is heard of with the first message after that, in either direction."""

    def __init__(
        self, *, connections: ConnectionStore, sockets: Sockets, known: Known, clock: Clock, recheck: timedelta
    ) -> None:
        self._connections = connections
        self._sockets = sockets
        self._known = known
        self._clock = clock
        self._recheck = recheck

    def open(
        self,
        connection_id: str,
        caller: Caller,
        *,
        expires_at: datetime | None = None,
        key_hash: str = "",
        address: str = "",
    ) -> None:
        """expires_at: of the token or key; None for never. The oldest connection of a user who has too many ends. Raises Forbidden."""
        now = self._clock()
        there = self._connections.of_user(caller.user_id)
        for oldest in there[: len(there) - MAX_CONNECTIONS + 1] if len(there) >= MAX_CONNECTIONS else ():
            error = Forbidden(f"At most {MAX_CONNECTIONS} connections; a newer one took this place.", code="replaced")
            self.end(oldest, error)
        until = min(expires_at or now + LIVES, now + LIVES)
        made = Connection(connection_id, caller.user_id, caller, now, until, now, key_hash, address)
        try:
            self._connections.open(made)
        except NotWelcome:
            raise Forbidden("The account may not come in.") from None

    def good(self, connection: Connection) -> Connection | None:
        """The connection as it may go on; None where it was ended, because its token or its session has."""
        now = self._clock()
        if connection.expires_at <= now:
            self.end(connection, _expired())
            return None
        if now - connection.checked_at < self._recheck:
            return connection
        try:
            found = (
                self._known.by_key_hash(connection.key_hash)
                if connection.key_hash
                else self._known.by_session(connection.user_id, connection.caller.session_id)
            )
        except Unauthorized:
            self.end(connection, Unauthorized("The session or key has ended; sign in anew."))
            return None
        caller = Caller(
            found.user_id, found.tier, found.role, frozenset(found.scopes.split()), found.key_id, found.session_id
        )
        self._connections.checked(connection, caller, now)
        return Connection(**{**vars(connection), "caller": caller, "checked_at": now})

    def end(self, connection: Connection, error: AntiphonError | None = None) -> None:
        end(self._connections, self._sockets, connection, error)

    def left(self, user_id: str, connection_id: str) -> None:
        """The client has gone."""
        found = self._connections.get(user_id, connection_id)
        if found is not None:
            self._connections.close(found)


class SweepConnections:
    """Once a minute: ends the connections whose tokens have expired; gives their number."""

    def __init__(self, connections: ConnectionStore, sockets: Sockets, clock: Clock) -> None:
        self._connections = connections
        self._sockets = sockets
        self._clock = clock

    def __call__(self) -> int:
        count = 0
        for connection in self._connections.expired(self._clock()):
            end(self._connections, self._sockets, connection, _expired())
            count += 1
        return count


def end(
    connections: ConnectionStore, sockets: Sockets, connection: Connection, error: AntiphonError | None = None
) -> None:
    """Says why where that can still be said, and closes. Safe to repeat."""
    connections.close(connection)
    if error is not None:
        # Whether it hears it or not: it is closed.
        with suppress(Gone, Slow):
            sockets.post(connection.id, error_frame(error, connection.id))
    sockets.close(connection.id)


def _expired() -> Unauthorized:
    return Unauthorized("The token has expired; connect with a new one.", code="token_expired")
