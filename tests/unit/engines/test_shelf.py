"""Models are kept while there is room, and a full card is known by what the libraries raise."""

from __future__ import annotations

import sys
import types

import pytest

from antiphon.engines.gpu import is_out_of_memory
from antiphon.engines.shelf import Shelf


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shelf empties torch's cache, if there is a card."""
    cuda = types.SimpleNamespace(is_available=lambda: False)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))


def fill(shelf: Shelf, *keys: str) -> list[str]:
    """Asks for each in turn; gives those that were loaded for it."""
    loaded: list[str] = []

    def load(key: str) -> str:
        loaded.append(key)
        return key

    for key in keys:
        assert shelf.get(key, lambda key=key: load(key)) == key
    return loaded


def test_where_there_is_room_for_all_each_is_loaded_once() -> None:
    assert fill(Shelf(), "asr", "align", "diarize", "asr", "align", "diarize") == ["asr", "align", "diarize"]


def test_where_there_is_room_for_two_they_follow_each_other() -> None:
    """A window needs the recogniser and the aligner in turn: both stay. The diarizer at the end takes the place of one."""
    shelf = Shelf(2)
    assert fill(shelf, "asr", "align", "asr", "align", "diarize") == ["asr", "align", "diarize"]
    assert shelf.loaded == ("align", "diarize")
    assert fill(shelf, "asr", "align") == ["asr", "align"]


def test_the_old_one_is_gone_before_the_new_one_comes() -> None:
    shelf = Shelf(1)
    fill(shelf, "asr")
    seen: list[tuple] = []
    shelf.get("diarize", lambda: seen.append(shelf.loaded))
    assert seen == [()]


def test_a_model_that_cannot_be_loaded_leaves_no_trace() -> None:
    shelf = Shelf()

    def fail() -> None:
        raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        shelf.get("asr", fail)
    assert shelf.loaded == ()
    assert fill(shelf, "asr") == ["asr"]


def test_all_but_one_can_be_let_go_of() -> None:
    shelf = Shelf()
    fill(shelf, "asr", "align", "diarize")
    assert shelf.clear(keep="asr")
    assert shelf.loaded == ("asr",)
    assert not shelf.clear(keep="asr")


class OutOfMemoryError(RuntimeError):
    """By name and base that of torch."""


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("CUDA failed with error out of memory"), True),  # CTranslate2
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA failed with error device-side assert triggered"), False),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_a_full_card_is_told_from_other_errors(error: Exception, full: bool) -> None:
    assert is_out_of_memory(error) is full
