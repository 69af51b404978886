"""A transcript as OpenAI's API tells it: every field that its schema has, and what no engine here knows as what says so (no tokens, a probability of 0)."""

from __future__ import annotations

import math
import re
import zlib
from typing import Any

from antiphon.speech.model import Job
from antiphon.speech.openai.asked import Wanted
from antiphon.speech.openai.languages import name_of
from antiphon.speech.openai.names import TELLS_LANGUAGES
from antiphon.speech.render import IndexedSegment, RenderOptions, Transcript, render

_UNNAMED = re.compile(r"SPEAKER_\d+")
PLAIN = "text/plain; charset=utf-8"
VTT = "text/vtt; charset=utf-8"


class Speakers:
    """A, B, … in the order in which they are first heard; a name that somebody gave stays."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def __call__(self, label: str | None) -> str:
        """Where nobody was told apart, there is one speaker."""
        label = label or "SPEAKER_00"
        if not _UNNAMED.fullmatch(label):
            return label
        return self._letters.setdefault(label, _letters(len(self._letters)))


def _letters(number: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    first, last = divmod(number, 26)
    return (_letters(first - 1) if first else "") + chr(ord("A") + last)


def body_of(wanted: Wanted, job: Job, transcript: Transcript) -> dict[str, Any]:
    """Of the formats that are JSON."""
    if wanted.format == "verbose_json":
        return _verbose(wanted, job, transcript)
    if wanted.format == "diarized_json":
        return _diarized(job, transcript)
    body: dict[str, Any] = {"text": transcript.text}
    if wanted.options["task"] == "translate":
        return body
    if wanted.model == TELLS_LANGUAGES:
        body["languages"] = [{"code": job.language}] if job.language else []
    return {**body, "usage": usage_of(job)}


def text_of(wanted: Wanted, transcript: Transcript) -> tuple[str, str]:
    """Of the other formats: text and content type."""
    if wanted.format == "text":
        return transcript.text + "\n", PLAIN
    rendered = render(wanted.format, transcript, RenderOptions())
    return rendered.body, VTT if wanted.format == "vtt" else PLAIN


def usage_of(job: Job) -> dict[str, Any]:
    """Seconds that were begun, as OpenAI counts them."""
    return {"type": "duration", "seconds": math.ceil(job.duration or 0)}


def _verbose(wanted: Wanted, job: Job, transcript: Transcript) -> dict[str, Any]:
    translates = wanted.options["task"] == "translate"
    body: dict[str, Any] = {
        "task": "translate" if translates else "transcribe",
        "language": "english" if translates else name_of(job.language),
        "duration": round(job.duration or 0, 3),
        "text": transcript.text,
    }
    if wanted.segments:
        body["segments"] = [segment_of(s, job) for s in transcript.segments]
    if wanted.words:
        body["words"] = [
            {"word": word.word.strip(), "start": word.start, "end": word.end}
            for segment in transcript.segments
            for word in segment.words
        ]
    return body if translates else {**body, "usage": usage_of(job)}


def segment_of(segment: IndexedSegment, job: Job) -> dict[str, Any]:
    text = segment.text.encode()
    return {
        "id": segment.index,
        "seek": round(segment.start * 100),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": float(job.options.get("temperature") or 0),
        "avg_logprob": round(math.log(segment.confidence), 6) if segment.confidence else 0.0,
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 6) if text else 0.0,
        "no_speech_prob": 0.0,
    }


def _diarized(job: Job, transcript: Transcript) -> dict[str, Any]:
    speakers = Speakers()
    return {
        "task": "transcribe",
        "duration": round(job.duration or 0, 3),
        "text": transcript.text,
        "segments": [diarized_segment(s, speakers) for s in transcript.segments],
        "usage": usage_of(job),
    }


def diarized_segment(segment: IndexedSegment, speakers: Speakers) -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{segment.index:03d}",
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "speaker": speakers(segment.speaker),
    }
