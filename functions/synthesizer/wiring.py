"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import partial

from aws_lambda_powertools import Logger

from antiphon.engines.registry import make_synthesizer
from antiphon.engines.voices import catalogue, voice_for
from antiphon.identity.tiers import TIERS
from antiphon.media.encode import Encoder
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import EmfMetrics
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.pace import Paced
from antiphon.speech.pace_dynamo import DynamoPaces
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.samples import Samples
from antiphon.speech.sampling import MakeSamples
from antiphon.speech.synthesize import Synthesize
from antiphon.weights.ready import bring_models
from antiphon.work.health import Pulse
from antiphon.work.process import OFFLINE, Settings, own_folder
from antiphon.work.protection import EcsProtection, NoProtection
from antiphon.work.queue import SqsLane, sqs_client
from antiphon.work.worker import Worker


def make_worker(logger: Logger) -> Worker:
    """Loads the engine before anything is received."""
    os.environ.update(OFFLINE)
    settings = Settings.read("SPEECH", "SYNTHESIZER", os.environ)
    logger.setLevel(settings.log_level)
    pulse = Pulse(settings.alive_file)
    bring_models(settings.models, settings.region, pulse, logger)
    engine = make_synthesizer(settings.engine, settings.engine_settings)
    engine.warm_up()
    table = Table(settings.table, settings.region)
    store = DynamoJobStore(table)
    sqs = sqs_client(settings.region)
    objects = S3Objects(s3_client(settings.region), system_clock)
    voices, work_dir = catalogue(settings.engine), own_folder(settings.work_dir)
    work = Synthesize(
        store=store,
        objects=objects,
        engine=engine,
        encoders=Encoder,
        results_bucket=settings.results_bucket,
        voice_for=partial(voice_for, settings.engine),
        max_characters=max(limits.speech_characters for limits in TIERS.values()),
        work_dir=work_dir,
        clock=system_clock,
    )
    make_samples = MakeSamples(
        samples=Samples(objects=objects, bucket=settings.results_bucket, voices=voices),
        voices=voices,
        engine=engine,
        encoders=Encoder,
        work_dir=work_dir,
        logger=logger,
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
        between=make_samples,
    )
