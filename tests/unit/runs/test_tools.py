"""The tools of runs: what they take, what they refuse, what they give."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from antiphon.platform.errors import Invalid
from antiphon.runs.model import Run
from antiphon.runs.tools import parsed, seed_of
from antiphon.runs.tools.calculate import CalculateTool, calculated
from antiphon.runs.tools.chart import ChartArguments, ChartTool
from antiphon.runs.tools.device import DeviceTool
from antiphon.runs.tools.draw import Chart, Series, chart_of
from antiphon.runs.tools.edit import EditArguments, EditTool
from antiphon.runs.tools.look import SearchTool
from antiphon.runs.tools.names import TOOLS
from antiphon.runs.tools.speech import SpeakTool, TranscribeTool

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RUN = Run("run_01M7YW6P9FSBP38NN8A8JYGN22", "usr_1", "free", "conv_1", "msg_1", NOW, NOW)
ALL: tuple[Any, ...] = (SearchTool, TranscribeTool, SpeakTool, EditTool, ChartTool, CalculateTool, DeviceTool)


def test_the_tools_that_may_be_allowed_are_those_that_the_agent_has() -> None:
    assert {tool.name for tool in ALL} == set(TOOLS)
    wiring = ast.parse((Path(__file__).parents[3] / "functions/agent/wiring.py").read_text())
    made = {node.func.id for node in ast.walk(wiring) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert {tool.__name__ for tool in ALL} <= made


@pytest.mark.parametrize("tool", ALL)
def test_providers_can_read_what_a_tool_takes(tool: Any) -> None:
    Draft202012Validator.check_schema(dict(tool.parameters))
    assert tool.parameters["type"] == "object"
    assert "$ref" not in str(tool.parameters)
    assert len(tool.description) > 20


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17 * 23", "391"),
        ("(1200 - 345) * 0.17", "145.35"),
        ("2^10", "1024"),
        ("10 / 4", "2.5"),
        ("sqrt(2)", "1.41421356237"),
        ("0.1 + 0.2", "0.3"),
        ("max(3, 4) × 2", "8"),
        ("2 ** 64", "18446744073709551616"),
    ],
)
def test_arithmetic_is_exact(expression: str, value: str) -> None:
    assert calculated(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "().__class__",
        "open('/etc/passwd')",
        "9 ** 9 ** 9 ** 9",
        "10 ** 5000",
        "1 << 100000",
        "'a' * 1000000000",
        "1 / 0",
        "[1] * 10",
        "lambda: 1",
        "True",
        "1 +",
        "(" * 200,
        "sqrt(-1)",
        "exp(1000)",
    ],
)
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    """L-03"""
    with pytest.raises(Invalid):
        calculated(expression)


@pytest.mark.parametrize(
    ("text", "labels", "values"),
    [
        ("Sales: Jan 10, Feb 20.5", ("Jan", "Feb"), (10, 20.5)),
        ("apples=3; pears=-5", ("apples", "pears"), (3, -5)),
        ("bar of visitors: 2021 10, 2022 1,200", ("2021", "2022"), (10, 1200)),
        ("month,visits\nJan,10\nFeb,20", ("Jan", "Feb"), (10, 20)),
        ("Here:\n\n| a | b |\n|---|--:|\n| x | $1 |\n| y | 2 % |\n\nSo.", ("x", "y"), (1, 2)),
        ("מכירות: ינואר 10, פברואר 20", ("ינואר", "פברואר"), (10, 20)),
    ],
)
def test_numbers_are_found_as_people_write_them(text: str, labels: tuple[str, ...], values: tuple[float, ...]) -> None:
    chart = chart_of(text)
    assert chart is not None
    assert (chart.labels, chart.series[0].values) == (labels, values)


@pytest.mark.parametrize("text", ["", "nothing here", "I have 3 apples", "a" * 100_000, "a b " * 25_000, "|" * 50_000])
def test_where_there_are_no_numbers_none_are_made_up(text: str) -> None:
    assert chart_of(text) is None


def test_a_table_has_a_series_for_each_column_of_numbers() -> None:
    chart = chart_of("line chart of visits\n\nday\tnew\tname\told\nMo\t1\tx\t2\nTu\t3\ty\t4")
    assert chart == Chart("line", "visits", ("Mo", "Tu"), (Series("new", (1, 3)), Series("old", (2, 4))))


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        (ChartArguments, {"labels": ["a"], "series": [{"values": [1, 2]}]}),
        (ChartArguments, {}),
        (ChartArguments, {"labels": ["a"], "series": [{"values": [float("nan")]}]}),
        (EditArguments, {"media_id": "med_1", "command": "reverse"}),
        (EditArguments, {"media_id": "med_01M7YW6P9FSBP38NN8A8JYGN22"}),
    ],
)
def test_wrong_arguments_are_named(shape: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="do not fit"):
        parsed(shape, arguments)


def test_what_a_call_makes_has_the_same_name_each_time() -> None:
    assert seed_of(RUN.id, "a") == seed_of(RUN.id, "a") != seed_of(RUN.id, "b")
