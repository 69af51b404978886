"""Every error that a user or an operator may meet, with a stable code.

AntiphonError
├── Invalid              422  the request cannot be understood; ``fields`` says where
│   └── BadCursor        400
├── Unauthorized         401
├── Forbidden            403
├── NotFound             404  also a row of another owner
├── NotAllowed           405
├── Conflict             409  the state of the thing does not allow this
├── TooLarge             413
├── Unsupported          415
├── TooMany              429
├── Unavailable          503  a dependency is down; try again
└── JobError             –    ends or delays a job, never an HTTP answer
    ├── MediaError            final: the recording cannot be used
    ├── EngineError           final or retryable, as it says
    └── LeaseLost             this worker no longer owns the job

``code`` is what programs compare; ``detail`` is a sentence for a person. Never compare texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Field:
    """One wrong field of a request: where it is (``a.b[0]``) and what to do about it."""

    field: str
    detail: str


class AntiphonError(Exception):
    status = 500
    code = "internal"
    title = "Something went wrong"
    retryable = False
    headers: Mapping[str, str] = MappingProxyType({})
    """Of the HTTP answer, beside Retry-After."""

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        fields: tuple[Field, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail or self.title
        self.code = code or type(self).code
        self.fields = fields
        self.retry_after = retry_after


class Invalid(AntiphonError):
    status, code, title = 422, "invalid_request", "The request is not valid"


class BadCursor(Invalid):
    status, code, title = 400, "bad_cursor", "The cursor is not one of this list"


class Unauthorized(AntiphonError):
    status, code, title = 401, "unauthorized", "Sign in or send an API key"


class Forbidden(AntiphonError):
    status, code, title = 403, "forbidden", "This is not allowed"


class NotFound(AntiphonError):
    status, code, title = 404, "not_found", "There is nothing here"


class NotAllowed(AntiphonError):
    status, code, title = 405, "method_not_allowed", "This route does not know the method"


class Conflict(AntiphonError):
    status, code, title = 409, "conflict", "The current state does not allow this"


class TooLarge(AntiphonError):
    status, code, title = 413, "too_large", "This is too large"


class Unsupported(AntiphonError):
    status, code, title = 415, "unsupported_media_type", "This content type is not supported"


class TooMany(AntiphonError):
    status, code, title = 429, "rate_limited", "Too many requests"
    retryable = True


class Unavailable(AntiphonError):
    status, code, title = 503, "unavailable", "A part of the service does not answer"
    retryable = True


class JobError(AntiphonError):
    """Ends a job (``retryable`` false) or hands it back for a later attempt (true)."""

    code = "job_failed"
    title = "The job failed"


class MediaError(JobError):
    """The recording cannot be used. Codes: ``unsupported_media empty_media no_audio truncated_media media_too_long media_too_large
    media_out_of_bounds undecodable_media``."""

    code, title = "undecodable_media", "The recording cannot be read"


class EngineError(JobError):
    """The engine could not do its work. Codes: ``engine_failed unsupported_language unknown_voice text_empty text_too_long``."""

    code, title = "engine_failed", "The engine failed"

    def __init__(self, detail: str = "", *, code: str | None = None, retryable: bool = False) -> None:
        super().__init__(detail, code=code)
        self.retryable = retryable


class LeaseLost(JobError):
    code, title = "lease_lost", "Another worker owns this job now"
