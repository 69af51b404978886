"""The emulator's state on disk: whole generations, each taken at one instant and put in place by one rename.

The emulator itself writes its state only on a graceful stop, one file per service. Here every generation is a folder
with one JSON file per service (unchanged ones are hard links to the generation before), `current` is a symbolic link to
the newest complete one, and large binary values (function code, layers) lie once in `blobs/` by their sha256. A kill at
any instruction leaves `current` at a complete generation.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BLOB_BYTES = 4096
_BLOB = "__blob__"


@contextmanager
def _alone() -> Iterator[None]:
    """Keep the interpreter lock until the block ends, so that no other thread changes anything meanwhile.

    Services reference each other (a message is deleted after its row is written): copies taken one after the other while
    requests run would be of different instants, and a restart from them would lose or resurrect work.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Snapshots:
    """Generations of service state below `folder`.

    encode: JSON fallback for values of the emulator's own types; decode: the object hook that reverses it.
    """

    def __init__(self, folder: Path, encode: Callable[[Any], Any], decode: Callable[[dict], Any]) -> None:
        self._folder = folder
        self._saving = threading.Lock()
        self._encode_other = encode
        self._decode_other = decode
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._blob_names: dict[int, tuple[bytes, str]] = {}
        self._used_blobs: set[str] = set()
        self._blobs_before: set[str] | None = None
        self._written: dict[str, str] = {}
        self._current = self._read_current()
        self._sweep()

    def load(self, service: str) -> Any:
        """The state of `service` in the newest complete generation, or None."""
        if self._current is None or not (file := self._current / f"{service}.json").is_file():
            return None
        return json.loads(file.read_text(), object_hook=self._decode)

    def save(self, services: Mapping[str, Callable[[], Any]]) -> float:
        """Write a generation when anything changed; return for how many seconds the emulator stood still for the copy.

        A service that gives None has nothing to say; its last state is kept. Raises OSError when the disk is full; the
        generation before stays in place.
        """
        with self._saving:
            began = time.monotonic()
            with _alone():
                states = {name: get_state() for name, get_state in services.items()}
            paused = time.monotonic() - began
            self._used_blobs = set()
            texts = {
                name: json.dumps(state, default=self._encode) for name, state in states.items() if state is not None
            }
            digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
            if digests != {name: self._written.get(name) for name in digests}:
                self._write_generation(texts, digests)
            return paused

    def _write_generation(self, texts: Mapping[str, str], digests: Mapping[str, str]) -> None:
        before = self._current
        number = int(before.name) + 1 if before else 1
        new = self._folder / str(number)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            for name, text in texts.items():
                if before and self._written.get(name) == digests[name]:
                    os.link(before / f"{name}.json", new / f"{name}.json")
                else:
                    _write_durably(new / f"{name}.json", text.encode())
            if before:
                for file in before.glob("*.json"):
                    if file.stem not in texts:
                        os.link(file, new / file.name)
            link = self._folder / "current.next"
            link.unlink(missing_ok=True)
            link.symlink_to(new.name)
            link.replace(self._folder / "current")
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        self._current = new
        self._written = {**self._written, **digests}
        self._sweep()

    def _sweep(self) -> None:
        """Remove generations and blobs that the current one does not need."""
        for folder in self._folder.glob("[0-9]*"):
            if self._current is None or folder.name != self._current.name:
                shutil.rmtree(folder, ignore_errors=True)
        if self._used_blobs and self._used_blobs != self._blobs_before:
            for blob in self._blobs.iterdir():
                if blob.name not in self._used_blobs:
                    blob.unlink()
            self._blob_names = {key: kept for key, kept in self._blob_names.items() if kept[1] in self._used_blobs}
            self._blobs_before = self._used_blobs

    def _read_current(self) -> Path | None:
        link = self._folder / "current"
        return self._folder / os.readlink(link) if link.is_symlink() else None

    def _encode(self, value: Any) -> Any:
        if isinstance(value, bytes) and len(value) >= BLOB_BYTES:
            return {_BLOB: self._keep_blob(value)}
        return self._encode_other(value)

    def _keep_blob(self, value: bytes) -> str:
        # The name is remembered by identity, with the bytes held so that no other object can take it: hashing every
        # layer on every save would cost more than all the rest.
        _, name = self._blob_names.get(id(value), (value, ""))
        if not name:
            name = hashlib.sha256(value).hexdigest()
            if not (self._blobs / name).exists():
                _write_durably(self._blobs / f"{name}.next", value)
                (self._blobs / f"{name}.next").replace(self._blobs / name)
            self._blob_names[id(value)] = (value, name)
        self._used_blobs.add(name)
        return name

    def _decode(self, value: dict) -> Any:
        if set(value) == {_BLOB}:
            return (self._blobs / value[_BLOB]).read_bytes()
        return self._decode_other(value)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
