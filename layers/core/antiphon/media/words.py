"""Operations as sentences, such that `understand` takes them back."""

from __future__ import annotations

from antiphon.media.operations import (
    AnyOperation,
    Channels,
    Concat,
    Convert,
    Cut,
    Denoise,
    Fade,
    Gain,
    Normalize,
    Pitch,
    Reverse,
    Speed,
    Trim,
)

_CHANNELS = {
    "mono": "Mix to mono",
    "stereo": "Make it stereo",
    "left": "Keep the left channel",
    "right": "Keep the right channel",
    "swap": "Swap the channels",
}


def clock(seconds: float) -> str:
    """``1:02:03.5``, to the millisecond, without zeros at its end."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:" if hours else f"{minutes}:"
    text = f"{hours}:{text}" if hours else text
    whole, part = divmod(rest, 1000)
    return f"{text}{whole:02d}" + (f".{part:03d}".rstrip("0") if part else "")


def said(operation: AnyOperation) -> str:
    match operation:
        case Trim(start=start, end=end):
            return f"Trim to {clock(start)}–{'end' if end is None else clock(end)}"
        case Cut(start=start, end=end):
            return f"Cut {clock(start)}–{clock(end)}"
        case Concat(media_ids=ids):
            return f"Append {', '.join(ids)}"
        case Fade(fade_in=fade_in, fade_out=fade_out):
            parts = [f"{name} over {number(value)} s" for name, value in (("in", fade_in), ("out", fade_out)) if value]
            return f"Fade {' and '.join(parts)}"
        case Gain(db=db):
            return f"{'Raise' if db >= 0 else 'Lower'} the volume by {number(abs(db))} dB"
        case Normalize(lufs=lufs, true_peak=peak):
            return f"Normalize to {number(lufs)} LUFS with a true peak of {number(peak)} dB"
        case Denoise(reduction_db=reduction):
            return f"Reduce the noise by {number(reduction)} dB"
        case Speed(factor=factor):
            return f"Play at {number(factor)} times the speed"
        case Pitch(semitones=semitones):
            return f"{'Raise' if semitones >= 0 else 'Lower'} the pitch by {number(abs(semitones))} semitones"
        case Reverse():
            return "Reverse"
        case Channels(to=to):
            return _CHANNELS[to]
        case Convert():
            return _converted(operation)


def _converted(wanted: Convert) -> str:
    parts = [f"Convert to {wanted.format}" if wanted.format else "Convert"]
    if wanted.bit_rate:
        parts.append(f"at {number(wanted.bit_rate / 1000)} kbit/s")
    if wanted.sample_rate:
        parts.append(f"at {wanted.sample_rate} Hz")
    if wanted.channels:
        parts.append("in mono" if wanted.channels == 1 else "in stereo")
    return " ".join(parts)


def number(value: float) -> str:
    """To a thousandth, without zeros at its end."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
