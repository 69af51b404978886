from __future__ import annotations

from pathlib import Path

import pytest

from infra.local import checks


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    for folder, line in (("unit", "assert True"), ("contract", "assert False"), ("e2e", "assert True")):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text(f"def test_it():\n    {line}\n")
    return tmp_path


@pytest.mark.usefixtures("folders")
def test_all_folders_run_and_each_closing_line_is_repeated_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    status = checks.main(["unit", "contract", "e2e"])
    closing = capsys.readouterr().out.splitlines()[-3:]
    assert status == 1
    assert [line.split(" in ")[0] for line in closing] == [
        "tests/unit: 1 passed",
        "tests/contract: 1 failed",
        "tests/e2e: 1 passed",
    ]


@pytest.mark.usefixtures("folders")
def test_the_exit_status_is_zero_only_when_all_passed() -> None:
    assert checks.main(["unit", "e2e"]) == 0
    assert checks.main(["contract"]) == 1


def test_folders_beside_each_other_are_run_once_each_and_any_failure_counts(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "tests/unit/work").mkdir()
    (folders / "tests/unit/work/test_work.py").write_text("def test_it():\n    assert False\n")
    assert checks.main(["unit"]) == 1
    closing = capsys.readouterr().out.splitlines()[-1]
    assert [part.split(" in ")[0] for part in closing.split(" + ")] == ["tests/unit: 1 passed", "1 failed"]


WAITS = """
import threading

def test_it(pytestconfig):
    mine, other = (pytestconfig.rootpath / name for name in ({mine!r}, {other!r}))
    mine.touch()
    for _ in range(600):
        if other.exists():
            return
        threading.Event().wait(0.1)
    raise AssertionError("the other lane did not run")
"""


def test_lanes_run_at_the_same_time_and_what_each_says_stays_together(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "pytest.ini").write_text("[pytest]")
    for mine, other in (("unit", "e2e"), ("e2e", "unit")):
        (folders / f"tests/{mine}/test_{mine}.py").write_text(WAITS.format(mine=mine, other=other))
    unit, contract, e2e = (checks.Suite(name, (f"tests/{name}",)) for name in ("unit", "contract", "e2e"))
    monkeypatch.setattr(checks, "STAGES", (((unit,), (e2e, contract)),))
    assert checks.main(["unit", "e2e", "contract"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" in ")[0] for line in said[-3:]] == [
        "tests/unit: 1 passed",
        "tests/e2e: 1 passed",
        "tests/contract: 1 failed",
    ]
    assert [line.split(" in ")[0] for line in said[:-3] if " in " in line] == ["1 passed", "1 passed", "1 failed"]


def test_each_suite_is_a_command_line_of_words_with_a_folder_that_is_there() -> None:
    for suite in checks.SUITES:
        assert suite.is_there
        for command in suite.commands:
            assert command[1:4] == ["-m", "pytest", "-q"]
            assert all(isinstance(word, str) for word in command)
