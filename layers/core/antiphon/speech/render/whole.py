"""The transcript with all that is known of it, as the API documents it."""

from __future__ import annotations

import json
from dataclasses import asdict

from antiphon.speech.render.model import RenderOptions, Transcript
from antiphon.speech.render.timestamps import milliseconds, span


def json_text(transcript: Transcript, _: RenderOptions) -> str:
    """Seconds as numbers, to the millisecond; never negative, no end before its start."""
    shape = {
        "id": transcript.id,
        "text": transcript.text,
        "language": transcript.language,
        "duration": None if transcript.duration is None else milliseconds(transcript.duration) / 1000,
        "engine": transcript.engine,
        "segments": [
            {
                "index": segment.index,
                **_times(segment.start, segment.end),
                "text": segment.text,
                "machine_text": segment.machine_text,
                "speaker": segment.speaker,
                "speaker_label": segment.speaker_label,
                "confidence": segment.confidence,
                "words": [
                    {
                        "word": word.word,
                        **_times(word.start, word.end),
                        "score": word.score,
                        "speaker": word.speaker,
                        "interpolated": word.interpolated,
                    }
                    for word in segment.words
                ],
                **({"chars": [asdict(char) for char in segment.chars]} if segment.chars else {}),
            }
            for segment in transcript.segments
        ],
    }
    return json.dumps(shape, ensure_ascii=False, allow_nan=False)


def _times(start: float, end: float) -> dict[str, float]:
    first, last = span(start, end)
    return {"start": first / 1000, "end": last / 1000}
