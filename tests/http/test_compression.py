"""Encodings of answers: which one a client gets, and that it reads the same bytes."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator

import pytest
import zstandard

from tablehouse.http.compression import Encoding, choose, compress
from tests.http.small_server import SmallServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallServer]:
    with SmallServer.running(tmp_path_factory.mktemp("compression")) as running:
        yield running


def decoded(data: bytes, encoding: str) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data) if encoding == "zstd" else zlib.decompress(data, 31)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;Q=0.9", "gzip"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("gzip;q=0", None),
        ("zstd;q=0, gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0, gzip", "gzip"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("identity", None),
        ("gzip;q=0.2, identity", None),
        ("gzip, identity", "gzip"),
        ("br", None),
        ("", None),
        (" , ;q=1,", None),
        ("gzip;q=abc", None),
        ("gzip;q=7", None),
    ],
)
def test_the_client_chooses(header: str, encoding: str | None) -> None:
    assert choose(header) == encoding


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_an_encoded_answer_is_smaller_and_reads_the_same(server: SmallServer, encoding: str) -> None:
    _, plain_headers, plain = server.ask("GET", "/text?bytes=20000")
    status, headers, data = server.ask("GET", "/text?bytes=20000", headers={"Accept-Encoding": encoding})
    assert status == 200
    assert headers["content-encoding"] == encoding
    assert headers["vary"] == plain_headers["vary"] == "Accept-Encoding"
    assert int(headers["content-length"]) == len(data) < len(plain) / 10
    assert decoded(data, encoding) == plain
    assert "content-encoding" not in plain_headers


@pytest.mark.parametrize("path", ["/hi", "/text?bytes=500", "/text?bytes=20000&type=image/png", "/stream?bytes=131072", "/nowhere"])
def test_what_would_not_gain_stays_plain(server: SmallServer, path: str) -> None:
    _, headers, _ = server.ask("GET", path, headers={"Accept-Encoding": "gzip, zstd"})
    assert "content-encoding" not in headers


def test_threads_do_not_share_a_compressor() -> None:
    data = b"".join(str(number).encode() for number in range(20_000))
    wrong: list[Encoding] = []

    def work(encoding: Encoding) -> None:
        wrong.extend(encoding for _ in range(50) if decoded(compress(data, encoding), encoding) != data)

    threads = [threading.Thread(target=work, args=(encoding,)) for encoding in ("zstd", "gzip") for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
