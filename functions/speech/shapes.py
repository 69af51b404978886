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
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=1, le=5 * 1024**4)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewUpload(Shape):
    filename: Filename
    content_type: ContentType
    size: Size
    purpose: Literal["transcription", "speech", "document", "chat", "media"] = "transcription"


class ArrivedPart(Shape):
    number: Annotated[int, Field(ge=1, le=10_000)]
    etag: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ArrivedParts(Shape):
    """What S3 answered to each part. It may be left out: the bucket knows what has arrived."""

    parts: Annotated[list[ArrivedPart], Field(max_length=10_000)] = []


class Vad(Shape):
    method: Literal["pyannote", "silero"] | None = None
    onset: float | None = Field(None, gt=0, lt=1)
    offset: float | None = Field(None, gt=0, lt=1)
    chunk_size: float | None = Field(None, ge=1, le=30)


Temperature = Annotated[float, Field(ge=0, le=1)]


class HowManySpeakers(Shape):
    """``num_speakers``: exactly so many; counts before the others."""

    num_speakers: int | None = Field(None, ge=1, le=20)
    min_speakers: int | None = Field(None, ge=1, le=20)
    max_speakers: int | None = Field(None, ge=1, le=20)

    @model_validator(mode="after")
    def counted_upwards(self) -> HowManySpeakers:
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise ValueError("min_speakers is larger than max_speakers")
        return self


class HowToAlign(Shape):
    interpolate_method: Literal["nearest", "linear", "ignore"] | None = None
    return_char_alignments: bool = False


class HowToSearch(Shape):
    """As faster-whisper has them; what is left out is the engine's own. ``temperature``: of several, the next is tried where the text of the one
    before is too repetitive or too unlikely; above 0 the text is drawn by lot and need not come out the same twice."""

    temperature: Temperature | Annotated[list[Temperature], Field(min_length=1, max_length=10)] | None = None
    beam_size: int | None = Field(None, ge=1, le=20)
    best_of: int | None = Field(None, ge=1, le=20)
    patience: float | None = Field(None, gt=0, le=10)
    length_penalty: float | None = Field(None, ge=-10, le=10)
    repetition_penalty: float | None = Field(None, gt=0, le=10)
    no_repeat_ngram_size: int | None = Field(None, ge=0, le=20)
    compression_ratio_threshold: float | None = Field(None, gt=0, le=100)
    log_prob_threshold: float | None = Field(None, ge=-100, le=0)
    no_speech_threshold: float | None = Field(None, ge=0, le=1)
    condition_on_previous_text: bool | None = None
    prompt_reset_on_temperature: Temperature | None = None
    initial_prompt: str | None = Field(None, max_length=2000)
    hotwords: str | None = Field(None, max_length=1000)
    suppress_tokens: list[Annotated[int, Field(ge=-1, le=100_000)]] | None = Field(None, max_length=500)
    suppress_numerals: bool = False
    batch_size: int | None = Field(None, ge=1, le=64)


class NewTranscription(HowManySpeakers, HowToAlign, HowToSearch):
    filename: Filename | None = None
    content_type: ContentType | None = None
    size: Size | None = None
    sha256: Sha256 | None = None
    url: CallbackUrl | None = None
    media_id: MediaId | None = None
    language: Language | None = None
    model: str | None = Field(None, min_length=1, max_length=100)
    task: Literal["transcribe", "translate"] = "transcribe"
    diarize: bool = False
    align: bool = True
    vad: Vad | None = None
    title: str | None = Field(None, min_length=1, max_length=200)
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None
    dedupe: bool = True

    @model_validator(mode="after")
    def one_source(self) -> NewTranscription:
        file = (self.filename, self.content_type, self.size)
        elsewhere = bool(self.media_id) + bool(self.url)
        if elsewhere > 1 or (elsewhere and any(f is not None for f in (*file, self.sha256))):
            raise ValueError("send one of media_id, url, or filename, content_type and size of a file to upload")
        if not elsewhere and any(f is None for f in file):
            raise ValueError(
                "send filename, content_type and size of the file to upload, the media_id of one that is there, or its url"
            )
        return self

    def options(self) -> dict[str, Any]:
        own = {
            "filename",
            "content_type",
            "size",
            "sha256",
            "url",
            "media_id",
            "title",
            "metadata",
            "callback_url",
            "dedupe",
        }
        return self.model_dump(exclude=own, exclude_none=True)


Seconds = Annotated[float, Field(ge=0, le=10_000_000)]
JobId = Annotated[str, StringConstraints(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")]


class GivenSpan(Shape):
    start: Seconds
    end: Seconds

    @model_validator(mode="after")
    def runs_forward(self) -> GivenSpan:
        if self.end < self.start:
            raise ValueError("ends before it starts")
        return self


class GivenWord(GivenSpan):
    word: str = Field(min_length=1, max_length=500)
    score: float | None = Field(None, ge=0, le=1)


class GivenSegment(GivenSpan):
    text: str = Field(min_length=1, max_length=10_000)


class GivenTimedSegment(GivenSegment):
    words: list[GivenWord] = Field([], max_length=2_000)


class GivenTurn(GivenSpan):
    speaker: str = Field(min_length=1, max_length=64)


class NewStep(Shape):
    title: str | None = Field(None, min_length=1, max_length=200)
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None


class OnRecording(NewStep):
    """The recording: a file to upload, a media item, or that of a transcription."""

    filename: Filename | None = None
    content_type: ContentType | None = None
    size: Size | None = None
    media_id: MediaId | None = None
    transcription_id: JobId | None = None

    @model_validator(mode="after")
    def one_recording(self) -> OnRecording:
        file = [part for part in (self.filename, self.content_type, self.size) if part is not None]
        if file and self.media_id:
            raise ValueError("send either media_id, or filename, content_type and size of a file to upload")
        if len(file) not in (0, 3):
            raise ValueError("send filename, content_type and size of the file to upload")
        if not (file or self.media_id or self.transcription_id):
            raise ValueError("send a file to upload, a media_id or a transcription_id")
        return self


class NewAlignment(OnRecording, HowToAlign):
    """The text: ``segments``, or those of the transcription as they are corrected."""

    segments: list[GivenSegment] | None = Field(None, min_length=1, max_length=20_000)
    language: Language | None = None

    @model_validator(mode="after")
    def one_text(self) -> NewAlignment:
        if self.segments is None and self.transcription_id is None:
            raise ValueError("send segments, or the transcription_id of those to align")
        return self

    def options(self) -> dict[str, Any]:
        return self.model_dump(include={"language", "interpolate_method", "return_char_alignments"}, exclude_none=True)


class NewDiarization(OnRecording, HowManySpeakers):
    def options(self) -> dict[str, Any]:
        return self.model_dump(include={"num_speakers", "min_speakers", "max_speakers"}, exclude_none=True)


class NewAssignment(NewStep):
    """``fill_nearest``: what is said in nobody's turn is said by whose turn is nearest."""

    segments: list[GivenTimedSegment] | None = Field(None, min_length=1, max_length=20_000)
    transcription_id: JobId | None = None
    alignment_id: JobId | None = None
    turns: list[GivenTurn] | None = Field(None, max_length=50_000)
    diarization_id: JobId | None = None
    fill_nearest: bool = False

    @model_validator(mode="after")
    def one_of_each(self) -> NewAssignment:
        if sum(x is not None for x in (self.segments, self.transcription_id, self.alignment_id)) != 1:
            raise ValueError("send one of segments, transcription_id and alignment_id")
        if (self.turns is None) == (self.diarization_id is None):
            raise ValueError("send either turns or a diarization_id")
        return self

    def options(self) -> dict[str, Any]:
        return {"fill_nearest": self.fill_nearest}


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
    voice: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="An id of `GET /v1/voices`, or a mix of up to eight with weights, like `af_heart(2)+af_sky(1)`; left out: the best of `language`.",
    )
    input_format: Literal["auto", "text", "markdown", "ssml"] = Field(
        "auto",
        description="`auto`: SSML where the text begins with `<speak`, a file by its type or name (.txt .md .ssml), else plain text. "
        "In text and Markdown `[pause:1.5s]` is silence, `[voice:af_heart]` another voice from there on, and `[word](/fəˈniːmz/)` a word "
        "with its phonemes. Of SSML: speak, p, s, break, prosody rate, voice name, sub, say-as and phoneme; other elements keep their words.",
    )
    format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(1.0, ge=0.25, le=4)
    language: Language | None = None
    title: str | None = Field(None, min_length=1, max_length=200)
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None
    dedupe: bool = True

    @model_validator(mode="after")
    def one_source(self) -> NewSpeech:
        if (self.input is None) == (self.media_id is None):
            raise ValueError("send either input (the text) or media_id (of a text file)")
        if self.input is not None and not self.input.strip():
            raise ValueError("input holds nothing to say")
        return self

    def options(self) -> dict[str, Any]:
        own = {"voice", "format", "speed", "language", "input_format"}
        return self.model_dump(include=own, exclude_none=True)
