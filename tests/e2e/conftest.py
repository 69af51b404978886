"""The real template deployed into the emulator with IAM enforced, real workers, the real edge: one stack for all these tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from infra.local.person import Person
from infra.local.receiver import Receiver
from infra.local.stack import LAPTOP, ROOT, LocalStack
from tests.firebase import PROJECT, KeyServer, Project
from tests.model_servers import Act, OpenAiServer

MODEL = "gemma"
"""Of the provider of chat models."""
GREETING = Act(("Good ", "mor", "ning."))
WEBHOOKS: dict[str, Any] = json.loads((ROOT / "functions/docs/openapi.json").read_text("utf-8"))["webhooks"]
"""What the document says of each event."""
LEASE_SECONDS = 4
"""Short, so that a worker that was killed is replaced soon."""


@pytest.fixture(scope="session")
def iam_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One line of JSON for each decision that the emulator's IAM took on a role's behalf."""
    return tmp_path_factory.mktemp("iam") / "decisions.jsonl"


@pytest.fixture(scope="session")
def firebase() -> Iterator[KeyServer]:
    """In Google's place."""
    with KeyServer(Project()) as running:
        yield running


@pytest.fixture(scope="session")
def provider() -> Iterator[OpenAiServer]:
    """In the place of a provider of chat models."""
    with OpenAiServer(GREETING) as running:
        yield running


@pytest.fixture(autouse=True)
def model(provider: OpenAiServer) -> OpenAiServer:
    """The model that answers ``Good morning.`` until a test gives it another script; no test sees that of another."""
    provider.seen.clear()
    provider.script = [GREETING]
    provider.gone.clear()
    return provider


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, iam_log: Path, firebase: KeyServer, provider: OpenAiServer
) -> Iterator[LocalStack]:
    home = tmp_path_factory.mktemp("home")
    # All that can be written is written, and looked through in test_logs.py.
    parameters = {**LAPTOP, "LeaseSeconds": str(LEASE_SECONDS), "LogLevel": "DEBUG"}
    parameters |= {"OpenAiModels": MODEL, "OpenAiUrl": provider.url}
    parameters |= {"FirebaseProject": PROJECT, "FirebaseKeysUrl": firebase.url}
    with LocalStack(home, parameters=parameters, build=ROOT / ".build", iam_log=iam_log, say=print) as running:
        yield running


@pytest.fixture(scope="session")
def http(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def person(http: httpx.Client) -> Person:
    """Somebody new."""
    return Person.register(http)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Whatever comes to it in a test has to be as the document says: W-24, W-25."""
    with Receiver() as listening:
        yield listening
    for got in listening.got:
        described = WEBHOOKS[got.json["type"]]["post"]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(got.json, described, cls=jsonschema.Draft202012Validator)
        assert len(got.body) < 20_000


@pytest.fixture
def decisions(iam_log: Path) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in iam_log.read_text().splitlines()]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back at all other tests comes after them, whatever order chance gave."""
    items.sort(key=lambda item: bool(getattr(getattr(item, "module", None), "LAST", False)))
