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


def token_of(router: Router) -> str:
    """Raises Unauthorized ``invalid_refresh_token`` where there is no cookie."""
    try:
        found = SimpleCookie(router.current_event.headers.get("cookie", "")).get(NAME)
    except CookieError:
        found = None
    if found is None:
        raise Unauthorized("Nobody is signed in here.", code="invalid_refresh_token")
    return found.value


def holding(token: str) -> Cookie:
    return _cookie(token, int(REFRESH_FOR.total_seconds()))


def gone() -> Cookie:
    return _cookie("", -1)


def _cookie(value: str, max_age: int) -> Cookie:
    return Cookie(NAME, value, path="/", secure=True, http_only=True, same_site=SameSite.STRICT_MODE, max_age=max_age)
