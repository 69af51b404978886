"""U-24: whatever a document holds, it is read by a process that can open nothing, within limits, and ends with pages or a reason."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from antiphon.documents.model import DocumentError, Limits
from antiphon.documents.read import Reading
from tests import document_samples as samples
from tests.integration.media.conftest import nothing_left, resident

__all__ = ["nothing_left", "resident"]

pytestmark = pytest.mark.usefixtures("nothing_left")
HEBREW = "שלום עולם"
LATIN = "Grüße aus Köln: schöne Straßen, große Bäume und viele süße Brötchen."
CODES = {
    "unsupported_format",
    "empty_document",
    "document_encrypted",
    "document_unreadable",
    "document_too_long",
    "document_out_of_bounds",
}
GOOD: dict[str, tuple[bytes, str, str, list[str]]] = {
    "pdf": (samples.pdf(["One.", "", "Three."]), "a", "pdf", ["One.", "", "Three."]),
    "docx": (samples.docx(["One.", HEBREW], [["a", "b"]]), "a", "docx", [f"One.\n{HEBREW}\na | b"]),
    "pptx": (samples.pptx(["One", "Two"], "Note"), "a", "pptx", ["One\nNote", "Two"]),
    "xlsx": (samples.xlsx({"S": [["a", 1]], "T": [[HEBREW]]}), "a", "xlsx", ["S\na | 1", f"T\n{HEBREW}"]),
    "html": (f"<html><p>{HEBREW}</p></html>".encode(), "a.txt", "html", [HEBREW]),
    "markdown": (b"# A\n\n* b\n", "a.md", "md", ["# A\n\n* b"]),
    "csv": (b"a,b\n1,2\n", "a.csv", "csv", ["a | b\n1 | 2"]),
    "Latin-1": (LATIN.encode("latin-1"), "a.txt", "txt", [LATIN]),
    "UTF-16": (HEBREW.encode("utf-16"), "-rf; x", "txt", [HEBREW]),
}


def read(tmp_path: Path, body: bytes, filename: str = "a.pdf", limits: Limits | None = None) -> tuple[list[str], str]:
    path = tmp_path / "document"
    path.write_bytes(body)
    with Reading(path, filename, limits) as reading:
        found = [page.text for page in reading]
    return found, reading.format


@pytest.mark.parametrize("name", GOOD)
def test_each_format_is_read_without_opening_anything(name: str, tmp_path: Path) -> None:
    body, filename, format, pages = GOOD[name]
    assert read(tmp_path, body, filename) == (pages, format)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "empty_document"),
    "zeros": (lambda: bytes(1 << 20), "unsupported_format"),
    "a zip bomb": (samples.bomb, "document_out_of_bounds"),
    "a tight one": (samples.tight, "document_out_of_bounds"),
    "a password": (lambda: samples.pdf(["x"], encrypted=True), "document_encrypted"),
    "half a pdf": (lambda: samples.pdf(["x" * 50] * 40)[:4000], "document_unreadable"),
    "half a pptx": (lambda: samples.pptx(["x"])[:20_000], "document_unreadable"),
    "a docx without its parts": (lambda: samples.archive("word/document.xml"), "document_unreadable"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_ends_soon_with_a_reason(name: str, tmp_path: Path, resident: Callable[[], int]) -> None:
    make, code = BAD[name]
    body, before, began = make(), resident(), time.monotonic()
    with pytest.raises(DocumentError) as refused:
        read(tmp_path, body)
    assert refused.value.code == code
    assert refused.value.detail.endswith(".")
    assert time.monotonic() - began < 10
    assert resident() - before < 200 << 20


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    """U-24: neither a billion laughs nor a file of this machine; the text around may be read or not."""
    secret = tmp_path / "secret"
    secret.write_text("canary-4711")
    for body in (samples.laughing_docx(), samples.curious_docx(str(secret))):
        try:
            said = "".join(read(tmp_path, body, "a.docx")[0])
        except DocumentError as refused:
            said = refused.detail
        assert len(said) < 1000
        assert "canary" not in said


def test_more_pages_or_text_than_allowed_are_refused(tmp_path: Path) -> None:
    limits = replace(Limits(), max_pages=3, max_text=10_000)
    for body, filename in ((samples.pdf(["x"] * 4), "a.pdf"), (b"word " * 2_001, "a.txt")):
        with pytest.raises(DocumentError) as refused:
            read(tmp_path, body, filename, limits)
        assert refused.value.code == "document_too_long"


@pytest.mark.parametrize("limit", [{"max_cpu": 1}, {"max_wall": 1}])
def test_the_kernel_ends_a_reader_that_does_not(limit: dict[str, int], tmp_path: Path) -> None:
    rows = io.BytesIO(b"a,b,c,d\n" * 5_000_000)
    with pytest.raises(DocumentError) as refused:
        read(tmp_path, rows.getvalue(), "a.csv", replace(Limits(), max_text=1 << 40, max_pages=1 << 30, **limit))
    assert refused.value.code == "document_out_of_bounds"


def test_memory_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as refused:
        read(tmp_path, b"word \n" * 15_000_000, "a.txt", replace(Limits(), max_memory=700 << 20))
    assert refused.value.code == "document_out_of_bounds"


def test_damaged_documents_cost_nothing_but_themselves(tmp_path: Path) -> None:
    """U-22 for documents: cut at every tenth, and with a byte changed here and there."""
    whole = {
        "pdf": samples.pdf(["some text"] * 5),
        "docx": samples.docx(["some text"]),
        "xlsx": samples.xlsx({"S": [[1]]}),
    }
    bodies = [body[: len(body) * tenth // 10] for body in whole.values() for tenth in (1, 9)]
    for body in whole.values():
        for place in (7, len(body) // 2):
            changed = bytearray(body)
            changed[place] ^= 0xFF
            bodies.append(bytes(changed))

    def outcome(numbered: tuple[int, bytes]) -> str:
        folder = tmp_path / str(numbered[0])
        folder.mkdir()
        try:
            read(folder, numbered[1])
        except DocumentError as refused:
            return refused.code
        return "read"

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(outcome, enumerate(bodies)))
    assert outcomes <= {*CODES, "read"}
    assert "document_unreadable" in outcomes


def test_the_reader_knows_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the keys of the account; of the libraries' place it must know, or no Python starts where Lambda keeps it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/var/lang/lib")
    path = tmp_path / "document"
    path.write_bytes(samples.pdf(["x" * 60] * 3_000))
    with Reading(path, "a.pdf") as reading:
        next(iter(reading))
        known = Path(f"/proc/{reading.pid}/environ").read_bytes().split(b"\0")
    assert {each.partition(b"=")[0] for each in known} - {b"", b"LC_CTYPE"} == {b"PYTHONPATH", b"LD_LIBRARY_PATH"}


def test_leaving_early_ends_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(samples.pdf(["x" * 60] * 500))
    with Reading(path, "a.pdf") as reading:
        assert next(iter(reading)).number == 1
