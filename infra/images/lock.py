"""Write the locks of the two images anew from their lists: `ANTIPHON_UV=… python infra/images/lock.py [--check]`.

For the one platform of the images, and at the versions that the tests run (engines.txt, dev.txt) but for torch and what it brings: there
is no GPU in the tests, and the GPU's torch is the one that whisperx pins. --check writes nothing and fails when a lock would change.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra.local.lock_engines import LOCKS, blocks

PLATFORM = ("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28")
IMAGES = ("transcriber", "synthesizer")
HEADER = "# Written by infra/images/lock.py from lists of sha256 {}\n"
"""The hash tells without a registry whether a list was changed since; what the lists give is for --check."""
OF_THE_GPU = frozenset({"torch", "torchaudio", "torchcodec", "torchvision", "triton"})
"""Packages, beside NVIDIA's own, that the tests have in another version or not at all."""


def name_of(block: str) -> str:
    return block.split("==")[0].split()[0].lower()


def of_the_gpu(name: str) -> bool:
    return name in OF_THE_GPU or name.startswith("nvidia-")


def header(image: str) -> str:
    lists = (LOCKS / f"{image}.in", LOCKS / "images.overrides")
    wanted = [line for path in lists for line in path.read_text().splitlines() if not line.startswith("#")]
    return HEADER.format(hashlib.sha256("\n".join(wanted).encode()).hexdigest())


def versions_in(environment: str) -> dict[str, list[str]]:
    """Name → the requirements of it, without hashes; several where its version depends on Python's."""
    found: dict[str, list[str]] = {}
    for block in blocks((LOCKS / f"{environment}.txt").read_text()):
        found.setdefault(name_of(block), []).append(block.splitlines()[0].rstrip(" \\"))
    return found


def constraints() -> str:
    wanted = versions_in("engines") | versions_in("dev")  # where both have it, what our own code runs with
    return "\n".join(line for name, lines in wanted.items() if not of_the_gpu(name) for line in lines)


def compiled(image: str, folder: Path) -> str:
    """Raises CalledProcessError; what uv has to say is on stderr."""
    out, limits = folder / f"{image}.txt", folder / "constraints.txt"
    limits.write_text(constraints())
    committed = LOCKS / f"{image}.txt"
    if committed.exists():  # uv keeps what is there already
        out.write_text(committed.read_text())
    # Extra indexes and wheel folders of this machine are left out: they hold only some files of a release, and so only some of its hashes.
    left_out = ("UV_FIND_LINKS", "UV_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    command = [os.environ.get("ANTIPHON_UV", "uv"), "pip", "compile", "-q", *PLATFORM, "--only-binary", ":all:"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "-c", str(limits)]
    command += ["--overrides", str(LOCKS / "images.overrides"), str(LOCKS / f"{image}.in"), "-o", str(out)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    kept = [block for block in blocks(out.read_text()) if "'never'" not in block]
    return header(image) + "".join(kept)


def main(arguments: Sequence[str]) -> int:
    changed = False
    with tempfile.TemporaryDirectory() as folder:
        for image in IMAGES:
            lock, text = LOCKS / f"{image}.txt", compiled(image, Path(folder))
            if lock.exists() and lock.read_text() == text:
                continue
            changed = True
            if "--check" in arguments:
                print(f"antiphon: {lock.name} is not what {image}.in gives; run infra/images/lock.py", file=sys.stderr)
            else:
                lock.write_text(text)
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
