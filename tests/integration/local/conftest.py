"""The small system of this folder, deployed once for all tests of the folder: IAM enforced, state kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.stack import LocalStack, Worker

SYSTEM = Path(__file__).parent / "system"
WORKERS = (Worker("transcriber", SYSTEM / "worker.py", "TranscriberRoleArn"),)


def small_stack(home: Path, build: Path, **options: object) -> LocalStack:
    options = {"template": SYSTEM / "template.yaml", "parameters": {"Greeting": "hello"}, "workers": WORKERS, **options}
    return LocalStack(home, build=build, **options)  # type: ignore[arg-type]


def eventually(check: Callable[[], object], seconds: float = 20) -> object:
    """Wait until `check` gives something true, and give that; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="session")
def said() -> list[str]:
    """What the stack told the person in front of it."""
    return []


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, build: Path, said: list[str]) -> Iterator[LocalStack]:
    with small_stack(tmp_path_factory.mktemp("home"), build, say=said.append) as running:
        yield running
