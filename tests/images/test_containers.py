"""Each image from its first step to the end of a job: built as its Dockerfile says, started as its Dockerfile says."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import wave
from itertools import groupby
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from antiphon.engines.ports import SAMPLE_RATE
from antiphon.speech.model import Kind, Status
from antiphon.work.process import UNUSABLE
from tests.engines.speech_samples import conversation
from tests.images.account import RESULTS, SmallAccount
from tests.images.conftest import Built
from tests.images.container import Container, until
from tests.images.tiny_models import PHRASE
from tests.infra.cyclonedx import complaints

pytestmark = pytest.mark.timeout(600)  # an environment, models and two starts of torch, on whatever machine

JOBS = {
    "transcriber": (
        Kind.TRANSCRIPTION,
        "audio/wav",
        {"language": "en", "diarize": True, "num_speakers": 3, "vad": {"chunk_size": 5}},
    ),
    "synthesizer": (Kind.SPEECH, "text/plain", {"voice": "am_adam", "format": "wav"}),
}


def recording() -> bytes:
    """A B C B A: three people, of whom two speak twice."""
    samples, _ = conversation()
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return target.getvalue()


def listing(*folders: str) -> set[Path]:
    """Without bytecode: in the image it is there already, and Python takes it in its stride where it cannot write it."""
    return {path for folder in folders for path in Path(folder).rglob("*") if "__pycache__" not in path.parts}


def test_a_container_fetches_its_models_does_a_job_and_ends(
    built: Built, account: SmallAccount, tmp_path: Path
) -> None:
    """Q-31 too. Its root may be read-only: nothing but /tmp and /models is written."""
    image = built.image
    kind, content_type, options = JOBS[image.name]
    body = recording() if kind is Kind.TRANSCRIPTION else b"Good morning."
    before = listing(*map(image.here, ("/opt/antiphon", "/app")))
    job = account.job(kind, body, content_type, **options)
    container = Container(image, {**account.environment, **built.settings}, tmp_path / "log")
    try:
        until(lambda: account.now(job).terminal or account.now(job).failures or not container.running(), 400)
        done = account.now(job)
        assert done.status is Status.SUCCEEDED, container.everything
        assert container.health() == 0
    finally:
        status = container.stop()
    assert status == 0
    assert [line["message"] for line in container.said if line.get("level") == "ERROR"] == []
    assert listing(*map(image.here, ("/opt/antiphon", "/app"))) == before
    assert (done.engine or "").startswith({"transcriber": "whisperx 3.8.6", "synthesizer": "kokoro 0.9.4"}[image.name])
    if kind is Kind.TRANSCRIPTION:
        heard = [numbered.segment for numbered in account.store.segments(job.id)]
        assert {segment.text for segment in heard} == {PHRASE.strip()}
        assert all([word.word for word in segment.words] == PHRASE.split() for segment in heard)
        in_turn = [speaker for speaker, _ in groupby(segment.speaker for segment in heard)]
        assert in_turn == [f"SPEAKER_0{n}" for n in (0, 1, 2, 1, 0)]
    else:
        audio = account.s3.get_object(Bucket=RESULTS, Key=done.result["key"])["Body"].read()
        with wave.open(io.BytesIO(audio)) as file:
            assert (file.getnchannels(), file.getframerate()) == (1, 24_000)
            # Kokoro's frames are whole.
            assert file.getnframes() > 0
            assert file.getnframes() % 600 == 0


def test_a_container_with_a_model_that_is_not_the_locks_says_which_and_ends(
    built: Built, account: SmallAccount, tmp_path: Path
) -> None:
    """Before the engine's libraries, which unpickle what they find, have looked at it."""
    image = built.image
    models = Path(image.here("/models"))
    victim = next(path for path in sorted(built.models.rglob("*")) if path.suffix in (".bin", ".pth"))
    place = models / victim.relative_to(built.models)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(victim, place)
    body = bytearray(place.read_bytes())
    body[len(body) // 2] ^= 1
    place.write_bytes(body)
    container = Container(image, {**account.environment, **built.settings}, tmp_path / "log")
    assert container.ended() == UNUSABLE
    place.unlink()
    (said,) = [line["detail"] for line in container.said if line["message"] == "cannot start"]
    assert str(place) in said


@pytest.mark.parametrize("built", ["synthesizer"], indirect=True)
def test_a_container_whose_models_are_nowhere_says_where_they_should_be(
    built: Built, account: SmallAccount, tmp_path: Path
) -> None:
    settings = {**account.environment, **built.settings, "MODELS_URI": "s3://operators-models/elsewhere"}
    shutil.rmtree(built.image.here("/models"), ignore_errors=True)
    container = Container(built.image, settings, tmp_path / "log")
    assert container.ended() == UNUSABLE
    (said,) = [line["detail"] for line in container.said if line["message"] == "cannot start"]
    assert "s3://operators-models/elsewhere/kokoro/" in said
    assert "make models" in said


def test_an_image_says_what_it_is_made_of(built: Built) -> None:
    """I-10: all that its Python finds, and nothing else."""
    image = built.image
    text = Path(image.here("/app/sbom.json")).read_text()
    assert complaints(text) == ""
    code = (
        "from importlib.metadata import distributions as d; print(*(f'{p.name}=={p.version}' for p in d()), sep='\\n')"
    )
    done = subprocess.run([image.here(image.command[0]), "-Ic", code], capture_output=True, text=True, check=True)
    there = {canonicalize_name(line.split("==")[0]) + "==" + line.split("==")[1] for line in done.stdout.splitlines()}
    libraries = [each for each in json.loads(text)["components"] if each["type"] == "library"]
    assert {f"{each['name']}=={each['version']}" for each in libraries} == there
    assert {"torch", "numpy"} <= {each["name"] for each in libraries}
