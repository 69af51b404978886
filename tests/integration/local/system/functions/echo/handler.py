"""Answer with what arrived, and keep what is posted."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from greeting import greet


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    user = ((event["requestContext"].get("authorizer") or {}).get("user")) or "anyone"
    print(f"echo: {event['httpMethod']} {event['path']}")
    if event["httpMethod"] == "POST":
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        table.put_item(Item={"pk": event["path"], "sk": "outbox", "body": event["body"]})
    answer = {
        "greeting": greet(os.environ["GREETING"], user),
        "path": event["path"],
        "query": event.get("multiValueQueryStringParameters"),
        "headers": {name.lower(): value for name, value in event["headers"].items()},
        "body": event.get("body"),
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
