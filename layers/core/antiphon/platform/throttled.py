"""What AWS says when it wants us to come back later."""

from __future__ import annotations

from antiphon.platform.errors import Unavailable

CODES = frozenset(
    {
        "ExpiredTokenException",  # the role's credentials are being renewed
        "InternalServerError",
        "LimitExceededException",
        "OverLimit",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionInProgressException",
        "TooManyRequestsException",
        "UnrecognizedClientException",
    }
)
RETRY_AFTER = 2


def unavailable(error: BaseException) -> Unavailable | None:
    """For a client: repeat in a moment, with the same Idempotency-Key. None where the error is a defect of ours."""
    seen: BaseException | None = error
    while seen is not None:
        if _asks_for_patience(seen):
            return Unavailable(
                "The service is too busy at the moment; repeat with the same Idempotency-Key.", retry_after=RETRY_AFTER
            )
        seen = seen.__cause__ or _wrapped(seen)
    return None


def _wrapped(error: BaseException) -> BaseException | None:
    """PynamoDB keeps what it met in a field of its own."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else None


def _asks_for_patience(error: BaseException) -> bool:
    from botocore.exceptions import (
        ClientError,
        ConnectionClosedError,
        ConnectTimeoutError,
        EndpointConnectionError,
        ReadTimeoutError,
        ResponseStreamingError,
    )
    from pynamodb.exceptions import TransactWriteError

    broken = ConnectionClosedError | ConnectTimeoutError | EndpointConnectionError
    if isinstance(error, broken | ReadTimeoutError | ResponseStreamingError):
        return True
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response.get("Error", {}).get("Code") in CODES
    return isinstance(error, TransactWriteError) and any(r and r.code in CODES for r in error.cancellation_reasons)
