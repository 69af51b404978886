"""What the speech routes take. Bounds stand here and nowhere else; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_METADATA = 8_192
"""Bytes of a job's metadata as JSON."""


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA:
        raise ValueError(f"has more than {MAX_METADATA} bytes as JSON")
    return metadata


Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Any], AfterValidator(_small), Field(max_length=50)
]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]
Filename = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ContentType = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(;[ -~]{0,100})?$")
]
MediaId = Annotated[str, StringConstraints(pattern=r"^med_[0-9A-HJKMNP-TV-Z]{26}$")]
CallbackUrl = Annotated[str, StringConstraints(min_length=8, max_length=2048)]
Size = Annotated[int, Field(ge=1, le=5 * 1024**4)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewUpload(Shape):
    filename: Filename
    content_type: ContentType
    size: Size
    purpose: Literal["transcription", "speech", "document", "chat", "media"] = "transcription"


class Vad(Shape):
    method: Literal["pyannote", "silero"] | None = None
    onset: float | None = Field(None, gt=0, lt=1)
    offset: float | None = Field(None, gt=0, lt=1)
    chunk_size: float | None = Field(None, ge=1, le=30)


class NewTranscription(Shape):
    filename: Filename | None = None
    content_type: ContentType | None = None
    size: Size | None = None
    media_id: MediaId | None = None
    language: Language | None = None
    model: str | None = Field(None, min_length=1, max_length=100)
    task: Literal["transcribe", "translate"] = "transcribe"
    diarize: bool = False
    min_speakers: int | None = Field(None, ge=1, le=20)
    max_speakers: int | None = Field(None, ge=1, le=20)
    align: bool = True
    initial_prompt: str | None = Field(None, max_length=2000)
    hotwords: str | None = Field(None, max_length=1000)
    temperature: float | None = Field(None, ge=0, le=1)
    vad: Vad | None = None
    batch_size: int | None = Field(None, ge=1, le=64)
    title: str | None = Field(None, min_length=1, max_length=200)
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None

    @model_validator(mode="after")
    def one_source(self) -> NewTranscription:
        file = (self.filename, self.content_type, self.size)
        if self.media_id and any(f is not None for f in file):
            raise ValueError("send either media_id, or filename, content_type and size of a file to upload")
        if not self.media_id and any(f is None for f in file):
            raise ValueError(
                "send filename, content_type and size of the file to upload, or the media_id of one that is there"
            )
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise ValueError("min_speakers is larger than max_speakers")
        return self

    def options(self) -> dict[str, Any]:
        own = {"filename", "content_type", "size", "media_id", "title", "metadata", "callback_url"}
        return self.model_dump(exclude=own, exclude_none=True)


Shown = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Correction(Shape):
    """``text``: None for what the engine heard."""

    index: int = Field(ge=0, le=10**9)
    text: Annotated[Shown, StringConstraints(max_length=10_000)] | None


class TranscriptionChange(Shape):
    """``speakers``: by the engine's labels; None takes a name back."""

    title: Annotated[Shown, StringConstraints(max_length=200)] | None = None
    speakers: dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[Shown, StringConstraints(max_length=100)] | None,
    ] = Field({}, max_length=50)
    segments: list[Correction] = Field([], max_length=90)

    @model_validator(mode="after")
    def says_something_once(self) -> TranscriptionChange:
        if self.title is None and not self.speakers and not self.segments:
            raise ValueError("send a title, speakers or segments to change")
        if len({c.index for c in self.segments}) < len(self.segments):
            raise ValueError("segments names one index twice")
        return self


class NewSpeech(Shape):
    input: str | None = Field(None, max_length=5_000_000)
    media_id: MediaId | None = None
    voice: str | None = Field(None, min_length=1, max_length=200)
    format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(1.0, ge=0.25, le=4)
    language: Language | None = None
    title: str | None = Field(None, min_length=1, max_length=200)
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None

    @model_validator(mode="after")
    def one_source(self) -> NewSpeech:
        if (self.input is None) == (self.media_id is None):
            raise ValueError("send either input (the text) or media_id (of a text file)")
        if self.input is not None and not self.input.strip():
            raise ValueError("input holds nothing to say")
        return self

    def options(self) -> dict[str, Any]:
        return self.model_dump(include={"voice", "format", "speed", "language"}, exclude_none=True)
