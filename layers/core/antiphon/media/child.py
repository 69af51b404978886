"""The process that decodes: ``python -m antiphon.media.child <lifeline> probe|decode|samples <limits as JSON> [samples to skip | rate channels]``.

stdin: the file, which must be seekable. stdout: the facts of the probe as one line of JSON; after it, where that is
asked for, samples, little-endian: of ``decode`` int16 mono 16 kHz, of ``samples`` float32, interleaved, at that rate and with so many
channels (0: those of the file). stderr: at the end one line of JSON: ``{"samples", "declared"}`` or ``{"code", "detail"}``.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from antiphon.media.model import LAYOUTS, Limits, Probe, check, check_duration, check_sound, readable
from antiphon.media.sniff import sniff
from antiphon.platform.confinement import confine, die_with_the_parent, watch
from antiphon.platform.errors import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container.input import InputContainer

_RATE = 16_000
_WIDTHS = {"s16": 2, "flt": 4}
_DEMUXERS = "wav,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,aac,amr,amrnb,amrwb,asf,avi"
"""U-10. Names as ffmpeg's ``format_whitelist`` takes them; playlists and manifests are not among them."""
_DECODERS = (
    "aac,aac_latm,ac3,eac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,dca,flac,gsm,gsm_ms,libopus,mp1,mp1float,mp2,mp2float,mp3,"
    "mp3float,opus,pcm_alaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s8,pcm_u8,speex,truehd,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
"""Audio only: no picture is ever decoded, neither to look into a file nor by mistake."""

FFMPEG = (8, 1, 2)
"""The oldest FFmpeg that may read what users send (U-12; infra/decisions/0006-ffmpeg-of-pyav.md)."""
_SIZE_UNKNOWN = 0x7FFFF000
"""From here on the size of a WAV is a placeholder."""


def main() -> int:
    task, limits = sys.argv[2], Limits(**json.loads(sys.argv[3]))
    die_with_the_parent(int(sys.argv[1]))
    # While files may still be opened. PyAV itself loads the last two only when a file has subtitles.
    for module in ("av", "filetype", "av.subtitles.codeccontext", "av.subtitles.stream"):
        importlib.import_module(module)
    check_ffmpeg(sys.modules["av"].ffmpeg_version_info)
    confine(limits)
    try:
        report = _run(limits, _wanted(task, [int(each) for each in sys.argv[4:]]))
    except MediaError as error:
        report = {"code": error.code, "detail": error.detail}
    except MemoryError:
        report = {"code": "media_out_of_bounds", "detail": "Reading the file would take more memory than is allowed."}
    except BrokenPipeError:
        return 0  # nobody listens any more
    sys.stderr.write(json.dumps(report) + "\n")
    return 0


@dataclass(frozen=True)
class Wanted:
    """Samples, and how many of them to leave out at the beginning. rate, channels: 0 for the file's own."""

    format: str
    rate: int
    channels: int
    skip: int = 0


def _wanted(task: str, arguments: list[int]) -> Wanted | None:
    """None to look into the file only."""
    if task == "decode":
        return Wanted("s16", _RATE, 1, arguments[0])
    return Wanted("flt", *arguments) if task == "samples" else None


def check_ffmpeg(found: str) -> None:
    """found: as FFmpeg calls itself (``8.1.2``, ``n8.1.2-3-gabc``). Ends the process where it is older than ``FFMPEG`` or names no
    release (a build from git): no file is blamed for it, and the worker's log says what to install."""
    release = re.match(r"n?(\d+)\.(\d+)(?:\.(\d+))?(?![\w.])", found)
    if release is None or tuple(int(part or 0) for part in release.groups()) < FFMPEG:
        sys.exit(
            f"FFmpeg {'.'.join(map(str, FFMPEG))} or newer is needed, PyAV brings {found!r}: install a newer PyAV."
        )


class _Source:
    """The file, for PyAV. A damaged file sends its reader to impossible places: that is an answer (-1), as ffmpeg's own files give it,
    where an exception would surface as if our program were wrong."""

    def read(self, size: int) -> bytes:
        return os.read(0, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return os.lseek(0, offset, whence)
        except (OSError, OverflowError):
            return -1

    def tell(self) -> int:
        return os.lseek(0, 0, os.SEEK_CUR)


def _open(limits: Limits) -> tuple[InputContainer, AudioStream, Probe]:
    import av

    try:
        container = av.open(
            _Source(),
            "r",
            metadata_errors="replace",  # tags come in every encoding of the last forty years
            options={
                "format_whitelist": _DEMUXERS,
                "codec_whitelist": _DECODERS,
                "protocol_whitelist": "file,pipe",
            },
        )
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        raise _unreadable() from error
    if not container.streams.audio:
        raise MediaError("The file has no sound track.", code="no_audio")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        raise MediaError("The sound track is of a kind that is not supported.", code="unsupported_media")
    found = Probe(
        container=container.format.name,
        codec=context.name,
        duration=container.duration / av.time_base if container.duration and container.duration > 0 else None,
        sample_rate=context.sample_rate,
        channels=context.channels,
        streams=len(container.streams),
        bit_rate=container.bit_rate or None,
        tags=readable({**stream.metadata, **container.metadata}),
    )
    check(found, limits)
    return container, stream, found


def _unreadable() -> MediaError:
    if sniff(os.pread(0, 65_536, 0)).kind in ("audio", "video"):
        return MediaError("The recording is damaged or incomplete: it cannot be read.", code="undecodable_media")
    return MediaError(
        "The file is no recording of a kind that can be read. Send wav, mp3, m4a, aac, ogg, opus, flac, amr, wma, webm, mkv, mp4, mov, avi or wmv.",
        code="unsupported_media",
    )


def _run(limits: Limits, wanted: Wanted | None) -> dict[str, Any]:
    container, stream, found = _open(limits)
    with open(1, "wb", buffering=2 * _RATE, closefd=False) as out:
        out.write(json.dumps(asdict(found)).encode() + b"\n")
        out.flush()
        samples = 0
        if wanted:
            own = replace(wanted, rate=wanted.rate or found.sample_rate, channels=wanted.channels or found.channels)
            samples = _write(out, container, stream, limits, own)
    return {"samples": samples, "declared": _declared(found)}


def _write(out: IO[bytes], container: InputContainer, stream: AudioStream, limits: Limits, wanted: Wanted) -> int:
    """Gives the samples decoded, those that were skipped among them."""
    samples = watched = 0
    width = _WIDTHS[wanted.format] * wanted.channels
    for data in _sound(container, stream, wanted):
        before, samples = samples, samples + len(data) // width
        check_duration(samples / wanted.rate, limits)
        if samples > wanted.skip:
            # A reader that takes its time is not the file's fault: the clock stands still while it is waited for.
            signal.alarm(0)
            out.write(data[max(0, wanted.skip - before) * width :])
            watch(limits)
        elif samples - watched >= wanted.rate:
            watched = samples
            watch(limits)
    signal.alarm(0)
    return samples


def _declared(found: Probe) -> float | None:
    """Seconds. Of a WAV ffmpeg gives those that the file has room for; this gives those that its header promises."""
    if found.container != "wav" or found.duration is None:
        return found.duration
    there = os.fstat(0).st_size
    promised = int.from_bytes(os.pread(0, 4, 4), "little") + 8
    # Who writes into a pipe does not know the size, and puts the largest number there.
    return found.duration * promised / there if there < promised < _SIZE_UNKNOWN else found.duration


def _sound(container: InputContainer, stream: AudioStream, wanted: Wanted) -> Iterator[bytes]:
    """All that can be decoded; damaged packets are left out, as every player does.

    To recognise speech int16, because only for integers swresample scales the mix of several channels down to what cannot clip.
    """
    from av import AudioResampler

    resampler: AudioResampler | None = None
    shape: tuple[str, str, int] | None = None
    for frame in _frames(container, stream):
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != shape:
            check_sound(frame.sample_rate, len(frame.layout.channels))
            if resampler is not None:
                yield from _raw(resampler, None, wanted)
            resampler = AudioResampler(format=wanted.format, layout=LAYOUTS[wanted.channels], rate=wanted.rate)
            shape = found
        frame.pts = None  # samples follow each other as they come; clocks of damaged files run backwards
        assert resampler is not None
        yield from _raw(resampler, frame, wanted)
    if resampler is not None:
        yield from _raw(resampler, None, wanted)


def _raw(resampler: Any, frame: Any, wanted: Wanted) -> Iterator[bytes]:
    for made in resampler.resample(frame):
        yield bytes(memoryview(made.planes[0])[: made.samples * _WIDTHS[wanted.format] * wanted.channels])


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            continue
        yield from frames


if __name__ == "__main__":
    sys.exit(main())
