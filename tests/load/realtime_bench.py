"""How soon a connection hears of a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from websockets.sync.client import connect

from infra.local.person import Person
from infra.local.stack import LocalStack
from tests.load.figures import Figure, quantile

CHANGES = 30
WANTED = {"filename": "talk.wav", "content_type": "audio/wav", "size": 1000}


def sockets(stack: LocalStack, person: Person) -> Iterator[Figure]:
    """From the moment that the change's event names to the frame at the client; both clocks are this machine's."""
    spent: list[float] = []
    address = f"{stack.url.replace('http', 'ws', 1)}/ws"
    with connect(address, subprotocols=["antiphon.v1", f"bearer.{person.token}"], proxy=None) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"action": "subscribe", "channels": ["jobs"]}))
        socket.recv(timeout=30)
        for _ in range(CHANGES):
            job = person.post("/v1/transcriptions", WANTED).json()["id"]
            person.post(f"/v1/transcriptions/{job}/cancel")
            while (frame := json.loads(socket.recv(timeout=30)))["type"] != "transcription.canceled":
                continue
            moment = datetime.fromisoformat(frame["timestamp"].replace("Z", "+00:00"))
            spent.append((datetime.now(UTC) - moment).total_seconds())
    warm = spent[5:]
    middle, high = quantile(warm, 0.5), quantile(warm, 0.95)
    yield Figure("State change → frame on a WebSocket, p50", "≤ 1.0 s", f"{middle:.2f} s", middle <= 1.0)
    yield Figure("State change → frame on a WebSocket, p95", "≤ 2.5 s", f"{high:.2f} s", high <= 2.5)
