"""Build the archives that the functions and layers are deployed from, as the build in the cloud does.

A function's archive holds its folder; a layer's holds, below `python/`, the packages of its folder and whatever its
`requirements.txt` locks. Everything carries bytecode that is not checked against the source, for the interpreter that
runs the functions. The same sources give the same archive, and its name carries their hash: what exists is not built again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local import setup

_SKIPPED_FOLDERS = {"__pycache__", ".git", ".pytest_cache", ".ruff_cache", "bin"}
_SKIPPED_FILES = {"Dockerfile", "Makefile", "requirements.in", "requirements.txt"}
# What installers write about the installation itself: it differs from machine to machine.
_SKIPPED_METADATA = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}
_FORMAT = "2"


class PackageError(Exception):
    """An archive could not be built; the text names the folder and the reason."""


@dataclass(frozen=True)
class Archive:
    """A zip file at `path`; `key` is its name, the same for the same content."""

    path: Path
    key: str


class Packager:
    """Archives in the folder `build`, with bytecode for `python` (the interpreter that will run the functions)."""

    def __init__(self, build: Path, python: Path) -> None:
        self._build = build
        self._python = python
        build.mkdir(parents=True, exist_ok=True)
        probe = "import sys; print(sys.implementation.cache_tag, sys.version)"
        self._runtime = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=True).stdout

    def function(self, folder: Path) -> Archive:
        """Raises PackageError."""
        return self._archive(folder, inside="", home="/var/task")

    def layer(self, folder: Path) -> Archive:
        """Raises PackageError."""
        return self._archive(folder, inside="python", home="/opt/python")

    def _archive(self, folder: Path, inside: str, home: str) -> Archive:
        if not folder.is_dir():
            raise PackageError(f"{folder} does not exist")
        # A layer and a function may have the same name.
        name = f"{folder.name}-layer" if inside else folder.name
        key = f"{name}-{self._digest(folder, inside)}.zip"
        path = self._build / key
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=self._build, prefix=".new-") as staging:
                content = Path(staging) / "content" / inside
                content.mkdir(parents=True)
                self._install(folder, content)
                for file in source_files(folder):
                    target = content / file.relative_to(folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, target)
                self._compile(folder, content, home)
                write_zip(Path(staging) / "content", Path(staging) / key)
                # Renamed only when whole, so that a killed build leaves no half archive behind.
                (Path(staging) / key).replace(path)
            for old in self._build.glob(f"{name}-????????????????????.zip"):
                if old.name != key:
                    old.unlink()
        return Archive(path, key)

    def _digest(self, folder: Path, inside: str) -> str:
        digest = hashlib.sha256(f"{_FORMAT}\0{inside}\0{self._runtime}\0".encode())
        requirements = folder / "requirements.txt"
        for file in [*source_files(folder), *([requirements] if requirements.exists() else [])]:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(folder)}\0{content}\0".encode())
        return digest.hexdigest()[:20]

    def _install(self, folder: Path, content: Path) -> None:
        requirements = folder / "requirements.txt"
        if not requirements.exists():
            return
        uv = setup.ensure_installer()
        command: list[str | Path] = [uv, "pip", "install", "-q", "--no-deps", "--require-hashes", "--link-mode", "copy"]
        command += ["--python", self._python, "--target", content, "-r", requirements]
        self._run(folder, command, setup.installer_env())
        for tests in [path for path in content.rglob("tests") if path.is_dir()]:
            shutil.rmtree(tests, ignore_errors=True)  # one may lie in another

    def _compile(self, folder: Path, content: Path, home: str) -> None:
        command: list[str | Path] = [
            self._python,
            "-m",
            "compileall",
            "-q",
            "-f",
            "--invalidation-mode",
            "unchecked-hash",
        ]
        # The path that a traceback shows is where the file lies when it runs, not where it was built.
        self._run(folder, [*command, "-s", content, "-p", home, content], {**os.environ, "PYTHONHASHSEED": "0"})

    def _run(self, folder: Path, command: list[str | Path], env: dict[str, str]) -> None:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PackageError(f"{folder.name} could not be built: {(done.stderr or done.stdout).strip()}")


def source_files(folder: Path) -> Iterator[Path]:
    """The files of a source folder that ship, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not _SKIPPED_FOLDERS & set(inner.parts) and path.name not in _SKIPPED_FILES:
            yield path


def write_zip(folder: Path, archive: Path) -> None:
    """Zip a folder so that the same files give the same bytes: sorted, one date, not compressed (it never travels)."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder)
            if path.is_file() and path.name not in _SKIPPED_METADATA and "bin" not in inner.parts[:2]:
                info = zipfile.ZipInfo(str(inner), (2020, 1, 1, 0, 0, 0))
                info.external_attr = 0o644 << 16
                file.writestr(info, path.read_bytes())
