"""T-03: the fakes and the real index and vectors pass one suite."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from antiphon.conversations.own import own_search
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.search.dynamo import DynamoIndex, DynamoVectors
from antiphon.search.memory import MemoryIndex, MemoryVectors
from antiphon.search.model import MAX_WINDOWS, Entry, Kind, Line, Part, Query
from antiphon.search.ports import DIMENSIONS
from antiphon.search.vectors_s3 import S3Vectors
from tests.contract.conftest import REGION
from tests.load.chat_bench import ANYBODY, page_units, rows_of
from tests.load.sorted_table import SortedTable

Index = MemoryIndex | DynamoIndex
Vectors = MemoryVectors | DynamoVectors | S3Vectors
HIGHEST = "msg_9"


@pytest.fixture(params=["memory", "dynamo"])
def index(request: pytest.FixtureRequest) -> Index:
    return MemoryIndex() if request.param == "memory" else DynamoIndex(request.getfixturevalue("table"))


def entry(number: int, parent: str = "conv_1", **counts: int) -> Entry:
    return Entry(Kind.MESSAGE, f"msg_{number}", parent, counts)


def newest(index: Index, term: str, limit: int = 10, **more: str) -> list[str]:
    found = index.newest("usr_1", term, Kind.MESSAGE, limit, **{"before": HIGHEST, **more})  # type: ignore[arg-type]
    return [posting.key for posting in found.found]


def test_places_of_a_word_are_read_newest_first_in_windows(index: Index) -> None:
    for n in range(1, 6):
        index.put("usr_1", entry(n, word=n, other=1))
    assert newest(index, "word") == ["msg_5", "msg_4", "msg_3", "msg_2", "msg_1"]
    assert newest(index, "wor") == []
    first = index.newest("usr_1", "word", Kind.MESSAGE, 2, before=HIGHEST)
    assert ([p.key for p in first.found], first.covers) == (["msg_5", "msg_4"], "msg_4")
    assert (first.found[0].count, first.found[0].length) == (5, 6)
    rest = index.newest("usr_1", "word", Kind.MESSAGE, 3, before="msg_4")
    assert ([p.key for p in rest.found], rest.covers) == (["msg_3", "msg_2", "msg_1"], None)
    assert newest(index, "word", since="msg_2", before="msg_4") == ["msg_3", "msg_2"]
    assert index.newest("usr_2", "word", Kind.MESSAGE, 9, before=HIGHEST).found == ()
    assert index.newest("usr_1", "word", Kind.TRANSCRIPT, 9, before="job_9").found == ()


def test_places_of_one_conversation_are_read_alone(index: Index) -> None:
    for n in range(1, 5):
        index.put("usr_1", entry(n, f"conv_{n % 2}", word=1))
    found = index.newest("usr_1", "word", Kind.MESSAGE, 3, before=HIGHEST, parent="conv_0")
    assert ([p.key for p in found.found], found.covers) == (["msg_4", "msg_2"], "msg_2")


def test_places_are_looked_up_by_key(index: Index) -> None:
    for n in range(1, 4):
        index.put("usr_1", entry(n, word=1, **({"rare": 2} if n == 2 else {})))
    assert {k: p.count for k, p in index.having("usr_1", "rare", Kind.MESSAGE, ["msg_1", "msg_2"]).items()} == {
        "msg_2": 2
    }
    assert index.having("usr_1", "rare", Kind.MESSAGE, []) == {}


def test_a_change_leaves_no_word_of_before(index: Index) -> None:
    before = entry(1, old=1, both=1)
    index.put("usr_1", before)
    after = entry(1, new=1, both=2)
    for _ in range(2):
        index.put("usr_1", after, before)
    assert list(index.entries("usr_1", Kind.MESSAGE, "conv_1")) == [after]
    assert [newest(index, word) for word in ("old", "both", "new")] == [[], ["msg_1"], ["msg_1"]]
    index.meant("usr_1", Entry(after.kind, after.key, after.parent, after.counts, "m"))
    assert [e.meaning for e in index.entries("usr_1", Kind.MESSAGE, "conv_1")] == ["m"]


def test_what_is_removed_is_gone_whole(index: Index, request: pytest.FixtureRequest) -> None:
    for n in (1, 2):
        index.put("usr_1", entry(n, word=1, more=1))
    for _ in range(2):
        index.remove("usr_1", entry(1, word=1, more=1))
    assert newest(index, "word") == newest(index, "more") == ["msg_2"]
    index.remove("usr_1", entry(2, word=1, more=1))
    assert list(index.entries("usr_1", Kind.MESSAGE, "conv_1")) == []
    if isinstance(index, DynamoIndex):
        name = request.getfixturevalue("table").name
        assert boto3.client("dynamodb", region_name=REGION).scan(TableName=name)["Count"] == 0


def test_a_search_and_a_page_cost_the_same_among_few_and_among_many(aws: None) -> None:
    """In read units; `make bench` measures the time too."""
    units = []
    for count in (1_000, 4_000):
        table = SortedTable(row for number in range(count) for row in rows_of(number))
        with table.instead():
            asked = Query("common w7", tuple(Kind))
            assert len(own_search(Table("t", REGION), system_clock).by_words(ANYBODY, asked, 20).items) == 20
            searched = table.units
            units.append((searched, list(page_units(table, count))))
    assert units[0] == units[1]


class VectorServer:
    """Speaks as much of the protocol of S3 Vectors as one index needs. ``held``: by key."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Silent."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(server.answer(self.path.strip("/"), body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        assert body["indexArn"] == "arn:index"
        if operation == "PutVectors":
            assert len(body["vectors"]) <= 500
            self.held |= {each["key"]: each for each in body["vectors"]}
            return {}
        if operation == "DeleteVectors":
            assert len(body["keys"]) <= 500
            for key in body["keys"]:
                self.held.pop(key, None)
            return {}
        assert operation == "QueryVectors"
        assert body["topK"] <= 100
        asked = body["queryVector"]["float32"]
        found = [
            {
                "key": each["key"],
                "metadata": each["metadata"],
                "distance": 1 - sum(a * b for a, b in zip(asked, each["data"]["float32"], strict=True)),
            }
            for each in self.held.values()
            if all(self.fits(each["metadata"], condition) for condition in body["filter"]["$and"])
        ]
        return {"vectors": sorted(found, key=lambda v: v["distance"])[: body["topK"]], "distanceMetric": "cosine"}

    @staticmethod
    def fits(metadata: dict[str, str], condition: dict[str, Any]) -> bool:
        ((name, ((how, wanted),)),) = [(n, tuple(c.items())) for n, c in condition.items()]
        return metadata[name] == wanted if how == "$eq" else metadata[name] in wanted


@pytest.fixture
def vector_server() -> Iterator[VectorServer]:
    server = VectorServer()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(params=["memory", "dynamo", "s3"])
def vectors(request: pytest.FixtureRequest) -> Vectors:
    if request.param == "memory":
        return MemoryVectors()
    if request.param == "dynamo":
        return DynamoVectors(request.getfixturevalue("table"), "m")
    server = request.getfixturevalue("vector_server")
    client = boto3.client(
        "s3vectors",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{server.http.server_port}",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    return S3Vectors(client, "arn:index")


def towards(*axes: int) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for axis in axes:
        vector[axis] = len(axes) ** -0.5
    return vector


def part(number: int, parent: str = "conv_1", kind: Kind = Kind.MESSAGE) -> Part:
    return Part(
        kind, f"{kind.prefix}_{number}#00001" if kind is Kind.TRANSCRIPT else f"msg_{number}", parent, (Line("x"),)
    )


def test_the_nearest_come_first_each_part_once(vectors: Vectors) -> None:
    vectors.put("usr_1", part(1), [towards(0), towards(0, 1)])
    vectors.put("usr_1", part(2), [towards(0, 1)])
    vectors.put("usr_1", part(3, "job_3", Kind.TRANSCRIPT), [towards(2)])
    near = vectors.nearest("usr_1", towards(0), [Kind.MESSAGE, Kind.TRANSCRIPT], 10)
    assert [n.key for n in near] == ["msg_1", "msg_2", "job_3#00001"]
    assert [round(n.score, 2) for n in near] == [1.0, 0.71, 0.0]
    assert (near[2].kind, near[2].parent) == (Kind.TRANSCRIPT, "job_3")
    assert len(vectors.nearest("usr_1", towards(0), [Kind.MESSAGE, Kind.TRANSCRIPT], 1)) == 1


def test_only_the_wanted_are_near(vectors: Vectors) -> None:
    """A-42"""
    vectors.put("usr_1", part(1, "conv_1"), [towards(0)])
    vectors.put("usr_1", part(2, "conv_2"), [towards(0)])
    vectors.put("usr_1", part(3, "job_3", Kind.TRANSCRIPT), [towards(0)])
    vectors.put("usr_2", part(4, "conv_1"), [towards(0)])
    assert {n.key for n in vectors.nearest("usr_1", towards(0), [Kind.MESSAGE], 9)} == {"msg_1", "msg_2"}
    assert [n.key for n in vectors.nearest("usr_1", towards(0), list(Kind), 9, parent="conv_2")] == ["msg_2"]
    assert vectors.nearest("usr_3", towards(0), list(Kind), 9) == []


def test_a_part_has_the_vectors_that_it_was_given_last(vectors: Vectors) -> None:
    vectors.put("usr_1", part(1), [towards(n) for n in range(MAX_WINDOWS)])
    for _ in range(2):
        vectors.put("usr_1", part(1), [towards(50)])
    assert [round(n.score) for n in vectors.nearest("usr_1", towards(3), [Kind.MESSAGE], 9)] == [0]
    for _ in range(2):
        vectors.remove("usr_1", [entry(1)])
    assert vectors.nearest("usr_1", towards(50), [Kind.MESSAGE], 9) == []


def test_vectors_of_another_model_are_not_compared(request: pytest.FixtureRequest) -> None:
    table = request.getfixturevalue("table")
    DynamoVectors(table, "old").put("usr_1", part(1), [towards(0)])
    assert DynamoVectors(table, "new").nearest("usr_1", towards(0), [Kind.MESSAGE], 9) == []
