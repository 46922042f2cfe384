"""Files as they come: encodings, delimiters, quotes, packing, and what of them cannot be read."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tablehouse.errors import BadRequest
from tablehouse.transfer.source import SourceError
from tests.transfer.files import Desk

TEXT = "name,city\nJörg,Köln\n結衣,東京\n"
READ = [["Jörg", "Köln"], ["結衣", "東京"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_recognized(encoding: str, desk: Desk) -> None:
    text = TEXT if encoding not in {"utf-16-le", "utf-16-be"} else "name,city\n" + "Ann,London\n" * 20 + "Jörg,Köln\n"
    desk.load_one(desk.write("people.csv", text.encode(encoding)))
    assert desk.types("people") == {"name": "SINGLE_LINE_TEXT", "city": "SINGLE_LINE_TEXT" if text == TEXT else "SELECT"}
    assert desk.rows("people")[-1] == (READ[-1] if text == TEXT else READ[0])


def test_other_encodings_are_named(desk: Desk) -> None:
    desk.load_one(desk.write("people.csv", "name,city\nJörg,Köln\n".encode("cp1252")), encoding="latin-1")
    assert desk.rows("people") == [["Jörg", "Köln"]]


@pytest.mark.parametrize("encoding", ["klingon", "zlib"])
def test_what_is_no_encoding_is_refused(encoding: str, desk: Desk) -> None:
    with pytest.raises(SourceError, match=encoding):
        desk.load_one(desk.write("people.csv", TEXT), encoding=encoding)


def test_rows_with_bytes_that_are_no_text_stay_behind_and_are_shown(desk: Desk) -> None:
    imported = desk.load_one(desk.write("people.csv", b"name,city\nAnn,Oxford\nJ\xf6rg,K\xf6ln\nBob,Bath\n"))
    assert desk.rows("people") == [["Ann", "Oxford"], ["Bob", "Bath"]]
    ((line, reason, *cells),) = desk.rejected(imported)
    assert (line, cells) == ("3", ["J\\xf6rg", "K\\xf6ln"])
    assert "encoding" in reason


def test_column_names_that_are_no_text_are_refused_with_advice(desk: Desk) -> None:
    with pytest.raises(SourceError, match="--encoding latin-1"):
        desk.load_one(desk.write("people.csv", b"name,stra\xdfe\nAnn,x\n"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(delimiter: str, desk: Desk) -> None:
    rows = [["name", "remark"], ["Ann", "one, two; three"], ["Bob", "four"]]
    text = "".join(delimiter.join(f'"{cell}"' if "," in cell else cell for cell in row) + "\n" for row in rows)
    desk.load_one(desk.write("t.csv", text))
    assert desk.rows("t") == rows[1:]


def test_a_delimiter_inside_column_names_does_not_mislead(desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", "item;price, EUR;count\nnut;1,5;2\nbolt;2,25;3\n"))
    assert desk.types("t") == {"item": "SINGLE_LINE_TEXT", "price, EUR": "NUMBER", "count": "NUMBER"}
    assert desk.rows("t") == [["nut", "1.5", "2"], ["bolt", "2.25", "3"]]


def test_the_delimiter_can_be_named(desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", "a~b\n1~x\n"), delimiter="~")
    assert desk.rows("t") == [["1", "x"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line_is_one(end: str, desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", f'a,b{end}1,"x{end}y"{end}2,z{end}'))
    assert desk.rows("t") == [["1", f"x{end}y"], ["2", "z"]]


def test_quotes_are_doubled_or_behind_a_backslash(desk: Desk) -> None:
    desk.load_one(desk.write("doubled.csv", 'a,b\n1,"say ""hi"", Bob"\n2,5" pipe\n'))
    desk.load_one(desk.write("slashed.csv", 'a,b\n1,"say \\"hi\\", Bob"\n2,"c:\\\\d"\n'))
    assert desk.rows("doubled") == [["1", 'say "hi", Bob'], ["2", '5" pipe']]
    assert desk.rows("slashed") == [["1", 'say "hi", Bob'], ["2", "c:\\d"]]


def test_a_single_column_is_a_table_and_blank_lines_are_no_rows(desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", 'remark\nso, so\n\n""\nfine\n'), delimiter=";")
    assert desk.rows("t") == [["so, so"], [""], ["fine"]]


def test_packed_files_are_unpacked(desk: Desk) -> None:
    desk.write("a.csv.gz", gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(desk.folder / "b.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside/people.csv", TEXT)
        archive.writestr("__MACOSX/people.csv", "x")
        archive.writestr("README.md", "x")
    made = desk.load(desk.folder / "a.csv.gz", desk.folder / "b.csv.zip")
    assert [each.table_name for each in made] == ["a", "b"]
    assert desk.rows("a") == desk.rows("b") == READ


def refused_file(path: Path, desk: Desk) -> str:
    """What is said of a file that cannot be read; nothing is made."""
    with pytest.raises(SourceError) as found:
        desk.load(path)
    assert desk.target.list_databases(None) == []
    assert str(path) in str(found.value)
    return str(found.value)


def test_files_that_cannot_be_read_are_refused_before_anything_is_made(desk: Desk) -> None:
    assert "no such file" in refused_file(desk.folder / "none.csv", desk)
    assert "directory" in refused_file(desk.folder, desk)
    assert "empty" in refused_file(desk.write("empty.csv", ""), desk)
    assert "empty" in refused_file(desk.write("blank.csv", "\n\n"), desk)
    assert "damaged" in refused_file(desk.write("a.csv.zip", "no zip"), desk)
    assert "damaged" in refused_file(desk.write("a.csv.gz", "no gzip"), desk)
    assert "first row" in refused_file(desk.write("a.csv", '"a"b,c\n1,2\n'), desk)
    with zipfile.ZipFile(desk.folder / "two.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    assert "a.csv, b.csv" in refused_file(desk.folder / "two.zip", desk)


def test_a_packed_file_that_breaks_off_leaves_nothing(desk: Desk) -> None:
    packed = gzip.compress("".join(f"{number},{number * 7919 % 1000}\n" for number in range(50_000)).encode())
    assert "damaged" in refused_file(desk.write("cut.csv.gz", packed[:-20_000]), desk)


def test_rows_of_the_wrong_form_stay_behind_with_their_lines(desk: Desk) -> None:
    content = 'a,b\n1,x\n2\n3,y,z\n4,"p\nq",r\n5,"s"t\n6,u\n'
    imported = desk.load_one(desk.write("t.csv", content))
    assert desk.rows("t") == [["1", "x"], ["6", "u"]]
    assert (imported.imported, imported.rejected) == (2, 4)
    assert desk.rejected(imported) == [
        ["3", "1 cell instead of 2.", "2"],
        ["4", "3 cells instead of 2.", "3", "y", "z"],
        ["5", "3 cells instead of 2 (lines 5 to 6).", "4", "p\nq", "r"],
        ["7", "Not CSV: ',' expected after '\"'.", '5,"s"t'],
    ]


def test_a_quote_that_is_never_closed_is_reported_with_all_it_swallowed(desk: Desk) -> None:
    imported = desk.load_one(desk.write("t.csv", 'a,b\n1,x\n2,"y\n3,z\n4,w\n'))
    assert desk.rows("t") == [["1", "x"]]
    assert desk.rejected(imported) == [["3", "A quote is not closed before the end of the file (lines 3 to 5).", '2,"y\n3,z\n4,w']]


def test_column_names_become_names_that_fields_can_have(desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", f'name, NAME ,,"two\nlines",{"x" * 300},empty,\n1,2,3,4,5,,\n'))
    assert list(desk.types("t")) == ["name", "NAME 2", "Column 3", "two lines", "x" * 255, "empty"]
    assert desk.rows("t") == [["1", "2", "3", "4", "5", ""]]


def test_a_file_without_column_names(desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", "1,x\n2,y\n"), header=False)
    assert desk.exported("t") == "Column 1,Column 2\r\n1,x\r\n2,y\r\n"


def test_a_file_of_names_alone_makes_an_empty_table(desk: Desk) -> None:
    imported = desk.load_one(desk.write("t.csv", "a,b\n"))
    assert (imported.imported, imported.rejected, imported.rejected_file) == (0, 0, None)
    assert desk.types("t") == {"a": "SINGLE_LINE_TEXT", "b": "SINGLE_LINE_TEXT"}


def test_words_can_be_declared_empty(desk: Desk) -> None:
    desk.load_one(desk.write("t.csv", "name,size\nAnn,?\nNA,3\n-,4\n"), no_value=("NA", "?", "-"))
    assert desk.types("t") == {"name": "SINGLE_LINE_TEXT", "size": "NUMBER"}
    assert desk.rows("t") == [["Ann", ""], ["", "3"], ["", "4"]]


@pytest.mark.parametrize("given", ["size", "length=NUMBER", "size=NUMBR", "size=AUTONUMBER"])
def test_types_that_cannot_be_asked_for_are_refused(given: str, desk: Desk) -> None:
    with pytest.raises(BadRequest, match="--type"):
        desk.load_one(desk.write("t.csv", "name,size\nAnn,3\n"), types=(given,))
    assert desk.target.list_databases(None) == []


def test_memory_does_not_grow_with_the_file(desk: Desk) -> None:
    path = desk.write("t.csv", "a,b\n" + "".join(f"{number},{'x' * 2000}{number}\n" for number in range(40_000)))
    tracemalloc.start()
    desk.load_one(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 80_000_000
    assert peak < 50_000_000
