"""Documents from the upload to the answer that cites their pages, and to the last of their rows and objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from boto3.dynamodb.conditions import Key

from infra.local.person import Person
from infra.local.receiver import Receiver
from infra.local.stack import LocalStack
from tests import document_samples as samples

REPORT = samples.pdf(
    [
        "The annual report of the Lighthouse Society.",
        "In March the old lamp was replaced by a Fresnel lens from Lyon.",
        "Membership fees rose to forty guilders.",
    ]
)


def rows_of(stack: LocalStack, document_id: str) -> int:
    table = stack.session.resource("dynamodb", endpoint_url=stack.endpoint).Table(stack.outputs["TableName"])
    return len(table.query(KeyConditionExpression=Key("pk").eq(f"job#{document_id}"))["Items"])


def versions_under(stack: LocalStack, *prefixes: str) -> int:
    s3, bucket = stack.client("s3"), stack.outputs["UploadsBucket"]
    found = [s3.list_object_versions(Bucket=bucket, Prefix=prefix) for prefix in prefixes]
    return sum(len(each.get("Versions", [])) + len(each.get("DeleteMarkers", [])) for each in found)


def test_a_document_is_read_asked_and_deleted(
    stack: LocalStack, http: httpx.Client, person: Person, receiver: Receiver
) -> None:
    """U-01, U-24, U-40: the main path, as webhooks, the API and the buckets show it."""
    assert person.post("/v1/webhooks", {"url": receiver.url, "events": ["document.*"]}).status_code == 201
    made = person.add_document(REPORT, "talk.mp3", title="Report", metadata={"year": 1912})
    document_id = made["id"]
    assert (made["kind"], made["status"], made["pages"]) == ("document", "awaiting_upload", None)
    steps = {"document.queued", "document.started", "document.succeeded"}
    receiver.wait(lambda got: steps <= {each.json["type"] for each in got})

    shown = person.job(made)
    assert (shown["status"], shown["progress"], shown["format"], shown["pages"]) == ("succeeded", 100, "pdf", 3)
    assert (shown["words"], shown["size"], shown["title"], shown["error"]) == (26, len(REPORT), "Report", None)
    assert (shown["metadata"], shown["upload"], shown["warnings"]) == ({"year": 1912}, None, [])
    assert [d["id"] for d in person.get("/v1/documents", params={"status": "succeeded"}).json()["data"]] == [
        document_id
    ]
    renamed = person.call("PATCH", f"/v1/documents/{document_id}", json={"title": "Annual report"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "Annual report")

    place = f"/v1/documents/{document_id}/text"
    first = person.get(place, params={"limit": 2}).json()
    rest = person.get(place, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [p["page"] for p in first["data"] + rest["data"]] == [1, 2, 3]
    assert rest["next_cursor"] is None
    second = person.get(place, params={"page": 2}).json()
    assert second["data"] == first["data"][1:]
    whole = person.get(place, params={"format": "txt"})
    assert whole.headers["Content-Type"].startswith("text/plain")
    assert whole.text.count("\n\n") == 2
    assert person.get(place, params={"page": 4}).json()["code"] == "no_such_page"

    asked = {"question": "Where did the Fresnel lens come from?", "document_ids": [document_id], "model": "offline"}
    answered = person.post("/v1/documents/query", asked).json()
    best = answered["passages"][0]
    assert (best["document_id"], best["page"]) == (document_id, 2)
    assert best["score"] > 0
    assert "Lyon" in answered["answer"]["content"]
    cited = answered["answer"]["citations"][0]
    assert (cited["kind"], cited["id"], cited["page"]) == ("document", document_id, 2)
    assert cited["quote"] in second["data"][0]["text"]
    assert person.get("/v1/me/usage").json()["tokens"] > 0
    nothing = person.post("/v1/documents/query", {"question": "Xylophone?"}).json()
    assert nothing == {"passages": [], "answer": None}
    by_model = person.post("/v1/documents/query", {"question": "Who paid membership fees?"}).json()
    assert (by_model["answer"]["model"], by_model["answer"]["content"]) == ("gemma", "Good morning.")
    assert by_model["answer"]["citations"] == []

    other = Person.register(http)
    for answer in (
        other.get(f"/v1/documents/{document_id}"),
        other.get(place),
        other.delete(f"/v1/documents/{document_id}"),
        other.post("/v1/documents/query", asked),
    ):
        assert answer.status_code == 404

    receipt = person.delete(f"/v1/documents/{document_id}")
    assert receipt.status_code == 200, receipt.text
    assert {k: receipt.json()[k] for k in ("deleted", "rows", "objects", "versions")} == {
        "deleted": True,
        "rows": 4,
        "objects": 1,
        "versions": 1,
    }
    assert person.get(f"/v1/documents/{document_id}").status_code == 404
    assert rows_of(stack, document_id) == 0
    assert versions_under(stack, f"uploads/{person.id}/", f"rejected/{person.id}/") == 0
    assert person.get("/v1/me/usage").json()["storage_bytes"] == 0


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "half a pdf": (lambda: REPORT[:90], "document_unreadable"),
    "behind a password": (lambda: samples.pdf(["secret"], encrypted=True), "document_encrypted"),
    "a zip bomb": (samples.tight, "document_out_of_bounds"),
    "a photograph": (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(2000), "unsupported_format"),
}


def test_a_document_that_cannot_be_read_fails_with_its_reason(person: Person) -> None:
    """U-24; and a page without text is no failure."""
    made = {name: person.add_document(make()) for name, (make, _) in BROKEN.items()}
    scanned = person.add_document(samples.pdf(["", ""]))
    for name, (_, code) in BROKEN.items():
        ended = person.ended(made[name])
        assert (ended["status"], ended["error"]["code"]) == ("failed", code), name
        assert ended["error"]["detail"].endswith(".")
    refused = person.get(f"/v1/documents/{made['half a pdf']['id']}/text")
    assert (refused.status_code, refused.json()["code"]) == (409, "document_not_ready")
    asked = {"question": "What?", "document_ids": [made["half a pdf"]["id"]]}
    assert person.post("/v1/documents/query", asked).json()["code"] == "document_not_ready"
    empty = person.ended(scanned)
    assert (empty["status"], empty["words"], len(empty["warnings"])) == ("succeeded", 0, 1)


def test_a_document_that_is_dropped_in_the_inbox_is_read(stack: LocalStack, person: Person, receiver: Receiver) -> None:
    person.post("/v1/webhooks", {"url": receiver.url, "events": ["document.succeeded"]})
    inbox, body = person.get("/v1/me").json()["inbox"], samples.docx(["Hi."])
    stack.client("s3").put_object(Bucket=inbox["bucket"], Key=f"{inbox['prefix']}letter.docx", Body=body)
    data = receiver.wait_for("document.succeeded").json["data"]
    assert data["links"] == {"self": f"/v1/documents/{data['id']}", "text": f"/v1/documents/{data['id']}/text"}
    shown = person.get(data["links"]["self"]).json()
    assert (shown["status"], shown["format"], shown["filename"]) == ("succeeded", "docx", "letter.docx")
    receipt = person.delete(data["links"]["self"]).json()
    assert (receipt["rows"], receipt["objects"]) == (2, 1)
    assert versions_under(stack, f"inbox/{person.id}/") == 0


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"size": 100 * 1024**2 + 1}, 413, "size"),
        ({"size": 0}, 422, "size"),
        ({"filename": ""}, 422, "filename"),
        ({"extra": 1}, 422, "extra"),
    ],
)
def test_what_is_not_a_document_of_ours_is_refused_before_it_comes(
    person: Person, change: dict[str, Any], status: int, field: str
) -> None:
    wanted = {"filename": "a.pdf", "content_type": "application/pdf", "size": 1000, **change}
    answer = person.post("/v1/documents", wanted)
    assert answer.status_code == status
    assert [e["field"].rpartition(".")[2] for e in answer.json()["errors"]] == [field]


def test_a_repeated_request_makes_one_document(person: Person) -> None:
    """Q-10: the same key gives the same document."""
    wanted = {"filename": "a.pdf", "content_type": "application/pdf", "size": 1000}
    first, again = (person.post("/v1/documents", wanted, headers={"Idempotency-Key": "one"}).json() for _ in range(2))
    assert first["id"] == again["id"]
    assert len(person.get("/v1/documents").json()["data"]) == 1
