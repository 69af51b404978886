"""Register, log in, and the public keys of the access tokens."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from shapes import LOGIN, OPTIONAL_REGISTER, REGISTER, signed_in
from wiring import wiring

from antiphon.identity.kms import jwks
from antiphon.identity.model import email_key, normal_email
from antiphon.platform.idempotency import Answer
from antiphon.platform.rest import answer, body_of, make_resolver, raw_body

app: APIGatewayRestResolver = make_resolver()


def _device() -> str | None:
    return app.current_event.headers.get("user-agent")


@app.post("/v1/auth/register")
def register() -> Response[Any]:
    raw = raw_body(app)
    new = body_of(raw, REGISTER, OPTIONAL_REGISTER)
    wanted = {
        "email": new["email"],
        "password": new["password"],
        "display_name": new.get("display_name"),
        "device": _device(),
    }
    key = app.current_event.headers.get("idempotency-key")
    if key is None:
        return signed_in(201, wiring().sign_in.register(**wanted))
    # Nobody is signed in yet: the address is whose key it is. Tokens are never stored, so a repeat gets new ones for the same user.
    idempotency = wiring().idempotency
    record = idempotency.begin(
        user=email_key(normal_email(new["email"])),
        method="POST",
        path="/v1/auth/register",
        key=key,
        body=wiring().sign_in.fingerprint((raw or "").encode("utf-8", "surrogatepass"), key),
    )
    if record.answer:
        return signed_in(201, wiring().sign_in.again(record.answer.body, _device()))
    try:
        found = wiring().sign_in.register(**wanted, seed=record.seed)
    except Exception:
        idempotency.release(record)
        raise
    idempotency.finish(record, Answer(201, (), found.user.id))
    return signed_in(201, found)


@app.post("/v1/auth/login")
def login() -> Response[Any]:
    known = body_of(raw_body(app), LOGIN, {})
    return signed_in(200, wiring().sign_in.login(email=known["email"], password=known["password"], device=_device()))


@app.get("/v1/auth/jwks.json")
def keys() -> Response[Any]:
    found = jwks(wiring().keys.public_keys())
    return Response(200, "application/json", found, headers={"Cache-Control": "public, max-age=300"})


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return answer(app, event, context, wiring().logger)
