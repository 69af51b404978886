"""Recordings for the tests, made on the spot: good ones of every kind, and those that somebody may send by mistake or on purpose.

Each function writes one file and gives its path. The sound is a tone of 440 Hz unless said otherwise.
"""

from __future__ import annotations

import random
import struct
import wave
import zipfile
from pathlib import Path
from typing import cast

import av
import numpy as np

KINDS = {
    # extension: container, codec, rate
    "wav": ("wav", "pcm_s16le", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "aac": ("adts", "aac", 44_100),
    "mov": ("mov", "aac", 44_100),
    "opus": ("opus", "libopus", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
    "oga": ("oga", "flac", 44_100),
    "flac": ("flac", "flac", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "mkv": ("matroska", "aac", 44_100),
    "avi": ("avi", "libmp3lame", 44_100),
    "wma": ("asf", "wmav2", 44_100),
    "amr": ("amr", "libopencore_amrnb", 8_000),
}
"""One of each accepted container for which there is an encoder."""
_BITS = {"wmav2": 64_000, "libopencore_amrnb": 12_200}
"""A second; these encoders do not choose for themselves."""


def tone(seconds: float, rate: int = 16_000, channels: int = 1, level: float = 0.3) -> np.ndarray:
    """int16, shape (samples, channels), the same in every channel."""
    wave_form = np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate) * 32767 * level
    return np.repeat(wave_form.astype("<i2")[:, None], channels, axis=1)


def recording(
    path: Path,
    kind: str | None = None,
    *,
    seconds: float = 3.0,
    rate: int | None = None,
    layout: str = "mono",
    samples: np.ndarray | None = None,
) -> Path:
    """A file of one of ``KINDS``, by default that of the name. samples: int16 of shape (samples, channels) instead of the tone."""
    container, codec, usual = KINDS[kind or path.suffix[1:]]
    rate = rate or usual
    with av.open(str(path), "w", format=container) as out:
        stream = cast("av.AudioStream", out.add_stream(codec, rate=rate, layout=layout))
        if codec in _BITS:
            stream.bit_rate = _BITS[codec]
        _encode(
            out, stream, tone(seconds, rate, stream.layout.nb_channels) if samples is None else samples, rate, layout
        )
    return path


def video(path: Path, *, sound: bool, seconds: float = 2.0) -> Path:
    """An mp4 of 64 × 48 pixels."""
    with av.open(str(path), "w", format="mp4") as out:
        pictures = out.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        stream = out.add_stream("aac", rate=44_100, layout="stereo") if sound else None
        for index in range(round(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index * 7 % 255, np.uint8), format="rgb24")
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode(None))
        if stream is not None:
            _encode(out, stream, tone(seconds, 44_100, 2), 44_100, "stereo")
    return path


def _encode(
    out: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray, rate: int, layout: str
) -> None:
    for first in range(0, len(samples), rate):
        part = np.ascontiguousarray(samples[first : first + rate]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = first
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def silent(path: Path, seconds: float = 3.0) -> Path:
    return recording(path, samples=np.zeros((round(seconds * KINDS[path.suffix[1:]][2]), 1), "<i2"))


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def zeros(path: Path, size: int = 1_000_000) -> Path:
    path.write_bytes(bytes(size))
    return path


def noise_bytes(path: Path, size: int = 100_000, seed: int = 1) -> Path:
    """Random bytes: not audio, whatever the name says."""
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def text(path: Path) -> Path:
    path.write_text("Dear listener,\n\nthis is a letter and no recording. Größe, 音声.\n" * 50, encoding="utf-8")
    return path


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("talk.txt", "no recording " * 1000)
    return path


def wav(path: Path, *, rate: int = 16_000, channels: int = 1, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(tone(seconds, rate, channels).tobytes())
    return path


def wav_of_unknown_length(path: Path, seconds: float = 3.0) -> Path:
    """As programs write it that record into a pipe: both sizes are 0xFFFFFFFF."""
    data = bytearray(wav(path, seconds=seconds).read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    return path


def wav_with_old_tags(path: Path) -> Path:
    """Tags as older programs wrote them: the title in Latin-1."""
    data = wav(path).read_bytes()
    title = "Café Größe".encode("latin-1")
    tags = b"INFOINAM" + struct.pack("<I", len(title)) + title
    chunk = b"LIST" + struct.pack("<I", len(tags)) + tags
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:36] + chunk + data[36:])
    return path


def wav_with_header(path: Path, *, rate: int, channels: int, samples: int = 20_000) -> Path:
    """A header that says what it is told, and that many samples of silence in each channel, 16 bit."""
    size, width = samples * 2 * channels, 2 * channels
    path.write_bytes(
        struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            36 + size,
            b"WAVE",
            b"fmt ",
            16,
            1,
            channels,
            rate,
            rate * width & 0xFFFFFFFF,
            width,
            16,
            b"data",
            size,
        )
        + bytes(size)
    )
    return path


def flac_of_silence(
    path: Path, *, seconds: float, rate: int, declared: int | None = None, frame_rate: int | None = None
) -> Path:
    """A bomb: some 15 bytes for each 65,535 samples.

    declared: samples as the header says, None for the truth, 0 for unknown. frame_rate: what the frames say, where the header lies about the rate.
    """
    block = 65_535
    total = round(seconds * rate)
    count = declared if declared is not None else total
    about = (rate << 44) | (0 << 41) | (15 << 36) | (count & (1 << 36) - 1)
    out = bytearray(
        b"fLaC\x80\x00\x00\x22" + struct.pack(">HH", block, block) + bytes(6) + about.to_bytes(8, "big") + bytes(16)
    )
    for number in range(-(-total // block)):
        size = min(block, total - number * block)
        head = (
            b"\xff\xf8"
            + bytes([0x70 | (13 if frame_rate else 0), 0x08])
            + _flac_number(number)
            + struct.pack(">H", size - 1)
        )
        if frame_rate:
            head += struct.pack(">H", frame_rate)
        frame = head + bytes([_crc(head, 8, 0x07)]) + b"\x00\x00\x00"
        out += frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")
    path.write_bytes(out)
    return path


def _flac_number(number: int) -> bytes:
    """As UTF-8 would code it, without UTF-8's gaps."""
    if number < 0x80:
        return bytes([number])
    rest: list[int] = []
    while number >= 1 << (6 - len(rest)):
        rest.insert(0, 0x80 | number & 0x3F)
        number >>= 6
    return bytes([(0xFF00 >> (len(rest) + 1) & 0xFF) | number, *rest])


def _crc(data: bytes, width: int, polynomial: int) -> int:
    value, top = 0, 1 << (width - 1)
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = ((value << 1) ^ (polynomial if value & top else 0)) & ((1 << width) - 1)
    return value


def truncated(path: Path, whole: Path, part: float) -> Path:
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def mutated(path: Path, whole: Path, seed: int) -> Path:
    """Some bytes changed, one piece cut out, one piece doubled."""
    chance, data = random.Random(seed), bytearray(whole.read_bytes())
    for _ in range(chance.randint(1, 50)):
        # Headers get as many hits as all the rest.
        data[chance.randrange(min(len(data), 200) if chance.random() < 0.5 else len(data))] = chance.randrange(256)
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(300)]
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.randrange(300)]
    path.write_bytes(data)
    return path


def dash_manifest(address: str) -> bytes:
    """A playlist that makes an unguarded ffmpeg fetch ``address``."""
    return f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT5S" minBufferTime="PT1S">
<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="64000" codecs="mp4a.40.2"><BaseURL>{address}</BaseURL>
<SegmentBase indexRange="0-100"><Initialization range="0-100"/></SegmentBase></Representation></AdaptationSet></Period></MPD>
""".encode()


def hls_playlist(address: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\n{address}\n#EXT-X-ENDLIST\n".encode()


def ffconcat(address: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{address}'\n".encode()


def session_description(port: int) -> bytes:
    return f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n".encode()


def head(path: Path, size: int = 65_536) -> bytes:
    with open(path, "rb") as source:
        return source.read(size)
