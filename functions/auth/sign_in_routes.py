"""Register, log in, exchange a refresh token, sign out, and the public keys of the access tokens."""

from __future__ import annotations

from typing import Any

from asked import device, idempotency_key, once
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from cookies import is_credential, token_of, wanted
from shapes import FIREBASE, FORGOT, LOGIN, REFRESH, REGISTER, RESET
from views import nothing, providers_view, signed_in, signed_out
from wiring import wiring

from antiphon.identity.kms import jwks
from antiphon.identity.model import email_key, normal_email
from antiphon.identity.sign_in import SignedIn
from antiphon.platform.rest import body_of, raw_body

router = Router()
KEPT = "public, max-age=300"


def _by_cookie() -> bool:
    return wanted(router, wiring().settings.issuer)  # tokens are issued by the web app's origin


def _refresh_token() -> tuple[str, bool]:
    """And whether it came in a cookie."""
    if is_credential(router, wiring().settings.issuer):
        return token_of(router), True
    return str(body_of(raw_body(router), REFRESH)["refresh_token"]), False


@router.post("/v1/auth/register")
def register() -> Response[Any]:
    raw = raw_body(router)
    new = body_of(raw, REGISTER)
    by_cookie = _by_cookie()
    sign_in, here, key = wiring().sign_in, device(router), idempotency_key(router)

    def make(seed: str | None) -> tuple[str, SignedIn]:
        found = sign_in.register(
            email=new["email"], password=new["password"], display_name=new.get("display_name"), device=here, seed=seed
        )
        return found.user.id, found

    found = once(
        wiring().idempotency,
        # Nobody is signed in yet: the address is whose key it is.
        user=email_key(normal_email(new["email"])),
        path="/v1/auth/register",
        key=key,
        body=sign_in.fingerprint((raw or "").encode("utf-8", "surrogatepass"), key) if key else b"",
        make=make,
        again=lambda user_id: sign_in.again(user_id, here),
    )
    return signed_in(201, found, by_cookie=by_cookie)


@router.post("/v1/auth/login")
def login() -> Response[Any]:
    known = body_of(raw_body(router), LOGIN)
    by_cookie = _by_cookie()
    found = wiring().sign_in.login(email=known["email"], password=known["password"], device=device(router))
    return signed_in(200, found, by_cookie=by_cookie)


@router.post("/v1/auth/refresh")
def refresh() -> Response[Any]:
    """A client that lost the answer repeats with the same Idempotency-Key within a minute; without one, a second use ends the session."""
    token, by_cookie = _refresh_token()
    found = wiring().refresh(token, device(router), idempotency_key(router))
    return signed_in(200, found, by_cookie=by_cookie)


@router.post("/v1/auth/logout")
def logout() -> Response[Any]:
    """Also for a token that is not good any more: whoever wants to be signed out, is."""
    token, by_cookie = _refresh_token()
    wiring().refresh.logout(token)
    return signed_out(by_cookie=by_cookie)


@router.post("/v1/auth/forgot-password")
def forgot_password() -> Response[Any]:
    """A link goes to the address, if there is an account; the answer is the same if there is none."""
    sent = body_of(raw_body(router), FORGOT)
    wiring().reset.forgot(sent["email"], router.context["request_id"])
    return Response(202, "application/json", {"status": "accepted"})


@router.post("/v1/auth/reset-password")
def reset_password() -> Response[Any]:
    """Ends all sessions; who holds the link logs in with the new password."""
    sent = body_of(raw_body(router), RESET)
    wiring().reset.reset(sent["token"], sent["new_password"], router.context["request_id"])
    return nothing()


@router.post("/v1/auth/firebase")
def firebase() -> Response[Any]:
    """With a Firebase ID token. An account with the same address is linked if Firebase has verified the address."""
    sent = body_of(raw_body(router), FIREBASE)
    by_cookie = _by_cookie()
    return signed_in(200, wiring().federate(sent["id_token"], device(router)), by_cookie=by_cookie)


@router.get("/v1/auth/providers")
def providers() -> Response[Any]:
    """With which accounts of other services one may sign in, and what an app in a browser needs to know for it; nothing of it is secret."""
    return Response(200, "application/json", providers_view(wiring().settings), headers={"Cache-Control": KEPT})


@router.get("/v1/auth/jwks.json")
def keys() -> Response[Any]:
    found = jwks(wiring().keys.public_keys())
    return Response(200, "application/json", found, headers={"Cache-Control": KEPT})
