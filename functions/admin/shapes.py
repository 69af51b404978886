"""What the routes of administration take and give."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from antiphon.identity.administer import Wish
from antiphon.identity.model import User, UserStatus
from antiphon.identity.tiers import TIERS
from antiphon.platform.clock import rfc3339


class UserChange(BaseModel):
    """What is absent or null stays as it is."""

    model_config = ConfigDict(extra="forbid")

    tier: Literal["free", "premium", "enterprise"] | None = None
    role: Literal["user", "admin"] | None = None
    status: Literal["active", "suspended"] | None = None

    def wish(self) -> Wish:
        return Wish(self.tier, self.role, UserStatus(self.status) if self.status else None)


def managed_view(user: User) -> dict[str, Any]:
    """Nothing of what only the person may see: no preferences, and nothing of the password but whether there is one."""
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "tier": user.tier,
        "role": user.role,
        "status": user.status.value,
        "has_password": bool(user.password_hash),
        "created_at": rfc3339(user.created_at),
    }


def tier_views() -> list[dict[str, Any]]:
    return [{"name": name, **asdict(limits)} for name, limits in TIERS.items()]
