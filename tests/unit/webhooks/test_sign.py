"""T-06: the signer."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from antiphon.webhooks.model import new_secret
from antiphon.webhooks.sign import sign, signature_headers

NOW = datetime.fromtimestamp(1614265330, UTC)


@pytest.mark.parametrize(
    ("secret", "identity", "timestamp", "body", "signature"),
    [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  # pragma: allowlist secret
            "msg_p5jXN8AQM9LWM0D4loKWxJek",  # pragma: allowlist secret
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",  # pragma: allowlist secret
            1649367553,
            b'{"email":"test@example.com","username":"test_user"}',
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",  # pragma: allowlist secret
            "msg_p5jXN8AQM9LWM0D4loKWxJek",  # pragma: allowlist secret
            1614265330,
            b'{"test": 2432232314}',
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
        ),
    ],
)
def test_the_signatures_of_the_standard_come_out(
    secret: str, identity: str, timestamp: int, body: bytes, signature: str
) -> None:
    """W-01: the official vectors."""
    assert sign(secret, identity, timestamp, body) == signature


def verified(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    """As a receiver does it; the library raises other errors than its own, too (W-07)."""
    try:
        Webhook(secret).verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def flipped(text: str, bit: int) -> str:
    """One bit of the text changed, as far as a header can carry it."""
    raw = bytearray(text.encode())
    raw[bit // 8 % len(raw)] ^= 1 << bit % 7
    return raw.decode("latin-1")


@given(
    key=st.binary(min_size=24, max_size=64),
    text=st.text(),
    bit=st.integers(0, 4000),
    part=st.sampled_from(["id", "timestamp", "body", "signature"]),
)
def test_the_library_accepts_every_signature_and_no_changed_bit(key: bytes, text: str, bit: int, part: str) -> None:
    """W-01."""
    secret = "whsec_" + base64.b64encode(key).decode()
    body = json.dumps({"type": "speech.succeeded", "data": text}, ensure_ascii=False).encode(errors="replace")
    now = datetime.now(UTC)
    headers = signature_headers((secret,), "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", now, body)
    assert verified(secret, body, headers)
    if part == "body":
        changed = bytearray(body)
        changed[bit // 8 % len(body)] ^= 1 << bit % 8
        assert not verified(secret, bytes(changed), headers)
        return
    name = f"webhook-{part}"
    value = flipped(headers[name], bit)
    if part == "signature" and same_bytes(value, headers[name]):
        return
    assert not verified(secret, body, headers | {name: value})


def same_bytes(one: str, other: str) -> bool:
    """Base64 has spellings that mean the same bytes: in the padding, and in the unused bits before it."""
    try:
        return one.split(",")[0] == other.split(",")[0] and base64.b64decode(one.split(",")[1]) == base64.b64decode(
            other.split(",")[1]
        )
    except (ValueError, IndexError):
        return False


def test_the_timestamp_is_that_of_the_attempt_in_whole_seconds_whatever_the_zone() -> None:
    """W-03, W-07: an aware moment of another zone is the same moment."""
    late = NOW + timedelta(milliseconds=999)
    east = late.astimezone(timezone(timedelta(hours=3)))
    for moment in (late, east):
        assert signature_headers((new_secret(),), "evt_1", moment, b"{}")["webhook-timestamp"] == "1614265330"


def test_two_secrets_give_two_signatures_that_verify_alone() -> None:
    """W-06, the signer's part."""
    old, new = new_secret(), new_secret()
    now = datetime.now(UTC)
    headers = signature_headers((new, old), "evt_1", now, b"{}")
    assert headers == {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(sign(secret, "evt_1", int(now.timestamp()), b"{}") for secret in (new, old)),
    }
    assert verified(old, b"{}", headers)
    assert verified(new, b"{}", headers)
    assert not verified(new_secret(), b"{}", headers)


def test_a_secret_is_32_random_bytes_in_standard_base64() -> None:
    """W-02."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


BYTES = base64.b64encode(bytes(32)).decode()


def test_a_secret_of_another_kind_signs_nothing() -> None:
    """T-06: nor does one that was not copied whole, and that base64 would read over."""
    for wrong in ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", "sk_live_x", "whsec_!!", f"whsec_!{BYTES}", f"whsk_!{BYTES}"):
        with pytest.raises(ValueError, match=r"secret|base64"):
            sign(wrong, "evt_1", 1, b"{}")
