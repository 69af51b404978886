"""OpenAI's own SDK manages the webhooks of an account: its requests go straight into the function's handler."""

from __future__ import annotations

import json
from typing import Any, cast

import httpx2
import openai
import pytest

from tests.integration.webhooks.conftest import System
from tests.integration.webhooks.receivers import answers, hangs_up, receiver
from tests.integration.webhooks.test_webhook_path import USER, call, deliver, happened, publish
from tests.integration.webhooks.test_webhook_secrets import standard

EVENTS = cast(Any, ["transcription.*", "speech.succeeded"])
"""The SDK's types name OpenAI's own events only."""


class Gateway(httpx2.BaseTransport):
    """In API Gateway's place."""

    def __init__(self, system: System) -> None:
        self._system = system

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        body = request.read()
        event = {
            "resource": "/{proxy+}",
            "path": request.url.path,
            "httpMethod": request.method,
            "headers": dict(request.headers),
            "multiValueHeaders": {k: [v] for k, v in request.headers.items()},
            "queryStringParameters": dict(request.url.params),
            "multiValueQueryStringParameters": {k: [v] for k, v in request.url.params.items()},
            "body": body.decode() or None,
            "isBase64Encoded": False,
            "requestContext": {
                "authorizer": {"user_id": USER, "tier": "free", "role": "user"},
                "identity": {"sourceIp": "192.0.2.1"},
                "stage": "v1",
                "path": request.url.path,
            },
        }
        answer = self._system.webhooks(event, None)
        headers = {k: v[0] for k, v in answer.get("multiValueHeaders", {}).items()} | (answer.get("headers") or {})
        return httpx2.Response(answer["statusCode"], headers=headers, text=answer["body"] or "")


@pytest.fixture
def sdk(system: System) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="ap_live_x",
        base_url="http://antiphon.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=Gateway(system)),
        _strict_response_validation=True,
    )


def test_the_sdk_creates_reads_changes_lists_and_deletes(sdk: openai.OpenAI, system: System) -> None:
    """PEERS 14."""
    made = sdk.webhooks.create(name="Mine", url="https://hooks.example.com/a", event_types=EVENTS)
    assert made.signing_secret.startswith("whsec_")
    assert made.signing_secret_hint == f"whsec_…{made.signing_secret[-4:]}"
    found = sdk.webhooks.retrieve(made.id)
    assert (found.name, found.url, found.event_types) == ("Mine", "https://hooks.example.com/a", EVENTS)
    assert not hasattr(found, "signing_secret")
    changed = sdk.webhooks.update(made.id, name="Ours")
    assert (changed.name, changed.url) == ("Ours", found.url)
    more = [sdk.webhooks.create(name=str(n), url=found.url, event_types=EVENTS).id for n in range(4)]
    listed = [endpoint.id for endpoint in sdk.webhooks.list(limit=2)]
    assert listed == sorted([made.id, *more], reverse=True)
    assert sdk.webhooks.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError) as gone:
        sdk.webhooks.retrieve(made.id)
    assert gone.value.type == "invalid_request_error"
    assert "transcription.succeeded" in sdk.webhooks.event_types.list().data
    ours = call(system, "GET", f"/v1/webhooks/{more[0]}")[1]
    assert (ours["description"], ours["events"]) == ("0", EVENTS)


@pytest.mark.parametrize("kept", [True, False])
def test_the_sdk_rotates_with_and_without_overlap(sdk: openai.OpenAI, system: System, kept: bool) -> None:
    with receiver(answers(200)) as place:
        made = sdk.webhooks.create(name="Mine", url=place.url, event_types=EVENTS)
        new = sdk.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=kept)
        publish(system, happened())
        deliver(system)
    (got,) = place.got
    assert len(got.all("webhook-signature")[0].split(" ")) == 1 + kept
    standard(new.signing_secret, got.body, dict(got.headers))
    sdk.webhooks.verify_signature(got.body, dict(got.headers), secret=new.signing_secret)
    assert sdk.webhooks.rotate_secret(made.id).signing_secret != new.signing_secret


def test_the_sdk_tries_an_endpoint_out_and_hears_what_it_answered(sdk: openai.OpenAI, system: System) -> None:
    with receiver(answers(202, 500)) as place:
        made = sdk.webhooks.create(name="Mine", url=place.url, event_types=EVENTS)
        done = [sdk.webhooks.test(made.id, event_type=cast(Any, name)) for name in ("run.failed", "media.edited")]
    assert [(d.status_code, d.event_type, d.success) for d in done] == [
        (202, "run.failed", True),
        (500, "media.edited", True),
    ]
    assert [json.loads(got.body)["type"] for got in place.got] == ["run.failed", "media.edited"]
    for got in place.got:
        standard(made.signing_secret, got.body, dict(got.headers))
    log = call(system, "GET", f"/v1/webhooks/{made.id}/deliveries")[1]["data"]
    assert {(d["status"], d["next_attempt_at"], len(d["attempts"])) for d in log} == {
        ("succeeded", None, 1),
        ("failed", None, 1),
    }
    assert system.waiting("deliveries") == []


def test_what_cannot_be_done_is_said_as_openai_says_it(sdk: openai.OpenAI) -> None:
    with receiver(hangs_up) as place:
        silent = sdk.webhooks.create(name="Mine", url=place.url, event_types=EVENTS)
        with pytest.raises(openai.BadRequestError) as unanswered:
            sdk.webhooks.test(silent.id, event_type=cast(Any, "run.failed"))
    assert unanswered.value.code == "no_answer"
    for wrong in (
        {"name": "x", "url": "https://10.0.0.1/", "event_types": EVENTS},
        {"name": "x", "url": "https://hooks.example.com/", "event_types": ["response.completed"]},
        {"name": "", "url": "https://hooks.example.com/", "event_types": EVENTS},
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            sdk.webhooks.create(**cast(Any, wrong))
        assert refused.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError):
        sdk.webhooks.test(silent.id, event_type=cast(Any, "response.completed"))
