"""S-01 to S-08, T-06: one table of addresses for everything that calls out on a stranger's word."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from antiphon.webhooks.guard import Blocked, Guard, Resolver, Target, allowed

BLOCKED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.254.0.0",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.254.254.254",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.79.129",
    "172.16.10.65",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.9",
    "192.0.0.10",
    "192.0.0.255",
    "192.0.2.255",
    "192.88.99.3",
    "192.168.10.65",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.65",
    "203.0.113.6",
    "224.0.0.1",
    "224.1.2.3",
    "233.252.0.16",
    "239.255.255.255",
    "240.240.240.240",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::c0a8:0",
    "64:ff9b::808:808",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::dead:beef",
    "100::1:2:3:4",
    "100:0:0:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:c000:204::1",
    "2002:c0a8:1::1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3fff::dead:beef",
    "5f00::1",
    "fc00::1",
    "fdee:3a45:9057::1",
    "fd00:ec2::254",
    "fd7a:115c:a1e0::1",
    "fe80::1",
    "febf:ffff::1",
    "fec0::1",
    "ff02::2",
    "ff0e::1",
]
ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.254",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9c::1",
    "2001:200::1",
    "2003::1",
    "2620:4f:8001::1",
]


def test_the_table_is_as_long_as_it_was_promised() -> None:
    assert len({*BLOCKED, *ALLOWED}) >= 70


@pytest.mark.parametrize("text", BLOCKED)
def test_a_blocked_address_is_refused_as_a_literal_and_behind_a_name(text: str) -> None:
    """S-01, S-03, S-04: our own list, on each Python the tests run on."""
    assert not allowed(ip_address(text))
    literal = f"[{text}]" if ":" in text else text
    with pytest.raises(Blocked):
        Guard().check_syntax(f"https://{literal}/")
    with pytest.raises(Blocked):
        Guard().vet(target(), lambda host, port: [text])


@pytest.mark.parametrize("text", ALLOWED)
def test_a_public_address_is_allowed_as_a_literal_and_behind_a_name(text: str) -> None:
    """S-02."""
    literal = f"[{text}]" if ":" in text else text
    assert Guard().vet(Guard().check_syntax(f"https://{literal}/"), never) == (ip_address(text),)
    assert Guard().vet(target(), lambda host, port: [text]) == (ip_address(text),)


SPANS = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
    ("::", "::ffff:ffff"),
    ("::ffff:0:0:0", "::ffff:0:ffff:ffff"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::1:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]
"""The networks of the list from their first address to their last; those that touch are one."""


@pytest.mark.parametrize(("first", "last"), SPANS)
def test_a_network_is_blocked_from_its_first_address_to_its_last(first: str, last: str) -> None:
    """T-06, S-01: and the addresses on either side are not."""
    low, high = ip_address(first), ip_address(last)
    assert not any(allowed(low + (int(high) - int(low)) * part // 64) for part in range(65))
    for border, step in ((low, -1), (high, 1)):
        try:
            beyond = border + step
        except ValueError:  # there is none
            continue
        assert allowed(beyond)


def answering(addresses: list[str]) -> Resolver:
    return lambda host, port: addresses


def never(host: str, port: int) -> list[str]:
    raise AssertionError("a literal needs no resolution")


def target(url: str = "https://hooks.example.com/x") -> Target:
    return Guard().check_syntax(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://0x7f000001/",
        "https://0X7F000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://0/",
        "https://0x0/",
        "https://0x/",
        "https://127.0.0.1./",
        "https://127.0.0.0x1/",
        "https://256.1.1.1/",
        "https://1.2.3.4.5/",
        "https://a.b.09/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://[8.8.8.8]/",
        "https://[v1.x]/",
        "https://localhost/",
        "https://localhost./",
        "https://intranet/",
        "https://example.com./",
        "https://user@127.0.0.1/",
        "https://user:password@example.com/",  # pragma: allowlist secret
        "https://@example.com/",
        "https://127.0.0.1\\@example.com/",
        "https://example.com\\.evil.test/",
        "https://①②⑦.0.0.1/",
        "https://１２７.0.0.1/",
        "https://bücher.example/",
        "https://127。0。0。1/",
        "https://exa mple.com/",
        "https://example.com/a b",
        "https://example.com/é",
        "https://example.com/\r\nHost: evil",
        "https://example.com\t/",
        " https://example.com/",
        "https://exam%70le.com/",
        "https://127.0.0.1%2f@example.com/",
        "https://-a.example/",
        "https://a-.example/",
        "https://a..example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://example.com:80/",
        "https://example.com:9001/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://example.com:/",
        "https://example.com:443:443/",
        "https://example.com/#fragment",
        "https://example.com/#",
        "https:///path",
        "https:example.com",
        "https:/example.com",
        "//example.com/",
        "example.com",
        "http://example.com/",
        "http://example.com:443/",
        "http://8.8.8.8:8443/",
        "HTTP://127.0.0.1/",
        "hTTpS://127.0.0.1/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "",
        "https://example.com/" + "a" * 2029,
    ],
)
def test_a_spelling_that_could_reach_elsewhere_is_refused(url: str) -> None:
    """S-05, S-08."""
    with pytest.raises(Blocked) as refused:
        Guard().check_syntax(url, "url")
    assert (refused.value.status, refused.value.code) == (422, "url_not_allowed")
    assert [f.field for f in refused.value.fields] == ["url"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.example.com", Target("https", "hooks.example.com", 443, "/")),
        ("HTTPS://Hooks.Example.COM/A?b=C", Target("https", "hooks.example.com", 443, "/A?b=C")),
        ("https://example.com:443/", Target("https", "example.com", 443, "/")),
        ("https://example.com/X", Target("https", "example.com", 443, "/X")),
        ("https://example.com:8443/a%20b;c", Target("https", "example.com", 8443, "/a%20b;c")),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
        ("https://my_hooks.example.com/?a=1&b=2", Target("https", "my_hooks.example.com", 443, "/?a=1&b=2")),
        ("https://[2606:4700:4700::1111]:8443/", Target("https", "2606:4700:4700::1111", 8443, "/")),
        ("https://example.com/" + "a" * (2048 - 20), Target("https", "example.com", 443, "/" + "a" * (2048 - 20))),
    ],
)
def test_an_ordinary_address_is_taken_apart(url: str, expected: Target) -> None:
    assert Guard().check_syntax(url) == expected


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com:443/", "example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("https://[2606:4700:4700::1111]:8443/", "[2606:4700:4700::1111]:8443"),
    ],
)
def test_the_host_header_names_a_port_only_where_it_is_not_the_usual_one(url: str, authority: str) -> None:
    assert target(url).authority == authority


@pytest.mark.parametrize(
    "mixed",
    [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "::1"], ["2606:4700:4700::1111", "fe80::1%eth0"]],
)
def test_one_bad_address_among_good_ones_refuses_the_name(mixed: list[str]) -> None:
    """S-06: stricter than dropping the bad ones."""
    with pytest.raises(Blocked):
        Guard().vet(target(), lambda host, port: mixed)


def test_a_name_is_resolved_once_and_its_addresses_come_back_in_order() -> None:
    """S-06."""
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["8.8.8.8", "2606:4700:4700::1111", "8.8.8.8"]

    assert Guard().vet(target("https://hooks.example.com:8443/"), resolve) == (
        ip_address("8.8.8.8"),
        ip_address("2606:4700:4700::1111"),
    )
    assert asked == [("hooks.example.com", 8443)]


def test_the_scope_of_an_address_is_left_out() -> None:
    """T-06."""
    assert Guard().vet(target(), answering(["2606:4700:4700::1111%eth0"])) == (ip_address("2606:4700:4700::1111"),)


def test_a_name_without_an_address_is_an_error_not_a_pass() -> None:
    with pytest.raises(OSError, match="no address"):
        Guard().vet(target(), lambda host, port: [])


LOCAL = Guard(allow_local=True, own=("http://127.0.0.1:8000",))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9999/hook",
        "http://127.255.255.255:9999/",
        "http://localhost:9999/",
        "https://127.0.0.1:9999/",
        "http://[::1]:9999/",
        "https://example.com/",
    ],
)
def test_the_laptop_may_call_loopback_on_any_port(url: str) -> None:
    assert LOCAL.check_syntax(url).path


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://8.8.8.8:9999/",
        "http://10.0.0.1:9999/",
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]:9999/",
        "http://0.0.0.0:9999/",
        "ftp://127.0.0.1:9999/",
        "ftp://localhost/",
        "http://intranet/",
        "http://localhost.:9999/",
    ],
)
def test_the_laptop_may_call_loopback_and_only_that(url: str) -> None:
    """S-08: plain http and other ports hold for loopback alone."""
    with pytest.raises(Blocked):
        LOCAL.check_syntax(url)


def test_on_the_laptop_a_name_over_http_must_lead_to_loopback() -> None:
    plain = LOCAL.check_syntax("http://hooks.example.com:9999/")
    assert LOCAL.vet(plain, lambda host, port: ["127.0.0.1"])
    for elsewhere in (["8.8.8.8"], ["10.0.0.1"]):
        with pytest.raises(Blocked):
            LOCAL.vet(plain, answering(elsewhere))


def test_the_field_is_that_of_a_callback_where_none_is_named() -> None:
    """T-06."""
    with pytest.raises(Blocked) as refused:
        Guard().check_syntax("ftp://example.com/")
    assert [field.field for field in refused.value.fields] == ["callback_url"]


def test_a_name_has_at_most_253_characters() -> None:
    """T-06."""
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert Guard().check_syntax(f"https://{longest}/").host == longest
    with pytest.raises(Blocked):
        Guard().check_syntax(f"https://{longest}b/")


def test_plain_http_has_its_own_port() -> None:
    """T-06."""
    plain = LOCAL.check_syntax("http://localhost/a")
    assert (plain, plain.authority) == (Target("http", "localhost", 80, "/a"), "localhost")
    assert LOCAL.check_syntax("http://localhost:443/").authority == "localhost:443"
    assert Guard(allow_local=True, own=("http://localhost",)).check_syntax("http://127.0.0.1:8000/")
    with pytest.raises(Blocked, match="itself"):
        Guard(allow_local=True, own=("http://localhost",)).check_syntax("http://127.0.0.1/")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1/webhooks", "http://localhost:8000/", "http://127.0.0.2:8000/"]
)
def test_our_own_origin_is_refused_on_the_laptop(url: str) -> None:
    """S-08: no loop."""
    with pytest.raises(Blocked, match="itself"):
        LOCAL.check_syntax(url)


def test_another_service_of_the_laptop_is_not_ourselves() -> None:
    """T-06: where we are loopback ourselves, whatever is elsewhere may be called; and the other way round."""
    here = Guard(allow_local=True, own=("https://127.0.0.1",))
    elsewhere = here.check_syntax("https://hooks.example.com/")
    assert here.vet(elsewhere, answering(["8.8.8.8"]))
    with pytest.raises(Blocked, match="itself"):
        here.vet(elsewhere, answering(["127.0.0.1"]))
    with pytest.raises(Blocked, match="itself"):
        Guard(allow_local=True, own=("http://[::1]:8000",)).check_syntax("http://localhost:8000/")
    named = Guard(allow_local=True, own=("https://speech.example.com",))
    for url in ("https://127.0.0.1/", "https://localhost/", "https://hooks.example.com/"):
        assert named.vet(named.check_syntax(url), answering(["127.0.0.1"]))
    assert Guard(allow_local=True, own=("http://10.0.0.1:8000",)).check_syntax("http://127.0.0.1:8000/")
    both = Guard(own=("https://one.example.com:8443", "https://two.example.com"))
    assert both.check_syntax("https://one.example.com/")
    for url in ("https://one.example.com:8443/", "https://two.example.com/"):
        with pytest.raises(Blocked, match="itself"):
            both.check_syntax(url)


def test_our_own_origin_is_refused_in_the_cloud_and_behind_another_name() -> None:
    cloud = Guard(own=("https://speech.example.com",))
    for url in ("https://speech.example.com/v1", "https://SPEECH.example.com:443/"):
        with pytest.raises(Blocked, match="itself"):
            cloud.check_syntax(url)
    assert cloud.check_syntax("https://hooks.example.com/")
    with pytest.raises(Blocked, match="itself"):
        LOCAL.vet(LOCAL.check_syntax("http://alias.example.com:8000/"), lambda host, port: ["127.0.0.1"])
