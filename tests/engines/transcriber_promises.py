"""What every Transcriber promises (engines/ports.py), as one suite: subclass it and give it a ``transcriber`` fixture.

T-03: the embedded and the production engine pass the same tests.
"""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.engines.ports import SAMPLE_RATE, TranscribedChunk, Transcriber, TranscriptionOptions, Vad
from tests.engines.speech_samples import SENTENCES, blocks, silence, spoken

OPTIONS = TranscriptionOptions(language="en")


@pytest.fixture(scope="session")
def minute() -> np.ndarray:
    """About 35 s: speech, a long silence, speech."""
    return np.concatenate([spoken(SENTENCES[:3]), silence(14.0), spoken(SENTENCES[7:], voice="en-us-m")])


@pytest.fixture(scope="session")
def whole(transcriber: Transcriber, minute: np.ndarray) -> list[TranscribedChunk]:
    """The minute, transcribed without a break."""
    return run(transcriber, minute)


def run(
    transcriber: Transcriber, audio: np.ndarray, *, size: int = 8_000, offset: float = 0.0
) -> list[TranscribedChunk]:
    return list(transcriber.transcribe(blocks(audio, size), OPTIONS, offset=offset))


class TranscriberPromises:
    def test_its_name_has_a_version(self, transcriber: Transcriber) -> None:
        name, version = transcriber.name.split(" ", 1)
        assert name.isidentifier()
        assert version[0].isdigit()

    def test_chunks_cover_the_recording_in_order(self, whole: list[TranscribedChunk], minute: np.ndarray) -> None:
        ends = [chunk.end for chunk in whole]
        assert ends == sorted(set(ends))
        assert len(ends) > 1
        assert ends[-1] == len(minute) / SAMPLE_RATE

    def test_segments_and_words_lie_in_order_within_their_chunk(self, whole: list[TranscribedChunk]) -> None:
        start = 0.0
        for chunk in whole:
            for segment in chunk.segments:
                assert segment.text.strip() == segment.text != ""
                assert start - 1e-3 <= segment.start < segment.end <= chunk.end + 1e-3
                times = [time for word in segment.words for time in (word.start, word.end)]
                assert times == sorted(times)
                assert all(segment.start - 1e-3 <= time <= segment.end + 1e-3 for time in times)
                assert all(word.score is None or 0 <= word.score <= 1 for word in segment.words)
                assert segment.confidence is None or 0 <= segment.confidence <= 1
                start = segment.end
            start = chunk.end

    def test_speech_is_found_and_silence_is_not(self, whole: list[TranscribedChunk]) -> None:
        segments = [segment for chunk in whole for segment in chunk.segments]
        quiet = len(spoken(SENTENCES[:3])) / SAMPLE_RATE

        assert [s for s in segments if s.end <= quiet + 0.5]
        assert [s for s in segments if s.start >= quiet + 13]
        assert not [s for s in segments if s.end > quiet + 0.5 and s.start < quiet + 13]

    def test_resumed_at_any_chunk_it_goes_on_exactly_as_if_unbroken(
        self, transcriber: Transcriber, minute: np.ndarray, whole: list[TranscribedChunk]
    ) -> None:
        """Q-20: a worker that died after any chunk leaves no gap and no repeat."""
        for done, chunk in enumerate(whole[:-1], 1):
            rest = minute[round(chunk.end * SAMPLE_RATE) :]
            assert run(transcriber, rest, offset=chunk.end) == whole[done:]

    def test_how_the_audio_is_cut_into_blocks_changes_nothing(
        self, transcriber: Transcriber, minute: np.ndarray, whole: list[TranscribedChunk]
    ) -> None:
        assert run(transcriber, minute, size=len(minute)) == whole

    def test_it_reads_no_further_than_it_needs(self, transcriber: Transcriber, minute: np.ndarray) -> None:
        """Memory is bounded by a chunk: the first chunk comes before the end was read, and an endless recording is no obstacle."""
        read = 0

        def endless():
            nonlocal read
            while True:
                read += 1
                yield minute[:SAMPLE_RATE]

        next(iter(transcriber.transcribe(endless(), OPTIONS)))
        assert read <= 61

    @pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5, 65.0])
    def test_digital_silence_has_no_segments_and_still_an_end(self, transcriber: Transcriber, seconds: float) -> None:
        """U-10"""
        audio = silence(seconds)
        chunks = run(transcriber, audio, offset=100.0)

        assert [chunk.segments for chunk in chunks] == [()] * len(chunks)
        assert chunks[-1].end == 100.0 + len(audio) / SAMPLE_RATE

    @pytest.mark.parametrize("seconds", [0.01, 3.0])
    def test_noise_at_full_scale_and_numbers_that_are_none_do_no_harm(
        self, transcriber: Transcriber, seconds: float
    ) -> None:
        audio = np.random.default_rng(1).uniform(-2, 2, round(seconds * SAMPLE_RATE)).astype(np.float32)
        audio[::100] = np.nan

        assert run(transcriber, audio)[-1].end == len(audio) / SAMPLE_RATE

    def test_what_it_cannot_do_is_a_sentence_that_names_it(self, transcriber: Transcriber) -> None:
        everything = TranscriptionOptions(
            language="en", model="other", task="translate", diarize=True, initial_prompt="a", hotwords="b", temperature=0.5,
            batch_size=3, vad=Vad(method="none", onset=0.5),
        )  # fmt: skip

        assert transcriber.unmet(TranscriptionOptions(language="en", align=False)) == ()
        assert transcriber.unmet(everything)
        assert all(
            sentence.startswith(transcriber.name) and sentence.endswith(".")
            for sentence in transcriber.unmet(everything)
        )
