"""T-03: the fake vault and the one of KMS pass one suite; and what the one of KMS costs."""

from __future__ import annotations

import base64
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag

from antiphon.webhooks.memory import MemoryVault
from antiphon.webhooks.ports import Vault
from antiphon.webhooks.vault_kms import MAX_KEPT, SEAL_FOR, KmsVault

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret


@pytest.fixture
def kms(aws: None) -> Any:
    client = boto3.client("kms")
    client.calls = Counter()
    client.meta.events.register("before-call.kms", lambda model, **_: client.calls.update([model.name]))
    return client


@pytest.fixture
def key(kms: Any) -> str:
    made: str = kms.create_key()["KeyMetadata"]["Arn"]
    kms.calls.clear()
    return made


@pytest.fixture(params=["memory", "kms"])
def vault(request: pytest.FixtureRequest) -> Vault:
    if request.param == "memory":
        return MemoryVault()
    return KmsVault(request.getfixturevalue("kms"), request.getfixturevalue("key"))


def test_a_secret_opens_where_it_was_sealed_for_and_nowhere_else(vault: Vault) -> None:
    """W-02."""
    sealed = vault.seal(SECRET, "usr_1/whk_1")
    assert vault.open(sealed, "usr_1/whk_1") == SECRET
    assert SECRET not in sealed
    with pytest.raises((ValueError, InvalidTag)):
        vault.open(sealed, "usr_1/whk_2")


def test_the_same_secret_is_never_sealed_the_same_way_twice(kms: Any, key: str) -> None:
    vault = KmsVault(kms, key)
    assert len({vault.seal(SECRET, "p") for _ in range(20)}) == 20


def test_a_changed_byte_or_format_opens_nothing(kms: Any, key: str) -> None:
    vault = KmsVault(kms, key)
    format_, wrapped, data = vault.seal(SECRET, "p").split(".")
    raw = bytearray(base64.b64decode(data))
    raw[-1] ^= 1
    with pytest.raises(InvalidTag):
        vault.open(f"{format_}.{wrapped}.{base64.b64encode(raw).decode()}", "p")
    with pytest.raises(ValueError, match="v1"):
        vault.open(f"v0.{wrapped}.{data}", "p")


def test_many_secrets_cost_one_call_to_seal_and_one_for_each_process_that_opens_them(kms: Any, key: str) -> None:
    """W-02, and its price: KMS is asked for data keys, not for secrets."""
    vault = KmsVault(kms, key)
    sealed = [vault.seal(f"whsec_{n}", f"usr_1/whk_{n}") for n in range(50)]
    other = KmsVault(kms, key)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda n: other.open(sealed[n], f"usr_1/whk_{n}"), list(range(50)) * 2))
    assert opened[:50] == [f"whsec_{n}" for n in range(50)]
    assert vault.open(sealed[0], "usr_1/whk_0") == "whsec_0"
    assert kms.calls == {"GenerateDataKey": 1, "Decrypt": 1}


def test_a_data_key_seals_for_an_hour(kms: Any, key: str) -> None:
    now = [0.0]
    vault = KmsVault(kms, key, monotonic=lambda: now[0])
    before = vault.seal(SECRET, "p")
    now[0] = SEAL_FOR - 1
    assert vault.seal(SECRET, "p").split(".")[1] == before.split(".")[1]
    now[0] = SEAL_FOR
    assert vault.seal(SECRET, "p").split(".")[1] != before.split(".")[1]
    assert vault.open(before, "p") == SECRET


def test_memory_is_bounded(kms: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.webhooks.vault_kms.MAX_KEPT", 2)
    sealed = [KmsVault(kms, key).seal(SECRET, "p") for _ in range(3)]
    vault = KmsVault(kms, key)
    assert [vault.open(each, "p") for each in (*sealed, sealed[0])] == [SECRET] * 4
    assert len(vault._opened) == 2
    assert MAX_KEPT == 1000


def test_another_key_of_the_account_opens_nothing(kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError):
        KmsVault(kms, other).open(KmsVault(kms, key).seal(SECRET, "p"), "p")
