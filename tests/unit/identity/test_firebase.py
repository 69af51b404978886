"""ID tokens of Firebase, by the table of Google's own tests, and what comes of them here."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from antiphon.identity.api_keys import ApiKeys
from antiphon.identity.federate import Federate
from antiphon.identity.firebase import Fetched, FirebaseVerifier, PublishedKeys
from antiphon.identity.model import UserStatus
from antiphon.identity.sign_in import Device, SignedIn
from antiphon.platform.errors import AntiphonError, Conflict, NotFound, Unauthorized, Unavailable
from antiphon.platform.events import Event
from tests.firebase import PROJECT, Project
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import GOOD, HERE, House, certificate_of


@pytest.fixture(scope="module")
def project() -> Project:
    return Project()


class Google:
    """Answers for the keys, or does not."""

    def __init__(self, project: Project) -> None:
        self.body, self.cache_control, self.asked, self.down = project.key_set, "public, max-age=3600", 0, False

    def __call__(self) -> Fetched:
        self.asked += 1
        if self.down:
            raise OSError("down")
        return Fetched(self.body, self.cache_control)


@pytest.fixture
def google(project: Project) -> Google:
    return Google(project)


@pytest.fixture
def verifier(google: Google, clock: HeldClock) -> FirebaseVerifier:
    return FirebaseVerifier(PROJECT, PublishedKeys(google, clock), clock)


def test_a_good_token_says_who_it_is(project: Project, verifier: FirebaseVerifier, clock: HeldClock) -> None:
    found = verifier.verify(project.token(project.claims(clock().timestamp())))
    assert (found.issuer, found.subject) == (f"https://securetoken.google.com/{PROJECT}", "firebase-user-1")
    assert (found.email, found.email_verified, found.name) == ("anna@example.com", True, "Anna")


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-project"},
        {"aud": ...},
        {"iss": "https://securetoken.google.com/another-project"},
        {"iss": "https://session.firebase.google.com/our-project"},
        {"sub": ""},
        {"sub": ...},
        {"sub": 7},
        {"sub": "x" * 129},
        {"iat": 120},
        {"iat": ...},
        {"exp": -120},
        {"exp": ...},
        {"auth_time": 120},
        {"auth_time": ...},
    ],
    ids=str,
)
def test_a_claim_that_is_not_right_is_refused(
    project: Project, verifier: FirebaseVerifier, clock: HeldClock, change: dict[str, Any]
) -> None:
    """A-33: times are given from now on, in seconds."""
    now = clock().timestamp()
    moved = {k: int(now) + v if k in ("iat", "exp", "auth_time") and v is not ... else v for k, v in change.items()}
    try:
        token = project.token(project.claims(now, **moved))
    except TypeError:  # PyJWT itself makes no token with such a subject
        token = jwt.api_jws.encode(
            json.dumps(project.claims(now, **moved)).encode(),
            project.private,
            "RS256",
            {"kid": "google-1"},
        )
    with pytest.raises(Unauthorized) as refused:
        verifier.verify(token)
    assert refused.value.code == "invalid_id_token"


@pytest.mark.parametrize(
    "why", ["no kid", "unknown kid", "another key", "HS256", "none", "custom token", "garbage", "empty", "long"]
)
def test_a_token_of_another_kind_is_refused(
    project: Project, verifier: FirebaseVerifier, clock: HeldClock, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-33, A-34: whatever the variable of the emulator says."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    claims = project.claims(clock().timestamp())
    token = {
        "no kid": lambda: project.token(claims, headers={}),
        "unknown kid": lambda: project.token(claims, headers={"kid": "other"}),
        "another key": lambda: project.token(claims, key=rsa.generate_private_key(65537, 2048)),
        "HS256": lambda: jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": project.key_id}),
        "none": lambda: jwt.encode(claims, None, algorithm="none", headers={"kid": project.key_id}),
        "custom token": lambda: project.token(
            {"iss": "firebase-adminsdk@x.iam.gserviceaccount.com", "aud": "identitytoolkit", "uid": "1"}
        ),
        "garbage": lambda: "a.b.c",
        "empty": lambda: "",
        "long": lambda: "x" * 9_000,
    }[why]()
    with pytest.raises(Unauthorized):
        verifier.verify(token)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c"])
def test_a_key_that_a_token_brings_or_points_to_is_never_looked_at(
    project: Project,
    google: Google,
    verifier: FirebaseVerifier,
    clock: HeldClock,
    name: str,
    outbound: list[str],
) -> None:
    """A-18: only the published keys are asked for, once."""
    stranger = rsa.generate_private_key(65537, 2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    brought = {
        "jku": "https://keys.example/jwks.json",
        "jwk": {**public, "kid": project.key_id, "alg": "RS256"},
        "x5u": "https://keys.example/chain.pem",
        "x5c": [certificate_of(stranger)],
    }[name]
    claims = project.claims(clock().timestamp())
    for key_id in (project.key_id, "other"):
        with pytest.raises(Unauthorized):
            verifier.verify(project.token(claims, headers={"kid": key_id, name: brought}, key=stranger))
    assert verifier.verify(project.token(claims, headers={"kid": project.key_id, name: brought}))
    assert (google.asked, outbound) == (1, [])


def test_a_minute_of_difference_between_clocks_is_allowed(
    project: Project, verifier: FirebaseVerifier, clock: HeldClock
) -> None:
    now = clock().timestamp()
    assert verifier.verify(project.token(project.claims(now, iat=int(now) + 59, exp=int(now) - 59)))


def test_keys_are_kept_as_long_as_their_answer_says(
    project: Project, google: Google, verifier: FirebaseVerifier, clock: HeldClock
) -> None:
    """A-35"""
    token = project.token(project.claims(clock().timestamp(), exp=int(clock().timestamp()) + 99_999))
    for _ in range(5):
        verifier.verify(token)
    assert google.asked == 1
    clock.move(seconds=3600)
    verifier.verify(token)
    assert google.asked == 2


def test_a_hundred_unknown_keys_cost_one_fetch_a_minute(
    project: Project, google: Google, verifier: FirebaseVerifier, clock: HeldClock
) -> None:
    """A-35"""
    claims = project.claims(clock().timestamp())
    verifier.verify(project.token(claims))
    for number in range(100):
        with pytest.raises(Unauthorized):
            verifier.verify(project.token(claims, headers={"kid": f"k{number}"}))
    assert google.asked == 1
    clock.move(seconds=60)
    with pytest.raises(Unauthorized):
        verifier.verify(project.token(claims, headers={"kid": "k"}))
    assert google.asked == 2


@pytest.mark.parametrize("answer", ["down", "no JSON", "no keys", "a bad key"])
def test_while_google_is_down_its_last_keys_are_good_for_a_day(
    project: Project, google: Google, verifier: FirebaseVerifier, clock: HeldClock, answer: str
) -> None:
    """A-35"""
    token = project.token(project.claims(clock().timestamp(), exp=int(clock().timestamp()) + 999_999))
    verifier.verify(token)
    google.down = answer == "down"
    google.body = {"no JSON": b"<html>", "no keys": b"{}", "a bad key": b'{"keys": [{"kty": "RSA"}]}'}.get(answer, b"")
    clock.move(hours=23)
    assert verifier.verify(token)
    clock.move(hours=2)
    with pytest.raises(Unavailable):
        verifier.verify(token)


def test_keys_that_may_be_kept_for_a_week_are_asked_for_again_before_they_are_too_old(
    project: Project, google: Google, verifier: FirebaseVerifier, clock: HeldClock
) -> None:
    google.cache_control = "public, max-age=604800"
    token = project.token(project.claims(clock().timestamp(), exp=int(clock().timestamp()) + 999_999))
    for _ in range(6):
        assert verifier.verify(token)
        clock.move(hours=12)
    assert google.asked == 6


@pytest.fixture
def federate(house: House, verifier: FirebaseVerifier) -> Federate:
    return Federate(
        verifier=verifier,
        users=house.users,
        links=house.users,
        keys=house.keys,
        desk=house.desk,
        audit=house.audit,
        clock=house.clock,
    )


def enter(federate: Federate, project: Project, clock: HeldClock, **changes: Any) -> SignedIn:
    return federate(project.token(project.claims(clock().timestamp(), **changes)), HERE)


def test_the_first_time_makes_a_user_and_the_second_finds_it(
    federate: Federate, project: Project, house: House, clock: HeldClock
) -> None:
    first = enter(federate, project, clock, email="ANNA@Example.com", email_verified=False)
    assert (first.user.email, first.user.display_name) == ("anna@example.com", "Anna")
    again = enter(federate, project, clock, email="changed@example.com")
    assert again.user.id == first.user.id
    assert house.refresh(again.refresh_token, Device())
    with pytest.raises(Unauthorized):
        house.login(password="")


def test_an_account_is_linked_by_a_verified_address_only(
    federate: Federate, project: Project, house: House, clock: HeldClock
) -> None:
    """A-36"""
    anna = house.register().user
    for unverified in (False, "true", ...):
        with pytest.raises(Conflict) as refused:
            enter(federate, project, clock, email_verified=unverified)
        assert refused.value.code == "email_taken"
    house.users._users[anna.id] = replace(anna, email_verified=True)
    assert enter(federate, project, clock).user.id == anna.id
    assert enter(federate, project, clock, email="else@example.com", email_verified=False).user.id == anna.id
    assert house.login()


def test_who_registered_with_a_foreign_address_keeps_no_way_in_when_its_owner_comes(
    federate: Federate, project: Project, house: House, clock: HeldClock
) -> None:
    """A-36"""
    thief = house.register()
    keys = ApiKeys(keys=house.keys, clock=clock, scopes={"account:read"})
    keys.create(thief.user.id, name="hidden", scopes={"account:read"}, expires_at=None)
    owner = enter(federate, project, clock).user
    assert (owner.id, owner.email_verified, owner.password_hash) == (thief.user.id, True, "")
    with pytest.raises(Unauthorized):
        house.login()
    with pytest.raises(Unauthorized):
        house.refresh(thief.refresh_token, Device())
    assert keys.page(owner.id, 10).items == ()
    assert [e.type for e in house.users.events] == ["user.account_linked"]
    taken, signed_in = (e for e in house.audit.entries.values() if e.action in ("user.taken_over", "user.firebase"))
    assert (taken.outcome, signed_in.outcome) == ("linked", "signed_in")
    assert enter(federate, project, clock).user.id == owner.id


def test_an_account_made_with_an_unproven_address_is_not_shared_with_its_owner(
    federate: Federate, project: Project, house: House, clock: HeldClock
) -> None:
    """A-36"""
    thief = enter(federate, project, clock, sub="thief", email_verified=False).user
    owner = enter(federate, project, clock, sub="owner").user
    assert owner.id == thief.id
    with pytest.raises(Conflict) as refused:
        enter(federate, project, clock, sub="thief", email_verified=False)
    assert refused.value.code == "email_taken"


def test_an_address_that_was_proven_by_mail_keeps_its_password(
    federate: Federate, project: Project, house: House, clock: HeldClock
) -> None:
    anna = house.register().user
    proven = Event("evt_1", anna.id, "user.password_changed", clock(), {})
    house.users.begin_reset(anna.id, "link", clock() + timedelta(minutes=30))
    assert house.users.reset_password(anna.id, "link", house.hasher.hash(GOOD), clock(), proven)
    assert enter(federate, project, clock).user.id == anna.id
    assert house.login()


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [({"email": ...}, Conflict, "email_required"), ({"email": 7}, Conflict, "email_required")],
    ids=str,
)
def test_without_an_address_nobody_is_made(
    federate: Federate, project: Project, clock: HeldClock, change: Any, error: type[AntiphonError], code: str
) -> None:
    with pytest.raises(error) as refused:
        enter(federate, project, clock, **change)
    assert refused.value.code == code


def test_who_is_suspended_does_not_come_in_this_way(
    federate: Federate, project: Project, house: House, clock: HeldClock
) -> None:
    user = enter(federate, project, clock).user
    house.users._users[user.id] = replace(user, status=UserStatus.SUSPENDED)
    with pytest.raises(Unauthorized):
        enter(federate, project, clock)


def test_where_firebase_is_not_set_up_the_route_says_so(house: House, google: Google, clock: HeldClock) -> None:
    closed = FirebaseVerifier("", PublishedKeys(google, clock), clock)
    federate = Federate(
        verifier=closed,
        users=house.users,
        links=house.users,
        keys=house.keys,
        desk=house.desk,
        audit=house.audit,
        clock=clock,
    )
    with pytest.raises(NotFound) as refused:
        federate("a.b.c", HERE)
    assert refused.value.code == "not_configured"
    assert google.asked == 0
