"""Models come from a folder that was put there on purpose, never from a hub at run time."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from antiphon.platform.errors import EngineError


def require_offline(engine: str) -> None:
    """Raises EngineError unless huggingface_hub is switched off, which only the environment of the process can do."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if not HF_HUB_OFFLINE:
        raise EngineError(f"{engine} must not download anything; start the worker with HF_HUB_OFFLINE=1")


def require_files(engine: str, folder: Path, names: Iterable[str]) -> None:
    """Raises EngineError with the first path that is missing. Names may be patterns, or two of them with | between, either of which will do."""
    if not folder.is_dir():
        raise EngineError(f"{engine} finds no model folder {folder}; put the model there or correct the setting")
    for name in names:
        if not any(found for pattern in name.split("|") for found in folder.glob(pattern)):
            raise EngineError(f"{engine} finds no {folder / name}; the model folder is not complete")


def require_weights(engine: str, path: Path, missing: Iterable[str]) -> None:
    """Raises EngineError that names the file and what it lacks. Loaders that take what fits leave the rest at random: such a model makes noise."""
    lacked = sorted(missing)
    if lacked:
        more = f" and {len(lacked) - 5} more" if len(lacked) > 5 else ""
        raise EngineError(
            f"{engine} finds no weights in {path} for {', '.join(lacked[:5])}{more}; it is another model's file"
        )


def installed(engine: str, package: str) -> str:
    """The version of a package. Raises EngineError when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise EngineError(
            f"The package {package} is not installed; add it, or choose another engine than {engine}"
        ) from None
