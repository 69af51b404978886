"""Charts, by the real library."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from antiphon.runs.tools.draw import KINDS, Chart, Series, draw


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
