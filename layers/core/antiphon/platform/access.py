"""Who may call which route. The one table: a route that is not in it is refused, and a test finds it before.

Routes are named as API Gateway names them: ``GET /v1/transcriptions/{id}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from antiphon.platform.errors import Forbidden
from antiphon.platform.request import Caller


class Who(Enum):
    """``CALLER``: a signed-in person, or a key with the route's scope; ``PERSON``, ``ADMIN``: never a key; ``DEVICE``: only a device by its own key."""

    PUBLIC = "public"
    CALLER = "caller"
    PERSON = "person"
    ADMIN = "admin"
    DEVICE = "device"


@dataclass(frozen=True)
class Access:
    """scope: what an API key needs; action: its name in the audit log, None where nothing is changed; creates: counts as a creation; device: a device may
    too, by its own key, which opens nothing else."""

    who: Who
    scope: str | None = None
    action: str | None = None
    creates: bool = False
    device: bool = False


_OPEN = Access(Who.PUBLIC)
_DEVICE = Access(Who.DEVICE, device=True)  # the command itself is the log of what the device did


def _keyed(scope: str, action: str | None = None, *, creates: bool = False, device: bool = False) -> Access:
    return Access(Who.CALLER, scope, action, creates, device)


def _person(action: str | None = None, *, creates: bool = False) -> Access:
    return Access(Who.PERSON, None, action, creates)


def _admin(action: str | None = None) -> Access:
    return Access(Who.ADMIN, None, action)


_JOBS = {
    f"{method} /v1/{route}{rest}": _keyed(
        f"{scope}:{'read' if method == 'GET' else 'write'}", action and f"{kind}.{action}", creates=creates
    )
    for route, kind, scope in (
        ("transcriptions", "transcription", "transcriptions"),
        ("speech", "speech", "speech"),
        ("alignments", "alignment", "transcriptions"),
        ("diarizations", "diarization", "transcriptions"),
        ("speaker-assignments", "assignment", "transcriptions"),
    )
    for method, rest, action, creates in (
        ("GET", "", None, False),
        ("POST", "", "create", True),
        ("GET", "/{id}", None, False),
        ("DELETE", "/{id}", "delete", False),
        ("POST", "/{id}/cancel", "cancel", False),
        ("POST", "/{id}/retry", "retry", True),
    )
}

ROUTES: Mapping[str, Access] = MappingProxyType(
    {
        "POST /v1/auth/register": _OPEN,
        "POST /v1/auth/login": _OPEN,
        "POST /v1/auth/refresh": _OPEN,
        "POST /v1/auth/logout": _OPEN,
        "POST /v1/auth/firebase": _OPEN,
        "POST /v1/auth/forgot-password": _OPEN,
        "POST /v1/auth/reset-password": _OPEN,
        "GET /v1/auth/jwks.json": _OPEN,
        "GET /v1/auth/providers": _OPEN,
        "GET /v1/auth/sessions": _person(),
        "DELETE /v1/auth/sessions": _person("session.end_all"),
        "DELETE /v1/auth/sessions/{id}": _person("session.end"),
        "GET /v1/me": _keyed("account:read"),
        "GET /v1/me/usage": _keyed("account:read"),
        "PATCH /v1/me": _person("user.update"),
        "DELETE /v1/me": _person(),  # the erasure keeps its own entry, without the person
        "POST /v1/me/password": _person("user.change_password"),
        "GET /v1/me/audit": _person(),
        "GET /v1/api-keys": _person(),
        "POST /v1/api-keys": _person("key.create", creates=True),
        "DELETE /v1/api-keys/{id}": _person("key.revoke"),
        "POST /v1/uploads": _keyed("uploads:write", "upload.create", creates=True),
        "GET /v1/uploads/{id}": _keyed("uploads:write"),
        "POST /v1/uploads/{id}/complete": _keyed("uploads:write", "upload.complete"),
        **_JOBS,
        "PATCH /v1/transcriptions/{id}": _keyed("transcriptions:write", "transcription.update"),
        "GET /v1/transcriptions/{id}/segments": _keyed("transcriptions:read"),
        "GET /v1/transcriptions/{id}/transcript": _keyed("transcriptions:read"),
        "GET /v1/transcriptions/{id}/events": _keyed("transcriptions:read"),
        "GET /v1/speech/{id}/events": _keyed("speech:read"),
        "GET /v1/alignments/{id}/segments": _keyed("transcriptions:read"),
        "GET /v1/diarizations/{id}/turns": _keyed("transcriptions:read"),
        "GET /v1/speaker-assignments/{id}/segments": _keyed("transcriptions:read"),
        "GET /v1/speech/{id}/marks": _keyed("speech:read"),
        "GET /v1/voices": _keyed("speech:read"),
        "GET /v1/voices/{id}/sample": _keyed("speech:read"),
        "POST /v1/audio/transcriptions": _keyed("transcriptions:write", "transcription.create", creates=True),
        "POST /v1/audio/translations": _keyed("transcriptions:write", "transcription.create", creates=True),
        "POST /v1/audio/speech": _keyed("speech:write", "speech.create", creates=True),
        "GET /v1/audio/voices": _keyed("speech:read"),
        "GET /v1/documents": _keyed("documents:read"),
        "POST /v1/documents": _keyed("documents:write", "document.create", creates=True),
        "GET /v1/documents/{id}": _keyed("documents:read"),
        "PATCH /v1/documents/{id}": _keyed("documents:write", "document.update"),
        "DELETE /v1/documents/{id}": _keyed("documents:write", "document.delete"),
        "GET /v1/documents/{id}/text": _keyed("documents:read"),
        "POST /v1/documents/query": _keyed("documents:read", creates=True),
        "GET /v1/media": _keyed("media:read"),
        "GET /v1/media/{id}": _keyed("media:read"),
        "DELETE /v1/media/{id}": _keyed("media:write", "media.delete"),
        "GET /v1/media/{id}/edits": _keyed("media:read"),
        "POST /v1/media/{id}/edits": _keyed("media:write", "edit.create", creates=True),
        "POST /v1/media/{id}/commands": _keyed("media:write", "edit.command", creates=True),
        "GET /v1/edits": _keyed("media:read"),
        "GET /v1/edits/{id}": _keyed("media:read"),
        "DELETE /v1/edits/{id}": _keyed("media:write", "edit.delete"),
        "POST /v1/edits/{id}/cancel": _keyed("media:write", "edit.cancel"),
        "POST /v1/edits/{id}/retry": _keyed("media:write", "edit.retry", creates=True),
        "GET /v1/models": _keyed("chat:read"),
        "GET /v1/conversations": _keyed("chat:read"),
        "POST /v1/conversations": _keyed("chat:write", "conversation.create", creates=True),
        "GET /v1/conversations/{id}": _keyed("chat:read"),
        "PATCH /v1/conversations/{id}": _keyed("chat:write", "conversation.update"),
        "DELETE /v1/conversations/{id}": _keyed("chat:write", "conversation.delete"),
        "GET /v1/conversations/{id}/messages": _keyed("chat:read"),
        "POST /v1/conversations/{id}/messages": _keyed("chat:write", "message.create", creates=True),
        "POST /v1/conversations/{id}/messages/stream": _keyed("chat:write", "message.create", creates=True),
        "GET /v1/conversations/{id}/export": _keyed("chat:read"),
        "POST /v1/conversations/{id}/export": _keyed("chat:read"),
        "POST /v1/conversations/{id}/runs": _keyed("chat:write", "run.create", creates=True),
        "GET /v1/runs": _keyed("chat:read"),
        "GET /v1/runs/{id}": _keyed("chat:read"),
        "POST /v1/runs/{id}/cancel": _keyed("chat:write", "run.cancel"),
        "POST /v1/chat/completions": _keyed("chat:write", creates=True),
        "GET /v1/search": _keyed("search:read"),
        "GET /v1/presets": _keyed("chat:read"),
        "POST /v1/presets": _keyed("chat:write", "preset.create", creates=True),
        "DELETE /v1/presets/{id}": _keyed("chat:write", "preset.delete"),
        "GET /v1/webhooks": _keyed("webhooks:read"),
        "POST /v1/webhooks": _keyed("webhooks:write", "webhook.create", creates=True),
        "GET /v1/webhooks/{id}": _keyed("webhooks:read"),
        "PATCH /v1/webhooks/{id}": _keyed("webhooks:write", "webhook.update"),
        "DELETE /v1/webhooks/{id}": _keyed("webhooks:write", "webhook.delete"),
        "POST /v1/webhooks/{id}/rotate-secret": _keyed("webhooks:write", "webhook.rotate_secret"),
        # Who has the secret can sign in our place, so reading is not enough.
        "GET /v1/me/webhook-secret": _keyed("webhooks:write"),
        "POST /v1/me/webhook-secret/rotate": _keyed("webhooks:write", "webhook_secret.rotate"),
        "GET /v1/webhook_endpoints": _keyed("webhooks:read"),
        "POST /v1/webhook_endpoints": _keyed("webhooks:write", "webhook.create", creates=True),
        "GET /v1/webhook_endpoints/{id}": _keyed("webhooks:read"),
        "POST /v1/webhook_endpoints/{id}": _keyed("webhooks:write", "webhook.update"),
        "DELETE /v1/webhook_endpoints/{id}": _keyed("webhooks:write", "webhook.delete"),
        "POST /v1/webhook_endpoints/{id}/rotate_secret": _keyed("webhooks:write", "webhook.rotate_secret"),
        "POST /v1/webhook_endpoints/{id}/test": _keyed("webhooks:write", "webhook.test", creates=True),
        "GET /v1/webhook_event_types": _keyed("webhooks:read"),
        "POST /v1/webhooks/{id}/test": _keyed("webhooks:write", "webhook.test", creates=True),
        "POST /v1/webhooks/{id}/replay": _keyed("webhooks:write", "webhook.replay", creates=True),
        "GET /v1/webhooks/{id}/deliveries": _keyed("webhooks:read"),
        "POST /v1/deliveries/{id}/redeliver": _keyed("webhooks:write", "delivery.redeliver", creates=True),
        "GET /v1/devices": _keyed("devices:read"),
        "POST /v1/devices": _keyed("devices:write", "device.create", creates=True),
        "GET /v1/devices/{id}": _keyed("devices:read", device=True),
        "PATCH /v1/devices/{id}": _keyed("devices:write", "device.update", device=True),
        "DELETE /v1/devices/{id}": _keyed("devices:write", "device.delete"),
        "GET /v1/devices/{id}/commands": _keyed("devices:read", device=True),
        "POST /v1/devices/{id}/commands": _keyed("devices:write", "device.command.create", creates=True),
        "GET /v1/devices/{id}/commands/{command_id}": _keyed("devices:read", device=True),
        "POST /v1/devices/{id}/commands/{command_id}/confirm": _person("device.command.confirm"),
        "POST /v1/devices/{id}/commands/{command_id}/cancel": _keyed("devices:write", "device.command.cancel"),
        "POST /v1/devices/{id}/commands/{command_id}/acknowledge": _DEVICE,
        "POST /v1/devices/{id}/commands/{command_id}/result": _DEVICE,
        "GET /v1/admin/users": _admin(),
        "GET /v1/admin/users/{id}": _admin(),
        "PATCH /v1/admin/users/{id}": _admin("admin.user.update"),
        "DELETE /v1/admin/users/{id}/sessions": _admin("admin.user.sign_out"),
        "GET /v1/admin/audit": _admin("admin.audit.read"),
        "GET /v1/admin/tiers": _admin(),
        "GET /v1/admin/jobs": _admin(),
        "GET /v1/admin/jobs/{id}": _admin("admin.job.read"),
        "GET /v1/admin/queues": _admin(),
        "POST /v1/admin/queues/{id}/redrive": _admin("admin.queue.redrive"),
        "GET /v1/admin/metrics": _admin(),
        "GET /v1/openapi.json": _OPEN,
        "GET /v1/docs": _OPEN,
        "GET /v1/docs/errors": _OPEN,
        "GET /v1/health": _OPEN,
        "GET /v1/health/live": _OPEN,
        "GET /v1/health/ready": _OPEN,
    }
)
SCOPES = frozenset(access.scope for access in ROUTES.values() if access.scope)
UNPRICED = frozenset({"chat:write", "documents:read", "documents:write", "media:write", "search:read"})
"""Models are asked, or a function computes, and no price of it is known here: not for keys with a budget."""


class NoEntry(LookupError):
    """A route without an entry: a defect of ours, and nobody gets in."""


def access_of(method: str, resource: str, routes: Mapping[str, Access] = ROUTES) -> Access:
    """resource: the gateway's template of the path. What no route has is answered by everybody's 404. Raises NoEntry."""
    if resource in ("/", "/{proxy+}"):
        return _OPEN
    try:
        return routes[f"{method} {resource}"]
    except KeyError:
        raise NoEntry(f"{method} {resource} is not in the table of access") from None


def methods_of(path: str) -> list[str]:
    """Those that a route with this very path takes."""
    parts = path.split("/")
    return sorted({method for method, template in map(str.split, ROUTES) if _fits(template.split("/"), parts)})


def _fits(template: list[str], parts: list[str]) -> bool:
    return len(template) == len(parts) and all(
        t == p or t.startswith("{") for t, p in zip(template, parts, strict=True)
    )


def check(access: Access, caller: Caller) -> None:
    """Raises Forbidden: ``device_key``, ``device_required``, ``person_required``, ``insufficient_scope``, ``admin_required``."""
    if caller.device_id:
        if access.device:
            return
        raise Forbidden("A device's key can only take and answer the device's own commands.", code="device_key")
    if access.who is Who.DEVICE:
        raise Forbidden("Only the device can do this, with its own key.", code="device_required")
    if access.who in (Who.PERSON, Who.ADMIN) and caller.key_id:
        raise Forbidden("An API key cannot do this; sign in.", code="person_required")
    if caller.key_id and access.scope not in caller.scopes:
        raise Forbidden(f"This API key needs the scope {access.scope}.", code="insufficient_scope")
    if access.who is Who.ADMIN and caller.role != "admin":
        raise Forbidden("Only administrators can do this.", code="admin_required")
