"""I-09: every parameter of the system is described and bounded, and production refuses the settings of a laptop."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from infra.local.stack import LAPTOP
from tests.infra.system import ROOT, System

CONSTRAINTS = {"AllowedValues", "AllowedPattern", "MinValue"}
LANES = ("TranscriptionQueue", "TranscriptionPriorityQueue", "SpeechQueue", "SpeechPriorityQueue")


def test_every_parameter_has_a_type_a_description_and_bounds(cloud: System) -> None:
    for name, parameter in cloud.templates["template"]["Parameters"].items():
        assert parameter["Type"] in ("String", "Number"), name
        assert parameter["Description"].endswith("."), name
        assert parameter.keys() & CONSTRAINTS, f"{name} takes anything"
        if "MinValue" in parameter:
            assert "MaxValue" in parameter, f"{name} has no upper bound"


def test_a_nested_stack_is_given_exactly_what_it_declares_and_has_no_default(cloud: System) -> None:
    """Nested stacks are never deployed alone: what a person chooses is checked at the root, the rest is wired there."""
    for stack in cloud.nested:
        declared = cloud.templates[stack].get("Parameters", {})
        assert set(declared) == cloud.passed(stack), stack
        assert not [name for name, parameter in declared.items() if "Default" in parameter], stack


def test_a_job_is_held_for_as_long_as_its_message_is_hidden(cloud: System) -> None:
    """Q-14: one number, so that a lease and the visibility of its message cannot drift apart."""
    for seconds in (60, 2):
        system = System({"LeaseSeconds": seconds})  # type: ignore[dict-item]
        found = [system.resources[f"messaging/{lane}"].properties["VisibilityTimeout"] for lane in LANES]
        assert found == [seconds] * len(LANES)
    assert cloud.parameters["LeaseSeconds"] == 60


def refusals(system: System) -> list[str]:
    """What CloudFormation would say to these parameters."""

    def holds(condition: Any) -> bool:
        match condition:
            case {"Fn::Equals": [left, right]}:
                return value(left) == value(right)
            case {"Fn::Not": [inner]}:
                return not holds(inner)
            case {"Fn::Contains": [values, wanted]}:
                return str(value(wanted)) in map(str, values)
        raise AssertionError(condition)

    def value(item: Any) -> Any:
        return system.parameters[item["Ref"]] if isinstance(item, dict) else item

    rules = system.templates["template"]["Rules"].values()
    asked = [rule["Assertions"] for rule in rules if holds(rule["RuleCondition"])]
    return [each["AssertDescription"] for assertions in asked for each in assertions if not holds(each["Assert"])]


def test_production_takes_its_own_settings(production: System) -> None:
    assert refusals(production) == []


STRICTER = {"AuthorizerTtl", "GpuWorkers", "WebApp"}
"""Settings of a laptop that production may have too."""


@pytest.mark.parametrize("name", sorted(set(LAPTOP) - STRICTER))
def test_production_refuses_each_setting_of_a_laptop(name: str, production: System) -> None:
    laptop = LAPTOP[name].replace("<url>", "http://127.0.0.1")
    assert len(refusals(System({**production.parameters, name: laptop}))) == 1


def test_a_laptop_may_have_them() -> None:
    assert refusals(System({**LAPTOP, "Environment": "dev"})) == []


def test_the_places_to_deploy_to_name_known_parameters_and_no_account(cloud: System) -> None:
    text = (ROOT / "samconfig.toml").read_text()
    assert not re.search(r"\b\d{12}\b", text)
    config = tomllib.loads(text)
    for place in ("dev", "staging", "prod"):
        deploy = config[place]["deploy"]["parameters"]
        assert {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"} == set(deploy["capabilities"])
        assert deploy["resolve_s3"] is True
        chosen = dict(each.split("=", 1) for each in deploy["parameter_overrides"])
        assert chosen["Environment"] == place
        for name, value in chosen.items():
            allowed = cloud.templates["template"]["Parameters"][name].get("AllowedValues")
            assert allowed is None or value in map(str, allowed), name
    assert config["default"]["build"]["parameters"]["manifest"] == "infra/build.mk"
