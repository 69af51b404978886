"""What the janitor does for media items: those whose upload never came are given up, and what was reserved for them is free again."""

from __future__ import annotations

from antiphon.media.items import MediaStore, expired
from antiphon.platform.clock import Clock


def expire_uploads(store: MediaStore, clock: Clock) -> int:
    """Gives how many. Safe to repeat."""
    count = 0
    for media in store.due(clock()):
        store.settle(expired(media))
        count += 1
    return count
