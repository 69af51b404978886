from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from antiphon.media.items import MediaStatus
from antiphon.speech import model
from antiphon.speech.arrive import arrival_of, clean_filename
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.submit import FileToCome, NewJob
from tests.unit.speech.conftest import ANNA, BORIS, UPLOADS, Desk, wav

ZIP = b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + b"\x12" * 200
TEXT = b"Dear diary, this is no sound at all.\n" * 20


def waiting(desk: Desk) -> Job:
    return desk.submit.transcription(ANNA, NewJob(file=FileToCome("talk.wav", "audio/wav", 10_000_000))).job


def job_of(desk: Desk, job: Job) -> Job:
    found = desk.jobs.get(job.user_id, job.kind, job.id)
    assert found
    return found


def only_job(desk: Desk, kind: Kind) -> Job:
    (job,) = desk.jobs.list(ANNA.user_id, kind, limit=10).items
    return job


def record(**found: Any) -> dict[str, Any]:
    return {
        "eventVersion": "2.9",
        "eventTime": "2026-11-20T12:00:00.123Z",
        "eventName": "ObjectCreated:Put",
        "somethingNew": {"unknown": True},
        "s3": {"bucket": {"name": UPLOADS}, "object": {"key": "k", "size": 1, "sequencer": "0A", "extra": 1, **found}},
    }


def test_keys_of_notifications_are_decoded() -> None:
    """Q-02"""
    assert arrival_of(record(key="u/usr+1/%C3%A9%2B%C3%A4%26b%3D1+%2520.mp3")).key == "u/usr 1/é+ä&b=1 %20.mp3"


def test_unknown_fields_of_a_notification_are_ignored() -> None:
    """Q-01"""
    arrival = arrival_of(record(versionId="v7"))
    assert (arrival.version, arrival.sequencer, arrival.at.year) == ("v7", "0A", 2026)


def test_an_upload_queues_its_job_once_however_often_it_is_said(desk: Desk) -> None:
    """Q-03"""
    job = waiting(desk)
    arrival = desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav())
    assert [desk.arrive(arrival) for _ in range(3)] == ["queued", "unchanged", "unchanged"]
    after = job_of(desk, job)
    assert after.status is Status.QUEUED
    assert after.source
    assert after.source.size == len(wav())
    assert after.source.filename == "talk.wav"
    assert desk.events == ["transcription.queued"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_of_two_puts_of_one_key_the_later_wins_in_any_order(desk: Desk, order: tuple[int, ...]) -> None:
    """Q-03: the notifications may come in any order; the object of the older put is gone from the fake bucket, in S3 it is an older version."""
    job = waiting(desk)
    key = f"uploads/{ANNA.user_id}/{job.id}"
    puts = [desk.put(key, wav(100)), desk.put(key, wav(200))]
    for index in order:
        desk.arrive(puts[index])
    source = job_of(desk, job).source
    assert source
    assert source.version == puts[1].version
    assert desk.events == ["transcription.queued"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_media"),
        (ZIP, "unsupported_media"),
        (TEXT, "unsupported_media"),
        (b"%PDF-1.7\n" + TEXT, "unsupported_media"),
    ],
    ids=["empty", "zip", "text", "pdf"],
)
def test_what_is_no_recording_is_rejected_with_the_reason_on_the_job(desk: Desk, body: bytes, code: str) -> None:
    job = waiting(desk)
    arrival = desk.put(f"uploads/{ANNA.user_id}/{job.id}", body)
    assert desk.arrive(arrival) == "rejected"
    after = job_of(desk, job)
    assert (after.status, after.error and after.error.code) == (Status.FAILED, code)
    assert desk.keys() == [f"rejected/{ANNA.user_id}/{job.id}"]
    assert desk.objects.objects[UPLOADS, desk.keys()[0]].metadata == {"reason": code}
    assert desk.events == ["transcription.failed"]


def test_a_rejection_that_crashed_half_way_is_finished_by_the_repeat(desk: Desk) -> None:
    job = waiting(desk)
    arrival = desk.put(f"uploads/{ANNA.user_id}/{job.id}", ZIP)
    desk.jobs.apply(model.reject(job_of(desk, job), model.Failure("unsupported_media", "no"), desk.clock()))
    assert desk.arrive(arrival) == "rejected"
    assert desk.keys("uploads/") == []
    assert desk.arrive(arrival) == "gone"


def test_an_object_without_a_job_makes_nothing_and_is_audited(desk: Desk) -> None:
    """U-04"""
    arrival = desk.put(f"uploads/{ANNA.user_id}/job_01ARZ3NDEKTSV4RRFFQ69G5FAV", wav())
    assert desk.arrive(arrival) == "stray"
    assert desk.keys("uploads/") == []
    assert len(desk.keys(f"rejected/{ANNA.user_id}/")) == 1
    (entry,) = desk.audit.entries.values()
    assert (entry.user_id, entry.action, entry.outcome) == (ANNA.user_id, "object.stray", "no_such_job")
    assert entry.target == arrival.key
    assert desk.events == []


def test_an_object_under_another_users_key_makes_nothing(desk: Desk) -> None:
    """U-04"""
    job = waiting(desk)
    assert desk.arrive(desk.put(f"uploads/{BORIS.user_id}/{job.id}", wav())) == "stray"
    assert job_of(desk, job).status is Status.AWAITING_UPLOAD


@pytest.mark.parametrize(
    "key",
    [
        "uploads/x",
        "uploads/usr_1/readme.txt",
        "inbox/nobody/a.mp3",
        "inbox/usr_01ARZ3NDEKTSV4RRFFQ69G5FAV/",  # pragma: allowlist secret
        "inbox/",
    ],
)
def test_an_object_at_no_known_place_is_put_aside(desk: Desk, key: str) -> None:
    assert desk.arrive(desk.put(key, wav())) == "stray"
    owner = key.split("/")[1] if ANNA.user_id in key else "stray"
    assert desk.keys()[0].startswith(f"rejected/{owner}/")


def test_an_object_for_a_deleted_job_is_put_aside(desk: Desk) -> None:
    job = waiting(desk)
    desk.remove(ANNA.user_id, Kind.TRANSCRIPTION, job.id)
    assert desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav())) == "stray"


def test_an_object_for_a_canceled_job_is_rejected_and_the_job_stays_canceled(desk: Desk) -> None:
    job = waiting(desk)
    desk.jobs.apply(model.cancel(job, desk.clock()))
    assert desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav())) == "rejected"
    assert job_of(desk, job).status is Status.CANCELED


def test_a_second_put_of_a_running_job_changes_nothing(desk: Desk) -> None:
    job = waiting(desk)
    key = f"uploads/{ANNA.user_id}/{job.id}"
    desk.arrive(desk.put(key, wav(100)))
    claim = model.claim(job_of(desk, job), owner="w", message_id="m", lease=model.SWEEP_AFTER, now=desk.clock())
    desk.jobs.apply(claim)
    assert desk.arrive(desk.put(key, wav(200))) == "unchanged"
    assert job_of(desk, job) == claim.after


def test_a_recording_in_the_inbox_becomes_a_transcription_with_its_own_options(desk: Desk) -> None:
    desk.users.defaults[ANNA.user_id] = {"transcription": {"language": "de", "align": False}}
    arrival = desk.put(f"inbox/{ANNA.user_id}/2026/Vorstand é.mp3", wav(), language="en", diarize="true", author="me")
    assert [(desk.clock.move(seconds=1), desk.arrive(arrival))[1] for _ in range(3)] == [
        "queued",
        "unchanged",
        "unchanged",
    ]
    job = only_job(desk, Kind.TRANSCRIPTION)
    assert job.title == "Vorstand é.mp3"
    assert job.options == {"language": "en", "align": False, "diarize": True}
    assert desk.events == ["transcription.queued"]


def test_a_text_in_the_inbox_becomes_speech(desk: Desk) -> None:
    assert desk.arrive(desk.put(f"inbox/{ANNA.user_id}/hello.txt", TEXT, voice="en-us", speed="1.5")) == "queued"
    job = only_job(desk, Kind.SPEECH)
    assert job.options == {"voice": "en-us", "speed": 1.5}
    assert job.source
    assert job.source.filename == "hello.txt"


PDF = b"%PDF-1.7\n" + b"\xe2\xe3\xcf\xd3" * 100


def document(desk: Desk) -> Job:
    return desk.submit.document(ANNA, NewJob(title="Report"), FileToCome("a.pdf", "application/pdf", 10_000))


@pytest.mark.parametrize("body", [PDF, TEXT, ZIP, wav()])
def test_the_upload_of_a_document_queues_it_whatever_it_is(desk: Desk, body: bytes) -> None:
    """Q-03: what it is, its reader finds out."""
    job = document(desk)
    assert job.id.startswith("doc_")
    arrival = desk.put(f"uploads/{ANNA.user_id}/{job.id}", body)
    assert [desk.arrive(arrival) for _ in range(2)] == ["queued", "unchanged"]
    assert desk.events == ["document.queued"]
    dispatch = desk.jobs.events[0].dispatch
    assert dispatch
    assert (dispatch.kind, dispatch.job_id) == ("document", job.id)
    assert desk.jobs.events[0].data["links"]["text"] == f"/v1/documents/{job.id}/text"


def test_an_empty_document_fails(desk: Desk) -> None:
    job = document(desk)
    assert desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", b"")) == "rejected"
    failed = job_of(desk, job)
    assert failed.error
    assert (failed.status, failed.error.code) == (Status.FAILED, "empty_file")


def test_the_id_of_a_document_opens_no_transcription(desk: Desk) -> None:
    """U-04"""
    job = waiting(desk)
    other = job.id.replace("job_", "doc_")
    assert desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{other}", PDF)) == "stray"
    assert job_of(desk, job).status is Status.AWAITING_UPLOAD


def test_a_document_in_the_inbox_is_read(desk: Desk) -> None:
    arrival = desk.put(f"inbox/{ANNA.user_id}/Report.pdf", PDF, voice="en-us")
    assert [(desk.clock.move(seconds=1), desk.arrive(arrival))[1] for _ in range(2)] == ["queued", "unchanged"]
    job = only_job(desk, Kind.DOCUMENT)
    assert (job.id[:4], job.title, dict(job.options)) == ("doc_", "Report.pdf", {})
    assert desk.events == ["document.queued"]
    receipt = desk.remove(ANNA.user_id, Kind.DOCUMENT, job.id)
    assert (receipt.objects, desk.keys()) == (1, [])


def test_the_same_name_dropped_again_is_a_new_job(desk: Desk) -> None:
    key = f"inbox/{ANNA.user_id}/talk.wav"
    desk.arrive(desk.put(key, wav(100)))
    desk.arrive(desk.put(key, wav(200)))
    assert len(desk.jobs.list(ANNA.user_id, Kind.TRANSCRIPTION, limit=10).items) == 2


@pytest.mark.parametrize(
    ("body", "metadata", "code"),
    [
        (ZIP, {}, "unsupported_media"),
        (b"", {}, "empty_media"),
        (wav(), {"diarize": "perhaps"}, "invalid_option"),
        (TEXT, {"speed": "9"}, "invalid_option"),
    ],
)
def test_a_drop_that_cannot_be_used_fails_with_the_reason(
    desk: Desk, body: bytes, metadata: dict[str, str], code: str
) -> None:
    arrival = desk.put(f"inbox/{ANNA.user_id}/x.bin", body, **metadata)
    assert desk.arrive(arrival) == "rejected"
    job = only_job(desk, Kind.SPEECH if body == TEXT else Kind.TRANSCRIPTION)
    assert job.status is Status.FAILED
    assert job.error
    assert job.error.code == code
    assert len(job.error.detail) > 10
    assert desk.keys("inbox/") == []
    assert desk.arrive(arrival) == "gone"


def test_a_drop_for_nobody_is_put_aside(desk: Desk) -> None:
    """U-04"""
    nobody = "usr_00000000000000000000000000"
    assert desk.arrive(desk.put(f"inbox/{nobody}/a.wav", wav())) == "stray"
    (entry,) = desk.audit.entries.values()
    assert [entry.target] == desk.keys()
    assert nobody not in repr(entry)


@pytest.mark.parametrize("place", ["uploads/{}/job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "uploads/{}/x", "inbox/{}/a.wav"])
def test_what_comes_for_an_erased_account_is_removed_without_a_trace(desk: Desk, place: str) -> None:
    """U-40: a presigned upload is good for a quarter of an hour, whatever became of the account."""
    gone = "usr_00000000000000000000000000"
    desk.users.erased.add(gone)
    assert desk.arrive(desk.put(place.format(gone), wav())) == "erased"
    assert desk.keys() == []
    assert desk.audit.entries == {}


def test_a_media_item_becomes_ready_and_can_be_transcribed(desk: Desk) -> None:
    """A-50: it stays under the key of its user to which it came."""
    media, upload = desk.submit.media(ANNA, FileToCome("a.wav", "audio/wav", 5000), "transcription")
    assert upload.fields["key"] == f"uploads/{ANNA.user_id}/{media.id}"
    assert desk.arrive(desk.put(upload.fields["key"], wav())) == "ready"
    job = desk.submit.transcription(ANNA, NewJob(media_id=media.id)).job
    assert job.status is Status.QUEUED
    assert job.source
    assert job.source.key == upload.fields["key"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("talk.mp3", "talk.mp3"),
        ("e\u0301.mp3", "é.mp3"),
        ("a\x00b\nc\u202egnp.exe", "abcgnp.exe"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("x" * 300, "x" * 255),
        ("\u200b", "unnamed"),
        ("\u200d", "unnamed"),
        ("می\u200cخواهم.mp3", "می\u200cخواهم.mp3"),
        ("👩🏽\u200d🚀.mp3", "👩🏽\u200d🚀.mp3"),
        ('"; rm -rf / #', '"; rm -rf / #'),
    ],
)
def test_file_names_are_cleaned_for_showing(name: str, clean: str) -> None:
    """U-02: shown, never used as a path; keys are made of ids alone."""
    assert clean_filename(name) == clean


def test_no_key_holds_what_a_user_typed(desk: Desk) -> None:
    """U-02"""
    evil = '../../"; rm -rf / #\x00.wav'
    job = desk.submit.transcription(ANNA, NewJob(file=FileToCome(clean_filename(evil), "audio/wav", 10))).job
    desk.submit.upload(job)
    desk.submit.speech(ANNA, NewJob(text="hello", title=evil))
    keys = [p["key"] for p in desk.objects.posts] + desk.keys()
    assert keys
    assert all(k.count("/") == 2 and ".." not in k and "rm" not in k for k in keys)


def test_the_handler_reports_just_the_messages_that_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-04, Q-01: messages 3 and 7 of ten are bad, one is S3's test event."""
    import importlib
    import sys

    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "functions" / "intake"))
    for name in ("handler", "wiring"):
        sys.modules.pop(name, None)
    handler = importlib.import_module("handler")
    monkeypatch.setattr(handler, "arrive", lambda: desk.arrive)
    job = waiting(desk)
    desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav())
    bodies = [json.dumps({"Records": [record(key=f"uploads/{ANNA.user_id}/{job.id}")]}) for _ in range(10)]
    bodies[0] = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": UPLOADS})
    bodies[3], bodies[7] = "no json", json.dumps({"Records": [{"eventName": "ObjectCreated:Put"}]})
    event = {
        "Records": [{"messageId": f"m{i}", "eventSource": "aws:sqs", "body": body} for i, body in enumerate(bodies)]
    }
    answer = handler.handler(event, None)
    assert sorted(f["itemIdentifier"] for f in answer["batchItemFailures"]) == ["m3", "m7"]
    assert job_of(desk, job).status is Status.QUEUED
    for name in ("handler", "wiring"):
        sys.modules.pop(name, None)


def test_what_comes_for_a_media_item_that_was_given_up_is_put_aside(desk: Desk) -> None:
    """U-03: the presigned POST may still be good, and the bytes would be counted nowhere."""
    media, upload = desk.submit.media(ANNA, FileToCome("a.wav", "audio/wav", 5000), "transcription")
    assert desk.arrive(desk.put(upload.fields["key"], ZIP)) == "rejected"
    assert desk.arrive(desk.put(upload.fields["key"], wav())) == "rejected"
    assert desk.keys("uploads/") == []
    found = desk.media.get(ANNA.user_id, media.id)
    assert found
    assert (found.status, found.held_bytes) == (MediaStatus.REJECTED, 0)


def test_a_recording_to_be_edited_is_inspected_first(desk: Desk) -> None:
    """Q-03: once, however often it is said."""
    media, _ = desk.submit.media(ANNA, FileToCome("talk.wav", "audio/wav", 10_000), "media")
    arrival = desk.put(f"uploads/{ANNA.user_id}/{media.id}", wav())
    assert [desk.arrive(arrival) for _ in range(2)] == ["inspecting", "unchanged"]
    found = desk.media.get(ANNA.user_id, media.id)
    assert found
    assert (found.status, found.inspections) == (MediaStatus.INSPECTING, 1)
    (event,) = desk.media.events
    assert event.dispatch
    assert (event.type, event.dispatch.kind, event.dispatch.job_id) == ("media.uploaded", "inspection", media.id)


def test_what_is_no_recording_is_not_even_inspected(desk: Desk) -> None:
    media, _ = desk.submit.media(ANNA, FileToCome("talk.wav", "audio/wav", 10_000), "media")
    assert desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{media.id}", ZIP)) == "rejected"
    assert desk.media.events == []
