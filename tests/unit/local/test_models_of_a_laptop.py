from __future__ import annotations

import pytest

from infra.local.streaming import route_of
from infra.local.supervisor import keys_of, with_models


def test_models_and_keys_of_the_machine_reach_the_stack_by_different_ways() -> None:
    machine = {
        "ANTIPHON_OPENAI_URL": "http://127.0.0.1:11434/v1",
        "ANTIPHON_OPENAI_MODELS": "gemma3",
        "ANTIPHON_GEMINI_KEY": "secret",
        "ANTIPHON_GEMINI_MODELS": "",
        "PATH": "/bin",
    }
    parameters = with_models({"Transcriber": "pocketsphinx"}, machine)
    assert parameters == {
        "Transcriber": "pocketsphinx",
        "OpenAiUrl": "http://127.0.0.1:11434/v1",
        "OpenAiModels": "gemma3",
    }
    assert keys_of(machine) == {"gemini": "secret"}
    assert with_models({"A": "b"}, {}) == {"A": "b"}


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("POST", "/v1/conversations/conv_1/messages", "/v1/conversations/{id}/messages"),
        ("POST", "/v1/conversations/conv_1/messages/stream", "/v1/conversations/{id}/messages/stream"),
        ("GET", "/v1/models", "/v1/models"),
        ("GET", "/v1/conversations/conv_1/messages", None),
        ("POST", "/v1/models", None),
        ("POST", "/v1/conversations", None),
        ("POST", "/v1/conversations/a/b/messages", None),
    ],
)
def test_the_edge_streams_what_the_gateway_streams(method: str, path: str, template: str | None) -> None:
    assert route_of(method, path) == template
