"""Signing in and out, sessions that end, and two tabs of one browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from infra.local.stack import LocalStack
from tests.browser.conftest import PASSWORD, REFUSED, Watched, sign_up


def test_a_person_registers_signs_out_and_in_again(context_of: Callable[..., BrowserContext], watched: Watched) -> None:
    """A-26: no token where scripts keep things; a reload goes on with the session."""
    watched.allowed.extend(("401", REFUSED))
    context = context_of()
    page = context.new_page()
    email = sign_up(page)
    kept = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie")
    assert "rt_" not in kept
    assert "eyJ" not in kept
    (cookie,) = context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (
        "__Host-antiphon",
        True,
        True,
        "Strict",
    )
    page.reload()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation")).to_be_visible()


def test_a_session_that_ends_while_writing_loses_nothing(page: Page, stack: LocalStack, watched: Watched) -> None:
    """The person signs in over what they wrote, and it is sent."""
    watched.allowed.extend(("401", REFUSED))
    page.get_by_role("button", name="New conversation").click()
    page.get_by_label("Message", exact=True).fill("Something long that I do not want to write again.")
    page.evaluate("""async () => {
        const { token } = await import("/app/session.js");
        await fetch("/v1/auth/sessions", { method: "DELETE", headers: { Authorization: `Bearer ${await token()}` } });
    }""")
    page.get_by_role("button", name="Send").click()
    dialog = page.get_by_role("dialog", name="Sign in again")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".message.user")).to_contain_text("Something long that I do not want to write again.")
    expect(page.locator(".message.assistant")).to_contain_text("Good morning.")


def test_tabs_of_one_browser_share_the_session(page: Page, watched: Watched) -> None:
    """Refresh tokens are good once: tabs that refresh at the same time take turns, and signing out is for all of them."""
    watched.allowed.append(REFUSED)
    others = [page.context.new_page() for _ in range(3)]
    for other in others:
        other.goto("/usage", wait_until="commit")
    for other in others:
        expect(other.get_by_role("heading", name="Usage")).to_be_visible()
    refresh = "async () => { const { token } = await import('/app/session.js'); return Boolean(await token({ anew: true })); }"
    assert all(each.evaluate(refresh) for each in (page, *others, page))
    page.get_by_role("button", name="Sign out").click()
    for other in others:
        expect(other.get_by_role("heading", name="Sign in to Antiphon")).to_be_visible()


def test_a_link_of_a_mail_without_its_token_says_so(context_of: Callable[..., BrowserContext]) -> None:
    page = context_of().new_page()
    page.goto("/reset-password")
    expect(page.get_by_role("alert")).to_contain_text("not complete")
    page.get_by_role("link", name=re.compile("Back")).click()
    expect(page.get_by_role("heading", name="Sign in to Antiphon")).to_be_visible()


def test_a_forgotten_password_is_asked_for(context_of: Callable[..., BrowserContext]) -> None:
    page = context_of().new_page()
    page.goto("/")
    page.get_by_role("link", name="Forgot the password?").click()
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_role("button", name="Send the link").click()
    expect(page.locator("p[role=status]")).to_contain_text("a mail with a link is on its way")
