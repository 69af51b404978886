"""What a worker's container does first: fetch its models from the operator's bucket, or see that those in the image are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.weights.fetch import Fetch
from antiphon.weights.model import Lock
from antiphon.weights.s3 import S3Shelf, models_client

if TYPE_CHECKING:
    from logging import Logger


@dataclass(frozen=True)
class Models:
    """Of a container: the ``lock`` in its image, the ``folder`` where its engine looks, and the ``uri`` (``s3://bucket/prefix``) that they come
    from; None where they are part of the image."""

    lock: Path
    folder: Path
    uri: str | None

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Models | None:
        if "MODELS_LOCK" not in env:
            return None
        return cls(Path(env["MODELS_LOCK"]), Path(env["MODELS_DIR"]), env.get("MODELS_URI") or None)


def bring_models(models: Models | None, region: str, pulse: Callable[[], None], logger: Logger) -> None:
    """models: None outside a container; the engine then says what it misses. Raises EngineError."""
    if models is None:
        return
    shelf = S3Shelf(models_client(region), models.uri) if models.uri else None
    lock = Lock.parse(models.lock.read_text())
    Fetch(shelf=shelf, folder=models.folder, pulse=pulse, logger=logger)(lock)
