"""The text of a segment, made safe for formats in which lines and blank lines mean something."""

from __future__ import annotations

import unicodedata


def one_line(text: str) -> str:
    """White space of any kind becomes one space; other control characters and lone surrogates go."""
    kept = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs"))
    return " ".join(kept.split())
