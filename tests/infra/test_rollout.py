"""I-08: the API goes over to a release step by step, each release and each setting is one, and errors take it back."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.expand import transform
from tests.infra.system import REGION, ROOT, System, source

API, TEMPLATE = ROOT / "infra/api.yaml", ROOT / "template.yaml"
WRITTEN = source(TEMPLATE)
PARAMETERS = WRITTEN["Parameters"]
FIRST = {name: str(parameter.get("Default", "first@example.com")) for name, parameter in PARAMETERS.items()}
LAYERS = ("CoreLayer", "RuntimeLayer", "WebLayer", "AssistantLayer", "EmbeddingsLayer", "MediaLayer")


def another(name: str) -> str:
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter:
        return next(str(value) for value in parameter["AllowedValues"] if str(value) != FIRST[name])
    return str(int(FIRST[name]) + 1) if parameter["Type"] == "Number" else f"another-{name}"


def layers(values: Mapping[str, str], content: Mapping[str, str]) -> dict[str, str]:
    """By name: the logical id, as the transform makes it in the cloud, where it knows the values. Another id is another version."""
    root = copy.deepcopy(WRITTEN)
    kept = {name: each for name, each in root["Resources"].items() if name.endswith("Layer")}
    for name, layer in kept.items():
        layer["Properties"]["ContentUri"] = f"s3://artifacts/{content.get(name, 'same')}.zip"
    expanded = transform({**root, "Resources": kept, "Outputs": {}}, TEMPLATE, REGION, values)
    ids = expanded["Resources"]
    return {name: next(each for each in ids if each.startswith(name)) for name in kept}


def versions(change: Mapping[str, Any]) -> set[str]:
    """Logical ids of the versions of one function with this change to its properties."""
    template = copy.deepcopy(source(API))
    function = template["Resources"]["Docs"]
    function["Properties"] |= {"CodeUri": "s3://artifacts/same.zip", "Events": {}, **change}
    template |= {"Resources": {"Docs": function}, "Outputs": {}}
    resources = transform(template, API, REGION, {})["Resources"]
    return {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}


def settings(system: System) -> str:
    """All that is written into the functions of the API, with the values of the parameters."""
    found = {
        name: system.properties("api", name) | {"ReservedConcurrentExecutions": None}
        for name, resource in system.templates["api"]["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    return json.dumps(found, sort_keys=True)


def test_the_same_release_is_no_other() -> None:
    assert layers(FIRST, {}) == layers(FIRST, {})
    assert versions({}) == versions({})
    assert len(versions({})) == 1


@pytest.mark.parametrize("name", LAYERS)
def test_another_layer_is_another_release(name: str) -> None:
    before, after = layers(FIRST, {}), layers(FIRST, {name: "other"})
    assert {each for each in before if before[each] != after[each]} == {name}


def test_a_release_is_told_by_each_layer_that_the_api_has(cloud: System) -> None:
    """Its description is one of the properties of a version that replace it, so another text publishes another version."""
    given = {name for name in cloud.passed("api") if name.endswith("Layer")} - {"LambdaAdapterLayer"}
    assert given == set(LAYERS)
    there = {name for name in LAYERS for each in cloud.templates["template"]["Resources"] if each.startswith(name)}
    assert there == given
    for version in cloud.all("AWS::Lambda::Version"):
        release = version.properties["Description"]
        assert [name for name in LAYERS if f"<template/{name}" in release] == list(LAYERS), version.name
        assert release.count("[7]") == len(LAYERS), "the last part of a layer's ARN is its number"
        # Lambda answers with the version that is there where the function is as it was: so the function differs, too.
        assert cloud.of(version.properties["FunctionName"]).properties["Description"] == release


def test_each_setting_of_a_function_is_a_release_of_its_own(cloud: System) -> None:
    before, plain = layers(FIRST, {}), settings(cloud)
    found = {name for name in PARAMETERS if settings(System({name: another(name)})) != plain}
    assert {"LogLevel", "GeminiModels", "SigningKeyInUse", "LambdaAdapterLayer"} <= found
    silent = [name for name in sorted(found) if layers(FIRST | {name: another(name)}, {}) == before]
    assert silent == [], "CoreLayer's description does not name them: their change would stay without effect"


@pytest.mark.parametrize(
    "change",
    [{"CodeUri": "s3://artifacts/other.zip"}, {"Timeout": 7}, {"MemorySize": 333}, {"Handler": "other.handler"}],
    ids=lambda change: next(iter(change)),
)
def test_another_function_is_another_version(change: Mapping[str, Any]) -> None:
    assert versions(change).isdisjoint(versions({}))


def test_all_that_reaches_a_function_with_an_alias_reaches_it_by_its_alias(cloud: System) -> None:
    aliased = {cloud.of(alias.properties["FunctionName"]).name for alias in cloud.all("AWS::Lambda::Alias")}
    assert aliased == {f.name for f in cloud.all("AWS::Lambda::Function") if f.name.startswith("api/")}
    callers = [
        *cloud.all("AWS::Lambda::Permission"),
        *cloud.all("AWS::Lambda::EventSourceMapping"),
        *cloud.all("AWS::ApiGateway::RestApi"),
        *cloud.all("AWS::ApiGatewayV2::Integration"),
        *cloud.all("AWS::ApiGatewayV2::Authorizer"),
        *cloud.all("AWS::Events::Rule"),
    ]
    for caller in callers:
        text = json.dumps(caller.properties)
        direct = [name for name in aliased if f"<{name}>" in text or f"<{name}.Arn>" in text]
        assert direct == [], f"{caller.name} would call what no alias holds back"


def test_a_release_comes_to_a_tenth_first_and_goes_back_on_errors(cloud: System) -> None:
    for alias in cloud.all("AWS::Lambda::Alias"):
        function = alias.properties["FunctionName"].strip("<>")
        group = cloud.resources[f"{function}DeploymentGroup"].properties
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert group["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": "<api/RolloutErrors>"}]}
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert cloud.of(group["ServiceRoleArn"]).name == "api/RolloutRole"
        policy = cloud.templates["api"]["Resources"][alias.name.removeprefix("api/")]["UpdatePolicy"]
        deployment = policy["CodeDeployLambdaAliasUpdate"]
        assert deployment["DeploymentGroupName"] == {"Ref": f"{function.removeprefix('api/')}DeploymentGroup"}


def test_the_alarm_of_a_release_looks_at_the_answers_of_the_api(cloud: System) -> None:
    alarm = cloud.resources["api/RolloutErrors"].properties
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    looked_at = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    assert [each["Metric"]["MetricName"] for each in looked_at] == ["5XXError", "Count"]
    for each in looked_at:
        assert each["Metric"]["Dimensions"][0] == {"Name": "ApiName", "Value": api.properties["Name"]}
        assert alarm["EvaluationPeriods"] * each["Period"] < 300, "or the release would be everywhere before"
    assert alarm["Threshold"] > 0.1, "what is promised is no reason to go back"
