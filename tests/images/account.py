"""An emulated account without our stack: a table, buckets and queues as the workers find them, and jobs to do."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from antiphon.platform.clock import system_clock
from antiphon.platform.ids import derived_id
from antiphon.platform.table import Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Job, Kind, Source, Status
from infra.local.home import ACCOUNT, REGION, Account, free_port
from infra.local.stack import EMULATOR_PYTHON, ROOT, machine
from tests.contract.conftest import create_table

UPLOADS, RESULTS, MODELS = "uploads-bucket", "results-bucket", "operators-models"
USER = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"
PREFIXES = {Kind.TRANSCRIPTION: "trn", Kind.SPEECH: "spc"}


class SmallAccount:
    """``environment``: by which a process finds it."""

    def __init__(self, account: Account) -> None:
        self.environment = {
            "AWS_ENDPOINT_URL": account.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": account.key,
            "AWS_SECRET_ACCESS_KEY": account.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        os.environ.update(self.environment)
        self.s3: Any = boto3.client("s3")
        self.sqs: Any = boto3.client("sqs")
        create_table("antiphon")
        self.table: Any = boto3.resource("dynamodb").Table("antiphon")
        self.store = DynamoJobStore(Table("antiphon", REGION))
        for bucket in (UPLOADS, RESULTS, MODELS):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.environment |= {"TABLE_NAME": "antiphon", "RESULTS_BUCKET": RESULTS}
        for kind in ("TRANSCRIPTION", "SPEECH"):
            for lane in ("QUEUE", "PRIORITY_QUEUE"):
                name = f"{kind}_{lane}"
                self.environment[f"{name}_URL"] = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self._jobs = 0

    def job(self, kind: Kind, body: bytes, content_type: str, **options: Any) -> Job:
        """A queued job over this object, with its message on the lane."""
        self._jobs += 1
        key = f"uploads/{USER}/{self._jobs}"
        version = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["VersionId"]
        job = Job(
            derived_id(PREFIXES[kind], system_clock(), str(self._jobs), order=self._jobs),
            kind,
            USER,
            Status.QUEUED,
            system_clock(),
            source=Source(UPLOADS, key, version, size=len(body), content_type=content_type),
            options=options,
        )
        self.store.apply(model.create(job, system_clock()))
        self.send(job)
        return job

    def send(self, job: Job, queue_url: str | None = None) -> None:
        """The message of a job; without an address on its lane."""
        body = json.dumps({"user_id": job.user_id, "kind": job.kind.value, "job_id": job.id})
        lane = self.environment[f"{job.kind.value.upper()}_QUEUE_URL"]
        self.sqs.send_message(QueueUrl=queue_url or lane, MessageBody=body)

    def now(self, job: Job) -> Job:
        found = self.store.get(job.user_id, job.kind, job.id)
        assert found is not None
        return found


@contextmanager
def small_account(folder: Path) -> Iterator[SmallAccount]:
    """Ends with everything in it when the context ends."""
    from tests.images.container import until

    account = Account(free_port(), "images", "secret")
    command = [EMULATOR_PYTHON, ROOT / "infra/local/emulator.py", "--state", folder / "state"]
    command += ["--port", account.port, "--account", ACCOUNT, "--region", REGION, "--parent", os.getpid()]
    before = dict(os.environ)
    environment = {**machine(), "AWS_ACCESS_KEY_ID": account.key, "AWS_SECRET_ACCESS_KEY": account.secret}
    with (folder / "emulator.log").open("w") as log:
        process = subprocess.Popen([str(word) for word in command], env=environment, stdout=log, stderr=log)
        try:
            until(lambda: answers(f"{account.endpoint}/_ministack/health"), 60)
            yield SmallAccount(account)
        finally:
            process.terminate()
            process.wait(30)
            os.environ.clear()
            os.environ.update(before)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
