"""SubRip and WebVTT, as OpenAI's whisper and WhisperX lay them out."""

from __future__ import annotations

from antiphon.speech.render.cues import cues_of, for_srt, for_vtt
from antiphon.speech.render.model import RenderOptions, Transcript
from antiphon.speech.render.timestamps import clock


def srt(transcript: Transcript, options: RenderOptions) -> str:
    return "".join(
        f"{number}\n{clock(cue.start, mark=',')} --> {clock(cue.end, mark=',')}\n{cue.text}\n\n"
        for number, cue in enumerate(cues_of(transcript, options, for_srt), start=1)
    )


def vtt(transcript: Transcript, options: RenderOptions) -> str:
    cues = (
        f"{clock(cue.start, hours=False)} --> {clock(cue.end, hours=False)}\n{cue.text}\n\n"
        for cue in cues_of(transcript, options, for_vtt)
    )
    return "WEBVTT\n\n" + "".join(cues)
