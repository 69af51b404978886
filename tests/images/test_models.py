"""`make models`: from the hub, at the pinned commit, into the operator's bucket; a process of its own, as an operator runs it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.weights.model import File, Lock, Model
from infra.images.on_cpu import ROOT
from tests.images.account import MODELS, SmallAccount
from tests.images.hub import Hub

REVISION, OTHER = "a" * 40, "b" * 40
WEIGHTS, CONFIG, TABLES = b"weights" * 1000, b"{}", b"tables"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.files = {
            ("o/tiny", REVISION, "model.bin"): WEIGHTS,
            ("o/tiny", OTHER, "model.bin"): b"what the branch has by now",
            ("o/tiny", REVISION, "sub/config.json"): CONFIG,
            ("data/tables", REVISION, "t.zip"): TABLES,
        }
        yield running


class Operator:
    """A machine that reaches the hub and the bucket."""

    def __init__(self, hub: Hub, account: SmallAccount, folder: Path) -> None:
        self.lock, self.folder = folder / "models.lock", folder / "models" / "tiny"
        self.prefix = f"s3://{MODELS}/{folder.name}"
        self.write(sha256(WEIGHTS))
        self._hub = hub
        self._account = account
        self.said = ""

    def write(self, weights: str | None) -> None:
        url = "{hub}/data/tables/resolve/{{revision}}/{{path}}"
        files = (
            File("model.bin", weights, len(WEIGHTS) if weights else None),
            File("sub/config.json", sha256(CONFIG), 2),
        )
        tiny = Model("tiny", "o/tiny", REVISION, "MIT", files)
        self._tables = Model("tables", url, REVISION, "MIT", (File("t.zip", sha256(TABLES), len(TABLES)),))
        self._models = (tiny, self._tables)

    def run(self) -> int:
        tiny, tables = self._models
        url = tables.source.replace("{hub}", self._hub.url).replace("{{", "{").replace("}}", "}")
        if not self.lock.exists():
            self.lock.write_text(Lock((tiny, Model("tables", url, REVISION, "MIT", tables.files))).dump())
        command = [sys.executable, "-m", "infra.images.models", "transcriber", "--to", self.prefix]
        command += ["--lock", str(self.lock), "--folder", str(self.folder)]
        environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
        environment |= {"HF_ENDPOINT": self._hub.url, "PYTHONPATH": "layers/core", **self._account.environment}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode

    def in_bucket(self, key: str) -> bytes:
        prefix = self.prefix.rsplit("/", 1)[1]
        body: bytes = self._account.s3.get_object(Bucket=MODELS, Key=f"{prefix}/{key}")["Body"].read()
        return body


@pytest.fixture
def operator(hub: Hub, account: SmallAccount, tmp_path: Path) -> Operator:
    return Operator(hub, account, tmp_path)


def test_the_pinned_commit_comes_is_checked_and_goes_to_the_bucket_once(hub: Hub, operator: Operator) -> None:
    assert operator.run() == 0, operator.said
    assert operator.in_bucket(f"tiny/{REVISION}/model.bin") == WEIGHTS
    assert operator.in_bucket(f"tiny/{REVISION}/sub/config.json") == CONFIG
    assert operator.in_bucket(f"tables/{REVISION}/t.zip") == TABLES
    here = {str(p.relative_to(operator.folder)) for p in operator.folder.parent.rglob("*") if p.is_file()}
    assert here == {"tiny/model.bin", "tiny/sub/config.json", "tables/t.zip"}
    fetched = len(hub.gets)
    assert operator.run() == 0
    assert len(hub.gets) == fetched
    assert "→" not in operator.said


def test_what_the_lock_does_not_know_is_trusted_once_and_written_down(hub: Hub, operator: Operator) -> None:
    operator.write(None)
    assert operator.run() == 0, operator.said
    assert f"seen for the first time: 7000 bytes, sha256 {sha256(WEIGHTS)}" in operator.said
    known = Lock.parse(operator.lock.read_text()).models[0].files[0]
    assert known == File("model.bin", sha256(WEIGHTS), len(WEIGHTS))


def test_a_file_that_is_not_the_locks_goes_nowhere(hub: Hub, operator: Operator) -> None:
    hub.files["o/tiny", REVISION, "model.bin"] = WEIGHTS[::-1]
    assert operator.run() == 1
    assert (
        f"tiny/model.bin is not what models.lock names: it has 7000 bytes and the sha256 {sha256(WEIGHTS[::-1])}"
        in (operator.said)
    )
    assert sha256(WEIGHTS) in operator.said
    assert not list(operator.folder.rglob("model.bin"))


def test_a_licence_that_nobody_accepted_is_said(hub: Hub, operator: Operator) -> None:
    hub.gated.add("o/tiny")
    assert operator.run() == 1
    assert "Accept the licence of o/tiny on the hub, then set HF_TOKEN" in operator.said


def test_a_file_that_the_hub_does_not_have_is_named(hub: Hub, operator: Operator) -> None:
    del hub.files["o/tiny", REVISION, "model.bin"]
    assert operator.run() == 1
    assert "o/tiny/model.bin could not be fetched" in operator.said
