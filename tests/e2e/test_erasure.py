"""An account is erased in the real stack, by functions that may do no more than their roles say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from infra.local.person import Person, upload
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack
from tests.e2e.test_media import edited, media, wav


def traces(stack: LocalStack, *marks: str) -> list[str]:
    """Whatever in the whole table and in both buckets holds one of the marks."""
    found = [
        json.dumps(row, default=repr)  # vectors are bytes
        for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
        for row in page["Items"]
    ]
    s3 = stack.client("s3")
    for bucket in (stack.outputs["UploadsBucket"], stack.outputs["ResultsBucket"]):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found += [v["Key"] for kind in ("Versions", "DeleteMarkers") for v in page.get(kind, ())]
        found += [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]
    return [text for text in found if any(mark in text for mark in marks)]


def run_janitor(stack: LocalStack, event: Mapping[str, str] = MappingProxyType({})) -> None:
    """Now, not at its next minute. event: as its schedule sends it."""
    functions = stack.client("lambda")
    (name,) = [
        found["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for found in page["Functions"]
        if "Janitor" in found["FunctionName"]
    ]
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(dict(event)))
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture
def busy(person: Person, receiver: Receiver, stack: LocalStack) -> Person:
    """Somebody with a bit of everything."""
    canary = f"canary-{person.id}"
    hook = person.post("/v1/webhooks", {"url": receiver.url, "events": ["*"], "description": canary}).json()
    person.post("/v1/webhooks", {"url": receiver.url, "events": ["*"]}, headers={"Idempotency-Key": canary})
    person.post("/v1/presets", {"name": canary, "settings": {"system_prompt": canary}})
    talk = person.post("/v1/conversations", {"title": canary, "metadata": {"note": canary}}).json()["id"]
    person.post(f"/v1/conversations/{talk}/messages", {"content": canary})
    job = person.transcribe(spoken_wav(1), filename=f"{canary}.wav", metadata={"note": canary})
    said = person.speak(f"{canary}.", callback_url=receiver.url)
    assert [person.ended(each)["status"] for each in (job, said)] == ["succeeded"] * 2
    assert edited(person, media(person, wav(1), f"{canary}.wav"), {"op": "reverse"})["status"] == "succeeded"
    receiver.wait(lambda got: {"transcription.succeeded", "speech.succeeded"} <= {g.json["type"] for g in got})
    person.delete(f"/v1/webhooks/{hook['id']}")
    place = {"Bucket": stack.outputs["UploadsBucket"], "Key": f"inbox/{person.id}/{canary}"}
    stack.client("s3").create_multipart_upload(**place)
    return person


def mark(stack: LocalStack, user_id: str) -> None:
    """As a function leaves it that died right after the mark."""
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["TableName"],
        Key={"pk": {"S": f"user#{user_id}"}, "sk": {"S": "profile"}},
        UpdateExpression="SET #status = :erasing, erasing_at = :then, gsi1pk = :due, gsi1sk = :then",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":erasing": {"S": "erasing"},
            ":then": {"S": "2026-11-20T12:00:00.000Z"},
            ":due": {"S": "due#erasure#0"},
        },
    )


def test_an_erasure_that_was_cut_off_is_finished_by_the_janitor(busy: Person, stack: LocalStack, http: Any) -> None:
    """A-24, A-40, U-40: with a job that waits for its upload, whose presigned POST is still good afterwards."""
    address = busy_address(stack, busy.id)
    wanted = {"filename": "late.wav", "content_type": "audio/wav", "size": 1_000_000}
    late = busy.post("/v1/transcriptions", wanted).json()
    assert len(traces(stack, busy.id)) > 20
    mark(stack, busy.id)
    assert busy.get("/v1/transcriptions").status_code == 401
    run_janitor(stack)
    assert traces(stack, busy.id, address) == []
    assert upload(late["upload"], spoken_wav(1)).status_code == 204
    other = Person.register(http)
    assert other.ended(other.transcribe(spoken_wav(1)))["status"] == "succeeded"  # arrived after it
    assert traces(stack, busy.id, address) == []
    again = http.post("/v1/auth/register", json={"email": address, "password": "correct horse battery"})
    assert again.status_code == 201
    assert Person(http, again.json()).get("/v1/transcriptions").json()["data"] == []


def test_an_account_ends_with_one_request(busy: Person, stack: LocalStack) -> None:
    """A-63, U-40: counted in the answer; a key cannot do it, nor somebody with a wrong password."""
    address = busy_address(stack, busy.id)
    key = busy.post("/v1/api-keys", {"name": "ci", "scopes": ["account:read"]}).json()["key"]
    refused = busy.http.delete("/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "person_required")
    wrong = busy.call("DELETE", "/v1/me", json={"password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    done = busy.delete("/v1/me")
    assert done.status_code == 200, done.text
    receipt = done.json()
    assert receipt["status"] == "erased"
    assert receipt["rows"] > 20
    assert receipt["objects"] >= 3
    assert receipt["versions"] >= receipt["objects"]
    assert traces(stack, busy.id, address) == []
    assert busy.get("/v1/me").status_code == 401
    assert busy.http.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def busy_address(stack: LocalStack, user_id: str) -> str:
    row = stack.client("dynamodb").get_item(
        TableName=stack.outputs["TableName"], Key={"pk": {"S": f"user#{user_id}"}, "sk": {"S": "profile"}}
    )["Item"]
    return str(row["email"]["S"])
