from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from antiphon.engines.voices import catalogue
from antiphon.platform import openai_errors
from antiphon.platform.errors import Invalid, TooMany
from antiphon.speech.openai.asked import Wanted, wanted_transcription, wanted_translation
from antiphon.speech.openai.languages import NAMES, code_of, name_of
from antiphon.speech.openai.names import SPEAKERS, TRANSCRIBERS, VOICES, all_voices, audio_models, own_voice
from antiphon.speech.openai.shapes import NewAudioSpeech, NewAudioTranscription, NewAudioTranslation, nested


def asked(*pairs: tuple[str, str], model: str = "whisper-1") -> Wanted:
    return wanted_transcription(NewAudioTranscription(**nested([("model", model), *pairs])), "whisperx")


def test_the_same_recording_in_another_format_is_the_same_job() -> None:
    formats = ("json", "text", "srt", "vtt", "verbose_json")
    wanted = [asked(("response_format", f)) for f in formats]
    wanted += [asked(("response_format", "verbose_json"), ("timestamp_granularities[]", "word"))]
    wanted += [asked(model="gpt-4o-transcribe"), asked(("stream", "true"), model="gpt-4o-mini-transcribe")]
    assert all(w.options == wanted[0].options for w in wanted)
    assert asked(("response_format", "diarized_json")).options == asked(model="gpt-4o-transcribe-diarize").options
    assert asked(model="gpt-4o-transcribe-diarize").options["diarize"]


def test_what_is_said_of_a_recording_reaches_the_engine() -> None:
    wanted = asked(
        ("prompt", "x" * 3000 + "Antiphon"),
        ("temperature", "0.2"),
        ("keywords[]", "psalm"),
        ("keywords[]", "verse"),
        ("hotwords", "choir"),
        ("languages[]", "German"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.4"),
    )
    assert wanted.options["initial_prompt"].endswith("xAntiphon")
    assert len(wanted.options["initial_prompt"]) == 2000
    assert wanted.options["temperature"] == 0.2
    assert wanted.options["hotwords"] == "psalm, verse, choir"
    assert wanted.options["language"] == "de"
    assert wanted.options["vad"] == {"onset": 0.4}
    assert "language" not in asked(("languages[]", "en"), ("languages[]", "de")).options
    assert asked(("chunking_strategy", '{"type": "server_vad", "threshold": 0.4}')).options["vad"] == {"onset": 0.4}
    assert "vad" not in asked(("chunking_strategy", "auto")).options


def test_what_is_said_twice_is_meant_once() -> None:
    named = [("timestamp_granularities[]", name) for name in ("word", "word", "segment")]
    twice = asked(("response_format", "verbose_json"), *named)
    assert (twice.words, twice.segments) == (True, True)


def test_every_language_may_be_named_at_once() -> None:
    """ISO 639-1 has 183."""
    assert "language" not in asked(*(("languages[]", code) for code in (*NAMES, *NAMES))).options


def test_whisper_1_never_streams() -> None:
    assert not asked(("stream", "true")).streams
    assert asked(("stream", "true"), model="gpt-4o-transcribe").streams
    assert asked(("stream", "true"), model="whisperx").streams
    assert not asked(("stream", "false"), model="gpt-4o-transcribe").streams


@pytest.mark.parametrize(
    ("pairs", "code", "field"),
    [
        ([("timestamp_granularities[]", "word")], "invalid_value", "timestamp_granularities"),
        ([("include[]", "logprobs")], "unsupported_value", "include"),
        ([("known_speaker_names[]", "Anna")], "unsupported_parameter", "known_speaker_names"),
        ([("known_speaker_references[]", "data:,")], "unsupported_parameter", "known_speaker_references"),
    ],
)
def test_what_cannot_be_done_is_refused(pairs: list[tuple[str, str]], code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(*pairs)
    assert (refused.value.code, refused.value.fields[0].field) == (code, field)


def test_a_model_that_is_not_there_is_not_found() -> None:
    with pytest.raises(Invalid) as refused:
        asked(model="pocketsphinx")
    assert openai_errors.status_of(refused.value) == 404
    error = openai_errors.error_object(refused.value)["error"]
    assert (error["code"], error["type"]) == ("model_not_found", "invalid_request_error")


def test_a_quota_that_has_ended_has_a_type_of_its_own() -> None:
    """By which clients tell it from a rate that is too high."""
    kinds = {}
    for code in ("quota_exceeded", "budget_exceeded", "rate_limited"):
        error = openai_errors.error_object(TooMany("It has ended.", code=code))["error"]
        kinds[code] = (error["code"], error["type"])
    ended, fast = ("insufficient_quota", "insufficient_quota"), ("rate_limit_exceeded", "rate_limit_error")
    assert kinds == {"quota_exceeded": ended, "budget_exceeded": ended, "rate_limited": fast}


def test_a_translation_is_a_task_of_its_own() -> None:
    wanted = wanted_translation(NewAudioTranslation(model="whisper-1", response_format="srt"), "whisperx")
    assert wanted.options == {"task": "translate", "diarize": False, "align": True}


@pytest.mark.parametrize(
    ("shape", "given", "code", "param", "message"),
    [
        (
            NewAudioSpeech,
            {"input": "a" * 5000},
            "string_above_max_length",
            "input",
            "Invalid 'input': string too long. Expected a string with maximum length 4096, but got a string with length 5000 instead.",
        ),
        (
            NewAudioSpeech,
            {"input": ""},
            "string_below_min_length",
            "input",
            "Invalid 'input': string too short. Expected a string with minimum length 1, but got an empty string instead.",
        ),
        (
            NewAudioSpeech,
            {"speed": 5},
            "decimal_above_max_value",
            "speed",
            "Invalid 'speed': decimal above maximum value. Expected a value <= 4, but got 5 instead.",
        ),
        (NewAudioSpeech, {"voice": None}, "invalid_type", "voice", None),
        (NewAudioSpeech, {"speed": "1.5"}, "invalid_type", "speed", None),
        (NewAudioSpeech, {"speed": True}, "invalid_type", "speed", None),
        (
            NewAudioSpeech,
            {"response_format": None},
            "invalid_value",
            "response_format",
            "Invalid value: 'null'. Supported values are: 'mp3', 'opus', 'aac', 'flac', 'wav' or 'pcm'.",
        ),
        (NewAudioSpeech, {"pitch": 1}, "unknown_parameter", "pitch", "Unknown parameter: 'pitch'."),
        (NewAudioTranslation, {}, "missing_required_parameter", "model", "Missing required parameter: 'model'."),
        (
            NewAudioTranslation,
            {"model": "whisper-1", "response_format": "doc"},
            "invalid_value",
            "response_format",
            "Invalid value: 'doc'. Supported values are: 'json', 'text', 'srt', 'verbose_json' or 'vtt'.",
        ),
        (NewAudioTranslation, {"model": "whisper-1", "temperature": "hot"}, "invalid_type", "temperature", None),
    ],
)
def test_a_wrong_field_is_named_in_openais_words(
    shape: Any, given: dict[str, Any], code: str, param: str, message: str | None
) -> None:
    good = {"model": "tts-1", "input": "Hello.", "voice": "alloy"} if shape is NewAudioSpeech else {}
    with pytest.raises(ValidationError) as wrong:
        shape(**{**good, **given})
    error = openai_errors.error_object(openai_errors.invalid(wrong.value.errors()))["error"]
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert message is None or error["message"] == message


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"type": "missing", "loc": ("body",), "msg": "Field required"},
            "missing_required_parameter",
            "Missing the body of the request.",
        ),
        (
            {
                "type": "model_attributes_type",
                "loc": ("body",),
                "msg": "Input should be a valid dictionary",
                "input": 0,
            },
            "invalid_type",
            "Invalid type for the body: input should be a valid dictionary.",
        ),
    ],
)
def test_a_wrong_body_is_no_parameter(body: dict[str, Any], code: str, message: str) -> None:
    error = openai_errors.error_object(openai_errors.invalid([body]))["error"]
    assert error == {"message": message, "type": "invalid_request_error", "param": None, "code": code}


@pytest.mark.parametrize("given", [True, None])
def test_truth_is_no_number_in_a_strategy(given: Any) -> None:
    with pytest.raises(ValidationError):
        asked(("chunking_strategy", json.dumps({"type": "server_vad", "prefix_padding_ms": given})))


@pytest.mark.parametrize("engine", ["espeak", "kokoro"])
def test_every_voice_of_openai_is_one_of_the_engine(engine: str) -> None:
    own = {voice.id for voice in catalogue(engine)}
    assert len(VOICES) == 13
    assert {own_voice(name, engine) for name in VOICES} <= own
    assert own_voice("af_heart(2)+af_sky(1)", engine) == "af_heart(2)+af_sky(1)"
    assert [name for name, _ in all_voices(engine)][:13] == list(VOICES)
    with pytest.raises(Invalid):
        own_voice("nobody", engine)


def test_two_voices_of_openai_are_two_voices_where_the_engine_has_them() -> None:
    assert len({own_voice(name, "kokoro") for name in VOICES}) == 13


def test_the_models_are_named_with_the_engine_that_answers() -> None:
    models = {model.name: model for model in audio_models("whisperx", "kokoro")}
    assert set(models) == {*TRANSCRIBERS, *SPEAKERS, "whisperx", "kokoro"}
    assert "diarization" in models["gpt-4o-transcribe-diarize"].capabilities
    assert models["tts-1-hd"].engine == "kokoro"


def test_languages_are_spelled_out() -> None:
    assert (name_of("de-AT"), name_of("yue"), name_of(None), name_of("xx")) == ("german", "cantonese", "unknown", "xx")
    assert (code_of("German"), code_of("de")) == ("de", "de")
