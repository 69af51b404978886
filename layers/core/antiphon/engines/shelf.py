"""Models that were loaded, kept while there is room for them."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class Shelf:
    """room: how many models may be loaded at a time, None for all. A new one takes the place of that which was not used for the longest time,
    and that one is gone before the new one is loaded: they need not fit side by side."""

    def __init__(self, room: int | None = None) -> None:
        self._room = room
        self._models: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        with self._lock:
            if key not in self._models:
                self._make_room()
                self._models[key] = load()
            self._models.move_to_end(key)
            return self._models[key]

    def clear(self, *, keep: Hashable = None) -> bool:
        """Let go of all models but one. Whether there were any."""
        with self._lock:
            others = [key for key in self._models if key != keep]
            for key in others:
                del self._models[key]
            if others:
                _free()
            return bool(others)

    @property
    def loaded(self) -> tuple[Hashable, ...]:
        return tuple(self._models)

    def _make_room(self) -> None:
        if self._room is None:
            return
        while len(self._models) >= self._room:
            self._models.popitem(last=False)
        _free()


def _free() -> None:
    """Memory of the card goes back only when the last reference is gone and torch's own cache is emptied."""
    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
