"""What of the table's changes concerns the index."""

from __future__ import annotations

from typing import Protocol

from antiphon.platform.events import Event
from antiphon.search.model import Errand, Kind


class IndexQueue(Protocol):
    def send(self, errand: Errand, *, request_id: str | None = None) -> None: ...


def errand_of_event(event: Event) -> Errand | None:
    """None where nothing is to be found that was not there before."""
    if event.type == "message.created":
        return Errand(event.user_id, Kind.MESSAGE, event.data["conversation_id"], event.data["id"])
    if event.type == "transcription.succeeded" or (
        event.type == "transcription.updated" and event.data["status"] == "succeeded"
    ):
        return Errand(event.user_id, Kind.TRANSCRIPT, event.data["id"])
    if event.type == "document.succeeded":
        return Errand(event.user_id, Kind.DOCUMENT, event.data["id"])
    return None


def errand_of_removed(pk: str, sk: str) -> Errand | None:
    """pk, sk: of a row that is gone. None where nothing of it was in the index."""
    user_id = pk.removeprefix("user#")
    if sk.startswith("conv#"):
        return Errand(user_id, Kind.MESSAGE, sk.removeprefix("conv#"))
    if sk.startswith("job#transcription#"):
        return Errand(user_id, Kind.TRANSCRIPT, sk.removeprefix("job#transcription#"))
    if sk.startswith("job#document#"):
        return Errand(user_id, Kind.DOCUMENT, sk.removeprefix("job#document#"))
    return None
