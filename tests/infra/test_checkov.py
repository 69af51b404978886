"""I-01, I-02: checkov finds nothing in the templates as they are expanded (in what is written it sees no policy of a function), and little is left out."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.system import ROOT, TEMPLATES, expanded

CHECKOV = ROOT / ".venvs/checkov/bin/checkov"
SKIPPED: Mapping[str, str] = {
    "CKV_AWS_33": "the key's statement for * holds for this account, by the services that store (decisions/0045)",
    "CKV_AWS_116": "no function is called asynchronously: queues, the stream and the schedule have dead letters (test_queues.py)",
    "CKV_AWS_117": "outside of a VPC there is no private network that a customer's address could lead to (S-10)",
    "CKV_AWS_120": "answers are for one user, and must not be kept for another",
}
"""Rules that are not ours, and why."""
BROKEN = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "Policies": [
            {
                "PolicyName": "own",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}],
                },
            }
        ],
    },
}
pytestmark = pytest.mark.slow


def looked_through(path: Path) -> dict[str, Any]:
    """Without the routes of the API: no rule reads them, and they would take a minute."""
    template = copy.deepcopy(expanded(path))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            del resource["Properties"]["Body"]["paths"]
    return template


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """By template: the rule and the resource. One of them is broken, so that it can be seen that something is looked for."""
    folder = tmp_path_factory.mktemp("expanded")
    templates = {path.stem: looked_through(path) for path in TEMPLATES} | {"broken": {"Resources": {"Role": BROKEN}}}
    for name, template in templates.items():
        (folder / f"{name}.json").write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", **template}))
    command = [str(CHECKOV), "--directory", str(folder), "--framework", "cloudformation", "--output", "json", "--quiet"]
    command += ["--skip-check", ",".join(SKIPPED), "--skip-download"]
    env = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0, report["summary"]
    assert report["summary"]["passed"] > 300, report["summary"]
    found: dict[str, list[str]] = defaultdict(list)
    for finding in report["results"]["failed_checks"]:
        found[Path(finding["file_path"]).stem].append(f"{finding['check_id']} {finding['resource']}")
    return found


def test_checkov_finds_nothing_in_our_templates_and_something_in_a_broken_one(failed: Mapping[str, list[str]]) -> None:
    assert {"CKV_AWS_111 AWS::IAM::Role.Role"} <= set(failed["broken"])
    assert set(failed) == {"broken"}, dict(failed)
