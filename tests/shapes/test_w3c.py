"""The W3C's suite for SHACL Core: whole reports, on the triple layout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import rdflib
from rdflib import RDF, SH, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.extras.shacl import parse_shacl_path
from rdflib.term import Node

from haemony.engine.on_duckdb import DuckDBSession
from haemony.shapes.triples import validate_graph

SUITE = Path(__file__).parents[2].parent / "shared" / "conformance" / "shacl_w3c" / "core"
MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
SHT = Namespace("http://www.w3.org/ns/shacl-test#")
FILES = sorted(f for f in SUITE.glob("*/*.ttl") if f.name != "manifest.ttl" and "mf:result" in f.read_text())
PARTS = (SH.focusNode, SH.value, SH.resultPath, SH.sourceShape, SH.resultSeverity, SH.sourceConstraintComponent)


@pytest.fixture(autouse=True)
def _literals_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rdflib, "NORMALIZE_LITERALS", False)


def read(path: Path) -> Graph:
    return Graph(bind_namespaces="none").parse(path, format="turtle", publicID=path.as_uri())


def graph_of(test: Graph, action: Node, name: URIRef, own: Path) -> Graph:
    path = Path(str(test.value(action, name)).removeprefix("file://"))
    return test if path == own else read(path)


def plain(source: Graph, report: Node) -> Graph:
    """Copy a report, each path as one text: whether two results share a blank node says nothing."""
    copy = Graph(bind_namespaces="none")
    for node in (report, *source.objects(report, SH.result)):
        for predicate, value in source.predicate_objects(node):
            if predicate == SH.resultPath:
                value = Literal(parse_shacl_path(source, value).n3())
            copy.add((node, predicate, value))
    return copy


def results(report: Graph) -> Counter[tuple[Node | None, ...]]:
    found = (tuple(report.value(r, part) for part in PARTS) for r in report.objects(None, SH.result))
    return Counter(found)


@pytest.mark.skipif(not FILES, reason="the W3C suite is not beside this checkout")
def test_the_suite_is_whole() -> None:
    assert len(FILES) == 98


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_core(path: Path, tmp_path: Path) -> None:
    test = read(path)
    [case] = test.subjects(RDF.type, SHT.Validate)
    action, wanted = test.value(case, MF.action), test.value(case, MF.result)
    assert action is not None
    assert wanted is not None
    data = graph_of(test, action, SHT.dataGraph, path)
    shapes = graph_of(test, action, SHT.shapesGraph, path)
    expected = plain(test, wanted)
    with DuckDBSession(tmp_path) as session:
        made = validate_graph(session, data, shapes)
    [root] = made.subjects(RDF.type, SH.ValidationReport)
    report = plain(made, root)
    if (None, SH.resultMessage, None) not in expected:
        report.remove((None, SH.resultMessage, None))
    assert isomorphic(report, expected)
    if data is test:  # blank nodes are the very ones that the report names
        assert results(report) == results(expected)
