"""`make redrive QUEUE=…`: bring the dead letters of a queue back to work.

Works on whatever account the AWS variables point to: `. .antiphon/run/env` for the laptop, a profile for the cloud.
"""

from __future__ import annotations

import os
import sys

from antiphon.admin.model import QUEUES
from antiphon.admin.queues_sqs import SqsQueues
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.speech.again import RetryDead
from antiphon.speech.dynamo import DynamoJobStore

MOST = 10_000


def outputs(stack: str, region: str) -> dict[str, str]:
    import boto3

    found = boto3.client("cloudformation", region_name=region).describe_stacks(StackName=stack)["Stacks"][0]
    return {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}


def output_of(queue: str) -> str:
    """``speech_priority`` → ``SpeechPriorityQueueUrl``"""
    return "".join(word.capitalize() for word in queue.split("_")) + "QueueUrl"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in QUEUES:
        print(f"usage: make redrive QUEUE=<{'|'.join(QUEUES)}>", file=sys.stderr)
        return 2
    import boto3

    region = os.environ.get("AWS_REGION", "us-east-1")
    places = outputs(os.environ.get("ANTIPHON_STACK", "antiphon"), region)
    queues = SqsQueues(
        boto3.client("sqs", region_name=region),
        {name: places[output_of(name)] for name in QUEUES},
        RetryDead(jobs=DynamoJobStore(Table(places["TableName"], region)), clock=system_clock),
    )
    moved = queues.redrive(arguments[0], MOST)
    print(f"{moved} dead letters of {arguments[0]} are on their way again.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
