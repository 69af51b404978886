"""The images of the two GPU workers, as far as they can be read: Dockerfiles, locks of their packages, locks of their models."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from packaging.requirements import Requirement

from antiphon.engines.voices import catalogue
from antiphon.weights.model import Lock
from infra.images.lock import IMAGES, LOCKS, header, name_of, of_the_gpu, versions_in
from infra.images.on_cpu import ROOT, read
from infra.local.lock_engines import blocks

SECRET = re.compile(r"KEY|SECRET|PASSWORD|CREDENTIAL|(^|_)TOKEN$")
each = pytest.mark.parametrize("name", IMAGES)


def instructions(name: str) -> list[tuple[str, str]]:
    parser = DockerfileParser(str(ROOT / "functions" / name / "Dockerfile"))
    return [(found["instruction"], found["value"]) for found in parser.structure if found["instruction"] != "COMMENT"]


def values(name: str, instruction: str) -> list[str]:
    return [value for found, value in instructions(name) if found == instruction]


def models(name: str) -> Lock:
    return Lock.parse((ROOT / "functions" / name / "models.lock").read_text())


@each
def test_every_stage_begins_at_one_base_of_an_exact_digest(name: str) -> None:
    base, *again = [value.removeprefix("BASE=") for value in values(name, "ARG")]
    assert again == ["BASE"], "for the step that describes the image"
    assert re.fullmatch(r"\S+:12\.8\.\d+-base-ubuntu24\.04@sha256:[0-9a-f]{64}", base)
    stages = [value.split(" AS ") for value in values(name, "FROM")]
    own = {stage[1] for stage in stages if len(stage) == 2}
    assert {stage[0] for stage in stages} <= {"${BASE}"} | own


@each
def test_its_process_is_nobody_of_note_and_gets_the_signals_itself(name: str) -> None:
    """Q-30: a shell between would keep SIGTERM for itself."""
    found = instructions(name)
    assert [value for what, value in found if what == "USER"] == ["1001"]
    assert found.index(("USER", "1001")) < next(i for i, (what, _) in enumerate(found) if what == "ENTRYPOINT")
    assert values(name, "STOPSIGNAL") == ["SIGTERM"]
    (entry,) = values(name, "ENTRYPOINT")
    assert json.loads(entry) == ["/opt/antiphon/bin/python", "/app/worker.py"]
    assert values(name, "CMD") == []


@each
def test_its_health_is_the_file_that_the_worker_touches(name: str) -> None:
    image = read(name)
    *command, file, seconds = image.health
    assert command == ["/opt/antiphon/bin/python", "-m", "antiphon.work.health"]
    assert file == image.environment["ALIVE_FILE"]
    assert int(seconds) >= 600, "a chunk may take its time"


@each
def test_nothing_is_built_or_left_that_a_worker_does_not_need(name: str) -> None:
    for value in values(name, "RUN"):
        assert not re.search(r"\b(gcc|g\+\+|build-essential|curl|wget|git)\b|-dev\b", value)
        if "apt-get install" in value:
            assert "--no-install-recommends" in value
            assert "rm -rf /var/lib/apt/lists/*" in value
    assert values(name, "ADD") == []
    last = [value for what, value in instructions(name) if what in ("RUN", "COPY")][-6:]
    assert not any("venv" in value for value in last), "pip is in the first stage only"


@each
def test_no_secret_is_part_of_it(name: str) -> None:
    assert [key for key in read(name).environment if SECRET.search(key)] == []
    assert all(SECRET.search(key) for key in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY"))


@each
def test_it_fetches_nothing_at_run_time_and_writes_nowhere_but_two_places(name: str) -> None:
    environment = read(name).environment
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    for key in ("HOME", "XDG_CACHE_HOME", "HF_HOME", "CUDA_CACHE_PATH", "WORK_DIR", "ALIVE_FILE"):
        assert environment[key].startswith("/tmp"), key
    assert json.loads(values(name, "VOLUME")[-1]) == ["/tmp", "/models"]


def test_pyannote_tells_nobody_anything() -> None:
    assert read("transcriber").environment["PYANNOTE_METRICS_ENABLED"] == "0"


@each
def test_everything_that_a_step_copies_is_in_the_build_context(name: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for value in values(name, "COPY"):
        if not value.startswith("--from"):
            for source in value.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(Path(source).match(rule[1:]) for rule in ignored if rule.startswith("!")), source


@each
def test_each_package_is_the_one_that_the_tests_run_but_for_the_gpus_torch(name: str) -> None:
    run = versions_in("engines") | versions_in("dev")
    differs = {}
    for block in blocks((LOCKS / f"{name}.txt").read_text()):
        package, pin = name_of(block), block.split()[0]
        if not of_the_gpu(package) and not any(line.split()[0] == pin for line in run.get(package, [])):
            differs[package] = pin
    assert differs == {}


@each
def test_its_lock_was_written_after_the_last_change_of_its_list(name: str) -> None:
    assert (LOCKS / f"{name}.txt").read_text().startswith(header(name)), "run infra/images/lock.py"
    wanted = (LOCKS / f"{name}.in").read_text().splitlines()
    pins = {name_of(block): block.split()[0].split("==")[1] for block in blocks((LOCKS / f"{name}.txt").read_text())}
    for listed in (Requirement(line) for line in wanted if not line.startswith("#")):
        assert pins.get(listed.name.lower()) in listed.specifier, listed


@each
def test_each_package_has_hashes_and_none_an_address(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text()
    for block in blocks(text):
        assert "--hash=sha256:" in block, block
    assert "://" not in text


@each
def test_the_gpus_torch_is_whisperxs_pin_with_the_libraries_of_cuda_12(name: str) -> None:
    """CTranslate2 loads libcublas.so.12, which this torch brings; a later one brings 13."""
    pins = dict(block.split()[0].split("==") for block in blocks((LOCKS / f"{name}.txt").read_text()))
    assert pins["torch"].startswith("2.8.")
    assert pins["nvidia-cublas-cu12"].startswith("12.8.")
    assert not [package for package in pins if package.startswith("nvidia-") and not package.endswith("cu12")]


@each
def test_each_file_of_a_model_has_its_hash_and_each_model_its_licence(name: str) -> None:
    lock = models(name)
    for model in lock.models:
        assert model.licence
        assert all(file.sha256 for file in model.files), model.name
    text = (ROOT / "functions" / name / "models.lock").read_text()
    assert lock.dump() == text, "written as `make models` writes it"


def test_the_transcriber_looks_for_its_models_where_the_lock_puts_them() -> None:
    environment = read("transcriber").environment
    places = {f"/models/{model.name}/{file.path}" for model in models("transcriber").models for file in model.files}
    whisper = environment["WHISPERX_MODEL_DIR"]
    assert {f"{whisper}/{path}" for path in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json")} <= places
    for pair in environment["WHISPERX_ALIGN_DIRS"].split(","):
        folder = pair.split("=")[1]
        assert {f"{folder}/{path}" for path in ("model.safetensors", "config.json", "vocab.json")} <= places
    assert f"{environment['DIARIZER_MODEL_DIR']}/config.yaml" in places
    assert f"{environment['NLTK_DATA']}/tokenizers/punkt_tab.zip" in places


def test_the_synthesizer_has_every_voice_that_is_offered() -> None:
    folder = read("synthesizer").environment["KOKORO_MODEL_DIR"]
    places = {f"/models/{model.name}/{file.path}" for model in models("synthesizer").models for file in model.files}
    voices = {f"{folder}/voices/{voice.id}.pt" for voice in catalogue("kokoro")}
    assert places == voices | {f"{folder}/config.json", f"{folder}/kokoro-v1_0.pth"}


def test_the_english_tagger_comes_by_hash() -> None:
    text = (LOCKS / "synthesizer-spacy.txt").read_text()
    assert text.count("--hash=sha256:") == text.count("en-core-web-sm @") == 1
