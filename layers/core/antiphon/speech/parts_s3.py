"""S3's multipart uploads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from antiphon.platform.errors import NotFound
from antiphon.speech.parts import Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
else:
    S3Client = Any

T = TypeVar("T")


class S3Parts:
    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def begin(self, key: str, content_type: str) -> str:
        return self._s3.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)["UploadId"]

    def address(self, key: str, upload_id: str, number: int, size: int, good_for: timedelta) -> str:
        wanted = {
            "Bucket": self._bucket,
            "Key": key,
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": size,
        }
        return self._s3.generate_presigned_url("upload_part", Params=wanted, ExpiresIn=int(good_for.total_seconds()))

    def there(self, key: str, upload_id: str) -> Sequence[Part]:
        def all_of_them() -> list[Part]:
            pages = self._s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
            return [
                Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"])
                for page in pages
                for part in page.get("Parts", [])
            ]

        return _known(all_of_them)

    def join(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        _known(
            lambda: self._s3.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
            )
        )

    def size(self, key: str) -> int | None:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise


def _known(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchUpload":
            raise NotFound("There is no such upload; begin a new one.") from error
        raise
