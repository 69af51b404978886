"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os

from aws_lambda_powertools import Logger

from antiphon.engines.registry import make_transcriber
from antiphon.media.decode import decode
from antiphon.media.model import Limits
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.transcribe import Transcribe
from antiphon.weights.ready import bring_models
from antiphon.work.health import Pulse
from antiphon.work.process import OFFLINE, Settings, own_folder
from antiphon.work.protection import EcsProtection, NoProtection
from antiphon.work.queue import SqsLane, sqs_client
from antiphon.work.worker import Worker


def make_worker(logger: Logger) -> Worker:
    """Loads the engine before anything is received."""
    os.environ.update(OFFLINE)
    settings = Settings.read("TRANSCRIPTION", "TRANSCRIBER", os.environ)
    logger.setLevel(settings.log_level)
    pulse = Pulse(settings.alive_file)
    bring_models(settings.models, settings.region, pulse, logger)
    engine = make_transcriber(settings.engine, settings.engine_settings)
    engine.warm_up()
    store = DynamoJobStore(Table(settings.table, settings.region))
    sqs = sqs_client(settings.region)
    limits = Limits()
    work = Transcribe(
        store=store,
        objects=S3Objects(s3_client(settings.region), system_clock),
        engine=engine,
        decode=lambda path, start: decode(path, limits, start=start),
        work_dir=own_folder(settings.work_dir),
        clock=system_clock,
        logger=logger,
    )
    return Worker(
        lanes=[SqsLane(sqs, name, url, int(settings.lease.total_seconds())) for name, url in settings.queues],
        store=store,
        work=work,
        lease=settings.lease,
        clock=system_clock,
        protection=EcsProtection(settings.agent, logger) if settings.agent else NoProtection(),
        logger=logger,
        pulse=pulse,
    )
