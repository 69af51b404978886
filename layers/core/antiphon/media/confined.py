"""The decoder, confined: ``antiphon.media.child`` on one recording."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from antiphon.media.model import Limits, Probe
from antiphon.platform import confined
from antiphon.platform.errors import MediaError


class Confined(confined.Confined):
    """task: ``probe`` or ``decode``. Raises MediaError (``empty_media``) for an empty file, OSError where it cannot be read."""

    child = "antiphon.media.child"
    error = MediaError
    crashed = ("undecodable_media", "The file is damaged in a way that stops the decoder.")
    exhausted = ("media_out_of_bounds", "Reading the file would take more memory or time than is allowed.")

    def __init__(self, task: str, path: str | os.PathLike[str], limits: Limits, *arguments: str) -> None:
        if Path(path).stat().st_size == 0:
            raise MediaError("The file is empty.", code="empty_media")
        super().__init__(path, task, json.dumps(asdict(limits)), *arguments)

    def probe(self) -> Probe:
        """What the file says of itself: the first line of ``output``. Raises MediaError."""
        line = self.output.readline()
        if not line.endswith(b"\n"):
            self.report()
            raise RuntimeError("The decoder ended without a word")
        return Probe(**json.loads(line))
