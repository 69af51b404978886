"""Engines by name: what is wrong with the configuration is said at start."""

from __future__ import annotations

import pytest

from antiphon.engines.registry import make_ears, make_synthesizer, make_transcriber
from antiphon.platform.errors import EngineError


@pytest.mark.parametrize(
    ("make", "name", "settings", "says"),
    [
        (make_transcriber, "wisperx", {}, "pocketsphinx or whisperx"),
        (make_synthesizer, "piper", {}, "espeak or kokoro"),
        (make_transcriber, "whisperx", {}, "model_dir"),
        (make_synthesizer, "kokoro", {}, "model_dir"),
        (make_transcriber, "pocketsphinx", {"modell": "x"}, "no setting 'modell'"),
        (make_transcriber, "whisperx", {"model_dir": "x", "threads": "many"}, "threads"),
        (make_transcriber, "whisperx", {"model_dir": "x", "align_dirs": "en"}, "align_dirs"),
        (make_transcriber, "whisperx", {"models": "large-v3"}, "models"),
        (make_transcriber, "whisperx", {"model_dir": "x", "device_index": "first"}, "device_index"),
        (make_transcriber, "whisperx", {"model_dir": "x", "resident_models": "-1"}, "resident_models"),
        (lambda *given: make_ears(*given, "pyanote", {}), "pocketsphinx", {}, "pyannote"),
        (lambda *given: make_ears(*given, "pyannote", {}), "pocketsphinx", {}, "model_dir"),
        (lambda *given: make_ears(*given, "pyannote", {"modell": "x"}), "pocketsphinx", {}, "no setting 'modell'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(make, name, settings, says) -> None:
    with pytest.raises(EngineError, match=says):
        make(name, settings)


@pytest.mark.parametrize(
    ("make", "name"),
    [(make_transcriber, "pocketsphinx"), (make_synthesizer, "espeak")],
)
def test_an_embedded_engine_needs_no_setting_and_names_its_version(make, name) -> None:
    assert make(name, {}).name.startswith(name)
