"""The validation step: records in Parquet in, violations in Parquet and a SHACL report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdflib import RDF, RDFS, SH, XSD, Graph, Literal

from haemony.engine.errors import ShapeError
from haemony.graph_loader.rdf import Scope, Tables, concept_iri, literal, project, record_iri, typed
from haemony.graph_loader.reference import Validator
from haemony.graph_loader.shacl_report import report_graph
from haemony.graph_loader.shapes import read_shapes
from haemony.graph_loader.validate import CHECKED, Summary, validate
from haemony.ontology.schema import HAEMONY, read_schema

SHAPES = Path(__file__).parents[2] / "ontology" / "shapes"
TYPES = {
    "decimal": pa.decimal128(18, 6),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "concept": pa.int64(),
    "reference": pa.string(),
}
TEXTS = pa.list_(pa.string())
HAEMOGLOBIN, MALE, OS = 3000963, 8507, 2100000001

PREFIXES = """
@prefix : <https://w3id.org/haemony/> .
@prefix concept: <https://w3id.org/haemony/concept/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://w3id.org/haemony/shape/> .
"""
AGE = """shape:age sh:targetClass :Patient ; sh:path :age ; sh:maxInclusive 120 ;
  sh:severity sh:Warning ; sh:message "Aged {value}, as {focus}." ."""


def ancestors(concept: int) -> list[int]:
    return {600: [600, 2100000013], 7: []}.get(concept, [concept])


def write(folder: Path, **tables: Sequence[Mapping[str, Any]]) -> Path:
    """Write record tables of the contract; absent fields are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        fields = read_schema()[name].fields
        types: dict[str, pa.DataType] = dict.fromkeys(("id", "patient", "dataset"), pa.string())
        types |= {f.name: pa.list_(TYPES[f.kind]) if f.many else TYPES[f.kind] for f in fields}
        types |= dict.fromkeys(("sources", "mappings", "disputed", "flags"), TEXTS) | {"hash": pa.string()}
        table = pa.Table.from_pylist([{t: row.get(t) for t in types} for row in rows], schema=pa.schema(types))
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def shapes_file(tmp_path: Path, text: str, name: str = "own.ttl") -> Path:
    path = tmp_path / name
    path.write_text(PREFIXES + text, encoding="utf-8")
    return path


def people(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": f"p{i}", "patient": f"p{i}", "sex": MALE, "age": Decimal(60), **fields} for i in range(count)]


def labs(count: int, value: str, **fields: Any) -> list[dict[str, Any]]:
    shared = {"concept": HAEMOGLOBIN, "unit": "g/dL", "value": Decimal(value), "day": 0}
    return [{"id": f"m{i}", "patient": f"p{i}", **shared, **fields} for i in range(count)]


# --- projection ------------------------------------------------------------------------------------------------


def scope(text: str) -> Scope:
    return Scope.of(Graph().parse(data=PREFIXES + text, format="turtle"))


def test_a_record_becomes_its_class_its_patient_and_the_words_in_scope(tmp_path: Path) -> None:
    records = write(tmp_path, Patient=people(1), Measurement=labs(1, "9.50", delivered_value="9,5"))
    seen = scope("shape:x sh:targetClass :Measurement ; sh:path ( :concept :ancestor ) ; sh:lessThan :value .")
    graph = project(Tables.read(records, seen), ancestors, seen)
    node = record_iri("m0")
    assert (node, RDF.type, HAEMONY.Measurement) in graph
    assert (HAEMONY.Measurement, RDFS.subClassOf, HAEMONY.Record) in graph
    assert (node, HAEMONY.patient, record_iri("p0")) in graph
    assert (node, HAEMONY.concept, concept_iri(HAEMOGLOBIN)) in graph
    assert (node, HAEMONY.value, Literal("9.5", datatype=XSD.decimal)) in graph
    assert (concept_iri(HAEMOGLOBIN), HAEMONY.ancestor, concept_iri(HAEMOGLOBIN)) in graph
    assert not list(graph.objects(node, HAEMONY.delivered_value))


def test_a_record_is_an_instance_of_the_targeted_ancestors_of_its_concept(tmp_path: Path) -> None:
    records = write(tmp_path, Finding=[{"id": "f", "patient": "p", "concept": 600}])
    seen = scope("shape:x sh:targetClass concept:2100000013 ; sh:path :concept .")
    graph = project(Tables.read(records, seen), ancestors, seen)
    assert set(graph.objects(record_iri("f"), RDF.type)) == {HAEMONY.Finding, concept_iri(2100000013)}


@pytest.mark.parametrize(("day", "end"), [(10, [Literal(111)]), (None, [])])
def test_a_duration_ends_where_its_start_is_known(tmp_path: Path, day: int | None, end: list[Literal]) -> None:
    row = {"id": "o", "patient": "p", "concept": OS, "days": Decimal("100.5"), "day": day, "entry_days": Decimal(40)}
    seen = scope("shape:x sh:path :day ; sh:lessThanOrEquals :end_day .")
    graph = project(Tables.read(write(tmp_path, Outcome=[row]), seen), ancestors, seen)
    assert list(graph.objects(record_iri("o"), HAEMONY.end_day)) == end


def test_treatments_have_several_concepts(tmp_path: Path) -> None:
    seen = scope("shape:x sh:path :concept .")
    records = write(tmp_path, Treatment=[{"id": "t", "patient": "p", "concept": [1, 2]}])
    graph = project(Tables.read(records, seen), ancestors, seen)
    assert set(graph.objects(record_iri("t"), HAEMONY.concept)) == {concept_iri(1), concept_iri(2)}


@pytest.mark.parametrize(
    ("kind", "value", "datatype"),
    [
        ("decimal", Decimal("1E+3"), XSD.decimal),
        ("decimal", 1, XSD.decimal),
        ("decimal", True, XSD.boolean),
        ("integer", 1, XSD.integer),
        ("integer", Decimal("1.5"), XSD.decimal),
        ("boolean", True, XSD.boolean),
        ("boolean", 1, XSD.integer),
        ("string", "x", None),
        ("integer", "x", None),
    ],
)
def test_literals_keep_the_datatype_that_their_value_has(kind: str, value: Any, datatype: Any) -> None:
    made = literal(kind, value)
    assert made.datatype == datatype
    assert not made.ill_typed
    assert "E" not in str(made)


def test_the_text_of_a_value_is_typed_again() -> None:
    assert typed("integer", "12") == Literal(12)
    assert typed("integer", "12, 13") == Literal("12, 13")


# --- the step --------------------------------------------------------------------------------------------------


def test_violations_say_what_is_wrong_and_where_it_came_from(tmp_path: Path) -> None:
    origin = {"sources": ["clinical:12:HB"], "mappings": ["dictionary.tsv:3", "concepts.sssom.tsv:8"]}
    records = write(tmp_path / "records", Patient=people(1), Measurement=labs(1, "92", **origin))
    out = tmp_path / "violations.parquet"
    summary = validate(records, [SHAPES], ancestors, out, processes=1)
    assert summary.patients == 1 and summary.records == 2 and summary.quarantined == 1
    assert summary.counts["haemoglobin-impossible", "Violation"] == 1
    assert summary.severity("Violation") == 1
    (row,) = [r for r in pq.read_table(out).to_pylist() if r["severity"] == "Violation"]
    assert row == {
        "record_id": "m0",
        "class": "Measurement",
        "patient": "p0",
        "shape": "haemoglobin-impossible",
        "severity": "Violation",
        "component": "MaxInclusive",
        "path": "value",
        "value": "92",
        "message": "Haemoglobin of 92 g/dL cannot be: possible are 1 to 26. Check the unit.",
        **origin,
    }


def test_batches_and_processes_change_nothing(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(5), Measurement=labs(5, "2.5"))
    alone, spread = tmp_path / "alone.parquet", tmp_path / "spread.parquet"
    first = validate(records, [SHAPES], ancestors, alone, processes=1, batch=100)
    second = validate(records, [SHAPES], ancestors, spread, processes=2, batch=2)
    assert first == second
    assert first.counts["haemoglobin-unlikely", "Warning"] == 5
    assert pq.read_table(alone).equals(pq.read_table(spread))


def test_sound_records_leave_an_empty_table(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(1))
    out = tmp_path / "deep" / "violations.parquet"
    assert validate(records, [shapes_file(tmp_path, AGE)], ancestors, out) == Summary(1, 1, {})
    assert pq.read_table(out).num_rows == 0
    assert {"record_id", "class", "shape", "severity", "path", "value", "message", "mappings", "sources"} <= set(
        pq.read_schema(out).names
    )


def test_no_records_at_all(tmp_path: Path) -> None:
    assert validate(tmp_path, [shapes_file(tmp_path, AGE)], ancestors, tmp_path / "v.parquet") == Summary(0, 0, {})


def test_messages_name_the_record_and_its_concepts(tmp_path: Path) -> None:
    text = """shape:sex sh:targetClass :Patient ; sh:path :sex ; sh:in ( concept:8532 ) ;
      sh:severity sh:Warning ; sh:message "{focus}, aged {age}: {value}." ."""
    out = tmp_path / "v.parquet"
    records = write(tmp_path / "records", Patient=people(1))
    validate(records, [shapes_file(tmp_path, text)], ancestors, out, name=lambda c: {MALE: "MALE"}[c])
    assert pq.read_table(out)["message"].to_pylist() == ["p0, aged 60: MALE (8507)."]
    validate(records, [shapes_file(tmp_path, text)], ancestors, out)
    assert pq.read_table(out)["message"].to_pylist() == ["p0, aged 60: concept 8507."]


def test_a_concept_that_the_vocabulary_does_not_know_is_reported(tmp_path: Path) -> None:
    def name(concept: int) -> str:
        return {MALE: "MALE"}[concept]

    records = write(tmp_path / "records", Patient=people(1), Measurement=labs(1, "9"))
    summary = validate(records, [SHAPES], ancestors, tmp_path / "v.parquet", name=name)
    assert summary.counts["record-concept", "Violation"] == 1


def test_records_of_nobody_are_checked_too(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(1), Measurement=labs(1, "9", patient=None))
    summary = validate(records, [SHAPES], ancestors, tmp_path / "v.parquet", processes=1, batch=1)
    assert summary.counts["record-patient", "Violation"] == 1


def test_text_where_a_number_belongs_breaks_the_datatype(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(1), Measurement=labs(1, "9"))
    table = pq.read_table(records / "Measurement.parquet")
    index = table.schema.get_field_index("value")
    pq.write_table(table.set_column(index, "value", pa.array(["9,1"])), records / "Measurement.parquet")
    out = tmp_path / "v.parquet"
    validate(records, [SHAPES], ancestors, out)
    messages = {r["shape"]: r["message"] for r in pq.read_table(out).to_pylist()}
    assert messages["measurement-value"] == "The value must be one number, not 9,1."


def test_what_was_checked_is_counted(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(3), Measurement=labs(2, "92"))
    text = (
        AGE
        + """ shape:nested sh:targetClass :Measurement ; sh:severity sh:Info ; sh:message "m" ; sh:property shape:of .
      shape:of sh:path :patient ; sh:severity sh:Info ; sh:message "m" ; sh:maxCount 0 ."""
    )
    for reference in (False, True):
        out = tmp_path / str(reference) / "v.parquet"
        validate(records, [shapes_file(tmp_path, text)], ancestors, out, 1, reference=reference)
        rows = {r["shape"]: r for r in pq.read_table(out.with_name(CHECKED)).to_pylist()}
        assert {shape: (r["targeted"], r["failed"]) for shape, r in rows.items()} == {
            "age": (3, 0),
            "nested": (2, 0),
            "of": (2, 2),
        }
        assert {r["road"] for r in rows.values()} == {"reference" if reference else "compiled"}


# --- the report ------------------------------------------------------------------------------------------------


def test_the_report_is_standard_shacl_with_source_cells(tmp_path: Path) -> None:
    origin = {"sources": ['lab "A":1:HB'], "mappings": ["dictionary.tsv:3"]}
    records = write(
        tmp_path / "records",
        Patient=people(1, age=Decimal(130)),
        Measurement=labs(1, "92", **origin),
        Outcome=[{"id": "o", "patient": "p0", "concept": OS, "days": Decimal(5), "event": True, "day": 0}],
        Response=[{"id": "r", "patient": "p0", "concept": 2100000060, "day": 9}],
        Karyotype=[{"id": "k", "patient": "p0", "sex_chromosomes": "XX", "iscn": "46,XX[20]"}],
    )
    out, turtle = tmp_path / "violations.parquet", tmp_path / "validation.ttl"
    validate(records, [SHAPES], ancestors, out)
    shapes = read_shapes([SHAPES])
    assert report_graph(out, shapes, turtle) == pq.read_table(out).num_rows
    report = Graph().parse(turtle)
    (head,) = report.subjects(RDF.type, SH.ValidationReport)
    assert report.value(head, SH.conforms) == Literal(False)
    by_shape = {report.value(r, SH.sourceShape): r for r in report.objects(head, SH.result)}
    high = by_shape[HAEMONY["shape/haemoglobin-impossible"]]
    assert report.value(high, SH.value) == Literal(Decimal(92))
    assert report.value(high, SH.resultPath) == HAEMONY.value
    assert report.value(high, SH.focusNode) == record_iri("m0")
    assert report.value(high, HAEMONY.source) == Literal('lab "A":1:HB')
    assert report.value(high, HAEMONY.mapping) == Literal("dictionary.tsv:3")
    late = by_shape[HAEMONY["shape/record-after-death"]]
    assert (report.value(late, SH.resultPath), RDF.first, HAEMONY.patient) in report
    sex = by_shape[HAEMONY["shape/karyotype-no-y-in-male"]]
    assert report.value(sex, SH.value) == record_iri("k")
    assert report.value(sex, SH.resultPath) is None


def test_a_report_without_results_conforms(tmp_path: Path) -> None:
    shapes = shapes_file(tmp_path, AGE)
    validate(write(tmp_path / "records", Patient=people(1)), [shapes], ancestors, tmp_path / "v.parquet")
    assert report_graph(tmp_path / "v.parquet", read_shapes([shapes]), tmp_path / "v.ttl") == 0
    assert (None, SH.conforms, Literal(True)) in Graph().parse(tmp_path / "v.ttl")


TRANSFUSIONS = """
@prefix : <https://w3id.org/haemony/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:units a owl:DatatypeProperty .
:Transfusion a owl:Class ; rdfs:subClassOf :Record ; :order 50 ; rdfs:comment "Blood products given." ;
  :relationship "WAS_TRANSFUSED" ; :repeatable true ; owl:hasKey ( :patient :units ) .
:Transfusion.units a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :units ;
  rdfs:domain :Transfusion ; rdfs:range xsd:integer ; :order 1 ; :role "main" ; rdfs:comment "How many." .
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_class_of_an_extension_is_validated(tmp_path: Path, processes: int) -> None:
    (tmp_path / "extension.ttl").write_text(TRANSFUSIONS, encoding="utf-8")
    schema = read_schema(tmp_path / "extension.ttl")
    records = write(tmp_path / "records", Patient=people(2))
    given = [{"id": f"t{i}", "patient": f"p{i}", "units": n} for i, n in enumerate((2, 900))]
    pq.write_table(pa.Table.from_pylist(given), records / "Transfusion.parquet")
    text = """shape:bags sh:targetClass :Transfusion ; sh:path :units ; sh:maxInclusive 100 ;
      sh:severity sh:Violation ; sh:message "{units} bags." ."""
    shapes, out = shapes_file(tmp_path, text), tmp_path / "v.parquet"
    summary = validate(records, [shapes], ancestors, out, processes, batch=1, schema=schema)
    assert summary == Summary(2, 4, {("bags", "Violation"): 1}, 1)
    [row] = pq.read_table(out).to_pylist()
    assert (row["class"], row["record_id"], row["message"]) == ("Transfusion", "t1", "900 bags.")
    assert report_graph(out, read_shapes([shapes], schema), tmp_path / "v.ttl", schema) == 1
    assert (None, SH.value, Literal("900", datatype=XSD.integer)) in Graph().parse(tmp_path / "v.ttl")
    with pytest.raises(ShapeError, match=r"\{units\}, which is no field"):
        read_shapes([shapes])


# --- shape files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("shape:a sh:targetClass :Patient ; sh:message 'm' .", "no severity"),
        ("shape:a sh:targetClass :Patient ; sh:severity sh:Error ; sh:message 'm' .", "no severity"),
        ("shape:a sh:targetClass :Patient ; sh:severity sh:Info .", "no message"),
        ("[] sh:targetClass :Patient ; sh:severity sh:Info ; sh:message 'm' .", "no IRI"),
        (AGE + " shape:b sh:targetClass :Patient ; sh:severity sh:Info ; sh:message '{aeg}' .", "{aeg}"),
        (AGE + " shape:age :kahn 'beauty' .", "'beauty'"),
        (AGE + " shape:age sh:js [] .", "sh:js"),
        (AGE + " shape:age :shows ( :age ) .", "one member"),
        (AGE + " shape:age :shows [ sh:path :age ] .", "path cannot be read"),
        (AGE + " shape:age sh:not shape:age .", "refers to itself (age → age)"),
        (AGE + " shape:age sh:minCount 'one' .", "sh:minCount is one"),
        (AGE + " shape:age sh:or ( 1 [ sh:path :age ; sh:minCount 1 ] ) .", "1 stands where a shape belongs"),
        (AGE + " shape:age sh:property [ sh:path :sex ] .", "no IRI"),
        ("shape:a sh:targetClass", "not Turtle"),
    ],
)
def test_faulty_shapes_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ShapeError) as error:
        read_shapes([shapes_file(tmp_path, text)])
    assert problem in str(error.value)
    assert "own.ttl" in str(error.value)


def test_all_faults_of_all_files_are_listed_at_once(tmp_path: Path) -> None:
    one = shapes_file(tmp_path, "shape:a sh:targetClass :Patient .", "one.ttl")
    two = shapes_file(tmp_path, AGE, "two.ttl")
    three = shapes_file(tmp_path, AGE, "three.ttl")
    with pytest.raises(ShapeError) as error:
        read_shapes([one, two, three, tmp_path / "none.ttl"])
    assert len(error.value.problems) == 4
    assert "taken, in two.ttl" in str(error.value)


def test_shapes_of_a_user_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    shapes_file(tmp_path, AGE)
    graph = read_shapes([SHAPES, tmp_path])
    assert {v.shape for v in Validator(graph, ancestors).check(Tables({}, read_schema()))} == set()
    assert (HAEMONY["shape/age"], SH.severity, SH.Warning) in graph
    assert (HAEMONY["shape/patient-age"], SH.severity, SH.Warning) in graph


def test_a_shape_that_targets_a_concept_finds_its_records_by_itself(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(1), Measurement=labs(1, "92"))
    text = """shape:hb sh:targetClass concept:3000963 ; sh:path :value ; sh:maxInclusive 26 ;
      sh:severity sh:Warning ; sh:message "m" ."""
    for reference in (False, True):
        shapes = [shapes_file(tmp_path, text)]
        summary = validate(records, shapes, ancestors, tmp_path / "v.parquet", 1, reference=reference)
        assert summary.counts == {("hb", "Warning"): 1}


def test_shapes_without_a_target_check_nothing(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Patient=people(1))
    shapes = [shapes_file(tmp_path, "shape:a a sh:NodeShape .")]
    assert validate(records, shapes, ancestors, tmp_path / "v.parquet") == Summary(1, 1, {})
    assert pq.read_table(tmp_path / CHECKED).num_rows == 0


def test_a_query_runs_on_records_whose_patients_nobody_delivered(tmp_path: Path) -> None:
    records = write(tmp_path / "records", Measurement=labs(2, "92"))
    text = """shape:q sh:targetClass :Measurement ; sh:severity sh:Info ; sh:message "m" ; sh:sparql [
      sh:select "SELECT $this WHERE { $this <https://w3id.org/haemony/value> ?v }" ] ."""
    summary = validate(records, [shapes_file(tmp_path, text)], ancestors, tmp_path / "v.parquet", 1)
    assert summary.counts == {("q", "Info"): 2}
