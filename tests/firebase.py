"""A Firebase project of our own: a key pair, tokens as Google signs them, the key set as Google publishes it, and the sign-in that leads to a token."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "our-project"


class Project:
    """``asked``: how often the keys were fetched; ``answer``: None for the key set, else a status and a body."""

    key_id = "google-1"

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(65537, 2048)
        self.asked = 0
        self.answer: tuple[int, bytes] | None = None
        self.max_age = 3600

    def claims(self, now: float, **changes: Any) -> dict[str, Any]:
        known = {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": "firebase-user-1",
            "iat": int(now) - 10,
            "auth_time": int(now) - 20,
            "exp": int(now) + 3600,
            "email": "anna@example.com",
            "email_verified": True,
            "name": "Anna",
        }
        return {k: v for k, v in (known | changes).items() if v is not ...}

    def token(self, claims: Mapping[str, Any], *, headers: Mapping[str, Any] | None = None, key: Any = None) -> str:
        named = {"kid": self.key_id} if headers is None else dict(headers)
        return jwt.encode(dict(claims), key or self.private, algorithm="RS256", headers=named)

    @cached_property
    def key_set(self) -> bytes:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return json.dumps({"keys": [{**public, "kid": self.key_id, "alg": "RS256", "use": "sig"}]}).encode()


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


class OnLoopback:
    """Answers at `url` while it runs."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class KeyServer(OnLoopback):
    """Publishes a project's keys on loopback; `url` while it runs."""

    def __init__(self, project: Project) -> None:
        self.project = project

        class Handler(Quiet):
            def do_GET(self) -> None:
                project.asked += 1
                status, body = project.answer or (200, project.key_set)
                self.send_response(status)
                self.send_header("Cache-Control", f"public, max-age={project.max_age}, must-revalidate")
                self.send_header("Content-Length", str(len(body)))
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)
        self.url += "/keys"


class IdentityToolkit(OnLoopback):
    """Google's Identity Toolkit as a browser uses it (https://cloud.google.com/identity-platform/docs/reference/rest/v1/accounts), with a provider's page of its own.

    accounts: passwords by address. asked: the methods that were called.
    """

    api_key = "AIzaSy-of-a-browser"

    def __init__(self, project: Project, accounts: Mapping[str, str]) -> None:
        self._project = project
        self._accounts = accounts
        self._begun: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        toolkit = self

        class Handler(Quiet):
            def do_OPTIONS(self) -> None:
                self._answer(200, b"")

            def do_GET(self) -> None:
                """The provider's page: whoever follows its link has agreed."""
                asked = parse_qs(urlsplit(self.path).query)
                back = urlencode({"state": asked["state"][0], "code": toolkit._begun[asked["state"][0]]["code"]})
                page = f'<html lang="en"><link rel="icon" href="data:,"><a href="{asked["redirect_uri"][0]}?{back}">Allow</a></html>'
                self._answer(200, page.encode(), "text/html")

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                where = urlsplit(self.path)
                if parse_qs(where.query) != {"key": [toolkit.api_key]}:
                    status, answer = 400, refusal("API key not valid. Please pass a valid API key.")
                else:
                    status, answer = toolkit._call(where.path.rpartition(":")[2], sent)
                self._answer(status, json.dumps(answer).encode())

            def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
                self.send_header("Access-Control-Allow-Headers", "content-type")
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)

    def _call(self, method: str, sent: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(method)
        if method == "createAuthUri":
            return 200, self._begin(sent)
        if method == "signInWithIdp":
            return self._end(sent)
        if method == "signInWithPassword":
            if self._accounts.get(sent["email"]) != sent["password"]:
                return 400, refusal("INVALID_LOGIN_CREDENTIALS")
            return 200, self._token(sent["email"])
        return 404, refusal("Method not found.")

    def _begin(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        assert set(sent) == {"providerId", "continueUri", "authFlowType"}, "Google refuses fields that it does not know"
        state, session = secrets.token_urlsafe(8), secrets.token_urlsafe(8)
        self._begun[state] = {"session": session, "code": secrets.token_urlsafe(8), "back": sent["continueUri"]}
        there = urlencode({"state": state, "redirect_uri": sent["continueUri"], "provider": sent["providerId"]})
        return {
            "kind": "identitytoolkit#CreateAuthUriResponse",
            "authUri": f"{self.url}/authorize?{there}",
            "sessionId": session,
        }

    def _end(self, sent: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """A code is good once, for the session that asked for it, and at the address to which it was given."""
        came = urlsplit(sent["requestUri"])
        query = {name: values[0] for name, values in parse_qs(came.query).items()}
        known = self._begun.pop(query.get("state", ""), None)
        good = known and known["code"] == query.get("code") and known["session"] == sent["sessionId"]
        if not known or not good or f"{came.scheme}://{came.netloc}{came.path}" != known["back"]:
            return 400, refusal("INVALID_IDP_RESPONSE : The supplied auth credential is malformed or has expired.")
        return 200, self._token(next(iter(self._accounts)))

    def _token(self, email: str) -> dict[str, Any]:
        token = self._project.token(self._project.claims(time.time(), sub=email, email=email))
        return {"idToken": token, "email": email, "refreshToken": "kept by nobody", "expiresIn": "3600"}


def refusal(message: str) -> dict[str, Any]:
    return {
        "error": {
            "code": 400,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "invalid"}],
        }
    }
