"""What is to be said, out of what was sent."""

from __future__ import annotations

import pytest

from antiphon.platform.errors import EngineError
from antiphon.speech.text import MAX_BYTES, text_of


def said(body: str | bytes, content_type: str | None = None, filename: str | None = None) -> str:
    raw = body.encode() if isinstance(body, str) else body
    return text_of(raw, content_type=content_type, filename=filename)


def refused(body: str | bytes, content_type: str | None = None, filename: str | None = None) -> str:
    with pytest.raises(EngineError) as caught:
        said(body, content_type, filename)
    assert not caught.value.retryable
    return caught.value.code


def test_plain_text_stays_as_it_is() -> None:
    text = "Grüße aus *Köln*: 5 < 6 & so weiter.\n\n# Ende"
    assert said(text, "text/plain; charset=utf-8", "a.txt") == text


def test_a_byte_order_mark_is_not_said() -> None:
    assert said(b"\xef\xbb\xbfHello.") == "Hello."


@pytest.mark.parametrize(("content_type", "filename"), [("text/markdown", None), (None, "a.MD"), (None, "a.markdown")])
def test_markdown_is_known_by_type_or_name(content_type: str | None, filename: str | None) -> None:
    assert said("# Title\n\nSome **bold** words.", content_type, filename) == "Title\n\nSome bold words."


def test_of_markdown_only_what_a_reader_sees_is_said() -> None:
    text = """
- first [link](https://example.com/a?b=c)
- second `code`

```python
print("not said")
```

| A | B |
|---|---|
| 1 | 2 |

![a picture](p.png) <b>tags</b>
"""
    found = said(text, "text/markdown")
    assert found == "first link\n\nsecond code\n\nA\n\nB\n\n1\n\n2\n\na picture tags"


@pytest.mark.parametrize(
    ("content_type", "filename"), [("application/ssml+xml", None), (None, "a.ssml"), (None, None), ("text/plain", None)]
)
def test_ssml_is_known_by_type_name_or_first_tag(content_type: str | None, filename: str | None) -> None:
    body = '<speak version="1.0">Hello <break time="1s"/><emphasis>dear</emphasis> reader.</speak>'
    assert said(body, content_type, filename) == "Hello dear reader."


BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><speak>&b;</speak>'
FILE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hostname">]><speak>&a;</speak>'


@pytest.mark.parametrize("body", [BOMB, FILE, "<speak>never closed", "<speak>&unknown;</speak>"])
def test_ssml_that_would_grow_read_or_end_early_is_refused(body: str) -> None:
    assert refused(body, "application/ssml+xml") == "text_unreadable"


def test_what_is_no_utf_8_is_refused() -> None:
    assert refused("Grüße".encode("latin-1")) == "text_unreadable"


@pytest.mark.parametrize("body", ["", " \n\t", "<speak> <break/> </speak>"])
def test_a_text_without_a_word_is_refused(body: str) -> None:
    assert refused(body) == "text_empty"


def test_markdown_without_a_word_is_refused() -> None:
    assert refused("```\ncode\n```", "text/markdown") == "text_empty"


def test_more_than_the_limit_is_refused() -> None:
    assert refused(b"a" * (MAX_BYTES + 1)) == "text_too_long"
