"""Contents of files: in a directory, and in a bucket of a real server that speaks S3."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tablehouse.storage.files.contents import CHUNK, ContentMissing, Contents, Incoming, sweep_incoming
from tablehouse.storage.files.local import LocalContents
from tablehouse.storage.files.remote import BadAddress, RemoteContents

DATABASE, OTHER = "7c9d2f0e-5a41-4c1b-9f37-2b8e6d4a1c55", "7c9d2f0e-5a41-4c1b-9f37-2b8e6d4a1c56"
LARGE = os.urandom(6 * 1024 * 1024)  # more than one part of an upload to S3, and more than one piece of a download


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of an empty bucket, for which the environment has the credentials."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    set_ = {
        "AWS_ENDPOINT": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in set_}
    os.environ.update(set_)
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/attached", method="PUT")).close()
    yield "s3://attached/some/prefix"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(params=["directory", "bucket"])
def contents(request: pytest.FixtureRequest, tmp_path: Path) -> Contents:
    if request.param == "directory":
        return LocalContents(tmp_path / "files")
    made = RemoteContents(request.getfixturevalue("bucket"), tmp_path / "incoming")
    made.remove_all(DATABASE)
    made.remove_all(OTHER)
    return made


def put(contents: Contents, key: str, *pieces: bytes, database: str = DATABASE) -> None:
    with Incoming(contents.incoming) as incoming:
        for piece in pieces:
            incoming.write(piece)
        assert (incoming.size, incoming.sha256) == (sum(map(len, pieces)), hashlib.sha256(b"".join(pieces)).hexdigest())
        contents.keep(incoming, database, key)


def read(contents: Contents, key: str, first: int, count: int, database: str = DATABASE) -> bytes:
    return b"".join(contents.read(database, key, first, count))


def test_what_is_kept_is_read_whole_and_in_part(contents: Contents) -> None:
    put(contents, "large", LARGE[:1000], LARGE[1000:])
    assert contents.size(DATABASE, "large") == len(LARGE)
    assert read(contents, "large", 0, len(LARGE)) == LARGE
    assert read(contents, "large", CHUNK - 5, 10) == LARGE[CHUNK - 5 : CHUNK + 5]
    assert read(contents, "large", len(LARGE) - 1, 1) == LARGE[-1:]
    assert list(contents.incoming.iterdir()) == []
    put(contents, "empty", b"")
    assert (contents.size(DATABASE, "empty"), read(contents, "empty", 0, 0)) == (0, b"")


def test_databases_are_kept_apart(contents: Contents) -> None:
    put(contents, "a", b"one")
    put(contents, "b", b"three")
    put(contents, "a", b"other", database=OTHER)
    assert sorted((found.key, found.size) for found in contents.names(DATABASE)) == [("a", 3), ("b", 5)]
    assert sorted(contents.databases()) == [DATABASE, OTHER]
    contents.remove(DATABASE, ["a", "never"])
    assert [found.key for found in contents.names(DATABASE)] == ["b"]
    with pytest.raises(ContentMissing):
        contents.size(DATABASE, "a")
    with pytest.raises(ContentMissing):
        contents.read(DATABASE, "a", 0, 1)
    contents.remove_all(DATABASE)
    assert list(contents.names(DATABASE)) == []
    assert read(contents, "a", 0, 5, OTHER) == b"other"
    contents.remove_all("none-such")


def test_what_was_not_kept_is_gone(contents: Contents) -> None:
    def cut_off() -> None:
        with Incoming(contents.incoming) as incoming:
            incoming.write(b"half of it")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        cut_off()
    assert list(contents.incoming.iterdir()) == []
    killed = Incoming(contents.incoming)
    now = killed.path.stat().st_mtime * 1000
    assert sweep_incoming(contents.incoming, lambda: int(now) + 500, 1000) == 0
    assert sweep_incoming(contents.incoming, lambda: int(now) + 2000, 1000) == 1
    assert list(contents.incoming.iterdir()) == []
    killed.__exit__(None, None, None)


def test_an_address_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadAddress):
        RemoteContents("gopher://somewhere", tmp_path)
