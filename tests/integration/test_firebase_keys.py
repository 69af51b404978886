"""The published keys over a real connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from antiphon.identity.firebase import PublishedKeys
from antiphon.identity.firebase_http import MAX_BYTES, fetch_from
from antiphon.platform.clock import system_clock
from antiphon.platform.errors import Unavailable
from tests.firebase import KeyServer, Project


@pytest.fixture
def project() -> Project:
    return Project()


@pytest.fixture
def server(project: Project) -> Iterator[KeyServer]:
    with KeyServer(project) as running:
        yield running


def test_keys_come_with_how_long_they_may_be_kept(server: KeyServer, project: Project) -> None:
    found = fetch_from(server.url)()
    assert (found.body, found.cache_control) == (project.key_set, "public, max-age=3600, must-revalidate")
    keys = PublishedKeys(fetch_from(server.url), system_clock)
    assert keys.get(project.key_id).public_numbers() == project.private.public_key().public_numbers()


@pytest.mark.parametrize(
    "answer", [(500, b""), (404, b"{}"), (302, b""), (200, b"x" * (MAX_BYTES + 1))], ids=["500", "404", "302", "large"]
)
def test_anything_else_is_no_answer(server: KeyServer, project: Project, answer: tuple[int, bytes]) -> None:
    """A-61: no redirect is followed, and no more than 64 KB are read."""
    project.answer = answer
    with pytest.raises(OSError, match="no keys"):
        fetch_from(server.url)()
    assert project.asked == 1


def test_where_nobody_answers_there_are_no_keys() -> None:
    with pytest.raises(OSError, match="no keys"):
        fetch_from("http://127.0.0.1:9/keys")()
    with pytest.raises(Unavailable):
        PublishedKeys(fetch_from("http://127.0.0.1:9/keys"), system_clock).get("k")
