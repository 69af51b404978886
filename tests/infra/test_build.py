"""What `sam build` makes is what Lambda loads: our code and the locked packages for its processor, with its bytecode."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.system import REGION, ROOT

LIMIT = 250 * 1024**2
"""Bytes that Lambda allows for a function with all its layers, unpacked."""
UNCHECKED_HASH = b"\x01\x00\x00\x00"
AARCH64 = b"\xb7\x00"


def pythons() -> Iterator[Path]:
    """Wherever a Python 3.13 usually lies: on the path, with pyenv, with uv, or with AWS's images."""
    if found := shutil.which("python3.13"):
        yield Path(found)
    yield Path(sys.executable)
    home, env = Path.home(), os.environ
    pyenv = Path(env.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(env.get("XDG_DATA_HOME") or home / ".local/share")
    uv = Path(env.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for folder, pattern in (
        (pyenv / "versions", "3.13*"),
        (uv, "cpython-3.13*"),
        (Path("/opt"), "python*3.13*"),
        (Path("/opt/python"), "*3.13*"),
        (Path("/opt/python"), "cp313-cp313"),
        (Path("/usr"), "local"),
    ):
        yield from (each / "bin/python3.13" for each in sorted(folder.glob(pattern), reverse=True))


def python_of_the_functions() -> Path | None:
    """A Python 3.13 that starts and has pip (a pyenv shim may be there and refuse)."""
    probe = "import sys, pip; sys.exit(sys.version_info[:2] != (3, 13))"
    for candidate in pythons():
        if (
            candidate.is_file()
            and subprocess.run([candidate, "-c", probe], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    return None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = python_of_the_functions()
    if python is None:
        pytest.skip("sam build needs a Python 3.13, which this machine does not have")
    folder = tmp_path_factory.mktemp("build")
    env = {**os.environ, "PYTHON": str(python), "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
    env["PATH"] = os.pathsep.join((str(python.parent), os.environ["PATH"]))  # where SAM itself looks
    env.pop("PYTHONPATH", None)
    command = [str(ROOT / ".venvs/sam/bin/sam"), "build", "--no-cached", "--build-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def bytes_in(*folders: Path) -> int:
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


pytestmark = pytest.mark.slow
STACKS = ("Api", "Jobs", "Realtime")
"""Those that hold functions."""


def test_layers_lie_where_python_looks_for_them(built: Path) -> None:
    for layer in (
        "CoreLayer",
        "RuntimeLayer",
        "WebLayer",
        "AssistantLayer",
        "ParsersLayer",
        "MediaLayer",
        "ChartsLayer",
        "EmbeddingsLayer",
    ):
        assert [entry.name for entry in (built / layer).iterdir()] == ["python"]
    assert (built / "CoreLayer/python/antiphon/platform/errors.py").is_file()
    assert (built / "RuntimeLayer/python/boto3").is_dir()
    assert (built / "WebLayer/python/fastapi").is_dir()


def test_functions_hold_their_handler_and_nothing_of_the_build(built: Path) -> None:
    functions = [path for stack in STACKS for path in (built / stack).iterdir() if path.is_dir()]
    assert {path.name.lower() for path in functions} == {
        p.parent.name for p in (ROOT / "functions").glob("*/handler.py")
    }
    for function in functions:
        assert (function / "handler.py").is_file(), function.name
        assert not {"Makefile", "Dockerfile", "requirements.txt"} & {path.name for path in function.iterdir()}


def test_everything_together_stays_far_below_the_limit(built: Path) -> None:
    largest = max(bytes_in(path) for stack in STACKS for path in (built / stack).iterdir() if path.is_dir())
    for names, share in (
        (("Core", "Runtime", "Web", "Assistant"), 0.7),
        (("Core", "Runtime", "Parsers"), 0.95),
        (("Core", "Runtime", "Media"), 0.95),
        (("Core", "Runtime", "Assistant", "Charts"), 0.98),
        (("Core", "Runtime", "Web", "Embeddings"), 0.98),
    ):
        layers = bytes_in(*(built / f"{name}Layer" for name in names))
        assert layers + largest < LIMIT * share, names


def test_native_code_is_for_the_processor_of_the_functions(built: Path) -> None:
    libraries = [*built.rglob("*.so"), *built.rglob("*.so.*")]
    assert libraries
    for library in libraries:
        assert library.read_bytes()[18:20] == AARCH64, library.name


def test_every_module_has_bytecode_that_is_taken_without_a_look_at_its_source(built: Path) -> None:
    sources = [*built.glob("*/python/**/*.py"), *built.glob("*/*/*.py")]
    ours = [path for path in sources if "antiphon" in path.parts or path.parent.parent.name in ("Api", "Jobs")]
    assert ours
    for module in ours:
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        assert compiled.read_bytes()[4:8] == UNCHECKED_HASH, module
    missing = [p for p in sources if not (p.parent / "__pycache__" / f"{p.stem}.cpython-313.pyc").is_file()]
    assert not missing


def test_a_traceback_names_the_place_where_the_code_runs(built: Path) -> None:
    compiled = built / "CoreLayer/python/antiphon/platform/__pycache__/errors.cpython-313.pyc"
    assert b"/opt/python/antiphon/platform/errors.py" in compiled.read_bytes()
    assert str(built).encode() not in compiled.read_bytes()
