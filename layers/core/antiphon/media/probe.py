"""What is in a file, before anything is decoded."""

from __future__ import annotations

import os

from antiphon.media.confined import Confined
from antiphon.media.model import Limits, Probe, check

__all__ = ["Limits", "Probe", "check", "probe"]


def probe(path: str | os.PathLike[str], limits: Limits | None = None) -> Probe:
    """Look into the file in a process of its own, and hold it against the limits.

    Raises MediaError: ``empty_media``, ``unsupported_media`` (not a kind that we take), ``undecodable_media`` (damaged or no media at all),
    ``no_audio``, ``media_out_of_bounds``, ``media_too_long``.
    """
    confined = Confined("probe", path, limits or Limits())
    try:
        return confined.probe()
    finally:
        confined.close()
