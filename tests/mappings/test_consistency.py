"""One small partner, and one fault at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from haemony.engine.errors import MappingError
from haemony.mappings.partner import read_partner
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary
from tests.mappings.partner_files import Cells, meaning, row, value, write_partner

LAYOUT = """
partner: p
patients: t
index: {event: diagnosis, date: t.dx}
tables:
  t: {file: t.csv, patient: ID, at: index}
  u: {file: u.csv, patient: ID, at: when}
"""
BASE = [
    row("t", "ID", "key"),
    row("t", "dx", "context", format="dd/MM/yyyy"),
    row("u", "ID", "key"),
    row("u", "when", "context", format="dd/MM/yyyy"),
]
HB = meaning("p:u.HB", "OMOP:3000963")
UNIT = row("u", "U", record="Measurement#hb", field="value.unit")


def problems(home: Path, vocabulary: Vocabulary, schema: Schema, rows: list[Cells], concepts: list[Cells]) -> str:
    folder = write_partner(home, "p", LAYOUT, [*BASE, *rows], concepts)
    try:
        read_partner(folder, vocabulary, schema)
    except MappingError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("rows", "concepts"),
    [
        ([], []),
        ([row("u", "HB", unit="g/L")], [HB]),
        ([row("u", "HB", unit="mmol/L")], [HB]),
        ([row("u", "HB")], [HB, meaning("p:u.HB", "UCUM:g/dL", "haemony:mapsToUnit")]),
        ([row("u", "HB", record="Measurement#hb"), UNIT], [HB]),
        (
            [row("u", "TEST", record="Measurement#l", field="concept"), row("u", "R", record="#l", field="value")],
            [
                value("p:u.TEST", "Hb", "OMOP:3000963"),
                value("p:u.TEST", "Hb", "UCUM:g/dL", "haemony:mapsToUnit"),
            ],
        ),
        ([row("u", "E", field="value")], [meaning("p:u.E", "haemony:ecog-performance-status")]),
        ([row("t", "born", record="Patient", field="age", format="dd/MM/yyyy")], []),
        ([row("u", "died", field="days", format="yyyy")], [meaning("p:u.died", "haemony:overall-survival")]),
        ([row("u", "x", record="Finding", field="present", format="1|0")], [meaning("p:u.x", "", object_label="X")]),
        (
            [
                row("u", "a", record="Diagnosis#d", field="concept", format="1|0"),
                row("u", "b", record="Diagnosis#d", field="concept", format="1|0"),
            ],
            [meaning("p:u.a", "haemony:disease"), meaning("p:u.b", "haemony:disease")],
        ),
    ],
)
def test_what_is_right(
    tmp_path: Path, vocabulary: Vocabulary, schema: Schema, rows: list[Cells], concepts: list[Cells]
) -> None:
    assert problems(tmp_path, vocabulary, schema, rows, concepts) == ""


@pytest.mark.parametrize(
    ("rows", "concepts", "message"),
    [
        ([row("u", "HB", unit="g")], [HB], "'g' does not convert to 'g/dL'"),
        ([row("u", "HB")], [HB], "The number in 'HB' has no unit. Write it in `unit` (kept: g/dL)"),
        ([row("u", "HB", field="value.unit")], [HB], "No column of the record fills 'value' itself"),
        (
            [row("u", "HB", record="Measurement#hb"), UNIT],
            [HB, value("p:u.U", "x", "UCUM:U/L", "haemony:mapsToUnit")],
            "'U/L' does not convert to 'g/dL'",
        ),
        (
            [row("u", "HB", record="Measurement#hb"), UNIT],
            [HB, value("p:u.U", "x", "UCUM:g/dL")],
            "A delivered unit maps by haemony:mapsToUnit",
        ),
        (
            [row("u", "x", record="Response", field="concept")],
            [value("p:u.x", "g", "OMOP:8532", "haemony:mapsToUnit")],
            "OMOP:8532 is no unit",
        ),
        (
            [row("u", "x", record="Response", field="concept")],
            [value("p:u.x", "g", "OMOP:9189", "haemony:mapsToValue")],
            "A Response is never tested and absent",
        ),
        (
            [row("u", "x", record="Response", field="concept")],
            [value("p:u.x", "g", "haemony:karyotype-failed", "haemony:mapsToValue")],
            "A Response has no field for an answer",
        ),
        (
            [row("u", "x", record="Outcome#o", field="days", unit="d")],
            [meaning("p:u.x", "haemony:overall-survival"), value("p:u.x", "9", "OMOP:8532")],
            "Outcome.days takes no concept",
        ),
        ([row("u", "x", record="Outcome", field="present", format="1|0")], [], "The flag 'x' has no concept"),
        ([row("u", "x", record="Mutation", field="hgvs_c", format="1|0")], [], "Mutation.hgvs_c takes no flag"),
        ([row("u", "x", record="Mutation", field="vaf", format="yyyy")], [], "is no time and takes no date"),
        ([row("u", "x", record="Mutation", field="vaf", format="HGNC")], [], "takes no codes of a vocabulary"),
        ([row("u", "x", record="Outcome", field="event")], [], "'event' needs a flag"),
        ([row("u", "x", record="Mutation", field="hgvs_c", unit="g")], [], "Mutation.hgvs_c is no number"),
        ([row("u", "x", record="Mutation", field="depth", unit="g")], [], "Mutation.depth has no unit"),
        ([row("u", "x", record="Response", field="day", unit="d", format="yyyy")], [], "A date has no unit"),
        ([row("u", "x", record="Mutation", field="gene")], [], "Mutation.gene is a field that Haemony computes"),
        ([row("u", "x", record="Response", field="treatment")], [], "is a link: fill it by `of`"),
        ([row("u", "x", record="Mutation", field="vaf.operator", unit="1")], [], "Mutation has no operator"),
        ([row("u", "x", record="Mutation", field="hgvs_c.unit")], [], "is no number and has no unit"),
        ([row("u", "x", "map")], [], "The class of 'x' is not known"),
        ([row("u", "x", record="Response#r#s", field="concept")], [], "'r#s' is no tag"),
        ([row("u", "x", "context", record="Response")], [], "A column of use context fills no field"),
        ([row("u", "HB", unit="g/dL", at="dx")], [HB], "Table 'u' has no column 'dx'"),
        ([row("u", "HB", unit="g/dL", at="ID")], [HB], "'ID' is no time"),
        (
            [row("u", "x", record="Response#a", field="concept", of="a by when")],
            [],
            "A record does not belong to itself",
        ),
        (
            [
                row("u", "x", record="Response#a", field="concept", of="b by LOT"),
                row("u", "y", record="Response#b", field="concept"),
            ],
            [],
            "A Response has no link to a Response",
        ),
        (
            [
                row("u", "x", record="Response#a", field="concept", of="b by LOT"),
                row("u", "y", record="Treatment#b", field="concept"),
            ],
            [],
            "Table 'u' has no column 'LOT'",
        ),
        (
            [row("u", "x", record="Response#a", field="concept"), row("u", "y", record="Treatment#a", field="line")],
            [],
            "Tag 'a' is a Response and a Treatment",
        ),
        (
            [row("u", "x", record="Treatment#a", field="line"), row("u", "y", record="Treatment#a", field="line")],
            [],
            "x, y all fill Treatment.line",
        ),
        (
            [row("u", "f*", record="Finding", field="present", format="1|0")],
            [meaning("p:u.g1", "haemony:disease")],
            "The dictionary has no row for u.g1",
        ),
    ],
)
def test_what_is_wrong(
    tmp_path: Path, vocabulary: Vocabulary, schema: Schema, rows: list[Cells], concepts: list[Cells], message: str
) -> None:
    assert message in problems(tmp_path, vocabulary, schema, rows, concepts)
