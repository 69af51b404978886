"""What each format says, page by page, and what it is taken for."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from antiphon.documents.extract import EXTRACT
from antiphon.documents.model import SECTION, DocumentError, Limits, clean
from antiphon.documents.recognise import recognise
from tests import document_samples as samples

HEBREW = "שלום עולם, זהו מסמך בעברית."
UMLAUTS = "Grüße aus Köln: schöne Straßen, große Bäume, süße Brötchen und viele Gäste überall."
LIMITS = Limits()


def kind_of(body: bytes, filename: str = "file") -> str:
    return recognise(io.BytesIO(body), filename, LIMITS)


def pages(body: bytes, filename: str = "file") -> list[str]:
    return [clean(text).strip() for text in EXTRACT[kind_of(body, filename)](io.BytesIO(body))]


def test_a_pdf_keeps_its_pages() -> None:
    body = samples.pdf(["The first page.", "", "The third page."])
    assert kind_of(body, "talk.mp3") == "pdf"
    assert pages(body) == ["The first page.", "", "The third page."]


def test_a_docx_says_paragraphs_and_tables_in_order() -> None:
    body = samples.docx(["One.", HEBREW], [["a", "b"], ["c", "d"]])
    assert kind_of(body) == "docx"
    assert pages(body) == [f"One.\n{HEBREW}\na | b\nc | d"]


def test_a_long_docx_is_cut_between_paragraphs() -> None:
    paragraphs = [f"{n} " + "word " * 99 for n in range(20)]
    found = pages(samples.docx(paragraphs))
    assert len(found) > 3
    assert all(len(page) <= SECTION for page in found)
    assert "\n".join(found).split() == " ".join(paragraphs).split()


def test_a_pptx_keeps_its_slides_with_their_notes() -> None:
    assert pages(samples.pptx(["First", "Second"], notes="Say hello")) == ["First\nSay hello", "Second"]


def test_an_xlsx_says_its_sheets_in_blocks_under_their_names() -> None:
    rows = [[f"row {n}", n, None, 0.5] for n in range(400)]
    found = pages(samples.xlsx({"Costs": rows, "Empty": [], "Names": [["Anna"], ["בן"]]}))
    assert found[0].startswith("Costs\nrow 0 | 0 |  | 0.5\nrow 1 |")
    assert found[-1] == "Names\nAnna\nבן"
    assert sum(page.count("row ") for page in found) == 400


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
def test_a_text_is_read_in_its_encoding(encoding: str) -> None:
    assert pages(UMLAUTS.encode(encoding), "letter.txt") == [UMLAUTS]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_hebrew_stays_in_reading_order(encoding: str) -> None:
    assert pages(HEBREW.encode(encoding), "letter.txt") == [HEBREW]


def test_names_tell_kinds_of_text_apart_and_nothing_else() -> None:
    assert [kind_of(b"# Title\n\nText.", name) for name in ("a.md", "a.txt", "a.pdf", "a")] == [
        "md",
        "txt",
        "txt",
        "txt",
    ]
    assert kind_of(b"a;b\n1;2\n", "a.csv") == "csv"
    assert kind_of(b"\n<!DOCTYPE html><p>Hello", "a.txt") == "html"


def test_a_csv_is_read_by_its_own_delimiter() -> None:
    assert pages(b'name;note\nAnna;"one; two"\n', "a.csv") == ["name | note\nAnna | one; two"]


def test_html_says_what_a_reader_sees() -> None:
    body = f"""<!DOCTYPE html><html><head><title>T</title><style>p{{}}</style></head><body><script>alert(1)</script>
      <h1>Hello</h1><p>A <b>bold</b>
      word.</p><table><tr><td>1</td><td>2</td></tr></table><p>{HEBREW}</p></body></html>"""
    assert pages(body.encode())[0].split("\n") == ["Hello", "A bold word.", "1", "2", HEBREW]


def test_deep_nesting_is_no_way_out() -> None:
    assert pages(b"<html><p>before" + b"<div>" * 1_500 + b"deep" + b"</div>" * 1_500 + b"<p>after") == [
        "before\ndeep\nafter"
    ]


REFUSED = {
    "empty": (b" \n ", "empty_document"),
    "a photograph": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 20, "unsupported_format"),
    "an archive": (samples.archive(), "unsupported_format"),
    "an old Office file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "unsupported_format"),
    "an Office file behind a password": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "EncryptedPackage".encode("utf-16-le"),
        "document_encrypted",
    ),
    "a PDF behind a password": (samples.pdf(["secret"], encrypted=True), "document_encrypted"),
    "half a PDF": (samples.pdf(["text"])[:90], "document_unreadable"),
    "half a docx": (samples.docx(["text"])[:5000], "document_unreadable"),
    "too many entries": (samples.many_entries(), "document_out_of_bounds"),
    "packed too tightly": (samples.tight(), "document_out_of_bounds"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_reason(name: str) -> None:
    """U-24"""
    body, code = REFUSED[name]
    with pytest.raises(DocumentError) as refused:
        pages(body, "report.pdf")
    assert (refused.value.code, refused.value.retryable) == (code, False)
    assert refused.value.detail.endswith(".")


def test_the_directory_of_an_archive_is_held_to_the_limits() -> None:
    """U-24: before anything of it is unpacked."""
    with pytest.raises(DocumentError) as refused:
        recognise(io.BytesIO(samples.docx(["text"])), "a.docx", replace(LIMITS, max_unpacked=1000))
    assert refused.value.code == "document_out_of_bounds"
