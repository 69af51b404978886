"""T-05: of what must never be wrong, each branch is taken by a test that needs neither a machine nor a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTED = {
    "speech/model.py": ("tests/unit/speech/test_each_transition.py",),
    "speech/metering.py": ("tests/unit/speech/test_exact_metering.py",),
    "tally/model.py": ("tests/unit/tally",),
    "tally/balance.py": ("tests/unit/tally",),
    "tally/memory.py": ("tests/unit/tally",),
    "tally/dynamo.py": ("tests/contract/test_tally.py",),
    "webhooks/sign.py": ("tests/unit/webhooks/test_sign.py",),
    "webhooks/guard.py": ("tests/unit/webhooks/test_guard.py",),
    "webhooks/model.py": ("tests/unit/webhooks/test_schedule.py", "tests/unit/webhooks/test_webhook_model.py"),
    "identity/tokens.py": ("tests/unit/identity/test_tokens.py",),
    "platform/cursors.py": ("tests/unit/platform/test_conventions.py",),
}
"""Modules of the core, and the tests that are theirs."""


@pytest.mark.slow
def test_no_branch_of_what_must_never_be_wrong_is_without_a_test(tmp_path: Path) -> None:
    """T-05: the transition table, the quota, the signer, the guard against SSRF, tokens, cursors and the schedule of deliveries."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**ours, "COVERAGE_FILE": str(tmp_path / "branches")}
    coverage = [sys.executable, "-m", "coverage"]
    files = ",".join(f"layers/core/antiphon/{module}" for module in TESTED)
    tests = dict.fromkeys(test for those in TESTED.values() for test in those)
    ran = subprocess.run(
        [*coverage, "run", "--branch", f"--include={files}", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = tmp_path / "told.json"
    subprocess.run([*coverage, "json", "-q", "-o", told], cwd=ROOT, env=environment, check=True)
    found = json.loads(told.read_text())["files"]
    assert found.keys() == {f"layers/core/antiphon/{module}" for module in TESTED}
    left = {name: (file["missing_lines"], file["missing_branches"]) for name, file in found.items()}
    assert {name: rest for name, rest in left.items() if any(rest)} == {}
