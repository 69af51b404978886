"""The emulator keeps its state through a kill, serves loopback only, and holds what we reach into."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from pathlib import Path

import httpx

from infra.local.stack import LocalStack
from tests.integration.local.conftest import eventually
from tests.integration.local.test_system import ask, row


def answers(stack: LocalStack) -> bool:
    return ask(stack, "GET", "/v1/health", token=None).status_code == 200


def put(stack: LocalStack, pk: str, sk: str = "kept") -> None:
    item = {"pk": {"S": pk}, "sk": {"S": sk}}
    stack.client("dynamodb").put_item(TableName=stack.outputs["TableName"], Item=item)


def generation(stack: LocalStack) -> str:
    return os.readlink(stack.home.state / "services/current")


TALKS = """
import time

def handler(event, context):
    for line in event:
        time.sleep(0.02)  # longer than what ministack takes for the end
        print(line)
"""
RAISES_EVERY_OTHER_TIME = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    if calls % 2 == 0:
        raise ValueError(f"call {calls}")
    return calls
"""


def test_state_survives_a_kill_and_a_graceful_stop(stack: LocalStack) -> None:
    sqs, s3 = stack.client("sqs"), stack.client("s3")
    queue = sqs.create_queue(QueueName="kept")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    s3.put_object(Bucket=stack.outputs["UploadsBucketName"], Key="other/kept", Body=b"kept")
    put(stack, "before the kill")
    time.sleep(3)
    stack.kill("emulator")
    assert ask(stack, "GET", "/v1/health", token=None).status_code == 503
    eventually(lambda: answers(stack))
    assert row(stack, "before the kill", "kept")
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)["Messages"][0]
    assert message["Body"] == "kept"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert s3.get_object(Bucket=stack.outputs["UploadsBucketName"], Key="other/kept")["Body"].read() == b"kept"

    put(stack, "just before the stop")
    stack.restart("emulator")
    assert row(stack, "just before the stop", "kept")
    sqs.delete_queue(QueueUrl=queue)


def test_stream_records_that_nobody_has_read_survive_a_restart(stack: LocalStack) -> None:
    """Without it every event between the last read and the restart would be lost, and the first ones after it too."""
    mapping = next(
        entry
        for entry in stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        if ":dynamodb:" in entry["EventSourceArn"]
    )
    stack.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    put(stack, "unread", "outbox")
    time.sleep(3)
    assert not row(stack, "unread", "published")
    stack.kill("emulator")
    eventually(lambda: answers(stack))
    stack.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    eventually(lambda: row(stack, "unread", "published"))
    put(stack, "after", "outbox")
    eventually(lambda: row(stack, "after", "published"))


def test_an_idle_emulator_writes_nothing(stack: LocalStack) -> None:
    """The schedule and the polling of queues change nothing that is worth a generation every two seconds."""
    eventually(lambda: answers(stack))
    time.sleep(5)
    before = int(generation(stack))
    time.sleep(6)
    assert int(generation(stack)) - before <= 1


def test_it_listens_on_loopback_only(stack: LocalStack) -> None:
    assert listening(int(stack.pid("emulator") or 0)) == {("127.0.0.1", stack.home.account().port)}
    assert listening(int(stack.pid("edge") or 0)) == {("127.0.0.1", stack.port)}


def listening(pid: int) -> set[tuple[str, int]]:
    """The TCP addresses on which a process listens (Linux)."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if (target := os.readlink(descriptor)).startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                dotted = ".".join(str(byte) for byte in reversed(bytes.fromhex(address))) if table == "tcp" else address
                found.add((dotted, int(port, 16)))
    return found


def test_strangers_are_refused(stack: LocalStack) -> None:
    assert httpx.get(f"{stack.endpoint}/{stack.outputs['UploadsBucketName']}/other/kept").status_code == 403


def test_a_layer_is_unpacked_once_for_all_functions(stack: LocalStack) -> None:
    eventually(lambda: answers(stack))
    assert ask(stack, "GET", "/v1/x").status_code == 200
    layers = [path for path in (stack.home.state / "layers").iterdir() if (path / "python/greeting").is_dir()]
    assert layers
    assert not list((stack.home.state / "tmp").glob("ministack-lambda-*/layer_*"))


def function(stack: LocalStack, name: str, source: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", source)
    anyone = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
    role = stack.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    stack.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="handler.handler",
        Role=role,
        Code={"ZipFile": code.getvalue()},
    )


def test_a_function_that_raised_is_warm_for_the_next_call(stack: LocalStack) -> None:
    functions = stack.client("lambda")
    function(stack, "raises", RAISES_EVERY_OTHER_TIME)
    answers = [functions.invoke(FunctionName="raises", Payload=b"{}") for _ in range(4)]
    said = [json.loads(answer["Payload"].read()) for answer in answers]
    assert ["FunctionError" in answer for answer in answers] == [False, True, False, True]
    assert [said[1]["errorMessage"], said[3]["errorMessage"]] == ["call 2", "call 4"]
    assert [said[0], said[2]] == [1, 3]
    logged = stack.client("logs").filter_log_events(logGroupName="/aws/lambda/raises", filterPattern="errorType")
    assert [json.loads(event["message"])["errorMessage"] for event in logged["events"]] == ["call 2", "call 4"]


def test_the_log_of_a_call_is_its_own_and_whole(stack: LocalStack) -> None:
    """However long the function is silent between two lines, and whether it says anything at all."""
    function(stack, "talks", TALKS)
    for lines in (["first", "second"], [], ["third"]):
        stack.client("lambda").invoke(FunctionName="talks", Payload=json.dumps(lines))
    events = stack.client("logs").filter_log_events(logGroupName="/aws/lambda/talks")["events"]
    logged = [line for event in events for line in event["message"].splitlines()]
    kept = [line.split()[0] for line in logged if line and not line.startswith("REPORT")]
    assert kept == ["START", "first", "second", "END", "START", "END", "START", "third", "END"]
