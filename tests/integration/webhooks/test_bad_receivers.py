"""What a receiver may do to us, against real servers on loopback. Deadlines are short here; `deadline_seconds` is the only thing that changes."""

from __future__ import annotations

import contextlib
import gzip
import resource
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.query
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from antiphon.webhooks import guard
from antiphon.webhooks.guard import Guard, Resolver
from antiphon.webhooks.send import DEADLINE_SECONDS, MAX_KEPT, MAX_READ, HttpSender, trusted_roots
from tests.integration.webhooks.receivers import (
    Behaviour,
    answers,
    drips_body,
    drips_headers,
    endless_headers,
    gigabyte,
    hangs,
    hangs_up,
    receiver,
    talks_nonsense,
)

ROOTS = ssl.create_default_context()


def sender(seconds: float = 5.0, **changes: object) -> HttpSender:
    return HttpSender(Guard(allow_local=True), ROOTS, deadline_seconds=seconds, **changes)  # type: ignore[arg-type]


def test_the_deadline_of_production_is_fifteen_seconds() -> None:
    """W-14."""
    assert DEADLINE_SECONDS == 15.0


@pytest.mark.parametrize("behaviour", [hangs, drips_headers, drips_body], ids=lambda b: b.__name__)
def test_one_deadline_covers_headers_and_body(behaviour: Behaviour) -> None:
    """W-14: a receiver that hangs or drips is cut at the deadline, not a byte's time-out later."""
    with receiver(behaviour) as place:
        started = time.monotonic()
        outcome = sender(0.8).post(place.url, {}, b"{}")
        took = time.monotonic() - started
    assert outcome.error == "timeout"
    assert not outcome.succeeded
    assert 0.8 <= took < 1.3
    assert 800 <= outcome.duration_ms < 1300


def test_the_deadline_covers_a_receiver_that_never_reads() -> None:
    """W-14: the request itself, when the other side's window is full."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        started = time.monotonic()
        outcome = sender(0.8).post(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"x" * 50_000_000)
        assert time.monotonic() - started < 1.3
    assert outcome.error == "timeout"


def test_the_deadline_covers_the_name() -> None:
    """W-14: a resolver that does not answer; S-09: it looks like any other address that cannot be reached."""
    never = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        never.wait(30)
        return ["127.0.0.1"]

    started = time.monotonic()
    outcome = sender(0.5, resolve=resolve).post("https://slow.example.com/", {}, b"{}")
    never.set()
    assert time.monotonic() - started < 1.0
    assert outcome.error == "unreachable"


def test_the_deadline_covers_the_tls_handshake() -> None:
    """W-14: a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        outcome = sender(0.5).post(f"https://127.0.0.1:{server.getsockname()[1]}/", {}, b"{}")
        assert time.monotonic() - started < 1.0
    assert outcome.error == "timeout"


@pytest.mark.parametrize(
    ("behaviour", "succeeded"),
    [(gigabyte, True), (endless_headers, False)],
    ids=["body of 1 GB", "headers without end"],
)
def test_an_endless_answer_is_cut_and_costs_no_memory(behaviour: Behaviour, succeeded: bool) -> None:
    """W-15: at most 64 KB are read, 1 KB is kept, memory grows by less than 5 MB."""
    with receiver(answers(200)) as place:
        sender().post(place.url, {}, b"{}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with receiver(behaviour) as place:
        outcomes = [sender().post(place.url, {}, b"{}") for _ in range(5)]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    for outcome in outcomes:
        assert outcome.succeeded is succeeded
        assert outcome.duration_ms < 2000
        assert len(outcome.answer) == (MAX_KEPT if succeeded else 0)
        assert outcome.error == (None if succeeded else "bad_answer")
    assert grown * (1 if sys.platform == "darwin" else 1024) < 5 * 1024 * 1024


def test_no_more_than_the_budget_is_read_from_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """W-15: counted at the socket."""
    taken: list[int] = []

    class Counting(socket.socket):
        def recv(self, *args: int) -> bytes:
            data = super().recv(*args)
            taken.append(len(data))
            return data

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        made = Counting(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(timeout)
        made.connect(address)
        return made

    with receiver(gigabyte) as place:
        monkeypatch.setattr("antiphon.webhooks.wire.socket.create_connection", connect)
        sender().post(place.url, {}, b"{}")
    assert sum(taken) == MAX_READ


def test_a_compressed_answer_is_not_unpacked() -> None:
    """W-15: we ask for identity, and what comes packed all the same is kept as it came."""
    packed = gzip.compress(b"\0" * 50_000_000)
    with receiver(answers(200, body=packed, headers={"content-encoding": "gzip"})) as place:
        outcome = sender().post(place.url, {}, b"{}")
    assert outcome.succeeded
    assert outcome.answer.startswith("\x1f\ufffd\x08"), (
        "the two magic bytes of gzip, the second no text, and its method"
    )
    assert len(outcome.answer) <= MAX_KEPT
    assert place.got[0].all("accept-encoding") == ["identity"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    """W-10: as Svix's test has it, the second route is not visited."""
    with (
        receiver(answers(200)) as elsewhere,
        receiver(answers(status, headers={"location": elsewhere.url + "/second"})) as place,
    ):
        outcome = sender().post(place.url + "/first", {}, b"{}")
    assert (outcome.status_code, outcome.succeeded) == (status, False)
    assert [got.path for got in place.got] == ["/first"]
    assert elsewhere.got == []


@pytest.mark.parametrize("status", [500, 410, 429, 404])
def test_an_error_is_a_failure_with_its_text_and_retry_after(status: int) -> None:
    with receiver(answers(status, body="Störung ".encode() * 300, headers={"retry-after": "120"})) as place:
        outcome = sender().post(place.url, {}, b"{}")
    assert (outcome.status_code, outcome.error, outcome.succeeded, outcome.retry_after) == (status, None, False, "120")
    assert outcome.answer.startswith("Störung ")
    assert len(outcome.answer.encode()) <= MAX_KEPT + 2
    assert outcome.gone is (status == 410)


@pytest.mark.parametrize("behaviour", [talks_nonsense, hangs_up], ids=lambda b: b.__name__)
def test_what_is_no_http_is_a_failure(behaviour: Behaviour) -> None:
    with receiver(behaviour) as place:
        outcome = sender().post(place.url, {}, b"{}")
    assert (outcome.status_code, outcome.error) == (None, "bad_answer")


def test_an_answer_before_the_whole_request_was_read_counts() -> None:
    """A receiver that refuses by the headers alone and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        outcome = sender().post(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"x" * 5_000_000)
        thread.join()
    assert outcome.status_code == 413


def test_blocked_refused_and_unanswered_look_the_same() -> None:
    """S-09: no oracle."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    quiet = Guard(allow_local=True)
    outcomes = [
        HttpSender(Guard(), ROOTS).post("https://169.254.169.254/latest/meta-data/", {}, b"{}"),
        HttpSender(Guard(), ROOTS, resolve=lambda host, port: ["10.0.0.1"]).post(
            "https://inside.example.com/", {}, b"{}"
        ),
        HttpSender(Guard(), ROOTS, resolve=lambda host, port: ["8.8.8.8", "127.0.0.1"]).post(
            "https://mixed.example.com/", {}, b"{}"
        ),
        HttpSender(quiet, ROOTS).post(f"http://127.0.0.1:{free}/", {}, b"{}"),
        HttpSender(quiet, ROOTS, resolve=failing).post("https://unknown.example.com/", {}, b"{}"),
    ]
    assert {(o.status_code, o.error, o.answer, o.retry_after) for o in outcomes} == {(None, "unreachable", "", None)}


def failing(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_name_that_changes_its_mind_reaches_nobody() -> None:
    """S-07: public when it was registered, loopback at the attempt; the canary sees no connection."""
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.2)
        port = canary.getsockname()[1]
        turns = iter([["8.8.8.8"], ["127.0.0.1"]])
        resolve = lambda host, _port: next(turns)  # noqa: E731
        strict = Guard()
        patched = guard.PORTS | {port}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guard, "PORTS", patched)
            url = f"https://rebind.example.com:{port}/"
            assert strict.vet(strict.check_syntax(url), resolve) == (ip_address("8.8.8.8"),)
            outcome = HttpSender(strict, ROOTS, resolve=resolve).post(url, {}, b"{}")
        assert outcome.error == "unreachable"
        with pytest.raises(TimeoutError):
            canary.accept()


@contextlib.contextmanager
def rebinding(*turns: str) -> Iterator[tuple[Resolver, list[str]]]:
    """A name server on loopback that answers each question with the next of these addresses, to be kept for no time; and a resolver that asks it."""
    asked: list[str] = []
    left = list(turns)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (question := server.recvfrom(512))[0]:
                query = dns.message.from_wire(question[0])
                name = query.question[0].name
                asked.append(str(name))
                answer = dns.message.make_response(query)
                answer.answer.append(dns.rrset.from_text(name, 0, "IN", "A", left.pop(0)))
                server.sendto(answer.to_wire(), question[1])

        def resolve(host: str, port: int) -> list[str]:
            answer = dns.query.udp(
                dns.message.make_query(host, "A"), "127.0.0.1", port=server.getsockname()[1], timeout=5
            )
            return [record.address for found in answer.answer for record in found]

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield resolve, asked
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", server.getsockname())
            thread.join()


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_a_name_server_that_rebinds_is_asked_at_each_attempt_and_leads_nowhere(inside: str) -> None:
    """S-07: public at the registration, inside at the attempt; one question for each, and none between check and connection."""
    with socket.create_server(("127.0.0.1", 0)) as canary, rebinding("8.8.8.8", inside, inside) as (resolve, asked):
        canary.setblocking(False)
        port = canary.getsockname()[1]
        strict = Guard()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guard, "PORTS", guard.PORTS | {port})
            url = f"https://rebind.example.com:{port}/"
            assert strict.vet(strict.check_syntax(url), resolve) == (ip_address("8.8.8.8"),)
            outcomes = [HttpSender(strict, ROOTS, resolve=resolve).post(url, {}, b"{}") for _ in range(2)]
        assert [(o.status_code, o.error, o.answer) for o in outcomes] == [(None, "unreachable", "")] * 2
        assert asked == ["rebind.example.com."] * 3
        with pytest.raises(BlockingIOError):
            canary.accept()


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """S-08."""
    with receiver(answers(502)) as proxy, receiver(answers(200)) as place:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert sender().post(place.url, {}, b"{}").succeeded
    assert proxy.got == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hooks.example.com, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "hooks.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + made.public_bytes(pem)
    )
    return path


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    """A server that answers each connection with the name it was asked for (SNI) and its Host header."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        request = connection.recv(65536).decode()
                        host = next(line for line in request.split("\r\n") if line.lower().startswith("host:"))
                        body = f"{asked[-1]} {host}".encode()
                        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                except (ssl.SSLError, ConnectionError):
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_the_vetted_address_is_called_under_the_name(tls_port: int, certificate: Path) -> None:
    """S-06: connect to the address, but SNI, certificate and Host are the name's."""
    roots = ssl.create_default_context(cafile=str(certificate))
    post = HttpSender(Guard(allow_local=True), roots, resolve=lambda host, port: ["127.0.0.1"], deadline_seconds=5).post
    good = post(f"https://hooks.example.com:{tls_port}/", {}, b"{}")
    assert good.answer == f"hooks.example.com host: hooks.example.com:{tls_port}"
    assert good.succeeded
    for wrong in ("evil.example.com", "127.0.0.1"):
        outcome = post(f"https://{wrong}:{tls_port}/", {}, b"{}")
        assert (outcome.status_code, outcome.error) == (None, "tls_failed")


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_port: int) -> None:
    post = HttpSender(
        Guard(allow_local=True), trusted_roots(), resolve=lambda host, port: ["127.0.0.1"], deadline_seconds=5
    ).post
    assert post(f"https://hooks.example.com:{tls_port}/", {}, b"{}").error == "tls_failed"


def test_a_dead_first_address_leaves_time_for_the_next() -> None:
    with receiver(answers(200)) as place:
        port = int(place.url.rsplit(":", 1)[1])
        outcome = sender(2.0, resolve=lambda host, _port: ["127.0.0.2", "127.0.0.1"]).post(
            f"http://localhost:{port}/", {}, b"{}"
        )
    assert outcome.succeeded
