"""Cells that become files: what their texts name is fetched, outside of the writer's seat and in a bounded time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tablehouse.errors import BadRequest, QuotaExceeded
from tests.fetch import web
from tests.local import Local, LocalTable, OpenLocal

TEXT = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "F", "type": "LONG_TEXT"}]


@pytest.fixture
def site() -> Iterator[web.Site]:
    with web.running() as site:
        for name in ("a.txt", "b.txt", "c.txt"):
            site.pages[f"/{name}"] = web.file(name.encode())
        yield site


def kept(table: LocalTable) -> int:
    """How many contents there are."""
    return len(list(table.local.store.contents.names(table.database)))


def names(table: LocalTable) -> list[list[str]]:
    return [[file["filename"] for file in cell] for cell in table.cells("F")]


def allowing(site: web.Site, open_local: OpenLocal, **settings: Any) -> Local:
    return open_local(allow_fetch_hosts=(f"127.0.0.1:{site.port}",), **settings)


def test_addresses_become_files_and_what_cannot_be_had_is_said(site: web.Site, open_local: OpenLocal) -> None:
    table = allowing(site, open_local).new_table(TEXT)
    a, b, gone = site.url("/a.txt"), site.url("/b.txt"), site.url("/gone.txt")
    site.pages["/gone.txt"] = web.file(b"", status=404)
    table.fill([{"F": a}, {"F": f"{a}, {b}"}, {"F": f"{a}\n{b}"}, {"F": gone}, {"F": f"{b}, {gone}"}, {"F": "no address"}, {"F": None}])
    table.create(F="http://10.0.0.1/x")
    untouched = table.cells("F")

    tried = table.change_field("F", dry_run=True, type="ATTACHMENT").metadata
    assert tried is not None
    assert (tried.converted, tried.cleared) == (4, 3)
    assert (table.cells("F"), kept(table)) == (untouched, 0)
    assert tried.examples is not None
    shown = {example.before: (example.after, example.reason) for example in tried.examples}
    assert shown[a] == ("a.txt", None)
    assert shown[gone] == (None, f"{gone} cannot be fetched. The host answers 404 (Not Found) instead of a file.")
    assert shown[f"{b}, {gone}"][0] == "b.txt"
    assert "404" in str(shown[f"{b}, {gone}"][1])
    assert "begins with http" in str(shown["no address"][1])
    assert "10.0.0.1" in str(shown["http://10.0.0.1/x"][1])

    site.asked.clear()
    done = table.change_field("F", type="ATTACHMENT")
    assert done.metadata is not None
    assert (done.metadata.converted, done.metadata.cleared) == (4, 3)
    assert done.metadata.examples is not None
    assert {example.before for example in done.metadata.examples} == {gone, f"{b}, {gone}", "no address", "http://10.0.0.1/x"}
    assert names(table) == [["a.txt"], ["a.txt", "b.txt"], ["a.txt", "b.txt"], [], ["b.txt"], [], [], []]
    assert sorted(path for path, _ in site.asked) == ["/a.txt", "/b.txt", "/gone.txt"], "each address once"
    assert kept(table) == 2

    back = table.change_field("F", type="LONG_TEXT").metadata
    assert back is not None
    assert (back.converted, table.cells("F")[1]) == (4, "a.txt, b.txt")


@pytest.mark.parametrize(
    ("type", "value"), [("URL", "{host}/a.txt"), ("SINGLE_LINE_TEXT", "http://{host}/a.txt"), ("FORMULA", None), ("BUTTON", None)]
)
def test_from_other_types(site: web.Site, open_local: OpenLocal, type: str, value: str | None) -> None:
    host = f"127.0.0.1:{site.port}"
    formula = f'"http://{host}/" & {{Name}}'
    options = {"FORMULA": {"formula": formula}, "BUTTON": {"urlFormula": formula}}.get(type, {})
    table = allowing(site, open_local).new_table([TEXT[0], {"name": "F", "type": type, "options": options}])
    table.create(Name="a.txt", **({} if value is None else {"F": value.format(host=host)}))
    done = table.change_field("F", type="ATTACHMENT").metadata
    assert done is not None
    if type == "URL":  # an address without scheme is one of https, which this host does not speak
        assert done.examples is not None
        assert "does not speak HTTPS" in str(done.examples[0].reason)
    else:
        assert (done.converted, names(table)) == (1, [["a.txt"]])


def test_a_lookup_of_files_becomes_files_of_its_own(open_local: OpenLocal) -> None:
    local = open_local()
    there = local.new_table([TEXT[0], {"name": "F", "type": "ATTACHMENT"}])
    here = local.new_table([TEXT[0], {"name": "Link", "type": "LINKED_RECORD", "options": {"linkedTableId": there.id}}], there.database)
    options = {"linkedRecordFieldId": here.field_id("Link"), "lookupFieldId": there.field_id("F")}
    here.add_field(name="F", type="LOOKUP", options=options)
    record = there.create(Name="x", F=["data:,1", "data:,2"])["id"]
    here.create(Name="y", Link=[record])
    done = here.change_field("F", type="ATTACHMENT").metadata
    assert done is not None
    assert (done.converted, done.examples) == (1, None)
    assert [file["size"] for file in here.cells("F")[0]] == [1, 1]
    assert kept(here) == 2, "the bytes are shared"
    there.update(record, F=None)
    assert len(here.cells("F")[0]) == 2


def test_what_does_not_come_in_time_leaves_all_as_it_was(site: web.Site, open_local: OpenLocal) -> None:
    local = allowing(site, open_local, fetch_timeout=1)
    table = local.new_table(TEXT)
    site.pages["/slow"] = web.trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    table.fill([{"F": site.url("/a.txt")}, *({"F": site.url(f"/slow?{number}")} for number in range(12))])
    untouched = table.cells("F")
    with pytest.raises(BadRequest, match=r"within the 1 seconds.*; 1 did. Nothing was changed. .*--fetch-timeout"):
        table.change_field("F", type="ATTACHMENT")
    assert (table.cells("F"), kept(table)) == (untouched, 0)
    # So with records that are written: nothing of them is there.
    table.add_field(name="G", type="ATTACHMENT")
    with pytest.raises(BadRequest, match=r"1 did. Nothing was changed. Name fewer files"):
        table.create(G=[site.url("/a.txt"), *(site.url(f"/slow?{number}") for number in range(12))])
    assert (len(table.cells("F")), kept(table)) == (len(untouched), 0)


def test_cells_written_while_files_are_fetched_are_not_lost(site: web.Site, open_local: OpenLocal) -> None:
    local = allowing(site, open_local)
    table = local.new_table(TEXT)
    record = table.create(F=site.url("/first"))["id"]

    def first(visit: Any) -> None:
        # Whoever writes now waits for nobody: the seat is free.
        table.update(record, F=site.url("/b.txt"))
        table.create(F=site.url("/c.txt"))
        web.file(b"first")(visit)

    site.pages["/first"] = first
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: table.change_field("F", type="ATTACHMENT")).result().metadata
    assert done is not None
    assert (done.converted, done.cleared) == (2, 0)
    assert names(table) == [["b.txt"], ["c.txt"]]


def test_a_full_quota_leaves_nothing(open_local: OpenLocal) -> None:
    table = open_local(quota_bytes=10).new_table(TEXT)
    table.fill([{"F": "data:,123456"}, {"F": "data:,1234567"}])
    for dry_run in (True, False):
        with pytest.raises(QuotaExceeded, match="10 bytes"):
            table.change_field("F", dry_run=dry_run, type="ATTACHMENT")
    assert (table.cells("F"), kept(table)) == (["data:,123456", "data:,1234567"], 0)
