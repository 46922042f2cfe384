"""Attached files over HTTP: written in every form, uploaded, served, let go."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import httpx
import pytest

from tests.api import Answer, Api, Table
from tests.conftest import MakeTable

HELLO = "data:text/plain;base64," + base64.b64encode(b"hello").decode()
FIELDS = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}]


def png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x7f\x20\x20" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def data_url(content: bytes, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


class Shelf:
    """A table whose records are one dictionary each: their cells by field name, and their id."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.api = table.api
        self.path = table.path

    def create(self, **cells: Any) -> dict[str, Any]:
        return _flat(self.table.create(cells))

    def update(self, record: str, **cells: Any) -> dict[str, Any]:
        return _flat(self.table.update(record, cells))

    def get(self, record: str) -> dict[str, Any]:
        return _flat(self.api.get(self.table.record_path(record), fieldNames="true").data)

    def all(self) -> list[dict[str, Any]]:
        return [_flat(record) for record in self.api.get(self.table.records_path, fieldNames="true").data]

    def search(self, body: dict[str, Any]) -> list[str]:
        """The names of the records found, in their order."""
        found = self.api.post(f"{self.table.records_path}/search", body, fieldNames="true").data
        return [record["fields"]["Name"] for record in found]

    def upload_path(self, record: str, field: str = "Files") -> str:
        return f"{self.table.record_path(record)}/fields/{self.table.field_id(field)}/attachments"


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    return {"id": record["id"], **record["fields"]}


@pytest.fixture
def shelf(make_table: MakeTable) -> Shelf:
    return Shelf(make_table(FIELDS))


def fetched(api: Api, url: str, **headers: str) -> httpx.Response:
    """What is behind a link, asked for without a token."""
    assert url.startswith(api.address), url
    return httpx.get(url, headers=headers, verify=False)


def test_a_file_is_kept_and_served(api: Api, shelf: Shelf) -> None:
    record = shelf.create(Name="a", Files=[{"url": HELLO, "filename": "Grüße & so.txt"}])
    (file,) = record["Files"]
    assert {key: file[key] for key in ("filename", "type", "size")} == {"filename": "Grüße & so.txt", "type": "text/plain", "size": 5}
    assert shelf.get(record["id"])["Files"] == [file]
    answer = fetched(api, file["url"])
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("inline; ")
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%26%20so.txt" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-length"] == "5"


def test_ranges_and_versions(api: Api, shelf: Shelf) -> None:
    (file,) = shelf.create(Files=data_url(bytes(range(200))))["Files"]
    whole = fetched(api, file["url"])
    tag = whole.headers["etag"]
    part = fetched(api, file["url"], Range="bytes=10-19")
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, bytes(range(10, 20)), "bytes 10-19/200")
    assert fetched(api, file["url"], Range="bytes=-5").content == bytes(range(195, 200))
    assert fetched(api, file["url"], Range="bytes=190-999").content == bytes(range(190, 200))
    beyond = fetched(api, file["url"], Range="bytes=200-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */200")
    for odd in ("bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,5-6"):
        assert fetched(api, file["url"], Range=odd).content == whole.content, odd
    assert fetched(api, file["url"], **{"Range": "bytes=0-0", "If-Range": tag}).status_code == 206
    assert fetched(api, file["url"], **{"Range": "bytes=0-0", "If-Range": '"other"'}).content == whole.content
    assert fetched(api, file["url"], **{"If-None-Match": f'W/"x", {tag}'}).status_code == 304
    head = httpx.head(file["url"])
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "200", b"")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<!doctype html><script>alert(1)</script>", "page.html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "picture.svg"),
        (b"<!doctype html><script>alert(1)</script>", "picture.png"),
    ],
)
def test_what_a_browser_would_run_is_text_to_be_saved(api: Api, shelf: Shelf, content: bytes, name: str) -> None:
    (file,) = shelf.create(Files={"url": data_url(content, "image/png"), "filename": name})["Files"]
    answer = fetched(api, file["url"])
    assert answer.content == content
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_pictures_have_sizes_and_thumbnails(api: Api, shelf: Shelf) -> None:
    (file,) = shelf.create(Files={"url": data_url(png(300, 200)), "name": "red.png"})["Files"]
    assert (file["filename"], file["type"], file["width"], file["height"]) == ("red.png", "image/png", 300, 200)
    assert file["thumbnails"]["small"] | {"url": ""} == {"url": "", "width": 144, "height": 96}
    for _ in range(2):
        small = fetched(api, file["thumbnails"]["small"]["url"])
        assert (small.status_code, small.headers["content-type"].startswith("image/")) == (200, True)
        assert len(small.content) < file["size"] * 4
    broken = png(300, 200)[:60]
    (file,) = shelf.create(Files=data_url(broken))["Files"]
    assert fetched(api, file["thumbnails"]["small"]["url"]).status_code == 404


def test_links_are_unguessable(api: Api, shelf: Shelf) -> None:
    one, two = shelf.create(Files=[HELLO, HELLO])["Files"]
    assert one["url"] != two["url"]
    beginning, key, name = one["url"].rsplit("/", 2)
    assert fetched(api, f"{beginning}/{key}/anything").status_code == 200
    for wrong in (two["url"].rsplit("/", 2)[1], key[:-1] + ("A" if key[-1] != "A" else "B"), "x", f"zzzzzz-{key}", "é" * 22):
        assert fetched(api, f"{beginning}/{wrong}/{name}").status_code == 404, wrong
    assert fetched(api, one["url"].replace(shelf.table.database, "00000000-0000-4000-8000-000000000000")).status_code == 404


def test_every_form_of_writing(api: Api, shelf: Shelf) -> None:
    record = shelf.create(Files=f"{HELLO}, {HELLO}")
    first, second = record["Files"]
    assert [first["filename"], second["filename"]] == ["file.txt", "file.txt"]
    path = record["id"]
    assert shelf.update(path, Files=[{"id": second["id"]}, {"id": first["id"]}])["Files"] == [second, first]
    assert shelf.update(path, Files=[first])["Files"] == [first]
    # A client that sends addresses back as it read them: the server knows its own.
    assert shelf.update(path, Files=[{"url": first["url"], "filename": "other"}, HELLO])["Files"][0] == first
    assert fetched(api, second["url"]).status_code == 404
    other = shelf.create(Files=[{"id": first["id"]}])["Files"]
    assert (other[0]["id"] != first["id"], other[0]["filename"]) == (True, first["filename"])
    assert shelf.update(path, Files=[])["Files"] == []
    assert fetched(api, first["url"]).status_code == 404
    assert fetched(api, other[0]["url"]).content == b"hello"
    assert shelf.update(path, Files=None)["Files"] == []
    assert shelf.update(path, Files="")["Files"] == []


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("ftp://example.com/a", "http://"),
        ("javascript:alert(1)", "http://"),
        ({"id": "nothing"}, "no file"),
        ({"filename": "a.txt"}, "address"),
        (5, "address"),
        ("http://127.0.0.1:9/a", ""),
        ("data:text/plain;base64,%%%", ""),
        ([HELLO, "http://localhost/a"], ""),
    ],
)
def test_what_cannot_be_had_leaves_the_record_as_it_was(shelf: Shelf, written: Any, says: str) -> None:
    record = shelf.create(Name="a", Files=HELLO)
    details = shelf.api.patch(shelf.table.record_path(record["id"]), {"fields": {"Name": "b", "Files": written}}).refused(
        "VALIDATION_ERROR", says
    )
    assert details["fieldId"] == shelf.table.field_id("Files")
    assert shelf.get(record["id"]) == record
    shelf.api.post(shelf.table.records_path, {"fields": {"Files": written}}).refused("VALIDATION_ERROR", says)


def test_uploads(api: Api, shelf: Shelf) -> None:
    record = shelf.create(Name="a", Files=HELLO)
    path = shelf.upload_path(record["id"])

    def upload(*files: Any, **data: Any) -> Any:
        return Answer(api.http.post("/api/v1" + path, files=files or None, **data))

    made = upload(
        ("file", ("a.bin", b"\0" * 200_000, "application/x-thing")), ("other", ("b", b"x")), ("file", ("ü.png", png(3, 2), "text/html"))
    )
    files = made.data["fields"][shelf.table.field_id("Files")]
    assert [(file["filename"], file["size"]) for file in files][:2] == [("file.txt", 5), ("a.bin", 200_000)]
    assert (files[2]["filename"], files[2]["type"], files[2]["width"]) == ("ü.png", "image/png", 3)
    assert fetched(api, files[1]["url"]).content == b"\0" * 200_000
    upload(("other", ("b", b"x"))).refused("BAD_REQUEST", "no file")
    upload(data={"file": "x"}).refused("BAD_REQUEST", "multipart")
    kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
    broken = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of it'
    upload(content=broken, headers=kind).refused("BAD_REQUEST", "form")
    upload(content=b"nothing", headers=kind).refused("BAD_REQUEST", "form")
    upload(*[("file", (str(place), b"x")) for place in range(11)]).refused("BAD_REQUEST", "at most 10")
    assert len(shelf.get(record["id"])["Files"]) == 3
    name = shelf.upload_path(record["id"], "Name")
    Answer(api.http.post("/api/v1" + name, files={"file": b"x"})).refused("BAD_REQUEST", "ATTACHMENT")
    Answer(api.http.post("/api/v1" + path.replace(record["id"], "0" * 14), files={"file": b"x"})).refused("RESOURCE_NOT_FOUND")
    assert api.send("POST", path, raw=b"", headers=kind).status == 400


def test_links_that_end(api: Api, make_table: MakeTable) -> None:
    shelf = Shelf(make_table([FIELDS[0], {"name": "Files", "type": "ATTACHMENT", "options": {"enableFileLinkExpiration": True}}]))
    field = shelf.table.field_path("Files")
    (file,) = shelf.create(Files=HELLO)["Files"]
    assert fetched(api, file["url"]).status_code == 200
    options = {"fileLinkExpirationValue": 30, "fileLinkExpirationUnit": "MINUTES"}
    assert api.send("PUT", field, {"options": options}).data["options"]["fileLinkExpirationValue"] == 30
    # Neither a link that lives longer than is allowed by now, nor one without an end.
    assert fetched(api, file["url"]).status_code == 403
    (shorter,) = shelf.all()[0]["Files"]
    assert fetched(api, shorter["url"]).status_code == 200
    api.send("PUT", field, {"options": {"enableFileLinkExpiration": False}}).data  # noqa: B018 - checked to be a success
    (unending,) = shelf.all()[0]["Files"]
    assert fetched(api, unending["url"]).status_code == 200
    assert api.send("PUT", field, {"options": {"enableFileLinkExpiration": True}}).status == 200
    assert fetched(api, unending["url"]).status_code == 403
    beginning, key, name = shorter["url"].rsplit("/", 2)
    later = "z" + key[1:]
    assert fetched(api, f"{beginning}/{later}/{name}").status_code == 404


def test_files_are_found_by_name(shelf: Shelf) -> None:
    def named(*names: str) -> list[dict[str, str]]:
        return [{"url": HELLO, "filename": name} for name in names]

    shelf.create(Name="none")
    shelf.create(Name="one", Files=named("Report.PDF"))
    shelf.create(Name="two", Files=named("a, b.txt", "report.pdf"))
    shelf.create(Name="twins", Files=named("x.txt", "X.TXT"))

    def found(operator: str, *right: Any) -> list[str]:
        condition = {"leftSide": "Files", "operator": operator} | ({"rightSide": right[0]} if right else {})
        return shelf.search({"filter": {"condition": condition}})

    assert found("IS_EMPTY") == ["none"]
    assert found("IS_NOT_EMPTY") == ["one", "two", "twins"]
    assert found("IS", "report.pdf") == ["one"]
    assert found("IS", "x.txt") == ["twins"]
    assert found("IS", ["report.pdf", "a, b.txt"]) == ["two"]
    assert found("IS_NOT", "report.pdf") == ["none", "two", "twins"]
    assert found("CONTAINS", "REPORT") == ["one", "two"]
    assert found("DOES_NOT_CONTAIN", "REPORT") == ["none", "twins"]
    assert found("STARTS_WITH", "a,") == ["two"]
    assert found("ENDS_WITH", ".txt") == ["two", "twins"]
    assert found("HAS_ANY_OF", ["report.pdf", "nothing"]) == ["one", "two"]
    assert found("HAS_ALL_OF", ["report.pdf", "a, b.txt"]) == ["two"]
    assert found("HAS_NONE_OF", ["report.pdf"]) == ["none", "twins"]
    assert found("IS_ONE_OF", {"filename": "a, b.txt"}) == ["two"]
    for direction, names in (("ASC", ["two", "one", "twins", "none"]), ("DESC", ["twins", "one", "two", "none"])):
        sorting = [{"sortingField": "Files", "sortType": direction}]
        assert shelf.search({"sorting": sorting}) == names


def test_lookups_of_files(api: Api, make_table: MakeTable) -> None:
    there = Shelf(make_table(FIELDS))
    here = Shelf(make_table([FIELDS[0], {"name": "Links", "type": "LINKED_RECORD", "options": {"linkedTableId": there.table.id}}]))
    options = {"linkedRecordFieldId": "Links", "lookupFieldId": there.table.field_id("Files")}
    here.table.add_field("Their files", "LOOKUP", options=options)
    one = there.create(Files=[{"url": HELLO, "filename": "a.txt"}, {"url": HELLO, "filename": "b.txt"}])
    record = here.create(Name="x", Links=[one["id"]])
    here.create(Name="y")
    assert record["Their files"] == one["Files"]
    assert fetched(api, record["Their files"][0]["url"]).content == b"hello"

    def found(operator: str, right: Any) -> list[str]:
        condition = {"leftSide": "Their files", "operator": operator, "rightSide": right}
        return here.search({"filter": {"condition": condition}})

    assert found("CONTAINS", "B.T") == ["x"]
    assert found("IS", ["b.txt", "A.txt"]) == ["x"]
    assert found("IS", ["a.txt"]) == []
    assert found("HAS_ALL_OF", ["a.txt"]) == ["x"]
    assert found("IS_NOT", ["a.txt"]) == ["x", "y"]
    sorting = [{"sortingField": "Their files", "sortType": "DESC"}]
    assert here.search({"sorting": sorting}) == ["x", "y"]


def test_batches_and_conversions(api: Api, shelf: Shelf) -> None:
    files = shelf.table.field_id("Files")
    done = api.post(f"{shelf.path}/records/batch", {"create": [{"fields": {"Name": "a", "Files": HELLO}}, {"fields": {"Name": "b"}}]}).data
    assert [len(record["fields"][files]) for record in done["created"]] == [1, 0]
    upsert = {
        "matchOn": ["Name"],
        "records": [{"fields": {"Name": "a", "Files": [HELLO, HELLO]}}, {"fields": {"Name": "c", "Files": HELLO}}],
    }
    done = api.post(f"{shelf.path}/records/batch", {"upsert": upsert, "delete": [done["created"][1]["id"]]}).data
    assert [len(record["fields"][files]) for record in (*done["created"], *done["updated"])] == [1, 2]
    refused = api.post(
        f"{shelf.path}/records/batch", {"create": [{"fields": {"Files": HELLO}}, {"fields": {"Files": "http://10.0.0.1/a"}}]}
    )
    assert refused.refused("VALIDATION_ERROR")["path"] == "create[1].fields.Files"
    link = shelf.all()[0]["Files"][0]["url"]
    metadata = api.send("PUT", f"{shelf.path}/fields/{files}", {"type": "LONG_TEXT"}).metadata
    assert (metadata["converted"], metadata["cleared"]) == (2, 0)
    assert [record["Files"] for record in shelf.all()] == ["file.txt, file.txt", "file.txt"]
    assert fetched(api, link).status_code == 404
    # Back again: addresses are fetched, what is none becomes empty, and the answer says why.
    shelf.create(Name="d", Files=f"{HELLO}, {HELLO}")
    assert api.send("PUT", f"{shelf.path}/fields/{files}?dryRun=true", {"type": "ATTACHMENT"}).metadata["converted"] == 1
    metadata = api.send("PUT", f"{shelf.path}/fields/{files}", {"type": "ATTACHMENT"}).metadata
    assert (metadata["converted"], metadata["cleared"]) == (1, 2)
    assert all("begins with http" in example["reason"] for example in metadata["examples"])
    (link, _) = (file["url"] for file in shelf.all()[-1]["Files"])
    assert fetched(api, link).text == "hello"


def test_options_and_defaults(api: Api, shelf: Shelf, make_table: MakeTable) -> None:
    path = f"{shelf.path}/fields"
    field = api.post(path, {"name": "More", "type": "ATTACHMENT", "allowMultipleEntries": False}).data
    assert field["allowMultipleEntries"] is True
    assert field["options"] == {
        "showAs": "PREVIEW",
        "inferredFileType": None,
        "enableFileLinkExpiration": False,
        "fileLinkExpirationValue": None,
        "fileLinkExpirationUnit": None,
    }
    api.post(path, {"name": "D", "type": "ATTACHMENT", "defaultValue": HELLO}).refused("BAD_REQUEST", "no default")
    api.post(path, {"name": "D", "type": "ATTACHMENT", "options": {"fileLinkExpirationValue": 0}}).refused("VALIDATION_ERROR")
    required = Shelf(make_table([FIELDS[0], {"name": "Files", "type": "ATTACHMENT", "required": True}]))
    required.api.post(required.table.records_path, {"fields": {"Name": "x"}}).refused("VALIDATION_ERROR", "required")
    required.api.post(required.table.records_path, {"fields": {"Name": "x", "Files": []}}).refused("VALIDATION_ERROR", "required")
    record = required.create(Name="x", Files=HELLO)
    required.api.patch(required.table.record_path(record["id"]), {"fields": {"Files": None}}).refused("VALIDATION_ERROR", "required")


def test_formulas_see_files_by_their_names(make_table: MakeTable, api: Api) -> None:
    texts = {
        "Names": "ARRAYJOIN({Files})",
        "Count": "COUNT({Files})",
        "Text": 'UPPER({Files}) & "!"',
        "Is": 'IF({Files} = "a.txt", "the one", IF({Files}, "others", "none"))',
        "First": "ARRAYSLICE({Files}, 1, 2)",
    }
    formulas = [{"name": name, "type": "FORMULA", "options": {"formula": text}} for name, text in texts.items()]
    shelf = Shelf(make_table([*FIELDS, *formulas]))
    one = shelf.create(Name="one", Files=[{"url": HELLO, "filename": "a.txt"}, {"url": HELLO, "filename": "b.txt"}])
    none = shelf.create(Name="none")
    assert [one[name] for name in texts] == ["a.txt, b.txt", 2, "A.TXT, B.TXT!", "others", "a.txt"]
    assert [none[name] for name in texts] == [None, 0, "!", "none", None]
    one = shelf.update(one["id"], Files=[{"id": one["Files"][0]["id"]}])
    assert [one[name] for name in texts] == ["a.txt", 1, "A.TXT!", "the one", "a.txt"]
    assert [[record[name] for name in texts] for record in shelf.all()] == [[record[name] for name in texts] for record in (one, none)]
    assert shelf.search({"filter": {"leftSide": "Count", "operator": "GREATER_THAN", "rightSide": 0}}) == ["one"]
    assert shelf.search({"sorting": {"sortingField": "Names", "sortType": "DESC"}}) == ["one", "none"]
    linked = Shelf(make_table([FIELDS[0], {"name": "Of", "type": "LINKED_RECORD", "options": {"linkedTableId": shelf.table.id}}]))
    linked.table.add_field("Held", "LOOKUP", options={"linkedRecordFieldId": "Of", "lookupFieldId": "Files"})
    linked.table.add_field("How many", "FORMULA", options={"formula": '{Held} & "/" & COUNTA({Held})'})
    linked.table.add_field("Counts", "ROLLUP", options={"linkedRecordFieldId": "Of", "rollupFieldId": "Count", "function": "SUM"})
    held = linked.create(Name="x", Of=[one["id"], none["id"]])
    assert (held["How many"], held["Counts"]) == ("a.txt/1", 1)
    shelf.update(none["id"], Files=[{"url": HELLO, "filename": "c.txt"}])
    assert (linked.get(held["id"])["How many"], linked.get(held["id"])["Counts"]) == ("a.txt, c.txt/2", 2)


def test_groups_of_files_are_those_of_the_same_names(make_table: MakeTable, api: Api) -> None:
    shelf = Shelf(make_table(FIELDS))
    named = {"one": "a.txt b.txt", "two": "B.TXT a.txt a.txt", "three": "c.txt", "none": "", "four": "c.txt"}
    made = {
        name: shelf.create(Name=name, Files=[{"url": HELLO, "filename": each} for each in files.split()]) for name, files in named.items()
    }
    linked = Shelf(make_table([FIELDS[0], {"name": "Of", "type": "LINKED_RECORD", "options": {"linkedTableId": shelf.table.id}}]))
    linked.table.add_field("Held", "LOOKUP", options={"linkedRecordFieldId": "Of", "lookupFieldId": "Files"})
    for names in (["three"], ["four", "none"], ["one"], []):
        linked.create(Name="x", Of=[made[name]["id"] for name in names])

    def groups(of: Shelf, field: str) -> list[tuple[list[str], list[Any]]]:
        asked = {"groupBy": [field], "aggregations": [{"function": "COUNT"}, {"field": field, "function": "COUNT_DISTINCT"}]}
        found = api.post(f"{of.table.records_path}/aggregate", asked, fieldNames="true").data
        for each in found:
            for file in each["group"][field]:
                assert fetched(api, file["url"]).content == b"hello"
        return [([file["filename"].lower() for file in each["group"][field]], each["values"]) for each in found]

    first, *others = groups(shelf, "Files")
    assert (sorted(set(first[0])), first[1]) == (["a.txt", "b.txt"], [2, 1])
    assert others == [(["c.txt"], [2, 1]), ([], [1, 0])]
    assert groups(linked, "Held") == [(["a.txt", "b.txt"], [1, 1]), (["c.txt"], [2, 1]), ([], [1, 0])]
    whole = {"aggregations": [{"field": "Files", "function": "COUNT"}, {"field": "Files", "function": "COUNT_DISTINCT"}]}
    assert api.post(f"{shelf.table.records_path}/aggregate", whole).data[0]["values"] == [4, 2]
