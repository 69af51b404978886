from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.local import setup


def test_what_pip_is_configured_with_holds_for_uv_too() -> None:
    listed = "\n".join(
        [
            ":env:.find-links='/wheels'",
            "global.cert='/certificates.pem'",
            "global.extra-index-url='file:///one/simple file:///two/simple'",
            "global.index-url='https://mirror.example/simple'",
            "global.timeout='60'",
        ]
    )
    assert setup.pip_settings(listed) == {
        "UV_FIND_LINKS": "/wheels",
        "SSL_CERT_FILE": "/certificates.pem",
        "UV_EXTRA_INDEX_URL": "file:///one/simple file:///two/simple",
        "UV_INDEX_URL": "https://mirror.example/simple",
    }


def test_several_folders_of_wheels_are_handed_on_in_uvs_form() -> None:
    assert setup.pip_settings("global.find-links='/one\\n/two'") == {"UV_FIND_LINKS": "/one,/two"}


def environment(folder: Path, lock: str) -> setup.Environment:
    (folder / "lock.txt").write_text(lock)
    return setup.Environment(folder / "venv", folder / "lock.txt")


def test_an_environment_is_current_only_while_its_lock_is_the_one_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "starts", lambda python: True)
    made = environment(tmp_path, "one==1")
    made.path.mkdir()
    assert not made.is_current()
    made.mark_current()
    assert made.is_current()
    (tmp_path / "lock.txt").write_text("one==2")
    assert not made.is_current()


def test_an_environment_whose_python_is_gone_is_not_current(tmp_path: Path) -> None:
    made = environment(tmp_path, "one==1")
    made.path.mkdir()
    made.mark_current()
    assert not made.is_current()


def test_too_little_space_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError, match=r"has .* GB left and set-up needs about .* GB: free some space\.$"):
        setup.check_free_space(tmp_path, needed=2**62)


LOCKS = sorted([*setup.LOCKS.glob("*.txt"), *setup.ROOT.glob("layers/*/requirements.txt")])
LISTS = sorted([*setup.LOCKS.glob("*.in"), *setup.ROOT.glob("layers/*/requirements.in")])
FROM_AN_ADDRESS = {"synthesizer-spacy.txt": "spaCy's English model is published on no registry"}
"""By its hash too."""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_locked_package_has_hashes_and_no_address(lock: Path) -> None:
    """A-59"""
    text = lock.read_text()
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry and not entry.startswith((" ", "#"))]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    if lock.name not in FROM_AN_ADDRESS:
        assert all("==" in entry for entry in entries)
        assert "://" not in text


def test_every_list_of_packages_has_a_lock() -> None:
    """A-59: `make lock` and infra/images/lock.py write them."""
    assert {path.with_suffix(".txt") for path in LISTS} <= set(LOCKS)
    assert set(setup.LOCK_SOURCES) <= set(LISTS)


INSTALLS = re.compile(r"-m pip install|\bpip3? install|\"(?:pip|uv)\",\s*\"(?:pip\", \")?(?:install|sync)\"")
INSTALLERS = {
    "infra/build.mk": "the layers, in the cloud",
    "infra/local/package.py": "the layers, on a laptop",
    "infra/local/setup.py": "the environments of `make`",
    "infra/local/install_engines.py": "the environment of the real engines",
    "infra/images/build.py": "the images of the workers",
}


def test_whatever_installs_packages_demands_their_hashes() -> None:
    """A-59"""
    paths = [setup.ROOT / "Makefile", setup.ROOT / "infra/build.mk", *setup.ROOT.glob("functions/*/Dockerfile")]
    paths += [*(setup.ROOT / "infra").rglob("*.py"), *(setup.ROOT / "infra").rglob("*.sh"), *setup.ROOT.glob(".ci/*")]
    texts = {str(path.relative_to(setup.ROOT)): path.read_text() for path in paths}
    assert {name for name, text in texts.items() if INSTALLS.search(text)} == set(INSTALLERS)
    for name in INSTALLERS:
        assert "--require-hashes" in texts[name], name
    for name in ("infra/local/setup.py", "infra/images/build.py"):
        assert texts[name].count("--require-hashes") == 2, f"{name}: the installer, and what it installs"


def test_the_locks_of_the_layers_agree_with_what_is_tested() -> None:
    def pins(lock: Path) -> set[str]:
        return {line.split(" ")[0] for line in lock.read_text().splitlines() if "==" in line and line[0] not in " #"}

    tested = pins(setup.LOCKS / "dev.txt")
    for layer in ("runtime", "web"):
        assert pins(setup.ROOT / f"layers/{layer}/requirements.txt") <= tested
