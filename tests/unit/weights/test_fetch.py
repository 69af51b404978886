"""The models' folder after `Fetch`: exactly what the lock names, or an error that says what is wrong."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from antiphon.platform.errors import EngineError
from antiphon.weights.check import main as check_main
from antiphon.weights.fetch import TRIES, Fetch
from antiphon.weights.memory import MemoryShelf
from antiphon.weights.model import File, Lock, Model

LOG = logging.getLogger("weights")
REVISION = "0" * 40
LARGE, SMALL = bytes(range(256)) * 10, b"config"
FILES = {"model.bin": LARGE, "voices/a.pt": SMALL, "empty": b""}
PIECE = 100


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


LOCK = Lock(
    (Model("tiny", "o/r", REVISION, "MIT", tuple(File(path, sha256(body), len(body)) for path, body in FILES.items())),)
)


class Place:
    """A shelf that holds everything, and the folder that it is brought to."""

    def __init__(self, folder: Path, interrupt: Callable[[int], bool] = lambda _: False) -> None:
        self.folder = folder
        self.shelf = MemoryShelf(interrupt)
        self.shelf.objects = {f"tiny/{REVISION}/{path}": body for path, body in FILES.items()}
        self.beats = 0

    def fetch(self, lock: Lock = LOCK, *, shelf: bool = True, at_once: int = 3) -> None:
        def pulse() -> None:
            self.beats += 1

        found = self.shelf if shelf else None
        Fetch(shelf=found, folder=self.folder, pulse=pulse, logger=LOG, piece=PIECE, at_once=at_once)(lock)

    @property
    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder / "tiny")): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def refused(self, **how: bool) -> str:
        with pytest.raises(EngineError) as raised:
            self.fetch(**how)
        return raised.value.detail


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "models")


def test_everything_comes_and_nothing_else_stays(place: Place) -> None:
    place.fetch()
    assert place.files == FILES
    assert len(place.shelf.reads) == 26 + 1, "pieces of a hundred bytes"
    assert place.beats >= 27


def test_what_is_there_already_is_not_fetched_again(place: Place) -> None:
    place.fetch()
    place.shelf.reads.clear()
    place.fetch()
    assert place.shelf.reads == []


def test_a_broken_line_is_tried_again(tmp_path: Path) -> None:
    place = Place(tmp_path, interrupt=lambda n: n % 2 == 1)
    place.fetch(at_once=1)
    assert place.files == FILES


def test_a_line_that_stays_broken_is_an_error_and_the_next_start_goes_on_where_it_broke(tmp_path: Path) -> None:
    place = Place(tmp_path, interrupt=lambda n: n > 10)
    assert "cannot be read: the line broke" in place.refused()
    before = {start for key, start, _ in place.shelf.reads if key.endswith("model.bin")}
    assert len(place.shelf.reads) >= 10 + TRIES

    place.shelf = MemoryShelf()
    place.shelf.objects = {f"tiny/{REVISION}/{path}": body for path, body in FILES.items()}
    place.fetch()
    again = {start for key, start, _ in place.shelf.reads if key.endswith("model.bin")}
    assert place.files == FILES
    assert 0 < len(again) < 26
    assert again | before == set(range(0, len(LARGE), PIECE))


def test_half_a_line_about_a_piece_is_no_piece(tmp_path: Path) -> None:
    place = Place(tmp_path, interrupt=lambda n: n > 1)
    place.refused(at_once=1)
    done = tmp_path / "tiny/model.bin.part.done"
    done.write_text(done.read_text() + "1200"[:3])  # the power failed
    place.shelf = MemoryShelf()
    place.shelf.objects = {f"tiny/{REVISION}/{path}": body for path, body in FILES.items()}
    place.fetch()
    assert place.files == FILES


def test_another_lock_begins_anew(tmp_path: Path) -> None:
    place = Place(tmp_path, interrupt=lambda n: n > 10)
    place.refused()
    place.shelf = MemoryShelf()
    other = LARGE[::-1]
    place.shelf.objects = {f"tiny/{REVISION}/{path}": body for path, body in (FILES | {"model.bin": other}).items()}
    place.fetch(LOCK.with_file("tiny", File("model.bin", sha256(other), len(other))))
    assert place.files == FILES | {"model.bin": other}


def test_a_wrong_object_is_named_with_the_hash_that_was_expected_and_does_not_stay(place: Place) -> None:
    place.shelf.objects[f"tiny/{REVISION}/model.bin"] = LARGE[::-1]
    said = place.refused()
    assert "tiny/model.bin" in said
    assert sha256(LARGE) in said
    assert sha256(LARGE[::-1]) in said
    assert not list(place.folder.rglob("model.bin*"))


def test_an_object_of_another_size_is_named_before_anything_is_fetched(place: Place) -> None:
    place.shelf.objects[f"tiny/{REVISION}/model.bin"] = LARGE[:-1]
    said = place.refused()
    assert f"memory://tiny/{REVISION}/model.bin has 2559 bytes, models.lock names 2560" in said
    assert place.shelf.reads == []


def test_a_missing_object_is_named_with_what_puts_it_there(place: Place) -> None:
    del place.shelf.objects[f"tiny/{REVISION}/voices/a.pt"]
    said = place.refused()
    assert f"memory://tiny/{REVISION}/voices/a.pt is not there (sha256 {sha256(SMALL)}); `make models`" in said
    assert place.shelf.reads == []


def test_a_file_that_the_lock_does_not_name_is_refused(place: Place) -> None:
    place.fetch()
    (place.folder / "tiny" / "pytorch_model.bin").write_bytes(b"a pickle of somebody's")
    assert "does not name" in (said := place.refused())
    assert "tiny/pytorch_model.bin" in said


def test_a_file_that_changed_is_refused(place: Place) -> None:
    place.fetch()
    (place.folder / "tiny/model.bin").write_bytes(LARGE[::-1])
    said = place.refused()
    assert str(place.folder / "tiny/model.bin") in said
    assert sha256(LARGE) in said


def test_models_in_the_image_need_no_shelf_and_a_missing_one_is_named(place: Place) -> None:
    place.fetch()
    place.fetch(shelf=False)
    (place.folder / "tiny/model.bin").unlink()
    said = place.refused(shelf=False)
    assert f"{place.folder / 'tiny/model.bin'} is missing (sha256 {sha256(LARGE)}); set MODELS_URI" in said


def test_too_small_a_disk_is_said_before_anything_is_fetched(place: Place) -> None:
    place.shelf.objects[f"tiny/{REVISION}/model.bin"] = _Huge()
    huge = LOCK.with_file("tiny", File("model.bin", sha256(LARGE), 10**18))
    with pytest.raises(EngineError, match=r"GB left and the models need 1000000000\.0 GB"):
        place.fetch(huge)
    assert place.shelf.reads == []


class _Huge(bytes):
    def __len__(self) -> int:
        return 10**18


def test_an_image_with_models_is_checked_as_it_is_built(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.fetch()
    lock = place.folder.parent / "models.lock"
    lock.write_text(LOCK.dump())
    asked = [str(lock), str(place.folder)]
    assert check_main(asked) == 0
    (place.folder / "tiny/voices/a.pt").unlink()
    assert check_main(asked) == 1
    assert f"tiny/voices/a.pt is missing (sha256 {sha256(SMALL)})" in capsys.readouterr().err
    (place.folder / "tiny/model.bin").write_bytes(b"")
    assert check_main(asked) == 1
    assert sha256(LARGE) in capsys.readouterr().err
