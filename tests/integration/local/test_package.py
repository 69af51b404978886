from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.local.package import PackageError, Packager


@pytest.fixture
def packager(tmp_path: Path) -> Packager:
    return Packager(tmp_path / "build", Path(sys.executable))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "greeter"
    (folder / "words").mkdir(parents=True)
    (folder / "handler.py").write_text("from words import hello\n\n\ndef handle(event, context):\n    return hello()\n")
    (folder / "words" / "__init__.py").write_text("def hello():\n    return 'hello'\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "handler.cpython-39.pyc").write_bytes(b"old")
    return folder


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as file:
        return file.namelist()


def test_a_functions_archive_holds_its_folder_with_bytecode_and_nothing_else(packager: Packager, source: Path) -> None:
    tag = sys.implementation.cache_tag
    assert names(packager.function(source).path) == [
        f"__pycache__/handler.{tag}.pyc",
        "handler.py",
        "words/__init__.py",
        f"words/__pycache__/__init__.{tag}.pyc",
    ]


def test_a_layers_archive_holds_its_packages_below_python(packager: Packager, source: Path) -> None:
    assert all(name.startswith("python/") for name in names(packager.layer(source).path))


def test_bytecode_is_used_without_looking_at_the_source(packager: Packager, source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packager.function(source).path) as file:
        file.extractall(tmp_path / "task")
    (tmp_path / "task" / "words" / "__init__.py").write_text("raise SystemExit('the source was compiled')\n")
    script = "import handler; print(handler.handle({}, None))"
    ran = subprocess.run([sys.executable, "-B", "-c", script], cwd=tmp_path / "task", capture_output=True, text=True)
    assert ran.stdout.strip() == "hello", ran.stderr


def test_the_same_source_gives_the_same_bytes_anywhere(packager: Packager, source: Path, tmp_path: Path) -> None:
    other = Packager(tmp_path / "elsewhere", Path(sys.executable)).function(source)
    assert packager.function(source).path.read_bytes() == other.path.read_bytes()


def test_what_is_built_is_not_built_again(packager: Packager, source: Path) -> None:
    first = packager.function(source).path
    written = first.stat().st_mtime_ns
    assert packager.function(source).path.stat().st_mtime_ns == written


def test_a_changed_source_gets_a_new_name_and_the_old_archive_goes(packager: Packager, source: Path) -> None:
    first = packager.function(source)
    (source / "handler.py").write_text("def handle(event, context):\n    return 'changed'\n")
    second = packager.function(source)
    assert second.key != first.key
    assert not first.path.exists()


def test_a_folder_that_is_missing_is_named(packager: Packager, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="nowhere does not exist"):
        packager.function(tmp_path / "nowhere")


def test_source_that_does_not_compile_is_named(packager: Packager, source: Path) -> None:
    (source / "handler.py").write_text("def handle(:\n")
    with pytest.raises(PackageError, match=r"greeter could not be built(.|\n)*handler\.py"):
        packager.function(source)
    assert not list((source.parent / "build").glob("*"))
