"""Read, decide, write; and again where another was faster."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.platform.errors import NotFound, Unavailable
from antiphon.speech.model import Change, Job, Kind
from antiphon.speech.ports import NO_TEXTS, JobStore, Stale, Texts

ROUNDS = 8


def change(
    jobs: JobStore,
    user_id: str,
    kind: Kind,
    job_id: str,
    decide: Callable[[Job], Change | None],
    *,
    texts: Texts = NO_TEXTS,
) -> Job:
    """decide sees the job as it is now and gives the change, or None for none. texts: corrections to store with it. Raises NotFound, and what decide raises."""
    for _ in range(ROUNDS):
        job = jobs.get(user_id, kind, job_id)
        if job is None:
            raise NotFound("There is no such job.")
        wanted = decide(job)
        if wanted is None:
            return job
        try:
            jobs.apply(wanted, texts=texts)
        except Stale:
            continue
        return wanted.after
    raise Unavailable("The job changes too fast; repeat in a moment.", retry_after=1)
