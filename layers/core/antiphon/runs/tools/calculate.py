"""``calculate``: arithmetic, by simpleeval: an expression is parsed, never run, and its size is bounded."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from antiphon.platform.errors import Invalid
from antiphon.runs.model import Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, schema_of

MAX_DIGITS = 400
_FUNCTIONS: Mapping[str, Any] = {
    **{
        name: getattr(math, name)
        for name in ("sqrt", "log", "log10", "log2", "exp", "sin", "cos", "tan", "floor", "ceil")
    },
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
}
_NAMES = {"pi": math.pi, "e": math.e}


class CalculateArguments(Arguments):
    expression: Annotated[
        str,
        Field(min_length=1, max_length=300, description="Such as (1200 - 345) * 0.17; ** is power, sqrt(2) a root."),
    ]


class CalculateTool:
    name = "calculate"
    description = "Computes an arithmetic expression exactly as it is written. Use it for every calculation."
    parameters = schema_of(CalculateArguments)

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        expression = parsed(CalculateArguments, arguments).expression
        value = calculated(expression)
        return Result(f"{expression} = {value}", {"value": value})

    def check(self, run: Run, waits_for: str) -> Result | None:
        raise NotImplementedError("arithmetic waits for nothing")


def calculated(expression: str) -> str:
    """Raises Invalid for what is no arithmetic, has no result, or a result beyond all measure."""
    from simpleeval import InvalidExpression, SimpleEval

    reader = SimpleEval(functions=dict(_FUNCTIONS), names=dict(_NAMES))
    allowed = {name: op for name, op in reader.operators.items() if op not in (operator.lshift, operator.rshift)}
    reader.operators = allowed
    try:
        value = reader.eval(expression.replace("^", "**").replace("×", "*").replace("÷", "/").replace("−", "-"))
    except (
        InvalidExpression,
        SyntaxError,
        ArithmeticError,
        ValueError,
        TypeError,
        RecursionError,
        MemoryError,
    ) as error:
        raise Invalid(f"{expression!r} cannot be computed: {error}") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{expression!r} is no number.")
    if isinstance(value, int):
        if value.bit_length() > MAX_DIGITS * 4:
            raise Invalid("The result is too large.")
        return str(value)
    if not math.isfinite(value):
        raise Invalid("The result is not a finite number.")
    return f"{value:.12g}"
