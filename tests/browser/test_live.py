"""What happens elsewhere is seen as it happens, and nothing of it is lost while the connection is away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.test_chat import begin, say

PUSHED_ONLY = "window.setInterval = () => 0"
"""A page without it never looks by itself: what it shows was pushed."""


def other_tab(page: Page, path: str, **more: Any) -> Page:
    other = page.context.new_page()
    other.add_init_script(PUSHED_ONLY)
    if "route" in more:
        other.route_web_socket("**/ws", more["route"])
    other.goto(path)
    other.wait_for_function("async () => (await import('/app/live.js')).line.value === 'open'")
    return other


def speak(page: Page, text: str) -> None:
    page.goto("/speech")
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Speak").click()
    page.locator(".badge").first.wait_for()


def test_a_job_of_another_tab_appears_and_ends_by_itself(page: Page) -> None:
    tabs = [other_tab(page, path) for path in ("/speech", "/dashboard")]
    speak(page, "Good morning.")
    for tab in tabs:
        row = tab.locator("a.row", has_text="Good morning.")
        expect(row.locator(".badge")).to_have_text("Done", timeout=60_000)


def test_a_message_of_another_tab_appears_with_its_answer(page: Page) -> None:
    begin(page)
    page.wait_for_url("**/chat/conv_*")
    tab = other_tab(page, page.url)
    say(page, "What do you say in the morning?")
    expect(tab.locator(".message.assistant .meta")).to_be_visible()
    expect(tab.locator(".message.user")).to_have_count(1)
    expect(tab.locator(".message.assistant")).to_contain_text("Good morning.")
    expect(tab.locator(".talk h1")).to_contain_text("morning")


class Line:
    """The way of a page to the server, which can be cut. said: what the page sent on it."""

    def __init__(self) -> None:
        self.is_cut = False
        self.said: list[dict[str, Any]] = []
        self._end: Callable[[], None] = lambda: None

    def __call__(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            socket.on_message(lambda _: socket.close(code=1012))
            return
        server = socket.connect_to_server()

        def send(text: str | bytes) -> None:
            self.said.append(json.loads(text))
            server.send(text)

        def end() -> None:
            server.close()
            socket.close(code=1012)

        socket.on_message(send)
        self._end = end

    def cut(self) -> None:
        self.is_cut = True
        self._end()


def test_a_lost_connection_is_said_and_what_was_missed_comes_with_the_next_one(page: Page) -> None:
    """The other tab does not look by itself here either: what it shows after the gap was replayed."""
    line = Line()
    tab = other_tab(page, "/speech", route=line)
    speak(page, "The first one.")
    first = tab.locator("a.row", has_text="The first one.")
    expect(first.locator(".badge")).to_have_text("Done", timeout=60_000)
    line.cut()
    expect(tab.get_by_text("Reconnecting")).to_be_visible()
    speak(page, "The second one.")
    expect(page.locator(".badge").first).to_have_text("Done", timeout=60_000)
    assert tab.locator("a.row", has_text="The second one.").count() == 0
    line.said.clear()
    line.is_cut = False
    expect(tab.locator("a.row", has_text="The second one.").locator(".badge")).to_have_text("Done", timeout=60_000)
    expect(tab.get_by_text("Reconnecting")).to_be_hidden()
    (subscribed,) = (said for said in line.said if said["action"] == "subscribe")
    assert subscribed["channels"] == ["jobs"]
    assert subscribed["since"].startswith("evt_")


def test_without_a_connection_pages_look_by_themselves(page: Page) -> None:
    line = Line()
    line.is_cut = True
    tab = page.context.new_page()
    tab.route_web_socket("**/ws", line)
    tab.goto("/speech")
    expect(tab.get_by_text("Reconnecting")).to_be_visible()
    speak(page, "Good evening.")
    expect(tab.locator("a.row", has_text="Good evening.").locator(".badge")).to_have_text("Done", timeout=60_000)


def test_what_concerns_the_account_is_said_on_every_screen(page: Page) -> None:
    event = {"id": "evt_01KDVRMW007QRESHRPJZHJPYYM", "type": "user.quota_reached", "data": {"counter": "characters"}}

    def answer(socket: WebSocketRoute) -> None:
        def push(_: str | bytes) -> None:
            for frame in ({"type": "subscribed", "channels": ["jobs"], "ref": "jobs"}, event, event):
                socket.send(json.dumps(frame))

        socket.on_message(push)

    tab = page.context.new_page()
    tab.route_web_socket("**/ws", answer)
    tab.goto("/devices")
    expect(tab.locator(".toast")).to_have_count(1)
    expect(tab.locator(".toast")).to_contain_text("A limit of this month is reached.")
