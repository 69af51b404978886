"""The weights of an image by name, revision, sha256 and size: what ``models.lock`` says, and where each file lies.

In the folder of models: ``<name>/<path>``. On the operator's shelf: ``<name>/<revision>/<path>``, so that two images of different
age find each their own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from antiphon.platform.errors import EngineError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REVISION = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """``sha256``, ``size`` (bytes): None until `make models` has fetched it for the first time."""

    path: str
    sha256: str | None
    size: int | None


@dataclass(frozen=True)
class Model:
    """``source``: a repository of Hugging Face, or a URL with ``{revision}`` and ``{path}``. ``revision``: a full commit."""

    name: str
    source: str
    revision: str
    licence: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class Wanted:
    """One file as it must be."""

    place: str
    key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Lock:
    models: tuple[Model, ...]

    @classmethod
    def parse(cls, text: str) -> Lock:
        """Raises EngineError with what is wrong with it."""
        try:
            return cls(tuple(_model(found) for found in json.loads(text)["models"]))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise EngineError(f"models.lock cannot be read: {error!r}") from None

    def dump(self) -> str:
        """A file a line, so that a change of one shows as that."""
        lines = ['{"models": [']
        for model in self.models:
            head = {"name": model.name, "source": model.source, "revision": model.revision, "licence": model.licence}
            lines.append("  {" + json.dumps(head, ensure_ascii=False)[1:-1] + ', "files": [')
            files = [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in model.files]
            lines.append(",\n".join("    " + json.dumps(file) for file in files))
            lines.append("  ]}" + ("" if model is self.models[-1] else ","))
        return "\n".join([*lines, "]}", ""])

    def wanted(self) -> tuple[Wanted, ...]:
        """Raises EngineError for the first file of which not everything is known."""
        return tuple(wanted(model, file) for model in self.models for file in model.files)

    def with_file(self, name: str, file: File) -> Lock:
        """The lock with this file of the model in place of the one with its path."""
        return Lock(
            tuple(
                replace(model, files=tuple(file if file.path == old.path else old for old in model.files))
                if model.name == name
                else model
                for model in self.models
            )
        )


def difference(known: File | Wanted, sha256: str, size: int) -> str | None:
    """How a file of this sha256 and size differs from what the lock knows of it."""
    if known.sha256 in (None, sha256) and known.size in (None, size):
        return None
    return f"it has {size} bytes and the sha256 {sha256}, expected are {known.size} and {known.sha256}"


def wanted(model: Model, file: File) -> Wanted:
    if file.sha256 is None or file.size is None:
        raise EngineError(
            f"models.lock does not say yet what {model.name}/{file.path} is; `make models` fetches it and writes that down"
        )
    key = f"{model.name}/{model.revision}/{file.path}"
    return Wanted(f"{model.name}/{file.path}", key, file.sha256, file.size)


def _model(found: dict[str, Any]) -> Model:
    name, revision = found["name"], found["revision"]
    if not _NAME.fullmatch(name):
        raise EngineError(f"models.lock: {name!r} is no name of a model")
    if not _REVISION.fullmatch(revision):
        raise EngineError(f"models.lock: the revision of {name} must be a full commit, not {revision!r}")
    return Model(name, found["source"], revision, found["licence"], tuple(_file(name, each) for each in found["files"]))


def _file(name: str, found: dict[str, Any]) -> File:
    path, sha256, size = found["path"], found["sha256"], found["size"]
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or str(PurePosixPath(path)) != path:
        raise EngineError(f"models.lock: {path!r} of {name} is no path inside its folder")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise EngineError(f"models.lock: {sha256!r} is no sha256 of {name}/{path}")
    if size is not None and not (isinstance(size, int) and size >= 0):
        raise EngineError(f"models.lock: {size!r} is no size of {name}/{path}")
    return File(path, sha256, size)
