"""L-07: what people and models wrote is data in every format, and each format is read back by a parser that is not ours."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message as Headers
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from antiphon.conversations.export import FORMATS, disposition, exported
from antiphon.conversations.model import Citation, Conversation, Message, Status

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TALK = Conversation("conv_1", "usr_1", NOW, NOW, title='Budget <b>&"\n\r', message_count=2)
EVIL = '<script>alert(1)</script>\n=HYPERLINK("https://evil.example")\nשלום, "עולם"'


def said(number: int, content: str, **changes: object) -> Message:
    return replace(Message(f"msg_{number}", "conv_1", "usr_1", "user", content, NOW, NOW), **changes)  # type: ignore[arg-type]


def file(format: str, *messages: Message) -> str:
    return b"".join(exported(TALK, iter(messages), format)).decode()


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_json_is_the_conversation_and_its_messages() -> None:
    found = json.loads(file("json", said(1, EVIL), said(2, "b")))
    assert found["conversation"]["id"] == "conv_1"
    assert [m["content"] for m in found["messages"]] == [EVIL, "b"]
    assert json.loads(file("json"))["messages"] == []


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(start: str) -> None:
    rows = list(csv.DictReader(io.StringIO(file("csv", said(1, start), said(2, EVIL)), newline="")))
    assert rows[0]["content"] == "'" + start
    assert rows[1]["content"] == EVIL
    assert [row["role"] for row in rows] == ["user", "user"]


def test_html_shows_every_character_and_makes_no_element_of_them() -> None:
    cited = said(
        2, EVIL, role="assistant", citations=(Citation("transcript", "job_<i>", "<img src=x>", 1.0, "<u>Anna"),)
    )
    page = Seen()
    page.feed(file("html", said(1, EVIL), cited))
    own = {"html", "head", "meta", "title", "style", "body", "h1", "article", "header", "div"}
    assert page.tags == own | {"blockquote", "small", "br"}
    assert page.text.count(EVIL) == 2
    assert "<img src=x>" in page.text


def test_markdown_and_text_keep_what_was_written() -> None:
    half = said(2, "**bold**", role="assistant", model="m", status=Status.INCOMPLETE)
    shown = MarkdownIt().render(file("md", said(1, "Hello"), half))
    assert "<strong>bold</strong>" in shown
    assert shown.count("<h1>") == 1
    assert "Antiphon (m)" in shown
    assert "incomplete" in file("txt", half)
    assert EVIL in file("txt", said(1, EVIL))


def test_the_name_of_the_file_is_the_title_and_breaks_no_header() -> None:
    for title, name in (
        ('תקציב "Q4"\r\nX: y', "תקציב Q4 X y"),
        ("../../etc/passwd", "etcpasswd"),
        ("…", "…"),
        ("..", "conversation"),
    ):
        header = disposition(replace(TALK, title=title), "md")
        assert header.isascii()
        assert "\n" not in header
        parsed = Headers()
        parsed["Content-Disposition"] = header
        assert parsed.get_filename() in (f"{name}.md", "conversation.md")
        assert parsed.get_content_disposition() == "attachment"


def test_messages_are_read_as_the_file_leaves() -> None:
    """Of any length: when the first piece is out, only what it holds has been read."""
    read = 0

    def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield said(read, "x")

    for format in FORMATS:
        read = 0
        pieces = exported(TALK, endless(), format)  # type: ignore[arg-type]
        for _ in range(5):
            next(pieces)
        assert read <= 5
