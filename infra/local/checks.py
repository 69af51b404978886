"""Run all checks and tests in order, cheapest first: `python -m infra.local.checks [lint] [suite …]`.

Each suite is one pytest run, or several beside each other; suites that compute on one core each run two at a time. All
run even when one fails; the last lines repeat how each of them closed, and the exit status is that of the first failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NO_TESTS_COLLECTED = 5
Show = Callable[[str], object]
T = TypeVar("T")
ENGINES_PYTHON = str(ROOT / ".venvs/engines/bin/python")
# That of formats needs soundfile, which Kokoro's environment has.
TORCH_TESTS = ("tests/engines/test_whisperx.py", "tests/engines/test_kokoro.py", "tests/engines/test_formats.py")
# glibc gives the memory of each sentence back to the system and takes it again, page by page: minutes of Kokoro's time.
TORCH_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",  # another suite has the other core, and threads that wait for each other would spin
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "67108864",
}


@dataclass(frozen=True)
class Suite:
    """`name`: how it is asked for; several may share one. `arguments`: of pytest.

    `beside`: folders of the suite that pytest processes of their own run at the same time. xdist would import every
    test module in each of its processes; this way a module is imported by one.
    """

    name: str
    arguments: tuple[str, ...]
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[tuple[str, ...], ...] = ()

    @property
    def is_there(self) -> bool:
        return all((ROOT / path).exists() for path in self.arguments if path.startswith("tests/"))

    @property
    def commands(self) -> list[list[str]]:
        """One command line for each of the pytest processes."""
        apart = [part for part in (self._there(folders) for folders in self.beside) if part]
        rest = [*self.arguments, *(f"--ignore={folder}" for part in apart for folder in part)]
        return [[self.python, "-m", "pytest", "-q", *part] for part in (rest, *apart)]

    @staticmethod
    def _there(folders: tuple[str, ...]) -> list[str]:
        return [folder for folder in folders if (ROOT / folder).exists()]


Lane = tuple[Suite, ...]


def _alone(suite: Suite) -> tuple[Lane, ...]:
    return ((suite,),)


def _plain(name: str) -> Suite:
    return Suite(name, (f"tests/{name}",))


def _torch(path: str) -> Suite:
    """WhisperX and Kokoro live in an environment of their own, and in a process each: either alone fills gigabytes."""
    return Suite("engines", ("--confcutdir=tests/engines", path), ENGINES_PYTHON, TORCH_ENVIRONMENT)


# They compute, on one core each; what a file shares is made once.
TWO = ("-n", "2", "--dist", "loadfile")
WHISPERX, KOKORO, FORMATS = (_torch(path) for path in TORCH_TESTS)
STAGES: tuple[tuple[Lane, ...], ...] = (
    # Tests of the worker wait for its threads, most others compute.
    _alone(
        Suite("unit", ("tests/unit",), beside=(("tests/unit/platform", "tests/unit/webhooks"), ("tests/unit/work",)))
    ),
    _alone(Suite("contract", ("tests/contract", *TWO))),
    _alone(Suite("infra", ("tests/infra", *TWO))),
    _alone(Suite("properties", ("tests/unit", "-m", "hypothesis", "--hypothesis-profile=thorough", "-n", "2"))),
    _alone(Suite("integration", ("tests/integration", *TWO))),
    (
        (KOKORO,),
        (
            Suite("engines", ("tests/engines", *(f"--ignore={path}" for path in TORCH_TESTS))),
            WHISPERX,
            FORMATS,
            _plain("images"),
        ),
    ),
    # Each keeps both cores busy, and people do not wait for ever.
    _alone(_plain("e2e")),
    _alone(_plain("browser")),
)
"""One after another; the lanes of each beside each other, and the suites of a lane one after another."""
SUITES = tuple(suite for stage in STAGES for lane in stage for suite in lane)


def lint() -> int:
    """Check style, types and the dependency rule."""
    for command in (
        ["ruff", "check", "--quiet", "."],
        ["ruff", "format", "--check", "--quiet", "."],
        ["mypy", "--no-error-summary", "layers/core/antiphon"],
        ["lint-imports"],
    ):
        status = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode
        if status:
            print(f"{' '.join(command)}: failed", flush=True)
            return status
    return 0


def run(suite: Suite, show: Show) -> tuple[int, str]:
    """Run pytest over one suite; return the status of the first process that failed, and the closing line of each."""
    environment = {**os.environ, **suite.environment}
    # Containers forbid bytecode by it; some thirty processes would each compile all that they import.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = beside([partial(_process, command, environment) for command in suite.commands], show)
    failures = [status for status, _ in done if status not in (0, NO_TESTS_COLLECTED)]
    return next(iter(failures), 0), " + ".join(closing for _, closing in done)


def _process(command: list[str], environment: Mapping[str, str], show: Show) -> tuple[int, str]:
    """Its status, and the last line that it said."""
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            show(line)
            closing = line.strip() or closing
    return process.returncode, closing


def run_lane(lane: Iterable[Suite], show: Show) -> list[tuple[int, str]]:
    """The status and the closing line of each suite."""
    found = []
    for suite in lane:
        status, closing = run(suite, show)
        name = suite.arguments[-1] if suite.python != sys.executable else f"tests/{suite.name}"
        found.append((status, f"{name}: {closing}"))
    return found


def beside(works: Sequence[Callable[[Show], T]], show: Show) -> list[T]:
    """All at once. What the first one says is shown as it comes, that of the others when all have ended."""
    first, *others = works
    kept: list[list[str]] = [[] for _ in others]
    with ThreadPoolExecutor(len(works)) as threads:
        running = [threads.submit(work, said.append) for work, said in zip(others, kept, strict=True)]
        found = [first(show), *(each.result() for each in running)]
    for said in kept:
        show("".join(said))
    return found


def _now(text: str) -> None:
    print(text, end="", flush=True)


def main(names: Sequence[str]) -> int:
    found: list[tuple[int, str]] = []
    if not names or "lint" in names:
        status = lint()
        found.append((status, f"lint: {'failed' if status else 'passed'}"))
    for stage in STAGES:
        wanted = [[suite for suite in lane if _is_wanted(suite, names)] for lane in stage]
        if lanes := [lane for lane in wanted if lane]:
            found += chain.from_iterable(beside([partial(run_lane, lane) for lane in lanes], _now))
    print("\n".join(closing for _, closing in found))
    return next((status for status, _ in found if status), 0)


def _is_wanted(suite: Suite, names: Sequence[str]) -> bool:
    return suite.is_there and (not names or suite.name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
