"""`make restore-objects STACK=antiphon-prod AT=2026-11-27T09:00:00Z`: bring the objects of both buckets back that were there at a moment (infra/restore.md).

The buckets keep what was deleted or overwritten for 7 days. What was deleted since comes back as the version that it was, by taking off what hides it: jobs name
versions, and nobody is told of an arrival. With --over what was overwritten becomes what it was, too, as a new version. Nothing is removed, and it may be begun again.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.redrive import outputs
from infra.restore import sum_of

BUCKETS = ("UploadsBucket", "ResultsBucket")
Entry = dict[str, Any]
"""A version of an object, or a marker that hides those before it (without an ETag)."""


@dataclass(frozen=True)
class Receipt:
    """Objects that were there at the moment, by what became of them, and the sum of all of them."""

    returned: int
    changed: int
    kept: int
    differ: int
    sha256: str


def histories(s3: Any, bucket: str) -> Iterator[list[Entry]]:
    """All that S3 still has of each key, newest first."""
    found: dict[str, list[Entry]] = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            found.setdefault(entry["Key"], []).append(entry)
        # Of the last key of a page more may follow.
        for key in found.keys() - {page.get("NextKeyMarker")}:
            yield sorted(found.pop(key), key=lambda entry: (entry["IsLatest"], entry["LastModified"]), reverse=True)


def digest(entry: Entry) -> bytes:
    return hashlib.sha256(f"{entry['Key']}\0{entry['ETag']}".encode()).digest()


def restore(s3: Any, bucket: str, at: datetime, *, over: bool = False) -> Receipt:
    """at: with its time zone."""
    returned = changed = kept = differ = 0
    wanted: list[bytes] = []
    for history in histories(s3, bucket):
        then = next((entry for entry in history if entry["LastModified"] <= at), None)
        if then is None or "ETag" not in then:  # made since, or deleted already
            continue
        wanted.append(digest(then))
        # What was written since stays a version, of which the newest is what is there.
        above = history[: history.index(then)]
        if any("ETag" in entry for entry in above):
            same = "ETag" in history[0] and history[0]["ETag"] == then["ETag"]
            kept, differ = kept + same, differ + (not same and not over)
            if over and not same:
                where = {"Bucket": bucket, "Key": then["Key"]}
                s3.copy({**where, "VersionId": then["VersionId"]}, **where)
                changed += 1
            continue
        for marker in above:
            s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
        returned, kept = returned + bool(above), kept + (not above)
    return Receipt(returned, changed, kept, differ, sum_of(iter(wanted)))


def main(arguments: list[str]) -> int:
    over = "--over" in arguments
    names = [argument for argument in arguments if argument != "--over"]
    at = datetime.fromisoformat(names[1]) if len(names) == 2 else None
    if at is None or at.tzinfo is None:
        print("usage: make restore-objects STACK=<stack> AT=<time with its zone> [OVER=--over]", file=sys.stderr)
        return 2
    import boto3

    region = os.environ.get("AWS_REGION", "us-east-1")
    places, s3 = outputs(names[0], region), boto3.client("s3", region_name=region)
    for bucket in (places[name] for name in BUCKETS):
        found = restore(s3, bucket, at, over=over)
        print(f"{bucket}: {found.returned} objects returned, {found.changed} brought back, {found.kept} as they were.")
        if found.differ:
            print(f"{found.differ} are others than at that moment; OVER=--over brings them back, too.")
        print(f"sha256 of keys and ETags: {found.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
