"""Objects in S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore.exceptions import ClientError

from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.speech.ports import Stored, Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
else:
    S3Client = Any

POST_FOR = timedelta(minutes=15)
GET_FOR = timedelta(minutes=15)
_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""The second: another writer is at it in this moment."""
_NO_PATH = dict.fromkeys((*map(ord, "/\\"), *range(32), 127), "_")
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405"})


def s3_client(region: str) -> S3Client:
    import boto3
    from botocore.config import Config

    # The old signature form is neither checked by the emulator nor safe for new regions, hence v4 always.
    return boto3.client(
        "s3",
        region_name=region,
        config=Config(signature_version="s3v4", retries={"mode": "standard", "total_max_attempts": 4}),
    )


def disposition(filename: str) -> str:
    """``Content-Disposition`` for a download, RFC 6266: an ASCII name and the true one, neither with a path in it."""
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "._- " else "_" for c in filename)
    name = filename.translate(_NO_PATH)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


class S3Objects:
    def __init__(self, client: S3Client, clock: Clock) -> None:
        self._s3 = client
        self._clock = clock

    def presign_post(self, bucket: str, key: str, *, content_type: str, max_size: int) -> Upload:
        post = self._s3.generate_presigned_post(
            bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_size]],
            ExpiresIn=int(POST_FOR.total_seconds()),
        )
        return Upload(post["url"], post["fields"], self._clock() + POST_FOR)

    def presign_get(self, bucket: str, key: str, *, filename: str, content_type: str) -> str:
        wanted = {
            "Bucket": bucket,
            "Key": key,
            "ResponseContentDisposition": disposition(filename),
            "ResponseContentType": content_type,
        }
        return self._s3.generate_presigned_url("get_object", Params=wanted, ExpiresIn=int(GET_FOR.total_seconds()))

    def head(self, bucket: str, key: str, version: str | None = None) -> Stored | None:
        try:
            found = self._s3.head_object(**_at(bucket, key, version))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return Stored(
            found["ContentLength"], found.get("VersionId"), found.get("ContentType"), found.get("Metadata", {})
        )

    def read(self, bucket: str, key: str, *, first: int | None = None, version: str | None = None) -> bytes:
        wanted: dict[str, Any] = _at(bucket, key, version)
        if first is not None:
            wanted["Range"] = f"bytes=0-{first - 1}"
        try:
            return self._s3.get_object(**wanted)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # an empty object has no first byte
                return b""
            raise _missing(error, key) from error

    def download(self, bucket: str, key: str, path: str, *, version: str | None = None) -> None:
        try:
            body = self._s3.get_object(**_at(bucket, key, version))["Body"]
        except ClientError as error:
            raise _missing(error, key) from error
        with open(path, "wb") as file:
            for block in body.iter_chunks(1 << 20):
                file.write(block)

    def put(
        self, bucket: str, key: str, body: bytes, *, content_type: str, tags: Mapping[str, str] | None = None
    ) -> None:
        extra = {"Tagging": urlencode(tags)} if tags else {}
        self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **extra)

    def create(self, bucket: str, key: str, body: bytes, *, content_type: str) -> bool:
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in _THERE:
                return False
            raise
        return True

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"]

    def upload(self, bucket: str, key: str, path: str, *, content_type: str) -> None:
        self._s3.upload_file(path, bucket, key, ExtraArgs={"ContentType": content_type}, Config=_in_this_thread())

    def upload_parts(self, bucket: str, key: str, parts: Iterator[bytes], *, content_type: str) -> None:
        self._s3.upload_fileobj(
            _Readable(parts), bucket, key, ExtraArgs={"ContentType": content_type}, Config=_in_this_thread()
        )

    def move(
        self, bucket: str, key: str, to: str, *, version: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        if self.head(bucket, key, version) is not None:
            extra: dict[str, Any] = {"Metadata": dict(metadata), "MetadataDirective": "REPLACE"} if metadata else {}
            # The managed copy goes part by part above the 5 GB that one CopyObject may have.
            self._s3.copy(_at(bucket, key, version), bucket, to, ExtraArgs=extra, Config=_in_this_thread())
        self.delete(bucket, key)

    def copy(self, bucket: str, key: str, to: str) -> None:
        try:
            self._s3.copy({"Bucket": bucket, "Key": key}, bucket, to, Config=_in_this_thread())
        except ClientError as error:
            raise _missing(error, key) from error

    def delete(self, bucket: str, key: str, version: str | None = None) -> tuple[int, int]:
        found = [v for v in self._versions(bucket, key) if v["Key"] == key and version in (None, v["VersionId"])]
        self._delete(bucket, iter(found))
        return min(1, len(found)), len(found)

    def delete_prefix(self, bucket: str, prefix: str) -> tuple[int, int]:
        versions = list(self._versions(bucket, prefix))
        self._delete(bucket, iter(versions))
        return len({v["Key"] for v in versions}), len(versions)

    def _versions(self, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield {"Key": found["Key"], "VersionId": found["VersionId"]}

    def _delete(self, bucket: str, versions: Iterator[dict[str, str]]) -> None:
        rest = list(versions)
        while rest:
            batch, rest = rest[:1000], rest[1000:]
            answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise ClientError(
                    {"Error": {"Code": first.get("Code", "InternalError"), "Message": first.get("Message", "")}},
                    "DeleteObjects",
                )


class _Readable:
    """Parts as the file that boto3 wants to read: it asks for a part of an upload at a time."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = bytearray()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._rest += part
        taken = bytes(self._rest if size < 0 else self._rest[:size])
        del self._rest[: len(taken)]
        return taken


def _in_this_thread() -> Any:
    """Parts one after another: our files are small, and an error is raised where it can be seen."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(use_threads=False)


def _at(bucket: str, key: str, version: str | None) -> dict[str, Any]:
    return {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})


def _missing(error: ClientError, key: str) -> Exception:
    if error.response["Error"]["Code"] in _MISSING:
        return NotFound(f"The object {key} is not there any more.", code="object_missing")
    return error
