"""Once a minute: what became due is done, what was lost on its way is sent again, what is dead is said to be dead."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from wiring import wiring

logger = Logger(service="janitor", use_rfc3339=True, utc=True)


def handler(event: dict[str, Any], context: Any) -> None:
    work = wiring()
    jobs = work.jobs.due()
    ended = sum(work.jobs.dead(dead.user_id, dead.kind, dead.job_id) for dead in work.lanes.dead_jobs())
    deliveries = work.deliveries()
    logger.info("swept", jobs=dict(jobs), jobs_given_up=ended, deliveries=deliveries)
