"""Conversations as a person sees them."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.model_servers import Act, OpenAiServer


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_label("Message", exact=True).press("Enter")


def begin(page: Page) -> None:
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()


def test_an_answer_streams_is_stored_and_is_found(page: Page) -> None:
    begin(page)
    say(page, "What do you say in the morning?")
    answer = page.locator(".message.assistant")
    expect(answer.locator("strong")).to_have_text("morning")
    expect(page.locator(".talk h1")).to_contain_text("morning")
    page.reload()
    expect(answer).to_contain_text("Good morning.")
    page.get_by_label("Search everything").fill("morning")
    expect(page.locator(".chats mark").first).to_have_text("morning")
    page.locator(".chats a.row").first.click()
    expect(page.locator(".message.user")).to_be_in_viewport()


def test_what_another_tab_says_brings_its_conversation_to_the_top(page: Page) -> None:
    begun = []
    for number in range(2):
        begin(page)
        say(page, f"Hello, the {number}. time")
        expect(page.locator(".message.assistant .meta")).to_be_visible()
        begun.append(urlsplit(page.url).path)
    first, second = begun
    other = page.context.new_page()
    other.goto("/chat")
    rows = other.locator(".chats a.row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_have_attribute("href", second)
    page.goto(first)
    say(page, "Once more")
    expect(rows.first).to_have_attribute("href", first)
    expect(rows.first).to_contain_text("4 messages")
    begin(page)
    say(page, "Something else")
    expect(rows.first).to_have_attribute("href", urlsplit(page.url).path)
    expect(rows).to_have_count(3)


def test_an_answer_is_stopped_and_what_was_seen_stays(page: Page, provider: OpenAiServer) -> None:
    provider.script[:] = [Act(("One ", "two ", "three."), after="hang"), Act(("Good ", "**mor", "ning**."))]
    begin(page)
    say(page, "Count slowly")
    answer = page.locator(".message.assistant")
    expect(answer).to_contain_text("three.")
    page.get_by_role("button", name="Stop").click()
    expect(answer.locator(".badge")).to_have_text("Stopped")
    page.reload()
    expect(answer).to_contain_text("One two three.")
    expect(answer.locator(".badge")).to_have_text("Stopped")


def test_a_model_that_fails_is_told_in_words_and_the_message_stays(
    page: Page, provider: OpenAiServer, watched: Watched
) -> None:
    watched.allowed.append("status of 5")
    provider.script[:] = [Act(status=400), Act(("Good ", "**mor", "ning**."))]
    begin(page)
    say(page, "Will you answer?")
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.locator(".message.user")).to_contain_text("Will you answer?")


def test_a_conversation_is_renamed_exported_archived_and_deleted(page: Page) -> None:
    begin(page)
    say(page, "Hello")
    expect(page.locator(".message.assistant .meta")).to_be_visible()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Title").fill("Greetings")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator(".talk h1")).to_have_text("Greetings")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as got:
        page.get_by_role("button", name="md", exact=True).click()
    assert got.value.suggested_filename == "Greetings.md"
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator(".chats")).to_contain_text("Your conversations will be here.")
    page.get_by_label("Archived").check()
    expect(page.locator(".chats")).to_contain_text("Greetings")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".chats")).to_contain_text("Nothing is archived.")


def test_settings_and_presets(page: Page, provider: OpenAiServer) -> None:
    begin(page)
    page.get_by_role("button", name="Model and settings").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Instructions").fill("Answer like a pirate.")
    dialog.get_by_label("Temperature").fill("0.3")
    dialog.get_by_label("Keep as a preset named").fill("Pirate")
    dialog.get_by_role("button", name="Keep the preset").click()
    expect(dialog.get_by_role("button", name="Pirate", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    say(page, "Who are you?")
    expect(page.locator(".message.assistant .meta")).to_be_visible()
    asked = next(body for body in reversed(provider.seen) if body.get("stream"))
    assert (asked["temperature"], asked["messages"][0]["content"]) == (0.3, "Answer like a pirate.")


def test_a_voice_message_is_heard_and_answered(page: Page) -> None:
    """From a microphone that beeps: the run ends, with an answer or with a reason in words."""
    begin(page)
    page.get_by_role("button", name="Voice message").click()
    expect(page.get_by_role("button", name="Send the recording")).to_contain_text("0:01")
    page.get_by_role("button", name="Send the recording").click()
    expect(page.locator(".run")).to_be_visible()
    expect(page.locator(".run")).to_be_hidden(timeout=60_000)
    expect(page.locator(".message.user audio")).to_be_visible()


def test_the_view_follows_what_comes(page: Page) -> None:
    begin(page)
    for _ in range(2):
        say(page, "Again")
        expect(page.get_by_role("button", name="Send")).to_be_visible()
    box = page.locator(".messages")
    expect(page.locator(".message.assistant")).to_have_count(2)
    at_end = box.evaluate("box => box.scrollHeight - box.scrollTop - box.clientHeight")
    assert at_end < 2
