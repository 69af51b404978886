"""Every route of the OpenAPI document, called by those who may not: a route that comes later enters by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jsonschema
import pytest

from antiphon.identity.kms import KmsSigner, key_id_of
from antiphon.identity.model import User
from antiphon.identity.tokens import Issuer
from antiphon.platform.access import ROUTES, SCOPES, Who
from infra.local.person import Person
from infra.local.receiver import Receiver
from infra.local.stack import LocalStack
from tests.e2e.test_media import edited, media, wav

CLOSED = sorted(route for route, access in ROUTES.items() if access.who is not Who.PUBLIC)
ADMIN = [route for route in CLOSED if ROUTES[route].who is Who.ADMIN]
BODIES = {
    "PATCH": {"description": "mine"},
    "PATCH /v1/conversations/{id}": {"title": "mine"},
    "PATCH /v1/documents/{id}": {"title": "mine"},
    "PATCH /v1/transcriptions/{id}": {"title": "mine"},
    "POST /v1/conversations/{id}/messages": {"content": "mine"},
    "POST /v1/conversations/{id}/runs": {"content": "mine"},
    "POST /v1/media/{id}/edits": {"operations": [{"op": "reverse"}]},
    "POST /v1/media/{id}/commands": {"text": "reverse"},
    "POST /v1/conversations/{id}/messages/stream": {"content": "mine"},
    "PATCH /v1/devices/{id}": {"name": "mine"},
    "POST /v1/devices/{id}/commands": {"action": "notify"},
    "POST /v1/webhook_endpoints/{id}": {"name": "mine"},
    "POST /v1/webhooks/{id}/replay": {"since": "2026-01-01T00:00:00Z"},
    "POST /v1/webhook_endpoints/{id}/test": {"event_type": "run.failed"},
    "POST /v1/devices/{id}/commands/{command_id}/result": {"status": "succeeded"},
}
"""Good ones, for those routes that look at the body first."""
DEVICE = [route for route in CLOSED if ROUTES[route].who is Who.DEVICE]
OF_NOBODY = ["GET /v1/voices/{id}/sample"]
WITH_ID = [route for route in CLOSED if "{id}" in route and route not in ADMIN + DEVICE + OF_NOBODY]
SAID = [{"start": 0, "end": 1, "text": "Hello."}]
ASSIGNED = {"segments": SAID, "turns": [{"start": 0, "end": 1, "speaker": "A"}]}
PHONE = {"name": "Phone", "platform": "android", "capabilities": [{"action": "notify"}]}
NEEDED = {"/v1/search": "?q=hello"}
"""Parameters that a route cannot do without."""
EVERYWHERE = ("none", "expired", "no such key")
AT_ONCE = 5
NOWHERE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def call(http: httpx.Client, route: str, token: str | None, thing: str = f"job_{NOWHERE}") -> httpx.Response:
    method, path = route.split(" ")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return http.request(method, path_of(path, thing), headers=headers)


def path_of(path: str, thing: str) -> str:
    """thing: the id; of a thing that belongs to another one ``<id>/<its own>``."""
    first, _, second = thing.partition("/")
    return path.replace("{id}", first).replace("{command_id}", second or f"cmd_{NOWHERE}")


def code_of(answer: httpx.Response) -> str:
    """Also of OpenAI's error object."""
    found = answer.json()
    return str(found.get("code") or found["error"]["code"])


def part(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(scope="module")
def anna(http: httpx.Client) -> Person:
    return Person.register(http)


@pytest.fixture(scope="module")
def bad_tokens(stack: LocalStack, http: httpx.Client, anna: Person) -> dict[str, str]:
    """By what is wrong with them; signed by the real key where that is not what is wrong."""
    kms = stack.client("kms")
    (published,) = http.get("/v1/auth/jwks.json").json()["keys"]
    key = next(k["KeyId"] for k in kms.list_keys()["Keys"] if key_id_of(k["KeyId"]) == published["kid"])
    header, claims, signature = anna.token.split(".")
    known = json.loads(base64.urlsafe_b64decode(claims + "=="))
    user = User(anna.id, "anna@example.com", "", datetime.now(UTC))

    def signed(issuer: str, audience: str, moment: datetime) -> str:
        made = Issuer(KmsSigner(kms, key), issuer=issuer, audience=audience, clock=lambda: moment)
        return made.access_token(user, known["sid"])

    now = datetime.now(UTC)
    public = json.dumps({k: published[k] for k in ("kty", "crv", "x", "y")}).encode()
    hs256 = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': published['kid']})}.{claims}"
    forged = hmac.new(public, hs256.encode(), hashlib.sha256).digest()
    return {
        "nonsense": "nonsense",
        "another body": f"{header}.{part({**known, 'sub': f'usr_{NOWHERE}'})}.{signature}",
        "no signature": f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{claims}.",
        "the public key as a secret": f"{hs256}.{part(forged)}",
        "expired": signed(known["iss"], known["aud"], now - timedelta(minutes=16)),
        "from the future": signed(known["iss"], known["aud"], now + timedelta(days=1)),
        "another audience": signed(known["iss"], "somebody-else", now),
        "another issuer": signed("https://evil.example", known["aud"], now),
        "no such key": "ap_live_" + "0" * 33,
    }


@pytest.mark.parametrize("route", CLOSED)
def test_nobody_is_let_in_without_a_good_token(
    http: httpx.Client, anna: Person, bad_tokens: dict[str, str], route: str
) -> None:
    """A-15 to A-19, A-41: on each route the kinds that are told apart in different places, on one all of them."""
    tried: list[tuple[str, str | None]] = [("none", None), *bad_tokens.items()]
    if route != CLOSED[0]:
        tried = [(why, token) for why, token in tried if why in EVERYWHERE]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda each: call(http, route, each[1]), tried)
    for (why, _), answer in zip(tried, answers, strict=True):
        assert (answer.status_code, code_of(answer)) == (401, "unauthorized"), why
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.fixture(scope="module")
def keys(anna: Person) -> dict[str, str]:
    """By scope, a key that has it, and under ``but <scope>`` one that has all others; under ``all`` one with all."""

    def key(*scopes: str) -> str:
        return str(anna.post("/v1/api-keys", {"name": "k", "scopes": scopes}).json()["key"])

    found = {scope: key(scope) for scope in sorted(SCOPES)}
    found |= {f"but {scope}": key(*sorted(SCOPES - {scope})) for scope in SCOPES}
    return {**found, "all": key(*sorted(SCOPES))}


@pytest.mark.parametrize("route", CLOSED)
def test_a_key_does_only_what_its_scope_says(http: httpx.Client, keys: dict[str, str], route: str) -> None:
    """A-38: the one scope opens the route, and all others together do not."""
    access = ROUTES[route]
    if access.who is not Who.CALLER:
        refused = call(http, route, keys["all"])
        code = "device_required" if access.who is Who.DEVICE else "person_required"
        assert (refused.status_code, refused.json()["code"]) == (403, code)
        return
    assert call(http, route, keys[str(access.scope)]).status_code not in (401, 403)
    refused = call(http, route, keys[f"but {access.scope}"])
    assert (refused.status_code, code_of(refused)) == (403, "insufficient_scope")


@pytest.fixture(scope="module")
def device_key(anna: Person) -> str:
    return str(anna.post("/v1/devices", PHONE).json()["key"])


@pytest.mark.parametrize("route", CLOSED)
def test_the_key_of_a_device_opens_no_other_door(http: httpx.Client, device_key: str, route: str) -> None:
    """A-38. On its own routes: another device is not there."""
    answer = call(http, route, device_key, f"dev_{NOWHERE}")
    if not ROUTES[route].device:
        assert (answer.status_code, code_of(answer)) == (403, "device_key")
    else:
        assert answer.status_code in (404, 422), answer.text


@pytest.mark.parametrize("route", ADMIN)
def test_who_is_no_administrator_learns_nothing(http: httpx.Client, anna: Person, route: str) -> None:
    """A-46: the same for a user who is there and for one who is not."""
    answers = [call(http, route, anna.token, thing) for thing in (anna.id, f"usr_{NOWHERE}")]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "admin_required")] * 2


@pytest.fixture(scope="module")
def things(http: httpx.Client) -> Iterator[dict[str, str]]:
    """One of each kind that has an id, of somebody else."""
    ben = Person.register(http)
    item = media(ben, wav(1))
    with Receiver() as receiver:
        hook = ben.post("/v1/webhooks", {"url": receiver.url, "events": ["*"]}).json()["id"]
        phone = ben.post("/v1/devices", PHONE).json()["id"]
        command = ben.post(f"/v1/devices/{phone}/commands", {"action": "notify", "confirm": True}).json()["id"]
        wanted = {"filename": "a.wav", "content_type": "audio/wav", "size": 1000}
        talk = ben.post("/v1/conversations", {}).json()["id"]
        yield {
            "/v1/transcriptions": ben.post("/v1/transcriptions", wanted).json()["id"],
            "/v1/alignments": ben.post("/v1/alignments", {**wanted, "segments": SAID}).json()["id"],
            "/v1/diarizations": ben.post("/v1/diarizations", wanted).json()["id"],
            "/v1/speaker-assignments": ben.post("/v1/speaker-assignments", ASSIGNED).json()["id"],
            "/v1/speech": ben.speak("Hello.")["id"],
            "/v1/media": item["id"],
            "/v1/uploads": item["id"],
            "/v1/edits": edited(ben, item, {"op": "reverse"})["id"],
            "/v1/webhooks": hook,
            "/v1/webhook_endpoints": hook,
            "/v1/devices": f"{phone}/{command}",
            "/v1/deliveries": ben.post(f"/v1/webhooks/{hook}/test").json()["id"],
            "/v1/api-keys": ben.post("/v1/api-keys", {"name": "b", "scopes": ["speech:read"]}).json()["id"],
            "/v1/conversations": talk,
            "/v1/runs": ben.post(f"/v1/conversations/{talk}/runs", {"content": "x", "model": "offline"}).json()["id"],
            "/v1/documents": ben.post("/v1/documents", {**wanted, "filename": "a.pdf"}).json()["id"],
            "/v1/presets": ben.post("/v1/presets", {"name": "p"}).json()["id"],
            "/v1/auth/sessions": ben.get("/v1/auth/sessions").json()["data"][0]["id"],
        }


@pytest.mark.parametrize("route", WITH_ID)
def test_what_belongs_to_somebody_else_is_not_there(
    http: httpx.Client, anna: Person, things: dict[str, str], route: str
) -> None:
    """A-41: the answer is that to an id which nobody has."""
    theirs = things[route.split(" ")[1].partition("/{id}")[0]]
    nobodys = theirs.partition("_")[0] + f"_{NOWHERE}"
    nobodys += f"/cmd_{NOWHERE}" if "/" in theirs else ""
    bodies = BODIES.get(route) or BODIES.get(route.split(" ")[0])
    answers = []
    for thing in (theirs, nobodys):
        method, path = route.split(" ")
        asked = {"params": {"upload_id": "x"}} if path.startswith("/v1/uploads/") else {}
        answer = anna.call(method, path_of(path, thing), **asked, **({"json": bodies} if bodies else {}))
        body = answer.json()
        body.pop("request_id", None)  # OpenAI's error object has none
        answers.append((answer.status_code, body))
    if route == "GET /v1/webhooks/{id}/deliveries" and answers[0][0] == 200:
        assert answers[0][1]["data"] == []
    else:
        assert answers[0][0] == 404, answers[0]
    assert answers[0] == answers[1]


def test_what_is_read_fits_the_document(http: httpx.Client, person: Person, receiver: Receiver) -> None:
    """A-45: no answer has a field that the document does not have."""
    document = http.get("/v1/openapi.json").json()
    hook = person.post("/v1/webhooks", {"url": receiver.url, "events": ["*"]}).json()["id"]
    person.post("/v1/api-keys", {"name": "ci", "scopes": ["speech:read"]})
    job = person.ended(person.speak("Hello."))
    receiver.wait_for("speech.succeeded")
    talk = person.post("/v1/conversations", {"title": "x", "settings": {"top_p": 0.5}}).json()["id"]
    person.post(f"/v1/conversations/{talk}/messages", {"content": "Hello."})
    run = person.post(f"/v1/conversations/{talk}/runs", {"content": "x", "model": "offline"}).json()["id"]
    person.post("/v1/presets", {"name": "x"})
    phone = person.post("/v1/devices", PHONE).json()["id"]
    command = person.post(f"/v1/devices/{phone}/commands", {"action": "notify"}).json()["id"]
    paper = person.ended(person.add_document(b"Hello.", "a.txt", "text/plain"))
    item = media(person, wav(1))
    edit = edited(person, item, {"op": "reverse"})["id"]
    ids = {"/v1/speech": job["id"], "/v1/webhooks": hook, "/v1/conversations": talk}
    ids["/v1/runs"] = run
    ids["/v1/webhook_endpoints"] = hook
    ids |= {"/v1/devices": f"{phone}/{command}", "/v1/documents": paper["id"]}
    ids |= {"/v1/media": item["id"], "/v1/edits": edit}
    seen = 0
    for path, methods in document["paths"].items():
        place = path.partition("/{id}")[0]
        if path.startswith("/v1/admin/"):  # test_admin.py
            continue
        if "get" not in methods or ("{id}" in path and place not in ids):
            continue
        answer = person.get(path_of(path, ids.get(place, "")) + NEEDED.get(path, ""))
        assert answer.status_code == 200, (path, answer.text)
        content = methods["get"]["responses"]["200"]["content"]
        kind = answer.headers["Content-Type"].split(";")[0]
        assert kind in content, path
        if kind == "application/json":
            schema = {**content[kind]["schema"], "components": document["components"]}
            jsonschema.validate(answer.json(), schema, cls=jsonschema.Draft202012Validator)
        seen += 1
    assert seen >= 18


def test_the_document_and_its_pages_are_served(http: httpx.Client) -> None:
    """A-54, A-60"""
    first = http.get("/v1/openapi.json")
    again = http.get("/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    page = http.get("/v1/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "style-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert 'id="weak_password"' in http.get("/v1/docs/errors").text
