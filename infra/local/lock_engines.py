"""Write the engines' three locks anew from engines.in: `ANTIPHON_UV=… python infra/local/lock_engines.py`.

engines.txt is what every machine installs beside torch. engines-torch-cpu.txt is torch's CPU build, with the hashes of those that lie
in the folder PIP_FIND_LINKS; engines-torch.txt is the registry's build with the CUDA libraries that it does not import without.
Two locks, because an installer that checks hashes prefers the registry's build of a version to a local one.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).resolve().parents[1] / "locks"
TORCH = re.compile(r"torch==|(nvidia|cuda)-")
HEADER = "# Written by infra/local/lock_engines.py\n"


def blocks(lock: str) -> list[str]:
    """One text per requirement, with its hashes."""
    return [found.group() for found in re.finditer(r"^[a-z0-9].*\n(?:[ \t].*\n)*", lock, re.MULTILINE | re.IGNORECASE)]


def cpu_builds(block: str, folder: Path) -> str:
    """The requirement of torch as that of its CPU build, with the hashes of those in ``folder``."""
    pinned = block.split()[0] + "+cpu"
    hashes = sorted(
        hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in folder.glob(f"{pinned.replace('==', '-')}-*.whl")
    )
    if not hashes:
        sys.exit(f"antiphon: {folder} holds no build of {pinned}; let PIP_FIND_LINKS name a folder that does.")
    return " \\\n    ".join([pinned, *(f"--hash=sha256:{value}" for value in hashes)]) + "\n"


def main() -> int:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("UV_FIND_LINKS", "UV_EXTRA_INDEX_URL")
    }
    compile_ = [os.environ.get("ANTIPHON_UV", "uv"), "pip", "compile", "-q", "--universal", "--python-version", "3.11"]
    compile_ += ["--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"]
    compile_ += ["--overrides", str(LOCKS / "engines.overrides"), str(LOCKS / "engines.in")]
    done = subprocess.run(compile_, env=environment, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return done.returncode
    needed = [block for block in blocks(done.stdout) if "'never'" not in block]
    folder = Path(os.environ.get("PIP_FIND_LINKS", os.devnull))
    torch = next(block for block in needed if block.startswith("torch=="))
    for name, chosen in {
        "engines.txt": [block for block in needed if not TORCH.match(block)],
        "engines-torch.txt": [block for block in needed if TORCH.match(block)],
        "engines-torch-cpu.txt": [cpu_builds(torch, folder)],
    }.items():
        (LOCKS / name).write_text(HEADER + "".join(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
