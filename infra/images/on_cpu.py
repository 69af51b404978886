"""Make on this machine what a Dockerfile makes: `python -m infra.images.on_cpu NAME` fills .build/images/NAME/{opt/antiphon,app}.

The very steps of the Dockerfile run here, outside of Docker, with two differences: torch is the CPU's, and what is published on no
registry (spaCy's English model) is left out. Every other package comes at the version and hash of the image's lock, except the few
whose version depends on Python's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

from infra.images.lock import LOCKS, name_of, of_the_gpu
from infra.local.install_engines import CPU_LOCK, CUDA_LOCK, base_python, packages
from infra.local.lock_engines import blocks

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / ".build/images"
PLACE = re.compile(r"(?<![\w/])(/opt/antiphon|/app|/models|/tmp)(?=[/:,]|$)")
STAMP = "antiphon.stamp"


@dataclass(frozen=True)
class Image:
    """``base``: what it begins at; ``steps``: command lines of RUN that build it; ``environment``: of its process; ``command``: that process; ``health``: its check."""

    name: str
    base: str = ""
    steps: tuple[tuple[str, ...], ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return IMAGES / self.name

    def here(self, text: str) -> str:
        """A word of the Dockerfile with its places as they are on this machine: those of the image under ``folder``."""
        return PLACE.sub(rf"{self.folder}\1", text)


def read(name: str) -> Image:
    """The last stage of functions/NAME/Dockerfile, and the steps that built what it copies."""
    parser = DockerfileParser(str(ROOT / "functions" / name / "Dockerfile"), build_args={})
    found = [(each["instruction"], each["value"]) for each in parser.structure]
    steps = [tuple(json.loads(value)) for what, value in found if what == "RUN" and value.startswith("[")]
    health = next(value for what, value in found if what == "HEALTHCHECK")
    environment: dict[str, str] = {}
    for stage in parser.context_structure:
        environment |= stage.line_envs
    return Image(
        name,
        next(value.removeprefix("BASE=") for what, value in found if what == "ARG"),
        tuple(step for step in steps if step[1].startswith("infra/images/")),
        {key: value for key, value in environment.items() if not key.startswith("UV_")},
        tuple(json.loads(next(value for what, value in found if what == "ENTRYPOINT"))),
        tuple(json.loads(health[health.index("[") :])),
    )


def cpu_lock(name: str, torch: Path) -> str:
    """The image's lock for this machine's Python, with torch from this lock instead of the GPU's."""
    own = {name_of(block): block for block in blocks((LOCKS / f"{name}.txt").read_text())}
    several: dict[str, list[str]] = {}
    for block in blocks((LOCKS / "engines.txt").read_text()):
        several.setdefault(name_of(block), []).append(block)
    found = blocks(torch.read_text()) if "torch" in own else []
    for package, block in own.items():
        others = several.get(package, [])
        if package == "torchaudio" or len(others) > 1:
            found += others
        elif not of_the_gpu(package):
            found.append(block)
    return "".join(found)


def build(name: str) -> Image:
    """Raises CalledProcessError; what went wrong is on stderr."""
    image = read(name)
    for step in image.steps:
        words = [image.here(word) for word in step]
        words[0] = base_python()
        if "environment" in step:
            environment(image, words)
        else:
            subprocess.run(on_locks(image, words), cwd=ROOT, env={**os.environ, "BASE": image.base}, check=True)
    return image


def on_locks(image: Image, words: list[str]) -> list[str]:
    """These words with the lock that was installed here in place of the image's."""
    installed = {f"infra/locks/{image.name}.txt": [str(image.folder / "cpu.txt")]}
    return [each for word in words for each in installed.get(word, [] if word.startswith("infra/locks/") else [word])]


def environment(image: Image, words: list[str]) -> None:
    folder = Path(words[-1])
    assert f"infra/locks/{image.name}.txt" in words
    for torch in (CPU_LOCK, CUDA_LOCK):
        text = cpu_lock(image.name, torch)
        stamp = hashlib.sha256((text + (ROOT / "infra/images/build.py").read_text()).encode()).hexdigest()
        if (folder / STAMP).exists() and (folder / STAMP).read_text() == stamp:
            return
        lock = image.folder / "cpu.txt"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(text)
        done = subprocess.run(on_locks(image, words), cwd=ROOT, env=with_wheels(), check=torch is CUDA_LOCK)
        if done.returncode == 0:
            break
        print("No CPU build of torch is at hand; taking the CUDA build (2 GB) …", file=sys.stderr, flush=True)
    # See install_engines: built for another torch, and not what we use of it.
    for extension in (packages(folder / "bin/python") / "torchaudio/lib").glob("*.so"):
        extension.unlink()
    (folder / STAMP).write_text(stamp)


def with_wheels() -> dict[str, str]:
    found = dict(os.environ)
    if "PIP_FIND_LINKS" in found:  # uv reads its own variables only
        found.setdefault("UV_FIND_LINKS", ",".join(found["PIP_FIND_LINKS"].split()))
    return found


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(build(each).folder)
