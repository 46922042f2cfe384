"""What cells read of files: remembered by the numbers that the database renders, and signed anew when links would come out otherwise."""

from __future__ import annotations

from typing import Any

from tablehouse.service.file_links import FileLinks
from tests.local import OpenLocal

MARKED = b"[" + b",".join(b'{"f":[\t["\\u0000",0,[%d]]\t]}' % num for num in range(4)) + b"]"

ENDING = {"enableFileLinkExpiration": True, "fileLinkExpirationValue": 8, "fileLinkExpirationUnit": "MINUTES"}
MINUTE = 60_000


def test_cells_are_put_together_from_what_is_remembered(open_local: OpenLocal) -> None:
    table = open_local().new_table([{"name": "Text", "type": "LONG_TEXT"}, {"name": "F", "type": "ATTACHMENT"}], primaryFieldName="Name")
    # What looks like the mark of a cell's files is text as any other.
    texts = ['\t["\\u0000",0,[1]]\t', "\t\t", '"\\u0000+', "plain"]
    files = [[], ["data:,1"], ["data:,1", "data:,22"], None]
    table.fill([{"Text": text, "F": cell} for text, cell in zip(texts, files, strict=True)])
    first = table.page()[0]
    assert [record["fields"]["Text"] for record in first] == texts
    assert [[file["size"] for file in record["fields"]["F"]] for record in first] == [[], [1], [1, 2], []]
    before = table.file.statements
    table.create(Text="another", F=None)
    written = table.file.statements - before
    assert table.page()[0][:-1] == first
    assert table.file.statements - before - written == 2, "that the kept page is stale, and the page; what its cells read is remembered"


def test_links_that_end_are_the_same_for_a_part_of_their_time(open_local: OpenLocal) -> None:
    now = [1_750_000_000_000 // MINUTE * MINUTE]
    local = open_local(clock=lambda: now[0])
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "F", "type": "ATTACHMENT", "options": ENDING}])
    table.add_field(name="G", type="ATTACHMENT")
    record = table.create(F="data:,1", G="data:,2")["id"]

    def links() -> tuple[Any, Any]:
        fields = table.get(record)["fields"]
        return fields["F"][0]["url"], fields["G"][0]["url"]

    first = links()
    now[0] += MINUTE - 1
    assert links() == first
    now[0] += 1
    assert links()[0] != first[0]
    assert links()[1] == first[1]
    now[0] -= MINUTE  # a clock that was set back: links never live longer than they may
    assert links() == first


def test_what_is_remembered_is_bounded() -> None:
    reads: list[str] = []

    def read(database_id: str, nums: Any) -> list[Any]:
        reads.append(database_id)
        return [(num, f"{num:022}", None, f'/{num}.txt","size":1}}') for num in nums]

    links = FileLinks(lambda: b"secret", lambda: 0, read, most=10_000)
    whole = {name: links.complete(MARKED, "http://here", name) for name in "abcdefghij"}
    assert all(json.count(f"/files/{name}/".encode()) == 4 for name, json in whole.items())
    assert len(reads) == 10
    assert links.complete(MARKED, "http://here", "j") == whole["j"]
    assert len(reads) == 10, "the last is remembered"
    assert links.complete(MARKED, "http://here", "a") == whole["a"]
    assert len(reads) == 11, "the first was forgotten"
