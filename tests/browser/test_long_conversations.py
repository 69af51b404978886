"""A conversation of any length opens and scrolls with a page that does not grow, and nothing jumps while an answer streams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect
from ulid import ULID

from infra.local.stack import LocalStack
from tests.browser.test_chat import begin, say
from tests.model_servers import Act, OpenAiServer

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 10_000
NODES = 3_000
"""That the whole page may have, however long the conversation is: some chunks of messages around what is seen, and one for each chunk that is not."""
BOX = "document.querySelector('.messages')"
HISTORY = """{
    const like = { status: "complete", parts: [], citations: [], model: "gemma", created_at: "2026-01-01T00:00:00Z" };
    const message = (number) => ({ ...like, id: `msg_${String(number).padStart(8, "0")}`, role: number %% 2 ? "assistant" : "user", content: `Number ${number}.` });
    const { fetch } = window;
    window.fetch = (address, ...more) => {
        if (!String(address).startsWith("%(path)s")) return fetch(address, ...more);
        const asked = new URL(address, location.origin).searchParams;
        const end = Number(asked.get("cursor") ?? %(many)d);
        const begin = Math.max(0, end - Number(asked.get("limit")));
        const data = Array.from({ length: end - begin }, (_, index) => message(end - 1 - index));
        return Promise.resolve(Response.json({ data, next_cursor: begin ? String(begin) : null }));
    };
}"""
AT_REST = """async () => {
    const box = document.querySelector(".messages");
    const frame = () => new Promise(requestAnimationFrame);
    box.scrollBy(0, -1_000);
    const there = [...document.querySelectorAll(".message")];
    const shown = there.find((each) => each.getBoundingClientRect().bottom > box.getBoundingClientRect().top);
    const places = [];
    for (let more = 0; more < 5; more += 1) {
        places.push(shown.getBoundingClientRect().top);
        await frame();
    }
    return { there: there.map(({ id }) => id), shown: shown.id, moved: Math.max(...places) - Math.min(...places) };
}"""
"""Scrolls up: what is drawn, and by how many pixels the uppermost message that is seen moves while others come above it."""
WATCH_SHIFTS = """() => {
    window.shifts = [];
    const note = (list) => window.shifts.push(...list.getEntries().filter((each) => !each.hadRecentInput).map(({ value }) => value));
    window.observer = new PerformanceObserver(note);
    window.observer.observe({ type: "layout-shift" });
    window.settled = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => (note({ getEntries: () => observer.takeRecords() }), resolve(shifts.reduce((a, b) => a + b, 0))))));
}"""


def conversation(page: Page) -> str:
    """One with a message and its answer; its id."""
    begin(page)
    say(page, "Hello")
    expect(page.locator(".message.assistant .meta")).to_be_visible()
    return page.url.rpartition("/")[2]


def fill(stack: LocalStack, conversation_id: str, count: int) -> list[str]:
    """Writes so many older messages into the table, as the one that is there is written. Their ids, oldest first."""
    table, dynamodb = stack.outputs["TableName"], stack.client("dynamodb")
    key = {":pk": {"S": f"conv#{conversation_id}"}, ":sk": {"S": "msg#"}}
    query = {"KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)", "ExpressionAttributeValues": key}
    like = {row["role"]["S"]: row for row in dynamodb.query(TableName=table, **query)["Items"]}
    ids = []
    for first in range(0, count, 25):
        rows = []
        for number in range(first, min(first + 25, count)):
            ids.append(f"msg_{ULID.from_datetime(LONG_AGO + timedelta(minutes=number))}")
            text = f"**Number {number}.** " + "Some words about it. " * (number % 7 * 4 + 1)
            row = like["assistant" if number % 2 else "user"] | {"sk": {"S": f"msg#{ids[-1]}"}, "content": {"S": text}}
            rows.append({"PutRequest": {"Item": row}})
        dynamodb.batch_write_item(RequestItems={table: rows})
    return ids


def test_pages_of_a_history_come_while_one_scrolls_and_none_is_missing(page: Page, stack: LocalStack) -> None:
    """What is read stays where it is when older messages come above it; a link leads to the oldest one."""
    made = conversation(page)
    ids = fill(stack, made, 240)
    page.reload()
    page.locator(".message").last.wait_for()
    seen: set[str] = set()
    while ids[0] not in seen:
        found = page.evaluate(AT_REST)
        assert found["moved"] <= 1, f"{found['shown']} jumped"
        seen |= set(found["there"])
    assert set(ids) <= seen
    page.goto(f"/chat/{made}#{ids[3]}")
    expect(page.locator(".message.sought")).to_be_in_viewport()
    expect(page.locator(".message.sought")).to_contain_text("Number 3.")


def test_ten_thousand_messages_scroll_in_a_page_of_bounded_size(page: Page) -> None:
    """A history that nobody writes for a test: the page's own requests for it are answered within the page, in the API's shape."""
    made = conversation(page)
    page.add_init_script(HISTORY % {"path": f"/v1/conversations/{made}/messages?", "many": MANY})
    page.reload()
    expect(page.locator(".message").last).to_contain_text(f"Number {MANY - 1}.")
    counts = page.evaluate(
        """async () => {
            const box = document.querySelector(".messages");
            const [nodes, drawn] = [[], []];
            while (document.querySelector(".message")?.textContent.startsWith("Number 0.") !== true) {
                box.scrollTop = 0;
                await new Promise(requestAnimationFrame);
                nodes.push(document.querySelectorAll("*").length);
                drawn.push(document.querySelectorAll(".message").length);
            }
            return { nodes: Math.max(...nodes), drawn: Math.max(...drawn), height: box.scrollHeight };
        }"""
    )
    assert counts["height"] > 50 * MANY
    assert counts["drawn"] <= 200
    assert counts["nodes"] < NODES
    page.evaluate(f"{BOX}.scrollTop = {BOX}.scrollHeight / 2")
    expect(page.locator(".message").first).to_contain_text("Number")
    page.evaluate(f"{BOX}.scrollTop = {BOX}.scrollHeight")
    expect(page.locator(".message").last).to_contain_text(f"Number {MANY - 1}.")
    assert page.evaluate("document.querySelectorAll('*').length") < NODES


def test_nothing_shifts_while_an_answer_streams(page: Page, provider: OpenAiServer) -> None:
    """Into a view that is full already. The instrument is tried first: it sees a shift that is made on purpose."""
    blocks = [f"## Part {number}\n\n" + "Some words in it. " * 12 + "\n\n- one\n- two\n\n" for number in range(12)]
    pieces = [word for block in blocks for word in block.split(" ")]
    long = Act([f"{piece} " for piece in pieces], pause=0.008)
    provider.script[:] = [long, long, Act(("Good ", "**mor", "ning**."))]
    begin(page)
    page.evaluate(WATCH_SHIFTS)
    say(page, "Tell me everything")
    expect(page.locator(".message.assistant .meta")).to_be_visible()
    say(page, "Once more")
    expect(page.locator(".message.assistant .meta")).to_have_count(2)
    assert page.evaluate("settled()") < 0.01
    page.evaluate("document.querySelector('.talk > header').style.marginTop = '100px'")
    assert page.evaluate("settled()") > 0.01
