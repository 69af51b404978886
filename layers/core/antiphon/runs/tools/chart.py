"""``chart``: a drawing of numbers, as PNG and SVG media items."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from antiphon.conversations.ports import ConversationStore
from antiphon.media.items import Media, MediaStatus, MediaStore, media_prefix
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Invalid
from antiphon.runs.model import Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, seed_of
from antiphon.runs.tools.draw import KINDS, MAX_LABELS, MAX_SERIES, Chart, Series, chart_of, draw
from antiphon.speech.model import Source
from antiphon.speech.ports import Objects

LOOKED_AT = 20
"""Messages, newest first, that are looked through for numbers."""
_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


class OneSeries(Arguments):
    name: Annotated[str, Field(max_length=100)] = ""
    values: Annotated[list[float], Field(min_length=1, max_length=MAX_LABELS)]


class ChartArguments(Arguments):
    """``text``: numbers as people write them, instead of labels and series; empty: those of the conversation."""

    kind: Literal["bar", "line", "pie", "scatter"] | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    labels: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MAX_LABELS)] = Field(
        default_factory=list
    )
    series: Annotated[list[OneSeries], Field(max_length=MAX_SERIES)] = Field(default_factory=list)
    text: Annotated[str | None, Field(max_length=100_000)] = None

    @model_validator(mode="after")
    def fits(self) -> ChartArguments:
        if any(len(series.values) != len(self.labels) for series in self.series):
            raise ValueError("each series needs one value for each label")
        if not self.series and self.text is None:
            raise ValueError("send labels and series, or text")
        return self


class ChartTool:
    name = "chart"
    description = "Draws a bar, line, pie or scatter chart that the user can see."
    # Written out: providers do not take the references of the whole schema.
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["bar", "line", "pie", "scatter"]},
            "title": {"type": "string"},
            "labels": {"type": "array", "items": {"type": "string"}, "description": "One for each value."},
            "series": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "values": {"type": "array", "items": {"type": "number"}},
                    },
                    "required": ["values"],
                },
            },
        },
        "required": ["labels", "series"],
        "additionalProperties": False,
    }

    def __init__(
        self, *, conversations: ConversationStore, media: MediaStore, objects: Objects, bucket: str, clock: Clock
    ) -> None:
        self._conversations = conversations
        self._media = media
        self._objects = objects
        self._bucket = bucket
        self._clock = clock

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        asked = parsed(ChartArguments, arguments)
        chart = self._chart(run, asked)
        ids = {format: self._kept(run, chart, format, f"{seed}#{format}") for format in ("png", "svg")}
        values = sum(len(series.values) for series in chart.series)
        part = {"type": "image", "media_id": ids["png"], "svg_media_id": ids["svg"], "title": chart.title}
        return Result(
            f"A {chart.kind} chart of {values} values was drawn and is shown to the user.",
            {"media_id": ids["png"], "svg_media_id": ids["svg"], "parts": [part]},
        )

    def check(self, run: Run, waits_for: str) -> Result | None:
        raise NotImplementedError("a chart waits for nothing")

    def _chart(self, run: Run, asked: ChartArguments) -> Chart:
        if asked.series:
            series = tuple(Series(each.name, tuple(each.values)) for each in asked.series)
            return Chart(asked.kind or "bar", asked.title, tuple(asked.labels), series)
        found = chart_of(asked.text or "")
        if found is not None:
            return found
        said = self._conversations.history(run.conversation_id, run.message_id)
        for message in islice(said, LOOKED_AT):
            if found := chart_of(message.content):
                kind = next((k for k in KINDS if k in (asked.text or "").casefold()), None)
                return Chart(kind or found.kind, (asked.text or "")[:200], found.labels, found.series)
        raise Invalid(
            "There are no numbers to draw. Write them, such as `chart: Sales: Jan 10, Feb 20`, or send a table first.",
            code="nothing_to_plot",
        )

    def _kept(self, run: Run, chart: Chart, format: Literal["png", "svg"], seed: str) -> str:
        """The id of the media item: the same for the same call."""
        media_id = f"med_{seed_of(run.id, seed)}"
        content = draw(chart, format)
        key = f"{media_prefix(run.user_id, media_id)}chart.{format}"
        self._objects.put(self._bucket, key, content, content_type=_TYPES[format])
        name = f"{chart.title or 'chart'}.{format}"
        source = Source(self._bucket, key, size=len(content), content_type=_TYPES[format], filename=name)
        self._media.create(
            Media(
                media_id,
                run.user_id,
                "chart",
                name,
                _TYPES[format],
                len(content),
                self._clock(),
                MediaStatus.READY,
                source,
                tier=run.tier,
            )
        )
        return media_id
