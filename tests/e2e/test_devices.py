"""A device from its registration to the log of what it did, as its user, its own key and a stranger see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from infra.local.person import Person
from infra.local.receiver import Receiver

TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 20, "pattern": "^[A-Z]"}},
    "required": ["text"],
    "additionalProperties": False,
}
NOTIFY = {"action": "notify", "description": "Shows a text.", "parameters": TEXT}
INTENT = {"action": "send_intent", "parameters": TEXT, "sensitive": True}


class Phone:
    """Requests with the device's own key."""

    def __init__(self, owner: Person, *capabilities: dict[str, Any]) -> None:
        wanted = {"name": "Phone", "platform": "android", "capabilities": capabilities or (NOTIFY, INTENT)}
        answer = owner.post("/v1/devices", wanted)
        assert answer.status_code == 201, answer.text
        self.shown: dict[str, Any] = answer.json()
        self.http, self.key = owner.http, self.shown["key"]
        self.place = f"/v1/devices/{self.shown['id']}"

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, path, headers={"Authorization": f"Bearer {self.key}"}, **options)

    def poll(self, wait: int = 0) -> list[dict[str, Any]]:
        answer = self.call("GET", f"{self.place}/commands", params={"wait": wait})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def answer(self, command: str, **said: Any) -> httpx.Response:
        return self.call("POST", f"{self.place}/commands/{command}/result", json=said or {"status": "succeeded"})


@pytest.fixture
def phone(person: Person) -> Phone:
    return Phone(person)


def send(owner: Person, phone: Phone, text: str = "Tea", **options: Any) -> dict[str, Any]:
    wanted = {"action": "notify", "arguments": {"text": text}, **options}
    answer = owner.post(f"{phone.place}/commands", wanted)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def until(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What ``look`` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
    return found


def test_a_command_goes_to_the_device_that_waits_and_its_result_into_the_log(
    person: Person, phone: Phone, receiver: Receiver
) -> None:
    assert person.post("/v1/webhooks", {"url": receiver.url, "events": ["device.*"]}).status_code == 201
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(phone.poll, 20)
        until(lambda: person.get(phone.place).json()["last_seen_at"])
        started = time.monotonic()
        sent = send(person, phone)
        (taken,) = polled.result()
        assert time.monotonic() - started < 15, "it did not wait to the end"
    assert (taken["id"], taken["arguments"], taken["status"]) == (sent["id"], {"text": "Tea"}, "delivered")
    for _ in range(2):
        acknowledged = phone.call("POST", f"{phone.place}/commands/{sent['id']}/acknowledge")
        assert acknowledged.json()["status"] == "acknowledged"
    said = {"status": "succeeded", "result": {"shown": True, "media_id": "med_1"}}
    first, again = (phone.answer(sent["id"], **said) for _ in range(2))
    assert (first.status_code, first.json()) == (200, again.json())
    other = phone.answer(sent["id"], status="failed", error={"code": "no_screen"})
    assert (other.status_code, other.json()["code"]) == (409, "result_conflict")
    (entry,) = person.get(f"{phone.place}/commands").json()["data"]
    assert (entry["status"], entry["deliveries"], "result" in entry) == ("succeeded", 1, False)
    assert person.get(f"{phone.place}/commands/{sent['id']}").json()["result"] == said["result"]
    assert person.get(f"{phone.place}/commands", params={"status": "failed"}).json()["data"] == []
    receiver.wait_for("device.command.succeeded")


def test_wrong_arguments_are_named(person: Person, phone: Phone) -> None:
    for wanted, field in (
        ({"action": "notify", "arguments": {"text": 7}}, "arguments.text"),
        ({"action": "notify", "arguments": {"text": "tea"}}, "arguments.text"),
        ({"action": "notify", "arguments": {"text": "Tea", "loud": True}}, "arguments.loud"),
        ({"action": "notify"}, "arguments.text"),
        ({"action": "dance"}, "action"),
        ({"action": "notify", "arguments": {"text": "Tea"}, "expires_in": 4}, "expires_in"),
    ):
        refused = person.post(f"{phone.place}/commands", wanted)
        assert (refused.status_code, [e["field"] for e in refused.json()["errors"]]) == (422, [field]), refused.text
    declared = {"name": "P", "platform": "ios", "capabilities": [{"action": "a", "parameters": {"$ref": "http://x"}}]}
    refused = person.post("/v1/devices", declared)
    assert refused.json()["errors"][0]["field"] == "capabilities.0.parameters.type"


def test_a_device_is_there_for_its_user_only(person: Person, phone: Phone) -> None:
    """A-41"""
    stranger = Person.register(person.http)
    sent = send(person, phone)
    others = Phone(stranger)
    for path in (phone.place, f"{phone.place}/commands", f"{phone.place}/commands/{sent['id']}"):
        assert stranger.get(path).status_code == 404
        assert others.call("GET", path).status_code == 404
    assert (
        others.call("POST", f"{phone.place}/commands/{sent['id']}/result", json={"status": "failed"}).status_code == 404
    )
    assert stranger.get("/v1/devices").json()["data"] == [{k: v for k, v in others.shown.items() if k != "key"}]
    assert [c["id"] for c in phone.poll()] == [sent["id"]]


def test_the_key_of_a_device_does_nothing_else_and_ends_with_it(person: Person, phone: Phone) -> None:
    """A-38"""
    command = send(person, phone, confirm=True)["id"]
    for method, path in (
        ("GET", "/v1/me"),
        ("GET", "/v1/devices"),
        ("DELETE", phone.place),
        ("POST", f"{phone.place}/commands"),
        ("POST", f"{phone.place}/commands/{command}/confirm"),
        ("POST", f"{phone.place}/commands/{command}/cancel"),
    ):
        refused = phone.call(method, path, **({"json": {}} if method == "POST" else {}))
        assert (refused.status_code, refused.json()["code"]) == (403, "device_key"), path
    renamed = phone.call("PATCH", phone.place, json={"name": "Mine"})
    assert (renamed.status_code, renamed.json()["code"]) == (403, "device_key")
    mild = {**INTENT, "sensitive": False}
    changed = phone.call("PATCH", phone.place, json={"capabilities": [mild]}).json()
    assert [c["sensitive"] for c in changed["capabilities"]] == [True]
    assert person.post(f"{phone.place}/commands/{command}/result", {"status": "succeeded"}).status_code == 403
    assert phone.key not in person.get("/v1/api-keys").text
    gone = person.delete(phone.place)
    assert (gone.status_code, gone.json()["rows"]) == (200, 3)
    assert phone.call("GET", phone.place).status_code == 401
    assert person.get(phone.place).status_code == 404


def test_a_command_waits_for_the_yes_and_is_confirmed_once(person: Person, phone: Phone) -> None:
    first, second = send(person, phone, "First", confirm=True), send(person, phone, "Second", confirm=True)
    assert (first["status"], phone.poll()) == ("awaiting_confirmation", [])
    early = phone.answer(first["id"])
    assert (early.status_code, early.json()["code"]) == (409, "command_not_delivered")
    for _ in range(2):
        confirmed = person.post(f"{phone.place}/commands/{first['id']}/confirm")
        assert (confirmed.status_code, confirmed.json()["status"]) == (200, "pending")
    assert person.post(f"{phone.place}/commands/{second['id']}/cancel").json()["status"] == "canceled"
    refused = person.post(f"{phone.place}/commands/{second['id']}/confirm")
    assert (refused.status_code, refused.json()["code"]) == (409, "command_ended")
    assert [c["id"] for c in until(phone.poll)] == [first["id"]]


def test_a_command_that_nobody_takes_expires(person: Person, phone: Phone) -> None:
    sent = send(person, phone, expires_in=5)
    path = f"{phone.place}/commands"
    until(lambda: person.get(path, params={"status": "expired", "limit": 1}).json()["data"])
    assert phone.poll() == []
    late = phone.answer(sent["id"])
    assert (late.status_code, late.json()["code"]) == (409, "command_expired")


def test_repeats_with_a_key_are_the_same_device_and_command(person: Person) -> None:
    """The device's key is stored nowhere: a repeat gives it a new one, and the lost one ends."""
    wanted = {"name": "Phone", "platform": "android", "capabilities": [NOTIFY]}
    once = {"Idempotency-Key": "registration"}
    first, again = (person.post("/v1/devices", wanted, headers=once).json() for _ in range(2))
    assert first["id"] == again["id"]
    place = f"/v1/devices/{first['id']}"
    for made, status in ((first, 401), (again, 200)):
        answer = person.http.get(place, headers={"Authorization": f"Bearer {made['key']}"})
        assert answer.status_code == status
    tea = {"action": "notify", "arguments": {"text": "Tea"}}
    sent = [person.post(f"{place}/commands", tea, headers={"Idempotency-Key": "c"}).json()["id"] for _ in range(2)]
    assert sent[0] == sent[1]
    assert len(person.get(f"{place}/commands").json()["data"]) == 1
    assert person.call("PATCH", place, json={"name": "Tablet"}).json()["name"] == "Tablet"
