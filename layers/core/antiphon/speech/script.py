"""What a synthesizer is to say: a text cut into lines, each of which is spoken and stored on its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Line:
    """One sentence, or a part of one, in one voice."""

    text: str
    voice: str
    speed: float = 1.0


def digest(line: Line, engine: str, language: str | None) -> str:
    """The same for all that sounds the same. engine: with its version."""
    return _sha([asdict(line), engine, language])


def digest_of_all(digests: Iterable[str]) -> str:
    return _sha(list(digests))


def _sha(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
