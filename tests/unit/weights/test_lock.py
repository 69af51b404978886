"""models.lock: what is read, what is refused, what is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.platform.errors import EngineError
from antiphon.weights.model import File, Lock, Wanted

REVISION = "f3" * 20
SHA256 = "ab" * 32


def text(**changes: Any) -> str:
    file = {"path": "voices/a.pt", "sha256": SHA256, "size": 3}
    file |= {name: changes.pop(name) for name in ("path", "sha256", "size") if name in changes}
    model = {"name": "kokoro", "source": "hexgrad/Kokoro-82M", "revision": REVISION, "licence": "Apache-2.0"}
    return json.dumps({"models": [{**model, "files": [file], **changes}]})


def test_a_file_lies_by_its_name_here_and_by_its_revision_on_the_shelf() -> None:
    (wanted,) = Lock.parse(text()).wanted()
    assert wanted == Wanted("kokoro/voices/a.pt", f"kokoro/{REVISION}/voices/a.pt", SHA256, 3)


def test_what_is_written_is_what_was_read() -> None:
    lock = Lock.parse(text())
    assert Lock.parse(lock.dump()) == lock
    assert lock.dump().count("\n") == 5, "a line for each file"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"path": "../a.pt"}, "../a.pt"),
        ({"path": "/etc/passwd"}, "/etc/passwd"),
        ({"path": "a//b"}, "a//b"),
        ({"path": ""}, "''"),
        ({"name": "../kokoro"}, "../kokoro"),
        ({"name": ""}, "''"),
        ({"revision": "main"}, "main"),
        ({"sha256": "abc"}, "abc"),
        ({"size": -1}, "-1"),
    ],
)
def test_what_would_lead_elsewhere_or_is_not_exact_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(EngineError, match=r"models\.lock") as raised:
        Lock.parse(text(**changes))
    assert named in raised.value.detail


@pytest.mark.parametrize("broken", ["", "{}", "[]", '{"models": [{"name": "kokoro"}]}', '{"models": [3]}'])
def test_a_lock_that_cannot_be_read_says_so(broken: str) -> None:
    with pytest.raises(EngineError, match=r"models\.lock cannot be read"):
        Lock.parse(broken)


@pytest.mark.parametrize("unknown", ["sha256", "size"])
def test_a_file_that_nobody_has_seen_yet_is_named(unknown: str) -> None:
    with pytest.raises(EngineError, match=r"kokoro/voices/a\.pt is; `make models`"):
        Lock.parse(text(**{unknown: None})).wanted()


def test_what_was_found_out_takes_the_place_of_what_was_not_known() -> None:
    lock = Lock.parse(text(sha256=None, size=None)).with_file("kokoro", File("voices/a.pt", SHA256, 3))
    assert lock == Lock.parse(text())
