"""The ``callback_url`` of a job, held to the same rules as a webhook endpoint."""

from __future__ import annotations

from antiphon.platform.errors import Field, Invalid
from antiphon.webhooks.guard import Blocked, Policy, check_url


def check_callback(url: str, policy: Policy) -> None:
    """Raises Invalid with what to change. The address is checked again at every single call."""
    try:
        check_url(url, policy)
    except Blocked as reason:
        raise Invalid(f"callback_url: {reason}", fields=(Field("callback_url", str(reason)),)) from reason
