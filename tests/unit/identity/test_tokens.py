from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from antiphon.identity.admit import Admit
from antiphon.identity.memory import MemoryKeys, MemoryUsers
from antiphon.identity.model import Session, User, UserStatus
from antiphon.identity.tokens import Claims, Issuer, Verifier
from antiphon.platform.errors import Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import certificate_of

OURS = {"issuer": "https://here.example", "audience": "antiphon"}


class LocalKey:
    """A P-256 key in this process, as signer and as key set."""

    key_id = "k1"

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_keys(self) -> dict[str, Any]:
        return {self.key_id: self._key.public_key()}

    @property
    def pem(self) -> bytes:
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, kind)


def part(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(scope="module")
def key() -> LocalKey:
    return LocalKey()


@pytest.fixture
def user(clock: HeldClock) -> User:
    return User("usr_1", "a@example.com", "x", clock())


@pytest.fixture
def verifier(key: LocalKey, clock: HeldClock) -> Verifier:
    return Verifier(key, **OURS, clock=clock)


def token(key: LocalKey, clock: HeldClock, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(clock().timestamp())
    head = {"alg": "ES256", "typ": "at+jwt", "kid": "k1", **(header or {})}
    body = {
        "iss": OURS["issuer"],
        "aud": OURS["audience"],
        "sub": "usr_1",
        "sid": "ses_1",
        "jti": "j",
        "iat": now,
        "exp": now + 900,
        **claims,
    }
    signed = f"{part(head)}.{part({k: v for k, v in body.items() if v is not None})}"
    return f"{signed}.{part(key.sign(signed.encode()))}"


def test_a_token_of_ours_is_taken_until_it_ends(
    key: LocalKey, verifier: Verifier, user: User, clock: HeldClock
) -> None:
    made = Issuer(key, **OURS, clock=clock).access_token(user, "ses_1")
    assert verifier.verify(made).user_id == "usr_1"
    clock.move(seconds=899)
    assert verifier.verify(made).session_id == "ses_1"
    clock.move(seconds=1)
    with pytest.raises(Unauthorized):
        verifier.verify(made)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"exp": 1},
        {"iat": 32503680000},
        {"nbf": 32503680000},
        {"sid": None},
        {"sub": None},
        {"jti": None},
        {"exp": None},
        {"sub": 7},
        {"sid": 7},
        {"iss": None},
        {"aud": None},
        {"iat": None},
        {"iat": "now"},
        {"exp": "32503680000"},
        {"nbf": "1"},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "rt+jwt"}},
        {"header": {"kid": "k2"}},
        {"header": {"alg": "none"}},
        {"header": {"alg": "RS256"}},
    ],
    ids=str,
)
def test_any_other_token_is_refused(
    key: LocalKey, verifier: Verifier, clock: HeldClock, change: dict[str, Any]
) -> None:
    """A-15, A-16, A-17"""
    assert verifier.verify(token(key, clock))
    with pytest.raises(Unauthorized):
        verifier.verify(token(key, clock, **change))


@pytest.mark.parametrize("year", [2001, 2101])
@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({}, True),
        ({"iat": 30}, True),
        ({"iat": 31}, False),
        ({"nbf": 0}, True),
        ({"nbf": 30}, True),
        ({"nbf": 31}, False),
        ({"exp": 1}, True),
        ({"exp": 0}, False),
        ({"iat": -31_536_000, "nbf": -31_536_000}, True),
        ({"exp": 0.5}, True),
    ],
    ids=str,
)
def test_times_are_compared_with_the_clock_that_was_given(
    key: LocalKey, verifier: Verifier, clock: HeldClock, year: int, claims: dict[str, float], taken: bool
) -> None:
    """T-06, A-16: half a minute of leeway for what begins, none for what ends."""
    clock.now = clock.now.replace(year=year)
    now = int(clock.now.timestamp())
    made = token(key, clock, **{name: now + seconds for name, seconds in claims.items()})
    if taken:
        assert verifier.verify(made)
    else:
        with pytest.raises(Unauthorized):
            verifier.verify(made)


def test_what_a_token_says_is_what_comes_out(key: LocalKey, verifier: Verifier, user: User, clock: HeldClock) -> None:
    """T-06, A-14: and every field is there."""
    made = Issuer(key, **OURS, clock=clock).access_token(user, "ses_1")
    assert verifier.verify(made) == Claims("usr_1", "ses_1", clock() + timedelta(minutes=15))
    head, body, _ = (
        json.loads(urlsafe_b64decode(text + "==")) if i < 2 else text for i, text in enumerate(made.split("."))
    )
    now = int(clock().timestamp())
    assert head == {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
    jti = body.pop("jti")
    assert len(jti) == 16
    assert body == {
        **{"iss" if k == "issuer" else "aud": v for k, v in OURS.items()},
        "sub": "usr_1",
        "sid": "ses_1",
        "iat": now,
        "exp": now + 900,
    }
    again = Issuer(key, **OURS, clock=clock).access_token(user, "ses_1")
    assert json.loads(urlsafe_b64decode(again.split(".")[1] + "=="))["jti"] != jti


def test_a_token_has_at_most_8192_characters(key: LocalKey, verifier: Verifier, clock: HeldClock) -> None:
    """T-06: longer ones are not looked at."""
    spare = (8_192 - len(token(key, clock, pad=""))) * 3 // 4
    for length, taken in ((8_192, True), (8_193, False)):
        pads = ((a, b) for a in range(4) for b in range(spare - 12, spare + 6))
        made = next(
            found for a, b in pads if len(found := token(key, clock, header={"x": "x" * a}, pad="x" * b)) == length
        )
        if taken:
            assert verifier.verify(made)
        else:
            with pytest.raises(Unauthorized):
                verifier.verify(made)


def test_a_token_without_a_key_id_is_refused(key: LocalKey, verifier: Verifier, clock: HeldClock) -> None:
    """T-06."""
    head = part({"alg": "ES256", "typ": "at+jwt"})
    signed = f"{head}.{token(key, clock).split('.')[1]}"
    with pytest.raises(Unauthorized):
        verifier.verify(f"{signed}.{part(key.sign(signed.encode()))}")


def test_a_token_signed_with_our_public_key_as_a_secret_is_refused(
    key: LocalKey, verifier: Verifier, clock: HeldClock
) -> None:
    """A-15"""
    whole = token(key, clock, header={"alg": "HS256"}).rsplit(".", 1)[0]
    forged = part(hmac.new(key.pem, whole.encode(), hashlib.sha256).digest())
    with pytest.raises(Unauthorized):
        verifier.verify(f"{whole}.{forged}")


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c"])
def test_a_key_that_a_token_brings_or_points_to_is_never_looked_at(
    key: LocalKey, verifier: Verifier, clock: HeldClock, name: str, outbound: list[str]
) -> None:
    """A-18: with our key's name and without, and nothing is asked of anybody, also where the signature is ours."""
    stranger = LocalKey()
    public = jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_keys()["k1"], as_dict=True)
    brought = {
        "jku": "https://keys.example/jwks.json",
        "jwk": {**public, "kid": "k1", "alg": "ES256"},
        "x5u": "https://keys.example/chain.pem",
        "x5c": [certificate_of(stranger._key)],
    }[name]
    for key_id in ("k1", "k2", ""):
        with pytest.raises(Unauthorized):
            verifier.verify(token(stranger, clock, header={name: brought, "kid": key_id}))
    assert verifier.verify(token(key, clock, header={name: brought})).user_id == "usr_1"
    assert outbound == []


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "." * 100, "x" * 9000])
def test_garbage_is_refused(verifier: Verifier, text: str) -> None:
    """A-19"""
    with pytest.raises(Unauthorized):
        verifier.verify(text)


def test_a_changed_token_is_refused(key: LocalKey, verifier: Verifier, clock: HeldClock) -> None:
    head, _, signature = token(key, clock).split(".")
    body = json.dumps({"sub": "usr_2"}).encode()
    with pytest.raises(Unauthorized):
        verifier.verify(f"{head}.{part(body)}.{signature}")


@pytest.fixture
def admit(verifier: Verifier, clock: HeldClock, user: User) -> Callable[..., Admit]:
    def make(
        *, session: bool = True, status: UserStatus = UserStatus.ACTIVE, days: float = 30, ended: bool = False
    ) -> Admit:
        users, now = MemoryUsers(), clock()
        users.create(User(user.id, user.email, "x", user.created_at, tier="premium"))
        if session:
            users.start_session(Session("ses_1", user.id, "f", "h", now, now + _days(days), now))
        if ended:
            users.end_sessions(user.id)
        users._users[user.id] = replace(users._users[user.id], status=status)
        return Admit(verifier=verifier, users=users, sessions=users, keys=MemoryKeys(users), clock=clock)

    return make


def _days(number: float) -> timedelta:
    return timedelta(days=number)


def test_a_request_is_admitted_as_its_user(key: LocalKey, clock: HeldClock, admit: Callable[..., Admit]) -> None:
    found = admit()(f"Bearer {token(key, clock)}")
    assert (found.user_id, found.session_id, found.tier, found.scopes) == ("usr_1", "ses_1", "premium", "")


@pytest.mark.parametrize(
    "state", [{"session": False}, {"status": UserStatus.SUSPENDED}, {"days": -1}, {"ended": True}], ids=str
)
def test_an_ended_session_or_a_suspended_user_is_refused(
    key: LocalKey, clock: HeldClock, admit: Callable[..., Admit], state: dict[str, Any]
) -> None:
    with pytest.raises(Unauthorized):
        admit(**state)(f"Bearer {token(key, clock)}")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer ap_live_x"])
def test_other_credentials_are_refused(admit: Callable[..., Admit], header: str) -> None:
    with pytest.raises(Unauthorized):
        admit()(header)
