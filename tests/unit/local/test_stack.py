from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.home import LocalError
from infra.local.process import trim_log
from infra.local.stack import last_line, snake
from infra.local.supervisor import port_from


@pytest.mark.parametrize(
    ("output", "variable"),
    [
        ("UploadsBucket", "UPLOADS_BUCKET"),
        ("ApiId", "API_ID"),
        ("TranscriptionPriorityQueueUrl", "TRANSCRIPTION_PRIORITY_QUEUE_URL"),
    ],
)
def test_outputs_become_variables_as_the_functions_name_them(output: str, variable: str) -> None:
    assert snake(output) == variable


@pytest.mark.parametrize("text", ["", "eight", "0", "65536", "-1"])
def test_a_port_that_is_none_is_one_line_that_says_what_to_do(text: str) -> None:
    with pytest.raises(LocalError, match=r"^ANTIPHON_PORT is .*: set it to a number from 1 to 65535\.$"):
        port_from(text)


def test_a_log_that_grew_too_large_begins_anew_and_its_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "edge.log"
    with log.open("ab") as writer:
        writer.write(b"a" * 100 + b"b" * 50)
        writer.flush()
        trim_log(log, limit=100)
        writer.write(b"c")
    assert log.read_bytes() == b"c"
    assert log.with_name("edge.log.1").read_bytes() == b"a" * 50 + b"b" * 50


def test_the_last_words_of_a_process_are_its_last_line_with_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == "no output"
    log.write_text("Traceback\nValueError: no model\n\n")
    assert last_line(log) == "ValueError: no model"
