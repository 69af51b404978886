"""A worker of the small system: says with which role it runs, then waits to be stopped."""

from __future__ import annotations

import os
import signal
import sys
import time

import boto3


def drain(number: int, frame: object) -> None:
    print("drained", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, drain)
print(f"settings: {os.environ['GREETING']} {os.environ['TABLE_NAME']}", flush=True)
print(f"role: {boto3.client('sts').get_caller_identity()['Arn']}", flush=True)
row = {"pk": {"S": "worker"}, "sk": {"S": "began"}}
boto3.client("dynamodb").put_item(TableName=os.environ["TABLE_NAME"], Item=row)
while True:
    time.sleep(0.1)
