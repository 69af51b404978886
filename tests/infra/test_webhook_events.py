"""W-24, W-25: every event that goes out is described, and what we send as a sample is what we describe."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from antiphon.platform.events import Event
from antiphon.platform.ids import new_id
from antiphon.webhooks.model import EVENT_NAME, EVENT_TYPES, TEST_EVENT, body_of
from antiphon.webhooks.samples import sample_of
from tests.infra.system import ROOT

DOCUMENT: dict[str, Any] = json.loads((ROOT / "functions/docs/openapi.json").read_text("utf-8"))
OF_THE_CONTRACT = [
    *(
        f"{kind}.{step}"
        for kind in ("transcription", "speech", "run", "document")
        for step in ("queued", "started", "progress", "succeeded", "failed", "canceled")
    ),
    "media.edited",
    "message.created",
    "user.quota_reached",
]


def schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return found


def test_every_event_has_its_place_in_the_document() -> None:
    assert set(DOCUMENT["webhooks"]) == {*EVENT_TYPES, TEST_EVENT}
    assert set(OF_THE_CONTRACT) <= set(EVENT_TYPES)
    assert all(EVENT_NAME.fullmatch(name) for name in DOCUMENT["webhooks"])


@pytest.mark.parametrize("name", [*EVENT_TYPES, TEST_EVENT])
def test_a_sample_is_what_the_document_says_and_is_thin(name: str) -> None:
    body = body_of(Event(new_id("evt"), "usr_1", name, datetime.now(UTC), sample_of(name)))
    checker = jsonschema.Draft202012Validator(schema_of(name), format_checker=jsonschema.FormatChecker())
    checker.validate(json.loads(body))
    assert len(body.encode()) < 2_000


def test_the_code_gives_no_event_another_name() -> None:
    """What is written as a name of an event in our code is one of those that are described."""
    names = {
        name
        for path in (ROOT / "layers/core/antiphon").rglob("*.py")
        for name in re.findall(r'type="([a-z_]+(?:\.[a-z_]+)+)"', path.read_text("utf-8"))
    }
    assert {"message.created", "user.quota_reached"} <= names
    assert names <= {*EVENT_TYPES, TEST_EVENT}
