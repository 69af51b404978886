"""Every connection that the real templates use works on the local AWS, with IAM enforced."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.stack import LocalStack
from tests.integration.local.conftest import eventually


def row(stack: LocalStack, pk: str, sk: str) -> dict[str, Any] | None:
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    answer = stack.client("dynamodb").get_item(TableName=stack.outputs["TableName"], Key=key, ConsistentRead=True)
    return answer.get("Item")


def ask(stack: LocalStack, method: str, path: str, token: str | None = "joe", **options: Any) -> httpx.Response:
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
    return httpx.request(method, f"{stack.url}{path}", headers=headers, timeout=30, **options)


def test_a_request_passes_edge_authorizer_function_and_layer(stack: LocalStack) -> None:
    answer = ask(stack, "GET", "/v1/deep/er?a=1&a=2", headers={"X-Forwarded-For": "6.6.6.6"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["greeting"] == "hello, joe"
    assert (body["path"], body["query"]) == ("/v1/deep/er", {"a": ["1", "2"]})
    assert body["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_authorizer_refuses_and_a_route_without_one_is_open(stack: LocalStack) -> None:
    assert ask(stack, "GET", "/v1/x", token="stranger").status_code == 403
    assert ask(stack, "GET", "/v1/health", token=None).status_code == 200


def test_a_write_comes_back_through_the_stream(stack: LocalStack) -> None:
    assert ask(stack, "POST", "/v1/notes", content=b'{"x": 1}').json()["body"] == '{"x": 1}'
    eventually(lambda: row(stack, "/v1/notes", "published"))


def test_an_upload_by_presigned_post_is_announced_with_its_version(stack: LocalStack) -> None:
    s3 = stack.client("s3", config=Config(signature_version="s3v4"))
    bucket = stack.outputs["UploadsBucketName"]
    post = s3.generate_presigned_post(bucket, "uploads/an ä.wav", Conditions=[["content-length-range", 1, 10]])
    assert httpx.post(post["url"], data=post["fields"], files={"file": b"x" * 11}).status_code == 400
    assert httpx.post(post["url"], data=post["fields"], files={"file": b"x" * 10}).status_code == 204
    arrived = eventually(lambda: row(stack, "uploads/an ä.wav", "arrived"))
    version = s3.list_object_versions(Bucket=bucket, Prefix="uploads/an ä.wav")["Versions"][0]["VersionId"]
    assert isinstance(arrived, dict)
    assert arrived["version"]["S"] == version


def test_the_schedule_calls_its_function(stack: LocalStack) -> None:
    rules = stack.client("events").list_rules()["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules] == ["rate(1 minute)"]
    eventually(lambda: row(stack, "clock", "ticked"), 75)


def test_keys_and_secrets_work_by_their_arns(stack: LocalStack) -> None:
    signed = stack.client("kms").sign(KeyId=stack.outputs["KeyArn"], Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
    assert signed["Signature"]
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.outputs["SecretArn"])
    assert stack.outputs["SecretArn"].startswith("arn:")
    assert len(secret["SecretString"]) == 40


def test_a_worker_runs_with_its_role_and_its_settings(stack: LocalStack) -> None:
    eventually(lambda: row(stack, "worker", "began"))
    log = stack.home.log("transcriber").read_text()
    assert f"settings: hello {stack.outputs['TableName']}" in log
    role = stack.outputs["TranscriberRoleArn"].split("/")[-1]
    assert f":assumed-role/{role}/transcriber" in log


def test_a_role_may_do_only_what_it_was_given(stack: LocalStack) -> None:
    sts = stack.client("sts")
    taken = sts.assume_role(RoleArn=stack.outputs["TranscriberRoleArn"], RoleSessionName="test")["Credentials"]
    keys = {"aws_access_key_id": taken["AccessKeyId"], "aws_secret_access_key": taken["SecretAccessKey"]}
    import boto3

    session = boto3.Session(**keys, aws_session_token=taken["SessionToken"], region_name="us-east-1")
    table = session.client("dynamodb", endpoint_url=stack.endpoint)
    table.get_item(TableName=stack.outputs["TableName"], Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    with pytest.raises(ClientError, match="AccessDenied"):
        table.scan(TableName=stack.outputs["TableName"])


def test_the_env_file_is_enough_for_another_tool(stack: LocalStack) -> None:
    import subprocess
    import sys

    script = "import boto3, os; print(boto3.client('s3').head_bucket(Bucket=os.environ['ANTIPHON_UPLOADS_BUCKET_NAME'])['ResponseMetadata']['HTTPStatusCode'])"
    line = f'set -a; . "{stack.home.run / "env"}"; set +a; exec "{sys.executable}" -c "{script}"'
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert ran.stdout.strip() == "200", ran.stderr


def test_an_error_of_the_edge_is_a_problem_document(stack: LocalStack) -> None:
    answer = ask(stack, "POST", "/v1/notes", content=bytes(10 * 1024 * 1024 + 1))
    assert (answer.status_code, json.loads(answer.content)["code"]) == (413, "too_large")
