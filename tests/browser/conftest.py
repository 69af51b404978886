"""The web app in a real browser against the whole stack. A page that logs an error, breaks its policy or asks a foreign host fails its test."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from infra.local.stack import LAPTOP, ROOT, LocalStack
from tests.firebase import PROJECT, IdentityToolkit, KeyServer, Project
from tests.model_servers import Act, OpenAiServer

expect.set_options(timeout=20_000)  # a machine that tests may be busy
MODEL = "gemma"
PASSWORD = "correct horse battery"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SCREENS = (
    "chat",
    "transcripts",
    "speech",
    "editor",
    "documents",
    "webhooks",
    "devices",
    "usage",
    "keys",
    "dashboard",
    "settings",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ|[/=]rt_|[?&](\w+_)?token=")


@pytest.fixture(scope="session")
def provider() -> Iterator[OpenAiServer]:
    """In the place of a provider of chat models."""
    with OpenAiServer(Act(("Good ", "**mor", "ning**."))) as running:
        yield running


@pytest.fixture(scope="session")
def project() -> Project:
    return Project()


@pytest.fixture(scope="session")
def toolkit(project: Project) -> Iterator[IdentityToolkit]:
    """In Google's place."""
    with IdentityToolkit(project, {"ruth@example.com": PASSWORD}) as running:
        yield running


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, provider: OpenAiServer, project: Project, toolkit: IdentityToolkit
) -> Iterator[LocalStack]:
    home = tmp_path_factory.mktemp("home")
    parameters = {**LAPTOP, "OpenAiModels": MODEL, "OpenAiUrl": provider.url}
    with KeyServer(project) as keys:
        parameters |= {"FirebaseProject": PROJECT, "FirebaseKeysUrl": keys.url, "FirebaseApiKey": toolkit.api_key}
        parameters |= {"FirebaseSignInUrl": toolkit.url, "FirebaseProviders": "google.com,password"}
        with LocalStack(home, parameters=parameters, build=ROOT / ".build", say=print) as running:
            yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        path = found or playwright.chromium.executable_path
        if not Path(path).exists():
            missing = (
                "No browser: install Chromium (Debian's package chromium, or `.venv/bin/playwright install chromium`)."
            )
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        opened = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        yield opened
        opened.close()


# Of a connection that is just being opened while the session ends: browsers write it down, and no script can keep them from it.
REFUSED = "Error during WebSocket handshake: Unexpected response code: 403"


@dataclass
class Watched:
    """What the pages of one test did that they should not. allowed: parts of messages that the test brings about itself."""

    origins: tuple[str, ...]
    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"{message.text} ({message.location.get('url')})")

    def request(self, request: Request) -> None:
        if not request.url.startswith((*self.origins, "data:", "blob:")):
            self.found.append(f"asked {request.url}")
        if _TOKEN.search(request.url):
            self.found.append(f"A-26: a token in {request.url}")

    def crash(self, error: Exception) -> None:
        self.found.append(f"threw {error}")

    def dialog(self, dialog: Any) -> None:
        self.found.append(f"opened a dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def bad(self) -> list[str]:
        return [text for text in self.found if not any(part in text for part in self.allowed)]


@pytest.fixture
def watched(stack: LocalStack) -> Iterator[Watched]:
    seen = Watched((stack.url, stack.endpoint))
    yield seen
    assert seen.bad == []


@pytest.fixture
def context_of(browser: Browser, stack: LocalStack, watched: Watched) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers of somebody new, whose pages are watched."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        settings = {"viewport": DESKTOP, "base_url": stack.url, "locale": "en-US", **options}
        context = browser.new_context(permissions=["microphone", "clipboard-read", "clipboard-write"], **settings)
        context.set_default_timeout(20_000)
        context.on("page", lambda page: watch(page))
        opened.append(context)
        return context

    def watch(page: Page) -> None:
        page.on("console", watched.console)
        page.on("request", watched.request)
        page.on("pageerror", watched.crash)
        page.on("dialog", watched.dialog)

    yield make
    for context in opened:
        context.close()


def sign_up(page: Page) -> str:
    """Through the form; the address."""
    email = f"{secrets.token_hex(6)}@example.com"
    page.goto("/")
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Name (optional)").fill("Anna")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("navigation").wait_for()
    return email


@pytest.fixture
def page(context_of: Callable[..., BrowserContext]) -> Page:
    """Of somebody who has just signed up."""
    page = context_of().new_page()
    sign_up(page)
    return page
