"""The decoder process of the PocketSphinx adapter: one utterance in, its words out."""

from __future__ import annotations

from typing import Any

from antiphon.engines.child import Answer, serve

FRAMES_PER_SECOND = 100


def _decoder() -> Any:
    from pocketsphinx import Decoder

    # Batch normalisation over the utterance: with the default ("live") its outcome would depend on what was decoded before.
    return Decoder(topn=8, cmn="batch", loglevel="FATAL")


def _words(decoder: Any, pcm: bytes) -> list[tuple[str, float, float, float]]:
    """(word as in the dictionary, start, end, posterior): seconds from the beginning of the utterance."""
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return []
    return [
        (segment.word, segment.start_frame / FRAMES_PER_SECOND, (segment.end_frame + 1) / FRAMES_PER_SECOND, segment.prob)
        for segment in decoder.seg()
    ]


def main() -> None:
    decoder: Any = None

    def answer(head: dict[str, Any], body: bytes) -> Answer:
        nonlocal decoder
        decoder = decoder or _decoder()
        return {"words": _words(decoder, body) if body else []}, b""

    serve(answer)


if __name__ == "__main__":
    main()
