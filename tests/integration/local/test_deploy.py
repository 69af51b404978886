from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from infra.local.deploy import DeployError, Deployment, deploy
from infra.local.package import Packager
from infra.local.stack import EMULATOR_PYTHON, LocalStack
from tests.integration.local.conftest import SYSTEM


@pytest.fixture
def packager(build: Path) -> Packager:
    return Packager(build, EMULATOR_PYTHON)


def redeploy(
    stack: LocalStack, packager: Packager, template: Path, name: str = "antiphon", greeting: str = "hello"
) -> Deployment:
    return deploy(stack.session, stack.endpoint, template, name, {"Greeting": greeting}, packager)


def test_deploying_the_same_again_does_nothing(stack: LocalStack, packager: Packager) -> None:
    began = time.monotonic()
    deployment = redeploy(stack, packager, SYSTEM / "template.yaml")
    assert not deployment.changed
    assert deployment.outputs == stack.outputs
    assert time.monotonic() - began < 5


def test_an_update_changes_functions_and_keeps_data_keys_and_addresses(
    stack: LocalStack, packager: Packager, tmp_path: Path
) -> None:
    """Twice: what a nested stack exports must still be known after an update that left it alone."""
    copy = tmp_path / "system"
    shutil.copytree(SYSTEM, copy)
    first = redeploy(stack, packager, copy / "template.yaml", "other")
    table = stack.client("dynamodb")
    item = {"pk": {"S": "kept"}, "sk": {"S": "kept"}}
    table.put_item(TableName=first.outputs["TableName"], Item=item)
    functions = stack.client("lambda")
    for word in ("bonjour", "salve"):
        handler = copy / "functions/echo/handler.py"
        handler.write_text(handler.read_text() + f"\n# {word}\n")
        layer = copy / "layers/shared/greeting/__init__.py"
        layer.write_text(layer.read_text() + f"\n# {word}\n")
        again = redeploy(stack, packager, copy / "template.yaml", "other", greeting=word)
        assert again.changed
        assert again.outputs == first.outputs
        assert table.get_item(TableName=first.outputs["TableName"], Key=item)["Item"] == item
        name = next(
            f["FunctionName"]
            for f in functions.list_functions()["Functions"]
            if "other-Api" in f["FunctionName"] and "-Echo-" in f["FunctionName"]
        )
        assert functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]["GREETING"] == word
    stack.client("cloudformation").delete_stack(StackName="other")


def test_a_failing_resource_is_named_with_its_reason_and_the_next_try_begins_anew(
    stack: LocalStack, packager: Packager, tmp_path: Path
) -> None:
    root, data = tmp_path / "template.yaml", tmp_path / "data.yaml"
    root.write_text(
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n"
        "Parameters: {Greeting: {Type: String}}\n"
        "Resources: {Data: {Type: AWS::Serverless::Application, Properties: {Location: data.yaml}}}\n"
    )
    queue = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n"
    data.write_text(
        queue
        + "  Rule: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!GetAtt Queue.Nothing], PolicyDocument: {}}}\n"
    )
    with pytest.raises(DeployError, match=r"Nothing does not exist"):
        redeploy(stack, packager, root, "broken")
    data.write_text(queue)
    assert redeploy(stack, packager, root, "broken").changed
    stack.client("cloudformation").delete_stack(StackName="broken")


def test_an_update_that_fails_is_said_and_can_be_mended(stack: LocalStack, packager: Packager, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    good = "AWSTemplateFormatVersion: '2010-09-09'\nParameters: {Greeting: {Type: String}}\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n"
    template.write_text(good)
    redeploy(stack, packager, template, "mended")
    template.write_text(good + "  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Queue.Nothing}}\n")
    with pytest.raises(DeployError, match=r"mended: Topic \(AWS::SNS::Topic\): .*Nothing"):
        redeploy(stack, packager, template, "mended")
    template.write_text(good + "  Topic: {Type: AWS::SNS::Topic}\n")
    assert redeploy(stack, packager, template, "mended").changed
    stack.client("cloudformation").delete_stack(StackName="mended")
