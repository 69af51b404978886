"""Write down which event came from where."""

from __future__ import annotations

import json
import os
import urllib.parse
from typing import Any

import boto3


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    for record in event.get("Records", [{"eventSource": event.get("source")}]):
        print(f"events: {record['eventSource']}")
        if record["eventSource"] == "aws:sqs":
            for entry in json.loads(record["body"]).get("Records", []):
                found = entry["s3"]["object"]
                key = urllib.parse.unquote_plus(found["key"])
                table.put_item(Item={"pk": key, "sk": "arrived", "version": found.get("versionId", "")})
        elif record["eventSource"] == "aws:dynamodb":
            table.put_item(Item={"pk": record["dynamodb"]["Keys"]["pk"]["S"], "sk": "published"})
        else:
            table.put_item(Item={"pk": "clock", "sk": "ticked"})
    return {"batchItemFailures": []}
