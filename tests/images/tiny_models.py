"""Tiny models in the places of the real ones: `python -m tests.images.tiny_models NAME FOLDER`, by an image's own Python."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

PHRASE = " hello world this is a test of speech"
VOICES = ("af_heart", "am_adam")


def transcriber(folder: Path) -> None:
    from tests.engines.models import alignment, diarization, whisper

    whisper.build(folder / "whisper-large-v3", PHRASE)
    shutil.rmtree(folder / "whisper-large-v3-source")
    alignment.build(folder / "wav2vec2-base-960h")
    diarization.build(folder / "speaker-diarization-community-1")
    tables = alignment.build_sentence_data(folder / "nltk") / "tokenizers"
    # As nltk publishes it, and reads it.
    shutil.make_archive(str(tables / "punkt_tab"), "zip", tables, "punkt_tab")
    shutil.rmtree(tables / "punkt_tab")


def synthesizer(folder: Path) -> None:
    from tests.engines.models import kokoro

    kokoro.build(folder / "kokoro", VOICES)


if __name__ == "__main__":
    {"transcriber": transcriber, "synthesizer": synthesizer}[sys.argv[1]](Path(sys.argv[2]))
