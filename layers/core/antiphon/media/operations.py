"""What can be done to a recording: one shape for each operation, told apart by ``op``, and what each does to its length.

Times are seconds of the recording as the operations before have left it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from antiphon.platform.errors import Field as Wrong
from antiphon.platform.errors import Invalid

MAX_OPERATIONS = 20
MAX_JOINED = 20
MAX_HOURS = 12
WHOLE_SECONDS = 3 * 3600
"""The longest recording that is turned round or normalized: both must have seen the end before they can give the beginning."""
SHORTEST = 0.01
"""Seconds that must be left."""
TARGET_LUFS, TARGET_PEAK = -16.0, -1.5

Seconds = Annotated[float, Field(ge=0, le=MAX_HOURS * 3600)]
MediaId = Annotated[str, StringConstraints(pattern=r"^med_[0-9A-HJKMNP-TV-Z]{26}$")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class Trim(Shape):
    """Keep what lies between; without ``end`` all up to the end."""

    op: Literal["trim"] = "trim"
    start: Seconds = 0.0
    end: Seconds | None = None

    @model_validator(mode="after")
    def something(self) -> Trim:
        if self.start == 0 and self.end is None:
            raise ValueError("send start, end or both")
        return _forward(self)


class Cut(Shape):
    """Take out what lies between, and join what is around it."""

    op: Literal["cut"] = "cut"
    start: Seconds
    end: Seconds

    @model_validator(mode="after")
    def forward(self) -> Cut:
        return _forward(self)


class Concat(Shape):
    """Other media items after it, in this order, brought to its sample rate and channels."""

    op: Literal["concat"] = "concat"
    media_ids: tuple[MediaId, ...] = Field(min_length=1, max_length=MAX_JOINED)


class Fade(Shape):
    op: Literal["fade"] = "fade"
    fade_in: Seconds = Field(default=0.0, validation_alias="in", serialization_alias="in")
    fade_out: Seconds = Field(default=0.0, validation_alias="out", serialization_alias="out")

    @model_validator(mode="after")
    def something(self) -> Fade:
        if self.fade_in == 0 and self.fade_out == 0:
            raise ValueError("send in, out or both, in seconds")
        return self


class Gain(Shape):
    op: Literal["gain"] = "gain"
    db: float = Field(ge=-60, le=60)


class Normalize(Shape):
    """To a loudness after EBU R 128, with a true peak that is not exceeded."""

    op: Literal["normalize"] = "normalize"
    lufs: float = Field(default=TARGET_LUFS, ge=-70, le=-5)
    true_peak: float = Field(default=TARGET_PEAK, ge=-9, le=0)


class Denoise(Shape):
    """Noise that is there all the time, lowered by so much."""

    op: Literal["denoise"] = "denoise"
    reduction_db: float = Field(default=12.0, ge=1, le=40)


class Speed(Shape):
    """Faster or slower at the same pitch."""

    op: Literal["speed"] = "speed"
    factor: float = Field(ge=0.25, le=4)


class Pitch(Shape):
    """Higher or lower at the same speed."""

    op: Literal["pitch"] = "pitch"
    semitones: float = Field(ge=-24, le=24)


class Reverse(Shape):
    op: Literal["reverse"] = "reverse"


class Channels(Shape):
    """``left``, ``right``: that channel alone."""

    op: Literal["channels"] = "channels"
    to: Literal["mono", "stereo", "left", "right", "swap"]


class Convert(Shape):
    """``bit_rate``: bits a second, of formats that have one. The last format that is named is that of the file."""

    op: Literal["convert"] = "convert"
    format: Literal["mp3", "opus", "aac", "flac", "wav"] | None = None
    bit_rate: int | None = Field(default=None, ge=8_000, le=320_000)
    sample_rate: Literal[8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] | None = None
    channels: Literal[1, 2] | None = None

    @model_validator(mode="after")
    def something(self) -> Convert:
        if (self.format, self.bit_rate, self.sample_rate, self.channels) == (None,) * 4:
            raise ValueError("send format, bit_rate, sample_rate or channels")
        return self


AnyOperation = Trim | Cut | Concat | Fade | Gain | Normalize | Denoise | Speed | Pitch | Reverse | Channels | Convert
Operation = Annotated[AnyOperation, Field(discriminator="op")]
Operations = Annotated[list[Operation], Field(min_length=1, max_length=MAX_OPERATIONS)]
_ADAPTER: TypeAdapter[AnyOperation] = TypeAdapter(Operation)


_Between = TypeVar("_Between", Trim, Cut)


def _forward(between: _Between) -> _Between:
    if between.end is not None and between.end <= between.start:
        raise ValueError("end must be later than start")
    return between


def operation_of(data: Mapping[str, Any]) -> AnyOperation:
    """As `plain` gave it. Raises pydantic's ValidationError."""
    return _ADAPTER.validate_python(dict(data))


def plain(operation: AnyOperation) -> dict[str, Any]:
    """As JSON has it, without what is not set."""
    return operation.model_dump(mode="json", by_alias=True, exclude_none=True)


def joined(operations: Sequence[AnyOperation]) -> Iterator[str]:
    """The other media items that are needed, in order; one that is joined twice comes twice."""
    for operation in operations:
        if isinstance(operation, Concat):
            yield from operation.media_ids


def check(operations: Sequence[AnyOperation], duration: float, others: Mapping[str, float]) -> float:
    """Seconds of the result. others: the lengths of the media items that are joined.

    Raises Invalid (``operation_out_of_range``) that names the operation and the field.
    """
    length = duration
    for index, operation in enumerate(operations):
        wrong = _wrong(operation, length)
        if wrong is None:
            length = length_after(operation, length, others)
            if length > MAX_HOURS * 3600:
                wrong = ("", f"The result would be longer than {MAX_HOURS} hours")
            elif length < SHORTEST:
                wrong = ("", "nothing would be left")
        if wrong:
            name, detail = wrong
            place = f"operations[{index}]" + (f".{name}" if name else "")
            raise Invalid(
                f"{operation.op}{'.' if name else ''}{name}: {detail}.",
                code="operation_out_of_range",
                fields=(Wrong(place, f"{detail}."),),
            )
    return length


def length_after(operation: AnyOperation, length: float, others: Mapping[str, float]) -> float:
    match operation:
        case Trim(start=start, end=end):
            return (length if end is None else min(end, length)) - start
        case Cut(start=start, end=end):
            return length - (min(end, length) - start)
        case Concat(media_ids=ids):
            return length + sum(others[each] for each in ids)
        case Speed(factor=factor):
            return length / factor
    return length


def _wrong(operation: AnyOperation, length: float) -> tuple[str, str] | None:
    """Field and reason. Ends may lie a hundredth of a second too far: people read them from a display."""
    beyond = f"lies beyond the end ({length:.1f} s)"
    match operation:
        case Trim(start=start, end=end) | Cut(start=start, end=end):
            if start >= length:
                return "start", beyond
            if end is not None and end > length + 0.01:
                return "end", beyond
        case Fade(fade_in=fade_in, fade_out=fade_out):
            for name, seconds in (("in", fade_in), ("out", fade_out)):
                if seconds > length + 0.01:
                    return name, f"is longer than the recording ({length:.1f} s)"
        case Reverse() | Normalize() if length > WHOLE_SECONDS:
            return "", f"recordings of up to {WHOLE_SECONDS // 3600} hours can be treated as a whole"
    return None
