"""I-10, A-59: what an image is made of is written down when it is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.images.on_cpu import read
from infra.images.sbom import SbomError, sbom
from tests.infra.cyclonedx import complaints
from tests.infra.system import ROOT

IMAGE = "docker.io/nvidia/cuda:12.8.1-base@sha256:" + "b" * 64
PACKAGES = {
    "Lone_Wheel": ("1.0", "License-Expression: MIT OR Apache-2.0"),
    "two.files": ("2.0+cpu", "Classifier: License :: OSI Approved :: BSD License"),
    "by-address": ("3.0", "License: Anything goes"),
    "silent": ("4.0", "License: UNKNOWN"),
}
LOCK = f"""# Written by hand
lone-wheel==1.0 ; python_version < '4' \\
    --hash=sha256:{"1" * 64}
two-files==2.0+cpu \\
    --hash=sha256:{"2" * 64} \\
    --hash=sha256:{"3" * 64}
by-address @ https://example.com/by_address-3.0-py3-none-any.whl \\
    --hash=sha256:{"4" * 64}
silent==4.0 \\
    --hash=sha256:{"5" * 64}
elsewhere==9 ; sys_platform == 'win32' \\
    --hash=sha256:{"6" * 64}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    for name, (version, more) in PACKAGES.items():
        folder = tmp_path / f"env/lib/python3.12/site-packages/{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{more}\n")
    return tmp_path / "env"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text(LOCK)
    return path


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in document["components"]}


@pytest.mark.parametrize("name", ["transcriber", "synthesizer"])
def test_the_official_schema_takes_it(name: str, environment: Path, lock: Path) -> None:
    """I-10"""
    document = sbom(name, environment, [lock], IMAGE)
    assert complaints(json.dumps(document)) == ""
    document["components"][1]["type"] = "nonsense"
    assert "nonsense" in complaints(json.dumps(document))


def test_it_names_what_is_installed_and_nothing_that_is_not(environment: Path, lock: Path) -> None:
    """I-10"""
    found = by_name(sbom("synthesizer", environment, [lock], IMAGE))
    libraries = {name: each for name, each in found.items() if each["type"] == "library"}
    assert {name: each["purl"] for name, each in libraries.items()} == {
        "lone-wheel": "pkg:pypi/lone-wheel@1.0",
        "two-files": "pkg:pypi/two-files@2.0%2Bcpu",
        "by-address": "pkg:pypi/by-address@3.0",
        "silent": "pkg:pypi/silent@4.0",
    }
    assert {name: each.get("licenses") for name, each in libraries.items()} == {
        "lone-wheel": [{"expression": "MIT OR Apache-2.0"}],
        "two-files": [{"license": {"name": "BSD License"}}],
        "by-address": [{"license": {"name": "Anything goes"}}],
        "silent": None,
    }


def test_a_hash_is_a_packages_own_only_where_the_lock_leaves_no_choice(environment: Path, lock: Path) -> None:
    """I-10"""
    found = by_name(sbom("synthesizer", environment, [lock], IMAGE))
    assert found["lone-wheel"]["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    assert "hashes" not in found["two-files"]
    (allowed,) = found["two-files"]["externalReferences"]
    assert {each["content"] for each in allowed["hashes"]} == {"2" * 64, "3" * 64}


def test_it_names_the_base_and_every_file_of_the_models(environment: Path, lock: Path) -> None:
    """I-10"""
    found = by_name(sbom("transcriber", environment, [lock], read("transcriber").base))
    digest = read("transcriber").base.rsplit(":", 1)[1]
    assert found["docker.io/nvidia/cuda"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    for model in json.loads((ROOT / "functions/transcriber/models.lock").read_text())["models"]:
        component = found[model["name"]]
        assert component["type"] == "machine-learning-model"
        assert component["version"] == model["revision"]
        files = {each["name"]: each["hashes"][0]["content"] for each in component["components"]}
        assert files == {each["path"]: each["sha256"] for each in model["files"]}


def test_the_same_image_gives_the_same_document(environment: Path, lock: Path) -> None:
    first, second = (sbom("synthesizer", environment, [lock], IMAGE) for _ in range(2))
    other = sbom("synthesizer", environment, [lock], IMAGE.replace("b" * 64, "c" * 64))
    assert first == second
    assert first["serialNumber"] != other["serialNumber"]


def test_what_no_lock_names_ends_the_build(environment: Path, lock: Path) -> None:
    lock.write_text(LOCK.replace("silent==4.0", "silent==4.1"))
    with pytest.raises(SbomError, match=r"silent 4\.0 is installed and stands in no lock"):
        sbom("synthesizer", environment, [lock], IMAGE)


@pytest.mark.parametrize("image", ["", "docker.io/nvidia/cuda:12.8.1-base"])
def test_a_base_without_its_digest_ends_the_build(image: str, environment: Path, lock: Path) -> None:
    with pytest.raises(SbomError, match="BASE"):
        sbom("synthesizer", environment, [lock], image)
