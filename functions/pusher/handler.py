"""The pushes queue: events on their way to the connections of their users, each user's in their order, all users side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger
from wiring import push

from antiphon.realtime.sqs import push_of

logger = Logger(service="pusher", use_rfc3339=True, utc=True)
AT_ONCE = 10
"""Users: as many as a batch may have messages."""


def push_all(user_id: str, records: list[dict[str, Any]]) -> list[str]:
    """The ids of the messages that have to come again: all of this user, so that their order is kept."""
    about = {"user_id": user_id, "messages": len(records), "request_ids": request_ids(records)}
    try:
        frames = push()([push_of(record["body"]) for record in records])
    except Exception:
        logger.exception("not pushed", **about)
        return [record["messageId"] for record in records]
    logger.info("pushed", frames=frames, **about)
    return []


def request_ids(records: list[dict[str, Any]]) -> list[str]:
    found = (record.get("messageAttributes", {}).get("request_id", {}).get("stringValue") for record in records)
    return sorted({each for each in found if each})


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    by_user: dict[str, list[dict[str, Any]]] = {}
    for record in event["Records"]:
        by_user.setdefault(record["attributes"]["MessageGroupId"], []).append(record)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failed = [each for ids in pool.map(push_all, by_user, by_user.values()) for each in ids]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
