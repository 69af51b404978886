"""Run in a process of its own with a function's environment: builds what the function builds when it starts, and reports as
JSON the routes that it answers and the names of the environment that its own code and Powertools read.

    python look_inside.py <folder of the function>
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

read: set[str] = set()
readers: tuple[str, ...] = ()


class Watched(type(os.environ)):  # type: ignore[misc]
    """Notes who asks for a name; what the standard library or an SDK asks for its own sake does not count."""

    def __getitem__(self, key: str) -> str:
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals.get("__name__") in ("os", "collections.abc", "_collections_abc"):
            frame = frame.f_back
        if any(part in frame.f_code.co_filename for part in readers):
            read.add(key)
        return super().__getitem__(key)


def refuse(*target: object) -> None:
    raise OSError(f"a function opened a socket when it started: {target}")


def routes() -> list[tuple[str, str]]:
    handler = importlib.import_module("handler")
    if hasattr(handler, "app") and hasattr(handler.app, "_static_routes"):
        # Powertools shows its routes only in an OpenAPI document, for which it would need pydantic.
        powertools = [*handler.app._static_routes, *handler.app._dynamic_routes]
        return [(route.method.lower(), route.openapi_path) for route in powertools]
    if not Path("app.py").exists():
        return []
    app: Any = importlib.import_module("app").build(importlib.import_module("wiring").wiring())
    return [(method, path) for path, item in app.openapi()["paths"].items() for method in item]


def build_all() -> None:
    wiring = importlib.import_module("wiring")
    for factory in vars(wiring).values():
        if hasattr(factory, "cache_info") and factory.__module__ == "wiring":
            factory()


def main(folder: Path) -> None:
    global readers
    readers = (str(folder), "/layers/core/antiphon/", "/aws_lambda_powertools/")
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ.__class__ = Watched
    socket.socket.connect = refuse  # type: ignore[method-assign, assignment]
    build_all()
    found = routes()
    print(json.dumps({"routes": found, "read": sorted(read)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
