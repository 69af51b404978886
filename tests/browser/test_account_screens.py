"""Webhooks, devices, keys, usage, dashboard, settings and administration."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from infra.local.home import REGION
from infra.local.receiver import Receiver
from infra.local.stack import ROOT, LocalStack
from tests.browser.conftest import PASSWORD, REFUSED, Watched, sign_up


def test_a_webhook_is_made_tried_and_its_delivery_seen(page: Page) -> None:
    with Receiver() as receiver:
        page.goto("/webhooks")
        page.get_by_role("button", name="New webhook").click()
        page.get_by_label("Address").fill(f"{receiver.url}/hook")
        page.get_by_role("button", name="Create").click()
        secret = page.get_by_role("dialog").locator("pre").inner_text()
        assert secret.startswith("whsec_")
        page.get_by_role("button", name="I have it").click()
        page.locator("a.row").click()
        page.get_by_role("button", name="Send a test").click()
        receiver.wait_for("webhook.test")
        page.get_by_role("button", name="Refresh").click()
        page.locator("summary").first.click()
        expect(page.locator("td", has_text="200")).to_be_visible()
        assert secret not in page.content()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name="Activate")).to_be_visible()


def test_an_address_that_is_not_allowed_is_refused_in_words(page: Page, watched: Watched) -> None:
    watched.allowed.append("422")
    page.goto("/webhooks")
    page.get_by_role("button", name="New webhook").click()
    page.get_by_label("Address").fill("ftp://example.com/hook")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()


def test_a_device_takes_commands(page: Page) -> None:
    page.goto("/devices")
    page.get_by_role("button", name="New device").click()
    page.get_by_label("Name").fill("Pixel")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="I have it").click()
    page.locator("a.row").click()
    page.get_by_role("button", name="open_app").click()
    page.get_by_label("Arguments (JSON)").fill("{")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not JSON")
    page.get_by_label("Arguments (JSON)").fill('{"package": "org.example"}')
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".row .badge").first).to_have_text("pending")


def test_a_key_works_and_is_shown_once(page: Page, stack: LocalStack) -> None:
    page.goto("/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("at least one permission")
    page.get_by_label("chat:read").check()
    page.get_by_label("US$ per month (optional)").fill("4.5")
    page.get_by_role("button", name="Create").click()
    key = page.get_by_role("dialog").locator("pre").first.inner_text()
    answer = httpx.get(
        f"{stack.url}/v1/conversations", headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
    )
    assert answer.status_code == 200
    page.get_by_role("button", name="I have it").click()
    assert key not in page.content()
    expect(page.locator(".row")).to_contain_text("$0.00 of $4.50 spent this month")
    page.get_by_role("button", name="Delete laptop").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()


def test_settings_are_kept_and_the_account_is_erased(page: Page, watched: Watched) -> None:
    """A-63: with the password."""
    watched.allowed.extend(("status of 40", REFUSED))
    page.goto("/settings")
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Language").select_option("he")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.get_by_label("שפה").select_option("en")
    page.get_by_role("button", name="Delete the account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill("not my password")
    dialog.get_by_role("button", name="Delete everything").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("heading", name="Sign in to Antiphon")).to_be_visible()


def test_an_administrator_finds_and_suspends(
    page: Page, stack: LocalStack, context_of: Callable[..., BrowserContext]
) -> None:
    """The screen is not there for anybody else."""
    page.goto("/admin")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    other = context_of().new_page()
    email = sign_up(other)
    own = page.evaluate("async () => (await import('/app/session.js')).user.value.email")
    environment = {**os.environ, "AWS_ENDPOINT_URL": stack.endpoint, **keys_of(stack)}
    subprocess.run([sys.executable, "-m", "infra.local.admin", own], cwd=ROOT, env=environment, check=True)
    page.goto("/admin")
    page.get_by_label("Address").fill(email)
    page.get_by_role("button", name="Find").click()
    row = page.locator(".row", has_text=email)
    row.get_by_label(f"Tier of {email}").select_option("premium")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    row.get_by_role("button", name="Suspend").click()
    page.get_by_role("dialog").get_by_role("button", name="Suspend").click()
    expect(row.locator(".badge")).to_have_text("Suspended")
    row.get_by_role("button", name="Log").click()
    expect(page.get_by_role("dialog")).to_contain_text("register")


def test_an_administrator_sees_jobs_queues_and_what_happened(page: Page, stack: LocalStack) -> None:
    page.goto("/speech")
    page.get_by_label("Text", exact=True).fill("Nobody else reads this.")
    page.get_by_role("button", name="Speak").click()
    expect(page.locator(".badge").first).to_have_text("Done", timeout=60_000)
    own = page.evaluate("async () => (await import('/app/session.js')).user.value")
    environment = {**os.environ, "AWS_ENDPOINT_URL": stack.endpoint, **keys_of(stack)}
    subprocess.run([sys.executable, "-m", "infra.local.admin", own["email"]], cwd=ROOT, env=environment, check=True)
    page.goto("/admin")
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_label("User").fill(own["id"])
    page.get_by_label("User").press("Tab")
    page.get_by_label("Kind").select_option("speech")
    row = page.get_by_role("list", name="Jobs").locator("details")
    expect(row).to_have_count(1)
    row.locator("summary").click()
    expect(row).to_contain_text(own["id"])
    expect(row).not_to_contain_text("Nobody else")
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_text("Nothing fits.")).to_be_visible()
    page.get_by_role("link", name="Queues", exact=True).click()
    sqs = stack.client("sqs")
    sqs.send_message(
        QueueUrl=stack.outputs["IndexDeadLettersUrl"], MessageBody='{"kind": "message", "user_id": "usr_x"}'
    )
    queue = page.get_by_role("list", name="Queues").locator(".row", has_text="index")
    queue.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("status").filter(has_text="1 are on their way again.")).to_be_visible()
    page.get_by_role("link", name="Activity", exact=True).click()
    expect(page.get_by_role("list", name="Activity")).to_contain_text("speech")
    for screen in ("/admin/jobs", "/admin/queues", "/admin/activity", "/dashboard"):
        page.goto(screen)
        page.locator("main .rows").first.wait_for()
        found = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not found, (screen, [v["id"] for v in found])


def keys_of(stack: LocalStack) -> dict[str, str]:
    account = stack.home.account()
    return {"AWS_ACCESS_KEY_ID": account.key, "AWS_SECRET_ACCESS_KEY": account.secret, "AWS_REGION": REGION}
