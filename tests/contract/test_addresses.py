"""A-50: the addresses under which S3 lets somebody in without a sign-in, as the real SDK signs them."""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from antiphon.media.items_memory import MemoryMediaStore
from antiphon.platform.clock import from_rfc3339, system_clock
from antiphon.platform.request import Caller
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.parts import PARTS_ABOVE, PartedUpload, Parts
from antiphon.speech.parts_s3 import S3Parts
from antiphon.speech.ports import Upload
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.submit import FileToCome, Submit
from tests.contract.conftest import REGION

ROOT = Path(__file__).parents[2]
BUCKET, LONGEST = "uploads-bucket", 15 * 60
ANNA = Caller("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "premium")
KEY = f"uploads/{ANNA.user_id}/job_1"
PLACES = {
    "layers/core/antiphon/speech/submit.py": "tests/unit/speech/test_use_cases.py, for uploads",
    "layers/core/antiphon/media/manage.py": "tests/unit/speech/test_arrive.py, tests/integration/media/test_edits.py and test_charts.py",
    "layers/core/antiphon/speech/samples.py": "samples of voices are of nobody",
    "functions/speech/transcription_routes.py": "tests/unit/speech/test_arrive.py",
    "functions/speech/speech_routes.py": "tests/unit/speech_work/test_synthesize.py and test_copies.py",
}
"""Where an address is asked for, and what holds that the key is one of the caller's own."""


@pytest.fixture
def objects(aws: None) -> S3Objects:
    client = s3_client(REGION)
    client.create_bucket(Bucket=BUCKET)
    return S3Objects(client, system_clock)


@pytest.fixture
def submit(objects: S3Objects) -> Submit:
    jobs, media, bucket = MemoryJobStore(), MemoryMediaStore(), S3Parts(s3_client(REGION), BUCKET)
    parts = Parts(bucket=bucket, jobs=jobs, media=media, origin="https://api.example", clock=system_clock)
    return Submit(jobs=jobs, media=media, objects=objects, uploads_bucket=BUCKET, clock=system_clock, parts=parts)


def asked(address: str) -> tuple[str, dict[str, str]]:
    """The key, and what the address says of the answer."""
    found = urlsplit(address)
    return unquote(found.path).lstrip("/"), {name: value for name, (value,) in parse_qs(found.query).items()}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("talk.wav", "talk.wav"),
        ("a b (1).mp3", "a b (1).mp3"),
        ("שיחה.mp3", "שיחה.mp3"),
        ('say "x"; filename=evil.html', 'say "x"; filename=evil.html'),
        ("a\r\nSet-Cookie: x=1.wav", "a__Set-Cookie: x=1.wav"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..\\evil.exe", ".._evil.exe"),
        ("100%41.wav", "100%41.wav"),
    ],
)
def test_a_download_is_an_attachment_under_its_own_name_for_a_quarter_of_an_hour(
    objects: S3Objects, name: str, shown: str
) -> None:
    """A-50: RFC 6266, read by a parser that is not ours."""
    key, query = asked(objects.presign_get(BUCKET, KEY, filename=name, content_type="audio/wav"))
    assert (key, query["response-content-type"]) == (KEY, "audio/wav")
    assert 0 < int(query["X-Amz-Expires"]) <= LONGEST
    header = query["response-content-disposition"]
    form = re.fullmatch(r"attachment; filename=\"([^\"]*)\"; filename\*=UTF-8''([A-Za-z0-9%._~-]*)", header)
    assert form
    assert (len(form[1]), unquote(form[2])) == (len(name), shown)
    assert not set(form[1]) & set("/\\%;")
    parsed = Message()
    parsed["Content-Disposition"] = header
    assert parsed.get_content_disposition() == "attachment"
    assert parsed.get_filename() in (form[1], shown)


def test_a_small_file_goes_to_a_key_of_the_caller_for_a_quarter_of_an_hour(submit: Submit) -> None:
    """A-50"""
    before = datetime.now(UTC)
    media, upload = submit.media(ANNA, FileToCome("../usr_x/a.wav", "audio/wav", 10), "transcription")
    assert isinstance(upload, Upload)
    policy = json.loads(base64.b64decode(upload.fields["policy"]))
    assert from_rfc3339(policy["expiration"]) <= datetime.now(UTC) + timedelta(seconds=LONGEST)
    assert before < upload.expires_at <= datetime.now(UTC) + timedelta(seconds=LONGEST)
    assert {"key": f"uploads/{ANNA.user_id}/{media.id}"} in policy["conditions"]
    assert {"bucket": BUCKET} in policy["conditions"]


def test_each_part_of_a_large_file_goes_to_a_key_of_the_caller_for_a_quarter_of_an_hour(submit: Submit) -> None:
    """A-50"""
    media, upload = submit.media(ANNA, FileToCome("a.wav", "audio/wav", PARTS_ABOVE + 1), "transcription")
    assert isinstance(upload, PartedUpload)
    assert len(upload.urls) > 1
    for address in upload.urls:
        key, query = asked(address)
        assert key == f"uploads/{ANNA.user_id}/{media.id}"
        assert 0 < int(query["X-Amz-Expires"]) <= LONGEST
        assert query["uploadId"] == upload.upload_id


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for folder in ("layers/core/antiphon", "functions"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if name in text else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                    yield str(path.relative_to(ROOT)), node


def test_every_place_that_gives_an_address_is_known() -> None:
    """A-50: a new one needs a test that its key is the caller's."""
    assert {path for name in ("presign_get", "presign_post") for path, _ in calls(name)} == set(PLACES)
    signing = {path for name in ("generate_presigned_url", "generate_presigned_post") for path, _ in calls(name)}
    assert signing == {"layers/core/antiphon/speech/s3.py", "layers/core/antiphon/speech/parts_s3.py"}
