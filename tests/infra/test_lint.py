"""I-02: the templates are clean as they are written and as they are expanded (cfn-lint does not see generated resources)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.system import REGION, ROOT, TEMPLATES, expanded, source

BIN = ROOT / ".venvs/sam/bin"
SAM_TEMPLATES = [path for path in TEMPLATES if "Transform" in source(path)]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    # Neither credentials nor a proxy are needed, so none are given.
    env = {name: os.environ[name] for name in ("PATH", "HOME")}
    env |= {"AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def lint(*templates: Path) -> list[dict[str, object]]:
    done = run(BIN / "cfn-lint", "--format", "json", "--regions", REGION, "--", *templates)
    assert done.stdout.lstrip().startswith("["), done.stderr
    return json.loads(done.stdout)


def test_the_templates_are_clean_as_they_are_written() -> None:
    assert lint(*TEMPLATES) == []


def test_the_templates_are_clean_as_they_are_expanded(tmp_path: Path) -> None:
    for path in TEMPLATES:
        (tmp_path / f"{path.stem}.json").write_text(json.dumps(expanded(path)))
    assert lint(*sorted(tmp_path.iterdir())) == []


def test_the_linter_is_awake(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Visibility": 3}}
    broken.write_text(json.dumps({"Resources": {"Queue": queue}}))
    assert [finding["Rule"]["Id"] for finding in lint(broken)] == ["E3002"]  # type: ignore[index]


@pytest.mark.parametrize("template", SAM_TEMPLATES, ids=lambda path: path.stem)
def test_sam_takes_the_template(template: Path) -> None:
    done = run(BIN / "sam", "validate", "--lint", "--template", template, "--region", REGION)
    assert done.returncode == 0, done.stdout + done.stderr
