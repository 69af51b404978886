"""A-58: no secret is in the repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCAN = str(Path(sys.executable).parent / "detect-secrets")


def found(*arguments: str, folder: Path = ROOT) -> dict[str, object]:
    """Passwords of tests have names that say so, and so have the fields of documents: words alone are no finding."""
    command = [SCAN, "scan", "--disable-plugin", "KeywordDetector", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    results: dict[str, object] = json.loads(done.stdout)["results"]
    return results


def test_there_is_no_secret_in_what_git_knows() -> None:
    assert found() == {}


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLQ"
    (tmp_path / "settings.py").write_text(f"KEY = '{key}'\n")
    assert list(found("--all-files", folder=tmp_path)) == ["settings.py"]
