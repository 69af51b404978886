from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import CommandResult, DeviceChange, NewCommand, NewDevice
from wiring import Wiring

from antiphon.devices.command import MAX_WAIT
from antiphon.devices.manage import Wish
from antiphon.devices.model import Status
from antiphon.devices.view import command_view, device_view, entry_view
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import Forbidden, NotFound
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
Wait = Annotated[int, Query(ge=0, le=MAX_WAIT, description="Seconds. For a device's own key.")]
WithStatus = Annotated[Status | None, Query(description="Of the log.")]


def own(device_id: Id, me: Me) -> str:
    """The device of the path; to a device's key there is only its own. Raises NotFound."""
    if me.device_id and me.device_id != device_id:
        raise NotFound("There is no such device.")
    return device_id


Own = Annotated[str, Depends(own)]


def device_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/devices", tags=["devices"])
    devices = wiring.devices

    @routes.post("", status_code=201)
    def register(new: NewDevice, request: Request, response: Response, me: Me) -> dict[str, Any]:
        """The answer holds the device's key, this once; a repeat with the same Idempotency-Key gives the device a new one."""
        made = devices.register(me.user_id, new.name, new.platform, new.stated(), seed_of(request))
        response.headers["Location"] = f"/v1/devices/{made.device.id}"
        return {**device_view(made.device), "key": made.key}

    @routes.get("")
    def listed(me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        scope = (me.user_id, "devices")
        before = decode_cursor(cursor, *scope)
        found = [d for d in devices.all(me.user_id) if before is None or d.id < before]
        following = encode_cursor(found[limit - 1].id, *scope) if len(found) > limit else None
        return {"data": [device_view(d) for d in found[:limit]], "next_cursor": following}

    @routes.get("/{device_id}")
    def one(device_id: Own, me: Me) -> dict[str, Any]:
        return device_view(devices.get(me.user_id, device_id))

    @routes.patch("/{device_id}")
    def change(device_id: Own, wanted: DeviceChange, me: Me) -> dict[str, Any]:
        """What a device declares anew stays sensitive where it was; only the user can lift that."""
        wish = wanted.wish()
        if me.device_id and wish != Wish(capabilities=wish.capabilities):
            raise Forbidden("A device may change its capabilities only.", code="device_key")
        return device_view(devices.change(me.user_id, device_id, wish, by_itself=bool(me.device_id)))

    @routes.delete("/{device_id}")
    def delete(device_id: Own, me: Me) -> dict[str, Any]:
        """With all its commands; its key ends first."""
        rows = devices.delete(me.user_id, device_id)
        return {"id": device_id, "deleted": True, "rows": rows, "objects": 0, "versions": 0}

    return routes


def command_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/devices/{device_id}/commands", tags=["devices"])
    commands = wiring.commands

    @routes.post("", status_code=201)
    def send(device_id: Own, new: NewCommand, request: Request, response: Response, me: Me) -> dict[str, Any]:
        made = commands.send(
            me.user_id,
            device_id,
            new.action,
            new.arguments,
            confirm=new.confirm,
            expires_in=new.expires_in,
            seed=seed_of(request),
            request_id=request.state.request_id,
        )
        response.headers["Location"] = f"/v1/devices/{device_id}/commands/{made.id}"
        return command_view(made)

    @routes.get("")
    def listed(
        device_id: Own, me: Me, wait: Wait = 0, limit: Limit = 20, cursor: Cursor = None, status: WithStatus = None
    ) -> dict[str, Any]:
        """To the device's own key: what it is to do, oldest first, as soon as there is something, and after ``wait`` seconds nothing; what it does not answer
        is handed out again after 30 seconds. To everybody else: the log, newest first, without results."""
        if me.device_id:
            taken = commands.take(me.user_id, device_id, wait=wait, limit=limit)
            return {"data": [entry_view(c) for c in taken], "next_cursor": None}
        scope = (me.user_id, "commands", device_id, str(status))
        page = commands.page(me.user_id, device_id, status, limit, decode_cursor(cursor, *scope))
        return {
            "data": [entry_view(c) for c in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/{command_id}")
    def one(device_id: Own, command_id: Id, me: Me) -> dict[str, Any]:
        return command_view(commands.get(me.user_id, device_id, command_id))

    @routes.post("/{command_id}/confirm")
    def confirm(device_id: Own, command_id: Id, request: Request, me: Me) -> dict[str, Any]:
        """The user's yes to exactly these arguments, within five minutes; ``expires_in`` begins with it."""
        return command_view(commands.confirm(me.user_id, device_id, command_id, request.state.request_id))

    @routes.post("/{command_id}/cancel")
    def cancel(device_id: Own, command_id: Id, request: Request, me: Me) -> dict[str, Any]:
        """A device that was handed it may still carry it out."""
        return command_view(commands.cancel(me.user_id, device_id, command_id, request.state.request_id))

    @routes.post("/{command_id}/acknowledge")
    def acknowledge(device_id: Own, command_id: Id, me: Me) -> dict[str, Any]:
        """The device has it in hand: it is not handed out again."""
        return command_view(commands.acknowledge(me.user_id, device_id, command_id))

    @routes.post("/{command_id}/result")
    def finish(device_id: Own, command_id: Id, said: CommandResult, request: Request, me: Me) -> dict[str, Any]:
        """Taken once; the same again answers as before, another one is refused."""
        outcome, request_id = said.outcome(), request.state.request_id
        return command_view(commands.finish(me.user_id, device_id, command_id, outcome, request_id))

    return routes
