"""What can be said of the web app without a browser."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from antiphon.platform.access import SCOPES
from infra.local.pages import policy

WEB = Path(__file__).resolve().parents[3] / "infra/web"
APP = sorted((WEB / "app").rglob("*.js"))
_STRING = r'"((?:[^"\\]|\\.)*)"'
FIRST_LOAD = 150_000
"""Bytes, compressed, that the first screen may take."""


def texts() -> set[str]:
    """All that the app says: what t() gets now, said() later, and both forms of a plural."""
    found: set[str] = set()
    for path in APP:
        source = path.read_text()
        found |= set(re.findall(rf"\b(?:t|said)\(\s*{_STRING}", source))
        found |= {form for both in re.findall(rf"\bplural\([^\"]*{_STRING}, {_STRING}\)", source) for form in both}
    return found


def hebrew() -> dict[str, str]:
    lines = (WEB / "app/strings/he.js").read_text()
    return dict(re.findall(rf"^  {_STRING}: {_STRING},$", lines, re.MULTILINE))


def test_each_text_is_there_in_hebrew_and_no_other() -> None:
    assert len(texts()) > 300
    assert set(hebrew()) == texts()


def test_translations_keep_the_places_of_values() -> None:
    """But for "one", which is a word."""

    def places(text: str) -> list[str]:
        return sorted(re.findall(r"\{(\w+)\}", text))

    wrong = [english for english, other in hebrew().items() if places(english) != places(other)]
    assert wrong == [english for english in wrong if f"{english}s" in hebrew()]


def test_libraries_are_the_ones_that_are_named() -> None:
    rows = re.findall(r"^\| (\w+\.js) \|.*\| ([0-9a-f]{64}) \|$", (WEB / "vendor/README.md").read_text(), re.MULTILINE)
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (WEB / "vendor").glob("*.js")}
    assert dict(rows) == files


def test_the_first_screen_is_small() -> None:
    """Everything that main.js and the chat import, and the sheet."""
    wanted, seen = (
        [WEB / "app/main.js", WEB / "app/screens/chat.js"],
        {WEB / "index.html", WEB / "styles.css", WEB / "icon.svg"},
    )
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        wanted += [(path.parent / name).resolve() for name in re.findall(r'from "(\.[^"]+)"', path.read_text())]
    assert sum(len(gzip.compress(path.read_bytes())) for path in seen) < FIRST_LOAD


def test_keys_may_be_given_every_permission() -> None:
    source = (WEB / "app/screens/keys.js").read_text()
    listed = re.search(r"SCOPES = \[(.*?)\]", source, re.DOTALL)
    assert listed
    assert set(re.findall(r'"([a-z:-]+)"', listed[1])) == SCOPES


@pytest.mark.parametrize("path", APP, ids=lambda path: path.name)
def test_no_module_makes_code_or_html_of_text(path: Path) -> None:
    """The policy refuses it too; but for Markdown, which the sanitizer has had."""
    source = path.read_text()
    assert not re.search(r"\beval\(|new Function|document\.write|insertAdjacentHTML|\.innerHTML|\bon\w+=\"", source)
    assert "dangerouslySetInnerHTML" not in source or path.name == "markdown.js"


def test_pages_load_nothing_from_elsewhere() -> None:
    assert "unsafe" not in policy([])
    assert not re.search(r"(src|href)=\"(https?:)?//", (WEB / "index.html").read_text())
    assert not re.search(r"url\(|@import", (WEB / "styles.css").read_text())
