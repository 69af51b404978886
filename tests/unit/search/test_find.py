"""Search by words and by meaning, on the fakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ulid import ULID

from antiphon.platform.errors import Invalid, Unavailable
from antiphon.search.find import WINDOW, Find
from antiphon.search.keep import Keep
from antiphon.search.memory import MemoryIndex, MemoryVectors
from antiphon.search.model import (
    BLOCK_WORDS,
    MAX_WINDOWS,
    WINDOW_CHARACTERS,
    Entry,
    Errand,
    Kind,
    Line,
    Part,
    Query,
    blocks,
    hit,
    windows,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALL = (Kind.MESSAGE, Kind.TRANSCRIPT, Kind.DOCUMENT)


class Shelf:
    """Material of one user, as it stands."""

    def __init__(self) -> None:
        self.held: list[Part] = []

    def parts(self, errand: Errand) -> Iterator[Part]:
        return iter(
            [p for p in self.held if (p.kind, p.parent) == (errand.kind, errand.parent) and errand.id in (None, p.key)]
        )

    def part(self, user_id: str, kind: Kind, parent: str, key: str) -> Part | None:
        return next((p for p in self.held if (p.kind, p.parent, p.key) == (kind, parent, key)), None)


class Letters:
    """Means of a text how often each letter stands in it: enough to be near and far."""

    name = "letters"

    def embed(self, texts: list[str]) -> list[list[float]]:
        found = []
        for text in texts:
            counts = [float(text.count(chr(97 + n))) for n in range(26)]
            length = sum(c * c for c in counts) ** 0.5 or 1
            found.append([c / length for c in counts])
        return found


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


class Bench:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.index, self.vectors = shelf, MemoryIndex(), MemoryVectors()
        self.keep = Keep(self.index, shelf, embedder=Letters(), vectors=self.vectors)  # type: ignore[arg-type]
        self.find = Find(self.index, shelf, lambda: NOW, embedder=Letters(), vectors=self.vectors)  # type: ignore[arg-type]
        self.made = 0

    def say(self, text: str, conversation: str = "conv_1", kind: Kind = Kind.MESSAGE) -> str:
        self.made += 1
        key = f"{kind.prefix}_{ULID.from_datetime(NOW - timedelta(hours=1) + timedelta(milliseconds=self.made))}"
        part = Part(kind, key, conversation, (Line(text),))
        self.shelf.held.append(part)
        self.keep(Errand("usr_1", kind, conversation, key))
        return key

    def words(self, text: str, limit: int = 10, **more: object) -> list[str]:
        query = Query(text, ALL, **more)  # type: ignore[arg-type]
        return [h.part.key for h in self.find.by_words("usr_1", query, limit).items]


@pytest.fixture
def bench(shelf: Shelf) -> Bench:
    return Bench(shelf)


def test_all_words_have_to_be_there(bench: Bench) -> None:
    both, _ = bench.say("The budget of next year"), bench.say("A budget")
    assert bench.words("budget YEAR") == [both]
    assert len(bench.words("budget")) == 2
    assert bench.words("budget penguin") == []
    with pytest.raises(Invalid):
        bench.words("…")


def test_what_says_more_of_it_in_fewer_words_comes_first(bench: Bench) -> None:
    long = bench.say("budget " + "filler " * 200)
    twice = bench.say("budget, budget!")
    assert bench.words("budget") == [twice, long]


def test_a_frequent_word_does_not_hide_a_rare_one(bench: Bench) -> None:
    """The rare word's only place lies behind more newer places of the frequent word than one look takes."""
    wanted = bench.say("common zebra")
    for _ in range(WINDOW + 50):
        bench.say("common")
    assert bench.words("common zebra") == [wanted]


def test_pages_follow_each_other_without_gap_or_repeat(bench: Bench) -> None:
    made = {bench.say(f"word number{n}") for n in range(WINDOW * 2 + 30)}
    bench.made = 3_700_000  # what comes meanwhile is younger than the first page
    seen: list[str] = []
    position = None
    while True:
        page = bench.find.by_words("usr_1", Query("word", ALL), 90, position)
        seen += [h.part.key for h in page.items]
        position = page.position
        if position is None:
            break
        bench.say("word that came meanwhile")
    assert set(seen) == made
    assert len(seen) == len(made)


def test_a_conversation_is_searched_alone(bench: Bench) -> None:
    bench.say("word", "conv_1")
    two = bench.say("word", "conv_2")
    assert bench.words("word", parent="conv_2", since=NOW - timedelta(days=1)) == [two]
    assert bench.words("word", parent="conv_2", since=NOW) == []


def test_nobody_finds_what_belongs_to_somebody_else(bench: Bench) -> None:
    """A-42"""
    bench.say("secret")
    assert bench.find.by_words("usr_2", Query("secret", ALL), 10).items == ()
    assert bench.find.by_meaning("usr_2", Query("secret", ALL), 10).items == ()


def test_what_is_gone_is_not_found_and_then_not_kept(bench: Bench) -> None:
    bench.say("word")
    bench.shelf.held.clear()
    assert bench.words("word") == []
    assert bench.keep(Errand("usr_1", Kind.MESSAGE, "conv_1")) == 0
    assert (bench.index.held, bench.vectors.held) == ({}, {})


def test_what_vanishes_while_it_is_indexed_leaves_nothing(bench: Bench) -> None:
    """An account that is erased between reading and writing."""
    part = Part(Kind.TRANSCRIPT, "job_1#00000", "job_1", (Line("word"),))
    answers = [iter([part]), iter([])]
    bench.shelf.parts = lambda errand: answers.pop(0)  # type: ignore[method-assign]
    assert bench.keep(Errand("usr_1", Kind.TRANSCRIPT, "job_1")) == 0
    assert (bench.index.held, bench.vectors.held) == ({}, {})


def test_a_changed_text_is_found_by_its_new_words_only(bench: Bench) -> None:
    key = bench.say("old words", "job_1", Kind.TRANSCRIPT)
    bench.shelf.held = [replace(bench.shelf.held[0], lines=(Line("new words"),))]
    for _ in range(2):
        assert bench.keep(Errand("usr_1", Kind.TRANSCRIPT, "job_1")) == 1
    assert bench.words("old") == []
    assert bench.words("new") == [key]


def test_meaning_ranks_by_nearness_and_ends(bench: Bench) -> None:
    far, near = bench.say("zzzz aab"), bench.say("aaabb")
    page = bench.find.by_meaning("usr_1", Query("aab", ALL), 1)
    assert [h.part.key for h in page.items] == [near]
    page = bench.find.by_meaning("usr_1", Query("aab", ALL), 1, page.position)
    assert [h.part.key for h in page.items] == [far]
    assert page.position is None
    assert bench.find.by_meaning("usr_1", Query("qqq", ALL), 9).items == ()


def test_without_a_model_meaning_says_that_it_is_not_there(shelf: Shelf) -> None:
    bare = Find(MemoryIndex(), shelf, lambda: NOW)
    with pytest.raises(Unavailable, match="keyword"):
        bare.by_meaning("usr_1", Query("a", ALL), 1)


def test_a_hit_shows_the_line_and_the_stretch_with_the_words() -> None:
    lines = (Line("Nothing here.", 0.0), Line("x " * 300 + "the budget is small " + "y " * 300, 4.5, "Anna"))
    found = hit(Part(Kind.TRANSCRIPT, "job_1#00000", "job_1", lines), ("budget", "small"), 1.0)
    assert (found.start, found.speaker) == (4.5, "Anna")
    assert [text for text, match in found.fragments if match] == ["budget", "small"]
    assert found.snippet.startswith("… ")
    assert found.snippet.endswith(" …")
    assert len(found.snippet) < 300


def test_marks_of_words_without_spaces_join() -> None:
    found = hit(Part(Kind.MESSAGE, "msg_1", "conv_1", (Line("東京都に行く"),)), ("東京", "京都"), 1.0)
    assert found.fragments == (("東京都", True), ("に行く", False))


def test_blocks_begin_where_any_of_them_is_read_from() -> None:
    lines = [(n, Line("five words are in it")) for n in range(100)]
    all_blocks = list(blocks(lines))
    assert sum(len(block) for _, block in all_blocks) == 100
    assert len(all_blocks[0][1]) == BLOCK_WORDS // 5
    for first, block in all_blocks:
        assert next(blocks(lines[first:])) == (first, block)


def test_windows_hold_every_word_up_to_their_number() -> None:
    text = " ".join(f"word{n}" for n in range(500))
    assert " ".join(windows(text)) == text
    assert max(map(len, windows(text))) <= WINDOW_CHARACTERS + 10
    assert len(windows("word " * 100_000)) == MAX_WINDOWS
    assert windows(" ") == []


def test_an_entry_counts_its_words() -> None:
    entry = Entry.of(Part(Kind.MESSAGE, "msg_1", "conv_1", (Line("a b"), Line("A"))))
    assert (entry.counts, entry.length) == ({"a": 2, "b": 1}, 3)
