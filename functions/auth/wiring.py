"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.kms import KmsKeys, KmsSigner
from antiphon.identity.passwords import Passwords
from antiphon.identity.sign_in import SignIn
from antiphon.identity.tokens import Issuer
from antiphon.platform.clock import system_clock
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger

if TYPE_CHECKING:
    from antiphon.identity.erase import Erase


@dataclass(frozen=True)
class Settings:
    table: str
    region: str
    signing_key: str
    issuer: str
    audience: str
    password_min_length: int
    log_level: str
    uploads_bucket: str
    results_bucket: str
    erasures_queue: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            signing_key=env["SIGNING_KEY_ID"],
            issuer=env["ISSUER"],
            audience=env["AUDIENCE"],
            password_min_length=int(env["PASSWORD_MIN_LENGTH"]),
            log_level=env.get("LOG_LEVEL", "INFO"),
            uploads_bucket=env["UPLOADS_BUCKET"],
            results_bucket=env["RESULTS_BUCKET"],
            erasures_queue=env["ERASURES_QUEUE_URL"],
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        import boto3

        self.logger: Logger = make_logger("auth", settings.log_level)
        table = Table(settings.table, settings.region)
        kms = boto3.client("kms", region_name=settings.region)
        issuer = Issuer(
            KmsSigner(kms, settings.signing_key), issuer=settings.issuer, audience=settings.audience, clock=system_clock
        )
        self.keys = KmsKeys(kms, settings.signing_key)
        self.sign_in = SignIn(
            users=DynamoUsers(table),
            hasher=Passwords(),
            issuer=issuer,
            clock=system_clock,
            min_length=settings.password_min_length,
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self._settings = settings
        self._table = table

    @cached_property
    def erase(self) -> Erase:
        """Made when somebody asks for it: nobody who logs in should wait for it."""
        import boto3

        from antiphon.identity.erase import Erase
        from antiphon.identity.erase_dynamo import DynamoAccountRows
        from antiphon.identity.erase_s3 import S3AccountObjects
        from antiphon.identity.erase_sqs import SqsSecondLooks
        from antiphon.platform.audit_dynamo import DynamoAuditLog
        from antiphon.speech.s3 import s3_client

        settings = self._settings
        return Erase(
            rows=DynamoAccountRows(self._table, system_clock),
            objects=S3AccountObjects(
                s3_client(settings.region), uploads=settings.uploads_bucket, results=settings.results_bucket
            ),
            looks=SqsSecondLooks(boto3.client("sqs", region_name=settings.region), settings.erasures_queue),
            audit=DynamoAuditLog(self._table),
            clock=system_clock,
        )


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())
