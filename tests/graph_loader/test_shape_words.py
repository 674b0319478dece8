"""Shapes are said in words that a curator can hold against the Turtle."""

from __future__ import annotations

import pytest
from rdflib import Graph, URIRef

from haemony.graph_loader.shape_words import Words, consequence, turtle
from haemony.shapes.algebra import Shape
from haemony.shapes.reader import read_algebra

PREFIXES = """
@prefix : <https://w3id.org/haemony/> .
@prefix concept: <https://w3id.org/haemony/concept/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://w3id.org/haemony/shape/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
OF_PATIENT = "[ sh:inversePath :patient ]"


def read(text: str) -> Shape:
    [shape] = read_algebra(Graph(bind_namespaces="none").parse(data=PREFIXES + f"shape:x {text} .", format="turtle"))
    return shape


def name(concept: int) -> str:
    return {8507: "MALE", 3000963: "Haemoglobin"}[concept]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("sh:targetClass :Outcome", "every Outcome"),
        ("sh:targetClass :Record", "every record"),
        ("sh:targetClass concept:3000963", "every record of Haemoglobin (3000963) or a kind of it"),
        ("sh:targetClass concept:7", "every record of concept 7 or a kind of it"),
        ("sh:targetNode concept:8507", "just MALE (8507)"),
        ("sh:targetSubjectsOf :iscn", "whatever has iscn"),
        ("sh:targetObjectsOf :treatment", "whatever is the treatment of something"),
    ],
)
def test_targets(target: str, words: str) -> None:
    assert Words(name).looks_at(read(target)) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (":age", "its age"),
        ("rdf:type", "its class"),
        (f"( {OF_PATIENT} :concept )", "the concept of each record whose patient is it"),
        (f"( :patient {OF_PATIENT} :day )", "the day of each record whose patient is its patient"),
        ("[ sh:alternativePath ( :day :start_day ) ]", "its day or start_day"),
        ("( :treatment [ sh:alternativePath ( :day :start_day ) ] )", "the day or start_day of its treatment"),
        ("( :concept :ancestor )", "its concept, or what that is a kind of"),
        ("[ sh:inversePath ( :a :b ) ]", "each record whose a is each record whose b is it"),
        ("[ sh:zeroOrOnePath :part_of ]", "it itself, its part_of"),
        ("[ sh:oneOrMorePath :part_of ]", "its part_of, and so on"),
    ],
)
def test_paths(path: str, words: str) -> None:
    assert Words(name).looks_at(read(f"sh:targetClass :Patient ; sh:path {path}")) == f"{words}, of every Patient"


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ("sh:maxInclusive 120 ; sh:minExclusive 0 ; sh:maxCount 1 ; sh:datatype xsd:decimal",
         ["there is at most 1", "each is a decimal number", "each is more than 0", "each is at most 120"]),
        ('sh:in ( concept:8507 "x" )', ["each is one of MALE (8507), “x”"]),
        ("sh:hasValue concept:8507", ["one of them is MALE (8507)"]),
        ("sh:class :Treatment ; sh:nodeKind sh:IRI", ["each is a Treatment", "each is an IRI"]),
        ('sh:pattern "^a" ; sh:flags "i" ; sh:minLength 2',
         ["each has at least 2 characters", "each matches ^a (flags i)"]),
        ("sh:lessThanOrEquals :end_day ; sh:disjoint :day",
         ["none is its day too", "each is at most its end_day"]),
        ("sh:not [ sh:in ( concept:8507 ) ]", ["none is such that: it is one of MALE (8507)"]),
        ("sh:qualifiedMaxCount 1 ; sh:qualifiedValueShape [ sh:class concept:3000963 ]",
         ["at most 1 of them are such that: it is Haemoglobin (3000963) or a kind of it"]),
        ("sh:or ( [ sh:path :day ; sh:minCount 1 ; sh:maxCount 1 ] [ sh:nodeKind sh:Literal ] )",
         ["for each, at least one of these holds:", "  for its day:", "    there is at least 1",
          "    there is at most 1", "  it is a literal"]),
        ('sh:sparql [ sh:select "SELECT $this {}" ]', ["a SPARQL query finds no fault (the slow road, over RDF)"]),
    ],
)  # fmt: skip
def test_constraints(constraints: str, words: list[str]) -> None:
    shape = read(f"sh:targetClass :Patient ; sh:path :sex ; {constraints}")
    assert ["  " * line.depth + line.text for line in Words(name).asks(shape)] == words


def test_what_becomes_of_a_record() -> None:
    found = [
        consequence(read(f"sh:targetClass :Patient ; sh:severity sh:{s}")) for s in ("Violation", "Warning", "Info")
    ]
    assert [text.partition(":")[0] for text in found] == ["quarantines", "flags", "counts"]


def test_the_turtle_of_a_shape_is_the_shape_again() -> None:
    text = f"shape:x sh:targetClass :Patient ; sh:path ( {OF_PATIENT} :concept ) ; sh:hasValue concept:8507 ."
    graph = Graph(bind_namespaces="none").parse(data=PREFIXES + text + "shape:y sh:targetClass :Day .", format="turtle")
    written = turtle(graph, URIRef("https://w3id.org/haemony/shape/x"))
    assert "shape:y" not in written
    [again] = read_algebra(Graph(bind_namespaces="none").parse(data=PREFIXES + written, format="turtle"))
    assert again.path == read(text.removeprefix("shape:x").removesuffix(".")).path
