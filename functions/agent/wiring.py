"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.configured import chat_models
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.own import own_passages, own_pictures, own_search
from antiphon.devices.command import Commands
from antiphon.devices.dynamo import DynamoCommands, DynamoDevices
from antiphon.devices.manage import Devices
from antiphon.engines.voices import catalogue
from antiphon.media.edits import Edits
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.runs.dynamo import DynamoRuns
from antiphon.runs.sqs import SqsRunQueue
from antiphon.runs.tools.calculate import CalculateTool
from antiphon.runs.tools.chart import ChartTool
from antiphon.runs.tools.device import DeviceTool
from antiphon.runs.tools.edit import EditTool
from antiphon.runs.tools.look import SearchTool
from antiphon.runs.tools.speech import SpeakTool, TranscribeTool
from antiphon.runs.work import Work
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.submit import Submit


@cache
def work() -> Work:
    import boto3

    env = os.environ
    table = Table(env["TABLE_NAME"], env["AWS_REGION"])
    conversations, jobs = DynamoConversations(table), DynamoJobStore(table)
    media = DynamoMediaStore(table)
    objects = S3Objects(s3_client(table.region), system_clock)
    devices, commands = DynamoDevices(table), DynamoCommands(table)
    submit = Submit(
        jobs=jobs,
        media=media,
        objects=objects,
        uploads_bucket=env["UPLOADS_BUCKET"],
        clock=system_clock,
    )
    tools = (
        SearchTool(own_search(table, system_clock)),
        TranscribeTool(submit, jobs),
        SpeakTool(submit, jobs, catalogue(env["SYNTHESIZER"])[0].id),
        EditTool(Edits(jobs=jobs, media=media, clock=system_clock)),
        ChartTool(
            conversations=conversations,
            media=media,
            objects=objects,
            bucket=env["RESULTS_BUCKET"],
            clock=system_clock,
        ),
        CalculateTool(),
        DeviceTool(Devices(devices, system_clock), Commands(devices, commands, system_clock)),
    )
    return Work(
        store=DynamoRuns(table),
        conversations=conversations,
        models=chat_models(env, table, system_clock),
        passages=own_passages(table, system_clock),
        pictures=own_pictures(table, system_clock),
        budget=DynamoBudget(table),
        tools={tool.name: tool for tool in tools},
        queue=SqsRunQueue(boto3.client("sqs", region_name=table.region), env["RUNS_QUEUE_URL"]),
        clock=system_clock,
    )
