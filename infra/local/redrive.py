"""`make redrive QUEUE=…`: bring the dead letters of a queue back to work.

Works on whatever account the AWS variables point to: `. .antiphon/run/env` for the laptop, a profile for the cloud.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from antiphon.media.items import INSPECTION
from antiphon.platform.clock import system_clock
from antiphon.platform.redrive import redrive, send_back
from antiphon.platform.table import Table
from antiphon.speech.again import RetryDead
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Kind

QUEUES = (
    "Uploads",
    "Deliveries",
    "Transcription",
    "TranscriptionPriority",
    "Speech",
    "SpeechPriority",
    "Document",
    "Index",
    "Runs",
    "Edits",
    "Fetch",
    "Erasures",
)


def outputs(stack: str, region: str) -> dict[str, str]:
    import boto3

    found = boto3.client("cloudformation", region_name=region).describe_stacks(StackName=stack)["Stacks"][0]
    return {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}


def main(arguments: list[str]) -> int:
    names = {q.lower(): q for q in QUEUES}
    if len(arguments) != 1 or arguments[0].lower() not in names:
        print(f"usage: make redrive QUEUE=<{'|'.join(names)}>", file=sys.stderr)
        return 2
    import boto3

    region = os.environ.get("AWS_REGION", "us-east-1")
    places = outputs(os.environ.get("ANTIPHON_STACK", "antiphon"), region)
    queue = names[arguments[0].lower()]
    client = boto3.client("sqs", region_name=region)
    jobs = RetryDead(jobs=DynamoJobStore(Table(places["TableName"], region)), clock=system_clock)

    def again(message: dict[str, Any]) -> None:
        body = json.loads(message["Body"])
        if queue in ("Uploads", "Deliveries", "Erasures", "Fetch") or body.get("kind") == INSPECTION:
            send_back(client, places[f"{queue}QueueUrl"], message)
        else:  # a lane: its letter is of a job that has failed, and the job brings its own new message
            jobs(body["user_id"], Kind(body["kind"]), body["job_id"])

    moved = redrive(client, places[f"{queue}DeadLettersUrl"], again)
    print(f"{moved} dead letters of {queue} are on their way again.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
