"""The three deployments with which the signing key is exchanged; nobody is signed out by any of them."""

from __future__ import annotations

import secrets
from pathlib import Path

import httpx
import jwt
import pytest

from infra.local.home import free_port
from infra.local.stack import LAPTOP, ROOT, LocalStack

GOOD = "correct horse battery"


@pytest.mark.slow
@pytest.mark.timeout(600)  # four deployments, on whatever machine
def test_the_signing_key_is_exchanged_while_everybody_stays_signed_in(tmp_path: Path) -> None:
    """A-20"""
    address = f"{secrets.token_hex(6)}@example.com"
    port = free_port()  # a part of the issuer
    held: dict[str, dict[str, str]] = {}

    def look(step: str, *, published: int) -> str:
        """The key that new tokens have; all tokens that were ever given are still good."""
        with httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as http:
            route = "login" if held else "register"
            given = http.post(f"/v1/auth/{route}", json={"email": address, "password": GOOD})
            assert given.is_success, given.text
            held[step] = given.json()
            for when, tokens in held.items():
                me = http.get("/v1/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
                assert me.status_code == 200, f"{when}, in {step}"
            keys = http.get("/v1/auth/jwks.json").json()["keys"]
            assert len(keys) == published
            kid = jwt.get_unverified_header(held[step]["access_token"])["kid"]
            assert kid in {key["kid"] for key in keys}
            first = next(iter(held.values()))
            refreshed = http.post("/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
            assert refreshed.status_code == 200
            first["refresh_token"] = refreshed.json()["refresh_token"]
            return str(kid)

    steps = (
        ("before", {}, 1),
        ("both published", {"OtherSigningKey": "published"}, 2),
        ("the other signs", {"OtherSigningKey": "published", "SigningKeyInUse": "B"}, 2),
    )
    kids = []
    for step, parameters, published in steps:
        with LocalStack(
            tmp_path, port, parameters={**LAPTOP, **parameters}, build=ROOT / ".build", workers=()
        ) as stack:
            kids.append(look(step, published=published))
    assert kids[0] == kids[1] != kids[2]
    with (
        LocalStack(
            tmp_path, port, parameters={**LAPTOP, "SigningKeyInUse": "B"}, build=ROOT / ".build", workers=()
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as http,
    ):
        # The first key is not published any more: its tokens end, the sessions go on.
        old = http.get("/v1/me", headers={"Authorization": f"Bearer {held['before']['access_token']}"})
        assert old.status_code == 401
        assert http.post("/v1/auth/refresh", json={"refresh_token": held["before"]["refresh_token"]}).status_code == 200
