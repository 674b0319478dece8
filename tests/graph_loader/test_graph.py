from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from haemony.engine.errors import BuildError
from haemony.graph_loader.graph import project
from haemony.graph_loader.stores.base import GraphTables
from haemony.graph_loader.stores.ladybug import LadybugStore
from haemony.ontology.schema import TTL, read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.build_folder import (
    ABNORMALITY,
    AML,
    COMPLEX,
    FLT3,
    FLT3_ITD,
    KMT2A_REARRANGED,
    NPM1,
    BuildFolder,
    example_build,
)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> GraphTables:
    return project(example_build(tmp_path_factory.mktemp("build")), read_schema(), read_vocabulary())


def nodes(graph: GraphTables, label: str) -> list[dict[str, Any]]:
    return _rows(next(n.path for n in graph.nodes if n.label == label))


def ends(graph: GraphTables, start: str, type_: str, end: str) -> set[tuple[Any, Any]]:
    path = next(r.path for r in graph.relationships if (r.start, r.type, r.end) == (start, type_, end))
    return {(row["from"], row["to"]) for row in _rows(path)}


def _rows(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        cursor = connection.execute("FROM read_parquet(?)", [str(path)])
        names = [c[0] for c in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_every_class_is_a_label_filled_or_not(graph: GraphTables) -> None:
    labels = {n.label: n.rows for n in graph.nodes}
    assert {c.name for c in (*read_schema().records, *read_schema().shared)} <= set(labels)
    assert labels["Patient"] == 6
    assert labels["Specimen"] == 0
    assert all(n.rows == len(_rows(n.path)) for n in graph.nodes)


def test_patients_point_to_their_records_and_datasets(graph: GraphTables) -> None:
    assert ("n1", f"n1-{NPM1}") in ends(graph, "Patient", "HAS_MUTATION", "Mutation")
    assert ("s2", "south") in ends(graph, "Patient", "FROM", "Dataset")
    assert len(ends(graph, "Patient", "HAD_OUTCOME", "Outcome")) == 6


def test_records_point_to_concepts_genes_and_variants(graph: GraphTables) -> None:
    gene = read_vocabulary().gene_of(NPM1)
    assert ("n1-aml", AML) in ends(graph, "Diagnosis", "IS", "Concept")
    assert (f"n1-{NPM1}", gene) in ends(graph, "Mutation", "IN", "Gene")
    assert (f"s1-{NPM1}", "npm1-a") in ends(graph, "Mutation", "OF", "Variant")
    assert ends(graph, "Variant", "IN", "Gene") == {("npm1-a", gene)}


def test_a_field_of_many_concepts_points_to_each_and_names_all(graph: GraphTables) -> None:
    assert len([e for e in ends(graph, "Treatment", "WITH", "Concept") if e[0] == "n1-7+3"]) == 2
    treatment = next(t for t in nodes(graph, "Treatment") if t["id"] == "n1-7+3")
    assert treatment["name"] == "cytarabine + daunorubicin"


def test_an_inverse_field_points_to_the_record(graph: GraphTables) -> None:
    assert ends(graph, "Treatment", "FOLLOWED_BY", "Response") == {("n1-7+3", "n1-remission")}


def test_a_concept_without_relationship_is_name_and_id(graph: GraphTables) -> None:
    patient = next(p for p in nodes(graph, "Patient") if p["id"] == "n1")
    assert (patient["sex"], patient["sex_id"], patient["age"]) == ("FEMALE", 8532, 60.0)


def test_a_variant_of_two_partners_is_one_node(graph: GraphTables) -> None:
    assert [v["id"] for v in nodes(graph, "Variant")] == ["npm1-a"]


def test_mappings_of_records_are_named_like_their_nodes(graph: GraphTables) -> None:
    mutation = next(m for m in nodes(graph, "Mutation") if m["id"] == f"n1-{NPM1}")
    rows = {m["id"] for m in nodes(graph, "MappingRow")}
    assert mutation["mappings"] == ["north/dictionary.tsv:3"]
    assert set(mutation["mappings"]) <= rows


def test_hierarchy_holds_what_is_used_and_all_above(graph: GraphTables) -> None:
    vocabulary = read_vocabulary()
    held = {c["id"] for c in nodes(graph, "Concept")}
    up: dict[int, set[int]] = {}
    for child, parent in ends(graph, "Concept", "IS_A", "Concept"):
        up.setdefault(child, set()).add(parent)
    for concept in (AML, FLT3_ITD, COMPLEX):
        reached, todo = {concept}, [concept]
        while todo:
            new = up.get(todo.pop(), set()) - reached
            reached |= new
            todo += new
        assert reached == vocabulary.ancestors(concept)
        assert reached <= held


def test_a_panel_covers_the_genes_of_its_gene_level_concepts_only(graph: GraphTables) -> None:
    vocabulary = read_vocabulary()
    covered = {gene for panel, gene in ends(graph, "Panel", "COVERS", "Gene") if panel == "genes"}
    assert covered == {vocabulary.gene_of(NPM1), vocabulary.gene_of(FLT3)}


def test_covering_a_named_alteration_does_not_cover_its_gene(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path)
    build.record("p", "Patient", "a")
    build.panel("p", "itd", [FLT3_ITD], ["a"])
    graph = project(build.write(), read_schema(), read_vocabulary())
    assert ends(graph, "Panel", "COVERS", "Gene") == set()
    assert ends(graph, "Panel", "COVERS", "Concept") == {("itd", FLT3_ITD)}


def test_a_panel_that_lists_a_gene_covers_it_and_answers_for_its_alterations(tmp_path: Path) -> None:
    gene = read_vocabulary().gene_of(FLT3)
    assert gene is not None
    build = BuildFolder(tmp_path)
    build.record("p", "Patient", "a")
    build.panel("p", "listed", [gene], ["a"])
    graph = project(build.write(), read_schema(), read_vocabulary())
    assert ends(graph, "Panel", "COVERS", "Gene") == {("listed", gene)}
    answers = ends(graph, "Panel", "ANSWERS", "Concept")
    assert ("listed", FLT3) in answers
    assert not {("listed", gene), ("listed", FLT3_ITD)} & answers


def test_a_gene_answers_for_itself_and_not_for_named_alterations(graph: GraphTables) -> None:
    answers = ends(graph, "Panel", "ANSWERS", "Concept")
    assert ("genes", FLT3) in answers
    assert ("genes", 2100000023) in answers, "a point mutation of the kinase domain is a sequence variant"
    assert ("genes", FLT3_ITD) not in answers
    assert ("wide", FLT3_ITD) in answers


def test_a_broad_test_answers_for_what_nobody_has(graph: GraphTables) -> None:
    answers = ends(graph, "Panel", "ANSWERS", "Concept")
    assert {("wide", ABNORMALITY), ("wide", KMT2A_REARRANGED)} <= answers
    assert KMT2A_REARRANGED in {c["id"] for c in nodes(graph, "Concept")}


def test_a_new_record_class_needs_no_code(tmp_path: Path) -> None:
    extension = tmp_path / "imaging.ttl"
    prefixes = "".join(TTL.read_text().partition("\n\n")[0])
    extension.write_text(
        prefixes
        + """
:Scan a owl:Class ; rdfs:subClassOf :Record ; :order 20 ; :relationship "HAD_SCAN" ; owl:hasKey ( :patient :concept ) .
:Scan.concept a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :concept ; rdfs:domain :Scan ;
  rdfs:range :Concept ; :order 1 ; :role "main" ; :relationship "SHOWED" .
:Scan.lesions a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :value ; rdfs:domain :Scan ;
  rdfs:range xsd:integer ; :order 2 .
"""
    )
    schema = read_schema(extension)
    build = BuildFolder(tmp_path / "build", schema)
    build.record("p", "Patient", "a")
    build.record("p", "Scan", "scan", "a", concept=ABNORMALITY, lesions=3)
    with LadybugStore(tmp_path / "graph.lbug") as store:
        store.load(project(build.write(), schema, read_vocabulary()))
        rows = store.query("MATCH (:Patient)-[:HAD_SCAN]->(s:Scan)-[:SHOWED]->(c:Concept) RETURN s.lesions, c.id").rows
    assert rows == ((3, ABNORMALITY),)


def test_a_reference_to_nothing_stops_the_projection(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path)
    build.record("p", "Patient", "a")
    build.record("p", "Response", "r", "a", concept=2100000060, treatment="lost")
    with pytest.raises(
        BuildError, match=r"1 relationships \(:Treatment\)-\[:FOLLOWED_BY\]->\(:Response\) name a Treatment"
    ):
        project(build.write(), read_schema(), read_vocabulary())


def test_a_record_without_patient_stops_the_projection(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path)
    build.record("p", "Patient", "a")
    build.record("p", "Response", "r", "b", concept=2100000060)
    with pytest.raises(BuildError, match="name a Patient that is not in the build"):
        project(build.write(), read_schema(), read_vocabulary())


def test_an_unknown_concept_stops_the_projection(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path)
    build.record("p", "Patient", "a", sex=1)
    with pytest.raises(BuildError, match="concept 1 is used by a record and is not in the vocabulary"):
        project(build.write(), read_schema(), read_vocabulary())


def test_an_empty_build_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="holds no patients"):
        project(tmp_path, read_schema(), read_vocabulary())
