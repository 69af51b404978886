"""The text of each format, page by page. Runs in the confined child alone: nothing here trusts the file, and nothing here opens another."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, BinaryIO

from antiphon.documents.model import DocumentError, sections
from antiphon.documents.recognise import SAMPLE, encoding_of

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_DROPPED = frozenset({"script", "style", "noscript", "template", "head", "svg", "object", "iframe"})
_HYPHEN = re.compile("\ufffe\r?\n?")
"""How PDFium marks a word that is divided at the end of a line."""
_PASSWORD = 4
"""FPDF_ERR_PASSWORD"""


def pdf(file: BinaryIO) -> Iterator[str]:
    """Page by page. Raises DocumentError ``document_encrypted``, ``document_unreadable``."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(file.read())
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD:
            raise DocumentError(
                "The document is protected by a password; save it without.", code="document_encrypted"
            ) from error
        raise _damaged() from error
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage()
            yield _HYPHEN.sub("", text.get_text_range() if text.count_chars() else "")
            text.close()
            page.close()
        except pypdfium2.PdfiumError as error:
            raise _damaged() from error


def docx(file: BinaryIO) -> Iterator[str]:
    """Paragraphs and tables in their order, in sections."""
    from docx import Document

    yield from sections(_body(Document(file).element.body))


def _body(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == f"{_W}p":
            yield _paragraph(child)
        elif child.tag == f"{_W}tbl":
            for row in child.iter(f"{_W}tr"):
                cells = (" ".join(filter(None, map(_paragraph, c.iter(f"{_W}p")))) for c in row if c.tag == f"{_W}tc")
                yield " | ".join(cells)
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent"):
            yield from _body(child)


def _paragraph(element: Any) -> str:
    """Without what is there a second time for older programs, and without what was deleted."""
    nodes = element.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr")
    return "".join(_said(n) for n in nodes if next(n.iterancestors(f"{_MC}Fallback"), None) is None)


def _said(node: Any) -> str:
    return (node.text or "") if node.tag == f"{_W}t" else "\t" if node.tag == f"{_W}tab" else "\n"


def pptx(file: BinaryIO) -> Iterator[str]:
    """Slide by slide: what its shapes say, tables row by row, then its notes."""
    from pptx import Presentation

    for slide in Presentation(file).slides:
        said = list(_shapes(slide.shapes))
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
            said.append(notes.text)
        yield "\n".join(text for text in said if text.strip())


def _shapes(shapes: Any) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield " | ".join(cell.text for cell in row.cells)


def xlsx(file: BinaryIO) -> Iterator[str]:
    """Each sheet in blocks of rows, its name above each block; the values that were there when it was saved, no formulas."""
    from openpyxl import load_workbook

    book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        rows = (
            " | ".join("" if v is None else str(v) for v in row).rstrip(" |")
            for row in sheet.iter_rows(values_only=True)
        )
        for block in sections(row for row in rows if row):
            yield f"{sheet.title}\n{block}"


def txt(file: BinaryIO) -> Iterator[str]:
    """In sections; of Markdown too, whose marks are text."""
    yield from sections(_decoded(file).splitlines())


def csv_(file: BinaryIO) -> Iterator[str]:
    """Rows in sections, their fields divided as those of other tables."""
    text = _decoded(file)
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(1 << 30)
    try:
        yield from sections(" | ".join(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise _damaged() from error


def html(file: BinaryIO) -> Iterator[str]:
    """What a reader sees, without scripts and styles; what is nested deeper than 2,048 elements is not read."""
    from lxml import etree

    text = _decoded(file)
    # Without a declaration that contradicts how it was decoded.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    if root is None:
        return
    lines = map(str.strip, "".join(_seen(root)).splitlines())
    yield from sections(filter(None, lines))


def _seen(root: Any) -> Iterator[str]:
    """Without recursion: nesting is the sender's choice."""
    from lxml import etree

    dropped = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            dropped += element.tag in _DROPPED
            if not dropped:
                if element.tag in _BLOCKS:
                    yield "\n"
                yield _one_line(element.text)
        else:
            dropped -= element.tag in _DROPPED
            if not dropped:
                if element.tag in _BLOCKS:
                    yield "\n"
                if element is not root:
                    yield _one_line(element.tail)


def _one_line(text: str | None) -> str:
    return " ".join(f"x{text}x".split())[1:-1] if text else ""


def _decoded(file: BinaryIO) -> str:
    raw = file.read()
    return raw.decode(encoding_of(raw[:SAMPLE]) or "utf-8", "replace")


def _damaged() -> DocumentError:
    return DocumentError("The document is damaged or incomplete: it cannot be read.", code="document_unreadable")


EXTRACT: Mapping[str, Callable[[BinaryIO], Iterator[str]]] = MappingProxyType(
    {"pdf": pdf, "docx": docx, "pptx": pptx, "xlsx": xlsx, "txt": txt, "md": txt, "html": html, "csv": csv_}
)
