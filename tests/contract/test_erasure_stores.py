"""T-03: the fake and the real rows of an account pass one suite; and the queue of second looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import TransactWriteError

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.erase_dynamo import DynamoAccountRows
from antiphon.identity.erase_memory import MemoryAccountRows
from antiphon.identity.erase_s3 import S3AccountObjects
from antiphon.identity.erase_sqs import SqsSecondLooks
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import Mark, Removed, Session, User, UserStatus
from antiphon.identity.ports import AccountRows, UserStore
from antiphon.platform.ids import derived_id
from antiphon.platform.table import Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.measures import event_of
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.s3 import s3_client
from antiphon.tally.dynamo import DynamoTally
from tests.contract.conftest import REGION

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
ANNA = "usr_anna"
UPLOADS, RESULTS = "uploads-bucket", "results-bucket"
Users = MemoryUsers | DynamoUsers
Both = tuple[Users, AccountRows]


@pytest.fixture(params=["memory", "dynamo"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "memory":
        users = MemoryUsers()
        return users, MemoryAccountRows(users)
    table: Table = request.getfixturevalue("table")
    return DynamoUsers(table), DynamoAccountRows(table, lambda: NOW)


def register(users: UserStore, user_id: str = ANNA) -> None:
    users.create(User(user_id, f"{user_id}@example.com", "hash", NOW, "Anna"))


def test_a_mark_stays_and_keeps_its_moment(both: Both) -> None:
    """A-24"""
    users, rows = both
    register(users)
    assert users.standing(ANNA) == "here"
    first = rows.mark(ANNA, NOW, LATER)
    assert first == Mark(ANNA, f"{ANNA}@example.com", NOW)
    assert rows.mark(ANNA, LATER, LATER) == first
    found = users.get(ANNA)
    assert found is not None
    assert found.status is UserStatus.ERASING
    assert (users.tier_of(ANNA), users.standing(ANNA)) == (None, "erased")
    assert rows.mark("usr_none", NOW, LATER) is None
    assert users.get("usr_none") is None


def test_a_password_is_not_replaced_any_more(both: Both) -> None:
    users, rows = both
    register(users)
    before = users.get(ANNA)
    assert before is not None
    rows.mark(ANNA, NOW, LATER)
    users.replace_password_hash(before, "another")
    found = users.get(ANNA)
    assert found is not None
    assert (found.password_hash, found.status) == ("hash", UserStatus.ERASING)


def test_what_is_due_is_found_and_nothing_else(both: Both) -> None:
    users, rows = both
    for user_id in (ANNA, "usr_b", "usr_c", "usr_d"):
        register(users, user_id)
    for user_id, due in ((ANNA, NOW), ("usr_b", NOW), ("usr_c", LATER)):
        rows.mark(user_id, NOW, due)
    assert sorted(rows.due(NOW)) == [ANNA, "usr_b"]
    mark = rows.mark(ANNA, NOW, NOW)
    assert mark is not None
    rows.pause(mark, Removed(1, 2, 3), LATER)
    rows.finish(Mark("usr_b", "usr_b@example.com", NOW), Removed(), NOW)
    assert list(rows.due(NOW)) == []
    assert sorted(rows.due(LATER)) == [ANNA, "usr_c"]
    paused = rows.mark(ANNA, LATER, LATER)
    assert paused is not None
    assert (paused.at, paused.removed) == (NOW, Removed(1, 2, 3))


def test_the_end_is_the_same_whoever_repeats_it(both: Both) -> None:
    users, rows = both
    register(users)
    assert rows.finished(ANNA) is None
    mark = rows.mark(ANNA, NOW, LATER)
    assert mark is not None
    for removed in (Removed(3, 2, 1), Removed(9, 9, 9)):
        rows.finish(mark, removed, NOW)
    assert rows.finished(ANNA) == (Removed(3, 2, 1), NOW)
    assert (users.get(ANNA), users.by_email(mark.email), users.standing(ANNA)) == (None, None, "erased")
    assert users.standing("usr_none") == "unknown"


def test_the_address_of_another_stays(both: Both) -> None:
    users, rows = both
    register(users)
    mark = rows.mark(ANNA, NOW, LATER)
    assert mark is not None
    rows.finish(mark, Removed(), NOW)
    users.create(User("usr_new", mark.email, "hash", NOW))
    rows.finish(mark, Removed(), NOW)
    found = users.by_email(mark.email)
    assert found is not None
    assert found.id == "usr_new"


def test_a_user_who_was_not_marked_is_not_finished(table: Table) -> None:
    """The condition that holds whatever a caller does."""
    users, rows = DynamoUsers(table), DynamoAccountRows(table, lambda: NOW)
    register(users)
    with pytest.raises(TransactWriteError):
        rows.finish(Mark(ANNA, f"{ANNA}@example.com", NOW), Removed(), NOW)
    assert users.get(ANNA) is not None


def test_jobs_that_an_erasure_ends_are_counted_as_ended(table: Table) -> None:
    """O-05: those that were accepted, each once, however often it begins anew; and a job moves on while it is looked at."""
    users, rows, store, tally = (
        DynamoUsers(table),
        DynamoAccountRows(table, lambda: NOW),
        DynamoJobStore(table),
        DynamoTally(table),
    )
    register(users)
    events = []
    for number, status in enumerate((Status.QUEUED, Status.QUEUED, Status.AWAITING_UPLOAD)):
        job = Job(derived_id("job", NOW, str(number)), Kind.SPEECH, ANNA, status, NOW, source=Source("b", "k"))
        created = model.create(job, NOW)
        store.apply(created)
        events.append(event_of(created))
    for event in filter(None, events):
        tally.add(event.id, NOW, event.counts)
    assert tally.open() == {Kind.SPEECH: 2}
    stopping = rows.stop(ANNA)
    next(stopping)
    left = store.get(ANNA, Kind.SPEECH, derived_id("job", NOW, "1"))
    assert left
    store.apply(model.claim(left, owner="w", message_id="m", lease=timedelta(seconds=60), now=NOW))
    assert len(list(stopping)) == 2
    assert list(rows.stop(ANNA)) == []
    assert tally.open() == {}
    assert [span.counts["speech_canceled"] for span in tally.hours(NOW - timedelta(hours=1), LATER)] == [2]


def test_a_partition_of_many_rows_goes_whole(table: Table) -> None:
    users, rows = DynamoUsers(table), DynamoAccountRows(table, lambda: NOW)
    register(users)
    for number in range(130):
        users.start_session(Session(f"ses_{number:03d}", ANNA, "f", "h" * 20_000, NOW, LATER, NOW))
    assert sum((r.rows for r in rows.remove(ANNA, None)), 0) == 130
    assert users.session(ANNA, "ses_000") is None
    assert users.get(ANNA) is not None


def test_versions_of_one_key_on_several_pages_are_one_object(aws: None) -> None:
    s3 = s3_client(REGION)
    for bucket in (UPLOADS, RESULTS):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(7):
        s3.put_object(Bucket=UPLOADS, Key=f"uploads/{ANNA}/a", Body=str(number))
    s3.put_object(Bucket=UPLOADS, Key=f"uploads/{ANNA}/b", Body="")
    s3.put_object(Bucket=UPLOADS, Key=f"uploads/{ANNA}x/b", Body="of another")
    listed = s3.list_object_versions

    def few(**asked: Any) -> Any:
        return listed(**{**asked, "MaxKeys": 3})

    s3.list_object_versions = few
    removed = list(S3AccountObjects(s3, uploads=UPLOADS, results=RESULTS).remove(ANNA))
    assert len(removed) >= 3
    assert sum(removed, Removed()) == Removed(objects=2, versions=8)
    assert [v["Key"] for v in listed(Bucket=UPLOADS)["Versions"]] == [f"uploads/{ANNA}x/b"]


def test_a_refused_deletion_is_an_error(aws: None) -> None:
    s3 = s3_client(REGION)
    for bucket in (UPLOADS, RESULTS):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=RESULTS, Key=f"speech/{ANNA}/a", Body="")
    s3.delete_objects = lambda **_: {"Errors": [{"Code": "AccessDenied", "Message": "no"}]}
    with pytest.raises(ClientError, match="AccessDenied"):
        list(S3AccountObjects(s3, uploads=UPLOADS, results=RESULTS).remove(ANNA))


def test_a_second_look_waits_for_a_quarter_of_an_hour_and_comes_until_it_is_forgotten(aws: None) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="erasures", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    looks = SqsSecondLooks(sqs, url)
    looks.send(ANNA)
    depth = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert depth["ApproximateNumberOfMessagesDelayed"] == "1"
    assert list(looks.receive()) == []
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"user_id": ANNA}))
    for _ in range(2):
        look = next(looks.receive())
        assert look.user_id == ANNA
    looks.forget(look)
    assert list(looks.receive()) == []
