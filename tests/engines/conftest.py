"""Tiny models of the production engines, made once per run where they are asked for. Nothing here is imported before that: the tests of
the embedded engines run in an environment without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

PHRASE = " hello world this is a test of speech"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the production engines' own environment warnings are shown, not errors: torch, pyannote and spaCy warn a lot, and none of it
    is ours."""
    for item in items:
        if item.path.name in ("test_whisperx.py", "test_kokoro.py"):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def whisper_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.engines.models import whisper

    return whisper.build(tmp_path_factory.mktemp("whisper") / "phrase", PHRASE)


@pytest.fixture(scope="session")
def align_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import nltk

    from tests.engines.models import alignment

    nltk.data.path.insert(0, str(alignment.build_sentence_data(tmp_path_factory.mktemp("nltk"))))
    return alignment.build(tmp_path_factory.mktemp("align") / "en")


@pytest.fixture(scope="session")
def diarization_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.engines.models import diarization

    return diarization.build(tmp_path_factory.mktemp("diarization") / "stats")


@pytest.fixture(scope="session")
def kokoro_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.engines.models import kokoro

    return kokoro.build(tmp_path_factory.mktemp("kokoro"), ("af_heart", "am_adam", "bf_emma", "ef_dora"))
