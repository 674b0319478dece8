"""Shapes in words: what a shape looks at and what it asks, said from its algebra, with the names of concepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rdflib import RDF, SH, XSD, Graph, Literal, URIRef
from rdflib.term import Node

from haemony.graph_loader.rdf import RECORD, concept_id
from haemony.graph_loader.shapes import SEVERITIES
from haemony.ontology.schema import HAEMONY
from haemony.shapes import algebra as a

#: What becomes of a record that breaks a shape of a severity.
CONSEQUENCES: Final = {
    "Violation": "quarantines: the record does not load, nor what cannot stand without it",
    "Warning": "flags: the record loads, and its flags name the shape",
    "Info": "counts: the record loads, and its flags name the shape; nothing is held to be wrong",
}
PREFIXES: Final = {str(SH): "sh:", str(XSD): "xsd:", str(RDF): "rdf:", str(HAEMONY): "", RECORD: "record "}
KINDS: Final = {"iri": "an IRI", "blank": "a blank node", "literal": "a literal"}
OPERATORS: Final = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
DATATYPES: Final = {
    XSD.decimal: "a decimal number", XSD.integer: "a whole number", XSD.boolean: "true or false", XSD.string: "a text",
}  # fmt: skip
#: The record in focus, in the middle of a sentence.
IT: Final = "it"

Name = Callable[[int], str]


@dataclass(frozen=True)
class Line:
    """A line of an explanation, as deep as it is nested."""

    depth: int
    text: str


class Words:
    """Says shapes; ``name`` gives the name of a concept, or raises ``LookupError``."""

    def __init__(self, name: Name | None = None) -> None:
        self._name = name

    # --- terms, targets, paths

    def term(self, node: Node) -> str:
        """Say a term: a concept by its name, a word of the ontology by its last part."""
        concept = concept_id(node)
        if concept is not None:
            return self._concept(concept)
        if not isinstance(node, URIRef):
            return f"“{node}”" if isinstance(node, Literal) and _texts(node) else str(node)
        if node == RDF.type:
            return "class"
        for iri, prefix in PREFIXES.items():
            if node.startswith(iri):
                return prefix + str(node)[len(iri) :]
        return f"<{node}>"

    def _concept(self, concept: int) -> str:
        try:
            name = self._name(concept) if self._name else ""
        except LookupError:
            name = ""
        return f"{name} ({concept})" if name else f"concept {concept}"

    def target(self, target: a.Target) -> str:
        """Say which nodes a target chooses.

        >>> Words().target(a.TargetClass(HAEMONY.Patient))
        'every Patient'
        """
        match target:
            case a.TargetClass(cls) if concept_id(cls) is not None:
                return f"every record of {self.term(cls)} or a kind of it"
            case a.TargetClass(cls):
                return "every record" if cls == HAEMONY.Record else f"every {self.term(cls)}"
            case a.TargetNode(node):
                return f"just {self.term(node)}"
            case a.TargetSubjectsOf(predicate):
                return f"whatever has {self.term(predicate)}"
            case a.TargetObjectsOf(predicate):
                return f"whatever is the {self.term(predicate)} of something"

    def path(self, path: a.Path, of: str = IT) -> str:
        """Say where a path leads from a node.

        >>> Words().path(a.Sequence((a.Inverse(a.Predicate(HAEMONY.patient)), a.Predicate(HAEMONY.concept))))
        'the concept of each record whose patient is it'
        """
        match path:
            case a.Predicate(iri):
                if iri == HAEMONY.ancestor:
                    return f"{of}, or what that is a kind of"
                return f"its {self.term(iri)}" if of == IT else f"the {self.term(iri)} of {of}"
            case a.Inverse(a.Predicate(iri)):
                return f"each record whose {self.term(iri)} is {of}"
            case a.Inverse(inner):
                return self.path(a.backwards(inner), of)
            case a.Sequence(paths):
                for step in paths:
                    of = self.path(step, of)
                return of
            case a.Alternative(paths) if all(isinstance(step, a.Predicate) for step in paths):
                words = " or ".join(self.term(step.iri) for step in paths if isinstance(step, a.Predicate))
                return f"its {words}" if of == IT else f"the {words} of {of}"
            case a.Alternative(paths):
                return " or ".join(self.path(step, of) for step in paths)
            case a.Repeated(inner, least, many):
                once = self.path(inner, of)
                reached = f"{once}, and so on" if many else once
                return reached if least else f"{of} itself, {reached}"

    # --- shapes

    def looks_at(self, shape: a.Shape) -> str:
        """Say what a shape looks at: what it targets, and there its path."""
        targets = ", and ".join(self.target(t) for t in shape.targets)
        if shape.path is None:
            return targets
        return f"{self.path(shape.path)}, of {targets}" if targets else self.path(shape.path)

    def asks(self, shape: a.Shape, depth: int = 0) -> Iterator[Line]:
        """Say each thing that a shape asks; what nested shapes ask stands below it."""
        for constraint in sorted(shape.constraints, key=_rank):
            yield from self._asked(constraint, "each" if shape.path else IT, depth)

    def _asked(self, constraint: a.Constraint, each: str, depth: int) -> Iterator[Line]:
        match constraint:
            case a.Not(shape):
                none = "none is such that" if each == "each" else "it is not so that"
                yield from self._nested(none, shape, depth)
            case a.NodeShape(shape):
                yield from self._nested(f"{each} is such that", shape, depth)
            case a.Property(shape):
                yield from self._nested(f"of {'each' if each == 'each' else IT}", shape, depth)
            case a.And(shapes):
                yield from self._several(f"for {each}, all of these hold", shapes, depth)
            case a.Or(shapes):
                yield from self._several(f"for {each}, at least one of these holds", shapes, depth)
            case a.Xone(shapes):
                yield from self._several(f"for {each}, exactly one of these holds", shapes, depth)
            case a.Qualified(component, shape, number, apart):
                most = "at least" if component == "QualifiedMinCount" else "at most"
                other = ", and fit none of its sibling shapes" if apart else ""
                yield from self._nested(f"{most} {number} of them are such{other} that", shape, depth)
            case _:
                yield Line(depth, self.constraint(constraint, each))

    def _several(self, text: str, shapes: Sequence[a.Shape], depth: int) -> Iterator[Line]:
        yield Line(depth, f"{text}:")
        for shape in shapes:
            yield from self._clause("", shape, depth + 1)

    def _nested(self, text: str, shape: a.Shape, depth: int) -> Iterator[Line]:
        yield from self._clause(text, shape, depth)

    def _clause(self, text: str, shape: a.Shape, depth: int) -> Iterator[Line]:
        """Say a nested shape in one line where it asks one plain thing, else as a list below."""
        inner = list(self.asks(shape, depth + 1))
        where = f"for {self.path(shape.path)}" if shape.path else ""
        lead = ": ".join(part for part in (text, where) if part)
        if len(inner) == 1:
            yield Line(depth, ": ".join(part for part in (lead, inner[0].text) if part))
        else:
            yield Line(depth, f"{lead or 'all of these hold'}{':' if inner else ': nothing is asked'}")
            yield from inner

    def constraint(self, constraint: a.Constraint, each: str = "each") -> str:
        """Say a constraint that refers to no other shape.

        >>> Words().constraint(a.Range("MinInclusive", ">=", Literal(0))), Words().constraint(a.MaxCount(1))
        ('each is at least 0', 'there is at most 1')
        """
        said = (self._kind, self._many, self._text, self._against)
        return next(words for say in said if (words := say(constraint, each)))

    def _kind(self, constraint: a.Constraint, each: str) -> str:
        match constraint:
            case a.Class(cls) if concept_id(cls) is not None:
                return f"{each} is {self.term(cls)} or a kind of it"
            case a.Class(cls):
                return f"{each} is {_one(self.term(cls))}"
            case a.Datatype(datatype):
                return f"{each} is {DATATYPES.get(datatype, self.term(datatype))}"
            case a.NodeKind(kinds):
                return f"{each} is {' or '.join(words for kind, words in KINDS.items() if kind in kinds)}"
            case a.In(values):
                return f"{each} is one of {', '.join(map(self.term, values))}"
            case _:
                return ""

    def _many(self, constraint: a.Constraint, each: str) -> str:
        match constraint:
            case a.MinCount(number):
                return f"there is at least {number}"
            case a.MaxCount(number):
                return "there is none" if number == 0 else f"there is at most {number}"
            case a.HasValue(value):
                return f"one of them is {self.term(value)}" if each != IT else f"it is {self.term(value)}"
            case a.Sparql():
                return "a SPARQL query finds no fault (the slow road, over RDF)"
            case _:
                return ""

    def _text(self, constraint: a.Constraint, each: str) -> str:
        match constraint:
            case a.Range(_, operator, bound):
                return f"{each} is {OPERATORS[operator]} {bound}"
            case a.MinLength(length):
                return f"{each} has at least {length} characters"
            case a.MaxLength(length):
                return f"{each} has at most {length} characters"
            case a.Pattern(pattern, flags):
                return f"{each} matches {pattern}" + (f" (flags {flags})" if flags else "")
            case a.LanguageIn(languages):
                return f"the language of {each} is one of {', '.join(languages)}"
            case a.UniqueLang():
                return "no two have the same language"
            case _:
                return ""

    def _against(self, constraint: a.Constraint, each: str) -> str:
        match constraint:
            case a.Equals(predicate):
                return f"they are the same as its {self.term(predicate)}"
            case a.Disjoint(predicate):
                return f"none is its {self.term(predicate)} too"
            case a.LessThan(predicate, operator):
                return f"{each} is {OPERATORS[operator]} its {self.term(predicate)}"
            case a.Closed(allowed):
                return f"{each} says nothing but {', '.join(sorted(map(self.term, allowed))) or 'nothing'}"
            case _:
                raise AssertionError(constraint)


def consequence(shape: a.Shape) -> str:
    """Say what becomes of a record that breaks a shape.

    >>> consequence(a.Shape(URIRef("urn:s"), severity=SH.Warning))
    'flags: the record loads, and its flags name the shape'
    """
    return CONSEQUENCES[SEVERITIES.get(shape.severity, "Info")]


def turtle(graph: Graph, shape: Node) -> str:
    """Write what a graph says of a shape, and of the nodes without a name below it, as Turtle."""
    own = Graph(bind_namespaces="none")
    for prefix, iri in (("", HAEMONY), ("concept", f"{HAEMONY}concept/"), ("shape", f"{HAEMONY}shape/"),
                        ("sh", SH), ("xsd", XSD), ("rdf", RDF), ("dct", "http://purl.org/dc/terms/"),
                        ("rdfs", "http://www.w3.org/2000/01/rdf-schema#")):  # fmt: skip
        own.bind(prefix, str(iri))
    queue, seen = [shape], set()
    while queue:
        node = queue.pop()
        if node in seen:
            continue
        seen.add(node)
        for predicate, value in graph.predicate_objects(node):
            own.add((node, predicate, value))
            if not isinstance(value, URIRef | Literal):
                queue.append(value)
    text = own.serialize(format="turtle")
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("@prefix"))


def _one(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def _rank(constraint: a.Constraint) -> int:
    """Order constraints as a person would say them: how many, of what kind, from where, to where, and the rest."""
    match constraint:
        case a.MinCount():
            return 0
        case a.MaxCount():
            return 1
        case a.Datatype() | a.Class() | a.NodeKind():
            return 2
        case a.Range(_, operator):
            return 3 if operator in (">", ">=") else 4
        case _:
            return 5


def _texts(literal: Literal) -> bool:
    return literal.datatype in (None, XSD.string)
