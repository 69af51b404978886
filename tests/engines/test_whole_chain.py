"""WhisperX and pyannote with tiny models in the real worker, over a real queue, table and bucket: run by the environment of the other tests, the
worker itself by that of the engines."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import time
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from antiphon.platform.table import Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Job, Kind, Source, Status
from tests.contract.conftest import REGION, create_table
from tests.engines.conftest import PHRASE
from tests.engines.speech_samples import SENTENCES, spoken

ROOT = Path(__file__).parents[2]
ENGINES = ROOT / ".venvs/engines/bin/python"
USER, LEASE = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", 5
ACCOUNT = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
WORKER = """
import runpy, sys
sys.path += [{packages!r}, {root!r}]
sys.path.insert(0, {folder!r})
runpy.run_path({folder!r} + "/worker.py", run_name="__main__")
"""

pytestmark = pytest.mark.skipif(not ENGINES.exists(), reason="the environment of the engines is not there")


def eventually(check: Callable[[], Any], seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [ROOT / ".venvs/emulator/bin/python", ROOT / "infra/local/emulator.py", "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **ACCOUNT}
    state = tmp_path_factory.mktemp("state")
    process = subprocess.Popen([*command, "--state", str(state)], env=environment, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'layers/core'}:{ROOT}", "HF_HUB_OFFLINE": "1"}
    command = [ENGINES, "-m", "tests.engines.models.build_all", str(folder), PHRASE]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)
    return folder


class Place:
    """The account's table, bucket and lane, and the worker that serves it."""

    def __init__(self, endpoint: str, models: Path, folder: Path) -> None:
        self.folder = folder
        sqs = boto3.client("sqs", region_name=REGION)
        self.sqs, self.s3 = sqs, boto3.client("s3", region_name=REGION)
        create_table("antiphon")
        self.s3.create_bucket(Bucket="uploads")
        self.queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("standard", "priority")}
        self.store = DynamoJobStore(Table("antiphon", REGION))
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers/core"),
            **ACCOUNT,
            "AWS_ENDPOINT_URL": endpoint,
            "TABLE_NAME": "antiphon",
            "RESULTS_BUCKET": "uploads",
            "TRANSCRIPTION_QUEUE_URL": self.queues["standard"],
            "TRANSCRIPTION_PRIORITY_QUEUE_URL": self.queues["priority"],
            "LEASE_SECONDS": str(LEASE),
            "WORK_DIR": str(folder),
            "NLTK_DATA": str(models / "nltk"),
            "HF_HUB_OFFLINE": "1",
            "TRANSCRIBER": "whisperx",
            "WHISPERX_MODELS": f"phrase={models / 'whisper/phrase'}",
            "WHISPERX_ALIGN_DIRS": f"en={models / 'align/en'}",
            "WHISPERX_COMPUTE_TYPE": "int8",
            "WHISPERX_THREADS": "2",
            "WHISPERX_RESIDENT_MODELS": "2",
            "DIARIZER": "pyannote",
            "DIARIZER_MODEL_DIR": str(models / "diarization"),
        }
        self._made = 0
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        packages = str(Path(boto3.__file__).parents[1])
        program = WORKER.format(packages=packages, root=str(ROOT), folder=str(ROOT / "functions/transcriber"))
        self.log = self.folder / f"log-{self._made}"
        with self.log.open("wb") as log:
            return subprocess.Popen([ENGINES, "-c", program], env=self.environment, stdout=log, stderr=log)

    def job(self, kind: Kind, source: Source, **options: Any) -> Job:
        self._made += 1
        now = datetime.now(UTC)
        job = Job(f"job_{self._made:026d}", kind, USER, Status.QUEUED, now, source=source, options=options)
        self.store.apply(model.create(job, now))
        body = {"user_id": USER, "kind": kind.value, "job_id": job.id}
        self.sqs.send_message(QueueUrl=self.queues["standard"], MessageBody=json.dumps(body))
        return self.now(job)

    def now(self, job: Job) -> Job:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        found = self.store.get(USER, job.kind, job.id)
        assert found
        return found

    def ended(self, job: Job) -> Job:
        done: Job = eventually(lambda: (now := self.now(job)).terminal and now)
        assert done.status is Status.SUCCEEDED, (done.error, self.log.read_text()[-3000:])
        return done


@pytest.fixture(scope="module")
def place(endpoint: str, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {**ACCOUNT, "AWS_ENDPOINT_URL": endpoint}.items():
            patched.setenv(name, value)
        made = Place(endpoint, models, tmp_path_factory.mktemp("work"))
        try:
            yield made
        finally:
            made.process.kill()
            made.process.wait()


@pytest.fixture(scope="module")
def talk(place: Place) -> tuple[Source, list[float]]:
    """A man, a woman, a deeper man, the woman and the first man again; a long silence before the last, so that there are several chunks."""
    voices = {"A": "en-us-m", "B": "en-us-f", "C": "en-us-m"}
    parts = [spoken(SENTENCES[n : n + 2], voice=voices[who], pause=0.4) for n, who in enumerate("ABCBA")]
    slow = np.arange(0, len(parts[2]) - 1, 0.82)
    parts[2] = np.interp(slow, np.arange(len(parts[2])), parts[2]).astype(np.float32)
    parts.insert(4, np.zeros(100 * 16_000, np.float32))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    place.s3.put_object(Bucket="uploads", Key="talk.wav", Body=file.getvalue())
    changes = np.cumsum([len(part) / 16_000 for part in parts])
    return Source("uploads", "talk.wav", size=len(file.getvalue()), content_type="audio/wav"), [
        float(c) for c in changes
    ]


def test_a_worker_that_is_killed_between_two_chunks_and_again_while_it_tells_speakers_apart(
    place: Place, talk: tuple[Source, list[float]]
) -> None:
    """Q-22: the text of finished chunks is written once, the speakers are found in the end, in the order in which they speak."""
    source, changes = talk
    job = place.job(Kind.TRANSCRIPTION, source, diarize=True, num_speakers=3)
    first = eventually(lambda: list(place.store.segments(job.id)) or place.now(job).terminal)
    assert isinstance(first, list)
    for stage in ("transcribing", "diarizing"):
        if stage == "diarizing":
            eventually(lambda: place.now(job).stage == "diarizing" or place.now(job).terminal)
        place.process.send_signal(signal.SIGKILL)
        place.process.wait()
        before = place.store.get(USER, job.kind, job.id)
        place.process = place.start()
        assert before
        assert not before.terminal, stage
    done = place.ended(job)

    segments = [n.segment for n in place.store.segments(job.id)]
    assert [n.index for n in place.store.segments(job.id)] == list(range(len(segments)))
    assert {s.start for s in (n.segment for n in first)} <= {s.start for s in segments}
    assert {s.text for s in segments} == {PHRASE.strip()}
    assert all([w.word for w in s.words] == PHRASE.split() for s in segments)
    assert (done.attempts, done.language, done.warnings) == (3, "en", ())
    assert {"transcribe_ms", "align_ms", "diarize_ms"} <= set(done.timings)
    labels = list(dict.fromkeys((s.speaker, round(s.start) > changes[3]) for s in segments))
    assert ("SPEAKER_00", False) in labels
    assert ("SPEAKER_00", True) in labels
    assert done.result["speakers"] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]


def test_the_steps_on_their_own_come_to_the_same(place: Place, talk: tuple[Source, list[float]]) -> None:
    source, changes = talk
    given = {"segments": [{"start": 0.2, "end": changes[0], "text": "hello world"}]}
    place.s3.put_object(Bucket="uploads", Key="input.json", Body=json.dumps(given))
    where = {"bucket": "uploads", "key": "input.json"}
    aligned = place.job(Kind.ALIGNMENT, source, input=where, language="en", return_char_alignments=True)
    apart = place.job(Kind.DIARIZATION, source, num_speakers=3)
    place.ended(aligned)
    (segment,) = (n.segment for n in place.store.segments(aligned.id))
    assert [w.word for w in segment.words] == ["hello", "world"]
    assert "".join(c.char for c in segment.chars) == "hello world"
    assert place.ended(apart).result["speakers"] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]
    turns = [n.segment for n in place.store.segments(apart.id)]
    assert [t.speaker[-1] for t in turns if t.speaker] == ["0", "1", "2", "1", "0"]

    of = {"alignment_id": aligned.id, "diarization_id": apart.id}
    assigned = place.job(Kind.ASSIGNMENT, Source("uploads", "input.json"), **of)
    place.ended(assigned)
    (said,) = (n.segment for n in place.store.segments(assigned.id))
    assert (said.speaker, {w.speaker for w in said.words}) == ("SPEAKER_00", {"SPEAKER_00"})
