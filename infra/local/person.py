"""A user of the API: the demo, the bench and the tests speak through it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx

from antiphon.speech.model import PLACES, Kind

ENDED = frozenset({"succeeded", "failed", "canceled", "expired"})


class Person:
    """Requests with this user's token. ``id``: the user id."""

    def __init__(self, http: httpx.Client, registered: dict[str, Any]) -> None:
        self.http = http
        self.id: str = registered["user"]["id"]
        self.token: str = registered["access_token"]

    @classmethod
    def register(cls, http: httpx.Client) -> Person:
        mail = f"{secrets.token_hex(6)}@example.com"
        answer = http.post("/v1/auth/register", json={"email": mail, "password": secrets.token_urlsafe(16)})
        assert answer.status_code == 201, answer.text
        return cls(http, answer.json())

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.call("POST", path, json=body, **options)

    def delete(self, path: str) -> httpx.Response:
        return self.call("DELETE", path)

    def transcribe(
        self, body: bytes, filename: str = "talk.wav", content_type: str = "audio/wav", **options: Any
    ) -> dict[str, Any]:
        """Create the job and upload the file by its presigned POST."""
        wanted = {"filename": filename, "content_type": content_type, "size": max(1, len(body)), **options}
        answer = self.post("/v1/transcriptions", wanted)
        assert answer.status_code == 201, answer.text
        job: dict[str, Any] = answer.json()
        put = upload(job["upload"], body)
        assert put.is_success, put.text
        if job["upload"]["method"] == "MULTIPART":
            done = self.post(httpx.URL(job["upload"]["complete_url"]).raw_path.decode())
            assert done.status_code == 200, done.text
        return job

    def add_document(
        self, body: bytes, filename: str = "report.pdf", content_type: str = "application/pdf", **options: Any
    ) -> dict[str, Any]:
        """Create the document and upload the file by its presigned POST."""
        wanted = {"filename": filename, "content_type": content_type, "size": max(1, len(body)), **options}
        answer = self.post("/v1/documents", wanted)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        put = upload(document["upload"], body)
        assert put.status_code == 204, put.text
        return document

    def speak(self, text: str, **options: Any) -> dict[str, Any]:
        answer = self.post("/v1/speech", {"input": text, **options})
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        answer = self.get(f"/v1/{PLACES[Kind(job['kind'])]}/{job['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def until(
        self, job: dict[str, Any], wanted: Callable[[dict[str, Any]], bool], seconds: float = 90, pause: float = 0.1
    ) -> dict[str, Any]:
        """The job as soon as it is as wanted; the API has no push here, so this asks again and again, and gives up in the end."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.job(job)
            if wanted(found):
                return found
            assert time.monotonic() < deadline, f"still {found}"
            time.sleep(pause)

    def ended(self, job: dict[str, Any], seconds: float = 90) -> dict[str, Any]:
        return self.until(job, lambda found: found["status"] in ENDED, seconds)

    def segments(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get(
                f"/v1/transcriptions/{job['id']}/segments",
                params={"limit": 100, **({"cursor": cursor} if cursor else {})},
            ).json()
            found += page["data"]
            if (cursor := page["next_cursor"]) is None:
                return found


def upload(target: dict[str, Any], body: bytes) -> httpx.Response:
    """One request, or all parts: then the answer to the last one, and `complete_url` is still to be called."""
    if target["method"] == "MULTIPART":
        size = target["part_size"]
        answers = [
            httpx.put(
                part["url"], content=body[size * at : size * (at + 1)], trust_env=False, timeout=60
            ).raise_for_status()
            for at, part in enumerate(target["parts"])
        ]
        return answers[-1]
    return httpx.post(target["url"], data=target["fields"], files={"file": ("x", body)}, trust_env=False, timeout=60)
