"""Once a minute: what became due is done, what was lost on its way is sent again, what is dead is said to be dead."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aws_lambda_powertools import Logger
from wiring import wiring

logger = Logger(service="janitor", use_rfc3339=True, utc=True)


def handler(event: dict[str, Any], context: Any) -> None:
    work = wiring()
    jobs = work.jobs.due()
    dead: Counter[str] = Counter()
    for letter in work.lanes.dead_jobs():
        outcome = work.jobs.dead(letter.user_id, letter.kind, letter.job_id)
        if outcome == "dispatched":
            work.lanes.forget(letter)
        dead[outcome or "left"] += 1
    deliveries = work.deliveries()
    logger.info("swept", jobs=dict(jobs), dead_letters=dict(dead), deliveries=deliveries)
