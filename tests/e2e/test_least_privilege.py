"""T-11: with IAM enforced nothing was denied in all the tests before this one, and every grant was needed by one of them."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from infra.local.stack import LocalStack

LAST = True
"""Runs after the tests whose calls it looks at; see conftest.py."""

NOT_SEEN = {
    "logs:CreateLogStream": "the emulator writes the logs of functions itself",
    "logs:PutLogEvents": "the emulator writes the logs of functions itself",
    "xray:PutTraceSegments": "the emulator traces nothing",
    "xray:PutTelemetryRecords": "the emulator traces nothing",
    "dynamodb:DescribeStream": "the emulator reads the stream itself",
    "dynamodb:GetRecords": "the emulator reads the stream itself",
    "dynamodb:GetShardIterator": "the emulator reads the stream itself",
    "dynamodb:ListStreams": "the emulator reads the stream itself",
    "s3:ListBucket": "with it AWS says 404 of an object that is missing, without it 403; the emulator always says 404",
    "s3:DeleteObjectVersion": "the emulator asks for s3:DeleteObject where AWS asks for this",
}
POLLED = frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"})
"""Of functions with a queue: the emulator polls for them itself."""
RARE = {
    ("Publisher", "GivenUp"): "only when an event cannot be handed on at all",
    ("Janitor", "DeadJobs"): "counted where the janitor ran; a run of the suite may be over before its minute",
    ("Janitor", "LaneState"): "only when a job waited for a quarter of an hour",
    ("Janitor", "Deliveries"): "only when a delivery became due",
    ("Janitor", "Table"): "only when something became due",
    ("Janitor", "EraseRows"): "only when an erasure was cut off, or a quarter of an hour after one",
    ("Janitor", "TokensOfTheDay"): "only where ChatTokensPerDay caps the models",
    ("Janitor", "FindWhatIsErased"): "only when an erasure was cut off, or a quarter of an hour after one",
    ("Janitor", "Erase"): "only when an erasure was cut off, or a quarter of an hour after one",
    ("Janitor", "LookAgain"): "only when an erasure was cut off, or a quarter of an hour after one",
    ("Delivery", "RemoveWhatIsNobodys"): "only when an endpoint is deleted while a delivery to it waits",
    **{
        ("Synthesizer", sid): "only when a job is deleted in the moment in which its audio is written"
        for sid in ("FindWhatIsNobodys", "RemoveWhatIsNobodys")
    },
    ("Editor", "RemoveWhatIsNobodys"): "only when an edit fails or is taken away after its result was stored",
    **{
        (role, "WaitForSameWork"): "only when two workers have the same work at once"
        for role in ("Transcriber", "Synthesizer")
    },
    ("Audio", "FindVersions"): "only when a text was stored for a job that joined another",
    ("Audio", "RemoveTexts"): "only when a text was stored for a job that joined another",
    ("Fetcher", "GiveUpHalfOfOne"): "only when a recording of many parts breaks off on its way",
    ("Janitor", "EndConnections"): "only when a connection outlives its token",
    ("Pusher", "RemoveEnded"): "only when a connection is gone or its session has ended",
    ("Pusher", "End"): "only when a connection takes nothing or its session has ended",
    ("Pusher", "NextPage"): "only when more was missed than one page",
    ("Answerer", "FrequentWords"): "only when a word stands in more places than are read at once",
    ("Answerer", "Images"): "only when an image is attached",
    ("Janitor", "Runs"): "only when a message of a run was lost",
    **{
        (role, "FrequentWords"): "only when a word stands in more places than are read at once"
        for role in ("Search", "Messages", "Documents", "Agent")
    },
    **{
        (role, "AwaitTurn"): "only when a user has more jobs at once than the tier lets run"
        for role in ("Reader", "Editor")
    },
    ("Publisher", "Turns"): "only when a user has more jobs at once than the tier lets run",
    ("Janitor", "Report"): "only when a run has failed three times",
    ("Janitor", "Due"): "counted where the janitor ran; a run of the suite may be over before its minute",
}
"""Statements whose moment does not come in a run of minutes; unit and integration tests hold what they are for."""


def roles(stack: LocalStack) -> dict[str, list[dict[str, Any]]]:
    """The statements of our roles, by the name that the template gives the role."""
    iam = stack.client("iam")
    found: dict[str, list[dict[str, Any]]] = {}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                found.setdefault(name, []).extend(document["Statement"])
    return found


def short(role: str) -> str:
    """``antiphon-Api-30399a80-543-HealthRole-BA98…`` → ``Health``."""
    return next(part for part in role.split("-") if part.endswith("Role")).removesuffix("Role")


def test_nothing_was_denied(decisions: Callable[[], list[dict[str, Any]]]) -> None:
    seen = decisions()
    assert len(seen) > 100, "IAM was not asked"
    assert [d for d in seen if not d["allowed"]] == []


def test_nothing_scanned(decisions: Callable[[], list[dict[str, Any]]]) -> None:
    """A-57: neither was it done nor tried, in all the tests before this one."""
    asked = {d["action"] for d in decisions() if d["action"].startswith("dynamodb:")}
    assert {"dynamodb:GetItem", "dynamodb:Query"} <= asked, "what was asked of the table is not in the log"
    assert not {action for action in asked if "scan" in action.lower() or "partiql" in action.lower()}


def grants(statements: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """(action, pattern of resources), of those that hold whatever is asked: the simulation says nothing of the rows that it asks for."""
    return {
        (action, resource)
        for statement in statements
        if "Condition" not in statement
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def test_what_a_role_was_not_given_is_refused(stack: LocalStack) -> None:
    """Each role is asked for all that any of the others may do, by what enforces IAM here."""
    iam = stack.client("iam")
    given = {role: grants(statements) for role, statements in roles(stack).items()}
    wanted: dict[str, set[str]] = {}
    for action, resource in set().union(*given.values()):
        wanted.setdefault(resource.replace("*", "x") if resource != "*" else resource, set()).add(action)
    refused = 0
    for role, own in given.items():
        arn = iam.get_role(RoleName=role)["Role"]["Arn"]
        for resource, actions in wanted.items():
            answer = iam.simulate_principal_policy(
                PolicySourceArn=arn, ActionNames=sorted(actions), ResourceArns=[resource]
            )
            may = {each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] == "allowed"}
            should = {action for action, pattern in own if action in actions and fnmatchcase(resource, pattern)}
            assert may - should == set(), f"{short(role)}: {resource}"
            assert should - may == set(), f"{short(role)}: {resource}"
            refused += len(actions - may)
    assert refused > 20 * len(given)


def test_every_grant_was_needed(stack: LocalStack, decisions: Callable[[], list[dict[str, Any]]]) -> None:
    used = {(d["role"], d["action"]) for d in decisions()}
    unused = [
        (short(role), statement["Sid"], action)
        for role, statements in roles(stack).items()
        for statement in statements
        for action in statement["Action"]
        if (role, action) not in used
        and action not in NOT_SEEN
        and (short(role), statement["Sid"]) not in RARE
        and not (
            action in POLLED
            and statement["Sid"].startswith("Take")
            and short(role)
            in ("Intake", "Delivery", "Mailer", "Reader", "Editor", "Indexer", "Agent", "Pusher", "Answerer", "Fetcher")
        )
    ]
    assert unused == []
