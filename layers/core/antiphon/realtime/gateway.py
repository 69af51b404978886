"""Connections by way of API Gateway's management API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from antiphon.realtime.model import text_of
from antiphon.realtime.ports import Gone, Slow


class ApiGatewaySockets:
    """endpoint: of the stage, ``https://<api>.execute-api.<region>.amazonaws.com/<stage>``."""

    def __init__(self, endpoint: str, region: str) -> None:
        import boto3
        from botocore.config import Config

        # One try each: a connection that takes nothing is given up, and its client comes back and asks for what it missed.
        patience = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, max_pool_connections=32)
        self._client = boto3.client(
            "apigatewaymanagementapi", endpoint_url=endpoint, region_name=region, config=patience
        )

    def post(self, connection_id: str, frame: Mapping[str, Any]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=text_of(frame))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("GoneException", "410"):
                raise Gone from error
            if _passing(error):
                raise Slow from error
            raise
        except BotoCoreError as error:
            raise Slow from error

    def close(self, connection_id: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("GoneException", "410"):
                raise


def _passing(error: Any) -> bool:
    """Whether it says something of this moment; what says that we may not post, or not so much, is a defect."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return error.response["Error"]["Code"] == "LimitExceededException" or status == 429 or status >= 500
