"""Charts, by the real library."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from antiphon.conversations.memory import MemoryConversations
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.runs.model import Run
from antiphon.runs.ports import Result
from antiphon.runs.tools.chart import ChartTool
from antiphon.runs.tools.draw import KINDS, Chart, Series, draw
from antiphon.speech.memory import MemoryObjects


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_a_picture_and_a_drawing_whose_text_is_text(kind: Any) -> None:
    """L-07: labels are data, whatever they hold."""
    chart = Chart(kind, "Costs $x^2 <script>", ("a & b", "שלום"), (Series("$", (1, 2)), Series("b", (2, 3))))
    assert draw(chart, "png").startswith(b"\x89PNG")
    drawing = draw(chart, "svg")
    tree = ElementTree.fromstring(drawing)
    texts = "".join(tree.itertext())
    assert "Costs $x^2 <script>" in texts
    assert not [e for e in tree.iter() if e.tag.endswith("script")]
    assert draw(chart, "svg") == drawing, "the same call makes the same object"


def test_a_chart_lies_under_a_key_of_its_user() -> None:
    """A-50"""
    now, media, objects = datetime(2026, 11, 24, tzinfo=UTC), MemoryMediaStore(), MemoryObjects()
    tool = ChartTool(
        conversations=MemoryConversations(), media=media, objects=objects, bucket="results", clock=lambda: now
    )
    run = Run("run_01M7YW6P9FSBP38NN8A8JYGN22", "usr_1", "free", "conv_1", "msg_1", now, now)
    drawn = tool.call(run, {"labels": ["a", "b"], "series": [{"values": [1, 2]}], "title": "../usr_2/x"}, "0")
    assert isinstance(drawn, Result)
    items = media.list("usr_1", limit=10).items
    assert {item.id for item in items} == {drawn.output["media_id"], drawn.output["svg_media_id"]}
    keys = {item.source.key: item.id for item in items if item.source}
    assert {("results", key) for key in keys} == set(objects.objects)
    assert all(key.startswith(f"media/usr_1/{media_id}/") for key, media_id in keys.items())
