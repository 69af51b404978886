"""T-03: the fake and the real store of media items pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.identity.tiers import TIERS
from antiphon.media.items import Media, MediaStatus, MediaStore, arrived, rejected
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.media.items_memory import MemoryMediaStore
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
