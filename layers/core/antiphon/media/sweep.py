"""What the janitor does for media items: those whose upload never came are given up, and what was reserved for them is free again;
inspections that were lost are asked for again."""

from __future__ import annotations

from antiphon.media.items import MAX_INSPECTIONS, MediaStatus, MediaStore, event_of, expired, inspecting, rejected
from antiphon.platform.clock import Clock
from antiphon.speech.model import Failure

NOT_INSPECTED = Failure(
    "inspection_failed", "The file could not be inspected in several tries. Upload it in another format."
)


def sweep_media(store: MediaStore, clock: Clock) -> int:
    """Gives how many. Safe to repeat."""
    count, now = 0, clock()
    for media in store.due(now):
        if media.status is MediaStatus.AWAITING_UPLOAD:
            store.settle(expired(media))
        elif media.inspections < MAX_INSPECTIONS:
            again = inspecting(media, now)
            store.settle(again, event_of(again, "uploaded", now), leaving=MediaStatus.INSPECTING)
        else:
            given_up = rejected(media, NOT_INSPECTED)
            store.settle(given_up, event_of(given_up, "rejected", now), leaving=MediaStatus.INSPECTING)
        count += 1
    return count
