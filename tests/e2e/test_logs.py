"""What all components say of the requests of these tests: one request is found everywhere, and nothing that anybody said or keeps secret."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx
import pytest

from antiphon.platform.metrics import METRICS, NAMESPACE
from infra.local.person import Person, upload
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack
from tests.e2e.test_realtime import line
from tests.model_servers import Act, OpenAiServer

LAST = True
"""Runs after the tests whose lines it looks at; see conftest.py."""
PROCESSES = ("transcriber", "synthesizer", "stream", "audio")
"""That write where the supervisor keeps it; what functions write is in their log groups."""
LAMBDAS = ("START ", "END ", "REPORT ")
SECRETS = {
    "an access token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "an API key": r"\bap_(live|test)_[A-Za-z0-9]{12,}",
    "a secret of a webhook": r"\bwhsec_[A-Za-z0-9+/=]{12,}",
    "a token for a new password": r"\brst_[A-Za-z0-9_-]{12,}",
    "a refresh token": r"\brt_[\w-]{60,}",
    "a signed address": r"X-Amz-(Signature|Credential|Security-Token)=",
    "an address of mail": r"[\w.+-]+@example\.com",
}


def lines(stack: LocalStack, since: int = 0) -> Iterator[tuple[str, str]]:
    """The component and each line that it wrote. since: of functions, only what they wrote from then on, in milliseconds since 1970."""
    logs = stack.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/antiphon/"):
        for group in page["logGroups"]:
            found = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"], startTime=since
            )
            for events in found:
                for event in events["events"]:
                    for text in event["message"].splitlines():
                        yield group["logGroupName"].rsplit("/", 1)[1], text
    for name in PROCESSES:
        for text in stack.home.log(name).read_text().splitlines():
            yield name, text


def written(stack: LocalStack, since: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Our own lines; Lambda's own are no JSON here."""
    said = lines(stack, since)
    for component, text in said:
        if text and not text.startswith(LAMBDAS):
            try:
                yield component, json.loads(text)
            except ValueError:
                after = "\n".join(line for _, line in islice(said, 40))
                pytest.fail(f"{component} wrote what is no JSON:\n{text}\n{after}")


def until(check: Callable[[], bool], seconds: float = 30) -> None:
    """What functions write is there a moment after their answer."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_one_request_is_found_in_every_component_that_it_went_through(
    stack: LocalStack, person: Person, receiver: Receiver
) -> None:
    """O-02"""
    request_id, begun = f"seen-{secrets.token_hex(8)}", int(time.time() * 1000)
    heard = person.post("/v1/webhooks", {"url": receiver.url, "events": ["transcription.succeeded"]})
    assert heard.status_code == 201, heard.text
    with line(stack, person.token) as socket:
        socket.ask("subscribe", channels=["jobs"])
        body = spoken_wav(3)
        wanted = {"filename": "talk.wav", "content_type": "audio/wav", "size": len(body), "dedupe": False}
        made = person.post("/v1/transcriptions", wanted, headers={"X-Request-Id": request_id})
        assert (made.status_code, made.headers["X-Request-Id"]) == (201, request_id), made.text
        assert upload(made.json()["upload"], body).is_success
        assert person.ended(made.json())["status"] == "succeeded"
        receiver.wait_for("transcription.succeeded")
        socket.until("transcription.succeeded")

    def seen() -> set[str]:
        return {
            component
            for component, found in written(stack, begun)
            if found.get("request_id") == request_id or request_id in found.get("request_ids", ())
        }

    everywhere = {"speech", "intake", "publisher", "transcriber", "delivery", "indexer", "pusher"}
    until(lambda: everywhere <= seen())


def test_every_line_is_an_object_with_its_time_level_and_service(stack: LocalStack) -> None:
    """O-01"""
    components, metrics = set(), set()
    for component, found in written(stack):
        components.add(component)
        if "_aws" in found:
            (described,) = found["_aws"]["CloudWatchMetrics"]
            assert described["Namespace"] == NAMESPACE
            metrics |= {each["Name"] for each in described["Metrics"]}
            continue
        if "errorType" in found:  # Lambda's own, of what a handler raised
            continue
        assert found["timestamp"].endswith("+00:00"), (component, found)
        assert found["level"] in ("DEBUG", "INFO", "WARNING", "ERROR"), (component, found)
        assert found["service"], (component, found)
        assert found["message"], (component, found)
    assert {"speech", "publisher", "transcriber", "delivery", "stream"} <= components
    assert {
        "JobsAccepted",
        "JobsSucceeded",
        "QueueWaitMs",
        "AudioSeconds",
        "RealTimeFactor",
        "WorkerSeconds",
    } <= metrics
    assert metrics <= set(METRICS)


@pytest.fixture
def planted(http: httpx.Client, stack: LocalStack, receiver: Receiver, model: OpenAiServer) -> dict[str, str]:
    """Somebody who uses everything once: each kind of secret and text by its name."""
    word = secrets.token_hex(6)
    found = {"password": f"Pass-{word}-{secrets.token_hex(4)}", "mail": f"canary-{word}@example.com"}
    made = http.post("/v1/auth/register", json={"email": found["mail"], "password": found["password"]})
    assert made.status_code == 201, made.text
    person = Person(http, made.json())
    found |= {name: made.json()[name] for name in ("access_token", "refresh_token")}
    http.post("/v1/auth/forgot-password", json={"email": found["mail"]})
    until(lambda: bool(stack.mails(found["mail"])))
    found["reset token"] = stack.mails(found["mail"])[-1]["BodyText"].partition("token=")[2].split()[0]
    found["API key"] = person.post("/v1/api-keys", {"name": "ci", "scopes": ["speech:read"]}).json()["key"]
    assert http.get("/v1/speech", headers={"Authorization": f"Bearer {found['API key']}"}).status_code == 200
    found["query of a callback"] = f"hook-{word}"
    hook = {"url": f"{receiver.url}/?token={found['query of a callback']}", "events": ["*"]}
    found["secret of a webhook"] = person.post("/v1/webhooks", hook).json()["secret"]

    found |= {"file name": f"file-{word}.wav", "title": f"Title-{word}", "text to speak": f"Speak of zebra {word}."}
    body = spoken_wav(3)
    wanted = {"filename": found["file name"], "content_type": "audio/wav", "size": len(body), "dedupe": False}
    job = person.post("/v1/transcriptions", wanted).json()
    fields = {name.lower(): value for name, value in job["upload"]["fields"].items()}
    found |= {"signature of an upload": fields["x-amz-signature"], "policy of an upload": fields["policy"]}
    assert upload(job["upload"], body).is_success
    assert person.ended(job)["status"] == "succeeded"
    found["transcript"] = max((s["text"] for s in person.segments(job)), key=len)
    assert person.call("PATCH", f"/v1/transcriptions/{job['id']}", json={"title": found["title"]}).is_success
    spoken = person.ended(person.speak(found["text to speak"], format="wav"))
    found["signature of a download"] = httpx.URL(spoken["audio_url"]).params["X-Amz-Signature"]

    found |= {"prompt": f"prompt-{word}", "answer": f"answer-{word}", "search": f"search-{word}"}
    model.script = [Act((f"Yes: {found['answer']}.",)), Act((), status=500), Act(("half ",), after="cut")]
    talk = person.post("/v1/conversations", {}).json()["id"]
    for _ in range(3):
        person.post(f"/v1/conversations/{talk}/messages", {"content": found["prompt"]})
    person.get("/v1/search", params={"q": found["search"]})
    found["wrong password"] = f"wrong-{word}"
    http.post("/v1/auth/login", json={"email": found["mail"], "password": found["wrong password"]})
    found["body that is none"] = f"broken-{word}"
    person.http.post("/v1/speech", content=f'{{"input": "{found["body that is none"]}', headers=bearer(person))
    return found


def bearer(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}


def test_nothing_that_was_said_or_is_secret_is_in_any_log_metric_or_dead_letter(
    stack: LocalStack, planted: dict[str, str]
) -> None:
    """O-04, L-16: on the ways that succeed and on those that fail, with all levels written."""
    assert all(len(value) > 8 for value in planted.values()), planted
    said = [text for _, text in lines(stack)] + dead_letters(stack)
    assert len(said) > 100
    hits = {name: text for name, value in planted.items() for text in said if value in text}
    assert hits == {}


def dead_letters(stack: LocalStack) -> list[str]:
    sqs = stack.client("sqs")
    urls = [url for name, url in stack.outputs.items() if name.endswith("DeadLettersUrl")]
    assert urls
    found = [sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0) for url in urls]
    return [message["Body"] for answer in found for message in answer.get("Messages", [])]


@pytest.mark.parametrize("kind", SECRETS)
def test_no_test_before_left_a_secret_in_a_log(kind: str, stack: LocalStack) -> None:
    """O-04: whatever the other tests did."""
    found = [(component, text) for component, text in lines(stack) if re.search(SECRETS[kind], text)]
    assert found == []
