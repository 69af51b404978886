"""Q-22, PEERS 5: a worker that is killed with SIGKILL right after each chunk that it stored does none of them twice, and the result is that of a run that nobody disturbed."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.platform.clock import rfc3339, system_clock
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.once import ALONE
from infra.local.recordings import spoken_wav
from infra.local.stack import machine
from tests.images.account import RESULTS, SmallAccount, small_account
from tests.images.container import until

ROOT = Path(__file__).parents[3]
WORKER = """
import os, runpy, signal, sys
from antiphon.speech.dynamo import DynamoJobStore

apply = DynamoJobStore.apply


def apply_and_die(self, change, **with_it):
    apply(self, change, **with_it)
    chunk = with_it.get("chunk")
    if (chunk and chunk.segments) or with_it.get("mark"):
        os.kill(os.getpid(), signal.SIGKILL)


if sys.argv[2] == "killed":
    DynamoJobStore.apply = apply_and_die
sys.path.insert(0, sys.argv[1])
runpy.run_path(sys.argv[1] + "/worker.py", run_name="__main__")
"""
TEXT = (
    "The first sentence. The second one is longer than the first. A third; and it has a pause. Four! Is this the fifth?"
)
MANY = 40
"""Starts of a worker after which a test gives up."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallAccount]:
    with small_account(tmp_path_factory.mktemp("account")) as found:
        yield found


class Worker:
    """A process of ours that is given this job, over a lane of its own: the long poll of one that died would take another's message.

    killed: by itself, right after the first chunk that it stores."""

    def __init__(self, name: str, account: SmallAccount, job: Job, folder: Path, *, killed: bool) -> None:
        lane = account.sqs.create_queue(QueueName=secrets.token_hex(8))["QueueUrl"]
        account.send(job, lane)
        engine = {"transcriber": {"TRANSCRIBER": "pocketsphinx"}, "synthesizer": {"SYNTHESIZER": "espeak"}}[name]
        environment = {**machine(), **account.environment, **engine, "PYTHONPATH": str(ROOT / "layers/core")}
        environment |= {f"{job.kind.value.upper()}_QUEUE_URL": lane, "WORK_DIR": str(folder / "work")}
        arguments = [str(ROOT / "functions" / name), "killed" if killed else "spared"]
        with (folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WORKER, *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0


def finished(account: SmallAccount, job: Job) -> Job:
    until(lambda: account.now(job).terminal, 120)
    return account.now(job)


def lease_ends(account: SmallAccount, job: Job) -> None:
    """What a minute brings."""
    row = {"pk": f"user#{job.user_id}", "sk": f"job#{job.kind.value}#{job.id}"}
    account.table.update_item(
        Key=row,
        UpdateExpression="SET lease_expires_at = :now",
        ConditionExpression="lease_owner = :owner",
        ExpressionAttributeValues={":now": rfc3339(system_clock()), ":owner": account.now(job).lease_owner},
    )


def result(account: SmallAccount, job: Job) -> Any:
    if job.kind is Kind.TRANSCRIPTION:
        return [numbered.segment for numbered in account.store.segments(job.id)]
    # eSpeak's voice flutters by chance, so it is never the same samples twice.
    size = account.s3.head_object(Bucket=RESULTS, Key=job.result["key"])["ContentLength"]
    return size, [(mark.text, mark.start, mark.end) for mark in account.store.marks(job.id)]


def stored(account: SmallAccount, job: Job) -> int:
    """Chunks: of segments, or marks of sentences."""
    if job.kind is Kind.TRANSCRIPTION:
        return len(list(account.store.chunks(job.id)))
    return len(list(account.store.marks(job.id)))


@pytest.mark.parametrize("name", ["transcriber", "synthesizer"])
def test_no_chunk_is_lost_or_done_twice(name: str, account: SmallAccount, tmp_path: Path) -> None:
    def asked() -> Job:
        if name == "transcriber":
            return account.job(Kind.TRANSCRIPTION, spoken_wav(8, 6.0), "audio/wav", **{ALONE: True})
        return account.job(Kind.SPEECH, TEXT.encode(), "text/plain", format="wav", **{ALONE: True})

    whole = asked()
    worker = Worker(name, account, whole, tmp_path, killed=False)
    whole = finished(account, whole)
    worker.stop()
    assert whole.status is Status.SUCCEEDED, whole.error
    assert stored(account, whole) >= 3

    job, deaths = asked(), []
    for _ in range(MANY):
        worker = Worker(name, account, job, tmp_path, killed=True)
        while worker.process.poll() is None and not account.now(job).terminal:
            try:
                worker.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        if account.now(job).terminal:
            worker.stop()
            break
        assert worker.process.returncode == -signal.SIGKILL
        deaths.append(stored(account, job))
        lease_ends(account, job)
    job = account.now(job)
    assert job.status is Status.SUCCEEDED, job.error
    # One chunk more at each death, and none beside them: no attempt did again what another had stored.
    assert deaths == list(range(1, len(deaths) + 1))
    assert len(deaths) == stored(account, job) == stored(account, whole)
    assert job.attempts == len(deaths) + 1
    assert result(account, job) == result(account, whole)
