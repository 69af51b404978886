"""A gate for the frames' own tests, whose routes are in no table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from antiphon.platform.access import Access, Who
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.clock import Clock, system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.limits import Allowance
from antiphon.platform.limits_memory import MemoryLimiter

PLENTY = Allowance(1_000, 1_000, 1_000)


def make_gate(
    routes: Mapping[str, Access] | None = None,
    *,
    clock: Clock = system_clock,
    allowance: Allowance = PLENTY,
    audit: MemoryAuditLog | None = None,
    **options: Any,
) -> Gate:
    """routes: None lets any signed-in caller call anything, without a trace."""
    return Gate(
        limiter=MemoryLimiter(),
        audit=audit or MemoryAuditLog(),
        clock=clock,
        allowance_of=lambda tier: allowance,
        routes=defaultdict(lambda: Access(Who.CALLER)) if routes is None else routes,
        **options,
    )


def open_gate() -> Gate:
    """Anybody may call anything."""
    return make_gate(defaultdict(lambda: Access(Who.PUBLIC)))
