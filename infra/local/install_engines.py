"""Make the environment in which the tests run WhisperX and Kokoro: `python infra/local/install_engines.py [--base PYTHON] [FOLDER]`.

Everything comes from hashed locks in infra/locks: engines.txt, and torch from engines-torch-cpu.txt where pip is shown such a build
(PIP_FIND_LINKS, an extra index), else the registry's CUDA build from engines-torch.txt. With the path of a uv in ANTIPHON_UV it takes
seconds instead of a minute.
A stamp of the locks makes a second call free; a half-made environment has no stamp and is made anew. Only the standard library is
used. Failures are one line on stderr and exit status 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK, CPU_LOCK, CUDA_LOCK = (
    ROOT / f"infra/locks/{name}.txt" for name in ("engines", "engines-torch-cpu", "engines-torch")
)
FOLDER = ROOT / ".venvs" / "engines"
STAMP = "antiphon.stamp"
CPU_BYTES, CUDA_BYTES = 3_000_000_000, 6_000_000_000
CHECK = "import torch, torchaudio, ctranslate2, soundfile, espeakng_loader"


class InstallError(Exception):
    """What stands in the way, in one line."""


def stamp() -> str:
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in (LOCK, CPU_LOCK, CUDA_LOCK, Path(__file__)))
    ).hexdigest()


def is_current(folder: Path) -> bool:
    python, written = folder / "bin" / "python", folder / STAMP
    if not written.is_file() or written.read_text() != stamp():
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def base_python() -> str:
    """Python 3.11 where there is one: CPU builds of torch are commonest for it and pocketsphinx needs no compiler; else this one."""
    return shutil.which("python3.11") or sys.executable


def step(what: str, command: Sequence[str | Path]) -> None:
    """Raises InstallError with the last line that the command said."""
    environment = dict(os.environ)
    if "PIP_FIND_LINKS" in environment:  # uv reads its own variables only
        environment.setdefault("UV_FIND_LINKS", ",".join(environment["PIP_FIND_LINKS"].split()))
    done = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["no output"]
        raise InstallError(f"could not {what}: {said[-1]}")


def check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InstallError(
            f"{folder} has {free / 1e9:.1f} GB left, the engines need {needed / 1e9:.0f} GB: free some space."
        )


def install(python: Path, lock: Path, *, uv: str | None = None) -> None:
    # The locks hold the whole closure but for what engines.overrides leaves out on purpose, hence --no-deps.
    options = ["-q", "--require-hashes", "--no-deps", "-r", lock]
    if uv:
        step(f"install {lock.name}", [uv, "pip", "install", "--python", python, *options])
    else:
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
        step(f"install {lock.name}", [*pip, *options])


def packages(python: Path) -> Path:
    said = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Path(said.stdout.strip())


def install_torch(folder: Path, python: Path, uv: str | None) -> None:
    try:
        install(python, CPU_LOCK, uv=uv)
    except InstallError:
        print("No CPU build of torch is at hand; taking the CUDA build (2 GB) …", file=sys.stderr, flush=True)
        check_space(folder.parent, CUDA_BYTES)
        install(python, CUDA_LOCK, uv=uv)


def make(folder: Path, base: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_space(folder.parent, CPU_BYTES)
    shutil.rmtree(folder, ignore_errors=True)
    step("make a virtual environment", [base, "-m", "venv", folder])
    python, uv = folder / "bin" / "python", os.environ.get("ANTIPHON_UV")
    install_torch(folder, python, uv)
    install(python, LOCK, uv=uv)
    # torchaudio takes missing extensions for "not available" and unloadable ones for an error. These were built for another torch,
    # and nothing that we use is in them.
    for extension in (packages(python) / "torchaudio" / "lib").glob("*.so"):
        extension.unlink()
    step("import the engines", [python, "-c", CHECK])
    (folder / STAMP).write_text(stamp())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the environment of the production engines' tests.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--base", default=None, help="the Python to build it on")
    chosen = parser.parse_args(arguments)
    try:
        if not is_current(chosen.folder):
            print(f"Setting up {chosen.folder} …", file=sys.stderr, flush=True)
            make(chosen.folder, chosen.base or base_python())
    except (InstallError, OSError, subprocess.CalledProcessError) as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
