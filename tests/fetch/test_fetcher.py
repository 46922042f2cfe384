"""Fetching from real servers: what comes, what is refused, and that nobody gets round it."""

from __future__ import annotations

import gzip
import hashlib
import io
import ssl
import time
from collections.abc import Iterator

import pytest

from tablehouse.fetch.faults import FetchError, TooLarge
from tablehouse.fetch.fetcher import Fetched, Fetcher
from tests.fetch.web import CERTIFICATE, Names, Site, Street, endless, file, redirect, running, saying, trickling

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
PUBLIC = "93.184.216.34"


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        yield site


def got(fetcher: Fetcher, url: str) -> tuple[Fetched, bytes]:
    sink = io.BytesIO()
    return fetcher.fetch(url, sink=sink), sink.getvalue()


def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchError) as refused:
        fetcher.fetch(url, sink=io.BytesIO())
    return str(refused.value)


def here(site: Site, **keys: object) -> Fetcher:
    """A fetcher that the operator lets fetch from the site."""
    return Fetcher([f"127.0.0.1:{site.port}"], **keys)  # type: ignore[arg-type]


def test_a_file_comes_with_its_name_type_size_and_hash(site: Site) -> None:
    site.pages["/a%20b.png"] = file(PNG, [("Content-Type", "text/html")])
    fetched, body = got(here(site), site.url("/a%20b.png?x=1"))
    assert body == PNG
    assert fetched == Fetched("a b.png", "image/png", len(PNG), hashlib.sha256(PNG).hexdigest())


def test_the_sender_may_name_the_file(site: Site) -> None:
    site.pages["/get"] = file(b"a,b\n", [("Content-Disposition", "attachment; filename=\"x.csv\"; filename*=UTF-8''%e2%82%ac.csv")])
    assert got(here(site), site.url("/get"))[0].filename == "€.csv"
    site.pages["/get"] = file(b"a,b\n", [("Content-Disposition", 'attachment; filename="../../etc/passwd"')])
    assert got(here(site), site.url("/get"))[0].filename == "passwd"
    site.pages["/"] = file(PNG)
    assert got(here(site), site.url("/"))[0].filename == "file.png"


def test_the_request_carries_nothing_of_ours(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    site.pages["/x"] = redirect("/y", 307)
    site.pages["/y"] = file(b"y", [("Set-Cookie", "a=b")])
    got(here(site), site.url("/x"))
    assert [path for path, _ in site.asked] == ["/x", "/y"]
    for _, headers in site.asked:
        assert {name.lower() for name in headers} == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert headers["Host"] == f"127.0.0.1:{site.port}"
        assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2130706433", "0x7f.1", "017700000001"],
)
def test_this_machine_is_not_fetched_from_under_any_name(site: Site, host: str) -> None:
    site.pages["/"] = file(b"secret")
    refusal(Fetcher(), site.url("/", host))
    assert site.asked == []


def test_a_name_is_refused_when_any_of_its_addresses_is_private(site: Site) -> None:
    street = Street()
    names = Names(mixed_test=[[PUBLIC, "10.0.0.1"]], inner_test=[["fd00::1"]], none_test=[[]])
    fetcher = Fetcher(resolver=names, sockets=street)
    assert "is not on the public internet" in (said := refusal(fetcher, site.url("/", "mixed.test")))
    assert "--allow-fetch-host mixed.test" in said
    assert "10.0.0.1" not in said
    refusal(fetcher, site.url("/", "inner.test"))
    assert "no host" in refusal(fetcher, site.url("/", "none.test"))
    assert "no host" in refusal(fetcher, site.url("/", "unknown.test"))
    assert street.went_to == []


def test_a_public_name_is_fetched_from_at_the_very_address_that_was_checked(site: Site) -> None:
    """DNS rebinding: the name would lead to this machine when asked again. It is not asked again."""
    street = Street()
    names = Names(rebind_test=[[PUBLIC], ["127.0.0.1"]])
    site.pages["/"] = file(b"once")
    assert got(Fetcher(resolver=names, sockets=street), site.url("/", "rebind.test"))[1] == b"once"
    assert (names.asked, street.went_to) == (["rebind.test"], [PUBLIC])
    assert site.asked[0][1]["Host"] == f"rebind.test:{site.port}"


def test_each_redirect_is_checked_anew(site: Site) -> None:
    street = Street()
    names = Names(rebind_test=[[PUBLIC], ["127.0.0.1"]], good_test=[[PUBLIC]])
    fetcher = Fetcher(resolver=names, sockets=street)
    for to in (
        site.url("/secret"),
        site.url("/secret", "localhost"),
        site.url("/secret", "[::1]"),
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "data:text/plain,x",
    ):
        site.pages["/"] = redirect(to)
        refusal(fetcher, site.url("/", "good.test"))
    site.pages["/"] = redirect(site.url("/secret", "rebind.test"))
    refusal(fetcher, site.url("/", "rebind.test"))
    assert all(path == "/" for path, _ in site.asked)
    assert set(street.went_to) == {PUBLIC}


def test_redirects_are_few(site: Site) -> None:
    site.pages["/round"] = redirect("/round")
    assert "more than 5 redirects" in refusal(here(site), site.url("/round"))
    assert len(site.asked) == 6
    site.pages["/nowhere"] = file(b"", status=302)
    assert "without saying where" in refusal(here(site), site.url("/nowhere"))


def test_what_is_no_file_is_refused_with_the_status(site: Site) -> None:
    site.pages["/x"] = file(b"gone", status=404)
    said = refusal(here(site), site.url("/x?token=hidden"))
    assert "answers 404 (Not Found)" in said
    assert "hidden" not in said


def test_a_file_over_the_limit_is_refused_before_and_while_it_comes(site: Site) -> None:
    fetcher = here(site, limit=1_000)
    site.pages["/whole"] = file(b"x" * 1_000)
    assert got(fetcher, site.url("/whole"))[0].size == 1_000
    site.pages["/announced"] = file(b"", [("Content-Length", "1001")])
    site.pages["/endless"] = endless(b"x" * 100)
    for path in ("/announced", "/endless"):
        sink = io.BytesIO()
        with pytest.raises(TooLarge, match=r"larger than 1,000 bytes"):
            fetcher.fetch(site.url(path), sink=sink)
        assert len(sink.getvalue()) <= 1_000


def test_what_unpacks_to_more_than_the_limit_is_refused(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    site.pages["/bomb"] = file(bomb, [("Content-Encoding", "gzip")])
    site.pages["/fine"] = file(gzip.compress(b"fine") + gzip.compress(b" too"), [("Content-Encoding", "gzip")])
    site.pages["/half"] = file(bomb[:500], [("Content-Encoding", "gzip")])
    site.pages["/none"] = file(b"not gzip", [("Content-Encoding", "gzip")])
    site.pages["/other"] = file(b"?", [("Content-Encoding", "br")])
    fetcher = here(site, limit=1_000_000)
    sink = io.BytesIO()
    with pytest.raises(TooLarge):
        fetcher.fetch(site.url("/bomb"), sink=sink)
    assert len(sink.getvalue()) <= 1_000_000
    assert got(fetcher, site.url("/fine"))[1] == b"fine too"
    assert "ends in the middle" in refusal(fetcher, site.url("/half"))
    assert "damaged" in refusal(fetcher, site.url("/none"))
    assert "not asked for" in refusal(fetcher, site.url("/other"))


def test_a_file_that_breaks_off_is_not_taken_for_whole(site: Site) -> None:
    site.pages["/short"] = file(b"x" * 10, [("Content-Length", "20")])
    site.pages["/nonsense"] = saying(b"SSH-2.0-OpenSSH\r\n")
    for path in ("/short", "/nonsense"):
        assert "broke off" in refusal(here(site), site.url(path))


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["nothing", "headers", "body", "continue"],
)
def test_who_trickles_gets_no_more_time_than_others(site: Site, start: bytes) -> None:
    site.pages["/"] = trickling(start)
    began = time.monotonic()
    assert "longer than the 0.4 seconds" in refusal(here(site, seconds=0.4), site.url("/")) or start == b""
    assert time.monotonic() - began < 60  # not the 30 minutes or more that the bytes would take


def test_a_resolver_that_never_answers_is_not_waited_for() -> None:
    def never(host: str, port: int) -> list[str]:
        time.sleep(2)
        return [PUBLIC]

    assert "not found in time" in refusal(Fetcher(resolver=never, seconds=0.1), "http://slow.test/")


def test_a_host_that_nobody_listens_at_is_said_so(site: Site) -> None:
    with running() as other:
        closed = other.port
    assert "No connection" in refusal(Fetcher([f"127.0.0.1:{closed}"]), f"http://127.0.0.1:{closed}/")


def test_the_second_address_serves_when_the_first_does_not() -> None:
    with running() as site:
        site.pages["/"] = file(b"there")
        names = Names(two_test=[["::1", "127.0.0.1"]])  # the site listens on IPv4 alone
        assert got(Fetcher(["two.test"], resolver=names), site.url("/", "two.test"))[1] == b"there"


def test_https_checks_the_certificate_by_name_although_it_connects_to_an_address() -> None:
    ours = ssl.create_default_context(cafile=CERTIFICATE)
    names = Names(localhost=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    with running(tls=True) as site:
        site.pages["/"] = file(b"safe")
        fetcher = Fetcher(["localhost", "other.test"], resolver=names, tls=ours)
        assert got(fetcher, site.url("/", "localhost", "https"))[1] == b"safe"
        assert "certificate is not valid" in refusal(fetcher, site.url("/", "other.test", "https"))
        assert "certificate is not valid" in refusal(Fetcher(["localhost"]), site.url("/", "localhost", "https"))


def test_https_is_not_spoken_with_whom_speaks_http(site: Site) -> None:
    assert "does not speak HTTPS" in refusal(here(site), site.url("/", scheme="https"))


@pytest.mark.parametrize(
    ("url", "body", "type_", "filename"),
    [
        ("data:,hello%20world", b"hello world", "text/plain", "file.txt"),
        ("DATA:text/csv;charset=utf-8,a%2Cb", b"a,b", "text/csv", "file.csv"),
        ("data:text/plain;base64,aGVsbG8", b"hello", "text/plain", "file.txt"),
        ("data:;base64,_-8=", b"\xff\xef", "application/octet-stream", "file.bin"),
        ("data:image/png,%3Csvg%20onload=x%3E", b"<svg onload=x>", "image/svg+xml", "file.svg"),
    ],
)
def test_data_addresses_hold_their_file(url: str, body: bytes, type_: str, filename: str) -> None:
    fetched, data = got(Fetcher(), url)
    assert (data, fetched.content_type, fetched.filename, fetched.size) == (body, type_, filename, len(body))


def test_broken_and_large_data_addresses_are_refused() -> None:
    assert "no comma" in refusal(Fetcher(), "data:text/plain")
    assert "no base64" in refusal(Fetcher(), "data:;base64,a$b")
    assert "larger than" in refusal(Fetcher(limit=4), "data:,hello")
