from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infra.local.expand import Expander, TemplateError
from infra.local.package import Archive, PackageError, Packager

HEAD = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n"


@pytest.fixture
def expander(tmp_path: Path) -> Expander:
    packager = Packager(tmp_path / "build", Path(sys.executable))
    return Expander(packager, "us-east-1", lambda key: f"http://uploads/{key}", lambda key: f"s3://uploads/{key}")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_nested_template_and_its_code_are_uploaded_under_their_content(expander: Expander, tmp_path: Path) -> None:
    write(tmp_path / "functions/hello/handler.py", "def handle(event, context): ...\n")
    write(
        tmp_path / "infra/api.yaml",
        HEAD
        + """
Parameters: {Word: {Type: String, Default: nothing}}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ../functions/hello
      Handler: handler.handle
      Runtime: python3.13
      Environment: {Variables: {WORD: !Ref Word}}
""",
    )
    root = write(
        tmp_path / "template.yaml",
        HEAD + "Resources: {Api: {Type: AWS::Serverless::Application, Properties: {Location: infra/api.yaml}}}\n",
    )
    expanded = expander.expand(root)
    nested = next(key for key in expanded.uploads if key.startswith("api-"))
    code = next(key for key, upload in expanded.uploads.items() if isinstance(upload, Archive))
    assert json.loads(expanded.body)["Resources"]["Api"]["Properties"]["TemplateURL"] == f"http://uploads/{nested}"
    inner = json.loads(str(expanded.uploads[nested]))
    assert inner["Resources"]["Hello"]["Properties"]["Code"] == {"S3Bucket": "uploads", "S3Key": code}
    # The parameter stays a reference: its default must not be written over what the parent passes.
    assert inner["Resources"]["Hello"]["Properties"]["Environment"]["Variables"]["WORD"] == {"Ref": "Word"}
    assert inner["Parameters"]["Word"]["Default"] == "nothing"


def test_the_same_sources_give_the_same_key(expander: Expander, tmp_path: Path) -> None:
    root = write(tmp_path / "template.yaml", HEAD + "Resources: {Queue: {Type: AWS::SQS::Queue}}\n")
    assert expander.expand(root).key == expander.expand(root).key


def test_a_secret_is_referred_to_by_its_arn(expander: Expander, tmp_path: Path) -> None:
    text = "Resources: {Key: {Type: AWS::SecretsManager::Secret}}\nOutputs: {One: {Value: !Ref Key}, Two: {Value: !Sub '${Key}!'}}\n"
    outputs = json.loads(expander.expand(write(tmp_path / "template.yaml", text)).body)["Outputs"]
    assert outputs == {"One": {"Value": {"Fn::GetAtt": ["Key", "Id"]}}, "Two": {"Value": {"Fn::Sub": "${Key.Id}!"}}}


def test_what_brings_an_alias_to_a_new_version_is_left_out(expander: Expander, tmp_path: Path) -> None:
    """The local AWS has no CodeDeploy."""
    write(tmp_path / "hello/handler.py", "def handle(event, context): ...\n")
    text = """
Globals:
  Function:
    Runtime: python3.13
    AutoPublishAlias: live
    AutoPublishAliasAllProperties: true
    VersionDeletionPolicy: Delete
    DeploymentPreference: {Type: AllAtOnce, Role: !GetAtt Shifter.Arn, Alarms: [!Ref Bad]}
Resources:
  Shifter: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Bad: {Type: AWS::CloudWatch::Alarm, Properties: {MetricName: Errors}}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Hello:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: hello, Handler: handler.handle, VersionDescription: one, Role: !GetAtt Role.Arn}
Outputs: {Called: {Value: !Ref Hello.Alias}}
"""
    body = json.loads(expander.expand(write(tmp_path / "template.yaml", HEAD + text)).body)
    assert {name: each["Type"] for name, each in body["Resources"].items()} == {
        "Role": "AWS::IAM::Role",
        "Hello": "AWS::Lambda::Function",
    }
    assert body["Outputs"]["Called"]["Value"] == {"Fn::GetAtt": ["Hello", "Arn"]}


def test_a_missing_nested_template_is_named(expander: Expander, tmp_path: Path) -> None:
    text = HEAD + "Resources: {Api: {Type: AWS::Serverless::Application, Properties: {Location: api.yaml}}}\n"
    with pytest.raises(TemplateError, match=r"template\.yaml, Api: .*api\.yaml does not exist"):
        expander.expand(write(tmp_path / "template.yaml", text))


def test_a_missing_code_folder_is_named(expander: Expander, tmp_path: Path) -> None:
    text = HEAD + "Resources: {Hi: {Type: AWS::Serverless::Function, Properties: {CodeUri: nowhere}}}\n"
    with pytest.raises(PackageError, match="nowhere does not exist"):
        expander.expand(write(tmp_path / "template.yaml", text))


def test_what_the_transform_refuses_is_said_in_its_words(expander: Expander, tmp_path: Path) -> None:
    write(tmp_path / "hi/handler.py", "")
    text = HEAD + "Resources: {Hi: {Type: AWS::Serverless::Function, Properties: {CodeUri: hi}}}\n"
    with pytest.raises(TemplateError, match=r"template\.yaml: .*(Handler|Runtime)"):
        expander.expand(write(tmp_path / "template.yaml", text))
