"""infra/security.md names what holds each answer: those files are there."""

from __future__ import annotations

import re

import pytest

from infra.local.costs import ROOT

PAGE = ROOT / "infra/security.md"
TESTS = re.findall(r"`(tests/[\w/]+|(?:tests/[\w/]+/)?test_\w+\.py|tests/[\w/]+\.py)`", PAGE.read_text("utf-8"))


def test_there_are_some() -> None:
    assert len(TESTS) > 15


@pytest.mark.parametrize("name", sorted(set(TESTS)))
def test_what_is_said_to_hold_an_answer_is_there(name: str) -> None:
    assert (ROOT / name).exists() or list((ROOT / "tests").rglob(name)), name


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE.read_text("utf-8")):
        assert (PAGE.parent / link).exists(), link
