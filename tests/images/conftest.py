"""The images, built by the steps of their Dockerfiles on this machine, and an account for their workers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from antiphon.weights.model import File, Lock, Model
from infra.images.on_cpu import ROOT, Image, build
from tests.images.account import MODELS, SmallAccount, small_account

REVISION = "0" * 40
PREFIX = "antiphon/models"


@dataclass(frozen=True)
class Built:
    """An image, with tiny models in the operator's bucket and a lock that names them. ``code``: of the one model that is not made of the libraries' classes."""

    image: Image
    lock: Path
    models: Path
    code: Path

    @property
    def settings(self) -> dict[str, str]:
        """What an operator sets, and what a machine without a GPU needs."""
        engine = {"transcriber": "WHISPERX", "synthesizer": "KOKORO"}[self.image.name]
        slow = {"WHISPERX_COMPUTE_TYPE": "int8", "DIARIZER_DEVICE": "cpu"} if engine == "WHISPERX" else {}
        where = {"MODELS_URI": f"s3://{MODELS}/{PREFIX}", "MODELS_LOCK": str(self.lock)}
        where["PYTHONPATH"] = os.pathsep.join([self.image.here(self.image.environment["PYTHONPATH"]), str(self.code)])
        return {**where, f"{engine}_DEVICE": "cpu", f"{engine}_THREADS": "1", "OMP_NUM_THREADS": "1", **slow}


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallAccount]:
    with small_account(tmp_path_factory.mktemp("account")) as running:
        yield running


@pytest.fixture(scope="session", params=["transcriber", "synthesizer"])
def built(request: pytest.FixtureRequest, account: SmallAccount, tmp_path_factory: pytest.TempPathFactory) -> Built:
    os.environ.setdefault("ANTIPHON_UV", str(ROOT / ".venvs/uv/bin/uv"))
    image = build(request.param)
    for place in ("/models", "/tmp"):
        shutil.rmtree(image.here(place), ignore_errors=True)
    models = tmp_path_factory.mktemp(image.name)
    command = [image.here(image.command[0]), "-m", "tests.images.tiny_models", image.name, str(models)]
    subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}, check=True
    )
    lock = models.parent / f"{image.name}.lock"
    lock.write_text(lock_of(models).dump())
    for model in lock_of(models).models:
        for file in model.files:
            key = f"{PREFIX}/{model.name}/{REVISION}/{file.path}"
            account.s3.upload_file(str(models / model.name / file.path), MODELS, key)
    voiceprint = Path("tests/engines/models/voiceprint.py")
    code = tmp_path_factory.mktemp("code")
    (code / voiceprint).parent.mkdir(parents=True)
    shutil.copy(ROOT / voiceprint, code / voiceprint)
    return Built(image, lock, models, code)


def lock_of(folder: Path) -> Lock:
    models = []
    for each in sorted(folder.iterdir()):
        files = [path for path in sorted(each.rglob("*")) if path.is_file()]
        found = [
            File(str(path.relative_to(each)), hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
            for path in files
        ]
        models.append(Model(each.name, "tiny/tiny", REVISION, "MIT", tuple(found)))
    return Lock(tuple(models))
