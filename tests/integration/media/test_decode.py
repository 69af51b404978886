"""Good recordings of every kind: what comes out of the decoder, and what it costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from antiphon.media.decode import decode
from antiphon.media.model import Limits
from antiphon.media.probe import probe
from antiphon.platform.errors import MediaError
from tests import media_samples as samples
from tests.integration.media.conftest import samples_of

pytestmark = pytest.mark.usefixtures("nothing_left")
TONE = 0.3 / 2**0.5
"""Root mean square of the samples' tone."""


def loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))


@pytest.mark.parametrize("extension", sorted(samples.KINDS))
def test_every_accepted_container_is_decoded(extension: str, tmp_path: Path) -> None:
    """U-10"""
    path = samples.recording(tmp_path / f"talk.{extension}")
    with decode(path) as stream:
        blocks = list(stream)
        assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
        assert [len(block) for block in blocks[:-1]] == [16_000] * (len(blocks) - 1)
        sound = np.concatenate(blocks)
        assert len(sound) / 16_000 == pytest.approx(3.0, abs=0.1)
        assert stream.decoded == len(sound) / 16_000
        assert stream.duration == pytest.approx(3.0, abs=0.15)
        assert stream.warnings == ()
    assert loudness(sound) == pytest.approx(TONE, rel=0.25 if extension == "amr" else 0.06)


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
def test_channels_are_mixed_to_one_without_clipping(layout: str, tmp_path: Path) -> None:
    sound = samples_of(samples.recording(tmp_path / "talk.wav", layout=layout))
    assert loudness(sound) == pytest.approx(TONE, rel=0.02)
    assert np.abs(sound).max() <= 0.31


def test_full_scale_in_all_six_channels_stays_within_one(tmp_path: Path) -> None:
    sound = samples_of(
        samples.recording(tmp_path / "a.wav", layout="5.1", samples=samples.tone(1, 44_100, 6, level=1.0))
    )
    assert np.abs(sound).max() <= 1.0


def test_what_is_said_in_one_channel_only_is_heard(tmp_path: Path) -> None:
    stereo = samples.tone(1, 44_100, 2)
    stereo[:, 1] = 0
    assert loudness(samples_of(samples.recording(tmp_path / "a.wav", layout="stereo", samples=stereo))) > TONE / 3


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 16_000, 22_050, 48_000, 96_000, 192_000])
def test_every_usual_rate_becomes_16_khz(rate: int, tmp_path: Path) -> None:
    sound = samples_of(samples.wav(tmp_path / "talk.wav", rate=rate, seconds=2))
    assert len(sound) == pytest.approx(32_000, abs=20)
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) * 16_000 / len(sound) == pytest.approx(440, abs=2)


def test_a_video_gives_its_sound(tmp_path: Path) -> None:
    path = samples.video(tmp_path / "talk.mp4", sound=True)
    assert probe(path).streams == 2
    assert loudness(samples_of(path)) > 0.2


def test_ten_milliseconds_are_160_samples(tmp_path: Path) -> None:
    assert len(samples_of(samples.wav(tmp_path / "a.wav", seconds=0.01))) == 160


def test_silence_is_samples_too(tmp_path: Path) -> None:
    sound = samples_of(samples.silent(tmp_path / "a.wav"))
    assert len(sound) == 48_000
    assert not sound.any()


def test_a_wav_written_into_a_pipe_has_the_length_of_its_samples(tmp_path: Path) -> None:
    """U-22: both sizes 0xFFFFFFFF."""
    path = samples.wav_of_unknown_length(tmp_path / "a.wav")
    assert probe(path).duration == pytest.approx(3.0, abs=0.01)
    with decode(path) as stream:
        assert sum(map(len, stream)) == 48_000
        assert stream.warnings == ()


def test_tags_that_are_not_unicode_do_no_harm(tmp_path: Path) -> None:
    """Found by mutation: the library would rather not open such a file."""
    assert len(samples_of(samples.wav_with_old_tags(tmp_path / "a.wav"))) == 16_000


def test_probe_tells_what_the_file_says(tmp_path: Path) -> None:
    found = probe(samples.recording(tmp_path / "a.mp3", layout="stereo", seconds=2))
    assert (found.container, found.sample_rate, found.channels, found.streams) == ("mp3", 44_100, 2, 1)
    assert found.duration == pytest.approx(2.0, abs=0.1)
    assert found.bit_rate


@pytest.mark.parametrize("extension", ["wav", "mp3", "m4a", "opus", "flac"])
@pytest.mark.parametrize("start", [0.5, 1.000_03, 2.9])
def test_a_resumed_decoding_sees_the_very_same_samples(extension: str, start: float, tmp_path: Path) -> None:
    path = samples.recording(tmp_path / f"talk.{extension}")
    whole = samples_of(path)
    with decode(path, start=start) as stream:
        rest = np.concatenate(list(stream))
        assert stream.decoded == len(whole) / 16_000
    assert np.array_equal(rest, whole[round(start * 16_000) :])


def test_resuming_at_the_end_gives_nothing_and_no_error(tmp_path: Path) -> None:
    path = samples.wav(tmp_path / "a.wav", seconds=1)
    with decode(path, start=1.0) as stream:
        assert list(stream) == []
        assert (stream.decoded, stream.warnings) == (1.0, ())


def test_leaving_in_the_middle_ends_the_process(tmp_path: Path) -> None:
    path = samples.flac_of_silence(tmp_path / "a.flac", seconds=7_200, rate=16_000)
    with decode(path) as stream:
        next(stream)
        pid = stream.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert list(stream) == []


def test_a_decoding_that_nobody_keeps_ends(tmp_path: Path) -> None:
    pid = decode(samples.flac_of_silence(tmp_path / "a.flac", seconds=7_200, rate=16_000)).pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_decoder_works_ahead_of_its_reader(tmp_path: Path) -> None:
    """The next job is decoded while this one computes: the first block is there when it is asked for, in no time."""
    with decode(samples.wav(tmp_path / "a.wav", seconds=30)) as stream:
        time.sleep(1.0)
        asked = time.perf_counter()
        next(stream)
        assert time.perf_counter() - asked < 0.05


def test_the_thread_that_started_it_may_end(tmp_path: Path) -> None:
    made = []
    starter = threading.Thread(target=lambda: made.append(decode(samples.wav(tmp_path / "a.wav", seconds=60))))
    starter.start()
    starter.join()
    time.sleep(0.3)
    with made.pop() as stream:
        assert sum(map(len, stream)) == 60 * 16_000


def test_a_slow_reader_is_not_the_fault_of_the_file(tmp_path: Path) -> None:
    with decode(samples.wav(tmp_path / "a.wav", seconds=120), Limits(max_wall=1)) as stream:
        next(stream)
        time.sleep(2.0)
        assert len(np.concatenate(list(stream))) == 119 * 16_000


def test_the_decoder_dies_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    path = samples.flac_of_silence(tmp_path / "a.flac", seconds=7_200, rate=16_000)
    program = "import sys, time\nfrom antiphon.media.decode import decode\ns = decode(sys.argv[1])\nnext(s)\nprint(s.pid, flush=True)\ntime.sleep(60)"
    environment = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, env=environment
    ) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    deadline = time.monotonic() + 5
    while (
        Path(f"/proc/{child}").exists()
        and "Z" not in Path(f"/proc/{child}/stat").read_text(encoding="ascii").split()[2]
    ):
        assert time.monotonic() < deadline, "the decoder lives on"
        time.sleep(0.02)


@pytest.mark.parametrize(("extension", "hours"), [("flac", 2), ("wav", 2)])
def test_memory_does_not_grow_with_the_length(
    extension: str, hours: int, tmp_path: Path, resident: Callable[[], int]
) -> None:
    """2 hours against 10 minutes: this process and the decoder's, at their largest."""

    def largest(seconds: int) -> tuple[int, int]:
        path = tmp_path / f"{seconds}.{extension}"
        if extension == "flac":
            samples.flac_of_silence(path, seconds=seconds, rate=16_000)
        else:
            samples.wav_with_header(path, rate=16_000, channels=1, samples=seconds * 16_000)
        here = there = count = 0
        with decode(path) as stream:
            status = Path(f"/proc/{stream.pid}/status")
            for number, block in enumerate(stream):
                count += len(block)
                if number % 60 == 0:
                    here = max(here, resident())
                    there = max(
                        [
                            there,
                            *(
                                int(line.split()[1])
                                for line in status.read_text().splitlines()
                                if line.startswith("VmHWM")
                            ),
                        ]
                    )
        assert count == seconds * 16_000
        return here, there * 1024

    short, long = largest(600), largest(hours * 3600)
    assert long[0] - short[0] < 20 << 20
    assert long[1] <= 1.1 * short[1]


def test_a_recording_longer_than_the_limit_ends_as_too_long(tmp_path: Path) -> None:
    path = samples.wav(tmp_path / "a.wav", seconds=3)
    with pytest.raises(MediaError) as refused:
        probe(path, Limits(max_duration=2))
    assert refused.value.code == "media_too_long"


def test_an_old_ffmpeg_reads_nothing_and_no_recording_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U-12: a PyAV with FFmpeg 8.1.1 stands before ours on the path that the child is given."""
    for name in ("av", "av/subtitles"):
        (tmp_path / "old" / name).mkdir(parents=True)
        (tmp_path / "old" / name / "__init__.py").write_text("ffmpeg_version_info = '8.1.1'\n")
    for name in ("codeccontext", "stream"):
        (tmp_path / "old/av/subtitles" / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    with pytest.raises(RuntimeError, match=r"FFmpeg 8\.1\.2 or newer is needed, PyAV brings '8\.1\.1'"):
        probe(samples.wav(tmp_path / "fine.wav"))
