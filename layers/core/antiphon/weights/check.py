"""Whether a folder holds exactly what models.lock names: `python -m antiphon.weights.check LOCK FOLDER`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from antiphon.platform.errors import EngineError
from antiphon.weights.model import Lock, Wanted, difference

READERS = 4
_BLOCK = 4 << 20
PART = ".part"
"""Ends the name of a file that is still on its way; ``PART + DONE`` that of the list of its pieces."""
DONE = ".done"


def check(folder: Path, wanted: Sequence[Wanted], pulse: Callable[[], None] = lambda: None) -> tuple[Wanted, ...]:
    """Those that are not there. Raises EngineError for a file that is another than the lock names, or that it does not name."""
    refuse_unknown(folder, wanted)
    there = [each for each in wanted if (folder / each.place).exists()]
    with ThreadPoolExecutor(READERS) as pool:
        for each, (sha256, size) in zip(
            there, pool.map(lambda each: digest(folder / each.place, pulse), there), strict=True
        ):
            if wrong := difference(each, sha256, size):
                raise EngineError(f"{folder / each.place} is not what models.lock names: {wrong}; remove it")
    return tuple(each for each in wanted if each not in there)


def refuse_unknown(folder: Path, wanted: Iterable[Wanted]) -> None:
    """A model's folder is read by libraries that take whatever lies in it: nothing may lie there that nobody has looked at."""
    known = {folder / each.place for each in wanted}
    for path in sorted(folder.rglob("*")):
        ours = Path(str(path).removesuffix(DONE).removesuffix(PART))
        if not path.is_dir() and ours not in known:
            raise EngineError(f"models.lock does not name {path}; remove it, or take a lock that does")


def digest(path: Path, pulse: Callable[[], None] = lambda: None) -> tuple[str, int]:
    """sha256 and bytes."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
            size += len(block)
            pulse()
    return found.hexdigest(), size


def main(arguments: Sequence[str]) -> int:
    lock, folder = map(Path, arguments)
    try:
        missing = check(folder, Lock.parse(lock.read_text()).wanted())
    except EngineError as error:
        print(f"antiphon: {error.detail}", file=sys.stderr)
        return 1
    for each in missing:
        print(f"antiphon: {folder / each.place} is missing (sha256 {each.sha256})", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
