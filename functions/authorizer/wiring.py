"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.identity.admit import Admit
from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.kms import KmsKeys
from antiphon.identity.tokens import Verifier
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger


@cache
def logger() -> Logger:
    return make_logger("authorizer", os.environ.get("LOG_LEVEL", "INFO"))


@cache
def admit() -> Admit:
    import boto3

    env = os.environ
    region = env["AWS_REGION"]
    keys = KmsKeys(boto3.client("kms", region_name=region), env["SIGNING_KEY_ID"])
    verifier = Verifier(keys, issuer=env["ISSUER"], audience=env["AUDIENCE"], clock=system_clock)
    return Admit(verifier=verifier, users=DynamoUsers(Table(env["TABLE_NAME"], region)), clock=system_clock)
