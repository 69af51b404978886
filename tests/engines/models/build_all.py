"""`python -m tests.engines.models.build_all FOLDER PHRASE`, in the engines' own environment: what a worker with the whole chain loads."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.engines.models import alignment, diarization, whisper

if __name__ == "__main__":
    folder, phrase = Path(sys.argv[1]), sys.argv[2]
    whisper.build(folder / "whisper" / "phrase", phrase)
    alignment.build(folder / "align" / "en")
    alignment.build_sentence_data(folder / "nltk")
    diarization.build(folder / "diarization")
