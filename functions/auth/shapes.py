"""What the routes take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from antiphon.identity.account import KEEP
from antiphon.platform.fields import Spec, boolean, choice, integer, items, moment, nullable, number, record, text

EMAIL, SECRET, TOKEN = text(3, 320), text(1, 2000), text(1, 4096)
NAME = text(1, 100)
REGISTER = record({"email": EMAIL, "password": SECRET}, {"display_name": nullable(NAME)})
LOGIN = record({"email": EMAIL, "password": SECRET})
REFRESH = record({"refresh_token": TOKEN})
FORGOT = record({"email": EMAIL})
RESET = record({"token": TOKEN, "new_password": SECRET})
FIREBASE = record({"id_token": text(1, 8192)})
PASSWORD = record({"current_password": SECRET, "new_password": SECRET})
ERASE = record(optional={"password": SECRET})

LANGUAGE = text(2, 20, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")


def _patch(**fields: Spec) -> Spec:
    """Of a JSON Merge Patch (RFC 7396): each field may be left out, and null removes it."""
    return record(optional={name: nullable(spec) for name, spec in fields.items()})


TRANSCRIPTION_DEFAULTS = _patch(
    language=LANGUAGE,
    model=text(1, 100),
    task=choice("transcribe", "translate"),
    diarize=boolean(),
    align=boolean(),
    min_speakers=integer(1, 20),
    max_speakers=integer(1, 20),
    initial_prompt=text(1, 200),
    hotwords=text(1, 200),
)
SPEECH_DEFAULTS = _patch(
    language=LANGUAGE,
    voice=text(1, 200),
    format=choice("mp3", "opus", "aac", "flac", "wav", "pcm"),
    speed=number(0.25, 4),
)
PREFERENCES = _patch(
    theme=choice("light", "dark", "system"),
    language=LANGUAGE,
    notifications=_patch(email=boolean(), browser=boolean()),
    defaults=_patch(transcription=TRANSCRIPTION_DEFAULTS, speech=SPEECH_DEFAULTS),
)
PROFILE = _patch(display_name=NAME, preferences=PREFERENCES)
KEY = record(
    {"name": NAME, "scopes": items(text(3, 50), 1, 50)},
    {"expires_at": nullable(moment()), "monthly_budget_usd": nullable(number(0.0001, 1_000_000))},
)


def changes_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """A display name that is left out stays; null removes it."""
    return {"display_name": sent.get("display_name", KEEP), "preferences": sent.get("preferences", {})}
