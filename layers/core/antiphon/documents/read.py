"""A document's pages, read by a confined process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from antiphon.documents.model import DocumentError, Limits, Page
from antiphon.platform import confined


class _Confined(confined.Confined):
    child = "antiphon.documents.child"
    error = DocumentError
    crashed = ("document_unreadable", "The document is damaged in a way that stops its reader.")
    exhausted = ("document_out_of_bounds", "Reading the document would take more memory or time than is allowed.")


class Reading:
    """An iterator over Page; each is good, whatever comes after. Iterating raises DocumentError. Leaving the context ends the process at any point.

    filename: only tells kinds of plain text apart. ``format``: known at the end.
    """

    def __init__(self, path: str | os.PathLike[str], filename: str, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        if Path(path).stat().st_size == 0:
            raise DocumentError("The document is empty.", code="empty_document")
        self._confined = _Confined(path, json.dumps(asdict(self._limits)), filename)
        self.format = ""

    @property
    def pid(self) -> int:
        """Of the process that reads."""
        return self._confined.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._confined.close()

    def __iter__(self) -> Iterator[Page]:
        # The child holds to the limits itself; who took it over might not.
        left, number = 2 * self._limits.max_text + 1_000_000, 0
        while line := self._confined.output.readline(left):
            left, number = left - len(line), number + 1
            if left <= 0 or number > self._limits.max_pages:
                raise DocumentError("The document is too long.", code="document_too_long")
            if not line.endswith(b"\n"):
                break  # it died in the middle
            yield Page(number, json.loads(line))
        self.format = self._confined.report()["format"]
