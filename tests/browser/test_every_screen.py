"""Each screen in both themes, both directions, on a phone and a desk: accessible, nothing cut off, nothing in a wrong language.

Pictures of all of them go to `.build/screens`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unicodedata import normalize

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from infra.local.recordings import spoken_wav
from infra.local.stack import ROOT
from tests.browser.conftest import DESKTOP, PHONE, SCREENS, Watched, sign_up

PICTURES = ROOT / ".build/screens"
FITS = "[document.documentElement, document.querySelector('main')].every(box => box.scrollWidth <= box.clientWidth)"
LOOKS = {
    "desk-light-en": {"viewport": DESKTOP, "color_scheme": "light", "locale": "en-US"},
    "phone-dark-he": {
        "viewport": PHONE,
        "color_scheme": "dark",
        "locale": "he-IL",
        "has_touch": True,
        "is_mobile": True,
    },
    "phone-light-en": {
        "viewport": PHONE,
        "color_scheme": "light",
        "locale": "en-US",
        "has_touch": True,
        "is_mobile": True,
    },
    "desk-dark-he": {"viewport": DESKTOP, "color_scheme": "dark", "locale": "he-IL"},
}


@pytest.fixture(scope="module")
def state(browser: Any, stack: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The session of somebody who has something on every screen."""
    context = browser.new_context(viewport=DESKTOP, base_url=stack.url, locale="en-US")
    page = context.new_page()
    sign_up(page)
    talk = tmp_path_factory.mktemp("audio") / "a talk with a long name that has to be cut somewhere.wav"
    talk.write_bytes(spoken_wav(4))
    for screen in ("transcripts", "editor"):
        page.goto(f"/{screen}")
        page.get_by_label("Files").set_input_files(talk)
        expect(page.locator("a.row")).to_be_visible(timeout=60_000)
    page.goto("/chat")
    page.get_by_role("button", name="New conversation").click()
    page.get_by_label("Message", exact=True).fill(
        "שלום, 你好, مرحبا 👋🏽 — e\u0301\n" + "A long line without any pause " * 6
    )
    page.get_by_label("Message", exact=True).press("Enter")
    expect(page.locator(".message.assistant .meta")).to_be_visible()
    yield context.storage_state()
    context.close()


@pytest.mark.parametrize("look", LOOKS)
def test_each_screen_is_usable(
    look: str, state: dict[str, Any], context_of: Callable[..., BrowserContext], watched: Watched
) -> None:
    """axe-core finds nothing serious; nothing is wider than the screen."""
    context = context_of(storage_state=state, **LOOKS[look])
    page = context.new_page()
    page.goto("/chat")
    page.locator("nav").wait_for(state="attached")
    state.update(context.storage_state())  # a refresh token is good once: the next look goes on from here
    PICTURES.mkdir(parents=True, exist_ok=True)
    for screen in SCREENS:
        open_screen(page, screen)
        if screen == "chat":
            page.locator(".chats a.row").first.click()
            page.locator(".message.assistant .meta").wait_for()
        page.screenshot(path=PICTURES / f"{screen}-{look}.png")
        assert page.evaluate(FITS), f"{screen} is too wide"
        found = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not found, f"{screen}: " + "; ".join(f"{v['id']} {v['nodes'][0]['html'][:200]}" for v in found)
        if look.endswith("he"):
            assert page.locator("html").get_attribute("dir") == "rtl"


def open_screen(page: Page, screen: str) -> None:
    """As a link does: the session goes on."""
    page.evaluate("async path => (await import('/app/router.js')).go(path)", f"/{screen}")
    page.locator("main h1, main .empty h2, .chats header").first.wait_for()
    expect(page.locator(".loading")).to_have_count(0)


SPOKEN = {
    "Hebrew": ("מה שלומך היום? 3 פגישות", "rtl"),
    "Arabic": ("مرحبا، كيف حالك؟", "rtl"),
    "Persian": ("سلام، حال شما چطور است؟", "rtl"),
    "Chinese": ("你好，今天的会议几点开始？", "ltr"),
    "Japanese": ("こんにちは、会議は何時ですか。", "ltr"),
    "Korean": ("안녕하세요, 회의는 몇 시예요?", "ltr"),
    "Hindi": ("नमस्ते, आप कैसे हैं?", "ltr"),
    "Thai": ("สวัสดี วันนี้เป็นอย่างไรบ้าง", "ltr"),
    "Russian": ("Здравствуйте, как дела?", "ltr"),
    "Vietnamese, decomposed": ("Xin cha\u0300o, to\u0302i kho\u0309e", "ltr"),
    "emoji": ("👩🏽‍🚀 🏳️‍🌈 🇮🇱 done", "ltr"),
}


@pytest.mark.parametrize("locale", ["en-US", "he-IL"])
def test_what_people_write_appears_as_they_wrote_it(locale: str, context_of: Callable[..., BrowserContext]) -> None:
    """Ten languages, each in its own direction whatever that of the app is; nothing is cut apart or wider than the screen.

    Only names of files are composed (NFC), because systems write the same name in two ways.
    """
    page = context_of().new_page()
    sign_up(page)
    page.set_viewport_size(PHONE)
    page.evaluate(f"async () => (await import('/app/i18n.js')).setLanguage('{locale[:2]}')")
    texts = [text for text, _ in SPOKEN.values()]
    page.evaluate(
        """async (texts) => {
            const { post } = await import("/app/api.js");
            for (const text of texts) {
                await post("/v1/conversations", { title: text });
                await post("/v1/transcriptions", { filename: `${text}.wav`, content_type: "audio/wav", size: 10 });
                await post("/v1/devices", { name: text, platform: "web", capabilities: [{ action: "x" }] });
            }
        }""",
        texts,
    )
    for screen in ("chat", "transcripts", "devices"):
        page.goto(f"/{screen}")
        names = page.locator("main a.row strong")
        expect(names).to_have_count(len(SPOKEN))
        shown = names.evaluate_all("all => all.map((each) => [each.textContent, getComputedStyle(each).direction])")
        wanted = [
            (f"{normalize('NFC', text)}.wav" if screen == "transcripts" else text, way) for text, way in SPOKEN.values()
        ]
        assert sorted(map(tuple, shown)) == sorted(wanted)
        assert page.evaluate(FITS), f"{screen} is too wide"


def test_a_keyboard_reaches_everything(page: Page) -> None:
    """Skip link, navigation, and a dialog that gives the focus back."""
    page.reload()
    page.locator(".chats header").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.goto("/webhooks")
    button = page.get_by_role("button", name="New webhook")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_offline_is_said_and_ends_by_itself(page: Page, watched: Watched) -> None:
    watched.allowed.extend(("ERR_INTERNET_DISCONNECTED", "Failed to load resource"))
    page.goto("/usage")
    page.get_by_role("heading", name="Usage").wait_for()
    page.context.set_offline(True)
    expect(page.get_by_text("Offline. Reconnecting")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Offline. Reconnecting")).to_be_hidden()
