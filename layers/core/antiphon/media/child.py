"""The process in which a stranger's bytes are read: ``python -m antiphon.media.child <path> <start> <limits as JSON>``.

Writes to stdout: one line of JSON with what the recording is, then 16-bit samples, mono, 16 kHz, to the end. Ends with status 0, or with 3 after one
line of JSON on stderr that says what is wrong. Any other end means that a limit of the system stopped it.

FFmpeg follows references in playlists and manifests and takes memory by what a header claims, so: only named demuxers, no protocol but files, limits of
the process, and all before the first byte is parsed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

SAMPLE_RATE = 16_000
FORMATS = "wav,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,aac,amr,amrnb,amrwb,asf,avi"
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
REFUSED = 3
BLOCK = SAMPLE_RATE
"""Samples written at once: one second."""


class Refused(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def hold(limits: dict[str, Any]) -> None:
    """The limits of the system for this process. Nothing here may be lifted again."""
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"],) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with_parent() -> None:
    """A worker that is killed must not leave decoders behind. Linux only; elsewhere the closed pipe ends them."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() == 1:
            sys.exit(REFUSED)


def inspect(container: Any, limits: dict[str, Any]) -> dict[str, Any]:
    """What the headers say, where it is within the limits."""
    if len(container.streams) > limits["max_streams"]:
        raise Refused(
            "media_out_of_bounds",
            f"The file has {len(container.streams)} streams; at most {limits['max_streams']} are read.",
        )
    if not container.streams.audio:
        raise Refused("no_audio", "The file has no sound in it.")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if not limits["min_rate"] <= context.sample_rate <= limits["max_rate"]:
        raise Refused(
            "media_out_of_bounds",
            f"The sample rate is {context.sample_rate} Hz; {limits['min_rate']} to {limits['max_rate']} Hz are read.",
        )
    if not 1 <= context.channels <= limits["max_channels"]:
        raise Refused(
            "media_out_of_bounds", f"The sound has {context.channels} channels; 1 to {limits['max_channels']} are read."
        )
    duration = None
    if stream.duration is not None and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / 1_000_000
    if duration is not None and not 0 <= duration < 10**9:
        duration = None  # a header that claims nonsense
    if duration is not None and duration > limits["max_duration"]:
        raise Refused(
            "media_too_long",
            f"The recording lasts {duration / 3600:.1f} hours; at most {limits['max_duration'] / 3600:g} are taken.",
        )
    return {
        "container": container.format.name,
        "codec": context.name,
        "duration": duration,
        "sample_rate": context.sample_rate,
        "channels": context.channels,
        "streams": len(container.streams),
        "bit_rate": container.bit_rate or None,
    }


def samples(container: Any, errors: list[int]) -> Any:
    """Arrays of int16. A damaged packet is left out, as players do, and counted."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    stream = container.streams.audio[0]
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                errors[0] += 1
                continue
            for frame in frames:
                frame.pts = None  # a jump in the clock of the file must not become hours of silence
                for part in resampler.resample(frame):
                    yield part.to_ndarray().reshape(-1)
    except av.error.InvalidDataError:
        errors[0] += 1
    for part in resampler.resample(None):
        yield part.to_ndarray().reshape(-1)


def decode(path: str, start: float, limits: dict[str, Any]) -> None:
    import av

    av.logging.set_level(av.logging.PANIC)
    try:
        container = av.open(path, mode="r", options=OPTIONS)
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise Refused("unsupported_media", "The file is no recording that can be read.") from error
    out = sys.stdout.buffer
    with container:
        out.write(json.dumps(inspect(container, limits)).encode() + b"\n")
        out.flush()
        skip, written, errors = round(start * SAMPLE_RATE), 0, [0]
        most = round(limits["max_duration"] * SAMPLE_RATE)
        pending: list[Any] = []
        size = 0
        for part in samples(container, errors):
            written += len(part)
            if written > most:
                raise Refused(
                    "media_too_long", f"The recording lasts more than {limits['max_duration'] / 3600:g} hours."
                )
            if skip:
                cut = min(skip, len(part))
                skip -= cut
                part = part[cut:]
            if len(part):
                pending.append(part.tobytes())
                size += len(part)
            if size >= BLOCK:
                out.write(b"".join(pending))
                out.flush()
                pending, size = [], 0
        out.write(b"".join(pending))
        out.flush()
    if not written:
        raise Refused("undecodable_media" if errors[0] else "empty_media", "No sound could be read from the file.")


def main() -> int:
    path, start, limits = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
    die_with_parent()
    hold(limits)
    try:
        decode(path, start, limits)
    except Refused as refused:
        print(json.dumps({"code": refused.code, "detail": refused.detail}), file=sys.stderr, flush=True)
        return REFUSED
    except MemoryError:
        out_of_bounds = {
            "code": "media_out_of_bounds",
            "detail": "Reading the file would take more memory than any recording needs.",
        }
        print(json.dumps(out_of_bounds), file=sys.stderr, flush=True)
        return REFUSED
    return 0


if __name__ == "__main__":
    # A reader that went away is an answer too: nothing is left to be said to it.
    try:
        status = main()
    except BrokenPipeError:
        status = 0
    os._exit(status)
