"""What shapes mean, as a small typed algebra: targets, paths, constraints, and shapes that hold them.

The names are those of the specification, https://www.w3.org/TR/shacl/: a constraint is called like its component.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

from rdflib import Literal, URIRef
from rdflib.term import Node

Operator = OneOf["<", "<=", ">", ">="]
Times = OneOf[0, 1]

# --- paths: https://www.w3.org/TR/shacl/#property-paths ----------------------------------------------------------


@dataclass(frozen=True)
class Predicate:
    """One predicate."""

    iri: URIRef


@dataclass(frozen=True)
class Inverse:
    """A path, walked from its end."""

    path: Path


@dataclass(frozen=True)
class Sequence:
    """Paths, one behind the other."""

    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Alternative:
    """Any of several paths."""

    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Repeated:
    """A path walked as often as one likes: from ``least`` times (0 or 1), and no more than once where not ``many``."""

    path: Path
    least: Times
    many: bool


Path = Predicate | Inverse | Sequence | Alternative | Repeated


def backwards(path: Path) -> Path:
    """Return a path from its end, with inverse steps at its predicates only.

    >>> a, b = Predicate(URIRef("urn:a")), Predicate(URIRef("urn:b"))
    >>> backwards(Sequence((a, Inverse(b)))) == Sequence((b, Inverse(a)))
    True
    """
    match path:
        case Predicate():
            return Inverse(path)
        case Inverse(inner):
            return forwards(inner)
        case Sequence(paths):
            return Sequence(tuple(backwards(p) for p in reversed(paths)))
        case Alternative(paths):
            return Alternative(tuple(backwards(p) for p in paths))
        case Repeated(inner, least, many):
            return Repeated(backwards(inner), least, many)


def forwards(path: Path) -> Path:
    """Return the same path with inverse steps at its predicates only."""
    match path:
        case Predicate():
            return path
        case Inverse(inner):
            return backwards(inner)
        case Sequence(paths):
            return Sequence(tuple(forwards(p) for p in paths))
        case Alternative(paths):
            return Alternative(tuple(forwards(p) for p in paths))
        case Repeated(inner, least, many):
            return Repeated(forwards(inner), least, many)


# --- targets: https://www.w3.org/TR/shacl/#targets ---------------------------------------------------------------


@dataclass(frozen=True)
class TargetClass:
    """The instances of a class and of the classes below it."""

    cls: Node


@dataclass(frozen=True)
class TargetNode:
    """A node that the shapes graph names."""

    node: Node


@dataclass(frozen=True)
class TargetSubjectsOf:
    """What a predicate is said of."""

    predicate: URIRef


@dataclass(frozen=True)
class TargetObjectsOf:
    """What a predicate leads to."""

    predicate: URIRef


Target = TargetClass | TargetNode | TargetSubjectsOf | TargetObjectsOf

# --- constraints: https://www.w3.org/TR/shacl/#core-components ---------------------------------------------------


@dataclass(frozen=True)
class Class:
    """Each value is an instance of a class."""

    cls: Node


@dataclass(frozen=True)
class Datatype:
    """Each value is a well-formed literal of a datatype."""

    datatype: URIRef


@dataclass(frozen=True)
class NodeKind:
    """Each value is of some kinds of node: ``iri``, ``blank``, ``literal``."""

    kinds: frozenset[str]


@dataclass(frozen=True)
class MinCount:
    """There are so many values at least."""

    count: int


@dataclass(frozen=True)
class MaxCount:
    """There are so many values at most."""

    count: int


@dataclass(frozen=True)
class Range:
    """Each value compares to a bound: MinExclusive, MinInclusive, MaxExclusive or MaxInclusive."""

    component: str
    operator: Operator
    bound: Literal


@dataclass(frozen=True)
class MinLength:
    """The text of each value is so long at least."""

    length: int


@dataclass(frozen=True)
class MaxLength:
    """The text of each value is so long at most."""

    length: int


@dataclass(frozen=True)
class Pattern:
    """The text of each value matches a regular expression."""

    pattern: str
    flags: str = ""


@dataclass(frozen=True)
class LanguageIn:
    """The language of each value is one of some, or a variety of one."""

    languages: tuple[str, ...]


@dataclass(frozen=True)
class UniqueLang:
    """No two values have the same language."""


@dataclass(frozen=True)
class Equals:
    """The values are those of another predicate."""

    predicate: URIRef


@dataclass(frozen=True)
class Disjoint:
    """No value is one of another predicate's."""

    predicate: URIRef


@dataclass(frozen=True)
class LessThan:
    """Each value is less than each of another predicate's (or equal, with ``<=``)."""

    predicate: URIRef
    operator: OneOf["<", "<="]


@dataclass(frozen=True)
class Not:
    """No value conforms to a shape."""

    shape: Shape


@dataclass(frozen=True)
class And:
    """Each value conforms to all shapes."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Or:
    """Each value conforms to at least one shape."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Xone:
    """Each value conforms to exactly one shape."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class NodeShape:
    """Each value conforms to a shape (``sh:node``)."""

    shape: Shape


@dataclass(frozen=True)
class Property:
    """Each value conforms to a property shape, whose own results are reported (``sh:property``)."""

    shape: Shape


@dataclass(frozen=True)
class Qualified:
    """So many values conform to a shape: QualifiedMinCount or QualifiedMaxCount; those of ``apart`` do not count."""

    component: str
    shape: Shape
    count: int
    apart: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Closed:
    """The values have no other predicates than these."""

    allowed: frozenset[URIRef]


@dataclass(frozen=True)
class HasValue:
    """One of the values is this."""

    value: Node


@dataclass(frozen=True)
class In:
    """Each value is one of these."""

    values: tuple[Node, ...]


@dataclass(frozen=True)
class Sparql:
    """A query finds no fault; it is run by a reference engine, on RDF (SHACL-SPARQL)."""

    node: Node


Logic = Not | And | Or | Xone | NodeShape
#: Constraints that look at each value by itself: a value breaks them or does not.
ValueWise = (
    Class | Datatype | NodeKind | Range | MinLength | MaxLength | Pattern | LanguageIn | In | Logic | Closed | Property
)
#: Constraints on the set of values; their results carry no value.
Counting = MinCount | MaxCount | Qualified | HasValue | UniqueLang
#: Constraints that hold the values against those of another predicate.
Pairwise = Equals | Disjoint | LessThan
Constraint = ValueWise | Counting | Pairwise | Sparql

_NAMES = {LessThan: {"<": "LessThan", "<=": "LessThanOrEquals"}}


def component(constraint: Constraint) -> str:
    """Return the name of a constraint's component, without ``ConstraintComponent``.

    >>> component(LessThan(URIRef("urn:x"), "<=")), component(NodeShape(Shape(URIRef("urn:s"))))
    ('LessThanOrEquals', 'Node')
    """
    match constraint:
        case Range() | Qualified():
            return constraint.component
        case LessThan(_, operator):
            return _NAMES[LessThan][operator]
        case NodeShape():
            return "Node"
        case Sparql():
            return "SPARQL"
        case _:
            return type(constraint).__name__


# --- shapes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Shape:
    """A node shape (``path`` is None) or a property shape; two are equal where their nodes are."""

    node: Node
    path: Path | None = None
    #: The path as it stands in the shapes graph, for reports.
    path_node: Node | None = None
    targets: tuple[Target, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    severity: URIRef = URIRef("http://www.w3.org/ns/shacl#Violation")  # noqa: RUF009 - URIRef is immutable
    messages: tuple[Literal, ...] = ()
    deactivated: bool = False

    def __hash__(self) -> int:
        return hash(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.node == other.node

    @property
    def properties(self) -> Iterator[Shape]:
        """Return the property shapes right below."""
        return (c.shape for c in self.constraints if isinstance(c, Property))


def below(constraint: Constraint) -> tuple[Shape, ...]:
    """Return the shapes that a constraint refers to."""
    match constraint:
        case Not(shape) | NodeShape(shape) | Property(shape):
            return (shape,)
        case And(shapes) | Or(shapes) | Xone(shapes):
            return shapes
        case Qualified(_, shape, _, apart):
            return (shape, *apart)
        case _:
            return ()


def slow(shape: Shape) -> bool:
    """Tell whether a shape holds a SPARQL constraint, itself or below: then no plan can say it whole."""
    return any(isinstance(c, Sparql) or any(slow(s) for s in below(c)) for c in shape.constraints)
