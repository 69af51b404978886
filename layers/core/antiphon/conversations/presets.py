"""Named model settings of a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from antiphon.conversations.model import ChatOptions
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, NotFound
from antiphon.platform.ids import new_id
from antiphon.platform.pages import Page

MAX_PRESETS = 100


@dataclass(frozen=True)
class Preset:
    id: str
    user_id: str
    name: str
    created_at: datetime
    model: str | None = None
    options: ChatOptions = field(default_factory=ChatOptions)


class PresetStore(Protocol):
    def save(self, preset: Preset) -> None: ...

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[Preset]:
        """Newest first."""

    def delete(self, user_id: str, preset_id: str) -> bool:
        """Whether it was there."""


class Presets:
    def __init__(self, store: PresetStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(
        self, user_id: str, name: str, model: str | None, options: ChatOptions, seed: str | None = None
    ) -> Preset:
        """seed: of a repeated request. Raises Conflict ``too_many_presets``."""
        if len(self._store.page(user_id, MAX_PRESETS).items) >= MAX_PRESETS:
            raise Conflict(f"An account may have {MAX_PRESETS} presets; delete one first.", code="too_many_presets")
        made = Preset(f"pre_{seed}" if seed else new_id("pre"), user_id, name, self._clock(), model, options)
        self._store.save(made)
        return made

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[Preset]:
        return self._store.page(user_id, limit, position)

    def delete(self, user_id: str, preset_id: str) -> None:
        """Raises NotFound."""
        if not self._store.delete(user_id, preset_id):
            raise NotFound("There is no such preset.")
