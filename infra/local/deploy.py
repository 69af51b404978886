"""Deploy a SAM template to the local AWS through CloudFormation, as `sam deploy` does in the cloud.

What is deployed carries a digest of everything that went into it as a tag: deploying the same again does nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local.expand import Expander
from infra.local.package import Archive, Packager

if TYPE_CHECKING:
    import boto3

_DIGEST_TAG = "antiphon-digest"
_UNUSABLE = ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class DeployError(Exception):
    """The stack did not come up; the text names each resource that failed and why."""


@dataclass(frozen=True)
class Deployment:
    """`outputs` and `parameters` (defaults included) of the root stack; `changed`: whether anything had to be done."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    changed: bool


def deploy(
    session: boto3.Session,
    endpoint: str,
    template: Path,
    stack: str,
    parameters: Mapping[str, str],
    packager: Packager,
    timeout: float = 120.0,
    say: Callable[[str], None] = lambda line: None,
) -> Deployment:
    """Bring `stack` to what `template` and `parameters` say.

    timeout: seconds until the stack must have come up. Raises DeployError, TemplateError, PackageError.
    """
    bucket = f"{stack}-artifacts"
    expander = Expander(
        packager, session.region_name, lambda key: f"{endpoint}/{bucket}/{key}", lambda key: f"s3://{bucket}/{key}"
    )
    expanded = expander.expand(template.resolve())
    chosen = [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())]
    digest = hashlib.sha256(json.dumps([expanded.key, chosen]).encode()).hexdigest()

    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    standing = _describe(cloudformation, stack)
    if standing and standing["StackStatus"] in _UNUSABLE:
        cloudformation.delete_stack(StackName=stack)
        _wait(cloudformation, stack, timeout)
        standing = None
    if standing and _digest(standing) == digest and standing["StackStatus"].endswith("_COMPLETE"):
        return Deployment(_outputs(standing), _parameters(standing), changed=False)

    say("Deploying …")
    _upload(session, endpoint, bucket, expanded.uploads)
    request = {
        "StackName": stack,
        "TemplateURL": f"{endpoint}/{bucket}/{expanded.key}",
        "Parameters": chosen,
        "Capabilities": _CAPABILITIES,
        "Tags": [{"Key": _DIGEST_TAG, "Value": digest}],
    }
    if standing:
        cloudformation.update_stack(**request)
    else:
        cloudformation.create_stack(**request)
    done = _wait(cloudformation, stack, timeout)
    if done is None or done["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        reasons = dict.fromkeys(_failures(cloudformation, stack))
        raise DeployError("; ".join(reasons) or f"{stack}: {done and done['StackStatus']}")
    _prune(session, endpoint, bucket, expanded.uploads)
    return Deployment(_outputs(done), _parameters(done), changed=True)


def _upload(session: boto3.Session, endpoint: str, bucket: str, uploads: Mapping[str, Archive | str]) -> None:
    from botocore.exceptions import ClientError

    s3 = session.client("s3", endpoint_url=endpoint)
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        s3.create_bucket(Bucket=bucket)
    there = set(_keys(s3, bucket))
    for key, content in uploads.items():
        if key not in there:
            body = content.path.read_bytes() if isinstance(content, Archive) else content.encode()
            s3.put_object(Bucket=bucket, Key=key, Body=body)


def _prune(session: boto3.Session, endpoint: str, bucket: str, used: Mapping[str, object]) -> None:
    """Remove what no deployed stack needs; only once an update succeeded, because going back needs the old ones."""
    s3 = session.client("s3", endpoint_url=endpoint)
    for key in set(_keys(s3, bucket)) - set(used):
        s3.delete_object(Bucket=bucket, Key=key)


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def _describe(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise


def _wait(cloudformation: Any, stack: str, timeout: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = _describe(cloudformation, stack)
        if found is None or not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found
        time.sleep(0.05)
    raise DeployError(f"{stack} did not come up within {timeout:.0f} s")


def _digest(stack: Mapping[str, Any]) -> str | None:
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == _DIGEST_TAG), None)


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack.get("Parameters", [])}


def _failures(cloudformation: Any, stack: str) -> Iterator[str]:
    """Why a stack failed, from the inside out: a nested stack's own failures instead of "it failed"."""
    for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
        if not event["ResourceStatus"].endswith("_FAILED") or event["LogicalResourceId"] == stack:
            continue
        nested = event.get("PhysicalResourceId")
        inner = list(_failures(cloudformation, nested)) if _is_nested(event) and nested else []
        if inner:
            yield from inner
        else:
            reason = event.get("ResourceStatusReason", "no reason given")
            yield f"{stack.split('/')[-1]}: {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"


def _is_nested(event: Mapping[str, Any]) -> bool:
    return event["ResourceType"] == "AWS::CloudFormation::Stack"
