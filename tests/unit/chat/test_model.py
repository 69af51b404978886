from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.conversations.model import (
    OVERHEAD,
    SILENT_FOR,
    UNTITLED,
    ChatOptions,
    Message,
    Said,
    Status,
    title_of,
    turns_within,
)
from antiphon.engines.chat import tokens_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def message(role: str, content: str) -> Message:
    return Message("msg_1", "conv_1", "usr_1", role, content, NOW, NOW)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello there. How are you?", "Hello there."),
        ("# **Plan** for `today`\n\nmore", "Plan for today"),
        ("one two " * 30, "one two one two one two one two one two one two one two one …"),
        ("   \n ", UNTITLED),
        ("שלום לכם! מה שלומכם?", "שלום לכם!"),
        ("3.5 is a number", "3.5 is a number"),
    ],
)
def test_a_title_is_the_first_sentence(text: str, title: str) -> None:
    assert title_of(text) == title


history = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=60)), max_size=20)


@given(history, st.integers(0, 300))
def test_of_any_history_the_newest_that_fit_are_kept(said: list[tuple[str, str]], room: int) -> None:
    """L-10"""
    messages = [Said("msg_1", role, text) for role, text in said]  # newest first
    turns = turns_within(messages, room)
    assert sum(tokens_of(turn.text) + OVERHEAD for turn in turns) <= room
    assert not turns or turns[0].role == "user"
    kept = [m.content for m in reversed([m for m in messages if m.content][: len(turns)])]
    whole = [turn.text for turn in turns]
    # Whole messages, in their order, and none older than one that was left out.
    assert whole == kept


def test_the_options_of_a_request_go_over_those_of_the_conversation() -> None:
    conversation = ChatOptions(0.5, None, 100, "Be brief.")
    assert ChatOptions(temperature=0.0).over(conversation) == ChatOptions(0.0, None, 100, "Be brief.")
    assert ChatOptions().settings.max_output_tokens == 1024


def test_what_nobody_writes_any_more_is_shown_as_incomplete() -> None:
    writing = replace(message("assistant", "Hel"), status=Status.STREAMING)
    assert writing.settled(NOW + SILENT_FOR).status is Status.STREAMING
    left = writing.settled(NOW + SILENT_FOR + timedelta(seconds=1))
    assert (left.status, left.ended, left.content) == (Status.INCOMPLETE, "interrupted", "Hel")
