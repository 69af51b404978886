"""T-03: the fake and the real store of media items pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.identity.tiers import TIERS
from antiphon.media.items import (
    INSPECTED_WITHIN,
    MAX_INSPECTIONS,
    Media,
    MediaStatus,
    MediaStore,
    arrived,
    event_of,
    inspected,
    rejected,
)
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.media.model import Facts
from antiphon.media.sweep import sweep_media
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import Failure, Source
from antiphon.speech.usage_dynamo import DynamoUsage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SOURCE = Source("b", "uploads/usr_1/med_1", size=700)
LIMIT = TIERS["free"].storage_bytes


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> MediaStore:
    if request.param == "memory":
        return MemoryMediaStore()
    return DynamoMediaStore(request.getfixturevalue("table"))


def held(store: Any) -> int:
    if isinstance(store, MemoryMediaStore):
        return store.held["usr_1"]
    usage: DynamoUsage = store._usage
    return usage.of("usr_1", "2026-11").storage_bytes


def item(number: int = 1, **changes: Any) -> Media:
    made = Media(
        f"med_{number}", "usr_1", "transcription", "a.wav", "audio/wav", 1_000, NOW, due_at=NOW + timedelta(hours=24)
    )
    return replace(made, **changes)


def test_an_item_comes_back_as_it_was_settled(store: MediaStore) -> None:
    store.create(item())
    store.create(item())
    assert store.get("usr_1", "med_1") == item()
    assert store.get("usr_2", "med_1") is None
    there = arrived(item(), SOURCE, "audio/x-wav")
    for _ in range(2):
        store.settle(there)
    store.settle(rejected(item(), Failure("x", "y")))
    assert store.get("usr_1", "med_1") == there


def test_its_bytes_are_reserved_then_counted_and_free_again_when_it_is_rejected(store: MediaStore) -> None:
    """U-03"""
    store.create(item(1))
    store.create(item(2))
    assert held(store) == 2_000
    for _ in range(2):
        store.settle(arrived(item(1), SOURCE, None))
        store.settle(rejected(item(2), Failure("x", "y")))
    assert held(store) == 700


def test_an_upload_that_never_comes_is_given_up_after_a_day(store: MediaStore) -> None:
    """U-03"""
    store.create(item(1))
    store.create(item(2))
    store.settle(arrived(item(2), SOURCE, None))
    assert sweep_media(store, lambda: NOW + timedelta(hours=23)) == 0
    assert sweep_media(store, lambda: NOW + timedelta(hours=24)) == 1
    assert sweep_media(store, lambda: NOW + timedelta(hours=25)) == 0
    found = store.get("usr_1", "med_1")
    assert found is not None
    assert found.error is not None
    assert (found.status, found.error.code) == (MediaStatus.REJECTED, "upload_expired")
    assert held(store) == 700


def test_beyond_the_limit_no_upload_is_promised_however_many_ask_at_once(store: MediaStore) -> None:
    """A-62"""

    def create(number: int) -> bool:
        try:
            store.create(item(number, size=LIMIT // 5))
        except QuotaExceeded as refused:
            assert refused.counter == "storage_bytes"  # noqa: PT017 - counted, not expected
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(create, range(20))) == 5
    assert held(store) == LIMIT // 5 * 5


FACTS = Facts(
    container="wav",
    codec="pcm_s16le",
    duration=12.345678,
    sample_rate=44_100,
    channels=2,
    bit_rate=1_411_200,
    lufs=-23.04,
    true_peak=None,
    loudness_range=1.5,
    tags={"title": "Größe"},
    peaks=(-127, 127, 0, 1),
)


def uploaded(number: int = 1) -> Media:
    return arrived(item(number, purpose="media"), SOURCE, None, NOW)


def test_an_item_is_inspected_once_and_keeps_what_was_found(store: MediaStore) -> None:
    store.create(item(1, purpose="media"))
    for _ in range(2):
        store.settle(uploaded(), event_of(uploaded(), "uploaded", NOW))
    assert store.get("usr_1", "med_1") == uploaded()
    ready = inspected(uploaded(), FACTS)
    store.settle(ready)  # it left the other state
    assert store.get("usr_1", "med_1") == uploaded()
    for _ in range(2):
        store.settle(ready, event_of(ready, "ready", NOW), leaving=MediaStatus.INSPECTING)
    store.settle(rejected(uploaded(), Failure("x", "y")), leaving=MediaStatus.INSPECTING)
    assert store.get("usr_1", "med_1") == ready
    assert events(store) == ["media.ready", "media.uploaded"]


def events(store: Any) -> list[str]:
    if isinstance(store, MemoryMediaStore):
        return sorted(event.type for event in store.events)
    return sorted(row.type for row in store._events.query("events#usr_1"))


def test_a_lost_inspection_is_asked_for_again_and_given_up_in_the_end(store: MediaStore) -> None:
    store.create(item(1, purpose="media"))
    store.settle(uploaded())
    late = NOW
    for again in range(1, MAX_INSPECTIONS):
        late += INSPECTED_WITHIN
        assert sweep_media(store, lambda at=late - timedelta(seconds=1): at) == 0  # type: ignore[misc]
        assert sweep_media(store, lambda at=late: at) == 1  # type: ignore[misc]
        assert sweep_media(store, lambda at=late: at) == 0  # type: ignore[misc]
        found = store.get("usr_1", "med_1")
        assert found is not None
        assert (found.status, found.inspections) == (MediaStatus.INSPECTING, again + 1)
        assert events(store) == ["media.uploaded"] * again
    assert sweep_media(store, lambda: late + INSPECTED_WITHIN) == 1
    found = store.get("usr_1", "med_1")
    assert found is not None
    assert found.error is not None
    assert (found.status, found.error.code, found.due_at) == (MediaStatus.REJECTED, "inspection_failed", None)
    assert held(store) == 0


def test_items_are_listed_newest_first_and_by_what_they_were_made_of(store: MediaStore) -> None:
    for number in range(1, 6):
        store.create(item(number, parent_id="med_1" if number in (2, 4, 5) else None))
    store.create(item(9, user_id="usr_2", parent_id="med_1"))
    first = store.list("usr_1", limit=3)
    assert [each.id for each in first.items] == ["med_5", "med_4", "med_3"]
    rest = store.list("usr_1", limit=3, position=first.position)
    assert ([each.id for each in rest.items], rest.position) == (["med_2", "med_1"], None)
    made = store.list("usr_1", limit=2, parent_id="med_1")
    assert [each.id for each in made.items] == ["med_5", "med_4"]
    more = store.list("usr_1", limit=2, position=made.position, parent_id="med_1")
    assert ([each.id for each in more.items], more.position) == (["med_2"], None)


def test_a_deleted_item_is_gone_and_its_bytes_are_free_once(store: MediaStore) -> None:
    store.create(item(1, purpose="media"))
    store.create(item(2))
    old = store.get("usr_1", "med_1")
    assert old is not None
    store.settle(uploaded())
    assert store.delete(old) == 1  # as it was read before it changed
    assert store.delete(old) == 0
    assert store.get("usr_1", "med_1") is None
    store.settle(inspected(uploaded(), FACTS), leaving=MediaStatus.INSPECTING)
    assert store.get("usr_1", "med_1") is None
    assert held(store) == 1_000
