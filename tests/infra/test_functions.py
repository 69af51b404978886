"""Each function is given what it reads, answers the routes that the API sends to it, and is bounded."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.infra.system import ROOT, Resource, System
from tests.infra.test_api import methods

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
RUNTIME = {"AWS_REGION"}
"""What Lambda itself sets and our code reads."""
ADAPTER = {"PORT", "AWS_LAMBDA_EXEC_WRAPPER", "AWS_LWA_INVOKE_MODE", "AWS_LWA_READINESS_CHECK_PATH"}
"""What the Lambda Web Adapter reads, and the server that it starts."""
STREAMING = {"api/Audio", "api/Messages"}
LONG = {
    "api/Audio": 900,
    "api/Messages": 300,
    "jobs/Reader": 900,
    "jobs/Editor": 900,
    "jobs/Fetcher": 900,
    "jobs/Indexer": 300,
    "jobs/Agent": 300,
    "realtime/Answerer": 300,
}
"""Seconds that these may take: an answer that is waited for or streamed, documents of thousands of pages, recordings of hours, long texts, models that are asked again and
again. Who works on a job renews its lease, and gives it up before its own time ends."""
CATCH_ALL = "/{proxy+}"


@dataclass(frozen=True)
class Inside:
    """routes: (method, path with {} for each parameter). read: names of the environment."""

    routes: frozenset[tuple[str, str]]
    read: frozenset[str]


def function(system: System, name: str) -> Resource:
    (found,) = [f for f in system.all("AWS::Lambda::Function") if f.name.split("/")[1].lower() == name]
    return found


def variables(system: System, name: str) -> Mapping[str, str]:
    """With an address of the form that it has where something of it is known to AWS only."""
    given = function(system, name).properties["Environment"]["Variables"]
    known = {
        k: re.sub(r"<[^>]+>|\$\{[^}]+\}", "x", v) if str(v).startswith("https://") else v for k, v in given.items()
    }
    return {k: str(v) for k, v in known.items()}


def shape(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def look_inside(name: str, given: Mapping[str, str]) -> Inside:
    return _look_inside(name, tuple(sorted(given.items())))


@cache
def _look_inside(name: str, given: tuple[tuple[str, str], ...]) -> Inside:
    env = {**dict(given), "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    env |= {"PYTHONPATH": str(ROOT / "layers/core"), "PYTHONDONTWRITEBYTECODE": "1"}
    script = Path(__file__).with_name("look_inside.py")
    command = [sys.executable, str(script), str(ROOT / "functions" / name)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{name} does not start with what the template gives it:\n{done.stderr}"
    answer = json.loads(done.stdout.splitlines()[-1])
    return Inside(frozenset((m, shape(p)) for m, p in answer["routes"]), frozenset(answer["read"]))


def written_names(name: str) -> set[str]:
    """Names of the environment that stand in the wiring, whether a start comes by them or only a request."""
    tree = ast.parse((ROOT / "functions" / name / "wiring.py").read_text())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", text) and asked_for(tree, text)}


def asked_for(tree: ast.AST, text: str) -> bool:
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=ast.Constant(value=value)) if value == text:
                return True
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=value), *_]) if value == text:
                return True
    return False


def test_every_folder_of_a_function_is_in_the_template_and_the_other_way_round(cloud: System) -> None:
    assert {f.name.split("/")[1].lower() for f in cloud.all("AWS::Lambda::Function")} == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_with_exactly_what_the_template_gives_it(name: str, cloud: System) -> None:
    """No name is missing, none is given for nothing; and nothing is sent anywhere before the first request."""
    given = variables(cloud, name)
    inside = look_inside(name, given)
    known = inside.read | written_names(name)
    assert written_names(name) - set(given) - RUNTIME == set(), "read, but not given"
    assert set(given) - known - ADAPTER == set(), "given, but read by nobody"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_api_sends_a_function_exactly_the_requests_that_it_answers(name: str, cloud: System) -> None:
    sent = {
        (method, shape(path))
        for method, path, _, target in methods(cloud)
        if target == function(cloud, name).name and path != CATCH_ALL
    }
    assert sent == look_inside(name, variables(cloud, name)).routes


def test_the_routes_are_found_at_all(cloud: System) -> None:
    assert ("get", "/v1/transcriptions/{}") in look_inside("speech", variables(cloud, "speech")).routes
    assert ("post", "/v1/auth/login") in look_inside("auth", variables(cloud, "auth")).routes


def test_every_function_is_bounded_and_of_one_kind(cloud: System) -> None:
    """I-03. The gateway waits 29 s: a function that people wait for must not go on after that."""
    behind_the_gateway = {target for *_, target in methods(cloud)} | {"api/Authorizer", "realtime/Realtime"}
    for each in cloud.all("AWS::Lambda::Function"):
        properties = each.properties
        assert properties["Runtime"] == "python3.13", each.name
        assert properties["Architectures"] == ["arm64"], each.name
        assert 128 <= properties["MemorySize"] <= (3008 if each.name in LONG else 2048), each.name
        longest = LONG.get(each.name, 29 if each.name in behind_the_gateway else 60)
        assert 1 <= properties["Timeout"] <= longest, each.name
        assert properties["Role"].startswith("<"), each.name


def test_every_function_is_traced(cloud: System) -> None:
    """I-03, O-03"""
    for each in cloud.all("AWS::Lambda::Function"):
        assert each.properties["TracingConfig"] == {"Mode": "Active"}, each.name


def test_the_environment_of_every_function_is_encrypted_by_our_key(cloud: System) -> None:
    """I-03"""
    key = cloud.resources["keys/DataKey"].attribute("Arn")
    for each in cloud.all("AWS::Lambda::Function"):
        assert each.properties["KmsKeyArn"] == key, each.name


def test_functions_share_what_the_account_may_run_unless_each_is_given_its_part(cloud: System) -> None:
    """I-03: a part that is smaller than what a queue starts at once would throttle it for ever."""
    own = {f.name: f.properties.get("ReservedConcurrentExecutions") for f in cloud.all("AWS::Lambda::Function")}
    assert {name: count for name, count in own.items() if count} == {"jobs/Janitor": 1}
    _, least, most = cloud.templates["template"]["Parameters"]["ReservedConcurrency"]["AllowedValues"]
    divided = System({"ReservedConcurrency": least})
    for each in divided.all("AWS::Lambda::Function"):
        assert each.properties["ReservedConcurrentExecutions"] == (1 if each.name == "jobs/Janitor" else least)
    for mapping in divided.all("AWS::Lambda::EventSourceMapping"):
        assert mapping.properties.get("ScalingConfig", {}).get("MaximumConcurrency", 0) <= least, mapping.name
    assert least < most


def test_every_log_group_is_encrypted_and_ends(cloud: System) -> None:
    """O-10"""
    key = cloud.resources["keys/DataKey"].attribute("Arn")
    for group in cloud.all("AWS::Logs::LogGroup"):
        assert group.properties["KmsKeyId"] == key, group.name
        assert group.properties["RetentionInDays"] == cloud.parameters["LogRetentionDays"], group.name
        name = group.properties["LogGroupName"]
        of_the_gateway = re.fullmatch(
            r"API-Gateway-Execution-Logs_<api/Api>/live|/aws/apigateway/<realtime/Sockets>/ws", name
        )
        assert name.startswith("/antiphon/${AWS::StackName}/") or of_the_gateway, group.name


def test_every_function_writes_json_into_a_log_of_its_own_that_ends(cloud: System) -> None:
    logs = []
    for each in cloud.all("AWS::Lambda::Function"):
        logging = each.properties["LoggingConfig"]
        assert logging["LogFormat"] == "JSON", each.name
        group = cloud.of(logging["LogGroup"])
        assert group.kind == "AWS::Logs::LogGroup", each.name
        assert group.properties["RetentionInDays"] == cloud.parameters["LogRetentionDays"], each.name
        logs.append(group.name)
    assert len(logs) == len(set(logs))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_write_to_its_own_log_only(name: str, cloud: System) -> None:
    each = function(cloud, name)
    role, group = cloud.of(each.properties["Role"]), cloud.of(each.properties["LoggingConfig"]["LogGroup"])
    (policy,) = role.properties["Policies"]
    written = [
        resource
        for statement in policy["PolicyDocument"]["Statement"]
        if any(action.startswith("logs:") for action in statement["Action"])
        for resource in statement["Resource"]
    ]
    assert written == [group.attribute("Arn")]


def test_the_light_functions_do_not_carry_the_web_layer(cloud: System) -> None:
    layers = {f.name: str(f.properties["Layers"]) for f in cloud.all("AWS::Lambda::Function")}
    web = {name for name, carried in layers.items() if "template/WebLayer" in carried}
    assert web == {
        "api/Admin",
        "api/Audio",
        "api/Chat",
        "api/Devices",
        "api/Documents",
        "api/Media",
        "api/Messages",
        "api/Search",
        "api/Speech",
        "api/Webhooks",
    }
