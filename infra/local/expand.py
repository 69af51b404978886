"""Turn a SAM template and its nested templates into what CloudFormation takes: expanded, with uploaded artifacts.

The transform runs here (samtranslator, the one AWS publishes), so that the result can be looked at before it is deployed,
and the few things the local AWS does not do as AWS does are adapted here and nowhere else.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.package import Archive, Packager

# Managed policies that the transform may write into a role; AWS's own list is read over the network.
_MANAGED_POLICIES = (
    "AWSLambdaBasicExecutionRole",
    "AWSLambdaDynamoDBExecutionRole",
    "AWSLambdaKinesisExecutionRole",
    "AWSLambdaSQSQueueExecutionRole",
    "AWSLambdaVPCAccessExecutionRole",
)
_SAM = "AWS::Serverless-2016-10-31"


class TemplateError(Exception):
    """A template cannot be read or expanded; the text names the file."""


@dataclass(frozen=True)
class Expanded:
    """A template as CloudFormation takes it; `key` is its name by content, `uploads` all artifacts below it."""

    body: str
    key: str
    uploads: Mapping[str, Archive | str]


class Expander:
    """`address(key)` gives the URL, `location(key)` the s3:// form under which an upload will be found."""

    def __init__(
        self, packager: Packager, region: str, address: Callable[[str], str], location: Callable[[str], str]
    ) -> None:
        self._packager = packager
        self._region = region
        self._address = address
        self._location = location

    def expand(self, path: Path) -> Expanded:
        """Raises TemplateError, PackageError."""
        template = without_aliases(self._read(path))
        uploads: dict[str, Archive | str] = {}
        for name, resource in resources(template):
            try:
                self._upload_artifacts(path, resource, uploads)
            except TemplateError as error:
                raise TemplateError(f"{path.name}, {name}: {error}") from error
        body = json.dumps(adapt(transform(template, path, self._region)), sort_keys=True)
        key = f"{path.stem}-{hashlib.sha256(body.encode()).hexdigest()[:20]}.json"
        return Expanded(body, key, {**uploads, key: body})

    def _read(self, path: Path) -> dict[str, Any]:
        from samtranslator.yaml_helper import yaml_parse

        if not path.is_file():
            raise TemplateError(f"{path} does not exist")
        return yaml_parse(path.read_text())

    def _upload_artifacts(self, path: Path, resource: dict[str, Any], uploads: dict[str, Archive | str]) -> None:
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function" if local(properties.get("CodeUri")):
                archive = self._packager.function((path.parent / properties["CodeUri"]).resolve())
                properties["CodeUri"] = self._location(archive.key)
                uploads[archive.key] = archive
            case "AWS::Serverless::LayerVersion" if local(properties.get("ContentUri")):
                archive = self._packager.layer((path.parent / properties["ContentUri"]).resolve())
                properties["ContentUri"] = self._location(archive.key)
                uploads[archive.key] = archive
            case "AWS::Serverless::Application" if local(properties.get("Location")):
                properties["Location"] = self._nested(path.parent / properties["Location"], uploads)
            case "AWS::CloudFormation::Stack" if local(properties.get("TemplateURL")):
                properties["TemplateURL"] = self._nested(path.parent / properties["TemplateURL"], uploads)

    def _nested(self, path: Path, uploads: dict[str, Archive | str]) -> str:
        nested = self.expand(path.resolve())
        uploads.update(nested.uploads)
        return self._address(nested.key)


def resources(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All but loops (Fn::ForEach), which CloudFormation itself expands; ours hold nothing to upload."""
    for name, resource in template.get("Resources", {}).items():
        if not name.startswith("Fn::ForEach::"):
            yield name, resource


def local(value: object) -> bool:
    """Whether this names a file or folder beside the template (and not an upload or an intrinsic function)."""
    return isinstance(value, str) and "://" not in value


def without_aliases(template: dict[str, Any]) -> dict[str, Any]:
    """Functions that are called as they are: the local AWS has no CodeDeploy, which brings an alias to a new version.

    What stands there for CodeDeploy alone, its role and the alarms that it looks at, goes too.
    """
    functions = template.get("Globals", {}).get("Function", {})
    functions.pop("AutoPublishAlias", None)
    functions.pop("VersionDeletionPolicy", None)
    if preference := functions.pop("DeploymentPreference", None):
        for name in (preference["Role"]["Fn::GetAtt"][0], *(alarm["Ref"] for alarm in preference["Alarms"])):
            del template["Resources"][name]
    return template


def transform(
    template: dict[str, Any], path: Path, region: str, values: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Expand the AWS::Serverless types. values: of parameters, where the transform shall know them, as it does in the cloud.

    Raises TemplateError with the transform's own words.
    """
    if template.get("Transform") != _SAM:
        return template
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.arn_generator import ArnGenerator
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

    ArnGenerator.BOTO_SESSION_REGION_NAME = region
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    # The transform puts a parameter's default where the parameter is used; what the parent stack passes would be lost.
    parameters = copy.deepcopy(template.get("Parameters", {}))
    for parameter in template.get("Parameters", {}).values():
        parameter.pop("Default", None)
    try:
        # The order of hashing that logical ids (of deployments, say) come from in the cloud.
        to_py27_compatible_template(template, {})
        translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
        expanded = translator.translate(
            template,
            parameter_values=dict(values or {}),
            get_managed_policy_map=lambda: {
                name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in _MANAGED_POLICIES
            },
        )
        expanded = undo_mark_unicode_str_in_template(expanded)
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise TemplateError(f"{path.name}: {causes}") from error
    if parameters:
        expanded["Parameters"] = parameters
    return expanded


def adapt(template: dict[str, Any]) -> dict[str, Any]:
    """Work around what the local AWS does differently from AWS; each case is held by a test.

    A reference to a secret gives its name instead of its ARN, so that no policy that names it holds: ask for the ARN.
    An alias that is not there (without_aliases) is the function.
    """
    text = re.sub(r'\{"Ref": "(\w+)\.Alias"\}', r'{"Fn::GetAtt": ["\1", "Arn"]}', json.dumps(template, default=str))
    for name, resource in resources(template):
        if resource["Type"] == "AWS::SecretsManager::Secret":
            text = text.replace(json.dumps({"Ref": name}), json.dumps({"Fn::GetAtt": [name, "Id"]}))
            text = text.replace(f"${{{name}}}", f"${{{name}.Id}}")
    return json.loads(text)
