"""What a cold start loads, held by the names of modules: milliseconds differ from machine to machine, names do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "numpy",
    "av",
    "torch",
    "google.genai",
    "aws_xray_sdk",
    "moto",
    "docx",
    "lxml",
    "openpyxl",
    "pptx",
    "pypdfium2",
)
WEB = ("fastapi", "mangum", "pydantic", "starlette")
LIGHT = (
    "auth",
    "authorizer",
    "delivery",
    "docs",
    "editor",
    "fetcher",
    "health",
    "indexer",
    "intake",
    "janitor",
    "mailer",
    "publisher",
    "pusher",
    "reader",
    "realtime",
)
ROUTES = (
    "admin",
    "agent",
    "answerer",
    "chat",
    "devices",
    "documents",
    "media",
    "messages",
    "search",
    "speech",
    "webhooks",
)
ROUTES = (
    "admin",
    "agent",
    "answerer",
    "audio",
    "chat",
    "devices",
    "documents",
    "media",
    "messages",
    "search",
    "speech",
    "webhooks",
)


def loaded(function: str) -> set[str]:
    """All modules after the handler was imported, as Lambda imports it."""
    code = "import handler, json, sys; print(json.dumps(sorted(sys.modules)))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "layers/core"), "AWS_REGION": "us-east-1"}
    folder = ROOT / "functions" / function
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(found)


def test_every_function_has_a_budget() -> None:
    there = {folder.parent.name for folder in (ROOT / "functions").glob("*/handler.py")}
    assert there == {*LIGHT, *ROUTES}


@pytest.mark.parametrize("function", LIGHT)
def test_light_functions_stay_light(function: str) -> None:
    assert loaded(function) & {*HEAVY, *WEB} == set()


@pytest.mark.parametrize("function", ROUTES)
def test_no_function_loads_an_engine(function: str) -> None:
    assert loaded(function) & set(HEAVY) == set()
