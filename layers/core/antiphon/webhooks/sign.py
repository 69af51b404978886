"""Standard Webhooks 1.0.0 signatures: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

SYMMETRIC = "whsec_"
ASYMMETRIC = "whsk_"


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,…`` (HMAC-SHA256) for a ``whsec_`` secret, ``v1a,…`` (ed25519) for a ``whsk_`` key, over exactly these bytes.

    timestamp: seconds since the epoch. Raises ValueError for a secret of another kind.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    if secret.startswith(SYMMETRIC):
        key = base64.b64decode(secret.removeprefix(SYMMETRIC), validate=True)
        return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    if secret.startswith(ASYMMETRIC):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        seed = base64.b64decode(secret.removeprefix(ASYMMETRIC), validate=True)[:32]
        return "v1a," + base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).sign(content)).decode()
    raise ValueError("a webhook secret begins with whsec_ or whsk_")


def signature_headers(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of the attempt made at this moment; several secrets (while one replaces another) give several signatures."""
    timestamp = int(at.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }
