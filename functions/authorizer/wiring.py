"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.identity.admit import Admit
from antiphon.identity.dynamo import DynamoKeys, DynamoUsers
from antiphon.identity.kms import KmsKeys
from antiphon.identity.tokens import Verifier
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger


@cache
def logger() -> Logger:
    return make_logger("authorizer", os.environ.get("LOG_LEVEL", "INFO"))


@cache
def origin() -> str:
    """Of the web app: no other page may open a connection."""
    return os.environ["WEB_ORIGIN"]


@cache
def admit() -> Admit:
    import boto3

    env = os.environ
    region = env["AWS_REGION"]
    signing = filter(None, (env["SIGNING_KEY_ID"], env.get("OTHER_SIGNING_KEY_ID", "")))
    keys = KmsKeys(boto3.client("kms", region_name=region), *signing)
    verifier = Verifier(keys, issuer=env["ISSUER"], audience=env["AUDIENCE"], clock=system_clock)
    table = Table(env["TABLE_NAME"], region)
    users = DynamoUsers(table)
    return Admit(verifier=verifier, users=users, sessions=users, keys=DynamoKeys(table), clock=system_clock)
