"""The whole system as CloudFormation would see it: all templates expanded, every reference followed through all stacks.

A resource is named `<template>/<logical id>`; a reference to it reads `<template/LogicalId>`, to one of its attributes
`<template/LogicalId.Attribute>`. What only AWS knows (account, region) stays as `${AWS::AccountId}`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.local.expand import local, transform

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
TEMPLATES = (ROOT / "template.yaml", *sorted((ROOT / "infra").glob("*.yaml")))
_NOTHING = object()


@dataclass(frozen=True)
class Resource:
    """One resource of an expanded template, its references followed. policies: what happens when it is deleted, replaced."""

    name: str
    kind: str
    properties: Mapping[str, Any]
    policies: tuple[str | None, str | None]

    @property
    def reference(self) -> str:
        return f"<{self.name}>"

    def attribute(self, name: str) -> str:
        return f"<{self.name}.{name}>"


def source(path: Path) -> dict[str, Any]:
    """A template as it is written."""
    return yaml_parse(path.read_text())


def looped(value: Any, names: Mapping[str, str]) -> Any:
    """With each Fn::ForEach as what it stands for. names: of the loops around."""
    match value:
        case str():
            for name, item in names.items():
                value = value.replace(f"${{{name}}}", item)
            return value
        case {"Ref": str(name)} if name in names:
            return names[name]
        case {"Ref": {"Fn::Sub": text}}:
            return {"Ref": looped(text, names)}
        case dict():
            found = {}
            for key, item in value.items():
                if key.startswith("Fn::ForEach::"):
                    name, items, body = item
                    for each in items:
                        found |= looped(body, {**names, name: each})
                else:
                    found[looped(key, names)] = looped(item, names)
            return found
        case list():
            return [looped(item, names) for item in value]
    return value


@cache
def expanded(path: Path) -> dict[str, Any]:
    """A template with its loops and its AWS::Serverless types expanded, its artifacts somewhere."""
    template = looped(source(path), {})
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for key in ("CodeUri", "ContentUri"):
            if local(properties.get(key)):
                properties[key] = "s3://artifacts/archive.zip"
        if local(properties.get("Location")):
            properties["Location"] = f"https://artifacts.s3.amazonaws.com/{properties['Location']}"
    return transform(template, path, REGION)


@cache
def all_expanded() -> Mapping[str, dict[str, Any]]:
    """By their names. Nobody changes them: expanding takes seconds, and every System looks at the same ones."""
    return {path.stem: expanded(path) for path in TEMPLATES}


class System:
    """All resources that exist with these values of the root parameters (their defaults where none is given), in this region, if it matters."""

    def __init__(self, parameters: Mapping[str, str] | None = None, region: str = "${AWS::Region}") -> None:
        self._known = {"AWS::Region": region}
        self.templates = all_expanded()
        defaults = {k: v["Default"] for k, v in self.templates["template"]["Parameters"].items() if "Default" in v}
        self.parameters = {**defaults, **(parameters or {})}
        self._stacks = {
            Path(r["Properties"]["TemplateURL"]).stem: r["Properties"].get("Parameters", {})
            for r in self.templates["template"]["Resources"].values()
            if r["Type"] == "AWS::CloudFormation::Stack"
        }

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        return {resource.name: resource for resource in self._read()}

    def all(self, kind: str) -> list[Resource]:
        found = [resource for resource in self.resources.values() if resource.kind == kind]
        assert found, f"there is no {kind}: the test would hold nothing"
        return found

    def of(self, reference: str) -> Resource:
        """The resource that a resolved reference (to itself or to an attribute) names."""
        found = re.fullmatch(r"<([^.>]+)(?:\.[^>]+)?>", reference)
        assert found, f"{reference!r} names no resource"
        return self.resources[found[1]]

    def called(self, reference: str) -> Resource:
        """The function that a reference calls, be it by its alias."""
        found = self.of(reference)
        return self.of(found.properties["FunctionName"]) if found.kind == "AWS::Lambda::Alias" else found

    def properties(self, stack: str, name: str) -> Any:
        """Of one resource, without a look at the others."""
        return self._resolve(stack, copy.deepcopy(self.templates[stack]["Resources"][name]["Properties"]))

    def passed(self, stack: str) -> set[str]:
        """The parameters that the root gives to a nested stack."""
        return set(self._stacks[stack])

    @property
    def nested(self) -> set[str]:
        return set(self._stacks)

    def _read(self) -> Iterator[Resource]:
        for stack, template in self.templates.items():
            if not self._is_there(stack):
                continue
            for name, resource in template["Resources"].items():
                if "Condition" in resource and not self._holds(stack, resource["Condition"]):
                    continue
                policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
                properties = self._resolve(stack, copy.deepcopy(resource.get("Properties", {})))
                yield Resource(f"{stack}/{name}", resource["Type"], properties, policies)

    def _is_there(self, stack: str) -> bool:
        """Whether the root deploys this nested stack at all."""
        conditions = [
            resource["Condition"]
            for resource in self.templates["template"]["Resources"].values()
            if Path(resource.get("Properties", {}).get("TemplateURL", "")).stem == stack and "Condition" in resource
        ]
        return all(self._holds("template", condition) for condition in conditions)

    def _holds(self, stack: str, condition: str) -> bool:
        return self._resolve(stack, self.templates[stack]["Conditions"][condition])

    def _resolve(self, stack: str, value: Any) -> Any:
        match value:
            case {"Ref": "AWS::NoValue"}:
                return _NOTHING
            case {"Ref": name}:
                return self._ref(stack, name)
            case {"Fn::GetAtt": [name, attribute]}:
                return self._attribute(stack, name, attribute)
            case {"Fn::GetAtt": str(path)}:
                return self._attribute(stack, *path.split(".", 1))
            case {"Fn::Sub": str(text)}:
                return self._substituted(stack, text, {})
            case {"Fn::Sub": [text, names]}:
                return self._substituted(stack, text, names)
            case {"Fn::FindInMap": [name, *keys]}:
                first, second = (self._resolve(stack, key) for key in keys)
                return self.templates[stack]["Mappings"][name][first][second]
            case {"Fn::If": [condition, then, otherwise]}:
                return self._resolve(stack, then if self._holds(stack, condition) else otherwise)
            case {"Fn::Join": [separator, list(parts)]}:
                return str(separator).join(self._resolve(stack, part) for part in parts)
            case {"Fn::Split": [separator, text]}:
                return self._resolve(stack, text).split(separator)
            case {"Fn::Equals": [left, right]}:
                return self._resolve(stack, left) == self._resolve(stack, right)
            case {"Condition": str(name)} if len(value) == 1:
                return self._holds(stack, name)
            case {"Fn::Or": list(alternatives)}:
                return any(self._resolve(stack, each) for each in alternatives)
            case {"Fn::And": list(alternatives)}:
                return all(self._resolve(stack, each) for each in alternatives)
            case {"Fn::Not": [inner]}:
                return not self._resolve(stack, inner)
            case {"Fn::Select": [int(place), {"Fn::Split": [str(separator), inner]}]}:
                text = self._resolve(stack, inner)
                known = "${" not in text and not text.startswith("<")
                return text.split(separator)[place] if known else f"{text}[{place}]"
            case {"Fn::Select": [int(place), {"Fn::GetAZs": ""}]}:
                return f"${{zone {place}}}"
            case dict():
                assert not any(key.startswith("Fn::") for key in value), f"{stack}: cannot follow {value}"
                inner = {key: self._resolve(stack, item) for key, item in value.items()}
                return {key: item for key, item in inner.items() if item is not _NOTHING}
            case list():
                items = [self._resolve(stack, item) for item in value]
                return [item for item in items if item is not _NOTHING]
        return value

    def _ref(self, stack: str, name: str) -> Any:
        if name.startswith("AWS::"):
            return self._known.get(name, f"${{{name}}}")
        if name in self.templates[stack]["Resources"]:
            return f"<{stack}/{name}>"
        if stack == "template":
            return self.parameters[name]
        return self._resolve("template", self._stacks[stack][name])

    def _attribute(self, stack: str, name: str, attribute: str) -> Any:
        resource = self.templates[stack]["Resources"][name]
        if resource["Type"] == "AWS::CloudFormation::Stack" and attribute.startswith("Outputs."):
            nested = Path(resource["Properties"]["TemplateURL"]).stem
            outputs = self.templates[nested]["Outputs"]
            return self._resolve(nested, outputs[attribute.removeprefix("Outputs.")]["Value"])
        return f"<{stack}/{name}.{attribute}>"

    def _substituted(self, stack: str, text: str, names: Mapping[str, Any]) -> str:
        def inserted(found: re.Match[str]) -> str:
            name = found[1]
            if name in names:
                return str(self._resolve(stack, names[name]))
            if name.startswith("AWS::") or "." not in name:
                return str(self._ref(stack, name))
            return str(self._attribute(stack, *name.split(".", 1)))

        return re.sub(r"\$\{([^}]+)\}", inserted, text)
