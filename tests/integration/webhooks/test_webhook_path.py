"""From an event in the outbox to a signed request at the receiver, through the real handlers and the real SDK."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from antiphon.platform.clock import system_clock
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import new_id
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.manage import Endpoints
from antiphon.webhooks.memory import MemoryVault
from antiphon.webhooks.model import delivery_id
from antiphon.webhooks.secrets import Secrets
from antiphon.webhooks.sqs import SqsDeliveryQueue
from tests.faults import Refusals, refusal
from tests.integration.webhooks.conftest import System, image_of, now, stream_record
from tests.integration.webhooks.receivers import answers, receiver

USER = "usr_01JD00000000000000000000AA"
OTHER = "usr_01JD00000000000000000000BB"


def call(
    system: System,
    method: str,
    path: str,
    body: Any = None,
    *,
    user: str = USER,
    key: str | None = None,
    query: dict[str, str] | None = None,
) -> tuple[int, Any]:
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    event = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {k: [v] for k, v in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {k: [v] for k, v in query.items()} if query else None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "authorizer": {"user_id": user, "tier": "free", "role": "user"},
            "identity": {"sourceIp": "192.0.2.1"},
            "stage": "v1",
            "path": path,
        },
    }
    answer = system.webhooks(event, None)
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def create(system: System, url: str, *events: str, **more: Any) -> dict[str, Any]:
    status, made = call(system, "POST", "/v1/webhooks", {"url": url, "events": list(events)}, **more)
    assert status == 201, made
    return made


def happened(type_: str = "transcription.succeeded", **changes: Any) -> Event:
    at = now()
    data = {
        "id": "job_1",
        "kind": "transcription",
        "status": "succeeded",
        "sequence": 4,
        "metadata": {"title": "Grüße, שלום, 🎙"},
    }
    return Event(new_id("evt", at), USER, type_, at, data, **changes)


def publish(system: System, *events: Event) -> None:
    answer = system.publisher({"Records": [system.write(event) for event in events]}, None)
    assert answer == {"batchItemFailures": []}


def deliver(system: System, records: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    records = system.waiting("deliveries") if records is None else records
    assert system.delivery({"Records": records}, None) == {"batchItemFailures": []}
    return records


def test_an_event_reaches_its_receiver_signed_and_is_in_the_log(system: System) -> None:
    """W-03, W-04, W-10: exactly the headers of the standard, a fresh timestamp, and a body that the standard's own library accepts byte for byte."""
    with receiver(answers(204, body=b"")) as place:
        endpoint = create(system, place.url + "/hooks?token=geheim", "transcription.*")
        event = happened(request_id="req-1")
        publish(system, event)
        deliver(system)
    (got,) = place.got
    assert (got.method, got.path) == ("POST", "/hooks?token=geheim")
    payload = Webhook(endpoint["secret"]).verify(got.body, dict(got.headers))
    assert payload["type"] == "transcription.succeeded"
    assert payload["data"]["metadata"]["title"] == "Grüße, שלום, 🎙"
    assert "Grüße".encode() in got.body
    names = [k.lower() for k, _ in got.headers]
    assert sorted(names) == sorted(set(names))
    assert set(names) == {
        "host", "user-agent", "content-type", "content-length", "accept-encoding", "connection",
        "webhook-id", "webhook-timestamp", "webhook-signature",
    }  # fmt: skip
    assert got.all("webhook-id") == [event.id]
    assert "." not in event.id
    assert abs(int(got.all("webhook-timestamp")[0]) - got.at) < 5
    assert got.all("content-type") == ["application/json"]
    assert got.all("user-agent")[0].startswith("Antiphon-Webhooks/")
    assert got.all("accept-encoding") == ["identity"]

    status, log = call(system, "GET", f"/v1/webhooks/{endpoint['id']}/deliveries")
    assert status == 200
    (entry,) = log["data"]
    assert entry["status"] == "succeeded"
    assert entry["event_id"] == event.id
    assert entry["url"].endswith("/hooks?token=***")
    (attempt,) = entry["attempts"]
    assert attempt["status_code"] == 204
    assert attempt["next_attempt_at"] is None
    assert attempt["duration_ms"] >= 0
    assert log["next_cursor"] is None


@pytest.mark.parametrize(("kind", "queue"), [("transcription", "transcription-priority"), ("document", "document")])
def test_work_reaches_its_lane_by_the_publisher(system: System, kind: str, queue: str) -> None:
    publish(
        system,
        happened(f"{kind}.queued", dispatch=Dispatch(kind, "priority", "job_1"), request_id="req-9"),
    )
    (record,) = system.waiting(queue)
    assert json.loads(record["body"]) == {"user_id": USER, "kind": kind, "job_id": "job_1"}
    assert record["messageAttributes"]["request_id"]["stringValue"] == "req-9"
    assert record["attributes"]["MessageGroupId"] == USER
    assert system.waiting("transcription") == system.waiting("deliveries") == []


def test_only_active_endpoints_of_the_owner_that_match_hear_of_an_event(system: System) -> None:
    """W-25: filtering is on our side."""
    with receiver(answers(200)) as place:
        create(system, place.url + "/speech", "speech.*")
        create(system, place.url + "/exact", "transcription.succeeded")
        create(system, place.url + "/all", "*")
        create(system, place.url + "/foreign", "*", user=OTHER)
        off = create(system, place.url + "/off", "*")
        assert call(system, "PATCH", f"/v1/webhooks/{off['id']}", {"active": False})[0] == 200
        publish(system, happened())
        deliver(system)
    assert sorted(got.path for got in place.got) == ["/all", "/exact"]


def test_the_same_record_and_the_same_message_twice_make_one_delivery(system: System) -> None:
    """W-05, Q-04: duplicates of the stream and of the queue collapse into one row with one entry per planned attempt."""
    with receiver(answers(500)) as place:
        endpoint = create(system, place.url, "*")
        event = happened()
        publish(system, event)
        publish(system, event)
        first = deliver(system)
        assert len(first) == 2
        deliver(system, first)
    assert len({got.all("webhook-id")[0] for got in place.got}) == 1
    assert len(place.got) == 1
    found = DynamoDeliveryStore(system.table).get(USER, endpoint["id"], delivery_id(event.id, endpoint["id"]))
    assert found is not None
    assert found.planned == len(found.attempts) == 1


def test_a_failed_attempt_is_repeated_with_the_same_id_and_body_and_a_new_timestamp(system: System) -> None:
    """W-05, W-11: the second attempt waits in the queue; once it succeeds the plan ends."""
    with receiver(answers(503, 200)) as place:
        endpoint = create(system, place.url, "*")
        event = happened()
        publish(system, event)
        deliver(system)
        store = DynamoDeliveryStore(system.table)
        pending = store.get(USER, endpoint["id"], delivery_id(event.id, endpoint["id"]))
        assert pending is not None
        assert pending.status == "pending"
        assert pending.next_attempt_at is not None
        assert pending.due_at is not None
        assert pending.due_at - pending.next_attempt_at == timedelta(minutes=5)
        wait = (pending.next_attempt_at - now()).total_seconds()
        assert 2 < wait <= 6.1
        assert system.waiting("deliveries") == []
        time.sleep(wait + 1.1)
        deliver(system)
    first, second = place.got
    assert first.body == second.body
    assert first.all("webhook-id") == second.all("webhook-id")
    assert int(second.all("webhook-timestamp")[0]) > int(first.all("webhook-timestamp")[0])
    for got in place.got:
        Webhook(endpoint["secret"]).verify(got.body, dict(got.headers))
    done = store.get(USER, endpoint["id"], pending.id)
    assert done is not None
    assert (done.status, done.due_at, done.next_attempt_at) == ("succeeded", None, None)
    assert system.waiting("deliveries") == []


def test_410_disables_the_endpoint_and_ends_all_its_plans(system: System) -> None:
    """W-16 (without the mail), W-18."""
    with receiver(answers(500, 410)) as place:
        endpoint = create(system, place.url, "*")
        older, newer = happened(), happened("speech.failed")
        publish(system, older)
        deliver(system)
        publish(system, newer)
        deliver(system)
        shown = call(system, "GET", f"/v1/webhooks/{endpoint['id']}")[1]
        assert (shown["active"], shown["disabled_reason"]) == (False, "gone")
        store = DynamoDeliveryStore(system.table)
        waiting = store.get(USER, endpoint["id"], delivery_id(older.id, endpoint["id"]))
        assert waiting is not None
        assert waiting.status == "pending"
        due = json.dumps({"user_id": USER, "endpoint_id": endpoint["id"], "event_id": older.id, "attempt": 2})
        deliver(
            system,
            [{"messageId": "m", "receiptHandle": "r", "body": due, "messageAttributes": {}, "eventSource": "aws:sqs"}],
        )
        assert len(place.got) == 2
    ended = store.get(USER, endpoint["id"], waiting.id)
    assert ended is not None
    assert (ended.status, ended.due_at) == ("canceled", None)
    gone = store.get(USER, endpoint["id"], delivery_id(newer.id, endpoint["id"]))
    assert gone is not None
    assert gone.status == "failed"


def test_a_deleted_endpoint_gets_nothing_more(system: System) -> None:
    """W-18."""
    with receiver(answers(200)) as place:
        endpoint = create(system, place.url, "*")
        publish(system, happened())
        assert call(system, "DELETE", f"/v1/webhooks/{endpoint['id']}") == (204, None)
        deliver(system)
    assert place.got == []
    assert call(system, "GET", f"/v1/webhooks/{endpoint['id']}")[0] == 404


def test_a_callback_url_of_a_job_is_signed_with_the_secret_of_the_account(system: System) -> None:
    """D8: one secret per account, made on first need; the deliveries are in the log."""
    with receiver(answers(200)) as place:
        for _ in range(2):
            publish(system, happened(callback_url=place.url + "/done"))
            deliver(system)
    secret = call(system, "GET", "/v1/me/webhook-secret")[1]["secret"]
    assert len(place.got) == 2
    for got in place.got:
        Webhook(secret).verify(got.body, dict(got.headers))
    log = call(system, "GET", "/v1/webhooks/callback/deliveries")[1]["data"]
    assert [entry["status"] for entry in log] == ["succeeded", "succeeded"]
    assert call(system, "GET", "/v1/webhooks/callback/deliveries", user=OTHER)[1]["data"] == []
    assert call(system, "GET", "/v1/webhooks")[1]["data"] == []


def test_in_a_batch_exactly_the_bad_messages_return(system: System) -> None:
    """Q-04: of ten messages the third and the seventh are broken."""
    with receiver(answers(200)) as place:
        create(system, place.url, "*")
        publish(system, *(happened() for _ in range(8)))
        records = system.waiting("deliveries")
        broken = [
            {**records[0], "messageId": f"broken-{n}", "body": body} for n, body in ((3, "{"), (7, '{"user_id": "u"}'))
        ]
        batch = [*records[:2], broken[0], *records[2:5], broken[1], *records[5:]]
        answer = system.delivery({"Records": batch}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "broken-3"}, {"itemIdentifier": "broken-7"}]}
    assert len(place.got) == 8


def test_a_poisoned_outbox_row_is_set_aside_and_keeps_nobody_waiting(system: System) -> None:
    """Q-04, Q-06: nothing is reported to the stream, which would try again and hold up all that comes after it."""
    good = [
        system.write(happened("transcription.queued", dispatch=Dispatch("speech", "standard", f"job_{n}")))
        for n in range(2)
    ]
    unreadable = json.loads(json.dumps(good[0]))
    del unreadable["dynamodb"]["NewImage"]["timestamp"]
    nowhere = system.write(happened("transcription.queued", dispatch=Dispatch("speech", "no such lane", "job_3")))
    answer = system.publisher({"Records": [good[0], unreadable, nowhere, good[1]]}, None)
    assert answer == {"batchItemFailures": []}
    assert len(system.waiting("speech")) == 2
    aside = [json.loads(record["body"]) for record in system.waiting("events-dead-letters")]
    assert {(letter["sk"], letter["pk"]) for letter in aside} == {
        (record["dynamodb"]["Keys"]["sk"]["S"], f"events#{USER}") for record in (unreadable, nowhere)
    }
    assert all(letter["reason"] for letter in aside)


def test_what_the_network_refuses_returns_to_the_stream(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-04: the event waits for its next try, and is no defect."""
    records = [system.write(happened("transcription.queued", dispatch=Dispatch("speech", "standard", "job_1")))]
    refusals = Refusals(monkeypatch)
    refusals.plan = lambda operation, number: refusal("ServiceUnavailable") if operation == "SendMessage" else None
    answer = system.publisher({"Records": records}, None)
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == [
        records[0]["dynamodb"]["SequenceNumber"]
    ]


def test_other_rows_of_the_stream_are_passed_over(system: System) -> None:
    record = system.write(happened("transcription.queued", dispatch=Dispatch("speech", "standard", "job_1")))
    job = stream_record(image_of({"pk": "user#1", "sk": "job#speech#1", "row": "job"}), "1")
    modified = {**record, "eventName": "MODIFY"}
    removed = {
        "eventID": "3",
        "eventName": "REMOVE",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": "3", "Keys": image_of({"pk": "user#1", "sk": "preset#1"})},
    }
    gone = {**removed, "dynamodb": {"SequenceNumber": "4", "Keys": image_of({"pk": "user#1", "sk": "conv#1"})}}
    assert system.publisher({"Records": [job, modified, removed]}, None) == {"batchItemFailures": []}
    assert system.waiting("speech") == system.waiting("index") == []
    assert system.publisher({"Records": [gone]}, None) == {"batchItemFailures": []}
    (errand,) = system.waiting("index")
    assert json.loads(errand["body"])["parent"] == "1"


def test_redelivery_sends_now_and_leaves_the_plan(system: System) -> None:
    """W-05, W-19: the same id and body, the trigger is manual, and the next planned attempt stays where it was."""
    with receiver(answers(500, 200)) as place:
        endpoint = create(system, place.url, "*")
        event = happened()
        publish(system, event)
        deliver(system)
        identity = delivery_id(event.id, endpoint["id"])
        store = DynamoDeliveryStore(system.table)
        before = store.get(USER, endpoint["id"], identity)
        for _ in range(2):
            assert call(system, "POST", f"/v1/deliveries/{identity}/redeliver", key="once")[0] == 202
        deliver(system)
        after = store.get(USER, endpoint["id"], identity)
    assert before is not None
    assert after is not None
    assert (after.status, after.planned, after.next_attempt_at, after.due_at) == (
        before.status,
        1,
        before.next_attempt_at,
        before.due_at,
    )
    assert [(a.number, a.trigger, a.outcome.status_code) for a in after.attempts] == [
        (1, "plan", 500),
        (2, "manual", 200),
    ]
    first, second = place.got
    assert (first.body, first.all("webhook-id")) == (second.body, second.all("webhook-id"))
    assert call(system, "POST", f"/v1/deliveries/{identity}/redeliver", user=OTHER)[0] == 404
    assert call(system, "POST", f"/v1/deliveries/{delivery_id(event.id, 'whk_none')}/redeliver")[0] == 404


def test_a_test_event_goes_to_its_endpoint_alone(system: System) -> None:
    with receiver(answers(200)) as place:
        endpoint = create(system, place.url + "/one", "speech.*")
        create(system, place.url + "/other", "*")
        assert call(system, "POST", f"/v1/webhooks/{endpoint['id']}/test")[0] == 202
        deliver(system)
    (got,) = place.got
    assert got.path == "/one"
    assert Webhook(endpoint["secret"]).verify(got.body, dict(got.headers))["type"] == "webhook.test"


def test_the_secret_is_in_the_answer_to_the_creation_and_nowhere_else(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """W-02: 32 random bytes, one per endpoint, absent from every other answer and from the log."""
    with receiver(answers(200)) as place:
        made = [create(system, place.url, "*") for _ in range(2)]
        publish(system, happened())
        deliver(system)
    secrets = [m["secret"] for m in made]
    assert len(set(secrets)) == 2
    shown = [
        call(system, "GET", "/v1/webhooks")[1],
        call(system, "GET", f"/v1/webhooks/{made[0]['id']}")[1],
        call(system, "PATCH", f"/v1/webhooks/{made[0]['id']}", {"description": "new"})[1],
        call(system, "GET", f"/v1/webhooks/{made[0]['id']}/deliveries")[1],
    ]
    written = repr([vars(record) for record in caplog.records])
    assert f"'event_id': '{shown[3]['data'][0]['event_id']}'" in written
    for secret in secrets:
        assert secret not in json.dumps(shown)
        assert secret not in written


def test_a_repeated_creation_answers_with_the_first_endpoint(system: System) -> None:
    first = create(system, "https://hooks.example.com/a", "*", key="k-1")
    again = create(system, "https://hooks.example.com/a", "*", key="k-1")
    assert first == again
    assert len(call(system, "GET", "/v1/webhooks")[1]["data"]) == 1


def test_a_creation_that_crashed_after_the_write_gives_the_same_endpoint_and_secret(system: System) -> None:
    """Q-20: the repeat is made from the same seed, so it finds its own row."""
    queue = SqsDeliveryQueue(system.sqs, system.queues["deliveries"])
    secrets = Secrets(MemoryVault(), system_clock)
    endpoints = Endpoints(
        DynamoEndpointStore(system.table), secrets, DynamoDeliveryStore(system.table), queue, Guard(), system_clock
    )
    seed = new_id("whk").removeprefix("whk_")
    first, again = (endpoints.create(USER, "https://hooks.example.com", ("*",), seed=seed) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://169.254.169.254/latest", "events": ["*"]}, "url"),
        ({"url": "https://user:pw@example.com/", "events": ["*"]}, "url"),  # pragma: allowlist secret
        ({"url": "ftp://example.com/", "events": ["*"]}, "url"),
        ({"url": "http://127.0.0.1:8000/v1/webhooks", "events": ["*"]}, "url"),
        ({"url": "http://example.com/", "events": ["*"], "extra": 1}, "extra"),
        ({"url": "https://example.com/" + "a" * 2048, "events": ["*"]}, "url"),
        ({"url": "https://example.com/", "events": []}, "events"),
        ({"url": "https://example.com/"}, "events"),
        ({"url": "https://example.com/", "events": ["transcription.sucseeded"]}, "events.0"),
        ({"url": "https://example.com/", "events": ["Speech.*"]}, "events.0"),
        ({"url": "https://example.com/", "events": ["*"] * 51}, "events"),
        ({"url": "https://example.com/", "events": ["*"], "description": "d" * 501}, "description"),
    ],
)
def test_a_wrong_endpoint_is_refused_with_the_field_named(system: System, body: dict[str, Any], field: str) -> None:
    status, problem = call(system, "POST", "/v1/webhooks", body)
    assert status == 422
    assert [e["field"] for e in problem["errors"]] == [field]


def test_there_is_an_end_to_the_number_of_endpoints(system: System) -> None:
    for _ in range(20):
        create(system, "https://hooks.example.com", "*")
    status, problem = call(system, "POST", "/v1/webhooks", {"url": "https://hooks.example.com", "events": ["*"]})
    assert (status, problem["code"]) == (409, "too_many_webhooks")


def test_lists_come_in_pages_newest_first_and_only_for_their_owner(system: System) -> None:
    made = [create(system, f"https://hooks.example.com/{n}", "*")["id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = call(system, "GET", "/v1/webhooks", query={"limit": "2"} | ({"cursor": cursor} if cursor else {}))[1]
        seen += [e["id"] for e in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)
    assert seen == sorted(seen, reverse=True)
    first = call(system, "GET", "/v1/webhooks", query={"limit": "2"})[1]["next_cursor"]
    assert call(system, "GET", "/v1/webhooks", query={"cursor": first}, user=OTHER)[1]["code"] == "bad_cursor"
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("GET", "/deliveries"), ("POST", "/test")):
        status, _ = call(system, method, f"/v1/webhooks/{made[0]}{path}", {} if method == "PATCH" else None, user=OTHER)
        assert status == 404
