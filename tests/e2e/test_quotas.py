"""A-62, Q-42, U-03: limits hold for requests that come at once, and what ends gives back what it held."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from infra.local.person import Person
from infra.local.receiver import Receiver
from tests.e2e.test_main_job import listen

MIB = 1024**2


def usage(person: Person) -> dict[str, Any]:
    answer = person.get("/v1/me/usage")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def promise(person: Person, size: int) -> httpx.Response:
    """A job whose recording is yet to come: its bytes are reserved."""
    return person.post(
        "/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": size}, timeout=120
    )


def test_twenty_at_the_edge_of_the_storage_never_go_beyond(person: Person, receiver: Receiver) -> None:
    """A-62, U-03, Q-42"""
    signed = listen(person, receiver, "user.*")
    limits = usage(person)["limits"]
    size, room = limits["upload_bytes"], limits["storage_bytes"] // limits["upload_bytes"]
    with ThreadPoolExecutor(8) as pool:
        before = list(pool.map(lambda _: promise(person, size), range(room - 5)))
    assert Counter(a.status_code for a in before) == {201: room - 5}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: promise(person, size), range(20)))
    assert Counter(a.status_code for a in answers) == {201: 5, 429: 15}
    refused = next(a for a in answers if a.status_code == 429)
    assert refused.json()["code"] == "quota_exceeded"
    assert int(refused.headers["Retry-After"]) > 0
    full = usage(person)
    assert (full["open_jobs"], full["storage_bytes"]) == (room, room * size)
    payload = signed.verify(*(lambda got: (got.body, got.headers))(receiver.wait_for("user.quota_reached")))
    assert payload["data"] == {"counter": "storage_bytes", "month": full["month"], "tier": "free"}

    job = before[0].json()
    for _ in range(2):
        person.post(f"/v1/transcriptions/{job['id']}/cancel")
        person.delete(f"/v1/transcriptions/{job['id']}")
    assert usage(person)["storage_bytes"] == (room - 1) * size
    assert promise(person, size).status_code == 201
    assert promise(person, size).status_code == 429
    listed = person.get("/v1/transcriptions", params={"limit": 100}).json()["data"]
    assert len(listed) == room
    assert [g.json["type"] for g in receiver.got] == ["user.quota_reached"]


def test_what_was_spoken_is_counted_and_what_was_canceled_is_not(person: Person) -> None:
    """Q-12"""
    text = "There is a small house near the river."
    done = person.ended(person.speak(text))
    assert done["status"] == "succeeded", done
    again = person.speak(text, dedupe=False)
    person.post(f"/v1/speech/{again['id']}/cancel")
    ended = person.ended(again)
    times = 1 if ended["status"] == "canceled" else 2
    found = usage(person)
    assert (found["characters"], found["open_jobs"]) == (times * len(text), 0)
    assert found["tokens"] == 0
    assert found["resets_at"] > found["month"]


def test_a_key_spends_its_budget_and_no_more(http: httpx.Client, person: Person, receiver: Receiver) -> None:
    """PEERS 8: what the list of keys says is what the jobs cost; when it has ended nothing begins, by this key."""
    signed = listen(person, receiver, "user.*")
    # What is set aside is priced by how long workers took of late, which a busy machine makes dear.
    quote = person.post("/v1/speech?dry_run=true", {"input": "Sentence 100. " * 3}).json()["cost"]["usd"]
    budget, scopes = max(0.0002, round(3 * quote, 6)), ["speech:read", "speech:write"]
    key = person.post("/v1/api-keys", {"name": "ci", "scopes": scopes, "monthly_budget_usd": budget}).json()
    assert (key["monthly_budget_usd"], key["spent_usd"]) == (budget, 0)
    program = {"Authorization": f"Bearer {key['key']}"}

    def spent() -> Any:
        (shown,) = person.get("/v1/api-keys").json()["data"]
        return shown["spent_usd"]

    costs = []
    for number in range(200):
        asked = http.post("/v1/speech", headers=program, json={"input": f"Sentence {number}. " * 3})
        if asked.status_code == 429:
            break
        assert asked.status_code == 202, asked.text
        costs.append(person.ended(asked.json())["cost"]["usd"])
        assert spent() == pytest.approx(sum(costs), abs=1e-9)
    assert (asked.status_code, asked.json()["code"]) == (429, "budget_exceeded")
    assert sum(costs) > 0
    payload = signed.verify(*(lambda got: (got.body, got.headers))(receiver.wait_for("user.quota_reached")))
    assert (payload["data"]["counter"], payload["data"]["key_id"]) == ("budget", key["id"])
    assert person.post("/v1/speech", {"input": "By its owner."}).status_code == 202

    beyond = {"name": "x", "scopes": ["chat:write"], "monthly_budget_usd": 1}
    assert person.post("/v1/api-keys", beyond).json()["errors"][0]["field"] == "scopes"
