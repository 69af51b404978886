"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

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


@dataclass(frozen=True)
class Settings:
    table: str
    region: str
    signing_key: str
    issuer: str
    audience: str
    password_min_length: int
    log_level: str

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


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())
