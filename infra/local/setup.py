"""Make the virtual environments that the commands of the Makefile need: `python setup.py dev emulator …`.

Each environment holds exactly what its lock in infra/locks names, checked by hash, and carries the hash of that lock as
a stamp, so a second call does nothing. Only the standard library is used: this runs before anything is installed.

Every foreseeable obstacle ends in one line on stderr that says what to do, and exit status 1.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "infra" / "locks"
NEEDED_BYTES = 1_000_000_000
STAMP = "antiphon.stamp"


class SetupError(Exception):
    """What stands in the way; the text is one line and says what to do."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment at `path`, holding what the files `lock` and `more` name."""

    path: Path
    lock: Path
    more: tuple[Path, ...] = ()

    @property
    def locks(self) -> tuple[Path, ...]:
        return (self.lock, *self.more)

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> str:
        return hashlib.sha256(b"".join(lock.read_bytes() for lock in self.locks)).hexdigest()

    def is_current(self) -> bool:
        """Whether nothing needs doing: the stamp fits and the interpreter still starts."""
        written = self.path / STAMP
        return written.is_file() and written.read_text() == self.stamp and starts(self.python)

    def mark_current(self) -> None:
        (self.path / STAMP).write_text(self.stamp)


INSTALLER = Environment(ROOT / ".venvs" / "uv", LOCKS / "uv.txt")
SHARED = ("certifi", "cffi", "cryptography", "h11", "pycparser", "typing-extensions", "urllib3")
"""Packages of the runtime layer that other layers ask for too."""
EMBEDDINGS = ROOT / "layers/embeddings/requirements.txt"
ENVIRONMENTS = {
    "dev": Environment(ROOT / ".venv", LOCKS / "dev.txt", (EMBEDDINGS,)),
    "emulator": Environment(ROOT / ".venvs" / "emulator", LOCKS / "emulator.txt"),
    "sam": Environment(ROOT / ".venvs" / "sam", LOCKS / "sam.txt"),
    "checkov": Environment(ROOT / ".venvs" / "checkov", LOCKS / "checkov.txt"),
}
LOCK_SOURCES = {
    **{LOCKS / f"{name}.in": LOCKS / f"{name}.txt" for name in ("uv", "dev", "emulator", "sam", "checkov")},
    ROOT / "layers/runtime/requirements.in": ROOT / "layers/runtime/requirements.txt",
    ROOT / "layers/web/requirements.in": ROOT / "layers/web/requirements.txt",
    ROOT / "layers/assistant/requirements.in": ROOT / "layers/assistant/requirements.txt",
    ROOT / "layers/charts/requirements.in": ROOT / "layers/charts/requirements.txt",
    ROOT / "layers/embeddings/requirements.in": EMBEDDINGS,
    ROOT / "layers/parsers/requirements.in": ROOT / "layers/parsers/requirements.txt",
    ROOT / "layers/media/requirements.in": ROOT / "layers/media/requirements.txt",
}


def starts(python: Path) -> bool:
    """Whether this interpreter can be run at all (its base may have been removed)."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def check_free_space(folder: Path, needed: int = NEEDED_BYTES) -> None:
    """Raise SetupError when `folder` has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SetupError(
            f"{folder} has {free / 1e9:.1f} GB left and set-up needs about {needed / 1e9:.0f} GB: free some space."
        )


def run_installer(what: str, command: Sequence[str | Path], env: dict[str, str]) -> None:
    """Run one install step, its output in .venvs/setup.log; raise SetupError with the reason when it fails."""
    log = ROOT / ".venvs" / "setup.log"
    done = subprocess.run(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(map(str, command))}\n{done.stdout}\n")
    if done.returncode:
        check_free_space(ROOT, 50_000_000)
        last = next((line.strip() for line in reversed(done.stdout.splitlines()) if line.strip()), "no output")
        raise SetupError(
            f"could not install {what} (all of it in {log.relative_to(ROOT)}: {last}). Is the package index reachable? "
            "Behind a proxy set HTTPS_PROXY, with a mirror PIP_INDEX_URL, offline PIP_FIND_LINKS, and try again."
        )


def pip_settings(pip_config: str) -> dict[str, str]:
    """Turn `pip config list` into uv's environment, so that mirrors configured for pip (file or PIP_*) hold for uv too.

    pip prints `section.key='value'`, later sections winning; a value with several entries has one a line.
    """
    names = {
        "index-url": "UV_INDEX_URL",
        "extra-index-url": "UV_EXTRA_INDEX_URL",
        "find-links": "UV_FIND_LINKS",
        "no-index": "UV_NO_INDEX",
        "cert": "SSL_CERT_FILE",
    }
    found: dict[str, str] = {}
    for line in pip_config.splitlines():
        key, equals, value = line.partition("=")
        name = names.get(key.rpartition(".")[2])
        if equals and name:
            entries = str(ast.literal_eval(value)).split()
            found[name] = ("," if name == "UV_FIND_LINKS" else " ").join(entries)
    return found


def installer_env() -> dict[str, str]:
    """The environment that uv runs in: pip's own settings, no download of interpreters, no settings of other projects."""
    listed = subprocess.run(
        [INSTALLER.python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    fixed = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return {**pip_settings(listed), **os.environ, **fixed}


def ensure_installer() -> Path:
    """Return the path of uv, installed by pip from its lock when it is not there yet."""
    if not INSTALLER.is_current():
        shutil.rmtree(INSTALLER.path, ignore_errors=True)
        env = dict(os.environ)
        run_installer("the installer's environment", [sys.executable, "-m", "venv", INSTALLER.path], env)
        pip: list[str | Path] = [
            INSTALLER.python,
            "-m",
            "pip",
            "install",
            "-q",
            "--retries",
            "2",
            "--disable-pip-version-check",
        ]
        run_installer("uv", [*pip, "--require-hashes", "--only-binary", ":all:", "-r", INSTALLER.lock], env)
        INSTALLER.mark_current()
    return INSTALLER.path / "bin" / "uv"


def ensure(name: str, environment: Environment) -> None:
    """Bring one environment to what its lock says."""
    if environment.is_current():
        return
    check_free_space(ROOT)
    print(f"Setting up {environment.path.relative_to(ROOT)} …", file=sys.stderr, flush=True)
    uv = ensure_installer()
    env = installer_env()
    if not starts(environment.python):
        run_installer(name, [uv, "venv", "-q", "--clear", "--python", sys.executable, environment.path], env)
    sync: list[str | Path] = [
        uv,
        "pip",
        "sync",
        "-q",
        "--require-hashes",
        "--python",
        environment.python,
        *environment.locks,
    ]
    run_installer(name, sync, env)
    environment.mark_current()


def ensure_engines() -> None:
    """Bring .venvs/engines (tests only) to what its own installer says; it keeps its own stamp."""
    uv = ensure_installer()
    env = {**installer_env(), "ANTIPHON_UV": str(uv)}
    # An additional index may hold a part of a release's files only, and would hide the wheel that was built for this platform.
    env.pop("UV_EXTRA_INDEX_URL", None)
    run = subprocess.run([sys.executable, ROOT / "infra/local/install_engines.py"], cwd=ROOT, env=env, check=False)
    if run.returncode:
        raise SetupError("could not install the engines of the tests; the lines above say why.")


def write_locks() -> None:
    """Write every lock anew from its list: all supported Pythons and platforms, hashes, no index addresses.

    The layers are constrained by dev.txt, so that the tests run what ships. Extra indexes and wheel folders of this
    machine are left out: they hold only some files of a release, and so only some of its hashes.
    """
    uv = ensure_installer()
    env = {key: value for key, value in installer_env().items() if key not in ("UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")}
    for source, lock in LOCK_SOURCES.items():
        compile_: list[str | Path] = [
            uv,
            "pip",
            "compile",
            "-q",
            "--upgrade",
            "--universal",
            "--python-version",
            "3.11",
            "--generate-hashes",
        ]
        compile_ += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]
        constraint: list[str | Path] = ["-c", LOCKS / "dev.txt"] if "layers" in source.parts else []
        if lock == EMBEDDINGS:  # see its list
            constraint.append("--no-deps")
        if (
            source.parent.name == "assistant"
        ):  # the runtime layer is always beside it, and a function holds 250 MB in all
            constraint += [part for package in SHARED for part in ("--no-emit-package", package)]
        run_installer(
            str(lock.relative_to(ROOT)),
            [*compile_, *constraint, source.relative_to(ROOT), "-o", lock.relative_to(ROOT)],
            env,
        )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second set-up in the same clone wait for the first."""
    folder = ROOT / ".venvs"
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the virtual environments of this clone.")
    parser.add_argument("names", nargs="+", choices=[*ENVIRONMENTS, "engines", "locks"])
    names = parser.parse_args(arguments).names
    try:
        with one_at_a_time():
            for name in names:
                if name == "locks":
                    write_locks()
                elif name == "engines":
                    ensure_engines()
                else:
                    ensure(name, ENVIRONMENTS[name])
    except SetupError as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"antiphon: set-up failed: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
