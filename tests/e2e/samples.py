"""Files that users might send, good and bad, made on the spot."""

from __future__ import annotations

import io
import struct
import wave
import zipfile

import av
import numpy as np

from infra.local.recordings import spoken_wav


def _wav(samples: np.ndarray, rate: int) -> bytes:
    """samples: int16, shape (frames,) or (frames, channels)."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def _tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    wave_ = (np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 220 / rate) * 8000).astype(np.int16)
    return wave_ if channels == 1 else np.repeat(wave_[:, None], channels, axis=1)


def random_bytes() -> bytes:
    return np.random.default_rng(7).bytes(50_000)


def text_named_wav() -> bytes:
    return b"RIFF is a word, and this is a letter to you.\n" * 50


def zip_named_mp3() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("talk.mp3", b"\xff\xfb" * 500)
    return file.getvalue()


def silent_wav() -> bytes:
    return _wav(np.zeros(16_000 * 3, np.int16), 16_000)


def ten_milliseconds_wav() -> bytes:
    return _wav(_tone(0.01, 16_000), 16_000)


def stereo_wav() -> bytes:
    return _wav(_tone(2, 44_100, 2), 44_100)


def surround_wav() -> bytes:
    return _wav(_tone(2, 48_000, 6), 48_000)


def wav_8k() -> bytes:
    return _wav(_tone(2, 8_000), 8_000)


def wav_96k() -> bytes:
    return _wav(_tone(2, 96_000), 96_000)


def truncated_wav() -> bytes:
    whole = spoken_wav(2)
    return whole[: len(whole) // 3]


def one_hertz_wav() -> bytes:
    """20 KB that claim to be ten thousand seconds at 1 Hz."""
    return _wav(np.zeros(10_000, np.int16), 1)


def _mp4(*, video: bool, sound: bool) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        picture = out.add_stream("mpeg4", rate=5) if video else None
        voice = out.add_stream("aac", rate=16_000, layout="mono") if sound else None
        if picture:
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            for _ in range(10):
                frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        if voice:
            frame = av.AudioFrame.from_ndarray(_tone(2, 16_000).reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            out.mux(voice.encode(frame))
            out.mux(voice.encode(None))
    return file.getvalue()


def video_with_sound() -> bytes:
    return _mp4(video=True, sound=True)


def video_without_sound() -> bytes:
    return _mp4(video=True, sound=False)


def truncated_mp4() -> bytes:
    """Cut before its index, which stands at the end."""
    whole = _mp4(video=False, sound=True)
    return whole[: len(whole) // 2]


def day_of_silence_flac() -> bytes:
    """Some 170 KB that decode to 24 hours."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono")
        block = np.zeros((1, 1 << 16), np.int16)
        for place in range(24 * 3600 * 16_000 // block.shape[1]):
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, place * block.shape[1]
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def claims_a_day() -> bytes:
    """1 KB: a WAV whose header claims a day of sound."""
    data = b"\0" * 1_000
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    size = 24 * 3600 * 32_000
    return (
        b"RIFF"
        + struct.pack("<I", 0xFFFFFFFF)
        + b"WAVE"
        + form
        + b"data"
        + struct.pack("<I", min(size, 0xFFFFFFFF))
        + data
    )


def three_hours_flac() -> bytes:
    """Three hours of a quiet room with a sentence at the beginning of each."""
    rate = 22_050
    speech = np.frombuffer(spoken_wav(1)[44:], np.int16)
    minute = np.random.default_rng(0).normal(0, 3, rate * 60).astype(np.int16)
    spoken = minute.copy()
    spoken[rate : rate + len(speech)] = speech
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=rate, layout="mono")
        for place in range(180):
            block = spoken if place % 60 == 0 else minute
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, place * len(block)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()
