"""What a compiler has to know of a place where data lie, whatever its form: where predicates are kept, and how terms.

A layout keeps terms in columns. A *sort* is the kind of term that a column can hold: all IRIs of some form, all
literals of some datatype, or any term at all. Terms of two sorts are never equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rdflib import Literal, URIRef
from rdflib.term import Node

from haemony.shapes.query import Condition, Query, Sql, Value, equal

NOWHERE = Sql("")


@dataclass(frozen=True)
class Sort:
    """A kind of term, kept in columns of its own."""

    name: str


#: The constants that a node can be equal to; None where nobody knows.
Known = frozenset[str] | None


@dataclass(frozen=True)
class Edge:
    """Where the triples of a predicate are kept; ``subject``, ``object`` and ``where`` are over alias ``{t}``."""

    table: str
    subject: str
    subject_sort: Sort
    object: str
    object_sort: Sort
    where: str = ""
    #: Each subject has one row in the table, so what else the row says of it needs no join.
    keyed: bool = False
    #: The objects that there can be, as constants, given those that the subjects can be; None where nobody knows.
    objects: Callable[[Known], Known] | None = None
    #: The table of which every object is a key.
    home: str = ""


@dataclass(frozen=True)
class Extent:
    """Where nodes are kept: those of a class, or all of a sort. ``node`` and ``where`` are over alias ``{t}``."""

    table: str
    node: str
    sort: Sort
    where: str = ""
    keyed: bool = False
    #: No node of the table is in another one of which this is said.
    apart: bool = False


@dataclass(frozen=True)
class Term:
    """What the constraints on single values look at, each part a value known while planning, or SQL.

    ``kind`` is ``iri``, ``blank`` or ``literal``; ``family`` the name of a group of datatypes whose values compare to
    each other, and ``order`` what they compare by; ``valid`` tells whether the text is one of the datatype's.
    """

    kind: Value
    text: Value
    datatype: Value
    language: Value
    valid: Value
    family: Value
    order: Sql


@dataclass(frozen=True)
class Row:
    """A row of a table: the one whose key a node is."""

    alias: str
    table: str
    apart: bool = False


@dataclass(frozen=True)
class Place:
    """Where a walk stands: ``node``, of a sort.

    ``query`` holds the tables that it came through. Without one the walk is still in the row in which it began, whose
    columns it names (``maybe`` null). A walk that left this row for tables of its own begins in them at ``start``,
    which must equal ``key`` outside.
    """

    node: Sql
    sort: Sort
    query: Query | None = None
    row: Row | None = None
    key: Sql = NOWHERE
    start: Sql = NOWHERE
    maybe: bool = False
    known: Known = None
    #: The table of which the node is a key, where it is known.
    home: str = ""

    def here(self) -> Place:
        """Return the same node as the beginning of a new walk."""
        return Place(self.node, self.sort, row=self.row, maybe=self.maybe, known=self.known, home=self.home)

    @property
    def table(self) -> str:
        """The table that holds what is said of the node; '' where it may be any."""
        return self.row.table if self.row else self.home

    def equals(self, constant: Sql) -> Condition:
        """Return the condition that the node is this one."""
        return False if self.known is not None and constant not in self.known else equal(self.node, constant)


class Layout(Protocol):
    """A place where data lie."""

    @property
    def sorts(self) -> Sequence[Sort]:
        """The sorts of nodes that predicates start from."""

    @property
    def all_sorts(self) -> Sequence[Sort]:
        """The sorts of all terms."""

    def edges(self, predicate: URIRef, table: str = "") -> Sequence[Edge]:
        """Return where a predicate's triples are kept: those whose subject is a key of a table, where one is given."""

    def every_edge(self) -> Sequence[tuple[Value, Edge]]:
        """Return where all triples are kept, each with its predicate (SQL over ``{t}`` where rows differ in it)."""

    def instances(self, cls: Node) -> Sequence[Extent]:
        """Return where the instances of a class and of those below it are kept."""

    def nodes(self, sort: Sort) -> Extent:
        """Return where all nodes of a sort are kept."""

    def constant(self, sort: Sort, node: Node) -> Sql | None:
        """Return a term as SQL; None where no term of the sort is equal to it."""

    def sort_of(self, node: Node) -> Sort | None:
        """Return the sort of a term; None where the layout has none for it."""

    def test(self, place: Place, condition: Callable[[Term], Condition]) -> Condition:
        """Return a condition on the term at a place."""

    def term(self, place: Place) -> tuple[Place, Term]:
        """Return the term at a place in a query, to which tables may be joined for it."""

    def bound(self, literal: Literal) -> tuple[str, Sql] | None:
        """Return the family of a literal and what it compares by; None where it compares to nothing."""

    def text(self, sort: Sort, node: Sql) -> Sql:
        """Return a node as text, from which ``read`` makes the term again."""

    def read(self, sort: Sort, text: str) -> Node:
        """Return the term that ``text`` wrote."""
