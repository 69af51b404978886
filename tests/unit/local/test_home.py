from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from infra.local.home import Account, Home, LocalError, write_private


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.home.port_taken", lambda port: False)


@pytest.mark.usefixtures("account")
def test_the_account_of_a_home_stays_the_same(tmp_path: Path) -> None:
    first = Home(tmp_path / "home").account()
    assert Home(tmp_path / "home").account() == first
    assert Home(tmp_path / "other").account().secret != first.secret


def test_only_one_process_at_a_time_runs_a_home(tmp_path: Path) -> None:
    one, other = Home(tmp_path), Home(tmp_path)
    one.claim()
    with pytest.raises(LocalError, match=r"is already running \(process \d+\): stop that one, or start a second with"):
        other.claim()
    one.release()
    other.claim()
    other.release()


def test_the_env_file_is_read_by_a_shell_as_it_was_meant_and_by_its_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write_environment({"ANTIPHON_URL": "http://127.0.0.1:8000", "ODD": "it's $HOME; `date`"})
    file = home.run / "env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    script = f'. "{file}"; printf "%s|%s" "$ANTIPHON_URL" "$ODD"'
    read = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert read == "http://127.0.0.1:8000|it's $HOME; `date`"


def test_each_worker_gets_a_profile_that_takes_its_role(tmp_path: Path) -> None:
    path = Home(tmp_path).write_profiles(Account(4566, "key", "secret"), {"transcriber": "arn:one"})
    assert "[profile transcriber]\nrole_arn = arn:one\nsource_profile = root\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_private_file_is_private_even_where_a_public_one_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
