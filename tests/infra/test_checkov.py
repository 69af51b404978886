"""I-01, I-02: checkov finds nothing in the templates as they are expanded (in what is written it sees no policy of a function), and little is left out."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.infra.system import ROOT, TEMPLATES, expanded, looped, source

CHECKOV = ROOT / ".venvs/checkov/bin/checkov"
EDGE = {"CKV_AWS_86", "CKV_AWS_174"}
"""Of the distribution: what a parameter decides, and stands as CloudFront has it where the parameter is empty."""
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


@dataclass(frozen=True)
class Skip:
    """where: the kind of the resource that it is for; nothing where it is for all templates."""

    id: str
    reason: str
    where: str | None


def skips(document: Mapping[str, Any], where: str | None) -> Iterator[Skip]:
    for each in document.get("Metadata", {}).get("checkov", {}).get("skip", ()):
        yield Skip(each["id"], each["comment"], where)


def all_skips() -> Iterator[Skip]:
    """As the templates name them."""
    for path in TEMPLATES:
        template = looped(source(path), {})
        yield from skips(template, None)
        for resource in template["Resources"].values():
            yield from skips(resource, resource["Type"])


EVERYWHERE = {skip.id for skip in all_skips() if skip.where is None}


def named(checks: list[dict[str, Any]]) -> dict[str, list[str]]:
    """By template: the rule and the resource."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in checks:
        found[Path(each["file_path"]).stem].append(f"{each['check_id']} {each['resource']}")
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[dict[str, Any]]]:
    """What checkov found, and what a resource told it to leave out. One template is broken, so that it can be seen that something is looked for."""
    folder = tmp_path_factory.mktemp("expanded")
    templates = {path.stem: looked_through(path) for path in TEMPLATES} | {"broken": {"Resources": {"Role": BROKEN}}}
    for name, template in templates.items():
        (folder / f"{name}.json").write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", **template}))
    command = [str(CHECKOV), "--directory", str(folder), "--framework", "cloudformation", "--output", "json"]
    env = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run([*command, "--skip-download"], env=env, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0, report["summary"]
    assert report["summary"]["passed"] > 300, report["summary"]
    return report["results"]


def test_checkov_finds_nothing_in_our_templates_and_something_in_a_broken_one(
    report: Mapping[str, list[dict[str, Any]]],
) -> None:
    """I-01, I-02"""
    failed = named([each for each in report["failed_checks"] if each["check_id"] not in EVERYWHERE])
    assert {"CKV_AWS_111 AWS::IAM::Role.Role"} <= set(failed["broken"])
    assert set(failed) == {"broken"}, dict(failed)


def test_little_is_left_out_and_each_rule_with_its_reason() -> None:
    """I-02: four rules, and what a parameter of the distribution decides."""
    found = list(all_skips())
    assert all(len(skip.reason) > 20 for skip in found)
    assert {skip.where for skip in found if skip.id in EDGE} == {"AWS::CloudFront::Distribution"}
    assert {skip.id for skip in found} - EDGE == EVERYWHERE | {"CKV_AWS_18"}
    assert [skip.where for skip in found if skip.id == "CKV_AWS_18"] == ["AWS::S3::Bucket"], "of the access logs alone"
    assert len(EVERYWHERE | {"CKV_AWS_18"}) <= 4


def test_no_rule_is_left_out_that_holds(report: Mapping[str, list[dict[str, Any]]]) -> None:
    """I-02: what would be found if nothing were left out, so that a skip goes when its reason has gone."""
    without = {each["check_id"] for each in report["failed_checks"]} & EVERYWHERE
    assert without == EVERYWHERE
    left_out = named(report["skipped_checks"])
    assert {rule.split()[0] for rule in left_out["web"]} == EDGE
    assert left_out["data"] == ["CKV_AWS_18 AWS::S3::Bucket.AccessLogs"]
    assert set(left_out) == {"web", "data"}
