"""The record layout: data in typed columns, as a schema describes them, and shapes that see them as RDF.

Nothing is turned into triples: a column *is* a predicate, its type the datatype, a number or text the short form of an
IRI. What is known of a column while planning (its values are decimals; a row has one of them) is settled there, so a
constraint that the types keep already costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal as OneOf

from rdflib import XSD, Literal, URIRef
from rdflib.term import Node

from haemony.engine.sql import quoted
from haemony.shapes.layout import Edge, Extent, Place, Sort, Term
from haemony.shapes.query import Condition, Sql, Value


@dataclass(frozen=True)
class Names(Sort):
    """IRIs that begin alike; the column holds the rest, as text or as a whole number."""

    prefix: str = ""
    number: bool = False


@dataclass(frozen=True)
class Values(Sort):
    """Literals of one datatype."""

    datatype: URIRef = XSD.string
    family: OneOf["number", "string", "boolean"] = "string"


DECIMALS = Values("decimal", XSD.decimal, "number")
INTEGERS = Values("integer", XSD.integer, "number")
BOOLEANS = Values("boolean", XSD.boolean, "boolean")
STRINGS = Values("string", XSD.string, "string")
#: IRIs of no form that the data have: those that shapes name.
OTHERS = Names("iri")


@dataclass(frozen=True)
class Tables:
    """Tables of a session: where predicates and the instances of classes stand."""

    #: Where the triples of each predicate stand, whatever their subject.
    predicates: Mapping[URIRef, Sequence[Edge]]
    #: The same for the rows of single tables, each of them whole: what is not there, no row of the table has.
    rows: Mapping[str, Mapping[URIRef, Sequence[Edge]]]
    classes: Callable[[Node], Sequence[Extent]]
    extents: Mapping[Sort, Extent]
    #: Numbers of IRIs whose columns hold a number in place of the IRI's rest, and a query of ``node`` and ``text``.
    numbers: Mapping[Sort, Callable[[str], int | None]]
    texts: Mapping[Sort, str]

    @property
    def sorts(self) -> Sequence[Sort]:
        """The sorts of IRIs."""
        return (*self.extents, OTHERS)

    @property
    def all_sorts(self) -> Sequence[Sort]:
        """The sorts of IRIs and of literals."""
        return (*self.sorts, DECIMALS, INTEGERS, BOOLEANS, STRINGS)

    def edges(self, predicate: URIRef, table: str = "") -> Sequence[Edge]:
        """Return the columns of a predicate."""
        known = self.rows.get(table)
        return (self.predicates if known is None else known).get(predicate, ())

    def every_edge(self) -> Sequence[tuple[Value, Edge]]:
        """Return the columns of all predicates."""
        return [(str(predicate), edge) for predicate, edges in self.predicates.items() for edge in edges]

    def instances(self, cls: Node) -> Sequence[Extent]:
        """Return the instances of a class."""
        return self.classes(cls)

    def nodes(self, sort: Sort) -> Extent:
        """Return all nodes of a sort."""
        return self.extents.get(sort, Extent("(SELECT CAST(NULL AS VARCHAR) AS node WHERE FALSE)", "{t}.node", sort))

    def sort_of(self, node: Node) -> Sort | None:
        """Return the sort of a term: the longest beginning that fits an IRI, the datatype of a literal."""
        fitting = [s for s in self.all_sorts if self.constant(s, node) is not None]
        return max(fitting, key=lambda s: len(s.prefix) if isinstance(s, Names) else 0, default=None)

    def constant(self, sort: Sort, node: Node) -> Sql | None:
        """Return a term as a constant of a sort's columns."""
        match sort, node:
            case Names(_, prefix, number), URIRef() if node.startswith(prefix):
                rest = str(node)[len(prefix) :]
                if sort in self.numbers:
                    known = self.numbers[sort](rest)
                    return None if known is None else Sql(str(known))
                if number:
                    return Sql(rest) if rest.isdecimal() else None
                return Sql(quoted(rest))
            case Values(_, datatype), Literal() if (node.datatype or XSD.string) == datatype and not node.language:
                return _literal(datatype, str(node))
            case _:
                return None

    def test(self, place: Place, condition: Callable[[Term], Condition]) -> Condition:
        """Test the value of a column where it stands."""
        return condition(self._term(place.sort, place.node))

    def term(self, place: Place) -> tuple[Place, Term]:
        """Return the value of a column as a term."""
        return place, self._term(place.sort, place.node)

    def bound(self, literal: Literal) -> tuple[str, Sql] | None:
        """Return what the columns of a literal's family compare to."""
        text, datatype = str(literal), literal.datatype or XSD.string
        if literal.language or literal.ill_typed:
            return None
        if datatype == XSD.string:
            return "string", Sql(quoted(text))
        if datatype == XSD.boolean:
            return "boolean", Sql("TRUE" if text in ("true", "1") else "FALSE")
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        return ("number", Sql(format(number, "f"))) if number.is_finite() else None

    def text(self, sort: Sort, node: Sql) -> Sql:
        """Return a value as its literal or IRI writes it; of an IRI, what follows the beginning."""
        if sort == STRINGS or (isinstance(sort, Names) and not sort.number):
            return node
        if sort == DECIMALS:
            return Sql(f"rtrim(rtrim(CAST({node} AS VARCHAR), '0'), '.')")
        return Sql(f"CAST({node} AS VARCHAR)")

    def read(self, sort: Sort, text: str) -> Node:
        """Return the term that a text writes."""
        if isinstance(sort, Values):
            return Literal(text) if sort == STRINGS else Literal(text, datatype=sort.datatype)
        assert isinstance(sort, Names)
        return URIRef(sort.prefix + text)

    def _term(self, sort: Sort, node: Sql) -> Term:
        if isinstance(sort, Names):
            rest = self.text(sort, node)
            if sort in self.texts:
                rest = Sql(f"(SELECT i.text FROM {self.texts[sort]} AS i WHERE i.node = {node})")
            text = Sql(f"concat({quoted(sort.prefix)}, {rest})") if sort.prefix else node
            return Term("iri", text, None, None, False, None, Sql("NULL"))
        assert isinstance(sort, Values)
        return Term("literal", self.text(sort, node), str(sort.datatype), None, True, sort.family, node)


def _literal(datatype: URIRef, text: str) -> Sql | None:
    """Return a literal as a constant; None where its text is not the one that a value of a column has.

    >>> _literal(XSD.decimal, "2.5"), _literal(XSD.decimal, "2.50"), _literal(XSD.boolean, "1")
    ('2.5', None, None)
    """
    if datatype == XSD.string:
        return Sql(quoted(text))
    if datatype == XSD.boolean:
        return Sql(text.upper()) if text in ("true", "false") else None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    canonical = format(number.normalize() + 0, "f")
    return Sql(canonical) if text == canonical else None
