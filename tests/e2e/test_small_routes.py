"""What a client does between the large steps."""

from __future__ import annotations

import secrets

import httpx
import jwt

from infra.local.person import Person
from infra.local.receiver import Receiver


def test_who_registered_can_log_in_and_anybody_can_check_the_token(http: httpx.Client) -> None:
    known = {"email": f"{secrets.token_hex(6)}@Example.com", "password": "correct horse battery"}
    first = http.post("/v1/auth/register", json=known)
    assert first.status_code == 201
    again = http.post("/v1/auth/login", json=known)
    assert again.status_code == 200
    assert again.json()["user"] == first.json()["user"]
    key = http.get("/v1/auth/jwks.json").json()["keys"][0]
    claims = jwt.decode(
        again.json()["access_token"], jwt.PyJWK(key).key, algorithms=["ES256"], options={"verify_aud": False}
    )
    assert claims["sub"] == first.json()["user"]["id"]
    wrong = http.post("/v1/auth/login", json={**known, "password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_credentials")
    taken = http.post("/v1/auth/register", json=known)
    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")


def test_a_delivery_can_be_sent_again_and_an_endpoint_removed(person: Person, receiver: Receiver) -> None:
    """W-05: the same id and body, by hand too."""
    hook = person.post("/v1/webhooks", {"url": receiver.url, "events": ["speech.succeeded"]}).json()
    assert "secret" not in person.get(f"/v1/webhooks/{hook['id']}").json()
    person.ended(person.speak("Hello."))
    receiver.wait_for("speech.succeeded")
    delivery = person.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["data"][0]
    assert person.post(f"/v1/deliveries/{delivery['id']}/redeliver").status_code in (200, 202)
    got = receiver.wait(lambda all_: len(all_) >= 2)
    assert len({g.headers["webhook-id"] for g in got}) == 1
    assert len({g.body for g in got}) == 1
    assert person.delete(f"/v1/webhooks/{hook['id']}").status_code in (200, 204)
    assert person.get(f"/v1/webhooks/{hook['id']}").status_code == 404
