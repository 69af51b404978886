"""What a document is, by its content: its name only tells kinds of plain text apart."""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO

from antiphon.documents.model import DocumentError, Limits

HEAD = 1024
"""Bytes in which a PDF has its mark."""
SAMPLE = 262_144
"""Bytes of a text by which its encoding is guessed."""
_INSIDE: Mapping[str, str] = MappingProxyType(
    {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
)
_ENCRYPTED_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""A compound file: an old Office document, or a new one behind a password."""
_HTML = re.compile(rb"<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\v\f\r\x1b\x1a"))
MARKS = 0.002
"""Of the bytes of a text, those that may be control characters."""


def recognise(file: BinaryIO, filename: str, limits: Limits) -> str:
    """One of FORMATS. Raises DocumentError: ``empty_document unsupported_format document_encrypted document_out_of_bounds document_unreadable``."""
    file.seek(0)
    head = file.read(SAMPLE)
    if not head.strip():
        raise DocumentError("The document is empty.", code="empty_document")
    if b"%PDF-" in head[:HEAD]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _zipped(file, limits)
    if head.startswith(_ENCRYPTED_OFFICE):
        if "EncryptedPackage".encode("utf-16-le") in head or _encrypted_further_on(file):
            raise DocumentError("The document is protected by a password; save it without.", code="document_encrypted")
        raise _unsupported("It is of an old Office; save it as docx, pptx or xlsx.")
    encoding = encoding_of(head)
    if encoding is None:
        raise _unsupported("It is none of these.")
    ascii_of = head.decode(encoding, "replace").encode("ascii", "ignore")
    if _HTML.search(ascii_of[:4096]):
        return "html"
    ending = filename.rpartition(".")[2].lower()
    return {"md": "md", "markdown": "md", "csv": "csv", "tsv": "csv"}.get(ending, "txt")


def encoding_of(head: bytes) -> str | None:
    """The name of the encoding of a text by its beginning, None where it is no text."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if wide := _utf16(head):
        return wide
    if len(head.translate(None, _CONTROLS)) < len(head) * (1 - MARKS) or b"\0" in head:
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < SAMPLE)
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        found = from_bytes(head, steps=5, chunk_size=512).best()
        return found.encoding if found else None
    return "utf-8"


def _utf16(head: bytes) -> str | None:
    """Without a mark at its beginning: of letters that Latin scripts use, every second byte is zero."""
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    most = min(len(head), 2000) // 2
    if odd > 0.4 * most and even < 0.05 * most:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * most and odd < 0.05 * most else None


def _zipped(file: BinaryIO, limits: Limits) -> str:
    """U-24: what the directory of the archive says is held to the limits before anything is unpacked; Python's zipfile unpacks no more than it says."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise DocumentError("The document is damaged or incomplete.", code="document_unreadable") from error
    if len(entries) > limits.max_entries:
        raise _bomb(f"It holds {len(entries):,} parts; at most {limits.max_entries:,} are read.")
    unpacked, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if unpacked > limits.max_unpacked:
        raise _bomb(f"Unpacked it has {unpacked:,} bytes; at most {limits.max_unpacked:,} are read.")
    if unpacked > 1_000_000 and unpacked > limits.max_ratio * max(1, packed):
        raise _bomb("It is packed more tightly than any real document.")
    if any(e.flag_bits & 1 for e in entries):
        raise DocumentError("The document is protected by a password; save it without.", code="document_encrypted")
    for name, found in _INSIDE.items():
        if any(e.filename == name for e in entries):
            return found
    raise _unsupported("It is another kind of archive.")


def _encrypted_further_on(file: BinaryIO) -> bool:
    """The directory of a compound file may stand anywhere."""
    file.seek(0)
    before, mark = b"", "EncryptedPackage".encode("utf-16-le")
    while block := file.read(1 << 20):
        if mark in before + block:
            return True
        before = block[-len(mark) :]
    return False


def _bomb(detail: str) -> DocumentError:
    return DocumentError(detail, code="document_out_of_bounds")


def _unsupported(why: str) -> DocumentError:
    return DocumentError(f"Send a pdf, docx, pptx, xlsx, txt, md, html or csv. {why}", code="unsupported_format")
