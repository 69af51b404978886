"""The signing key behind KMS's own interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto import mock_aws
from moto.kms.utils import ECDSAPrivateKey

from antiphon.identity.kms import KmsKeys, KmsSigner, jwks, key_id_of
from antiphon.identity.model import User
from antiphon.identity.tokens import Issuer, Verifier
from antiphon.platform.errors import Unauthorized
from tests.unit.conftest import HeldClock, clock

__all__ = ["clock"]

OURS = {"issuer": "https://here.example", "audience": "antiphon"}


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # Moto hashes again whatever MessageType says; KMS takes a DIGEST as it is.
    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign_digest)
    with mock_aws():
        yield boto3.client("kms", region_name="us-east-1")


def sign_digest(key: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
    assert (len(message), signing_algorithm) == (32, "ECDSA_SHA_256")
    return key.private_key.sign(message, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.fixture
def key(kms: Any) -> str:
    return make_key(kms)


def make_key(kms: Any) -> str:
    made: str = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return made


def token(kms: Any, key: str, clock: HeldClock) -> str:
    user = User("usr_1", "a@example.com", "x", clock())
    return Issuer(KmsSigner(kms, key), **OURS, clock=clock).access_token(user, "ses_1")


def test_a_token_signed_there_is_verified_here(kms: Any, key: str, clock: HeldClock) -> None:
    """KMS gives DER, ES256 wants r and s: a wrong width would fail here."""
    sent: list[dict[str, Any]] = []
    kms.meta.events.register("provide-client-params.kms.Sign", lambda params, **_: sent.append(params))
    for _ in range(5):
        found = Verifier(KmsKeys(kms, key), **OURS, clock=clock).verify(token(kms, key, clock))
        assert (found.user_id, found.session_id) == ("usr_1", "ses_1")
    assert {asked["MessageType"] for asked in sent} == {"DIGEST"}


def test_anybody_can_verify_it_with_the_published_keys(kms: Any, key: str, clock: HeldClock) -> None:
    """A-20: no private part is published."""
    published = jwks(KmsKeys(kms, key).public_keys())
    (public,) = published["keys"]
    assert set(public) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    made = token(kms, key, clock)
    assert jwt.get_unverified_header(made) == {"alg": "ES256", "typ": "at+jwt", "kid": public["kid"]}
    claims = jwt.decode(
        made,
        jwt.PyJWK(public),
        algorithms=["ES256"],
        audience="antiphon",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["exp"] - claims["iat"] == 900


def test_during_a_rotation_the_tokens_of_both_keys_are_good(kms: Any, key: str, clock: HeldClock) -> None:
    """A-20"""
    newer = make_key(kms)
    both = Verifier(KmsKeys(kms, newer, key), **OURS, clock=clock)
    assert both.verify(token(kms, key, clock)).user_id == both.verify(token(kms, newer, clock)).user_id == "usr_1"
    with pytest.raises(Unauthorized):
        Verifier(KmsKeys(kms, newer), **OURS, clock=clock).verify(token(kms, key, clock))


def test_a_key_has_one_name_by_its_id_and_by_its_arn(key: str) -> None:
    assert key_id_of(key) == key_id_of(key.rsplit("/", 1)[-1])
    assert "123456789012" not in key_id_of(key)


def test_the_public_key_is_asked_for_once(kms: Any, key: str, clock: HeldClock) -> None:
    asked = []
    kms.meta.events.register("before-call.kms.GetPublicKey", lambda **_: asked.append(1))
    verifier = Verifier(KmsKeys(kms, key), **OURS, clock=clock)
    for _ in range(3):
        verifier.verify(token(kms, key, clock))
    assert len(asked) == 1
