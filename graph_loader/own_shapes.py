"""Shapes that curators write: checked when they are loaded, against SHACL's own shapes and by a run over nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rdflib import RDF, SH, BNode, Graph, URIRef
from rdflib.term import Node

from haemony.engine.errors import Problem, ShapeError
from haemony.engine.on_duckdb import DuckDBSession
from haemony.graph_loader.shape_words import Words
from haemony.graph_loader.shapes import TARGETS, file_label, read_shapes, shape_files, shape_id
from haemony.ontology.schema import Schema
from haemony.shapes import algebra as a
from haemony.shapes.reader import every_shape, read_algebra
from haemony.shapes.triples import validate_graph

SEE: Final = "See https://www.w3.org/TR/shacl/#syntax-rules."
#: A focus node that no data have: a query is run on it to see whether it can be run.
NOBODY: Final = URIRef("urn:haemony:nobody")


def check_shapes(own: Sequence[Path], beside: Sequence[Path] = (), schema: Schema | None = None) -> list[Problem]:
    """Return everything that is wrong with shape files, as they are used beside others.

    Beside what ``read_shapes`` finds, the files are held against SHACL's own shapes, and each SPARQL constraint is run
    once, on a node of which nothing is known.
    """
    problems: list[Problem] = []
    try:
        read_shapes([*beside, *own], schema)
    except ShapeError as error:
        problems += error.problems
    for path in shape_files(own):
        try:
            graph = Graph(bind_namespaces="none").parse(path, format="turtle")
        except Exception:  # noqa: S112 - read_shapes has said what is wrong with it
            continue
        said = {(p.column, word) for p in problems for word in f"{p.message} {p.advice}".split()}
        problems += (p for p in _against_shacl(file_label(path), graph) if (p.column, p.message.split()[0]) not in said)
        if (None, SH.sparql, None) in graph:
            problems += _queries(file_label(path), graph, _whole([*beside, *own]))
    return list(dict.fromkeys(problems))


# --- SHACL's shapes of shapes


def _shacl() -> Graph:
    """Return the shapes that SHACL has for shapes, https://www.w3.org/TR/shacl/#shacl-shacl, as pySHACL packs them."""
    text = (files("pyshacl") / "assets" / "shacl-shacl.ttl").read_text(encoding="utf-8")
    return Graph(bind_namespaces="none").parse(data=text, format="turtle")


def _against_shacl(file: str, graph: Graph) -> Iterator[Problem]:
    rules = _shacl()
    with TemporaryDirectory() as folder, DuckDBSession(Path(folder)) as session:
        report = validate_graph(session, graph, rules)
    shapes = {s.node: s for s in every_shape(read_algebra(rules))}
    found = [_Fault(graph, report, node, shapes) for node in report.objects(None, SH.result)]
    for fault in sorted(found, key=lambda f: (f.label, f.message)):
        yield Problem(file, None, fault.label, fault.message, SEE)


class _Fault:
    """A result of SHACL's own shapes, in words."""

    def __init__(self, graph: Graph, report: Graph, result: Node, shapes: dict[Node, a.Shape]) -> None:
        said = dict(report.predicate_objects(result))
        focus, self.value = said[SH.focusNode], said.get(SH.value)
        self.label = shape_id(_named(graph, focus))
        self.rule = shapes.get(said[SH.sourceShape])
        self.component = shape_id(said[SH.sourceConstraintComponent]).removesuffix("ConstraintComponent")
        self.message = self._message(_word(said.get(SH.resultPath)))

    def _message(self, word: str) -> str:
        if not word:
            return "The shape holds what only a property shape (with sh:path) or only a node shape (without) may hold."
        value = "" if self.value is None or isinstance(self.value, BNode) else f" It is {Words().term(self.value)}."
        return f"{word} breaks a rule of SHACL: {self._rule()}.{value}"

    def _rule(self) -> str:
        asked = a.Shape(NOBODY, a.Predicate(SH.path), constraints=tuple(self._broken()))
        lines = [line.text for line in Words().asks(asked)]
        return lines[0] if len(lines) == 1 else "its value is not made as SHACL says"

    def _broken(self) -> Sequence[a.Constraint]:
        return [c for c in (self.rule.constraints if self.rule else ()) if a.component(c) == self.component]


def _word(predicate: Node | None) -> str:
    return "" if predicate is None or isinstance(predicate, BNode) else f"sh:{shape_id(predicate)}"


def _named(graph: Graph, node: Node) -> Node:
    """Return the named shape in which a node without a name stands."""
    seen = set()
    while isinstance(node, BNode) and node not in seen:
        seen.add(node)
        node = next((s for s in graph.subjects(None, node)), node)
    return node


# --- queries


def _whole(files: Sequence[Path]) -> Graph:
    """Read what can be read of some files: a query may use what another file declares."""
    whole = Graph(bind_namespaces="none")
    for path in shape_files(files):
        with suppress(Exception):  # read_shapes has said what is wrong with it
            whole.parse(path, format="turtle")
    return whole


def _queries(file: str, own: Graph, graph: Graph) -> Iterator[Problem]:
    """Run each shape that holds a query on a node of which nothing is known."""
    named = {_named(own, shape) for shape in own.subjects(SH.sparql)}
    for shape in sorted((s for s in graph.subjects(SH.sparql) if _named(graph, s) in named), key=str):
        if fault := _query_fault(graph, shape):
            advice = "The query selects $this, and names each prefix in sh:prefixes."
            yield Problem(file, None, shape_id(_named(graph, shape)), f"sh:sparql cannot be run: {fault}", advice)


def _query_fault(graph: Graph, shape: Node) -> str:
    from pyshacl import validate

    alone = _reachable(graph, shape)
    for predicate in TARGETS:
        alone.remove((None, predicate, None))
    alone.add((shape, SH.targetNode, NOBODY))
    kind = SH.PropertyShape if (shape, SH.path, None) in graph else SH.NodeShape
    alone.add((shape, RDF.type, kind))
    try:
        _, report, text = validate(Graph(), shacl_graph=alone, inference="none", meta_shacl=False)
    except Exception as error:
        return " ".join(str(error).split())
    return "" if isinstance(report, Graph) else " ".join(str(text).split())


def _reachable(graph: Graph, shape: Node) -> Graph:
    """Return what a graph says of a shape and of all that it leads to."""
    found = Graph(bind_namespaces="none")
    queue, seen = [shape], set()
    while queue:
        node = queue.pop()
        if node not in seen:
            seen.add(node)
            for predicate, value in graph.predicate_objects(node):
                found.add((node, predicate, value))
                queue.append(value)
    return found
