"""A Firebase project of our own: a key pair, tokens as Google signs them, and the key set as Google publishes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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


class KeyServer:
    """Publishes a project's keys on loopback; `url` while it runs."""

    def __init__(self, project: Project) -> None:
        self.project = project

        class Handler(BaseHTTPRequestHandler):
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

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def __enter__(self) -> KeyServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
