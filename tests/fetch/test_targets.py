"""What may be fetched from: addresses in every spelling, and the IP addresses behind names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tablehouse.fetch.addresses import is_public
from tablehouse.fetch.faults import FetchError
from tablehouse.fetch.targets import AllowedHosts, read_target


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "169.253.0.1", "2606:4700::1111", "2a00::1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",  # metadata of Alibaba
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",  # Azure's own
        "169.254.169.254",  # metadata of AWS, GCP, Azure
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",  # metadata of Oracle
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",  # IPv4-compatible
        "::ffff:127.0.0.1",
        "::ffff:1.1.1.1",  # mapped: refused whole
        "::ffff:0:127.0.0.1",  # translated
        "64:ff9b::7f00:1",  # NAT64
        "64:ff9b::101:101",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",  # Teredo
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata of AWS
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
        "no address",
        "",
    ],
)
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path"),
    [
        ("https://example.com", "https", "example.com", 443, "/"),
        ("HTTP://Example.COM.:8080/a b?q=1#part".replace(" ", "%20"), "http", "example.com", 8080, "/a%20b?q=1"),
        ("https://bücher.example/ü?ä=ö", "https", "xn--bcher-kva.example", 443, "/%C3%BC?%C3%A4=%C3%B6"),
        ("http://1.1.1.1/x", "http", "1.1.1.1", 80, "/x"),
        ("http://[2606:4700:0::1111]:81/", "http", "2606:4700::1111", 81, "/"),
        ("  https://example.com/x  ", "https", "example.com", 443, "/x"),
        ("https://example.com/100%25/%zz", "https", "example.com", 443, "/100%25/%zz"),
    ],
)
def test_addresses_are_read(url: str, scheme: str, host: str, port: int, path: str) -> None:
    target = read_target(url)
    assert (target.scheme, target.host, target.port, target.path) == (scheme, host, port, path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://2130706433/", "four decimal numbers"),
        ("http://0x7f000001/", "four decimal numbers"),
        ("http://0x7f.0.0.1/", "four decimal numbers"),
        ("http://0177.0.0.1/", "four decimal numbers"),
        ("http://127.1/", "four decimal numbers"),
        ("http://127.0.0.1.5/", "four decimal numbers"),
        ("http://127.0.0.0x1/", "four decimal numbers"),
        ("http://256.1.1.1/", "four decimal numbers"),
        ("http://①②⑦.①/", "four decimal numbers"),
        ("http://[::ffff:zz]/", "cannot be read"),
        ("http://[fe80::1%25eth0]/x", "like [2600::1]"),
        ("http://user:secret@example.com/", "user name or password"),
        ("http://example.com@127.0.0.1/", "user name or password"),
        ("http://example.com\\@127.0.0.1/", "backslash"),
        ("http://example.com/\r\nHost: x", "line break"),
        ("http://exa mple.com/", "space"),
        ("http:///etc/passwd", "no host"),
        ("file:///etc/passwd", "https://, http:// or data:"),
        ("ftp://example.com/x", "https://, http:// or data:"),
        ("gopher://example.com/x", "https://, http:// or data:"),
        ("//example.com/x", "https://, http:// or data:"),
        ("example.com/x", "https://, http:// or data:"),
        ("http://exa$mple.com/", "no name of a host"),
        ("http://a..example.com/", "no name of a host"),
        ("http://-a.example.com/", "no name of a host"),
        ("http://" + "a" * 64 + ".com/", "no name of a host"),
        ("http://example.com:99999/", "cannot be read"),
        ("http://example.com/" + "a" * 8_000, "longer than"),
    ],
)
def test_other_spellings_are_refused_with_what_would_be_right(url: str, says: str) -> None:
    with pytest.raises(FetchError) as refused:
        read_target(url)
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_redirect_is_relative_to_what_it_comes_from() -> None:
    base = read_target("https://example.com:8443/a/b?c")
    assert read_target("../d", base).url == "https://example.com:8443/d"
    assert read_target("//other.example/x", base).url == "https://other.example:443/x"
    with pytest.raises(FetchError):
        read_target("file:///etc/passwd", base)


def test_hosts_are_allowed_by_name_with_or_without_port() -> None:
    allowed = AllowedHosts(["files.lan", "10.0.0.5:8080", "[fd00::5]:443"])
    assert read_target("http://FILES.lan:99/") in allowed
    assert read_target("http://10.0.0.5:8080/") in allowed
    assert read_target("https://[fd00:0::5]/") in allowed
    for other in ("http://10.0.0.5/", "http://more.files.lan/", "http://files.lan.example/", "http://[fd00::5]:80/"):
        assert read_target(other) not in allowed


def test_people_are_shown_no_query() -> None:
    assert read_target("https://example.com/a.png?signature=hidden").shown == "https://example.com/a.png"


PIECES = [
    "http://",
    "https://",
    "//",
    "data:",
    "@",
    "[",
    "]",
    "%",
    ":",
    "/",
    "?",
    "#",
    ".",
    "0x7f",
    "1",
    "127.0.0.1",
    "::1",
    "é",
    "。",
    "⒈",
    "\ud800",
    "\x00",
    " ",
    "\\",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_whatever_is_given_is_read_into_plain_parts_or_refused(text: str) -> None:
    try:
        target = read_target(text)
    except FetchError:
        return
    assert re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", target.host)
    assert re.fullmatch(r"[!-~]+", target.path)
    assert read_target(target.url) == target
