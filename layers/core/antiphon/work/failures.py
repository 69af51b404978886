"""What an error means for the job: what to tell its owner, and whether trying again can help."""

from __future__ import annotations

import errno

from antiphon.platform.errors import AntiphonError, EngineError, JobError, NotFound
from antiphon.speech.model import Failure

_FULL = Failure("worker_full", "The worker ran out of space or memory with this job.")
_AWS = Failure("storage_unavailable", "A service that the job needs did not answer in time.")
_GONE = Failure("source_missing", "The uploaded file is not there any more; create a new job.")
_ENGINE = Failure(EngineError.code, "The engine failed with this job; if it does so again, report its id.")
_INTERNAL = Failure("internal", "The job failed on our side; if it does so again, report its id.")


def verdict(error: Exception) -> tuple[Failure, bool]:
    """The failure as its owner sees it, and whether the job may be tried again. What a library said is for the log only."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    if isinstance(error, EngineError) and error.code == EngineError.code:
        return _ENGINE, error.retryable
    if isinstance(error, JobError):
        return Failure(error.code, error.detail), error.retryable
    if isinstance(error, NotFound):
        return _GONE, False
    if isinstance(error, AntiphonError):
        return Failure(error.code, error.detail), error.retryable
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)
    ):
        return _FULL, True
    if isinstance(error, BotoCoreError | ClientError | PynamoDBException):
        return _AWS, True
    return _INTERNAL, True
