"""The signing key in AWS KMS: it signs there and never leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
else:
    KMSClient = Any


def key_id_of(arn_or_id: str) -> str:
    """The ``kid``: the same for a key's id and its ARN, and telling nobody which account it is in."""
    return hashlib.sha256(arn_or_id.rsplit("/", 1)[-1].encode()).hexdigest()[:16]


class KmsSigner:
    def __init__(self, client: KMSClient, key: str) -> None:
        self._kms = client
        self._key = key
        self.key_id = key_id_of(key)

    def sign(self, message: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        digest = hashlib.sha256(message).digest()
        answer = self._kms.sign(KeyId=self._key, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
        r, s = decode_dss_signature(answer["Signature"])
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class KmsKeys:
    """keys: all that may have signed a token that is still good; during a rotation two."""

    def __init__(self, client: KMSClient, *keys: str) -> None:
        self._kms = client
        self._ids = keys

    def public_keys(self) -> Mapping[str, Any]:
        return self._loaded

    @cached_property
    def _loaded(self) -> Mapping[str, Any]:
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        return {
            key_id_of(key): load_der_public_key(self._kms.get_public_key(KeyId=key)["PublicKey"]) for key in self._ids
        }


def jwks(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The public keys as a JSON Web Key Set (RFC 7517)."""
    import json

    from jwt.algorithms import ECAlgorithm

    public = [
        {**json.loads(ECAlgorithm.to_jwk(key)), "kid": kid, "alg": "ES256", "use": "sig"} for kid, key in keys.items()
    ]
    return {"keys": public}
