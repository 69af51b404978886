"""I-06: each part may do exactly what it is written to do, and nobody else may use its role."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from antiphon.identity.erase_s3 import RESULTS, UPLOADS
from infra.local.stack import WORKERS
from tests.infra.system import ROOT, Resource, System, looped, source

EVERYTHING = {
    ("api/SigningKey", "AccountDecidesByItsPolicies"): "or nobody could manage the key; * is the key itself",
    ("keys/DataKey", "AccountDecidesByItsPolicies"): "as for the other key",
    ("keys/DataKey", "Logs"): "* is the key; for our own log groups",
    ("keys/DataKey", "Senders"): "* is the key; for what these services send on behalf of the account",
}
"""Statements that allow * as action or resource, and why."""

ANYTHING = {
    "ecr:GetAuthorizationToken": "a token is for the whole registry; what it opens is granted by repository",
    "xray:PutTraceSegments": "a trace has no name before it is there",
    "xray:PutTelemetryRecords": "as for traces",
}
"""Actions that know no resource."""

OF_AWS = {
    "gpu/InfrastructureRole": "ecs.amazonaws.com",
    "gpu/InstanceRole": "ec2.amazonaws.com",
    "api/GatewayLogsRole": "apigateway.amazonaws.com",
    "api/RolloutRole": "codedeploy.amazonaws.com",
}
"""Roles by which AWS itself keeps the instances, writes access logs and brings aliases to new versions. What its agents need changes with them, so these have AWS's own policies."""
TASKS = {"jobs/TranscriberRole", "jobs/SynthesizerRole", "gpu/ExecutionRole"}

RESOURCE_POLICIES = {
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def role_statements(system: System) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for role in system.all("AWS::IAM::Role"):
        for policy in role.properties.get("Policies", []):
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield role, statement
    for policy in system.all("AWS::IAM::ManagedPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            yield policy, statement


def resource_statements(system: System) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for resource in system.resources.values():
        if key := RESOURCE_POLICIES.get(resource.kind):
            for statement in resource.properties[key]["Statement"]:
                yield resource, statement


def test_no_role_may_do_everything_of_a_service_or_to_everything(cloud: System) -> None:
    for role, statement in role_statements(cloud):
        assert statement["Effect"] == "Allow", role.name
        assert "NotAction" not in statement, role.name
        assert "NotResource" not in statement, role.name
        for action in listed(statement["Action"]):
            assert "*" not in action, f"{role.name} may {action}"
        if set(statement["Action"]) <= set(ANYTHING):
            continue
        for resource in listed(statement["Resource"]):
            assert resource.startswith(("<", "arn:${AWS::Partition}:")), f"{role.name} may act on {resource}"
            assert "*" not in resource.removesuffix("/*"), f"{role.name} may act on {resource}"


def test_no_role_may_read_the_table_from_end_to_end(cloud: System) -> None:
    """A-57: by no Scan, by no PartiQL, which may be one, and by no export."""
    granted = {action for _, statement in role_statements(cloud) for action in listed(statement["Action"])}
    of_the_table = {action for action in granted if action.startswith("dynamodb:")}
    assert {"dynamodb:GetItem", "dynamodb:Query"} <= of_the_table
    assert not {action for action in of_the_table if re.search("Scan|PartiQL|Export", action)}


def test_a_resource_that_lets_anybody_do_everything_is_named_with_its_reason(cloud: System) -> None:
    found = set()
    for resource, statement in resource_statements(cloud):
        # All objects of one bucket are not everything.
        named = [*listed(statement["Action"]), *(each.removesuffix("/*") for each in listed(statement["Resource"]))]
        wide = any("*" in each for each in named)
        if statement["Effect"] == "Allow" and wide:
            found.add((resource.name, statement["Sid"]))
            if "Condition" not in statement:
                root = {"AWS": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
                assert statement["Principal"] == root, resource.name
    assert found == set(EVERYTHING)


def test_nobody_uses_the_key_of_the_data_but_through_the_service_that_stores_them(cloud: System) -> None:
    """So that a role needs no right of its own to the key beside the one to the row, the object or the message; and none is of use without that."""
    (policy,) = cloud.all("AWS::IAM::ManagedPolicy")
    (statement,) = policy.properties["PolicyDocument"]["Statement"]
    assert statement["Resource"] == [cloud.resources["keys/DataKey"].attribute("Arn")]
    assert {service.split(".")[0] for service in statement["Condition"]["StringEquals"]["kms:ViaService"]} == {
        "dynamodb",
        "ecr",
        "lambda",
        "s3",
        "secretsmanager",
        "sns",
        "sqs",
    }
    assert not [action for action in statement["Action"] if "*" in action or "Grant" in action]
    using = {
        owner.name for owner, s in role_statements(cloud) if {"kms:Decrypt", "kms:GenerateDataKey"} & set(s["Action"])
    }
    assert using == {policy.name, "api/WebhooksRole", "jobs/DeliveryRole"}, (
        "who seals and opens the secrets of webhooks: 0034"
    )


def test_a_service_may_only_act_for_what_is_ours(production: System) -> None:
    """Confused deputy: a bucket's name says nothing of its account, so there the account is asked for too."""
    services = 0
    for resource, statement in resource_statements(production):
        principal = statement["Principal"]
        if statement["Effect"] == "Allow" and isinstance(principal, dict) and "Service" in principal:
            services += 1
            condition = statement["Condition"]
            if resource.kind == "AWS::KMS::Key" and statement["Sid"] == "Logs":
                (groups,) = condition["ArnLike"].values()
                ours = ":${AWS::AccountId}:log-group:"
                assert [group.partition(ours)[2] for group in groups] == [
                    "/antiphon/${AWS::StackName}/*",
                    "API-Gateway-Execution-Logs_*/live",
                    "/aws/apigateway/*/ws",
                ]
                continue
            if resource.kind in ("AWS::KMS::Key", "AWS::SNS::TopicPolicy"):
                assert condition["StringEquals"] == {"aws:SourceAccount": "${AWS::AccountId}"}, resource.name
                continue
            for origin in listed(condition["ArnEquals"]["aws:SourceArn"]):
                assert "*" not in origin, resource.name
            if principal["Service"] in ("s3.amazonaws.com", "logging.s3.amazonaws.com"):
                assert condition["StringEquals"] == {"aws:SourceAccount": "${AWS::AccountId}"}, resource.name
    assert services >= 2
    for permission in production.all("AWS::Lambda::Permission"):
        assert permission.properties["SourceArn"], permission.name
        service = permission.properties["Principal"]
        assert service in ("apigateway.amazonaws.com", "events.amazonaws.com"), permission.name


def test_nothing_is_open_to_everybody(cloud: System) -> None:
    """I-07: no policy lets a stranger in, and no function has an address of its own."""
    for resource, statement in resource_statements(cloud):
        if statement["Effect"] == "Allow":
            assert statement["Principal"] not in ("*", {"AWS": "*"}), resource.name
    for permission in cloud.all("AWS::Lambda::Permission"):
        assert permission.properties["Principal"].endswith(".amazonaws.com"), permission.name
    assert not [each.name for each in cloud.resources.values() if each.kind == "AWS::Lambda::Url"]


def test_each_role_is_taken_by_one_service(cloud: System) -> None:
    for role in cloud.all("AWS::IAM::Role"):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        others = OF_AWS | dict.fromkeys(TASKS, "ecs-tasks.amazonaws.com")
        assert statement["Principal"] == {"Service": others.get(role.name, "lambda.amazonaws.com")}
        assert statement["Action"] == "sts:AssumeRole"
        if role.name not in OF_AWS:
            (managed,) = role.properties["ManagedPolicyArns"]
            assert managed == "<keys/DataKeyUse>", f"{role.name}: the managed policies of AWS hold wildcards"


def test_only_the_roles_of_workers_can_be_lent_to_another_principal() -> None:
    someone = "arn:aws:iam::000000000000:role/worker"
    lent = set()
    for role in System({"TrustedByWorkers": someone}).all("AWS::IAM::Role"):
        statements = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if any(each["Principal"] == {"AWS": someone} for each in statements):
            lent.add(role.name)
    # On a laptop processes beside the emulator stream what the functions do in the cloud.
    assert lent == {"jobs/TranscriberRole", "jobs/SynthesizerRole", "api/MessagesRole", "api/AudioRole"}


def test_a_role_is_handed_on_to_one_service_only(cloud: System) -> None:
    passed = {
        (role.name, resource, statement["Condition"]["StringEquals"]["iam:PassedToService"])
        for role, statement in role_statements(cloud)
        if "iam:PassRole" in statement["Action"]
        for resource in listed(statement["Resource"])
    }
    assert passed == {("gpu/InfrastructureRole", "<gpu/InstanceRole.Arn>", "ec2.amazonaws.com")}


def test_each_role_belongs_to_exactly_one_function_or_worker(cloud: System) -> None:
    outputs = cloud.templates["jobs"]["Outputs"]
    workers = [f"jobs/{outputs[worker.role]['Value']['Fn::GetAtt'][0]}" for worker in WORKERS]
    functions = [cloud.of(function.properties["Role"]).name for function in cloud.all("AWS::Lambda::Function")]
    used = Counter([*workers, *functions, *OF_AWS, "gpu/ExecutionRole"])
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
        for resource in looped(source(path), {})["Resources"].values():
            names = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
            assert not [name for name in names if re.search("SECRET|PASSWORD$|PRIVATE|TOKEN$", name)], path.name


CALLERS = {
    "jobs/DeliveryRole": ["user#*", "events#*", "webhook#*", "delivery#*"],
    "jobs/FetcherRole": ["user#*", "events#*"],
}
"""Roles of what calls out on a stranger's word, and the partitions of the table that it may see."""


def test_what_calls_out_on_a_strangers_word_sees_no_secret_and_no_content(cloud: System) -> None:
    """S-10. It has no network of its own either: outside of a VPC there is nothing private to reach."""
    for role, partitions in CALLERS.items():
        actions, rows = set(), 0
        for owner, statement in role_statements(cloud):
            if owner.name != role:
                continue
            actions |= set(statement["Action"])
            if any(action.startswith("dynamodb:") for action in statement["Action"]):
                rows += 1
                assert statement["Condition"] == {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": partitions},
                    # Without it a request that names no partition would pass.
                    "Null": {"dynamodb:LeadingKeys": "false"},
                }, statement["Sid"]
        assert rows
        assert not [action for action in actions if action.startswith(("secretsmanager:", "s3:Get", "s3:List"))]
        assert "dynamodb:Query" not in actions
        (function,) = [f for f in cloud.all("AWS::Lambda::Function") if cloud.of(f.properties["Role"]).name == role]
        assert "VpcConfig" not in function.properties
