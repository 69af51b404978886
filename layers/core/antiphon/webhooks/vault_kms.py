"""Secrets sealed with AES-256-GCM, by data keys that a key in AWS KMS has wrapped.

What is sealed carries its wrapped data key, so it needs no other row to be opened. A process asks KMS once for a data key to seal with, and once for each
wrapped key that it meets: one call for hundreds of secrets and all their deliveries.
"""

from __future__ import annotations

import base64
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
else:
    KMSClient = Any

_CONTEXT = {"purpose": "webhook-secrets"}
"""KMS unwraps with the same words only, and notes them in its trail."""
_FORMAT = "v1"
_NONCE = 12
SEAL_FOR = 3600.0
"""Seconds that one data key seals for."""
MAX_KEPT = 1000
"""Unwrapped data keys that a process keeps in memory."""


class KmsVault:
    """key: id or ARN of a symmetric KMS key. May be shared by threads."""

    def __init__(self, client: KMSClient, key: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kms = client
        self._key = key
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sealing: tuple[str, Any, float] | None = None
        self._opened: OrderedDict[str, Any] = OrderedDict()

    def seal(self, secret: str, place: str) -> str:
        wrapped, cipher = self._cipher_to_seal()
        nonce = os.urandom(_NONCE)
        return f"{_FORMAT}.{wrapped}.{_text(nonce + cipher.encrypt(nonce, secret.encode(), place.encode()))}"

    def open(self, sealed: str, place: str) -> str:
        """Raises ValueError for another format, cryptography's InvalidTag for what was sealed for another place."""
        format_, wrapped, data = sealed.split(".")
        if format_ != _FORMAT:
            raise ValueError(f"secrets are sealed as {_FORMAT}, not as {format_[:8]}")
        raw = base64.b64decode(data)
        opened: bytes = self._cipher_of(wrapped).decrypt(raw[:_NONCE], raw[_NONCE:], place.encode())
        return opened.decode()

    def _cipher_to_seal(self) -> tuple[str, Any]:
        with self._lock:
            if self._sealing is None or self._monotonic() >= self._sealing[2]:
                made = self._kms.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=_CONTEXT)
                wrapped, cipher = _text(made["CiphertextBlob"]), _cipher(made["Plaintext"])
                self._sealing = (wrapped, cipher, self._monotonic() + SEAL_FOR)
                self._keep(wrapped, cipher)
            return self._sealing[:2]

    def _cipher_of(self, wrapped: str) -> Any:
        with self._lock:
            cipher = self._opened.get(wrapped)
            if cipher is None:
                answer = self._kms.decrypt(
                    KeyId=self._key, CiphertextBlob=base64.b64decode(wrapped), EncryptionContext=_CONTEXT
                )
                cipher = _cipher(answer["Plaintext"])
            self._keep(wrapped, cipher)
            return cipher

    def _keep(self, wrapped: str, cipher: Any) -> None:
        self._opened[wrapped] = cipher
        self._opened.move_to_end(wrapped)
        while len(self._opened) > MAX_KEPT:
            self._opened.popitem(last=False)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
