"""Recordings, speech, documents and the editor, with real files and a real microphone of the browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack
from tests.browser.conftest import Watched
from tests.document_samples import pdf


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "talk.wav"
    path.write_bytes(spoken_wav(4))
    return path


def test_a_recording_becomes_a_transcript_that_is_read_heard_and_saved(page: Page, talk: Path) -> None:
    page.goto("/transcripts")
    page.get_by_label("Files").set_input_files(talk)
    row = page.locator("a.row", has_text="talk.wav")
    expect(row.locator(".badge")).to_have_text("Done", timeout=60_000)
    row.click()
    word = page.locator(".segment .word").nth(3)
    word.click()
    expect(word).to_have_class("word now")
    assert page.locator("audio").evaluate("player => player.currentTime") > 0
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as got:
        page.get_by_role("button", name="srt", exact=True).click()
    assert "-->" in Path(got.value.path()).read_text()


def test_several_files_are_sent_at_once_and_a_broken_upload_goes_on_by_itself(
    page: Page, tmp_path: Path, stack: LocalStack, watched: Watched
) -> None:
    watched.allowed.append("ERR_CONNECTION_RESET")
    files = [tmp_path / f"talk {number}.wav" for number in range(1, 5)]
    for seconds, file in enumerate(files, 1):
        file.write_bytes(spoken_wav(seconds))
    broken: list[str] = []

    def send(route: Route) -> None:
        if broken or route.request.method != "POST":
            route.continue_()
            return
        broken.append(route.request.url)
        route.abort("connectionreset")

    page.route(f"{stack.endpoint}/**", send)
    page.goto("/transcripts")
    page.get_by_label("Files").set_input_files(files)
    for file in files:
        expect(page.locator("a.row", has_text=file.name).locator(".badge")).to_have_text("Done", timeout=60_000)
    assert len(broken) == 1


def test_a_document_that_cannot_be_read_ends_with_a_reason(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "letter.pdf"
    bad.write_bytes(pdf(["Nobody knows the password."], encrypted=True))
    page.goto("/documents")
    page.get_by_label("Files").set_input_files(bad)
    row = page.locator("a.row", has_text="letter.pdf")
    expect(row.locator(".badge")).to_have_text("Failed", timeout=60_000)
    row.click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_file_that_is_no_recording_ends_with_a_reason(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "letter.mp3"
    bad.write_bytes(b"Dear Anna,\n" * 500)
    page.goto("/transcripts")
    page.get_by_label("Files").set_input_files([bad])
    row = page.locator("a.row", has_text="letter.mp3")
    expect(row.locator(".badge")).to_have_text("Failed", timeout=60_000)
    row.click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_file_too_large_for_one_request_is_sent_in_parts(page: Page) -> None:
    sent = page.evaluate("""async () => {
        const { get, post, send } = await import("/app/api.js");
        const file = new File([new Uint8Array(100 * 2 ** 20 + 5)], "film.mp4", { type: "video/mp4" });
        const wanted = { filename: file.name, content_type: file.type, size: file.size, purpose: "chat" };
        const upload = await post("/v1/uploads", wanted);
        const seen = [];
        await send(upload, file, (part) => seen.push(part));
        for (;;) {
            const media = await get(`/v1/media/${upload.id}`);
            if (media.status !== "awaiting_upload") return [media.status, media.size, Math.max(...seen)];
            await new Promise((resolve) => setTimeout(resolve, 200));
        }
    }""")
    assert sent == ["ready", 100 * 2**20 + 5, 1]


def test_a_recording_of_the_microphone_is_sent(page: Page) -> None:
    page.goto("/transcripts")
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Stop at 0:01").click()
    expect(page.locator("a.row .badge").first).to_have_text("Done", timeout=60_000)


def test_text_is_spoken_and_each_sentence_is_reached(page: Page) -> None:
    page.goto("/speech")
    page.get_by_label("Text", exact=True).fill("Good morning. The numbers come on Friday.")
    page.get_by_label("Format").select_option("wav")
    page.get_by_role("button", name="Choose", exact=True).nth(1).click()
    page.get_by_role("button", name="Speak").click()
    expect(page.locator(".badge").first).to_have_text("Done", timeout=60_000)
    expect(page.locator(".segment")).to_have_count(2)
    page.locator(".segment .time").nth(1).click()
    expect(page.locator(".segment").nth(1)).to_have_class("segment now")


def test_a_voice_is_heard_without_a_job(page: Page) -> None:
    page.goto("/speech")
    button = page.get_by_role("button", name="Listen to American English, woman")
    while button.is_disabled():  # its sample is being made
        page.reload()
        button.wait_for()
    with page.expect_response(lambda answer: "/samples/" in answer.url) as heard:
        button.click()
    assert heard.value.ok
    expect(page.get_by_text("Nothing is spoken yet")).to_be_visible()


def test_a_voice_that_does_not_exist_is_named(page: Page, watched: Watched) -> None:
    watched.allowed.append("422")
    page.goto("/speech")
    page.get_by_label("Text", exact=True).fill("Good morning.")
    page.get_by_label("Voice", exact=True).fill("nobody")
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("alert").or_(page.locator(".badge.failed")).first).to_be_visible(timeout=30_000)


def test_a_recording_is_edited_in_plain_language_and_undone(page: Page, talk: Path, watched: Watched) -> None:
    watched.allowed.append("422")
    page.goto("/editor")
    page.get_by_label("Files").set_input_files(talk)
    page.locator("a.row", has_text="talk.wav").click(timeout=60_000)
    page.get_by_label("Say what to do").fill("drop the first second and normalise")
    page.get_by_role("button", name="Understand").click()
    expect(page.get_by_text("Normalize to")).to_be_visible()
    page.get_by_role("button", name="Do it").click()
    page.get_by_role("link", name="Undo: back to the version before").click(timeout=60_000)
    expect(page.get_by_role("heading", name="Versions made of it")).to_be_visible()
    waves = page.locator("canvas")
    waves.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Keep only this")).to_be_enabled()
    page.get_by_label("Say what to do").fill("paint it blue")
    page.get_by_role("button", name="Understand").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_document_is_asked_and_its_page_opened(page: Page, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("The lens was paid by Ruth in March.\n\nThe budget is forty thousand.\n")
    page.goto("/documents")
    page.get_by_label("Files").set_input_files(notes)
    expect(page.locator("a.row .badge").first).to_have_text("Done", timeout=60_000)
    page.get_by_label("Ask your documents").fill("Who paid for the lens?")
    page.get_by_role("button", name="Ask").click()
    page.locator(".card a.row").first.click()
    expect(page.locator(".page-text")).to_contain_text("paid by Ruth")
