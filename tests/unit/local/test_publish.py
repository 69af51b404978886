"""The web app on its way into its bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.publish import WEB, files, publish, type_of


class Bucket:
    """S3 as far as it is used; `log`: (what, key) in order."""

    def __init__(self, *keys: str) -> None:
        self.objects: dict[str, dict[str, Any]] = {key: {} for key in keys}
        self.log: list[tuple[str, str]] = []

    def put_object(self, **asked: Any) -> None:
        self.objects[asked["Key"]] = asked
        self.log.append(("put", asked["Key"]))

    def delete_object(self, **asked: str) -> None:
        del self.objects[asked["Key"]]
        self.log.append(("delete", asked["Key"]))

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        keys = sorted(self.objects)
        yield {"Contents": [{"Key": key} for key in keys[:2]]}
        yield {"Contents": [{"Key": key} for key in keys[2:]]}
        yield {}


def test_the_first_page_comes_after_what_it_names_and_what_is_old_goes_last() -> None:
    bucket = Bucket("app/gone.js", "index.html")
    written, removed = publish(bucket, "pages")
    puts = [key for what, key in bucket.log if what == "put"]
    assert puts[-1] == "index.html"
    assert bucket.log[-1] == ("delete", "app/gone.js")
    assert (written, removed) == (len(puts), 1)
    assert set(bucket.objects) == {path.relative_to(WEB).as_posix() for path in files(WEB)}


def test_everything_is_asked_for_again_each_time_and_has_its_kind() -> None:
    bucket = Bucket()
    publish(bucket, "pages")
    assert {each["CacheControl"] for each in bucket.objects.values()} == {"no-cache"}
    kinds = {key: each["ContentType"] for key, each in bucket.objects.items()}
    assert kinds["app/main.js"] == "text/javascript; charset=utf-8"
    assert kinds["styles.css"] == "text/css; charset=utf-8"
    assert kinds["icon.svg"] == "image/svg+xml"
    assert kinds["index.html"] == "text/html; charset=utf-8"


def test_texts_about_the_app_are_no_part_of_it() -> None:
    assert not [path for path in files(WEB) if path.suffix == ".md"]


def test_a_file_that_a_browser_would_have_to_guess_is_refused() -> None:
    with pytest.raises(ValueError, match="of which kind"):
        type_of(Path("thing.unknown"))
