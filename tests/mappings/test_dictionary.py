from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.engine.errors import Problem
from haemony.mappings.dictionary import Finder, parse_format, read_dictionary, read_tsv
from haemony.mappings.model import Format, Link, Row
from haemony.ontology.schema import Schema
from tests.mappings.partner_files import DICTIONARY_HEADER, row, tsv

CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12).map(str.strip)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3).filter(any), max_size=8))
def test_what_a_spreadsheet_writes_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter="\t", lineterminator="\n").writerows([["a", "b", "c"], *rows])
    problems: list[Problem] = []
    header, lines = read_tsv(out.getvalue(), 1, "f", problems)
    assert not problems
    assert header == ["a", "b", "c"]
    assert [list(line.cells.values()) for line in lines] == rows
    assert [line.number for line in lines] == list(range(2, len(rows) + 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Format()),
        ("1|0", Format("flag", true="1", false="0")),
        ("1.0|0.0", Format("flag", true="1", false="0")),
        ("Yes|No|Unknown", Format("flag", true="Yes", false="No", third="Unknown")),
        ("x|", Format("flag", true="x")),
        ("dd/MM/yyyy", Format("date", pattern="dd/MM/yyyy", precision="day")),
        ("yyyy-MM", Format("date", pattern="yyyy-MM", precision="month")),
        ("yyyy", Format("date", pattern="yyyy", precision="year")),
        ("dd/MM/yyyy;MM/yyyy", Format("date", pattern="dd/MM/yyyy;MM/yyyy", precision="month")),
        ("dd-MMM[de]-yy(1930)", Format("date", pattern="dd-MMM[de]-yy(1930)", precision="day")),
        ("yyyy-MM-ddTHH:mm:ssZ", Format("date", pattern="yyyy-MM-ddTHH:mm:ssZ", precision="day")),
        ("HGNC", Format("codes", vocabulary="HGNC")),
        ("header HGNC 1|0", Format("flag", true="1", false="0", header="HGNC")),
    ],
)
def test_formats(text: str, expected: Format) -> None:
    assert parse_format(text) == expected


NO_FORMATS = ["1|1", "|0", "a|b|c|d", "dd/MM", "dd/yyyy", "hh:mm yyyy", "header HGNC", "%"]
NO_DATES = ["dd.MM.yy", "dd.MMM[xx].yyyy", "HH:mm yyyy", "MM/yyyy;", "dd/MM/yyyy;MM/dd/yyyy", "yyyy;yyyy", "dd.MM.y"]


@pytest.mark.parametrize("text", NO_FORMATS + NO_DATES)
def test_what_is_no_format(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_format(text)


@given(st.text(max_size=12))
def test_no_format_is_more_than_an_error(text: str) -> None:
    try:
        assert parse_format(text).kind in ("none", "flag", "date", "codes")
    except ValueError:
        pass


def test_links(tmp_path: Path, schema: Schema) -> None:
    texts = ["lot", "lot by LOT", "other.lot by Line of therapy", "other.lot"]
    rows = [row("t", f"v{i}", record="Response#r", field="concept", of=text) for i, text in enumerate(texts)]
    path = tmp_path / "dictionary.tsv"
    path.write_text(tsv(DICTIONARY_HEADER, rows), encoding="utf-8")
    problems: list[Problem] = []
    links = [r.of for r in read_dictionary(path, schema, problems)]
    assert links[:3] == [Link("lot", "t"), Link("lot", "t", "LOT"), Link("lot", "other", "Line of therapy")]
    assert [p.message for p in problems] == ["A link to another table needs `by COLUMN`: 'other.lot'."]


def test_the_most_specific_row_speaks() -> None:
    rows = [Row(i, "t", name) for i, name in enumerate(("*", "del_*", "del_5*", "del_5q", "*_5q", "a*z", "ay*"), 2)]
    finder = Finder(rows)
    found = {c: finder.find("t", c) for c in ("x", "del_7", "del_5p", "del_5q", "inv_5q", "ayz")}
    assert {c: r.variable if r else "" for c, r in found.items()} == {
        "x": "*",
        "del_7": "del_*",
        "del_5p": "del_5*",
        "del_5q": "del_5q",
        "inv_5q": "*_5q",
        "ayz": "a*z",
    }
    assert finder.tied("t", "ayz") is not None
    assert finder.tied("t", "del_5q") is None
    assert finder.find("u", "x") is None


def test_a_dictionary_that_is_not_utf8(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "dictionary.tsv"
    path.write_bytes("table\tvariable\tuse\nt\tGröße\tdrop\n".encode("latin-1"))
    problems: list[Problem] = []
    assert read_dictionary(path, schema, problems) == ()
    assert [(p.row, p.message) for p in problems] == [(2, "The file is not UTF-8.")]
