"""Seconds as the formats write them. All count in whole milliseconds, rounded once, on the total: so 1.9996 s is 00:00:02,000."""

from __future__ import annotations


def milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def span(start: float, end: float) -> tuple[int, int]:
    """Seconds in, milliseconds out; never negative, and the end never before the start, whatever the engine said."""
    first = milliseconds(start)
    return first, max(first, milliseconds(end))


def clock(total: int, *, mark: str = ".", hours: bool = True) -> str:
    """total: milliseconds. ``HH:MM:SS.mmm``; with ``hours`` false, below an hour, ``MM:SS.mmm``."""
    minutes, rest = divmod(total, 60_000)
    tail = f"{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
    return f"{minutes // 60:02d}:{tail}" if hours or minutes >= 60 else tail
