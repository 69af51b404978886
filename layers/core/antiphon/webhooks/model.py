"""Webhook endpoints and what becomes of each delivery: types and rules, no clock, no network.

A delivery is one event on its way to one endpoint. It makes up to ten planned attempts; a person may ask for more, which change nothing of the plan::

    pending ──2xx──► succeeded
       ├──tenth failure or 410──► failed
       └──endpoint switched off──► canceled        (deleted: what waits is removed)

An endpoint that answers 410 is switched off at once, one that only fails for five days after that::

    any failure ──again, 12 to 24 h later──► failing ──only failures for 5 days──► switched off
         ▲──────────────── a success, or two quiet days ────────┘
"""

from __future__ import annotations

import base64
import json
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from antiphon.platform.clock import rfc3339
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id, time_of

MAX_ENDPOINTS = 20
MAX_PATTERNS = 50
MAX_ATTEMPTS_KEPT = 50
"""Attempts of one delivery, manual ones included; more would not fit in its row."""
KEEP = timedelta(days=30)
GRACE = timedelta(minutes=5)
"""How long after its moment an attempt whose message was sent is taken for lost and sent again."""
MAX_QUEUE_DELAY = timedelta(seconds=900)
FAILING_FOR = timedelta(days=5)
"""How long an endpoint may only fail before it is switched off."""
SPAN, WINDOW = timedelta(hours=12), timedelta(hours=24)
"""The five days begin when two failures are this far apart: at least the span, at most the window. One event at a quiet endpoint cannot disable it."""
FORGET = timedelta(days=2)
"""After so long without an attempt nothing is known of an endpoint any more."""
NOTE_EVERY = timedelta(hours=1)
"""How often the failures of an endpoint are noted, at most: each note is a write."""
SWEEP_AHEAD = timedelta(seconds=60)
"""The sweep runs every minute and sends what is due before it runs again."""
MAX_SECRETS = 10
"""Secrets of one endpoint or account that sign at the same time."""
OVERLAP = timedelta(hours=24)
"""How long a secret that was replaced signs beside the new one."""
ERASED = "erased"
"""Why an endpoint was switched off whose account is being erased: nothing may be written about it any more."""
CALLBACK = "callback"
"""Stands in for an endpoint where a job brought its own ``callback_url``."""

SLOTS = 8
"""Requests under way to one endpoint at the same time, at most: of 50 that are under way in all."""
SLOT_FOR = timedelta(seconds=20)
"""A request takes 15 s at most, and then its entry in the log."""

LADDER = tuple(timedelta(seconds=s) for s in (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""Wait before each planned attempt, counted from the failure of the one before."""
JITTER = 0.2
RETRY_AFTER_MAX = timedelta(hours=24)
OVERLOADED = timedelta(seconds=60)
"""The least wait after a 429 or a timeout."""

_NAME = r"[a-z0-9_]+(?:\.[a-z0-9_]+)*"
EVENT_NAME = re.compile(_NAME)
PATTERN = re.compile(rf"\*|{_NAME}(?:\.\*)?")
TEST_EVENT = "webhook.test"
DISABLED_EVENT = "webhook.disabled"
_KINDS = ("transcription", "speech", "edit", "run", "document", "alignment", "diarization", "assignment")
_STEPS = ("queued", "started", "progress", "succeeded", "failed", "canceled")
EVENT_TYPES = (
    *(f"{kind}.{step}" for kind in _KINDS for step in _STEPS),
    "transcription.updated",
    *(f"device.command.{step}" for step in ("awaiting_confirmation", "pending", "succeeded", "failed", "canceled")),
    "media.uploaded",
    "media.ready",
    "media.rejected",
    "media.edited",
    "message.created",
    "user.quota_reached",
    "user.password_changed",
    "user.session_reused",
    "user.account_linked",
    DISABLED_EVENT,
)


@dataclass(frozen=True)
class Secret:
    """A secret as it is kept. ``sealed``: what the vault made of it; ``hint``: what may be shown of it; ``until``: when it stops signing, None for the newest."""

    id: str
    sealed: str = field(repr=False)
    hint: str
    created_at: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class Failing:
    """Failures of an endpoint without a success between them. ``first``, ``last``: of those that are looked at; ``since``: when the five days began."""

    first: datetime
    last: datetime
    since: datetime | None = None


@dataclass(frozen=True)
class Endpoint:
    """``events``: patterns, see `matches`; ``secrets``: newest first; ``disabled_reason``: ``gone`` (it answered 410), ``failing`` (for five days) or None;
    ``updated_at``: last change by its owner; ``ended_at``: when it was last switched off, which ended all that waited; ``version``: grows with every
    change, for conditional writes."""

    id: str
    user_id: str
    url: str
    events: tuple[str, ...]
    created_at: datetime
    secrets: tuple[Secret, ...]
    description: str = ""
    active: bool = True
    disabled_reason: str | None = None
    updated_at: datetime | None = None
    failing: Failing | None = None
    ended_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class Keyring:
    """What signs the deliveries to the ``callback_url`` of an account's jobs."""

    user_id: str
    secrets: tuple[Secret, ...]
    version: int = 1


class Status(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Trigger(StrEnum):
    PLAN = "plan"
    MANUAL = "manual"


@dataclass(frozen=True)
class Outcome:
    """What one request met. ``status_code``: None where no answer came; ``error``: None, or why it failed although or before a status came:
    ``unreachable`` (also for addresses that may not be called), ``timeout``, ``tls_failed``, ``bad_answer``. ``answer``: the first 1 KB as text."""

    status_code: int | None
    error: str | None
    duration_ms: int
    answer: str = ""
    retry_after: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.error is None and self.status_code is not None and 200 <= self.status_code <= 299

    @property
    def kind(self) -> str:
        """``2xx`` to ``5xx``, or the error where there is one."""
        return self.error or f"{(self.status_code or 0) // 100}xx"

    @property
    def gone(self) -> bool:
        return self.status_code == 410

    @property
    def overloaded(self) -> bool:
        return self.status_code == 429 or self.error == "timeout"


@dataclass(frozen=True)
class Attempt:
    """``number``: counted from 1 over all attempts of the delivery; ``request``: what asked for it, so that asking twice attempts once."""

    number: int
    request: str
    trigger: Trigger
    at: datetime
    outcome: Outcome
    next_attempt_at: datetime | None = None


@dataclass(frozen=True)
class Delivery:
    """``body``: the bytes of every attempt, made once; ``planned``: planned attempts made so far; ``due_at``: when the sweep looks at it;
    ``version``: grows with every change, for conditional writes."""

    id: str
    user_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    url: str
    body: str
    created_at: datetime
    status: Status = Status.PENDING
    planned: int = 0
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    version: int = 1

    @property
    def expires_at(self) -> datetime:
        return self.created_at + KEEP


@dataclass(frozen=True)
class Errand:
    """A message of the deliveries queue: make this attempt. ``attempt``: its number in the plan, from 1; ``manual``: instead, who asked for it; ``turn``: how
    often it was put off because its endpoint had enough to do."""

    user_id: str
    endpoint_id: str
    event_id: str
    attempt: int = 1
    manual: str | None = None
    turn: int = 0

    @property
    def request(self) -> str:
        return self.manual or f"plan-{self.attempt}"


@dataclass(frozen=True)
class Slot:
    """``ends_at``: when it is free again by itself."""

    user_id: str
    endpoint_id: str
    number: int
    ends_at: datetime


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def hint_of(secret: str) -> str:
    return f"{secret[:6]}…{secret[-4:]}"


def place_of(user_id: str, endpoint_id: str) -> str:
    """Where a sealed secret belongs: it opens nowhere else."""
    return f"{user_id}/{endpoint_id}"


def signing(secrets: tuple[Secret, ...], now: datetime) -> tuple[Secret, ...]:
    """Those that sign at this moment, newest first."""
    return tuple(s for s in secrets if s.until is None or s.until > now)


def rotated(secrets: tuple[Secret, ...], new: Secret, now: datetime, *, keep_old: bool = True) -> tuple[Secret, ...]:
    """The new one first; what signed until now does so for another `OVERLAP`, or no longer. Those that have ended are forgotten."""
    if not keep_old:
        return (new,)
    return (new, *(replace(s, until=s.until or now + OVERLAP) for s in signing(secrets, now)))


def matches(patterns: tuple[str, ...], event_type: str) -> bool:
    """``*`` is every event, ``speech.*`` every one below ``speech``, anything else exactly that one."""
    return any(p in ("*", event_type) or (p.endswith(".*") and event_type.startswith(p[:-1])) for p in patterns)


def known(pattern: str) -> bool:
    """Whether the pattern is well formed and some event of ours can ever match it."""
    return PATTERN.fullmatch(pattern) is not None and any(
        matches((pattern,), name) for name in (*EVENT_TYPES, TEST_EVENT)
    )


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """The same for the same event and endpoint, however often and by whom it is computed."""
    return derived_id("dlv", time_of(event_id), event_id, endpoint_id)


def body_of(event: Event) -> str:
    """``{type, timestamp, data}`` as compact JSON that always encodes to UTF-8."""
    payload = {"type": event.type, "timestamp": rfc3339(event.timestamp), "data": dict(event.data)}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def begin(event: Event, endpoint_id: str, url: str, now: datetime, *, planned: bool = True) -> Delivery:
    """planned: whether it is to be attempted by itself, until it succeeds; otherwise only when somebody asks."""
    return Delivery(
        id=delivery_id(event.id, endpoint_id),
        user_id=event.user_id,
        endpoint_id=endpoint_id,
        event_id=event.id,
        event_type=event.type,
        url=url,
        body=body_of(event),
        created_at=now,
        status=Status.PENDING if planned else Status.FAILED,
        next_attempt_at=now if planned else None,
        due_at=now + GRACE if planned else None,
    )


def attempted(
    delivery: Delivery, errand: Errand, at: datetime, outcome: Outcome, now: datetime, draw: float
) -> Delivery:
    """The delivery after this attempt. at: when it was sent; now: when it ended; draw: uniform in [0, 1), for the jitter.

    A manual attempt leaves the plan as it was, but one that succeeds turns a failed delivery into a succeeded one.
    """
    trigger = Trigger.MANUAL if errand.manual else Trigger.PLAN
    attempt = Attempt(len(delivery.attempts) + 1, errand.request, trigger, at, outcome)
    after = replace(delivery, version=delivery.version + 1)
    if errand.manual:
        ended = delivery.status is not Status.PENDING
        status = Status.SUCCEEDED if ended and outcome.succeeded else delivery.status
        return replace(
            after,
            status=status,
            attempts=(*delivery.attempts, replace(attempt, next_attempt_at=delivery.next_attempt_at)),
        )
    planned = delivery.planned + 1
    wait = None if outcome.succeeded or outcome.gone else next_wait(planned, outcome, now, draw)
    following = now + wait if wait is not None else None
    return replace(
        after,
        status=Status.PENDING if following else Status.SUCCEEDED if outcome.succeeded else Status.FAILED,
        planned=planned,
        next_attempt_at=following,
        due_at=_due(following, now),
        attempts=(*delivery.attempts, replace(attempt, next_attempt_at=following)),
    )


def _due(attempt_at: datetime | None, now: datetime) -> datetime | None:
    """Long waits are the sweep's; of short ones it only looks after a message that was lost."""
    if attempt_at is None:
        return None
    return attempt_at + GRACE if attempt_at - now <= MAX_QUEUE_DELAY else attempt_at


def failed_again(failing: Failing | None, now: datetime) -> Failing:
    if failing is None or now - failing.last > FORGET:
        return Failing(now, now)
    if failing.since is not None:
        return replace(failing, last=now)
    if any(SPAN <= now - earlier <= WINDOW for earlier in (failing.first, failing.last)):
        return Failing(failing.first, now, now)
    recent = [earlier for earlier in (failing.first, failing.last) if now - earlier <= WINDOW]
    return Failing(recent[0] if recent else now, now)


def worth_noting(before: Failing | None, after: Failing) -> bool:
    return (
        before is None
        or (before.since, before.first) != (after.since, after.first)
        or after.last - before.last >= NOTE_EVERY
    )


def switched_off(endpoint: Endpoint, now: datetime, reason: str | None = None) -> Endpoint:
    return replace(
        endpoint, active=False, disabled_reason=reason, failing=None, ended_at=now, version=endpoint.version + 1
    )


def over(delivery: Delivery, endpoint: Endpoint) -> bool:
    """Whether its plan has ended because the endpoint was switched off, be it on again or not."""
    ended = endpoint.ended_at is not None and delivery.created_at <= endpoint.ended_at
    return delivery.status is Status.PENDING and (ended or not endpoint.active)


def canceled(delivery: Delivery) -> Delivery:
    """Its endpoint is no longer there or switched off."""
    return replace(delivery, status=Status.CANCELED, next_attempt_at=None, due_at=None, version=delivery.version + 1)


def put_off(delivery: Delivery, until: datetime) -> Delivery:
    """Its message comes again at this moment; until then nothing is lost."""
    return replace(delivery, due_at=until + GRACE, version=delivery.version + 1)


def swept(delivery: Delivery, now: datetime) -> Delivery:
    """The message of the next attempt goes out now; look again when it must have been lost."""
    return replace(delivery, due_at=max(delivery.next_attempt_at or now, now) + GRACE, version=delivery.version + 1)


def expects(delivery: Delivery, errand: Errand) -> bool:
    """Whether the errand is still to be done: the next of the plan, or a manual one that was not made yet."""
    if errand.manual:
        return len(delivery.attempts) < MAX_ATTEMPTS_KEPT and all(
            a.request != errand.request for a in delivery.attempts
        )
    return delivery.status is Status.PENDING and errand.attempt == delivery.planned + 1


def next_errand(delivery: Delivery) -> Errand:
    return Errand(delivery.user_id, delivery.endpoint_id, delivery.event_id, delivery.planned + 1)


def next_wait(made: int, outcome: Outcome, now: datetime, draw: float) -> timedelta | None:
    """From the end of planned attempt number ``made`` to the next one; None after the last.

    ``Retry-After`` is honoured between the planned wait and twice that, never above 24 h; after a 429 or a timeout at least 60 s pass.
    """
    if made >= len(LADDER):
        return None
    wait = LADDER[made] * (1 + JITTER * (2 * draw - 1))
    asked = retry_after(outcome.retry_after, now)
    if asked is not None:
        wait = max(wait, min(asked, 2 * wait, RETRY_AFTER_MAX))
    return max(wait, OVERLOADED * (1 + JITTER * draw)) if outcome.overloaded else wait


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """The header's wait: seconds, decimals rounded up, or an HTTP date. None for garbage and for what has passed."""
    if not text or len(text) > 64:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", text, re.ASCII):
        return timedelta(seconds=math.ceil(float(text)))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return wait if wait > timedelta(0) else None


def masked(url: str) -> str:
    """The address without the values of its query: customers put tokens there."""
    address, mark, query = url.partition("?")
    return (
        address
        + mark
        + "&".join(part.partition("=")[0] + "=***" if "=" in part else "***" for part in query.split("&"))
        if mark
        else address
    )


def turn_after(turn: int, draw: float) -> timedelta:
    """Until an errand that was put off comes again: longer each time, at most what a queue can hold. draw: uniform in [0, 1), so that they spread."""
    return min(timedelta(seconds=2 * 4 ** min(turn, 5)), MAX_QUEUE_DELAY) * (0.5 + draw / 2)


def payload_of(errand: Errand) -> Mapping[str, object]:
    return {k: v for k, v in vars(errand).items() if v is not None and (k != "turn" or v)}
