"""`make models IMAGE=transcriber [TO=s3://bucket/prefix]`: fetch an image's models on a machine that reaches the hub.

Each file comes at the commit that functions/IMAGE/models.lock names, and must have the sha256 and size that it names. What the lock does
not know yet is written into it and shown: the first download is trusted, every later one is held to it. The files lie in models/IMAGE
then as a container has them, to be baked into an image; with TO also in the operator's bucket, where containers fetch them.

A model whose licence must be accepted on the hub (pyannote's) needs HF_TOKEN; TO needs the usual credentials of AWS.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from antiphon.platform.errors import EngineError
from antiphon.weights.check import check, digest
from antiphon.weights.model import File, Lock, Model, difference, wanted
from antiphon.weights.s3 import S3Shelf, models_client

ROOT = Path(__file__).resolve().parents[2]
HUB = ".hub"
"""Where the hub's client keeps what it has not finished; gone when all is there."""


class Models:
    """folder: gets the models. shelf: None for this machine alone. say: gets each line meant for a person."""

    def __init__(
        self, lock_file: Path, folder: Path, shelf: S3Shelf | None, say: Callable[[str], None] = print
    ) -> None:
        self._lock_file = lock_file
        self._folder = folder
        self._shelf = shelf
        self._say = say
        self._lock = Lock.parse(lock_file.read_text())

    def bring(self) -> None:
        """Raises EngineError at the first file that is wrong or not to be had; what came before stays, and is not fetched again."""
        for model in self._lock.models:
            for file in model.files:
                seen = self._seen(model, file)
                if seen != file:
                    self._write_down(model, seen)
                if self._shelf:
                    self._put(self._shelf, model, seen)
        shutil.rmtree(self._folder.parent / HUB, ignore_errors=True)
        check(self._folder, self._lock.wanted())

    def _seen(self, model: Model, file: File) -> File:
        """The file as it is here, fetched if need be."""
        target = self._folder / model.name / file.path
        if not target.exists():
            self._say(f"{model.name}/{file.path} from {model.source} at {model.revision[:12]} ({model.licence})")
            target.parent.mkdir(parents=True, exist_ok=True)
            fetched = from_url if "://" in model.source else from_hub
            fetched(model, file.path, self._folder.parent / HUB / model.name).replace(target)
        sha256, size = digest(target)
        if wrong := difference(file, sha256, size):
            target.unlink()
            raise EngineError(f"{model.name}/{file.path} is not what {self._lock_file.name} names: {wrong}")
        return File(file.path, sha256, size)

    def _write_down(self, model: Model, seen: File) -> None:
        self._lock = self._lock.with_file(model.name, seen)
        self._lock_file.write_text(self._lock.dump())
        self._say(f"  seen for the first time: {seen.size} bytes, sha256 {seen.sha256}; now in {self._lock_file}")

    def _put(self, shelf: S3Shelf, model: Model, seen: File) -> None:
        each = wanted(model, seen)
        if shelf.size(each.key) != each.size:
            shelf.put(each.key, str(self._folder / each.place))
            self._say(f"  → {shelf.address(each.key)}")


def from_hub(model: Model, path: str, scratch: Path) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    try:
        return Path(hf_hub_download(model.source, path, revision=model.revision, local_dir=scratch))
    except GatedRepoError as error:
        raise EngineError(f"Accept the licence of {model.source} on the hub, then set HF_TOKEN") from error
    except (HfHubHTTPError, OSError) as error:
        raise EngineError(f"{model.source}/{path} could not be fetched: {error}") from error


def from_url(model: Model, path: str, scratch: Path) -> Path:
    url, target = model.source.format(revision=model.revision, path=path), scratch / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                file.write(block)
    except httpx.HTTPError as error:
        raise EngineError(f"{url} could not be fetched: {error!r}") from error
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fetch the models of an image.")
    parser.add_argument("image", choices=["transcriber", "synthesizer"])
    parser.add_argument("--to", default="", help="s3://bucket/prefix")
    parser.add_argument("--lock", type=Path, default=None)
    parser.add_argument("--folder", type=Path, default=None)
    chosen = parser.parse_args(arguments)
    lock = chosen.lock or ROOT / "functions" / chosen.image / "models.lock"
    try:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        shelf = S3Shelf(models_client(region), chosen.to) if chosen.to else None
        Models(lock, chosen.folder or ROOT / "models" / chosen.image, shelf).bring()
    except EngineError as error:
        print(f"antiphon: {error.detail}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
