"""A-49: what a function keeps from one request to the next is nobody's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

import pytest

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.model import User
from antiphon.media.items import Media
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.table import Table
from tests.contract import warm as functions
from tests.contract.warm import warm

ANNA, BORIS = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "usr_01BX5ZZKBKACTAV9WEVGEMMVRZ"
MEDIA = {ANNA: "med_01ARZ3NDEKTSV4RRFFQ69G5FAV", BORIS: "med_01BX5ZZKBKACTAV9WEVGEMMVRZ"}
CALLS = 40
"""Of each function; the authorizer and `auth`, which know who somebody is, are called 200 times in test_identity_store_path.py."""
PHONE = {"platform": "android", "capabilities": [{"action": "notify"}]}
FILE = {"content_type": "audio/wav", "size": 10}
MAKES: Mapping[str, Mapping[str, Any]] = {
    "chat": {"POST /v1/conversations": {"title": ...}, "POST /v1/presets": {"name": ...}},
    "devices": {"POST /v1/devices": {**PHONE, "name": ...}},
    "documents": {"POST /v1/documents": {"filename": ..., "content_type": "application/pdf", "size": 10}},
    "media": {},
    "speech": {
        "POST /v1/transcriptions": {**FILE, "filename": "a.wav", "title": ...},
        "POST /v1/speech": {"input": "Hello.", "title": ...},
        "POST /v1/diarizations": {**FILE, "filename": "a.wav", "title": ...},
    },
    "webhooks": {"POST /v1/webhooks": {"url": "https://hooks.example.com", "events": ["*"], "description": ...}},
}
"""What each user makes in a function: `...` is the user's name."""
READS: Mapping[str, tuple[str, ...]] = {
    "chat": ("GET /v1/conversations", "GET /v1/conversations/{id}", "GET /v1/presets"),
    "devices": ("GET /v1/devices", "GET /v1/devices/{id}"),
    "documents": ("GET /v1/documents", "GET /v1/documents/{id}"),
    "media": ("GET /v1/media", "GET /v1/media/{id}"),
    "speech": (
        "GET /v1/transcriptions",
        "GET /v1/transcriptions/{id}",
        "GET /v1/speech",
        "GET /v1/speech/{id}",
        "GET /v1/diarizations",
    ),
    "webhooks": ("GET /v1/webhooks", "GET /v1/webhooks/{id}", "GET /v1/webhook_endpoints"),
}


@pytest.mark.parametrize("name", MAKES)
def test_two_users_of_one_warm_function_never_see_each_others_data(
    table: Table, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A-49: each answer names its user, however the calls alternate, and what is another's is not there."""
    functions.prepare(table, monkeypatch)
    names = {ANNA: "Anna Aardvark", BORIS: "Boris Buffalo"}
    ids: dict[tuple[str, str], str] = {}
    with warm(name) as function:
        for user, known_as in names.items():
            DynamoUsers(table).create(User(user, f"{user}@example.com", "x", datetime.now(UTC)))
            for route, body in MAKES[name].items():
                made = function.made(user, route, {k: known_as if v is ... else v for k, v in body.items()})
                ids[user, route.split(" ")[1]] = made["id"]
            media = Media(MEDIA[user], user, "media", names[user], "audio/wav", 1, datetime.now(UTC))
            DynamoMediaStore(table).create(media)
            ids[user, "/v1/media"] = media.id
        calls = ((route, user) for route in cycle(READS[name]) for user in names)
        for number, (route, user) in enumerate(islice(calls, CALLS)):
            thing = ids.get((user, route.split(" ")[1].removesuffix("/{id}")), "")
            answer = function(user, route, id=thing)
            other = BORIS if user == ANNA else ANNA
            assert answer["statusCode"] == 200, (number, route, answer["body"])
            assert names[user] in answer["body"], (number, route)
            for foreign in (other, names[other], *(i for (owner, _), i in ids.items() if owner == other)):
                assert foreign not in answer["body"], (number, route)
        for route in READS[name]:
            if "{id}" in route:
                thing = ids[ANNA, route.split(" ")[1].removesuffix("/{id}")]
                assert function(BORIS, route, id=thing)["statusCode"] == 404
