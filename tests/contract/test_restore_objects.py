"""T-10: objects come back as they were at a moment, and no arrival is told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from infra.restore_objects import digest, histories, restore
from tests.contract.conftest import REGION

BUCKET = "uploads"
MOMENT = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


class Hours:
    """S3, whose objects are written at the hour that is said: negative is before the moment."""

    def __init__(self, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3 = s3
        self._set = lambda now: monkeypatch.setattr("moto.s3.models.utcnow", lambda: now)

    def put(self, key: str, body: str, at: int) -> str:
        self._set((MOMENT + timedelta(hours=at)).replace(tzinfo=None))
        return str(self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"])

    def delete(self, key: str, at: int) -> None:
        self._set((MOMENT + timedelta(hours=at)).replace(tzinfo=None))
        self.s3.delete_object(Bucket=BUCKET, Key=key)

    def there(self) -> dict[str, str]:
        pages = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            each["Key"]: self.s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read().decode() for each in pages
        }

    def versions(self) -> int:
        return sum("ETag" in entry for history in histories(self.s3, BUCKET) for entry in history)


@pytest.fixture
def hours(aws: None, monkeypatch: pytest.MonkeyPatch) -> Hours:
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return Hours(s3, monkeypatch)


def test_what_was_deleted_comes_back_as_the_version_that_it_was(hours: Hours) -> None:
    """Jobs name versions; and nothing is written, so that no arrival is told of."""
    hours.put("uploads/a", "older", -3)
    version = hours.put("uploads/a", "recording", -2)
    hours.delete("uploads/a", 1)
    hours.delete("uploads/a", 2)
    before = hours.versions()
    found = restore(hours.s3, BUCKET, MOMENT)
    assert (found.returned, found.changed, found.kept, found.differ) == (1, 0, 0, 0)
    assert hours.there() == {"uploads/a": "recording"}
    assert hours.s3.head_object(Bucket=BUCKET, Key="uploads/a")["VersionId"] == version
    assert hours.versions() == before


def test_what_was_deleted_before_and_what_was_made_since_stay_as_they_are(hours: Hours) -> None:
    hours.put("gone", "…", -2)
    hours.delete("gone", -1)
    hours.put("new", "since", 1)
    hours.put("same", "always", -2)
    found = restore(hours.s3, BUCKET, MOMENT)
    assert (found.returned, found.changed, found.kept, found.differ) == (0, 0, 1, 0)
    assert hours.there() == {"new": "since", "same": "always"}


def test_what_was_overwritten_comes_back_only_when_it_is_asked_for(hours: Hours) -> None:
    hours.put("a", "good", -1)
    hours.put("a", "damaged", 1)
    hours.put("b", "good", -1)
    hours.put("b", "damaged", 1)
    hours.delete("b", 2)
    assert restore(hours.s3, BUCKET, MOMENT).differ == 2
    assert hours.there() == {"a": "damaged"}
    assert restore(hours.s3, BUCKET, MOMENT, over=True).changed == 2
    assert hours.there() == {"a": "good", "b": "good"}


def test_counts_and_sums_are_those_of_the_moment_and_a_second_time_changes_nothing(hours: Hours) -> None:
    listed = hours.s3.list_object_versions
    hours.s3.list_object_versions = lambda **asked: listed(**asked, MaxKeys=7)
    for number in range(55):
        hours.put(f"uploads/{number:04d}", str(number), -1)
    before = sorted(digest(history[0]) for history in histories(hours.s3, BUCKET))
    for number in range(0, 55, 5):
        hours.delete(f"uploads/{number:04d}", 1)
    first = restore(hours.s3, BUCKET, MOMENT)
    assert (first.returned, first.kept) == (11, 44)
    assert sorted(digest(history[0]) for history in histories(hours.s3, BUCKET)) == before
    second = restore(hours.s3, BUCKET, MOMENT)
    assert (second.returned, second.kept, second.sha256) == (0, 55, first.sha256)
