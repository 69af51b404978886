"""A function's handler as Lambda loads it: its own folder is the root of its imports."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

FUNCTIONS = Path(__file__).parents[3] / "functions"


@contextlib.contextmanager
def loaded(name: str) -> Iterator[ModuleType]:
    """The function's ``handler`` module, freshly imported, so that nothing cached by another test is left in it."""
    folder = FUNCTIONS / name
    siblings = [path.stem for path in folder.glob("*.py")]
    others = {module: sys.modules.pop(module) for module in siblings if module in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("handler")
    finally:
        sys.path.remove(str(folder))
        for module in siblings:
            sys.modules.pop(module, None)
        sys.modules.update(others)
