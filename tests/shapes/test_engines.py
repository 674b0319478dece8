"""Compiled shapes on each engine: the same report."""

from __future__ import annotations

from rdflib import SH, Graph, URIRef
from rdflib.term import Node

from haemony.engine.session import Session
from haemony.shapes.triples import validate_graph
from tests.engine.conftest import session as session

EX = "http://example.org/"
PREFIXES = (
    f"@prefix : <{EX}> . @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> ."
)
SHAPES = """
:person sh:targetClass :Person ; sh:property :name , :age , :ancestors , :partner .
:name sh:path :name ; sh:minCount 1 ; sh:pattern "^[a-z]+$" ; sh:flags "i" ; sh:uniqueLang true .
:age sh:path :age ; sh:datatype xsd:integer ; sh:minInclusive 0 ; sh:lessThan :limit .
:ancestors sh:path [ sh:oneOrMorePath :parent ] ; sh:disjoint :self ; sh:maxCount 2 .
:partner sh:path [ sh:inversePath :partner ] ; sh:xone ( [ sh:class :Person ] [ sh:nodeKind sh:Literal ] ) .
"""
DATA = """
:a a :Person ; :name "Anna" , "Ann"@en , "An"@en ; :age 5 ; :limit 4 ; :parent :b ; :self :a .
:b a :Person ; :name "B3" ; :age -1 ; :parent :c .
:c a :Person ; :age "x" ; :parent :d ; :partner :a .
:d a :Person ; :name "Dora" ; :parent :d ; :self :d .
:e :partner :d .
"""


def results(report: Graph) -> set[tuple[Node | None, ...]]:
    parts = (SH.focusNode, SH.sourceShape, SH.sourceConstraintComponent, SH.value)
    return {tuple(report.value(r, p) for p in parts) for r in report.objects(None, SH.result)}


def test_every_engine_finds_the_same(session: Session) -> None:
    graphs = [Graph().parse(data=PREFIXES + text, format="turtle") for text in (DATA, SHAPES)]
    found = results(validate_graph(session, *graphs))
    said = {(str(f).removeprefix(EX), str(s).removeprefix(EX), str(c).removeprefix(str(SH))) for f, s, c, _ in found}
    assert said == {
        ("a", "name", "UniqueLangConstraintComponent"),
        ("a", "age", "LessThanConstraintComponent"),
        ("a", "ancestors", "MaxCountConstraintComponent"),
        ("b", "name", "PatternConstraintComponent"),
        ("b", "age", "MinInclusiveConstraintComponent"),
        ("c", "name", "MinCountConstraintComponent"),
        ("c", "age", "DatatypeConstraintComponent"),
        ("c", "age", "MinInclusiveConstraintComponent"),
        ("d", "ancestors", "DisjointConstraintComponent"),
        ("d", "partner", "XoneConstraintComponent"),
    }
    assert (URIRef(EX + "d"), URIRef(EX + "ancestors"), SH.DisjointConstraintComponent, URIRef(EX + "d")) in found
