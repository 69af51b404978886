"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os

from aws_lambda_powertools import Logger

from antiphon.engines.registry import make_ears
from antiphon.media.decode import decode
from antiphon.media.model import Limits
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import EmfMetrics
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Kind
from antiphon.speech.pace import Paced
from antiphon.speech.pace_dynamo import DynamoPaces
from antiphon.speech.recordings import Recordings
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.step_work import AlignText, AssignSpeakers, ByKind, Inputs, TellApart
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
    ears = make_ears(settings.engine, settings.engine_settings, *settings.other("DIARIZER", os.environ))
    ears.warm_up()
    table = Table(settings.table, settings.region)
    store = DynamoJobStore(table)
    sqs = sqs_client(settings.region)
    limits = Limits()
    objects = S3Objects(s3_client(settings.region), system_clock)
    recordings = Recordings(
        store=store,
        objects=objects,
        decode=lambda path, start: decode(path, limits, start=start),
        work_dir=own_folder(settings.work_dir),
        clock=system_clock,
    )
    common = {"store": store, "recordings": recordings, "clock": system_clock}
    inputs = Inputs(store, objects)
    work = ByKind(
        {
            Kind.TRANSCRIPTION: Transcribe(engine=ears.transcriber, diarizer=ears.diarizer, **common),
            Kind.ALIGNMENT: AlignText(inputs=inputs, aligner=ears.aligner, **common),
            Kind.DIARIZATION: TellApart(diarizer=ears.diarizer, **common),
            Kind.ASSIGNMENT: AssignSpeakers(store=store, inputs=inputs, clock=system_clock),
        }
    )
    return Worker(
        lanes=[SqsLane(sqs, name, url, int(settings.lease.total_seconds())) for name, url in settings.queues],
        store=store,
        work=Paced(work, store, DynamoPaces(table)),
        lease=settings.lease,
        clock=system_clock,
        protection=EcsProtection(settings.agent, logger) if settings.agent else NoProtection(),
        logger=logger,
        pulse=pulse,
        metrics=EmfMetrics(settings.deployment),
    )
