import csv
import shutil
from pathlib import Path

import owlready2
import pytest
import rdflib

from haemony.engine.errors import VocabularyError
from haemony.ontology.reasoning import infer
from haemony.ontology.schema import HAEMONY, TTL, Field, Schema, read_schema
from haemony.ontology.units import is_ucum

needs_java = pytest.mark.skipif(shutil.which(owlready2.JAVA_EXE) is None, reason="HermiT needs Java")

EXTENSION = """
@prefix : <https://w3id.org/haemony/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

:Transfusion a owl:Class ; rdfs:subClassOf :Record ; :order 20 ; rdfs:label "transfusion" ; rdfs:comment "Blood." ;
  :omopTable "drug_exposure" ; :relationship "WAS_GIVEN" ; :repeatable true ; owl:hasKey ( :patient :concept :day ) .
:Transfusion.concept a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :concept ;
  rdfs:domain :Transfusion ; rdfs:range :Concept ; :order 1 ; :role "main" ; :relationship "WITH" .
:Transfusion.volume a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :value ;
  rdfs:domain :Transfusion ; rdfs:range xsd:decimal ; :order 2 ; :unit "mL" .
:Transfusion.day a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :day ;
  rdfs:domain :Transfusion ; rdfs:range xsd:integer ; :order 3 ; :time "day" .
"""


def fields(schema: Schema) -> list[tuple[str, Field]]:
    return [(cls.name, field) for cls in schema.classes for field in cls.fields]


def test_records_come_in_the_order_of_the_ontology() -> None:
    names = [cls.name for cls in read_schema().records]
    assert names[0] == "Patient"
    assert {"Diagnosis", "Mutation", "Karyotype", "Finding", "Measurement", "Treatment", "Outcome"} <= set(names)
    assert [cls.name for cls in read_schema().shared] == ["Variant"]
    assert "Variant" not in names


def test_a_record_class_is_added_without_any_python(tmp_path: Path) -> None:
    extension = tmp_path / "transfusion.ttl"
    extension.write_text(EXTENSION, encoding="utf-8")
    schema = read_schema(extension)
    transfusion = schema["Transfusion"]
    assert transfusion in schema.records
    assert transfusion.key == ("patient", "concept", "day")
    assert (transfusion.omop_table, transfusion.relationship) == ("drug_exposure", "WAS_GIVEN")
    assert [(f.name, f.kind, f.unit, f.time) for f in transfusion.fields] == [
        ("concept", "concept", "", ""),
        ("volume", "decimal", "mL", ""),
        ("day", "integer", "", "day"),
    ]
    assert transfusion.main == transfusion.field("concept")
    assert "Transfusion" not in read_schema()


def test_a_field_is_described_by_the_ontology() -> None:
    schema = read_schema()
    assert schema["Patient"].field("age").time == "age"
    assert schema["Mutation"].field("vaf").unit == "1"
    assert schema["Mutation"].field("gene").kind == "concept"
    assert not schema["Mutation"].field("gene").mappable
    assert schema["Treatment"].field("concept").many
    assert not schema["Diagnosis"].field("concept").many
    assert schema["Response"].field("treatment").inverse
    assert schema["Outcome"].field("days").required
    assert [f.name for f in schema["Karyotype"].naming] == ["iscn"]
    assert schema["Mutation"].negative
    assert not schema["Response"].negative


def test_every_class_is_complete() -> None:
    for cls in read_schema().classes:
        assert cls.comment, cls.name
        assert len([f for f in cls.fields if f.role == "main"]) <= 1, cls.name
        assert len({f.name for f in cls.fields}) == len(cls.fields)
        words = {f.word.rpartition("/")[2] for f in cls.fields} | {"patient"}
        assert set(cls.key) <= words, cls.name


def test_every_field_has_a_word_a_comment_and_a_kind() -> None:
    for name, field in fields(read_schema()):
        assert field.word.startswith("https://w3id.org/haemony/"), f"{name}.{field.name}"
        assert field.comment, f"{name}.{field.name}"
        if field.kind == "reference":
            assert field.range in read_schema(), f"{name}.{field.name}"


def test_every_unit_of_a_field_is_ucum() -> None:
    units = {field.unit for _, field in fields(read_schema())} - {"", "concept"}
    assert units
    assert [unit for unit in units if not is_ucum(unit)] == []


def test_what_is_not_there_is_said_with_what_is() -> None:
    with pytest.raises(KeyError, match=r"no class 'Sample'.*Specimen"):
        read_schema()["Sample"]
    with pytest.raises(KeyError, match=r"Measurement has no field 'amount'.*value"):
        read_schema()["Measurement"].field("amount")


def test_every_omop_column_exists_in_the_cdm() -> None:
    spec = Path(__file__).parents[2].parent / "shared" / "data" / "omop" / "cdm_spec"
    found = sorted(spec.glob("**/*Field_Level.csv"))
    if not found:
        pytest.skip(f"the OMOP CDM specification is not at {spec}")
    with found[0].open(encoding="utf-8", newline="") as file:
        columns = {(row["cdmTableName"].lower(), row["cdmFieldName"].lower()) for row in csv.DictReader(file)}
    for cls in read_schema().classes:
        for field in cls.fields:
            if field.omop_column:
                assert (cls.omop_table, field.omop_column) in columns, f"{cls.name}.{field.name}"


@needs_java
def test_the_schema_is_consistent_and_a_record_is_never_a_concept() -> None:
    below = infer(rdflib.Graph().parse(TTL))
    assert (HAEMONY.Mutation, HAEMONY.Record) in below
    assert (HAEMONY.Mutation, HAEMONY.Concept) not in below


@needs_java
def test_a_contradiction_in_an_extension_is_found() -> None:
    graph = rdflib.Graph().parse(TTL).parse(data=EXTENSION)
    infer(graph)
    graph.add((HAEMONY.Transfusion, rdflib.OWL.disjointWith, HAEMONY.Record))
    with pytest.raises(VocabularyError, match="nothing can be transfusion"):
        infer(graph)
