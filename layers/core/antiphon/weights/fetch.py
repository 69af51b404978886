"""Bring the models' folder to what models.lock names, before an engine looks into it.

Large files come in pieces, several at a time. A piece that has arrived is written down, so a process that is started again goes on
there. A file gets its name when its sha256 is right, and not before.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.platform.errors import EngineError
from antiphon.weights.check import DONE, PART, check, digest
from antiphon.weights.model import Lock, Wanted, difference
from antiphon.weights.ports import Interrupted, Shelf

if TYPE_CHECKING:
    from logging import Logger

PIECE = 16 << 20
AT_ONCE = 8
TRIES = 5
"""Of one piece, beside the attempts of the shelf's own client."""


class Fetch:
    """shelf: None where the models are part of the image. pulse: called while things move."""

    def __init__(
        self,
        *,
        shelf: Shelf | None,
        folder: Path,
        pulse: Callable[[], None],
        logger: Logger,
        piece: int = PIECE,
        at_once: int = AT_ONCE,
    ) -> None:
        self._shelf = shelf
        self._folder = folder
        self._pulse = pulse
        self._logger = logger
        self._piece = piece
        self._at_once = at_once
        self._noting = threading.Lock()

    def __call__(self, lock: Lock) -> None:
        """Raises EngineError with the file that is wrong, missing or not to be had, and its sha256."""
        missing = check(self._folder, lock.wanted(), self._pulse)
        if not missing:
            return
        shelf = self._shelf
        if shelf is None:
            first = missing[0]
            raise EngineError(
                f"{self._folder / first.place} is missing (sha256 {first.sha256}); set MODELS_URI to where the models lie"
            )
        self._look(shelf, missing)
        self._logger.info("fetching models", extra={"files": len(missing), "bytes": sum(f.size for f in missing)})
        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                for each in missing:
                    self._begin(each)
                running = [pool.submit(self._fetch, shelf, *piece) for each in missing for piece in self._pieces(each)]
                for future in as_completed(running):
                    future.result()
                for finished in [pool.submit(self._finish, each) for each in missing]:
                    finished.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        self._logger.info("models are here")

    def _look(self, shelf: Shelf, missing: Sequence[Wanted]) -> None:
        """Before anything moves: is all of it there, and is there room?"""
        for each in missing:
            size = shelf.size(each.key)
            address = shelf.address(each.key)
            if size is None:
                raise EngineError(f"{address} is not there (sha256 {each.sha256}); `make models` puts it there")
            if size != each.size:
                raise EngineError(f"{address} has {size} bytes, models.lock names {each.size} (sha256 {each.sha256})")
        self._folder.mkdir(parents=True, exist_ok=True)
        needed, free = sum(each.size for each in missing), shutil.disk_usage(self._folder).free
        if free < needed:
            raise EngineError(f"{self._folder} has {free / 1e9:.1f} GB left and the models need {needed / 1e9:.1f} GB")

    def _begin(self, each: Wanted) -> None:
        part = self._part(each)
        part.parent.mkdir(parents=True, exist_ok=True)
        head = f"{each.sha256} {self._piece}\n"
        done = self._done(each)
        if not (part.exists() and done.exists() and done.read_text().startswith(head)):
            part.write_bytes(b"")
            done.write_text(head)
        os.truncate(part, each.size)

    def _pieces(self, each: Wanted) -> Iterator[tuple[Wanted, int]]:
        """The starts of those that are not here yet."""
        here = {
            int(line) for line in self._done(each).read_text().split("\n")[1:-1]
        }  # a last one without its end is half a number
        return ((each, start) for start in range(0, each.size, self._piece) if start not in here)

    def _fetch(self, shelf: Shelf, each: Wanted, start: int) -> None:
        end = min(start + self._piece, each.size)
        for attempt in range(TRIES):
            try:
                body = shelf.read(each.key, start, end)
                break
            except Interrupted as error:
                self._logger.warning("piece interrupted", extra={"key": each.key, "start": start, "error": str(error)})
                if attempt == TRIES - 1:
                    raise EngineError(f"{shelf.address(each.key)} cannot be read: {error}") from error
        if len(body) != end - start:
            raise EngineError(f"{shelf.address(each.key)} gave {len(body)} bytes from {start}, not {end - start}")
        with self._part(each).open("r+b") as file:
            file.seek(start)
            file.write(body)
        with self._noting, self._done(each).open("a") as done:
            done.write(f"{start}\n")
        self._pulse()

    def _finish(self, each: Wanted) -> None:
        part = self._part(each)
        wrong = difference(each, *digest(part, self._pulse))
        self._done(each).unlink()
        if wrong:
            part.unlink()
            raise EngineError(f"What came as {self._folder / each.place} is not what models.lock names: {wrong}")
        part.replace(self._folder / each.place)

    def _part(self, each: Wanted) -> Path:
        return self._folder / (each.place + PART)

    def _done(self, each: Wanted) -> Path:
        return self._folder / (each.place + PART + DONE)
