"""Run all checks and tests in order, cheapest first: `python -m infra.local.checks [lint] [folder of tests …]`.

Each folder of tests is one pytest run. All run even when one fails; the last lines repeat how each of them closed, and the
exit status is that of the first failure.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
FOLDERS = ("unit", "contract", "infra", "integration", "engines", "e2e")
NO_TESTS_COLLECTED = 5


def lint() -> int:
    """Check style and the dependency rule."""
    for command in (["ruff", "check", "--quiet", "."], ["ruff", "format", "--check", "--quiet", "."], ["lint-imports"]):
        status = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode
        if status:
            print(f"{' '.join(command)}: failed", flush=True)
            return status
    return 0


def run_folder(folder: str) -> tuple[int, str]:
    """Run pytest over one folder, showing its output as it comes; return its status and its closing line."""
    command = [sys.executable, "-m", "pytest", "-q", f"tests/{folder}"]
    closing = ""
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        assert run.stdout is not None
        for line in run.stdout:
            print(line, end="", flush=True)
            closing = line.strip() or closing
    return run.returncode, closing


def main(names: Sequence[str]) -> int:
    failed, closings = 0, []
    if not names or "lint" in names:
        failed = lint()
        closings.append(f"lint: {'failed' if failed else 'passed'}")
    for folder in FOLDERS:
        if (names and folder not in names) or not (ROOT / "tests" / folder).is_dir():
            continue
        status, closing = run_folder(folder)
        closings.append(f"tests/{folder}: {closing}")
        failed = failed or (0 if status == NO_TESTS_COLLECTED else status)
    print("\n".join(closings))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
