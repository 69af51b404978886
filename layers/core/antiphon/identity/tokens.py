"""Access tokens: JWT, signed with ES256 (RFC 9068, RFC 7518)."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from antiphon.identity.model import ACCESS_FOR, User
from antiphon.identity.ports import TokenKeys, TokenSigner
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Unauthorized

TYPE = "at+jwt"
ALGORITHM = "ES256"
MAX_TOKEN = 8_192
LEEWAY = 30
"""Seconds by which clocks may differ."""
_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti", "sid"]


@dataclass(frozen=True)
class Claims:
    user_id: str
    session_id: str
    expires_at: datetime


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    """Makes access tokens. The signature comes from a port, because the key stays inside KMS."""

    def __init__(self, signer: TokenSigner, *, issuer: str, audience: str, clock: Clock) -> None:
        self._signer = signer
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def access_token(self, user: User, session_id: str) -> str:
        now = int(self._clock().timestamp())
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self._signer.key_id}
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user.id,
            "sid": session_id,
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + int(ACCESS_FOR.total_seconds()),
        }
        signed = ".".join(_part(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{signed}.{_part(self._signer.sign(signed.encode()))}"


class Verifier:
    def __init__(self, keys: TokenKeys, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def verify(self, token: str) -> Claims:
        """Raises Unauthorized for anything but a good access token of ours; never says which part was wrong."""
        import jwt

        if len(token) > MAX_TOKEN:
            raise Unauthorized
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.public_keys().get(header.get("kid", ""))
            if header.get("typ") != TYPE or header.get("alg") != ALGORITHM or key is None:
                raise Unauthorized
            # The times are compared with our own clock below, which tests can hold.
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized from error
        now = self._clock().timestamp()
        times = (claims["iat"], claims.get("nbf", 0), claims["exp"])
        if not all(isinstance(t, int | float) for t in times) or max(times[:2]) > now + LEEWAY or times[2] <= now:
            raise Unauthorized
        if not isinstance(claims["sub"], str) or not isinstance(claims["sid"], str):
            raise Unauthorized
        return Claims(claims["sub"], claims["sid"], datetime.fromtimestamp(claims["exp"], UTC))
