"""Charts as PNG and SVG, by matplotlib; and the numbers of a text that somebody wants to see as one."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["bar", "line", "pie", "scatter"]
MAX_LABELS, MAX_SERIES = 200, 10
KINDS: tuple[Kind, ...] = ("bar", "line", "pie", "scatter")
_NUMBER = r"[-−+]?\d[\d,]*(?:\.\d+)?"
_PAIR = re.compile(
    rf"([^\W\d_][^:=|,;\n]{{0,60}}?|\d{{4}}|'[^']+'|\"[^\"]+\")\s*(?:[:=]|\s)\s*({_NUMBER})\s*[%€$£₪]?\s*(?=[,;\n]|\band\b|$)"
)
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Series:
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Chart:
    """``labels``: one for each value of each series."""

    kind: Kind
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]


def chart_of(text: str) -> Chart | None:
    """The numbers of a text: a table (Markdown, or separated by commas, semicolons or tabs), or pairs such as ``Jan: 10, Feb 20``. None where there are none."""
    kind = next((kind for kind in KINDS if re.search(rf"\b{kind}\b", text, re.IGNORECASE)), None)
    table = _table(text)
    if table is not None:
        lines, labels, series = table
        return Chart(kind or "bar", _title(lines), labels, series)
    head, colon, rest = text.partition(":")
    for title, data in ((head, rest), ("", text)) if colon else (("", text),):
        pairs = _PAIR.findall(data)
        if len(pairs) >= 2:
            labels = tuple(label.strip(" '\"") for label, _ in pairs[:MAX_LABELS])
            values = tuple(_value(number) for _, number in pairs[:MAX_LABELS])
            return Chart(kind or "bar", _title([title]), labels, (Series("", values),))
    return None


def _table(text: str) -> tuple[list[str], tuple[str, ...], tuple[Series, ...]] | None:
    before: list[str] = []
    rows: list[list[str]] = []
    for line in text.splitlines():
        cells = _cells(line)
        if len(cells) < 2:
            if len(rows) >= 2:
                break
            before += [line] if line.strip() else []
            rows = []
        elif not all(set(cell) <= set("-: ") for cell in cells):  # the rule below a Markdown table's head
            rows.append(cells)
    rows = [row for row in rows if len(row) == len(rows[0])]
    if len(rows) < 2:
        return None
    head = rows[0] if not any(_is_number(cell) for cell in rows[0][1:]) else None
    body = rows[1 : MAX_LABELS + 1] if head else rows[:MAX_LABELS]
    columns = [n for n in range(1, len(rows[0])) if body and all(_is_number(row[n]) for row in body)][:MAX_SERIES]
    if not columns:
        return None
    series = tuple(Series(head[n] if head else "", tuple(_value(row[n]) for row in body)) for n in columns)
    return before, tuple(row[0] for row in body), series


def _cells(line: str) -> list[str]:
    for separator in "|\t;,":
        if separator in line:
            cells = next(csv.reader([line.strip().strip("|")], delimiter=separator), [])
            return [cell.strip() for cell in cells]
    return []


def _title(lines: Sequence[str]) -> str:
    words = " ".join(lines).strip(" :#*")
    words = re.sub(
        r"\b(?:bar|line|pie|scatter)(?:\s+(?:chart|plot|graph))?(?:\s+of)?\b", "", words, flags=re.IGNORECASE
    )
    return " ".join(words.split())[:200]


def _is_number(cell: str) -> bool:
    return re.fullmatch(rf"{_NUMBER}\s*[%€$£₪]?", cell.strip().lstrip("€$£₪")) is not None


def _value(cell: str) -> float:
    return float(cell.strip().strip("€$£₪% ").replace(",", "").replace("−", "-"))


def draw(chart: Chart, format: Literal["png", "svg"]) -> bytes:
    """format ``svg``: text stays text. Neither holds anything but the drawing."""
    # matplotlib keeps a cache of fonts there, and a function may write to its temporary folder only.
    os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = {
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "antiphon",
        "font.family": "DejaVu Sans",
    }
    with _LOCK, matplotlib.rc_context(settings):
        figure = Figure(figsize=(8, 4.5), dpi=144, layout="constrained")
        FigureCanvasAgg(figure)
        _plot(figure.add_subplot(), chart)
        out = io.BytesIO()
        figure.savefig(out, format=format, metadata={"Date": None} if format == "svg" else {"Software": None})
    return out.getvalue()


def _plot(axes: Any, chart: Chart) -> None:
    labels = [label[:60] for label in chart.labels]
    places = range(len(labels))
    if chart.kind == "pie":
        values = [abs(value) for value in chart.series[0].values]
        axes.pie(values, labels=labels, autopct="%1.0f%%", startangle=90, counterclock=False)
    for number, series in enumerate(chart.series if chart.kind != "pie" else ()):
        name = series.name or None
        if chart.kind == "bar":
            width = 0.8 / len(chart.series)
            shift = (number - (len(chart.series) - 1) / 2) * width
            axes.bar([place + shift for place in places], series.values, width, label=name)
        elif chart.kind == "line":
            axes.plot(list(places), series.values, marker="o", label=name)
        else:
            axes.scatter(list(places), series.values, label=name)
    if chart.kind != "pie":
        crowded = len(labels) > 12 or sum(map(len, labels)) > 90
        axes.set_xticks(list(places), labels, rotation=45 if crowded else 0, ha="right" if crowded else "center")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
        if any(series.name for series in chart.series):
            axes.legend()
    if chart.title:
        axes.set_title(chart.title)
