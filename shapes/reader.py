"""Read a shapes graph into the algebra, and say everything that is wrong with it at once.

Nothing is passed over: a construct of SHACL that cannot be honoured is an error, with the shape that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TypeVar

from rdflib import RDF, RDFS, SH, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from haemony.engine.errors import Problem, ShapeError
from haemony.shapes import algebra as a
from haemony.shapes.values import pattern_fault

T = TypeVar("T")

#: The kinds of node that each value of sh:nodeKind allows: https://www.w3.org/TR/shacl/#NodeKindConstraintComponent
NODE_KINDS = {
    SH.IRI: frozenset({"iri"}),
    SH.BlankNode: frozenset({"blank"}),
    SH.Literal: frozenset({"literal"}),
    SH.BlankNodeOrIRI: frozenset({"blank", "iri"}),
    SH.BlankNodeOrLiteral: frozenset({"blank", "literal"}),
    SH.IRIOrLiteral: frozenset({"iri", "literal"}),
}
QUALIFIED = (("QualifiedMinCount", SH.qualifiedMinCount), ("QualifiedMaxCount", SH.qualifiedMaxCount))
RANGES: dict[URIRef, tuple[str, a.Operator]] = {
    SH.minExclusive: ("MinExclusive", ">"),
    SH.minInclusive: ("MinInclusive", ">="),
    SH.maxExclusive: ("MaxExclusive", "<"),
    SH.maxInclusive: ("MaxInclusive", "<="),
}
TARGETS: dict[URIRef, Callable[..., a.Target]] = {
    SH.targetClass: a.TargetClass,
    SH.targetNode: a.TargetNode,
    SH.targetSubjectsOf: a.TargetSubjectsOf,
    SH.targetObjectsOf: a.TargetObjectsOf,
}
#: What stands on a shape and constrains nothing: https://www.w3.org/TR/shacl/#nonValidation and the parts of a shape.
SILENT = frozenset(
    {SH.path, SH.severity, SH.message, SH.deactivated, SH.name, SH.description, SH.order, SH.group, SH.defaultValue}
    | {SH.flags, SH.ignoredProperties, SH.qualifiedMinCount, SH.qualifiedMaxCount, SH.qualifiedValueShapesDisjoint}
    | {SH.prefixes, SH.declare, SH.entailment, SH.shapesGraph}
)
STEPS: dict[URIRef, tuple[a.Times, bool]] = {
    SH.zeroOrMorePath: (0, True),
    SH.oneOrMorePath: (1, True),
    SH.zeroOrOnePath: (0, False),
}


def shape_id(shape: object) -> str:
    """Return a shape's name for messages: the last part of its IRI.

    >>> shape_id(URIRef("https://w3id.org/haemony/shape/patient-age")), shape_id(BNode("x"))
    ('patient-age', '(no IRI)')
    """
    return "(no IRI)" if isinstance(shape, BNode) else re.split(r"[/#]", str(shape))[-1]


def read_algebra(graph: Graph, file: str = "") -> list[a.Shape]:
    """Read the shapes of a graph that have a target.

    Raises ``ShapeError`` with every construct that SHACL does not know or that cannot be honoured, every recursion,
    and every parameter that is no value for its constraint.
    """
    reader = _Reader(graph, file)
    shapes = [reader.shape(node) for node in sorted(reader.declared, key=str)]
    if reader.problems:
        raise ShapeError(dict.fromkeys(reader.problems))
    return [shape for shape in shapes if shape.targets]


def read_path(graph: Graph, node: Node) -> a.Path:
    """Read a path of a graph; raises ``ShapeError`` where it is none."""
    try:
        return _Reader(graph, "").path(node)
    except _FaultError as fault:
        message, _, advice = str(fault).partition("|")
        raise ShapeError([Problem("", None, "", message, advice)]) from None


class _FaultError(Exception):
    """A parameter that cannot be read."""


@dataclass
class _Reader:
    graph: Graph
    file: str
    problems: list[Problem] = field(default_factory=list)
    _read: dict[Node, a.Shape] = field(default_factory=dict)
    _open: list[Node] = field(default_factory=list)

    @cached_property
    def declared(self) -> set[Node]:
        """The nodes that the graph declares to be shapes: https://www.w3.org/TR/shacl/#dfn-shape."""
        found = {s for p in TARGETS for s in self.graph.subjects(p)}
        for kind in (SH.NodeShape, SH.PropertyShape):
            found.update(self.graph.subjects(RDF.type, kind))
        return found

    def shape(self, node: Node) -> a.Shape:
        if isinstance(node, Literal):
            raise _FaultError(f"{node} stands where a shape belongs.|Write a shape, or the IRI of one.")
        if node in self._read:
            return self._read[node]
        if node in self._open:
            names = " → ".join(shape_id(n) for n in [*self._open[self._open.index(node) :], node])
            advice = "SHACL leaves open what recursion means: break the ring."
            self._say(node, f"the shape refers to itself ({names}).", advice)
            return a.Shape(node)
        self._open.append(node)
        made = self._made(node)
        self._open.pop()
        self._read[node] = made
        return made

    def _made(self, node: Node) -> a.Shape:
        graph = self.graph
        paths = list(graph.objects(node, SH.path))
        if len(paths) > 1:
            self._say(node, "has several sh:path.", "A property shape has one.")
        severity = graph.value(node, SH.severity)
        return a.Shape(
            node=node,
            path=self._guard(node, lambda: self.path(paths[0])) if paths else None,
            path_node=paths[0] if paths else None,
            targets=tuple(self._targets(node)),
            constraints=tuple(self._constraints(node)),
            severity=URIRef(str(severity)) if severity is not None else SH.Violation,
            messages=tuple(m for m in graph.objects(node, SH.message) if isinstance(m, Literal)),
            deactivated=_true(graph.value(node, SH.deactivated)),
        )

    def _targets(self, node: Node) -> Iterator[a.Target]:
        for predicate, target in TARGETS.items():
            yield from (target(o) for o in sorted(self.graph.objects(node, predicate), key=str))
        if self._implicit(node):
            yield a.TargetClass(node)

    def _implicit(self, node: Node) -> bool:
        """Tell whether a shape is a class too, and so its own target."""
        if node not in self.declared:
            return False
        classes = set(self.graph.transitive_subjects(RDFS.subClassOf, RDFS.Class))
        return any(kind in classes for kind in self.graph.objects(node, RDF.type))

    # --- constraints

    def _constraints(self, node: Node) -> Iterator[a.Constraint]:
        for predicate in sorted(set(self.graph.predicates(node)), key=str):
            if not str(predicate).startswith(str(SH)) or predicate in SILENT or predicate in TARGETS:
                continue
            for value in sorted(self.graph.objects(node, predicate), key=str):
                yield from self._guard(node, partial(self._constraint, node, predicate, value)) or ()

    def _guard(self, node: Node, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except _FaultError as fault:
            message, _, advice = str(fault).partition("|")
            self._say(node, message, advice)
            return None

    def _say(self, node: Node, message: str, advice: str = "") -> None:
        self.problems.append(Problem(self.file, None, shape_id(self._named(node)), message, advice))

    def _named(self, node: Node) -> Node:
        """Return the shape with a name in which a node without one stands."""
        outer = {node}
        while isinstance(node, BNode) and (above := set(self.graph.subjects(None, node)) - outer):
            node = min(above, key=str)
            outer.add(node)
        return node

    def _constraint(self, node: Node, predicate: Node, value: Node) -> Iterable[a.Constraint]:
        make = CONSTRAINTS.get(URIRef(str(predicate)))
        if make is None:
            advice = "Write it with constraints of Core, or with sh:sparql."
            raise _FaultError(f"uses {_word(predicate)}, which is not SHACL Core.|{advice}")
        return make(self, node, predicate, value)

    def property(self, node: Node) -> a.Shape:
        if (node, SH.path, None) not in self.graph:
            raise _FaultError("sh:property leads to a shape without a path.|Give it sh:path, or use sh:node.")
        return self.shape(node)

    def shapes(self, node: Node, predicate: Node) -> tuple[a.Shape, ...]:
        return tuple(self.shape(item) for item in self.items(node, predicate))

    def qualified(self, node: Node, value: Node) -> Iterator[a.Constraint]:
        shape, apart = self.shape(value), self._siblings(node, value)
        for component, predicate in QUALIFIED:
            for count in self.graph.objects(node, predicate):
                yield a.Qualified(component, shape, _number(count, predicate), apart)

    def _siblings(self, node: Node, value: Node) -> tuple[a.Shape, ...]:
        """Find the sibling shapes of a disjoint qualified value shape."""
        graph = self.graph
        if not _true(graph.value(node, SH.qualifiedValueShapesDisjoint)):
            return ()
        parents = graph.subjects(SH.property, node)
        siblings = [n for p in parents for n in graph.objects(p, SH.property)]
        others = {o for n in siblings for o in graph.objects(n, SH.qualifiedValueShape)}
        return tuple(self.shape(other) for other in sorted(others - {value}, key=str))

    def allowed(self, node: Node) -> frozenset[URIRef]:
        graph = self.graph
        named = [p for s in graph.objects(node, SH.property) for p in graph.objects(s, SH.path)]
        ignored = [p for o in graph.objects(node, SH.ignoredProperties) for p in self.items(o, SH.ignoredProperties)]
        return frozenset(p for p in (*named, *ignored) if isinstance(p, URIRef))

    # --- lists and paths

    def items(self, node: Node, predicate: Node) -> list[Node]:
        """Return the members of a list; raise where it is none, or never ends."""
        items: list[Node] = []
        seen: set[Node] = set()
        while node != RDF.nil:
            first = self.graph.value(node, RDF.first)
            rest = self.graph.value(node, RDF.rest)
            if first is None or rest is None or node in seen:
                raise _FaultError(f"{_word(predicate)} is no list.|Write its members in round brackets.")
            items.append(first)
            seen.add(node)
            node = rest
        return items

    def path(self, node: Node, outer: tuple[Node, ...] = ()) -> a.Path:
        graph = self.graph
        if isinstance(node, URIRef):
            return a.Predicate(node)
        if node in outer:
            raise _FaultError("its path leads into itself.|See https://www.w3.org/TR/shacl/#property-paths.")
        inside = (*outer, node)

        def inner(part: Node) -> a.Path:
            return self.path(part, inside)

        if (node, RDF.first, None) in graph:
            parts = self.items(node, SH.path)
            if len(parts) < 2:
                raise _FaultError(
                    "a sequence path has one member.|Write it without round brackets, or with two at least."
                )
            return a.Sequence(tuple(inner(p) for p in parts))
        if (found := graph.value(node, SH.inversePath)) is not None:
            return a.Inverse(inner(found))
        if (found := graph.value(node, SH.alternativePath)) is not None:
            return a.Alternative(tuple(inner(p) for p in self.items(found, SH.alternativePath)))
        for predicate, (least, many) in STEPS.items():
            if (found := graph.value(node, predicate)) is not None:
                return a.Repeated(inner(found), least, many)
        raise _FaultError("its path cannot be read.|See https://www.w3.org/TR/shacl/#property-paths.")


def _number(value: Node, predicate: Node) -> int:
    if not isinstance(value, Literal) or not re.fullmatch(r"\+?[0-9]+", str(value)):
        raise _FaultError(f"{_word(predicate)} is {value}, which is no whole number.|Write one, from 0.")
    return int(str(value))


def _iri(value: Node, predicate: Node) -> URIRef:
    if not isinstance(value, URIRef):
        raise _FaultError(f"{_word(predicate)} is {value}, which is no predicate.|Write the IRI of one.")
    return value


def _word(predicate: Node) -> str:
    return f"sh:{shape_id(predicate)}"


def _pattern(pattern: str, flags: str) -> a.Pattern:
    if fault := pattern_fault(pattern, flags):
        raise _FaultError(f"sh:pattern {pattern!r} cannot be honoured: {fault}.|{NO_PATTERN}")
    return a.Pattern(pattern, flags)


def _true(value: Node | None) -> bool:
    return isinstance(value, Literal) and str(value) in ("true", "1")


NO_PATTERN = (
    "Look-around, back-references and subtraction of classes are not to be had: write it without, or with sh:sparql."
)

Make = Callable[[_Reader, Node, Node, Node], Iterable[a.Constraint]]


def _of(make: Callable[..., a.Constraint], read: Callable[[Node, Node], object]) -> Make:
    return lambda _, __, predicate, value: [make(read(value, predicate))]


def _logic(make: Callable[[a.Shape], a.Constraint]) -> Make:
    return lambda reader, _, __, value: [make(reader.shape(value))]


def _several(make: Callable[[tuple[a.Shape, ...]], a.Constraint]) -> Make:
    return lambda reader, _, predicate, value: [make(reader.shapes(value, predicate))]


def _range(_: _Reader, __: Node, predicate: Node, value: Node) -> list[a.Constraint]:
    if not isinstance(value, Literal):
        raise _FaultError(f"{_word(predicate)} is {value}, which is no literal.|Write a number, a text or a date.")
    name, operator = RANGES[URIRef(str(predicate))]
    return [a.Range(name, operator, value)]


def _node_kind(value: Node, _: Node) -> frozenset[str]:
    if value not in NODE_KINDS:
        raise _FaultError(
            f"sh:nodeKind is {value}, which is no kind of node.|See https://www.w3.org/TR/shacl/#NodeKindConstraintComponent."
        )
    return NODE_KINDS[URIRef(str(value))]


def _itself(value: Node, _: Node) -> Node:
    return value


#: How each parameter of SHACL Core is read: https://www.w3.org/TR/shacl/#core-components.
CONSTRAINTS: dict[URIRef, Make] = {
    SH["class"]: _of(a.Class, _itself),
    SH.datatype: _of(a.Datatype, _iri),
    SH.nodeKind: _of(a.NodeKind, _node_kind),
    SH.minCount: _of(a.MinCount, _number),
    SH.maxCount: _of(a.MaxCount, _number),
    **dict.fromkeys(RANGES, _range),
    SH.minLength: _of(a.MinLength, _number),
    SH.maxLength: _of(a.MaxLength, _number),
    SH.pattern: lambda r, node, _, value: [_pattern(str(value), str(r.graph.value(node, SH.flags) or ""))],
    SH.languageIn: lambda r, _, p, value: [a.LanguageIn(tuple(str(v) for v in r.items(value, p)))],
    # Only the literal `true` switches it on; `1` is another term (W3C test uniqueLang-002).
    SH.uniqueLang: lambda _, __, ___, value: [a.UniqueLang()] if str(value) == "true" else [],
    SH.equals: _of(a.Equals, _iri),
    SH.disjoint: _of(a.Disjoint, _iri),
    SH.lessThan: lambda _, __, p, value: [a.LessThan(_iri(value, p), "<")],
    SH.lessThanOrEquals: lambda _, __, p, value: [a.LessThan(_iri(value, p), "<=")],
    SH["not"]: _logic(a.Not),
    SH.node: _logic(a.NodeShape),
    SH.property: lambda r, _, __, value: [a.Property(r.property(value))],
    SH["and"]: _several(a.And),
    SH["or"]: _several(a.Or),
    SH.xone: _several(a.Xone),
    SH.qualifiedValueShape: lambda r, node, _, value: r.qualified(node, value),
    SH.closed: lambda r, node, _, value: [a.Closed(r.allowed(node))] if _true(value) else [],
    SH.hasValue: _of(a.HasValue, _itself),
    SH["in"]: lambda r, _, p, value: [a.In(tuple(r.items(value, p)))],
    SH.sparql: _of(a.Sparql, _itself),
}


def every_shape(shapes: Iterable[a.Shape]) -> list[a.Shape]:
    """List shapes and all that they refer to, each once."""
    found: dict[a.Shape, None] = {}
    queue = list(shapes)
    while queue:
        shape = queue.pop(0)
        if shape not in found:
            found[shape] = None
            queue += [s for c in shape.constraints for s in a.below(c)]
    return list(found)
