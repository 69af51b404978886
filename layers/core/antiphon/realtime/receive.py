"""What a client says on its connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ulid import ULID

from antiphon.devices.command import Commands
from antiphon.devices.model import MAX_RESULT, Outcome, Status
from antiphon.devices.view import entry_view
from antiphon.platform.access import Access, check
from antiphon.platform.clock import Clock, rfc3339
from antiphon.platform.errors import AntiphonError, Conflict, Field, Invalid, NotFound, TooLarge, TooMany
from antiphon.platform.fields import Spec, choice, text
from antiphon.platform.idempotency import Answer, Idempotency
from antiphon.platform.ids import is_id, time_of
from antiphon.platform.limits import window_of
from antiphon.platform.strict_json import parse
from antiphon.realtime.connect import Doorkeeper
from antiphon.realtime.model import (
    CONVERSATIONS,
    JOBS,
    MAX_CHANNELS,
    MAX_MESSAGE,
    MESSAGES,
    REPLAYED,
    Connection,
    access_to,
    check_jobs,
    is_channel,
    replay_after,
)
from antiphon.realtime.ports import (
    ConnectionStore,
    Gone,
    PushQueue,
    Question,
    QuestionQueue,
    Replay,
    Slow,
    Sockets,
)
from antiphon.realtime.show import channels_frame, error_frame, with_ref

MAX_NAMED = 50
"""Channels in one message."""
TAKEN = 20
"""Commands that are handed out at once."""
_REF = text(1, 64)
_FIELDS: Mapping[str, Collection[str]] = {
    "ping": (),
    "subscribe": ("channels", "since"),
    "unsubscribe": ("channels",),
    "send": ("conversation_id", "content", "attachments", "model", "settings", "key"),
    "take": (),
    "acknowledge": ("command_id",),
    "result": ("command_id", "status", "result", "error"),
}


class Owned(Protocol):
    """A store of things that have an owner."""

    def get(self, user_id: str, thing_id: str, /) -> object | None: ...


class Enter(Protocol):
    """The gate, as far as it is needed here: counts and checks a message as one request, and notes what it changed."""

    def __call__(self, connection: Connection, action: str, request_id: str) -> Callable[[str, str], None]:
        """Gives what is told the outcome and the target. Raises Forbidden, RateLimited."""


@dataclass(frozen=True)
class Heard:
    """For the log: ``code`` of the error, None where there was none."""

    action: str
    code: str | None = None


class Receive:
    """things: by the prefix of their ids, where it is looked whether a channel is the user's own."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        door: Doorkeeper,
        sockets: Sockets,
        pushes: PushQueue,
        questions: QuestionQueue,
        things: Mapping[str, Owned],
        commands: Commands,
        enter: Enter,
        idempotency: Idempotency,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._door = door
        self._sockets = sockets
        self._pushes = pushes
        self._questions = questions
        self._things = things
        self._commands = commands
        self._enter = enter
        self._idempotency = idempotency
        self._clock = clock
        self._actions: Mapping[str, Callable[[Connection, Mapping[str, Any], str], Mapping[str, Any] | None]] = {
            "ping": self._ping,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "send": self._send,
            "take": self._take,
            "acknowledge": self._acknowledge,
            "result": self._result,
        }

    def __call__(self, user_id: str, connection_id: str, body: str, request_id: str) -> Heard:
        """Every message is answered, by an ``error`` where it could not be done; nothing is raised for what the client did wrong."""
        now = self._clock()
        minute, left = window_of(now)
        action, ref = "", None
        try:
            connection = self._connections.count(user_id, connection_id, minute, MESSAGES)
        except OverflowError:
            error = TooMany(f"At most {MESSAGES} messages a minute; go on in {left} seconds.", retry_after=left)
            self._say(connection_id, error_frame(error, request_id))
            return Heard("", error.code)
        if connection is None:
            # It was ended here already, or its user was erased.
            self._sockets.close(connection_id)
            return Heard("", "gone")
        connection = self._door.good(connection)
        if connection is None:
            return Heard("", "unauthorized")
        try:
            message = _object(body)
            ref = _ref_of(message)
            _check(message)
            action = message["action"]
            answer = self._actions[action](connection, message, request_id)
        except AntiphonError as error:
            self._say(connection_id, error_frame(error, request_id, ref))
            return Heard(action, error.code)
        if answer is not None:
            self._say(connection_id, with_ref(answer, ref))
        return Heard(action)

    def _say(self, connection_id: str, frame: Mapping[str, Any]) -> None:
        try:
            self._sockets.post(connection_id, frame)
        except (Gone, Slow):
            # Nobody listens; the gateway says so when the connection has ended.
            return

    def _ping(self, connection: Connection, message: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        return {"type": "pong", "timestamp": rfc3339(self._clock())}

    def _subscribe(
        self, connection: Connection, message: Mapping[str, Any], request_id: str
    ) -> Mapping[str, Any] | None:
        wanted = _channels(message)
        since = self._since(message.get("since"))
        for channel in sorted(wanted):
            self._may_listen(connection, channel)
        if len(connection.channels | connection.waiting | wanted) > MAX_CHANNELS:
            raise Conflict(f"A connection has at most {MAX_CHANNELS} channels.", code="too_many_channels")
        self._connections.listen(connection, wanted, waiting=since is not None)
        if since is None:
            return channels_frame("subscribed", wanted)
        # Said before the first event of the replay can come.
        self._say(connection.id, channels_frame("subscribed", wanted, message.get("ref")))
        replay = Replay(connection.user_id, connection.id, wanted, replay_after(since))
        self._pushes.send(replay, request_id=request_id)
        return None

    def _unsubscribe(self, connection: Connection, message: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        named = _channels(message)
        self._connections.ignore(connection, named)
        return channels_frame("unsubscribed", named)

    def _send(self, connection: Connection, message: Mapping[str, Any], request_id: str) -> None:
        conversation_id = _id_in(message, "conversation_id", "conv")
        body = {name: message[name] for name in ("content", "attachments", "model", "settings") if name in message}
        key = message.get("key")
        done = self._enter(connection, "send", request_id)
        try:
            if self._things["conv"].get(connection.user_id, conversation_id) is None:
                raise NotFound("There is no such conversation.")
            seed = str(ULID.from_datetime(self._clock()))
            if key is not None:
                seed = self._seed(connection.user_id, conversation_id, key, body)
            question = Question(
                user_id=connection.user_id,
                connection_id=connection.id,
                tier=connection.caller.tier,
                conversation_id=conversation_id,
                body=body,
                seed=seed,
                ref=message.get("ref"),
            )
            self._questions.send(question, request_id=request_id)
        except AntiphonError as error:
            done(error.code, conversation_id)
            raise
        done("202", conversation_id)

    def _seed(self, user_id: str, conversation_id: str, key: Any, body: Mapping[str, Any]) -> str:
        """The same for the same key; what was answered under it is told again, and not asked again."""
        _require("key", key, text(1, 255))
        record = self._idempotency.begin(
            user=user_id,
            method="SOCKET",
            path=f"/v1/conversations/{conversation_id}/messages",
            key=key,
            body=json.dumps(body, sort_keys=True).encode(),
        )
        if record.answer is None:
            self._idempotency.finish(record, Answer(202, (), "{}"))
        return record.seed

    def _take(self, connection: Connection, message: Mapping[str, Any], request_id: str) -> None:
        """From here on commands come as they are sent; what waits comes now, and again what was not answered for half a minute."""
        device_id = connection.caller.device_id
        self._enter(connection, "take", request_id)
        if device_id not in connection.channels:
            self._connections.listen(connection, {device_id}, waiting=False)
        taken = self._commands.take(connection.user_id, device_id, wait=0, limit=TAKEN)
        self._say(connection.id, with_ref({"type": "taken", "count": len(taken)}, message.get("ref")))
        for command in taken:
            self._say(connection.id, {"type": "command", "data": entry_view(command)})

    def _acknowledge(self, connection: Connection, message: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        command_id = _id_in(message, "command_id", "cmd")
        self._enter(connection, "acknowledge", request_id)
        device_id = connection.caller.device_id
        command = self._commands.acknowledge(connection.user_id, device_id, command_id)
        return {"type": "acknowledged", "data": entry_view(command)}

    def _result(self, connection: Connection, message: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        command_id, outcome = _id_in(message, "command_id", "cmd"), _outcome(message)
        self._enter(connection, "result", request_id)
        device_id = connection.caller.device_id
        command = self._commands.finish(connection.user_id, device_id, command_id, outcome, request_id)
        return {"type": "finished", "data": entry_view(command)}

    def _may_listen(self, connection: Connection, channel: str) -> None:
        """Raises Forbidden, NotFound: also for what is another user's."""
        if channel == JOBS:
            check_jobs(connection.caller)
            return
        access = access_to(channel)
        assert isinstance(access, Access)
        check(access, connection.caller)
        if channel == CONVERSATIONS:
            return
        own = connection.caller.device_id
        if (own and channel != own) or self._things[channel.partition("_")[0]].get(connection.user_id, channel) is None:
            raise NotFound(f"There is no channel {channel}.")

    def _since(self, since: Any) -> str | None:
        if since is None:
            return None
        if not isinstance(since, str) or not is_id(since, "evt"):
            raise _wrong("since", "Send the id of an event.")
        if self._clock() - time_of(since) > REPLAYED:
            detail = "Events are replayed for 24 hours; read the state anew and subscribe without since."
            raise Invalid(detail, code="since_too_old", fields=(Field("since", detail),))
        return since


def _ref_of(message: Mapping[str, Any]) -> str | None:
    """The client's own name of the message, which an error carries too."""
    found = message.get("ref")
    return found if isinstance(found, str) and not any(_REF("ref", found)) else None


def _object(body: str) -> dict[str, Any]:
    """Raises Invalid, TooLarge."""
    if len(body.encode(errors="replace")) > MAX_MESSAGE:
        raise TooLarge(f"A message may have at most {MAX_MESSAGE} bytes.")
    message = parse(body)
    if not isinstance(message, dict):
        raise Invalid("Send a JSON object with an action.", fields=(Field("", "Send a JSON object."),))
    return message


def _check(message: Mapping[str, Any]) -> None:
    """Raises Invalid."""
    _require("action", message.get("action"), choice(*_FIELDS))
    unknown = sorted(set(message) - {"action", "ref", *_FIELDS[message["action"]]})
    if unknown:
        raise _wrong(unknown[0][:100], "There is no such field.")
    if message.get("ref") is not None:
        _require("ref", message["ref"], _REF)


def _channels(message: Mapping[str, Any]) -> frozenset[str]:
    found = message.get("channels")
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_NAMED:
        raise _wrong("channels", f"Send a list of 1 to {MAX_NAMED} channels.")
    for place, name in enumerate(found):
        if not isinstance(name, str) or not is_channel(name):
            raise _wrong(
                f"channels[{place}]", f"Send {JOBS}, {CONVERSATIONS}, or the id of a conversation, a run or a device."
            )
    return frozenset(found)


def _id_in(message: Mapping[str, Any], name: str, prefix: str) -> str:
    found = message.get(name)
    if not isinstance(found, str) or not is_id(found, prefix):
        raise _wrong(name, f"Send an id that begins with {prefix}_.")
    return found


def _outcome(message: Mapping[str, Any]) -> Outcome:
    """As ``POST …/result`` takes it."""
    status, result, error = message.get("status"), message.get("result"), message.get("error")
    _require("status", status, choice("succeeded", "failed"))
    if result is not None:
        if not isinstance(result, dict):
            raise _wrong("result", "Send an object.")
        if len(json.dumps(result, ensure_ascii=False).encode()) > MAX_RESULT:
            raise _wrong("result", f"Send at most {MAX_RESULT} bytes.")
    if error is not None:
        if not isinstance(error, dict) or set(error) - {"code", "detail"}:
            raise _wrong("error", "Send an object with a code and a detail.")
        if status == "succeeded":
            raise _wrong("error", "It belongs to a command that failed.")
        _require("error.code", error.get("code"), text(1, 64, pattern="^[a-z][a-z0-9_]{0,63}$"))
        _require("error.detail", error.get("detail", ""), text(0, 1_000))
        error = {"code": error["code"], "detail": error.get("detail", "")}
    return Outcome(Status(str(status)), result, error)


def _require(path: str, value: Any, spec: Spec) -> None:
    for found in spec(path, value):
        raise _wrong(found.field, found.detail)


def _wrong(field: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", fields=(Field(field, detail),))


__all__ = ["Heard", "Receive"]
