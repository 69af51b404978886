"""The operator's shelf in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from antiphon.platform.errors import EngineError
from antiphon.weights.ports import Interrupted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
else:
    S3Client = Any


class S3Shelf:
    """uri: ``s3://bucket/prefix``."""

    def __init__(self, client: S3Client, uri: str) -> None:
        found = urlsplit(uri)
        if found.scheme != "s3" or not found.netloc:
            raise EngineError(f"The models must lie at s3://bucket/prefix, not at {uri!r}")
        self._s3 = client
        self._bucket = found.netloc
        self._prefix = f"{found.path.strip('/')}/".lstrip("/")

    def address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            return self._s3.head_object(Bucket=self._bucket, Key=self._prefix + key)["ContentLength"]
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return None
            # Without s3:ListBucket S3 answers 403 to what is not there, too.
            raise EngineError(f"{self.address(key)} cannot be looked up: {status}, may this role read it?") from error

    def read(self, key: str, start: int, end: int) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes={start}-{end - 1}")
            body: bytes = answer["Body"].read()
        except (BotoCoreError, ClientError, OSError) as error:
            raise Interrupted(repr(error)) from error
        return body

    def put(self, key: str, path: str) -> None:
        """Upload a file, in parts where it is large."""
        self._s3.upload_file(path, self._bucket, self._prefix + key)


def models_client(region: str) -> S3Client:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        region_name=region,
        config=Config(
            signature_version="s3v4",
            max_pool_connections=16,
            read_timeout=30,
            connect_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 5},
        ),
    )
