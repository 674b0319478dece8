"""Shapes of a curator's own: what is wrong with them is said at once, and what they ask in SPARQL is asked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haemony.graph_loader.own_shapes import check_shapes
from haemony.graph_loader.validate import CHECKED, validate
from haemony.ontology.schema import read_schema

BUILT_IN = Path(__file__).parents[2] / "ontology" / "shapes"
PREFIXES = """
@prefix : <https://w3id.org/haemony/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://w3id.org/haemony/shape/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<https://w3id.org/haemony/> sh:declare [ sh:prefix "" ; sh:namespace "https://w3id.org/haemony/"^^xsd:anyURI ] .
"""
SAID = 'sh:severity sh:Warning ; sh:message "It is {value}."'
TWICE = f"""shape:twice a sh:PropertyShape ; {SAID} ;
  sh:targetClass :Measurement ; sh:path :value ; sh:maxInclusive 20.0 ;
  sh:sparql [
    sh:prefixes <https://w3id.org/haemony/> ;
    sh:message "{{?value}} is half of {{?more}}, of the same day {{day}}." ;
    sh:select '''SELECT $this ?value ?more WHERE {{ $this :patient ?p ; :day ?d ; :value ?value .
      ?other :patient ?p ; :day ?d ; :value ?more . FILTER (?more = 2 * ?value) }}''' ] ."""


def own(folder: Path, text: str) -> Path:
    path = folder / "centre_7" / "shapes.ttl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(PREFIXES + text, encoding="utf-8")
    return path


def said(folder: Path, text: str) -> list[tuple[str, str]]:
    problems = check_shapes([own(folder, text)], [BUILT_IN])
    assert {p.file for p in problems} <= {"centre_7/shapes.ttl"}
    return [(p.column, p.message) for p in problems]


def test_sound_shapes_have_no_faults(tmp_path: Path) -> None:
    assert said(tmp_path, TWICE) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sh:pattern "^a(?=b)"', "sh:pattern '^a(?=b)' cannot be honoured: invalid perl operator: (?=."),
        (r'sh:pattern "(a)\\1"', r"sh:pattern '(a)\\1' cannot be honoured: invalid escape sequence: \1."),
        ('sh:pattern "[a-z-[b]]"', "sh:pattern '[a-z-[b]]' cannot be honoured: a class is taken from a class: [a-z-[."),
        ("sh:minCount 1, 2", "sh:minCount breaks a rule of SHACL: there is at most 1."),
        ('sh:uniqueLang "yes"', "sh:uniqueLang breaks a rule of SHACL: each is true or false. It is “yes”."),
        ("sh:js [ ]", "uses sh:js, which is not SHACL Core."),
        ('sh:sparql [ sh:select "SELECT $this WHERE { $this foo:x 1 }" ]',
         "sh:sparql cannot be run: Unknown namespace prefix : foo"),
    ],
)  # fmt: skip
def test_a_fault_names_the_shape_and_the_construct(tmp_path: Path, text: str, message: str) -> None:
    assert said(
        tmp_path, f"shape:x a sh:PropertyShape ; sh:targetClass :Patient ; sh:path :sex ; {text} ; {SAID} ."
    ) == [("x", message)]


def test_all_faults_are_said_at_once_and_one_of_a_nested_shape_by_the_shape_that_has_a_name(tmp_path: Path) -> None:
    text = f"""shape:patient-age sh:targetClass :Patient ; sh:path :age ; {SAID} .
      shape:n a sh:NodeShape ; sh:targetClass "Patient" ; {SAID} ;
        sh:not [ sh:path :age ; sh:minCount 1.5 ; sh:datatype "x" ] ."""
    found = said(tmp_path, text)
    assert {column for column, _ in found} == {"patient-age", "n"}
    assert ("patient-age", "the id of the shape is taken, in patient.ttl.") in found
    assert ("n", "sh:minCount is 1.5, which is no whole number.") in found
    assert ("n", "sh:targetClass breaks a rule of SHACL: each is an IRI. It is “Patient”.") in found
    assert len(found) == len(set(found))


def test_a_prefix_may_be_declared_in_another_file(tmp_path: Path) -> None:
    declared = tmp_path / "prefixes.ttl"
    declared.write_text(PREFIXES, encoding="utf-8")
    path = own(tmp_path, TWICE)
    path.write_text(PREFIXES.partition("<https://w3id.org/haemony/> sh:declare")[0] + TWICE, encoding="utf-8")
    assert [p.column for p in check_shapes([path], [BUILT_IN])] == ["twice"]
    assert check_shapes([path], [BUILT_IN, declared]) == []


def measurements(folder: Path, *values: tuple[str, str]) -> Path:
    kinds: dict[str, Any] = {"decimal": pa.decimal128(18, 6), "integer": pa.int64(), "concept": pa.int64()}
    shared = dict.fromkeys(("id", "patient"), pa.string())
    fields = {f.name: kinds.get(f.kind, pa.string()) for f in read_schema()["Measurement"].fields}
    rows = [{"id": f"m{n}", "patient": p, "value": Decimal(v), "day": 3} for n, (p, v) in enumerate(values)]
    schema = pa.schema(shared | fields)
    folder.mkdir()
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    pq.write_table(table, folder / "Measurement.parquet")
    people = pa.table({"id": ["p", "q"], "patient": ["p", "q"]})
    pq.write_table(people, folder / "Patient.parquet")
    return folder


def run(
    folder: Path, text: str, **options: Any
) -> tuple[list[tuple[str, str, str, str]], dict[str, tuple[int, int, str]]]:
    records = measurements(folder / "records", ("p", "9"), ("p", "18"), ("q", "9"), ("q", "21"))
    out = folder / "out" / "violations.parquet"
    validate(records, [own(folder, text)], lambda c: [c], out, processes=1, **options)
    found = [(r["record_id"], r["component"], r["value"], r["message"]) for r in pq.read_table(out).to_pylist()]
    checked = pq.read_table(out.with_name(CHECKED)).to_pylist()
    return found, {row["shape"]: (row["targeted"], row["failed"], row["road"]) for row in checked}


def test_a_query_is_asked_on_the_slow_road_with_its_own_message(tmp_path: Path) -> None:
    plain = (
        f"shape:plain a sh:PropertyShape ; sh:targetClass :Measurement ; sh:path :day ; sh:minInclusive 0 ; {SAID} ."
    )
    found, checked = run(tmp_path, TWICE + plain)
    assert sorted(found, reverse=True) == [
        ("m3", "MaxInclusive", "21", "It is 21."),
        ("m0", "SPARQL", "9", "9 is half of 18, of the same day 3."),
    ]
    assert checked == {"plain": (4, 0, "compiled"), "twice": (4, 2, "sparql")}


def test_a_query_below_a_logical_constraint_is_asked_too(tmp_path: Path) -> None:
    text = f"""shape:not a sh:NodeShape ; sh:targetClass :Measurement ; {SAID} ; sh:not [ sh:sparql [
      sh:prefixes <https://w3id.org/haemony/> ;
      sh:select "SELECT $this WHERE {{ $this :value ?v . FILTER (?v > 10) }}" ] ] ."""
    found, checked = run(tmp_path, text)
    assert sorted(record for record, *_ in found) == ["m0", "m2"]
    assert checked == {"not": (4, 2, "sparql")}


def test_the_reference_road_is_noted_of_every_shape(tmp_path: Path) -> None:
    text = (
        f"shape:x a sh:PropertyShape ; sh:targetClass :Measurement ; sh:path :value ; sh:maxInclusive 20.0 ; {SAID} ."
    )
    compiled, _ = run(tmp_path, text)
    (tmp_path / "again").mkdir()
    slow, checked = run(tmp_path / "again", text, reference=True)
    assert slow == compiled == [("m3", "MaxInclusive", "21", "It is 21.")]
    assert checked == {"x": (4, 1, "reference")}
