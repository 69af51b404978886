"""Write the engines' three locks anew from engines.in: `ANTIPHON_UV=… python infra/local/lock_engines.py`.

engines.txt is what every machine installs, engines-torch.txt torch alone, engines-cuda.txt what a CUDA build of torch needs beside
itself. The hashes of CPU builds of torch that lie in the folder PIP_FIND_LINKS are added to those of the registry, so that either
build passes the check; torch has a lock of its own because only pip, not uv, takes a local build for a plain version.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).resolve().parents[1] / "locks"
CUDA = re.compile(r"(nvidia|cuda)-")
HEADER = "# Written by infra/local/lock_engines.py\n"


def blocks(lock: str) -> list[str]:
    """One text per requirement, with its hashes."""
    return [found.group() for found in re.finditer(r"^[a-z0-9].*\n(?:[ \t].*\n)*", lock, re.MULTILINE | re.IGNORECASE)]


def with_local_builds(block: str, folder: Path) -> str:
    """The requirement with the hashes of the builds of the same version in ``folder`` added to its own."""
    name, pinned = block.split()[0].split("==")
    hashes = set(re.findall(r"sha256:[0-9a-f]{64}", block))
    hashes |= {
        f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
        for wheel in folder.glob(f"{name}-{pinned}+cpu-*.whl")
    }
    return f"{name}=={pinned} \\\n" + " \\\n".join(f"    --hash={value}" for value in sorted(hashes)) + "\n"


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
    parts: dict[str, list[str]] = {"engines.txt": [], "engines-torch.txt": [], "engines-cuda.txt": []}
    for block in needed:
        if block.startswith("torch=="):
            parts["engines-torch.txt"].append(with_local_builds(block, folder))
        else:
            parts["engines-cuda.txt" if CUDA.match(block) else "engines.txt"].append(block)
    for name, chosen in parts.items():
        (LOCKS / name).write_text(HEADER + "".join(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
