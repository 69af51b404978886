"""The steps of the images' Dockerfiles, which tests run too: `python3 infra/images/build.py STEP …`.

environment LOCK… FOLDER    a virtual environment that holds exactly what the hashed locks name; nothing is built from source
application NAME FOLDER     our code, a function's worker and its models.lock, with bytecode
check NAME ENVIRONMENT APPLICATION      that environment and application import the engine

Only the standard library is used: nothing is installed when this runs. With the path of a uv in ANTIPHON_UV it need not be installed
first; with UV_COMPILE_BYTECODE=1 packages get their bytecode now, which a container cannot write later.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = {
    "transcriber": "import wiring, antiphon.engines.whisperx, whisperx.asr, whisperx.alignment, whisperx.diarize",
    "synthesizer": "import wiring, antiphon.engines.kokoro, antiphon.engines.kokoro_g2p, kokoro, soundfile",
}


def run(*command: str | Path, **environment: str) -> None:
    print("+", *command, flush=True)
    subprocess.run(command, check=True, env={**os.environ, **environment})


def environment(locks: Sequence[Path], folder: Path) -> None:
    """``folder`` is made anew. There is no pip in it."""
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    with tempfile.TemporaryDirectory() as tools:
        uv = os.environ.get("ANTIPHON_UV") or installed_uv(Path(tools))
        named = [part for lock in locks for part in ("-r", lock)]
        # The locks hold the whole closure but for what their overrides leave out on purpose, hence --no-deps.
        wheels = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
        run(uv, "pip", "install", "-q", "--python", folder / "bin/python", *wheels, *named)


def installed_uv(folder: Path) -> Path:
    run(sys.executable, "-m", "venv", folder)
    options = ["-q", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    run(folder / "bin/python", "-m", "pip", "install", *options, "-r", ROOT / "infra/locks/uv.txt")
    return folder / "bin/uv"


def application(name: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__", "Dockerfile")
    shutil.copytree(ROOT / "functions" / name, folder, ignore=without)
    shutil.copytree(ROOT / "layers/core/antiphon", folder / "antiphon", ignore=without)
    # Unchecked: copying files into an image changes their times, and nobody edits them there.
    run(sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", folder)


def check(name: str, environment: Path, application: Path) -> None:
    # What it imports gets its bytecode, where a lock's installer has not made it: the worker starts in half the time.
    run(environment / "bin/python", "-c", IMPORTS[name], PYTHONPATH=str(application), PYTHONDONTWRITEBYTECODE="")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The steps of the images' Dockerfiles.")
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("environment")
    step.add_argument("locks", nargs="+", type=Path)
    step.add_argument("folder", type=Path)
    step = steps.add_parser("application")
    step.add_argument("name", choices=IMPORTS)
    step.add_argument("folder", type=Path)
    step = steps.add_parser("check")
    step.add_argument("name", choices=IMPORTS)
    step.add_argument("environment", type=Path)
    step.add_argument("application", type=Path)
    chosen = vars(parser.parse_args(arguments))
    try:
        {"environment": environment, "application": application, "check": check}[chosen.pop("step")](**chosen)
    except subprocess.CalledProcessError as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
