"""The refresh token of a browser: in a cookie that no script can read, sent to our own origin only.

A page asks for it by the header ``Antiphon-Session: cookie``. No form and no foreign page can send that header without a preflight, which nobody
answers; its ``Origin`` has to be the web app's all the same.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.shared.cookies import Cookie, SameSite

from antiphon.identity.model import REFRESH_FOR
from antiphon.platform.errors import Forbidden, Unauthorized

NAME = "__Host-antiphon"
HEADER = "antiphon-session"


def wanted(router: Router, web_origin: str) -> bool:
    """Whether the request comes from the web app and wants its token in the cookie. Raises Forbidden ``foreign_origin``."""
    headers = router.current_event.headers
    if headers.get(HEADER, "").lower() != "cookie":
        return False
    if headers.get("origin") != web_origin:
        raise Forbidden(f"Sign-ins by cookie are for pages of {web_origin}.", code="foreign_origin")
    return True


def is_credential(router: Router, web_origin: str) -> bool:
    """As ``wanted``, where the cookie itself signs in. Raises Forbidden ``foreign_origin`` too where it comes without the header, as a form would bring it."""
    if wanted(router, web_origin):
        return True
    if _sent(router) is not None:
        raise Forbidden(f"A cookie needs the header {HEADER.title()}: cookie.", code="foreign_origin")
    return False


def token_of(router: Router) -> str:
    """Raises Unauthorized ``invalid_refresh_token`` where there is no cookie."""
    found = _sent(router)
    if found is None:
        raise Unauthorized("Nobody is signed in here.", code="invalid_refresh_token")
    return found


def _sent(router: Router) -> str | None:
    try:
        found = SimpleCookie(router.current_event.headers.get("cookie", "")).get(NAME)
    except CookieError:
        return None
    return found and found.value


def holding(token: str) -> Cookie:
    return _cookie(token, int(REFRESH_FOR.total_seconds()))


def gone() -> Cookie:
    return _cookie("", -1)


def _cookie(value: str, max_age: int) -> Cookie:
    return Cookie(NAME, value, path="/", secure=True, http_only=True, same_site=SameSite.STRICT_MODE, max_age=max_age)
