"""Set-up on machines that lack something: what is found, and the one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.stack import ROOT

SEARCH = ROOT / "infra/local/find_python.sh"


def python(folder: Path, name: str, version: str | None, complete: bool = True) -> None:
    """Put a pretended Python on the PATH: of a version, or one that does not start (None)."""
    body = "exit 127"
    if version:
        ready = f"echo {version} /pretended/python{version}" if complete else "exit 1"
        body = f'case "$2" in *ensurepip*) {ready} ;; *) echo {version} ;; esac'
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def search(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", SEARCH], env={"PATH": str(path)}, capture_output=True, text=True)


def test_a_shim_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    python(tmp_path, "python3.13", None)
    python(tmp_path, "python3", "3.11")
    assert search(tmp_path).stdout == "/pretended/python3.11\n"


def test_a_python_for_which_everything_has_a_wheel_goes_before_3_12(tmp_path: Path) -> None:
    python(tmp_path, "python3", "3.12")
    python(tmp_path, "python3.11", "3.11")
    assert search(tmp_path).stdout == "/pretended/python3.11\n"


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_a_python_that_we_were_not_tested_with_is_not_taken(tmp_path: Path, version: str) -> None:
    python(tmp_path, "python3", version)
    ran = search(tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("antiphon: no Python 3.11, 3.12 or 3.13 was found: install one")
    assert ran.stderr.count("\n") == 1


def test_only_3_12_without_a_compiler_says_so(tmp_path: Path) -> None:
    python(tmp_path, "python3", "3.12")
    ran = search(tmp_path)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "or a C compiler" in ran.stderr
    python(tmp_path, "cc", "none")
    assert search(tmp_path).stdout == "/pretended/python3.12\n"


def test_a_python_without_venv_says_what_to_install(tmp_path: Path) -> None:
    python(tmp_path, "python3", "3.11", complete=False)
    ran = search(tmp_path)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "apt install python3-venv" in ran.stderr


def clone(folder: Path) -> Path:
    """The files that set-up needs, in a folder of their own."""
    for name in ("infra/local/setup.py", "infra/locks/uv.txt", "infra/locks/dev.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder / "infra/local/setup.py"


def test_an_index_that_does_not_answer_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    ran = subprocess.run(
        [sys.executable, clone(tmp_path), "dev"], env={**kept, **nowhere}, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert lines[0] == "Setting up .venv …"
    assert len(lines) == 2
    assert lines[1].startswith("antiphon: could not install uv")
    assert "PIP_INDEX_URL" in lines[1]
    assert not (tmp_path / ".venv").exists()


def test_what_is_set_up_costs_nothing_the_second_time() -> None:
    import time

    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, ROOT / "infra/local/setup.py", "dev", "emulator"], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert time.monotonic() - began < 2
