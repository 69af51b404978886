"""O-03: what a request leads to belongs to its trace."""

from __future__ import annotations

import pytest

from antiphon.platform.ids import is_id
from antiphon.platform.request import request_id_of
from antiphon.platform.trace import sent_with, trace_of

TRACE = "1-5759e988-bd862e3fe1be46a994272793"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"Root={TRACE}", TRACE),
        (f"Self=1-67891234-12456789abcdef012345678a;Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1", TRACE),
        (f"Parent=53995c3f42cd8ad8; Root={TRACE}", TRACE),
        ("", None),
        (f"NotRoot={TRACE}", None),
        (f"Root={TRACE.upper()}", None),
        (f"Root={TRACE}0", None),
        ("Root=1-5759e988-bd862e3f\r\nX: y", None),
    ],
)
def test_the_root_of_a_trace_is_read_and_nothing_else(header: str, found: str | None) -> None:
    assert trace_of(header) == found


def test_a_request_is_known_by_its_trace_unless_the_caller_names_it() -> None:
    assert request_id_of({"x-amzn-trace-id": f"Root={TRACE};Sampled=1"}) == TRACE
    assert request_id_of({"X-Amzn-Trace-Id": f"Root={TRACE}", "X-Request-Id": "mine-1"}) == "mine-1"
    assert is_id(request_id_of({"X-Amzn-Trace-Id": "Root=nonsense"}), "req")


def test_a_message_belongs_to_the_trace_of_the_request_behind_it() -> None:
    assert sent_with(TRACE) == {
        "MessageAttributes": {"request_id": {"DataType": "String", "StringValue": TRACE}},
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": f"Root={TRACE}"}},
    }
    assert set(sent_with("mine-1")) == {"MessageAttributes"}
    assert sent_with(None) == {"MessageAttributes": {}}
