"""What each operation does to samples, on short synthetic signals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.media.filters import Meter, Sound
from antiphon.media.operations import operation_of
from antiphon.media.stages import COMPRESSED, Stream, Studio, through

RATE = 16_000
OTHER = "med_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def tone(seconds: float, hertz: float = 440.0, level: float = 0.25, channels: int = 1) -> np.ndarray:
    wave = (np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE) * level).astype(np.float32)
    return np.repeat(wave[:, None], channels, axis=1)


def noise(seconds: float, level: float = 0.1, channels: int = 1) -> np.ndarray:
    """Different in every sample and channel, so that one too few or too many shows."""
    chance = np.random.default_rng(7)
    return chance.uniform(-level, level, (round(seconds * RATE), channels)).astype(np.float32)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.other = noise(0.3, level=0.2)
        self.studio = Studio(folder, lambda media_id, sound: [self.other], {OTHER: 0.3}, [])

    def run(self, samples: np.ndarray, *operations: dict[str, Any], block: int = 777) -> np.ndarray:
        """block: a number that divides nothing."""
        sound = Sound(RATE, samples.shape[1])
        blocks = [samples[first : first + block] for first in range(0, len(samples), block)]
        stream = Stream(blocks, sound, len(samples) / RATE)
        for each in operations:
            stream = through(operation_of(each), stream, self.studio)
        made = list(stream.blocks)
        self.sound = stream.sound
        return np.concatenate(made) if made else np.empty((0, stream.sound.channels), np.float32)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def at(seconds: float) -> int:
    return round(seconds * RATE)


def test_what_is_exact_is_exact_to_the_sample(bench: Bench) -> None:
    x = noise(1.0, channels=2)
    assert (bench.run(x, {"op": "trim", "start": 0.1, "end": 0.4}) == x[at(0.1) : at(0.4)]).all()
    assert (bench.run(x, {"op": "trim", "start": 0.7}) == x[at(0.7) :]).all()
    assert (bench.run(x, {"op": "cut", "start": 0.1, "end": 0.4}) == np.concatenate([x[: at(0.1)], x[at(0.4) :]])).all()
    assert (bench.run(x, {"op": "reverse"}) == x[::-1]).all()
    assert (bench.run(x, {"op": "reverse"}, {"op": "reverse"}) == x).all()
    assert (bench.run(x, {"op": "gain", "db": -20}) == x * np.float32(0.1)).all()
    mono = noise(0.5)
    joined = bench.run(mono, {"op": "concat", "media_ids": [OTHER, OTHER]})
    assert (joined == np.concatenate([mono, bench.other, bench.other])).all()


def test_a_long_recording_is_turned_round_piece_by_piece(bench: Bench) -> None:
    x = noise(10.0)
    assert (bench.run(x, {"op": "reverse"}) == x[::-1]).all()


def test_operations_are_done_in_order(bench: Bench) -> None:
    x = noise(1.0)
    made = bench.run(x, {"op": "trim", "start": 0.5}, {"op": "reverse"}, {"op": "trim", "end": 0.1})
    assert (made == x[::-1][: at(0.1)]).all()
    made = bench.run(x, {"op": "reverse"}, {"op": "trim", "start": 0.5})
    assert (made == x[::-1][at(0.5) :]).all()


def test_a_fade_begins_and_ends_in_silence_and_leaves_the_middle_alone(bench: Bench) -> None:
    x = np.ones((RATE, 1), np.float32)
    made = bench.run(x, {"op": "fade", "in": 0.25, "out": 0.5})[:, 0]
    assert (made[0], made[-1]) == (0, 0)
    assert made[at(0.125)] == pytest.approx(0.5)
    assert (made[at(0.25) : at(0.5) - 1] == 1).all()
    assert made[at(0.75)] == pytest.approx(0.5, abs=0.001)
    assert (np.diff(made[: at(0.25)]) > 0).all()
    assert (np.diff(made[at(0.5) :]) < 0).all()
    whole = bench.run(x, {"op": "fade", "in": 1, "out": 1})[:, 0]
    assert whole[at(0.5)] == pytest.approx(0.25, abs=0.001)


def loudness(samples: np.ndarray) -> tuple[float, float]:
    meter = Meter(Sound(RATE, samples.shape[1]))
    meter.show(samples)
    found = meter.loudness()
    assert found.lufs is not None
    assert found.true_peak is not None
    return found.lufs, found.true_peak


@pytest.mark.parametrize("level", [0.01, 0.6])
def test_normalized_sound_has_the_loudness_that_was_asked_for(bench: Bench, level: float) -> None:
    """EBU R 128, within 0.5 LU; quiet and loud."""
    x = tone(3, level=level, channels=2) + noise(3, level=level / 10, channels=2)
    made = bench.run(x, {"op": "normalize", "lufs": -18})
    lufs, peak = loudness(made)
    assert lufs == pytest.approx(-18, abs=0.5)
    assert peak <= -1.5
    assert bench.studio.warnings == []
    assert len(made) == len(x)


def test_peaks_without_room_are_held_down_and_said(bench: Bench) -> None:
    x = tone(4, level=0.02)
    x[:: RATE // 2] = 0.9
    made = bench.run(x, {"op": "normalize"})
    _, peak = loudness(made)
    assert peak <= -1.4
    assert loudness(made)[0] > loudness(x)[0] + 5
    assert bench.studio.warnings == [COMPRESSED]
    assert len(made) == len(x)


def test_silence_stays_silence(bench: Bench) -> None:
    x = np.zeros((RATE, 1), np.float32)
    assert (bench.run(x, {"op": "normalize"}) == x).all()


def loudest_hertz(samples: np.ndarray) -> float:
    middle = samples[RATE // 4 : -RATE // 4, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * RATE / len(middle))


@pytest.mark.parametrize("factor", [0.25, 0.8, 1.5, 4.0])
def test_speed_changes_the_length_and_not_the_pitch(bench: Bench, factor: float) -> None:
    made = bench.run(tone(4), {"op": "speed", "factor": factor})
    assert len(made) == round(4 * RATE / factor)
    assert loudest_hertz(made) == pytest.approx(440, rel=0.02)


@pytest.mark.parametrize("semitones", [-12, -5, 7, 12])
def test_pitch_changes_the_pitch_and_not_the_length(bench: Bench, semitones: int) -> None:
    made = bench.run(tone(3), {"op": "pitch", "semitones": semitones})
    assert len(made) == 3 * RATE
    assert loudest_hertz(made) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.02)


def test_denoise_lowers_the_noise_and_leaves_the_tone(bench: Bench) -> None:
    hiss = noise(4, level=0.01)
    x = hiss.copy()
    x[2 * RATE : 3 * RATE] += tone(1, level=0.3)
    made = bench.run(x, {"op": "denoise", "reduction_db": 12})

    def level(samples: np.ndarray) -> float:
        return float(20 * np.log10(np.sqrt(np.mean(samples**2))))

    lowered = level(made[RATE : int(1.8 * RATE)]) - level(x[RATE : int(1.8 * RATE)])
    assert lowered == pytest.approx(-12, abs=2)
    inside = slice(int(2.3 * RATE), int(2.7 * RATE))
    assert level(made[inside]) == pytest.approx(level(x[inside]), abs=1)


def test_channels_are_mixed_taken_and_swapped(bench: Bench) -> None:
    x = noise(0.2, channels=2)
    left, right = x[:, :1], x[:, 1:]
    assert np.allclose(bench.run(x, {"op": "channels", "to": "mono"}), (left + right) / 2)
    assert (bench.run(x, {"op": "channels", "to": "left"}) == left).all()
    assert (bench.run(x, {"op": "channels", "to": "right"}) == right).all()
    assert (bench.run(x, {"op": "channels", "to": "swap"}) == x[:, ::-1]).all()
    assert (bench.run(left, {"op": "channels", "to": "stereo"}) == np.repeat(left, 2, axis=1)).all()
    assert (bench.run(left, {"op": "channels", "to": "right"}) == left).all()
    wide = bench.run(noise(0.2, channels=6), {"op": "channels", "to": "stereo"})
    assert wide.shape == (at(0.2), 2)


def test_another_rate_keeps_pitch_and_length(bench: Bench) -> None:
    made = bench.run(tone(2), {"op": "convert", "sample_rate": 8_000, "channels": 2})
    assert (bench.sound, made.shape[1]) == (Sound(8_000, 2), 2)
    assert len(made) / 8_000 == pytest.approx(2, abs=0.01)
    assert loudest_hertz(np.repeat(made, 2, axis=0)) == pytest.approx(440, rel=0.02)
