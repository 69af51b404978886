"""Callbacks over the whole system: OpenAI's SDK at the door, KMS behind the secrets, the receiver of the README at the end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, cast

import httpx
import openai
import pytest
from standardwebhooks import Webhook
from werkzeug.serving import make_server

from infra.local.person import Person
from infra.local.receiver import Receiver
from infra.local.stack import ROOT, LocalStack


def test_openais_sdk_manages_the_webhooks_of_a_key(stack: LocalStack, person: Person, receiver: Receiver) -> None:
    """PEERS 14; W-02: the secret comes from one process and signs in another."""
    scopes = ["webhooks:read", "webhooks:write"]
    key = person.post("/v1/api-keys", {"name": "sdk", "scopes": scopes}).json()["key"]
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0, _strict_response_validation=True) as sdk:
        made = sdk.webhooks.create(name="Mine", url=receiver.url, event_types=cast(Any, ["speech.succeeded"]))
        assert sdk.webhooks.test(made.id, event_type=cast(Any, "run.failed")).status_code == 200
        rotated = sdk.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
        person.ended(person.speak("Hello."))
        got = receiver.wait_for("speech.succeeded")
        for secret in (made.signing_secret, rotated.signing_secret):
            sdk.webhooks.verify_signature(got.body, got.headers, secret=secret)
        assert [e.id for e in sdk.webhooks.list()] == [made.id]
        assert sdk.webhooks.delete(made.id).deleted


def test_a_callback_is_signed_with_the_secret_of_the_account(person: Person, receiver: Receiver) -> None:
    """D8: whoever made it, the sender or the one who shows it."""
    job = person.speak("Hello.", callback_url=receiver.url + "/done")
    person.ended(job)
    got = receiver.wait_for("speech.succeeded")
    secret = person.get("/v1/me/webhook-secret").json()["secret"]
    assert Webhook(secret).verify(got.body, got.headers)["data"]["id"] == job["id"]
    # No order is promised: what happened first may come last.
    receiver.wait(lambda all_: {"speech.queued", "speech.started"} <= {g.json["type"] for g in all_})
    steps = [g.json["type"] for g in sorted(receiver.got, key=lambda g: g.json["data"]["sequence"])]
    assert steps[:2] == ["speech.queued", "speech.started"]
    assert person.post("/v1/me/webhook-secret/rotate").json()["secret"] != secret


def test_an_endpoint_that_is_gone_is_switched_off_and_replays_what_it_missed(person: Person) -> None:
    """W-16, W-18, W-19."""
    gone = threading.Event()
    gone.set()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(410 if gone.is_set() else 200)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with Receiver(answer) as place, Receiver() as other:
        hook = person.post("/v1/webhooks", {"url": place.url, "events": ["speech.succeeded"]}).json()
        person.post("/v1/webhooks", {"url": other.url, "events": ["webhook.*"]})
        person.ended(person.speak("One."))
        told = other.wait_for("webhook.disabled")
        assert (told.json["data"]["id"], told.json["data"]["reason"]) == (hook["id"], "gone")
        path = f"/v1/webhooks/{hook['id']}"
        assert person.get(path).json()["disabled_reason"] == "gone"
        missed = person.ended(person.speak("Two."))
        lost = person.get(f"{path}/deliveries?only=missing").json()["data"]
        assert [(d["status"], d["type"]) for d in lost] == [("missing", "speech.succeeded")]
        gone.clear()
        assert person.call("PATCH", path, json={"active": True}).json()["disabled_reason"] is None
        replayed = person.post(f"{path}/replay", {"since": hook["created_at"]})
        assert (replayed.status_code, replayed.json()) == (202, {"queued": 2, "next_since": None})
        got = place.wait(lambda all_: len(all_) == 3)
        assert missed["id"] in {g.json["data"]["id"] for g in got}
        assert person.get(f"{path}/deliveries?only=missing").json()["data"] == []


class ReadmeReceiver:
    """The README's own receiver behind a real server. It has an address before it has a secret, which comes with the answer to the creation."""

    def __init__(self) -> None:
        self._app: Any = None
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def __call__(self, environ: Any, start: Any) -> Any:
        return self._app(environ, start)

    def begin(self, secret: str) -> None:
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
        (code,) = [block for block in blocks if "Flask" in block]
        names: dict[str, Any] = {"__name__": "receiver"}
        exec(code.replace("whsec_…", secret), names)
        self._app = names["app"]


@pytest.fixture
def readme() -> Iterator[ReadmeReceiver]:
    found = ReadmeReceiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_the_receiver_of_the_readme_takes_what_is_ours_and_nothing_else(
    person: Person, readme: ReadmeReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """W-26, W-07."""
    hook = person.post("/v1/webhooks", {"url": readme.url, "events": ["speech.succeeded"]}).json()
    readme.begin(hook["secret"])
    job = person.ended(person.speak("Hello."))
    log = f"/v1/webhooks/{hook['id']}/deliveries"
    deadline = time.monotonic() + 30
    while not (deliveries := person.get(log).json()["data"]) or deliveries[0]["status"] == "pending":
        assert time.monotonic() < deadline, deliveries
        time.sleep(0.1)
    assert deliveries[0]["attempts"][0]["status_code"] == 204
    assert f"speech.succeeded {job['id']}" in capsys.readouterr().out
    for headers in (
        {},
        {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"},
        {"webhook-id": "e", "webhook-timestamp": "1", "webhook-signature": "nonsense"},
    ):
        assert httpx.post(readme.url, content=b"\xff{", headers=headers, trust_env=False).status_code == 400
