"""PocketSphinx, for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from antiphon.engines.pocketsphinx import PocketSphinx
from antiphon.engines.ports import SAMPLE_RATE, TranscriptionOptions
from antiphon.engines.utterances import Cut
from antiphon.platform.errors import EngineError
from tests.engines.speech_samples import SENTENCES, spoken, text_of, word_error_rate
from tests.engines.transcriber_promises import OPTIONS, TranscriberPromises, minute, run, whole

__all__ = ["minute", "whole"]


@pytest.fixture(scope="session")
def transcriber() -> Iterator[PocketSphinx]:
    engine = PocketSphinx()
    engine.warm_up()
    yield engine
    engine.close()


class TestPocketSphinx(TranscriberPromises):
    pass


def test_what_espeak_says_is_understood(transcriber: PocketSphinx) -> None:
    """Measured 0.18 and 0.26; without dither, topn and whole utterances 0.83."""
    for voice in ("en-us-f", "en-us-m"):
        heard = text_of(run(transcriber, spoken(SENTENCES[:6], voice=voice)))
        assert word_error_rate(" ".join(SENTENCES[:6]), heard) < 0.45, heard


def test_words_are_clean_and_lie_where_they_were_said(transcriber: PocketSphinx) -> None:
    audio = spoken(SENTENCES[6:7])
    (chunk,) = run(transcriber, audio, offset=1000.0)
    words = {word.word: word for segment in chunk.segments for word in segment.words}

    assert not [word for word in words if set(word) & set("<>[]()+")]
    assert 1000.0 + 0.3 < words["door"].start < 1000.0 + len(audio) / SAMPLE_RATE - 1.0


def test_a_quiet_recording_is_understood_like_a_loud_one(transcriber: PocketSphinx) -> None:
    audio = spoken(SENTENCES[:4])

    assert word_error_rate(" ".join(SENTENCES[:4]), text_of(run(transcriber, audio * np.float32(0.02)))) < 0.5


def test_speech_without_a_pause_is_cut_where_it_is_quietest_and_still_resumes(transcriber: PocketSphinx) -> None:
    audio = spoken(("when the rain stops we walk",), pause=0.0)
    loud = np.tile(audio[np.flatnonzero(np.abs(audio) > 0.02)[0] : np.flatnonzero(np.abs(audio) > 0.02)[-1]], 24)
    chunks = run(transcriber, loud)

    assert len(chunks) > 1
    assert 20 * SAMPLE_RATE <= chunks[0].end * SAMPLE_RATE <= Cut.LONGEST
    assert run(transcriber, loud[round(chunks[0].end * SAMPLE_RATE) :], offset=chunks[0].end) == chunks[1:]


@pytest.mark.parametrize("language", ["de", "fr", "zh"])
def test_another_language_than_english_is_refused_before_any_work(transcriber: PocketSphinx, language: str) -> None:
    with pytest.raises(EngineError, match="English only") as raised:
        transcriber.transcribe(iter(()), TranscriptionOptions(language=language))
    assert raised.value.code == "unsupported_language"
    assert not raised.value.retryable


@pytest.mark.parametrize("language", [None, "en", "en-US", "EN"])
def test_english_goes_by_many_names(transcriber: PocketSphinx, language: str | None) -> None:
    assert [c.language for c in transcriber.transcribe(iter(()), TranscriptionOptions(language=language))] == ["en"]


def test_the_heartbeat_goes_on_while_it_decodes(transcriber: PocketSphinx) -> None:
    """Q-10: in this process one utterance would hold the GIL for seconds."""
    audio = spoken(SENTENCES, pause=0.0)
    gaps, done = [], threading.Event()

    def beat() -> None:
        last = time.monotonic()
        while not done.wait(0.05):
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    thread = threading.Thread(target=beat)
    thread.start()
    run(transcriber, audio)
    done.set()
    thread.join()

    assert len(gaps) > 20
    assert max(gaps) < 1.0


def test_a_crash_of_the_decoder_costs_one_attempt_and_never_the_worker() -> None:
    """Q-30: the first crash is retryable and the next try works; the same recording crashing it again is final."""
    engine = PocketSphinx()
    audio = spoken(SENTENCES[:2])

    def crash() -> EngineError:
        engine.warm_up()
        assert engine.decoder_pid is not None
        forks = Path(f"/proc/{engine.decoder_pid}/task/{engine.decoder_pid}/children")

        while forks.read_text().split():  # that of the warm-up
            time.sleep(0.01)

        def strike() -> None:
            while not (busy := forks.read_text().split()):
                time.sleep(0.01)
            os.kill(int(busy[0]), signal.SIGSEGV)

        thread = threading.Thread(target=strike)
        thread.start()
        with pytest.raises(EngineError, match="signal 11") as raised:
            list(engine.transcribe([audio], OPTIONS))
        thread.join()
        return raised.value

    first, second = crash(), crash()
    healed = run(engine, audio)
    engine.close()

    assert (first.retryable, second.retryable) == (True, False)
    assert healed[-1].segments


def test_a_decoder_that_hangs_is_ended() -> None:
    engine = PocketSphinx(patience=1.0)
    engine.warm_up()
    assert engine.decoder_pid is not None
    os.kill(engine.decoder_pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="no answer within 1 s") as raised:
        engine.warm_up()
    engine.close()

    assert raised.value.retryable


def test_the_decoder_dies_with_its_worker_even_while_it_works() -> None:
    """Q-30: kill -9 leaves nothing behind that eats a core."""
    program = textwrap.dedent("""
        import sys, threading, time
        import numpy as np
        from antiphon.engines.pocketsphinx import PocketSphinx
        from antiphon.engines.ports import TranscriptionOptions
        from tests.engines.speech_samples import SENTENCES, spoken
        engine = PocketSphinx()
        engine.warm_up()
        audio = np.tile(spoken(SENTENCES, pause=0.0), 3)
        threading.Thread(target=lambda: list(engine.transcribe([audio], TranscriptionOptions())), daemon=True).start()
        time.sleep(1.0)
        print(engine.decoder_pid, flush=True)
        time.sleep(600)
    """)
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        decoder = int(worker.stdout.readline())
        os.kill(decoder, 0)
        worker.kill()
        worker.wait()
        give_up = time.monotonic() + 2.0
        while _runs(decoder):
            assert time.monotonic() < give_up
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
