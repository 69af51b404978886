"""The transcript with all that is known of it, as the API documents it."""

from __future__ import annotations

import json

from antiphon.speech.render.model import RenderOptions, Transcript


def json_text(transcript: Transcript, _: RenderOptions) -> str:
    """Seconds as numbers, to the millisecond."""
    shape = {
        "id": transcript.id,
        "text": transcript.text,
        "language": transcript.language,
        "duration": _rounded(transcript.duration),
        "engine": transcript.engine,
        "segments": [
            {
                "index": segment.index,
                "start": _rounded(segment.start),
                "end": _rounded(segment.end),
                "text": segment.text,
                "speaker": segment.speaker,
                "confidence": segment.confidence,
                "words": [
                    {
                        "word": word.word,
                        "start": _rounded(word.start),
                        "end": _rounded(word.end),
                        "score": word.score,
                        "speaker": word.speaker,
                    }
                    for word in segment.words
                ],
            }
            for segment in transcript.segments
        ],
    }
    return json.dumps(shape, ensure_ascii=False, allow_nan=False)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
