"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.mail_dynamo import DynamoMailLog
from antiphon.identity.mail_sqs import SesPost
from antiphon.identity.send_mail import SendMail
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table


@cache
def send_mail() -> SendMail:
    import boto3

    env = os.environ
    table = Table(env["TABLE_NAME"], env["AWS_REGION"])
    return SendMail(
        users=DynamoUsers(table),
        log=DynamoMailLog(table, system_clock),
        post=SesPost(boto3.client("sesv2", region_name=env["AWS_REGION"]), env["MAIL_FROM"]),
        origin=env["WEB_ORIGIN"],
        clock=system_clock,
    )
