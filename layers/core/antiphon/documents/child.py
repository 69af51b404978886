"""The process that reads a document: ``python -m antiphon.documents.child <lifeline> <limits as JSON> <filename>``.

stdin: the file, which must be seekable. stdout: one line of JSON for each page: its text. stderr: at the end one line of JSON: ``{"format"}`` or
``{"code", "detail"}``.
"""

from __future__ import annotations

import contextlib
import encodings
import importlib
import io
import json
import pkgutil
import sys
from typing import Any, BinaryIO

from antiphon.documents.extract import EXTRACT
from antiphon.documents.model import DocumentError, Limits, clean
from antiphon.documents.recognise import recognise
from antiphon.platform.confinement import confine, die_with_the_parent

_LIBRARIES = (
    "charset_normalizer",
    "docx",
    "lxml.etree",
    "openpyxl",
    "openpyxl.worksheet._read_only",
    "pptx",
    "pypdfium2",
)
_NOWHERE = frozenset({"mbcs", "oem"})
"""Encodings of Windows alone."""


def main() -> int:
    limits = Limits(**json.loads(sys.argv[2]))
    die_with_the_parent(int(sys.argv[1]))
    # While files may still be opened.
    for module in _LIBRARIES:
        importlib.import_module(module)
    for encoding in pkgutil.iter_modules(encodings.__path__):
        if encoding.name not in _NOWHERE:
            importlib.import_module(f"encodings.{encoding.name}")
    confine(limits)
    try:
        report: dict[str, Any] = {"format": _read(limits, sys.argv[3])}
    except DocumentError as error:
        report = {"code": error.code, "detail": error.detail}
    except (MemoryError, RecursionError):
        report = {"code": "document_out_of_bounds", "detail": "Reading the document would take more than is allowed."}
    except BrokenPipeError:
        return 0  # nobody listens any more
    except Exception as error:  # noqa: BLE001 - whatever a library says of a damaged file
        report = {
            "code": "document_unreadable",
            "detail": f"The document is damaged or incomplete ({type(error).__name__}).",
        }
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(json.dumps(report) + "\n")
    return 0


def _read(limits: Limits, filename: str) -> str:
    # Whole: the file may have 100 MB, and every library here wants to go back and forth in it.
    file: BinaryIO = io.BytesIO(_whole())
    found = recognise(file, filename, limits)
    file.seek(0)
    pages = written = 0
    with open(1, "w", encoding="utf-8", closefd=False) as out:
        for text in EXTRACT[found](file):
            pages += 1
            cleaned = clean(text).strip()
            written += len(cleaned.encode())
            if pages > limits.max_pages or written > limits.max_text:
                detail = f"At most {limits.max_pages:,} pages and {limits.max_text:,} bytes of text are read."
                raise DocumentError(f"The document is too long. {detail}", code="document_too_long")
            out.write(json.dumps(cleaned, ensure_ascii=False) + "\n")
    return found


def _whole() -> bytes:
    with open(0, "rb", closefd=False) as file:
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
