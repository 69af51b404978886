"""An account with something in every field of every kind of row, and in every place of both buckets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import boto3

from antiphon.documents.dynamo import DynamoPages
from antiphon.documents.model import Part
from antiphon.engines.ports import Segment, Word
from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.model import Session, User, email_key
from antiphon.media.items import Media
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform import table as layout
from antiphon.platform.audit import Entry
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.events import Event
from antiphon.platform.idempotency import Answer, Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.ids import derived_id
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.table import Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Checkpoint, Failure, Job, Kind, Source, Status
from antiphon.speech.ports import Chunk, Mark
from antiphon.speech.s3 import s3_client
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore
from antiphon.webhooks.model import (
    CALLBACK,
    Delivery,
    Endpoint,
    Keyring,
    Outcome,
    Secret,
    attempted,
    begin,
    next_errand,
)
from tests.contract.conftest import REGION

UPLOADS, RESULTS = "uploads-bucket", "results-bucket"
PLACES = tuple((UPLOADS, f) for f in ("uploads", "inbox", "texts", "rejected")) + tuple(
    (RESULTS, f) for f in ("speech", "parts", "media")
)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
STAYS = frozenset({"erased", "day", "pace", "tally", "open", "counted"})
"""Kinds of rows that are not the user's."""


def make_buckets() -> Any:
    client.cache_clear()
    s3 = s3_client(REGION)
    for bucket in (UPLOADS, RESULTS):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return s3


@dataclass(frozen=True)
class Account:
    """A user of this table, number so-and-so. Nothing is written before `fill`."""

    table: Table
    s3: Any
    number: int

    @property
    def id(self) -> str:
        return f"usr_{self.number:026d}"

    @property
    def canary(self) -> str:
        return f"canary-{self.number:06d}"

    @property
    def email(self) -> str:
        return f"{self.canary}@example.com"

    @cached_property
    def jobs(self) -> DynamoJobStore:
        return DynamoJobStore(self.table)

    def id_of(self, prefix: str, place: int = 0) -> str:
        return derived_id(prefix, NOW + timedelta(milliseconds=self.number), self.id, order=place)

    def register(self) -> None:
        hint = {"defaults": {"speech": {"voice": self.canary}}}
        DynamoUsers(self.table).create(User(self.id, self.email, self.canary, NOW, self.canary, preferences=hint))

    def fill(self, *, jobs: int = 1, many: int = 2, places: Sequence[tuple[str, str]] = PLACES) -> None:
        """jobs: of each state and kind; many: rows of what there may be many of; places: folders with objects in them."""
        self.register()
        canary = self.canary
        DynamoUsers(self.table).start_session(
            Session(self.id_of("ses"), self.id, canary, canary, NOW, NOW + timedelta(days=30), NOW, canary, canary)
        )
        media = Media(self.id_of("med"), self.id, "transcription", canary, "audio/wav", 1, NOW)
        DynamoMediaStore(self.table).create(media)
        for place in range(jobs):
            self._job(Kind.TRANSCRIPTION, 10 * place, done=True)
            self._job(Kind.SPEECH, 10 * place + 1, done=False)
            document = self._job(Kind.DOCUMENT, 10 * place + 2, done=False)
            DynamoPages(self.table).write(document, [Part(1, 0, canary), Part(2, 0, canary)])
        self._webhooks(many)
        desk = Idempotency(DynamoIdempotencyStore(self.table), lambda: NOW)
        for user in (self.id, email_key(self.email)):
            record = desk.begin(user=user, method="POST", path="/v1/x", key=canary, body=canary.encode())
            desk.finish(record, Answer(201, (("location", canary),), json.dumps({"id": canary})))
        for place in range(many):
            entry = Entry(self.id, self.id, f"did.{canary}", canary, "succeeded", NOW + timedelta(seconds=place))
            DynamoAuditLog(self.table).append(entry)
        self._rows_of_others()
        self._objects(places)

    def _job(self, kind: Kind, place: int, *, done: bool) -> Job:
        canary = self.canary
        source = Source(UPLOADS, f"uploads/{self.id}/{self.id_of('job', place)}", filename=canary)
        job = Job(
            self.id_of("job", place),
            kind,
            self.id,
            Status.QUEUED,
            NOW,
            options={"hotwords": canary},
            metadata={"note": canary},
            source=source,
            title=canary,
            tier="premium",
            callback_url=f"https://{canary}.example.com",
        )
        change = model.create(job, NOW)
        self.jobs.apply(change)
        change = model.claim(change.after, owner="w1", message_id="m1", lease=LEASE, now=NOW)
        self.jobs.apply(change)
        said = Segment(0.0, 1.0, canary, (Word(canary, 0.0, 1.0, 0.5),), 0.5)
        change = model.advance(change.after, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(30.0, 1))
        mark = Mark(0, canary, 0.0, 1.0, (Word(canary, 0.0, 1.0),), canary)
        self.jobs.apply(change, chunk=Chunk(0, (said,)), mark=mark)
        revised = model.revise(change.after, NOW, revision="r1", speakers={"SPEAKER_00": canary}, corrected=True)
        assert revised
        change = revised
        self.jobs.apply(change, texts={0: canary})
        if done:
            change = model.fail(change.after, Failure("worker_crashed", canary), NOW)
            self.jobs.apply(change)
        return change.after

    def _webhooks(self, many: int) -> None:
        canary = self.canary
        secret = Secret(canary, canary, canary, NOW)
        endpoints, deliveries = DynamoEndpointStore(self.table), DynamoDeliveryStore(self.table)
        for place in range(2):
            endpoints.create(
                Endpoint(
                    self.id_of("whk", place),
                    self.id,
                    f"https://{canary}",
                    (f"{canary}.*",),
                    NOW,
                    (secret,),
                    f"About {canary}",
                )
            )
        endpoints.create_keyring(Keyring(self.id, (secret,)))
        events = [self.event(place) for place in range(many)]
        for event in events:
            event_row(self.table.bind(EventRow), event).save()
            for endpoint_id in (self.id_of("whk", 0), self.id_of("whk", 1), CALLBACK):
                self.deliver(deliveries, event, endpoint_id)
        endpoints.delete(self.id, self.id_of("whk", 1), NOW)

    def event(self, place: int) -> Event:
        data = {"id": "job_1", "note": self.canary}
        callback = f"https://{self.canary}.example.com"
        return Event(self.id_of("evt", 500 + place), self.id, "speech.succeeded", NOW, data, callback_url=callback)

    def deliver(self, deliveries: DynamoDeliveryStore, event: Event, endpoint_id: str) -> Delivery:
        first = deliveries.create(begin(event, endpoint_id, f"https://{self.canary}", NOW))
        outcome = Outcome(500, None, 12, self.canary, None)
        after = attempted(first, next_errand(first), NOW, outcome, NOW, 0.5)
        deliveries.replace(first, after)
        return after

    def _rows_of_others(self) -> None:
        """By the layout alone: every kind of row that it names and that was not written above, with the user in the place of the user."""
        key, minute = self.id_of("key"), int(NOW.timestamp() // 60)
        places = {
            "usr": self.id,
            "email hash": email_key(self.email),
            "minute": str(minute),
            "whk": self.id_of("whk", 0),
        }
        extra: list[tuple[str, str, dict[str, str]]] = [
            (f"user#{self.id}", f"preset#pre_{self.canary}", {"name": self.canary}),
            (f"user#{self.id}", f"key#{key}", {"hash": f"{self.canary}-hash"}),
            (f"apikey#{self.canary}-hash", "key", {"user_id": self.id}),
            (f"user#{self.id}", f"device#dev_{self.canary}", {"hash": f"{self.canary}-device-hash"}),
            (f"apikey#{self.canary}-device-hash", "key", {"user_id": self.id}),
            (f"user#{self.id}", f"federated#{self.canary}-subject", {}),
            (f"federated#{self.canary}-subject", "user", {"user_id": self.id}),
            (f"attempts#account#{email_key(self.email)}", "attempts", {}),
            (f"mails#{email_key(self.email)}", "hour#495000", {}),
            (f"mails#{email_key(self.email)}", f"sent#{self.canary}", {}),
            (f"limit#{self.id}#{minute}", "limit", {}),
            (f"user#{self.id}", "usage#2026-11", {}),
            (f"user#{self.id}", "usage#2026-11#key_1", {}),
        ]
        there = [(row["pk"]["S"], row["sk"]["S"]) for row in everything()]
        there += [(pk, sk) for pk, sk, _ in extra]
        for kind, pk, sk in kinds():
            if kind in STAYS or any(shape(pk).fullmatch(p) and shape(sk).fullmatch(s) for p, s in there):
                continue

            def fill(match: re.Match[str]) -> str:
                return places.get(match[1], self.canary)

            extra.append((re.sub(r"<([^>]+)>", fill, pk), re.sub(r"<([^>]+)>", fill, sk), {}))
        for pk, sk, fields in extra:
            item = {"pk": pk, "sk": sk, "row": "other", "note": self.canary, **fields}
            client().put_item(TableName=self.table.name, Item={k: {"S": v} for k, v in item.items()})

    def _objects(self, places: Sequence[tuple[str, str]]) -> None:
        for bucket, folder in places:
            for name in ("a", "b/c", "ü d"):
                key = f"{folder}/{self.id}/{name}"
                for text in (self.canary, f"{self.canary} again"):
                    self.s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), Metadata={"note": self.canary})
            self.s3.delete_object(Bucket=bucket, Key=f"{folder}/{self.id}/a")
            opened = {"Bucket": bucket, "Key": f"{folder}/{self.id}/in-parts"}
            upload = self.s3.create_multipart_upload(**opened)["UploadId"]
            self.s3.upload_part(**opened, UploadId=upload, PartNumber=1, Body=self.canary.encode())

    def traces(self) -> list[str]:
        """What of this user is in the table or the buckets."""
        marks = (self.id, self.email, self.canary, email_key(self.email))
        rows = [json.dumps(row, sort_keys=True) for row in everything()]
        return [text for text in (*rows, *objects(self.s3)) if any(mark in text for mark in marks)]

    def again(self) -> Account:
        """The same address, registered anew."""
        other = replace(self, number=self.number)
        DynamoUsers(self.table).create(User(self.id_of("usr"), self.email, "new", NOW))
        return other


@cache
def client() -> Any:
    """Of this test; making one takes longer than most calls."""
    return boto3.client("dynamodb", region_name=REGION)


def everything() -> Iterator[dict[str, Any]]:
    """The whole table."""
    for page in client().get_paginator("scan").paginate(TableName="antiphon"):
        yield from page["Items"]


def objects(s3: Any) -> Iterator[str]:
    """All versions, delete markers and open uploads of both buckets."""
    for bucket in (UPLOADS, RESULTS):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for kind in ("Versions", "DeleteMarkers"):
                yield from (f"{bucket}/{found['Key']} {found['VersionId']}" for found in page.get(kind, ()))
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            yield from (f"{bucket}/{found['Key']} {found['UploadId']}" for found in page.get("Uploads", ()))


def kinds() -> Iterator[tuple[str, str, str]]:
    """(kind, pk, sk) of each line of the table's layout."""
    for line in (layout.__doc__ or "").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "row" and set(cells[0]) != {"-"}:
            yield cells[0], cells[1], cells[2]


def shape(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(".+" if part.startswith("<") else re.escape(part) for part in re.split(r"(<[^>]+>)", template))
    )
