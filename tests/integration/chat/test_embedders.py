"""Meanings: of the model in the function itself, and of providers over the wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from antiphon.engines.chat import ModelError
from antiphon.engines.embed_gemini import GeminiEmbedder
from antiphon.engines.embed_minilm import MiniLm
from antiphon.engines.embed_openai import OpenAiEmbedder
from antiphon.search.choose import MeaningSettings, meaning
from antiphon.search.ports import DIMENSIONS, Embedder

# The first numbers as transformers 4.57.6 computes them from the same weights.
REFERENCE = {
    "The budget for next year is too small.": (0.082634, 0.03852, 0.027784, 0.000266, 0.033051, 0.003773),
    "Größe, naïve café — 東京 שלום!": (0.057906, 0.056487, -0.007086, 0.00168, -0.063511, 0.058518),
    "word " * 400: (-0.008124, -0.095586, -0.038673, 0.049662, -0.043794, 0.02372),
}


@pytest.fixture(scope="module")
def minilm() -> MiniLm:
    return MiniLm()


def test_the_small_model_computes_what_the_reference_computes(minilm: MiniLm) -> None:
    for text, numbers in REFERENCE.items():
        (vector,) = minilm.embed([text])
        assert len(vector) == DIMENSIONS
        assert vector[:6] == pytest.approx(numbers, abs=2e-6)
        assert sum(x * x for x in vector) == pytest.approx(1, abs=1e-5)


def test_what_means_the_same_is_near(minilm: MiniLm) -> None:
    asked, same, other, empty = minilm.embed(
        ["We ran out of money.", "The budget is exhausted.", "A cat sat on the mat.", ""]
    )

    def near(vector: list[float]) -> float:
        return sum(a * b for a, b in zip(asked, vector, strict=True))

    assert near(same) > 0.4 > near(other)
    assert near(empty) < 0.4


class Server:
    """Answers both protocols with a vector that says which text it is of; or with ``status``."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.status, self.size = 200, DIMENSIONS
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Silent."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.seen.append((self.path, body))
                answer = json.dumps(server.answer(self.path, body)).encode()
                self.send_response(server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.status != 200:
            return {"error": {"code": self.status, "message": "no", "status": "INVALID"}}
        count = len(body["input"] if path.endswith("/embeddings") else body["requests"])
        vectors = [[3.0 if place == each else 0.0 for place in range(self.size)] for each in range(count)]
        if path.endswith("/embeddings"):
            data = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
            return {
                "object": "list",
                "model": "m",
                "data": data[::-1],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        return {"embeddings": [{"values": v} for v in vectors]}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(params=["openai", "gemini"])
def embedder(request: pytest.FixtureRequest, server: Server) -> Embedder:
    if request.param == "openai":
        return OpenAiEmbedder("text-embedding-3-small", base_url=server.origin + "/v1", api_key="k")
    return GeminiEmbedder("gemini-embedding-001", api_key="k", base_url=server.origin)


def test_providers_give_a_vector_of_length_one_for_each_text(embedder: Embedder, server: Server) -> None:
    first, second = embedder.embed(["a", "b"])
    assert (first[0], second[1]) == (1.0, 1.0)
    ((path, body),) = server.seen
    if "input" in body:
        assert body == {"model": embedder.name, "input": ["a", "b"], "dimensions": 384, "encoding_format": "float"}
    else:
        assert path.endswith(f"{embedder.name}:batchEmbedContents")
        assert [r["outputDimensionality"] for r in body["requests"]] == [384, 384]


def test_a_provider_that_fails_is_a_clear_error(embedder: Embedder, server: Server) -> None:
    server.status = 400
    with pytest.raises(ModelError):
        embedder.embed(["a"])
    server.status, server.size = 200, 3
    with pytest.raises(ModelError, match="384"):
        embedder.embed(["a"])


def test_the_settings_choose(request: pytest.FixtureRequest) -> None:
    class Nothing:
        region = "us-east-1"

        def bind(self, row: Any) -> Any:
            return row

    table: Any = Nothing()
    assert meaning(MeaningSettings("off"), table) == (None, None)
    chosen = {"minilm": MiniLm, "openai:m": OpenAiEmbedder, "gemini:m": GeminiEmbedder}
    for setting, kind in chosen.items():
        embedder, vectors = meaning(MeaningSettings(setting), table)
        assert isinstance(embedder, kind)
        assert vectors is not None
    with pytest.raises(ValueError, match="openai:<model>"):
        meaning(MeaningSettings("openai"), table)
