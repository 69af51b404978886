"""The decoder process of the PocketSphinx adapter: one utterance in, its words out."""

from __future__ import annotations

from typing import Any

from antiphon.engines.child import Answer, serve

FRAMES_PER_SECOND = 100


def _load() -> Any:
    from pocketsphinx import Decoder

    return Decoder(topn=8, loglevel="FATAL")


def _answer(decoder: Any, head: dict[str, Any], body: bytes) -> Answer:
    """body: one utterance, int16, 16 kHz. words: (as in the dictionary, start, end, posterior), in seconds from its beginning."""
    if not body:
        return {"words": []}, b""
    decoder.start_utt()
    decoder.process_raw(body, full_utt=True)
    decoder.end_utt()
    segments = decoder.seg() if decoder.hyp() is not None else ()
    words = [
        (s.word, s.start_frame / FRAMES_PER_SECOND, (s.end_frame + 1) / FRAMES_PER_SECOND, s.prob) for s in segments
    ]
    return {"words": words}, b""


if __name__ == "__main__":
    serve(_load, _answer)
