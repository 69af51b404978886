"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from antiphon.identity.account import Account
from antiphon.identity.api_keys import ApiKeys
from antiphon.identity.attempts import Attempts
from antiphon.identity.attempts_dynamo import DynamoAttempts
from antiphon.identity.dynamo import DynamoKeys, DynamoUsers
from antiphon.identity.federate import Federate
from antiphon.identity.firebase import FirebaseVerifier, PublishedKeys
from antiphon.identity.firebase_http import fetch_from
from antiphon.identity.kms import KmsKeys, KmsSigner
from antiphon.identity.mail_sqs import SqsMails
from antiphon.identity.passwords import Passwords
from antiphon.identity.refresh import Refresh
from antiphon.identity.reset import Reset
from antiphon.identity.sign_in import Desk, SignIn
from antiphon.identity.tiers import allowance_of
from antiphon.identity.tokens import Issuer
from antiphon.platform.access import SCOPES, UNPRICED
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.usage_dynamo import DynamoUsage

if TYPE_CHECKING:
    from antiphon.identity.erase import Erase


@dataclass(frozen=True)
class Settings:
    """``auth_requests``: POSTs to the open routes that one network may make a minute."""

    table: str
    region: str
    uploads_bucket: str
    mails_queue: str
    firebase_project: str
    firebase_keys_url: str
    firebase_api_key: str
    firebase_providers: tuple[str, ...]
    firebase_sign_in_url: str
    signing_key: str
    retiring_key: str
    issuer: str
    audience: str
    password_min_length: int
    auth_requests: int
    log_level: str
    results_bucket: str
    erasures_queue: str
    vector_index: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        if "FIREBASE_AUTH_EMULATOR_HOST" in env:
            raise RuntimeError("FIREBASE_AUTH_EMULATOR_HOST is set: with it, others take unsigned tokens. Remove it.")
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            uploads_bucket=env["UPLOADS_BUCKET"],
            mails_queue=env["MAILS_QUEUE_URL"],
            firebase_project=env["FIREBASE_PROJECT"],
            firebase_keys_url=env["FIREBASE_KEYS_URL"],
            firebase_api_key=env["FIREBASE_API_KEY"],
            firebase_providers=tuple(env["FIREBASE_PROVIDERS"].split(",")),
            firebase_sign_in_url=env["FIREBASE_SIGN_IN_URL"],
            signing_key=env["SIGNING_KEY_ID"],
            retiring_key=env.get("OTHER_SIGNING_KEY_ID", ""),
            issuer=env["ISSUER"],
            audience=env["AUDIENCE"],
            auth_requests=int(env["AUTH_REQUESTS_PER_MINUTE"]),
            password_min_length=int(env["PASSWORD_MIN_LENGTH"]),
            log_level=env.get("LOG_LEVEL", "INFO"),
            results_bucket=env["RESULTS_BUCKET"],
            erasures_queue=env["ERASURES_QUEUE_URL"],
            vector_index=env["VECTOR_INDEX"],
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        import boto3

        self.settings = settings
        self.logger: Logger = make_logger("auth", settings.log_level)
        self.clock = clock = system_clock
        min_length = settings.password_min_length
        table = Table(settings.table, settings.region)
        users, hasher, audit = DynamoUsers(table), Passwords(), DynamoAuditLog(table)
        kms = boto3.client("kms", region_name=settings.region)
        signer = KmsSigner(kms, settings.signing_key)
        issuer = Issuer(signer, issuer=settings.issuer, audience=settings.audience, clock=clock)
        desk = Desk(sessions=users, issuer=issuer, clock=clock)
        self.keys = KmsKeys(kms, *filter(None, (settings.signing_key, settings.retiring_key)))
        # Where more requests may come from one network, more people sit behind it.
        attempts = Attempts(DynamoAttempts(table), clock, network_free=max(100, settings.auth_requests))
        self.sign_in = SignIn(
            users=users,
            hasher=hasher,
            desk=desk,
            audit=audit,
            attempts=attempts,
            clock=clock,
            min_length=min_length,
        )
        self.refresh = Refresh(users=users, sessions=users, issuer=issuer, clock=clock)
        self.account = Account(
            users=users, sessions=users, hasher=hasher, attempts=attempts, clock=clock, min_length=min_length
        )
        mails = SqsMails(boto3.client("sqs", region_name=settings.region), settings.mails_queue)
        self.reset = Reset(
            users=users, mails=mails, hasher=hasher, attempts=attempts, clock=clock, min_length=min_length
        )
        api_keys = DynamoKeys(table)
        self.api_keys = ApiKeys(keys=api_keys, clock=clock, scopes=SCOPES, unpriced=UNPRICED)
        keys = PublishedKeys(fetch_from(settings.firebase_keys_url), clock)
        self.federate = Federate(
            verifier=FirebaseVerifier(settings.firebase_project, keys, clock),
            users=users,
            links=users,
            keys=api_keys,
            desk=desk,
            audit=audit,
            clock=clock,
        )
        self.gate = Gate(
            limiter=DynamoLimiter(table),
            audit=audit,
            clock=clock,
            allowance_of=allowance_of,
            public_posts=settings.auth_requests,
        )
        self.audit = audit
        self.usage = DynamoUsage(table)
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), clock)
        self._table = table

    @cached_property
    def erase(self) -> Erase:
        """Made when somebody asks for it: nobody who logs in should wait for it."""
        import boto3

        from antiphon.identity.erase import Erase
        from antiphon.identity.erase_dynamo import DynamoAccountRows
        from antiphon.identity.erase_s3 import S3AccountObjects
        from antiphon.identity.erase_sqs import SqsSecondLooks
        from antiphon.search.choose import far_vectors
        from antiphon.speech.s3 import s3_client

        settings = self.settings
        return Erase(
            rows=DynamoAccountRows(self._table, system_clock, far_vectors(settings.vector_index, settings.region)),
            objects=S3AccountObjects(
                s3_client(settings.region), uploads=settings.uploads_bucket, results=settings.results_bucket
            ),
            looks=SqsSecondLooks(boto3.client("sqs", region_name=settings.region), settings.erasures_queue),
            audit=self.audit,
            clock=system_clock,
        )


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())
