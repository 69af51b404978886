"""Documents that users might send, good and hostile, made on the spot."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

PASSWORD_OF_NOBODY = "<" + "41" * 32 + ">"


def pdf(pages: Sequence[str], *, encrypted: bool = False) -> bytes:
    """One line of ASCII on each page; an empty one has no text, as a scanned page has none. encrypted: by a password that nobody knows."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        show = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET" if text else "0 0 100 100 re f"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(show)} >>\nstream\n{show}\nendstream")
    extra = ""
    if encrypted:
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /O {PASSWORD_OF_NOBODY} /U {PASSWORD_OF_NOBODY} /P -4 >>")
        extra = f"/Encrypt {len(objects)} 0 R /ID [<00> <00>]"
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode("ascii")
    out += b"".join(f"{place:010} 00000 n \n".encode("ascii") for place in places)
    return out + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{table}\n%%EOF\n".encode(
        "ascii"
    )


def docx(paragraphs: Sequence[str], table: Sequence[Sequence[str]] = ()) -> bytes:
    from docx import Document

    made = Document()
    for text in paragraphs:
        made.add_paragraph(text)
    if table:
        cells = made.add_table(len(table), len(table[0]))
        for row, texts in enumerate(table):
            for column, text in enumerate(texts):
                cells.cell(row, column).text = text
    return _saved(made)


def pptx(slides: Sequence[str], notes: str = "") -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    made = Presentation()
    for text in slides:
        slide = made.slides.add_slide(made.slide_layouts[6])
        slide.shapes.add_textbox(0, 0, Inches(5), Inches(1)).text_frame.text = text
    if notes:
        made.slides[0].notes_slide.notes_text_frame.text = notes
    return _saved(made)


def xlsx(sheets: dict[str, Sequence[Sequence[object]]]) -> bytes:
    from openpyxl import Workbook

    made = Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return _saved(made)


def bomb(size: int = 200 * 1024**2) -> bytes:
    """A docx of some 200 KB that unpacks to 200 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as entry:
        for _ in range(size >> 20):
            entry.write(b" " * (1 << 20))
    return file.getvalue()


def tight(size: int = 20 * 1024**2) -> bytes:
    """Small enough unpacked, but no document is packed a thousand times."""
    return bomb(size)


def many_entries(count: int = 2_001) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
        for number in range(count):
            archive.writestr(f"word/{number}.xml", "")
    return file.getvalue()


def archive(name: str = "talk.mp3") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, b"\xff\xfb" * 500)
    return file.getvalue()


def docx_with(xml: str) -> bytes:
    """A real docx whose text is this XML."""
    source = io.BytesIO(docx(["x"]))
    file = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, xml if name == "word/document.xml" else old.read(name))
    return file.getvalue()


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def laughing_docx() -> bytes:
    """Billion laughs."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return docx_with(
        f'<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY l0 "haha">{entities}]>'
        f"<w:document {_W}><w:body><w:p><w:r><w:t>&l11;</w:t></w:r></w:p></w:body></w:document>"
    )


def curious_docx(path: str) -> bytes:
    """Asks for a file of the machine that reads it (XXE)."""
    return docx_with(
        f'<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY f SYSTEM "file://{path}">]>'
        f"<w:document {_W}><w:body><w:p><w:r><w:t>before &f; after</w:t></w:r></w:p></w:body></w:document>"
    )


def _saved(made: object) -> bytes:
    file = io.BytesIO()
    made.save(file)  # type: ignore[attr-defined]
    return file.getvalue()
