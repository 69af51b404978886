"""I-06: each part may do exactly what it is written to do, and nobody else may use its role."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from antiphon.identity.erase_s3 import RESULTS, UPLOADS
from infra.local.stack import WORKERS
from tests.infra.system import ROOT, Resource, System, source

EVERYTHING = {
    ("api/SigningKey", "AccountDecidesByItsPolicies"): "or nobody could manage the key; * is the key itself",
    ("data/SecretsKey", "AccountDecidesByItsPolicies"): "as for the other key",
}
"""Statements that allow * as action or resource, and why."""

RESOURCE_POLICIES = {
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::S3::BucketPolicy": "PolicyDocument",
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def role_statements(system: System) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for role in system.all("AWS::IAM::Role"):
        for policy in role.properties["Policies"]:
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield role, statement


def resource_statements(system: System) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for kind, key in RESOURCE_POLICIES.items():
        for resource in system.all(kind):
            for statement in resource.properties[key]["Statement"]:
                yield resource, statement


def test_no_role_may_do_everything_of_a_service_or_to_everything(cloud: System) -> None:
    for role, statement in role_statements(cloud):
        assert statement["Effect"] == "Allow", role.name
        assert "NotAction" not in statement, role.name
        assert "NotResource" not in statement, role.name
        for action in listed(statement["Action"]):
            assert "*" not in action, f"{role.name} may {action}"
        for resource in listed(statement["Resource"]):
            assert resource.startswith(("<", "arn:${AWS::Partition}:")), f"{role.name} may act on {resource}"
            assert "*" not in resource.removesuffix("/*"), f"{role.name} may act on {resource}"


def test_a_resource_that_lets_anybody_do_everything_is_named_with_its_reason(cloud: System) -> None:
    found = set()
    for resource, statement in resource_statements(cloud):
        wide = any("*" in each for key in ("Action", "Resource") for each in listed(statement[key]))
        if statement["Effect"] == "Allow" and wide:
            found.add((resource.name, statement["Sid"]))
            assert statement["Principal"] == {"AWS": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}, resource.name
    assert found == set(EVERYTHING)


def test_a_service_may_only_act_for_what_is_ours(cloud: System) -> None:
    """Confused deputy: a bucket's name says nothing of its account, so there the account is asked for too."""
    services = 0
    for resource, statement in resource_statements(cloud):
        principal = statement["Principal"]
        if statement["Effect"] == "Allow" and isinstance(principal, dict) and "Service" in principal:
            services += 1
            condition = statement["Condition"]
            origin = condition["ArnEquals"]["aws:SourceArn"]
            assert "*" not in origin, resource.name
            if principal["Service"] == "s3.amazonaws.com":
                assert condition["StringEquals"] == {"aws:SourceAccount": "${AWS::AccountId}"}, resource.name
    assert services >= 2
    for permission in cloud.all("AWS::Lambda::Permission"):
        assert permission.properties["SourceArn"], permission.name
        service = permission.properties["Principal"]
        assert service in ("apigateway.amazonaws.com", "events.amazonaws.com"), permission.name


def test_each_role_is_taken_by_one_service(cloud: System) -> None:
    for role in cloud.all("AWS::IAM::Role"):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        worker = role.name in ("jobs/TranscriberRole", "jobs/SynthesizerRole")
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com" if worker else "lambda.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"
        assert "ManagedPolicyArns" not in role.properties, f"{role.name}: managed policies hold wildcards"


def test_only_the_roles_of_workers_can_be_lent_to_another_principal() -> None:
    someone = "arn:aws:iam::000000000000:role/worker"
    lent = set()
    for role in System({"TrustedByWorkers": someone}).all("AWS::IAM::Role"):
        statements = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if any(each["Principal"] == {"AWS": someone} for each in statements):
            lent.add(role.name)
    # On a laptop processes beside the emulator stream what the functions do in the cloud.
    assert lent == {"jobs/TranscriberRole", "jobs/SynthesizerRole", "api/MessagesRole", "api/AudioRole"}


def test_each_role_belongs_to_exactly_one_function_or_worker(cloud: System) -> None:
    outputs = cloud.templates["jobs"]["Outputs"]
    workers = [f"jobs/{outputs[worker.role]['Value']['Fn::GetAtt'][0]}" for worker in WORKERS]
    functions = [cloud.of(function.properties["Role"]).name for function in cloud.all("AWS::Lambda::Function")]
    used = Counter([*workers, *functions])
    assert used == Counter(role.name for role in cloud.all("AWS::IAM::Role"))


def test_every_right_to_an_object_is_one_to_a_kind_of_object(cloud: System) -> None:
    """Only erasing, which removes whatever a user left behind, reaches over whole buckets."""
    for role, statement in role_statements(cloud):
        for resource in listed(statement["Resource"]):
            if ":s3:::" in resource and resource.endswith(">/*"):
                assert {"s3:DeleteObject", "s3:DeleteObjectVersion"} >= set(statement["Action"]), role.name


def folders(system: System, actions: set[str], role: str | None = None) -> set[tuple[str, str]]:
    """(bucket, folder) of all rights to one of these actions on objects."""
    return {
        (resource.split(":::")[1].split("/")[0], resource.removesuffix("/*").rsplit("/", 1)[1])
        for owner, statement in role_statements(system)
        if role in (None, owner.name) and actions & set(statement["Action"])
        for resource in listed(statement["Resource"])
        if ":s3:::" in resource and not resource.endswith(">/*")
    }


@pytest.mark.parametrize("role", ["api/AuthRole", "jobs/JanitorRole"])
def test_an_erasure_reaches_every_place_to_which_anybody_may_write(cloud: System, role: str) -> None:
    """U-40: of a user's own drops too, for which no role of ours is needed. Samples of voices are of nobody."""
    written = {place for place in folders(cloud, {"s3:PutObject"}) if place[1] != "samples"}
    reached = folders(cloud, {"s3:DeleteObjectVersion"}, role)
    assert reached == folders(cloud, {"s3:AbortMultipartUpload"}, role)
    uploads = next(bucket for bucket, folder in written if folder == "uploads")
    assert written | {(uploads, "inbox")} == reached
    assert {folder for _, folder in reached} == {*UPLOADS, *RESULTS}


def test_no_account_and_no_secret_is_written_down() -> None:
    for path in (ROOT / "template.yaml", *(ROOT / "infra").glob("*.yaml")):
        text = path.read_text()
        assert not re.search(r"\b\d{12}\b", text), path.name
        for resource in source(path)["Resources"].values():
            names = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
            assert not [name for name in names if re.search("SECRET|PASSWORD$|PRIVATE|TOKEN$", name)], path.name
