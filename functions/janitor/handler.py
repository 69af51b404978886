"""Once a minute: what became due is done, what was lost on its way is sent again, what is dead is said to be dead. Once an hour jobs are counted."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger
from wiring import wiring

from antiphon.media.sweep import sweep_media
from antiphon.platform.clock import system_clock
from antiphon.tally.balance import unaccounted

ERASE_FOR = timedelta(seconds=15)
"""Of each of the two parts, so that both, and a last page of each, fit into the function's time."""

logger = Logger(service="janitor", use_rfc3339=True, utc=True)


def handler(event: dict[str, Any], context: Any) -> None:
    work = wiring()
    if event.get("count") == "jobs":
        work.metrics.put("JobsUnaccounted", unaccounted(work.tally, work.all_jobs))
        return
    jobs = work.jobs.due()
    work.metrics.put("OldestQueuedJobSeconds", work.jobs.oldest())
    if work.cap:
        work.metrics.put("ChatBudgetPercent", work.cap.percent())
    dead: Counter[str] = Counter()
    for letter in work.lanes.dead_jobs():
        outcome = work.jobs.dead(letter.user_id, letter.kind, letter.job_id)
        if outcome == "dispatched":
            work.lanes.forget(letter)
        dead[outcome or "left"] += 1
    waiting = {lane: depth.waiting for lane, depth in work.lanes.look().items()}
    media = sweep_media(work.media, system_clock)
    deliveries = work.deliveries()
    replies = work.replies() + work.budget()
    runs = work.runs()
    connections = work.connections()
    try:
        erased = work.erase.resume(system_clock() + ERASE_FOR)
    finally:
        late = work.erase.look_again(system_clock() + ERASE_FOR)
    logger.info(
        "swept",
        jobs=dict(jobs),
        dead_letters=dict(dead),
        waiting=waiting,
        media=media,
        deliveries=deliveries,
        replies=replies,
        runs=runs,
        connections=connections,
        erased=len([receipt for receipt in erased if receipt.complete]),
        erasing=len([receipt for receipt in erased if not receipt.complete]),
        late={"rows": late.rows, "objects": late.objects, "versions": late.versions},
    )
