"""Which addresses our servers may call on a stranger's word (SSRF): for callbacks and for ``url`` sources of jobs alike.

Two steps, and both are needed: `Guard.check_syntax` looks at the text, `Guard.vet` at what the name resolves to, at every single call. Whoever connects
takes the address that `vet` gives and never resolves again; the name stays in ``Host``, in SNI and in the certificate check.

The list is our own, because ``ipaddress.is_global`` lets a dozen of these ranges through and differs between Python versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from antiphon.platform.errors import Field, Invalid

MAX_URL = 2048
PORTS = frozenset({443, 8443})
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LAST_IS_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Takes a host name and a port, gives all its addresses, A and AAAA. Raises OSError."""

BLOCKED_V4 = tuple(
    IPv4Network(n)
    for n in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    ]
)
BLOCKED_V6 = tuple(
    IPv6Network(n)
    for n in [
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
)
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Blocked(Invalid):
    """The address may not be called. The text is for the one who typed it and says nothing of what lies behind the address."""

    code, title = "url_not_allowed", "This address may not be called"


@dataclass(frozen=True)
class Target:
    """An address taken apart. ``host``: lower case, an IPv6 literal without its brackets; ``path``: with the query, as it goes on the wire."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The ``Host`` header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def allowed(address: Address) -> bool:
    """Whether this is a public unicast address. An IPv4 address mapped into IPv6 counts as itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return allowed(address.ipv4_mapped)
        return not any(address in network for network in BLOCKED_V6)
    return not any(address in network for network in BLOCKED_V4)


def is_loopback(address: Address) -> bool:
    return any(address in network for network in LOOPBACK)


@dataclass(frozen=True)
class Guard:
    """allow_local: the laptop's parameter; it adds plain http and any port, both for loopback only. own: origins (``https://host[:port]``) that
    are ourselves and would make a loop."""

    allow_local: bool = False
    own: tuple[str, ...] = ()

    def check_syntax(self, url: str, field: str = "callback_url") -> Target:
        """The address taken apart, if its text alone does not rule it out. Resolves nothing. Raises Blocked, which names the field."""
        try:
            return self._taken_apart(url)
        except Blocked as blocked:
            raise Blocked(blocked.detail, fields=(Field(field, blocked.detail),)) from None

    def vet(self, target: Target, resolve: Resolver) -> tuple[Address, ...]:
        """The addresses to connect to, from one resolution. One that may not be called refuses them all. Raises Blocked, OSError of the resolver."""
        literal = _literal(target.host)
        if literal is not None:
            addresses: tuple[Address, ...] = (literal,)
        else:
            # A scope ("fe80::1%eth0") is no part of the address; what has one is link-local and falls by its network.
            addresses = tuple(
                dict.fromkeys(ip_address(text.partition("%")[0]) for text in resolve(target.host, target.port))
            )
        if not addresses:
            raise OSError("the name has no address")
        for address in addresses:
            self._check_address(target, address)
        self._check_own(target, addresses)
        return addresses

    def _taken_apart(self, url: str) -> Target:
        if not 1 <= len(url) <= MAX_URL:
            raise Blocked(f"The address must have 1 to {MAX_URL} characters.")
        if not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>^`{|}'):
            raise Blocked(
                "The address must be plain ASCII without spaces; write the host in Punycode and percent-encode the rest."
            )
        if "#" in url:
            raise Blocked("The address must not have a fragment (#…).")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Blocked("The address cannot be understood.") from error
        scheme = parts.scheme.lower()
        if scheme not in ("https", "http") or not url[len(scheme) :].startswith("://"):
            raise Blocked("The address must begin with https://.")
        if "@" in parts.netloc:
            raise Blocked("The address must not hold a user name or password.")
        host = _host(parts.netloc, parts.hostname or "")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = Target(scheme, host, _default_port(scheme) if port is None else port, path)
        literal = _literal(host)
        if literal is not None:
            self._check_address(target, literal)
        elif "." not in host and not (self.allow_local and host == "localhost"):
            raise Blocked("The address must have a full host name.")
        if not self.allow_local:
            _check_strict(target)
        self._check_own(target, (literal,) if literal else ())
        return target

    def _check_address(self, target: Target, address: Address) -> None:
        if self.allow_local and is_loopback(address):
            return
        if not allowed(address):
            raise Blocked("The address must be a public one.")
        _check_strict(target)

    def _check_own(self, target: Target, addresses: tuple[Address, ...]) -> None:
        for origin in self.own:
            parts = urlsplit(origin)
            host = (parts.hostname or "").lower()
            if target.port != (parts.port or _default_port(parts.scheme)):
                continue
            literal = _literal(host)
            here = host == "localhost" or (literal is not None and is_loopback(literal))
            if target.host == host or (here and (target.host == "localhost" or any(is_loopback(a) for a in addresses))):
                raise Blocked("The address is this service itself.")


def _host(netloc: str, hostname: str) -> str:
    if netloc.startswith("["):
        if not re.fullmatch(r"\[[0-9a-fA-F:.]+\](:\d{1,5})?", netloc):
            raise Blocked("The address has a host that cannot be understood.")
        return hostname
    if not re.fullmatch(r"[^:]+(:\d{1,5})?", netloc):
        raise Blocked("The address has a host that cannot be understood.")
    labels = hostname.split(".")
    if len(hostname) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Blocked("The address has a host that cannot be understood.")
    # As browsers do: a name that ends in a number is an IPv4 address, and only the one plain spelling of it counts.
    if _LAST_IS_NUMBER.fullmatch(labels[-1]) and _literal(hostname) is None:
        raise Blocked("Write an IP address as four plain decimal numbers.")
    return hostname


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _check_strict(target: Target) -> None:
    if target.scheme != "https":
        raise Blocked("The address must begin with https://.")
    if target.port not in PORTS:
        raise Blocked("The port must be 443 or 8443.")
