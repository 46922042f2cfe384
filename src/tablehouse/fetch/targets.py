"""The web address a client gave, read strictly: scheme, host, port and what to ask for there.

Pure. A host is a name or an address in its one plain form. Resolvers also take IPv4 as `2130706433`, `0x7f.1` or `0177.0.0.1`;
nobody writes that by accident, so it is refused before any resolver sees it. Source of the forms: RFC 3986, WHATWG URL §4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from tablehouse.fetch.faults import FetchError

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LONGEST_URL: Final = 8_000
"""Characters; RFC 9110 asks servers to take 8,000, and few take more."""
_LONGEST_SHOWN: Final = 120

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
# What may stand in a path or query as it is: everything else is percent-encoded, so that no line break or space gets into the request.
_PLAIN: Final = "!#$%&'()*+,/:;=?@[]~-._"


class Target(msgspec.Struct, frozen=True):
    """One place to ask. `host` is lower-case and ASCII, an IPv6 address without brackets; `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The address as a base for relative redirects."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def shown(self) -> str:
        """The address for people: without the query, which may hold somebody's signature or key."""
        port = "" if DEFAULT_PORTS[self.scheme] == self.port else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return shortened(f"{self.scheme}://{host}{port}{self.path.partition('?')[0]}")


class AllowedHosts:
    """The hosts that the operator lets the server fetch from, public or not: `host` at any port, or `host:port`."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        """Takes them as `config.Settings.allow_fetch_hosts` holds them: lower-case, an IPv6 address in brackets."""
        self._hosts = frozenset(hosts)

    def __contains__(self, target: Target) -> bool:
        host = f"[{target.host}]" if ":" in target.host else target.host
        return host in self._hosts or f"{host}:{target.port}" in self._hosts


def shortened(url: str) -> str:
    """Returns the address for a sentence: in one line, and cut when it is long."""
    line = "".join(character if character.isprintable() else " " for character in url)
    return line if len(line) <= _LONGEST_SHOWN else line[:_LONGEST_SHOWN] + "…"


def read_target(url: str, base: Target | None = None) -> Target:
    """Returns where the address leads; `base` is what a redirect is relative to. Raises FetchError, saying what is wrong with it."""
    if len(url) > LONGEST_URL:
        raise FetchError(f"The address is longer than {LONGEST_URL:,} characters.")
    text = url.strip()
    if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", text):
        raise FetchError(
            "The address has a space, a line break, a backslash or half a character in it; write such characters percent-encoded."
        )
    try:
        parts = urlsplit(urljoin(base.url, text) if base else text)
        port = parts.port
    except ValueError:
        raise FetchError("The address cannot be read; write it like https://example.com/file.pdf.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise FetchError("Files are fetched from addresses that begin with https://, http:// or data:.")
    if parts.username is not None or parts.password is not None:
        raise FetchError("The address holds a user name or password, which are not sent on; give one that works without them.")
    if not parts.hostname:
        raise FetchError("The address names no host; write it like https://example.com/file.pdf.")
    path = quote(parts.path or "/", safe=_PLAIN) + (f"?{quote(parts.query, safe=_PLAIN)}" if parts.query else "")
    host = _host(parts.hostname)
    return Target(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port, path)


def _host(host: str) -> str:
    """Returns the host as it is looked up. Raises FetchError for what is neither a name nor an address in its plain form."""
    if ":" in host:
        try:
            address = IPv6Address(host)
        except ValueError:
            address = None
        if address is None or address.scope_id is not None:
            raise FetchError(f"{shortened(host)} is no host; write an IPv6 address like [2600::1].")
        return address.compressed
    try:
        # IDNA 2003, as the standard library has it: names beyond it work in their ASCII form (xn--…).
        ascii_host = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise FetchError(f"{shortened(host)} is no name of a host.") from None
    labels = ascii_host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(ascii_host)
    if len(ascii_host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise FetchError(f"{shortened(host)} is no name of a host.")
    return ascii_host


def _ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise FetchError(f"{shortened(host)} is no host; write an IPv4 address as four decimal numbers.") from None
