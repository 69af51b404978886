"""CycloneDX's own library and schema, which are in the environment of checkov."""

from __future__ import annotations

import subprocess

from tests.infra.system import ROOT

PYTHON = ROOT / ".venvs/checkov/bin/python"
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(wrong) if wrong else 0)
"""


def complaints(document: str) -> str:
    """Of the official schema; empty where it has none."""
    done = subprocess.run([PYTHON, "-c", VALIDATE], input=document, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stderr, "the validator says why"
    return done.stderr
