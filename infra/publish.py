"""`make web STACK=antiphon-prod`: bring infra/web into the bucket that CloudFront serves it from.

index.html comes after what it names, and what no release needs any more goes last: whoever loads the app meanwhile gets a whole one.
Works on the account that the AWS variables point to.
"""

from __future__ import annotations

import mimetypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local.redrive import outputs

WEB = Path(__file__).resolve().parent / "web"
FIRST_PAGE = "index.html"
KEPT = "no-cache"
"""For browsers and the edge: asked for again each time, which costs an answer without a body where nothing changed."""
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}


def files(folder: Path) -> list[Path]:
    """Of the app, the first page last. Texts about it are not part of it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(found, key=lambda path: path == folder / FIRST_PAGE)


def type_of(path: Path) -> str:
    """Raises ValueError for a kind of file that browsers would have to guess."""
    found = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    if not found:
        raise ValueError(f"{path.name}: a file of which kind is this?")
    return found


def publish(s3: Any, bucket: str, folder: Path = WEB) -> tuple[int, int]:
    """How many files were written, and how many removed."""
    wanted = files(folder)
    for path in wanted:
        key = path.relative_to(folder).as_posix()
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType=type_of(path), CacheControl=KEPT)
    old = set(_keys(s3, bucket)) - {path.relative_to(folder).as_posix() for path in wanted}
    for key in sorted(old):
        s3.delete_object(Bucket=bucket, Key=key)
    return len(wanted), len(old)


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: make web STACK=<name of the stack>", file=sys.stderr)
        return 2
    import boto3

    region = os.environ.get("AWS_REGION", "us-east-1")
    places = outputs(arguments[0], region)
    if "PagesBucket" not in places:
        print(f"{arguments[0]} has no web app: deploy it with WebApp=true.", file=sys.stderr)
        return 1
    written, removed = publish(boto3.client("s3", region_name=region), places["PagesBucket"])
    print(f"{written} files are at https://{places['WebDomain']}; {removed} old ones are gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
