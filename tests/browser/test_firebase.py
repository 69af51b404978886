"""Signing in with Firebase: there and back, by a password of its own, and what is said where it is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from infra.local.stack import LocalStack
from tests.browser.conftest import PASSWORD, REFUSED, Watched
from tests.firebase import PROJECT, IdentityToolkit
from tests.integration.local.conftest import eventually


@pytest.fixture
def stranger(context_of: Callable[..., BrowserContext], watched: Watched, toolkit: IdentityToolkit) -> Page:
    """Nobody yet, on a page that may ask the toolkit and nobody else."""
    watched.origins = (*watched.origins, toolkit.url)
    page = context_of().new_page()
    page.goto("/usage")
    return page


def test_a_person_comes_in_by_a_provider_and_is_where_they_were(stranger: Page, toolkit: IdentityToolkit) -> None:
    """A-26: what the provider sends back neither stays in the address nor in the history."""
    toolkit.asked.clear()
    stranger.get_by_role("button", name="Continue with Google").click()
    stranger.get_by_role("link", name="Allow").click()
    expect(stranger.get_by_role("heading", name="Usage")).to_be_visible()
    assert stranger.url.endswith("/usage")
    assert toolkit.asked == ["createAuthUri", "signInWithIdp"]
    kept = stranger.evaluate("JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie")
    assert "eyJ" not in kept
    stranger.reload()
    expect(stranger.get_by_role("heading", name="Usage")).to_be_visible()
    expect(stranger.get_by_role("navigation")).to_contain_text("Anna")


def test_an_account_of_the_project_has_a_password_there(stranger: Page, watched: Watched) -> None:
    watched.allowed.append("status of 400")
    stranger.get_by_role("button", name=f"Continue with an account of {PROJECT}").click()
    dialog = stranger.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("ruth@example.com")
    dialog.get_by_label("Password").fill("not the password")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("The address or the password is wrong.")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("heading", name="Usage")).to_be_visible()


def test_who_has_no_password_may_set_one_and_deletes_the_account_by_its_address(
    stranger: Page, stack: LocalStack, watched: Watched
) -> None:
    """A-63"""
    watched.allowed.append(REFUSED)
    stranger.get_by_role("button", name=f"Continue with an account of {PROJECT}").click()
    dialog = stranger.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("ruth@example.com")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("heading", name="Usage")).to_be_visible()
    stranger.goto("/settings")
    expect(stranger.get_by_label("Password now")).to_have_count(0)
    stranger.get_by_role("button", name="Send the link").click()
    expect(stranger.get_by_role("status").filter(has_text="a mail with a link")).to_be_visible()
    eventually(lambda: bool(stack.mails("ruth@example.com")))
    stranger.get_by_role("button", name="Delete the account").click()
    dialog.get_by_label("E-mail").fill("anna@example.com")
    dialog.get_by_role("button", name="Delete everything").click()
    expect(dialog.get_by_role("alert")).to_have_text("This is not the address of this account.")
    dialog.get_by_label("E-mail").fill("Ruth@example.com")
    dialog.get_by_role("button", name="Delete everything").click()
    expect(stranger.get_by_role("heading", name="Sign in to Antiphon")).to_be_visible()


def test_an_answer_that_nobody_asked_for_signs_nobody_in(stranger: Page, toolkit: IdentityToolkit) -> None:
    """A link that somebody else made would sign one in as somebody else."""
    toolkit.asked.clear()
    stranger.goto("/sign-in?state=theirs&code=theirs")
    expect(stranger.get_by_role("alert")).to_contain_text("not begun in this tab")
    assert stranger.url.endswith("/sign-in")
    assert toolkit.asked == []


def test_what_the_provider_refuses_is_said(stranger: Page, watched: Watched) -> None:
    watched.allowed.append("status of 400")
    stranger.get_by_role("button", name="Continue with Google").click()
    stranger.get_by_role("link", name="Allow").wait_for()
    stranger.goto("/sign-in?error=access_denied")
    expect(stranger.get_by_role("alert")).to_have_text("Firebase refused the sign-in: INVALID_IDP_RESPONSE")
    stranger.get_by_role("link", name="Back to the sign-in").click()
    expect(stranger.get_by_role("heading", name="Sign in to Antiphon")).to_be_visible()
