"""The emulator's state on disk is one complete generation at every instant."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from infra.local import snapshots
from infra.local.snapshots import Snapshots


def refuse(value: Any) -> Any:
    raise TypeError(type(value))


def opened(folder: Path) -> Snapshots:
    return Snapshots(folder, refuse, lambda value: value)


def generations(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[0-9]*"))


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    opened(tmp_path).save({"queues": lambda: {"a": [1, 2]}, "tables": lambda: {"b": None}})
    again = opened(tmp_path)
    assert again.load("queues") == {"a": [1, 2]}
    assert again.load("tables") == {"b": None}
    assert again.load("functions") is None


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    kept.save({"queues": lambda: {"a": 1}})
    kept.save({"queues": lambda: {"a": 1}})
    assert generations(tmp_path) == ["1"]
    kept.save({"queues": lambda: {"a": 2}})
    assert generations(tmp_path) == ["2"]


def test_a_service_that_has_nothing_to_say_keeps_its_last_state(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    kept.save({"queues": lambda: {"a": 1}, "tables": lambda: {"b": 1}})
    kept.save({"queues": lambda: None, "tables": lambda: {"b": 2}})
    again = opened(tmp_path)
    assert (again.load("queues"), again.load("tables")) == ({"a": 1}, {"b": 2})


@pytest.mark.parametrize("nth", range(1, 8))
def test_a_save_that_fails_at_any_write_leaves_the_generation_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Every call that changes the disk fails once; the count of them is checked below."""
    kept = opened(tmp_path)
    kept.save({"queues": lambda: {"a": 1}, "tables": lambda: {"b": 1}, "code": lambda: {"zip": b"x" * 5000}})
    calls = 0

    def failing(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == nth:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for owner, name in (
            (snapshots, "_write_durably"),
            (os, "link"),
            (Path, "mkdir"),
            (Path, "symlink_to"),
            (Path, "replace"),
        ):
            patch.setattr(owner, name, failing(getattr(owner, name)))
        changed = {"queues": lambda: {"a": 2}, "tables": lambda: {"b": 1}, "code": lambda: {"zip": b"y" * 5000}}
        with pytest.raises(OSError, match="No space"):
            kept.save(changed)
    again = opened(tmp_path)
    assert again.load("queues") == {"a": 1}
    assert again.load("code") == {"zip": b"x" * 5000}
    kept.save(changed)
    assert opened(tmp_path).load("queues") == {"a": 2}
    assert opened(tmp_path).load("code") == {"zip": b"y" * 5000}


def test_large_binary_values_are_kept_once_and_removed_when_unused(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    code = b"c" * 100_000
    kept.save({"functions": lambda: {"one": code, "two": code}})
    assert len(list((tmp_path / "blobs").iterdir())) == 1
    assert opened(tmp_path).load("functions") == {"one": code, "two": code}
    kept.save({"functions": lambda: {"one": b"d" * 100_000}})
    assert len(list((tmp_path / "blobs").iterdir())) == 1
    assert opened(tmp_path).load("functions") == {"one": b"d" * 100_000}


def test_half_a_generation_left_by_a_kill_is_ignored_and_removed(tmp_path: Path) -> None:
    opened(tmp_path).save({"queues": lambda: {"a": 1}})
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "queues.json").write_text('{"a": ')
    again = opened(tmp_path)
    assert again.load("queues") == {"a": 1}
    assert generations(tmp_path) == ["1"]
