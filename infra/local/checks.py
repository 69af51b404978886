"""Run all checks and tests in order, cheapest first: `python -m infra.local.checks [lint] [suite …]`.

Each suite is one pytest run. All run even when one fails; the last lines repeat how each of them closed, and the
exit status is that of the first failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NO_TESTS_COLLECTED = 5
ENGINES_PYTHON = str(ROOT / ".venvs/engines/bin/python")
TORCH_TESTS = ("tests/engines/test_whisperx.py", "tests/engines/test_kokoro.py")
# glibc gives the memory of each sentence back to the system and takes it again, page by page: minutes of Kokoro's time.
TORCH_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "67108864",
}


@dataclass(frozen=True)
class Suite:
    """`name`: how it is asked for; several may share one. `arguments`: of pytest."""

    name: str
    arguments: tuple[str, ...]
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_there(self) -> bool:
        return all((ROOT / path).exists() for path in self.arguments if path.startswith("tests/"))


def _plain(name: str) -> Suite:
    return Suite(name, (f"tests/{name}",))


def _torch(path: str) -> Suite:
    """WhisperX and Kokoro live in an environment of their own, and in a process each: either alone fills gigabytes."""
    return Suite("engines", ("--confcutdir=tests/engines", path), ENGINES_PYTHON, TORCH_ENVIRONMENT)


SUITES = (
    Suite("unit", ("tests/unit", "-n", "2")),
    _plain("contract"),
    _plain("infra"),
    Suite("properties", ("tests/unit", "-m", "hypothesis", "--hypothesis-profile=thorough", "-n", "2")),
    _plain("integration"),
    Suite("engines", ("tests/engines", *(f"--ignore={path}" for path in TORCH_TESTS))),
    *(_torch(path) for path in TORCH_TESTS),
    _plain("e2e"),
)


def lint() -> int:
    """Check style and the dependency rule."""
    for command in (["ruff", "check", "--quiet", "."], ["ruff", "format", "--check", "--quiet", "."], ["lint-imports"]):
        status = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode
        if status:
            print(f"{' '.join(command)}: failed", flush=True)
            return status
    return 0


def run(suite: Suite) -> tuple[int, str]:
    """Run pytest over one suite, showing its output as it comes; return its status and its closing line."""
    command = [suite.python, "-m", "pytest", "-q", *suite.arguments]
    environment = {**os.environ, **suite.environment}
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            closing = line.strip() or closing
    return process.returncode, closing


def main(names: Sequence[str]) -> int:
    failed, closings = 0, []
    if not names or "lint" in names:
        failed = lint()
        closings.append(f"lint: {'failed' if failed else 'passed'}")
    for suite in SUITES:
        if (names and suite.name not in names) or not suite.is_there:
            continue
        status, closing = run(suite)
        closings.append(
            f"{suite.arguments[-1] if suite.python != sys.executable else 'tests/' + suite.name}: {closing}"
        )
        failed = failed or (0 if status == NO_TESTS_COLLECTED else status)
    print("\n".join(closings))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
