"""All objects of one account. Every key of ours is ``<folder>/<user>/…``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from antiphon.identity.model import Removed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
else:
    S3Client = Any

UPLOADS = ("uploads", "inbox", "texts", "rejected")
RESULTS = ("speech", "parts", "media")
"""The folders of the two buckets: wherever anybody may put an object, held by a test."""


class S3AccountObjects:
    def __init__(self, client: S3Client, *, uploads: str, results: str) -> None:
        self._s3 = client
        self._places = [(uploads, folder) for folder in UPLOADS] + [(results, folder) for folder in RESULTS]

    def remove(self, user_id: str) -> Iterator[Removed]:
        for bucket, folder in self._places:
            prefix = f"{folder}/{user_id}/"
            # First, so that none becomes an object after the objects were listed.
            yield from self._abort(bucket, prefix)
            yield from self._delete(bucket, prefix)

    def _abort(self, bucket: str, prefix: str) -> Iterator[Removed]:
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                try:
                    self._s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                except ClientError as error:
                    if error.response["Error"]["Code"] != "NoSuchUpload":
                        raise
                yield Removed()

    def _delete(self, bucket: str, prefix: str) -> Iterator[Removed]:
        """Always the first page: what was on the one before is gone."""
        before: set[str] = set()
        while True:
            page: Mapping[str, Any] = self._s3.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=1000)
            found = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
            if not found:
                return
            answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise ClientError(
                    {"Error": {"Code": first.get("Code", "InternalError"), "Message": first.get("Message", "")}},
                    "DeleteObjects",
                )
            keys = {each["Key"] for each in found}
            # The versions of one key may lie on two pages.
            yield Removed(objects=len(keys - before), versions=len(found))
            before = keys
