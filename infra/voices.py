"""`make voices STACK=antiphon-prod`: wake a synthesizer once, so that it makes the samples of the voices that have none.

Workers make samples while no job waits (decisions/0048), and a deployment starts none of them. A message of no job is work that waits as far as
the scaling rules see; the worker finds nothing to do in it, deletes it, and makes samples until the idle time is over. Safe to repeat.
Works on the account that the AWS variables point to.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from antiphon.speech.model import Kind
from infra.local.redrive import outputs

NOBODY = {"user_id": "usr_nobody", "kind": Kind.SPEECH.value, "job_id": "job_samples"}


def wake(sqs: Any, queue_url: str) -> None:
    """sqs: boto3's client; queue_url: of the lane ``speech``."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(NOBODY), MessageGroupId=NOBODY["user_id"])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: make voices STACK=<name of the stack>", file=sys.stderr)
        return 2
    import boto3

    region = os.environ.get("AWS_REGION", "us-east-1")
    wake(boto3.client("sqs", region_name=region), outputs(arguments[0], region)["SpeechQueueUrl"])
    print(
        "A synthesizer starts, makes the samples that are missing and leaves. `GET /v1/voices` shows each as it is there."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
