"""The triple layout: any RDF graph, as one table of triples and one of the terms in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rdflib import RDF, RDFS, XSD, BNode, Graph, Literal, URIRef
from rdflib.term import Node
from rdflib.util import from_n3

from haemony.engine.session import Session
from haemony.engine.sql import quoted
from haemony.shapes.algebra import Range
from haemony.shapes.layout import Edge, Extent, Place, Sort, Term
from haemony.shapes.query import Condition, Sql, Value
from haemony.shapes.reader import every_shape, read_algebra
from haemony.shapes.validation import Validation, report

TERM = Sort("term")
TRIPLES, TERMS, TYPES = "triples", "terms", "types"
WHOLE = ("integer long int short byte nonNegativeInteger positiveInteger unsignedLong unsignedInt unsignedShort "
         "unsignedByte nonPositiveInteger negativeInteger").split()  # fmt: skip
#: Datatypes whose values compare to each other: https://www.w3.org/TR/sparql11-query/#OperatorMapping.
FAMILIES = (
    {XSD[name]: "number" for name in (*WHOLE, "decimal", "float", "double")}
    | {XSD.string: "string", XSD.boolean: "boolean", XSD.date: "date", XSD.dateTime: "dateTime", XSD.time: "time"}
)  # fmt: skip
#: The bounds of the whole numbers of fixed size: https://www.w3.org/TR/xmlschema11-2/#ordinary-built-ins.
BOUNDS: dict[URIRef, tuple[int | None, int | None]] = {
    XSD.byte: (-(2**7), 2**7 - 1),
    XSD.short: (-(2**15), 2**15 - 1),
    XSD.int: (-(2**31), 2**31 - 1),
    XSD.long: (-(2**63), 2**63 - 1),
    XSD.unsignedByte: (0, 2**8 - 1),
    XSD.unsignedShort: (0, 2**16 - 1),
    XSD.unsignedInt: (0, 2**32 - 1),
    XSD.unsignedLong: (0, 2**64 - 1),
    XSD.nonNegativeInteger: (0, None),
    XSD.positiveInteger: (1, None),
    XSD.nonPositiveInteger: (None, 0),
    XSD.negativeInteger: (None, -1),
}


class TripleLayout:
    """A graph, laid in tables of a session; ``bounds`` are the literals to which shapes compare its values."""

    def __init__(self, session: Session, data: Graph, bounds: Iterable[Literal] = ()) -> None:
        self._orders = _orders([*(o for o in data.objects() if isinstance(o, Literal)), *bounds])
        terms = {term for triple in data for term in triple}
        session.keep_rows(TRIPLES, dict.fromkeys("spo", pa.string()), [tuple(map(written, t)) for t in data])
        session.keep_rows(TERMS, TERM_COLUMNS, [self._row(term) for term in sorted(terms, key=written)])
        session.keep_rows(TYPES, dict.fromkeys(("node", "class"), pa.string()), _types(data))

    @property
    def sorts(self) -> Sequence[Sort]:
        """The one sort that there is."""
        return (TERM,)

    @property
    def all_sorts(self) -> Sequence[Sort]:
        """The one sort."""
        return self.sorts

    def edges(self, predicate: URIRef, table: str = "") -> Sequence[Edge]:
        """Return the triples of a predicate."""
        return (Edge(TRIPLES, "{t}.s", TERM, "{t}.o", TERM, f"{{t}}.p = {quoted(written(predicate))}"),)

    def every_edge(self) -> Sequence[tuple[Value, Edge]]:
        """Return all triples."""
        return ((Sql("{t}.p"), Edge(TRIPLES, "{t}.s", TERM, "{t}.o", TERM)),)

    def instances(self, cls: Node) -> Sequence[Extent]:
        """Return the instances of a class."""
        return (Extent(TYPES, "{t}.node", TERM, f"{{t}}.class = {quoted(written(cls))}"),)

    def nodes(self, sort: Sort) -> Extent:
        """Return all terms."""
        return Extent(TERMS, "{t}.term", sort, keyed=True)

    def constant(self, sort: Sort, node: Node) -> Sql | None:
        """Return a term as SQL."""
        return Sql(quoted(written(node)))

    def sort_of(self, node: Node) -> Sort | None:
        """Return the one sort."""
        return TERM

    def test(self, place: Place, condition: Callable[[Term], Condition]) -> Condition:
        """Test a term by its row in the table of terms."""
        made = condition(_term("x"))
        if isinstance(made, bool):
            return made
        return Sql(f"{place.node} IN (SELECT x.term FROM {TERMS} AS x WHERE {made})")

    def term(self, place: Place) -> tuple[Place, Term]:
        """Join a term's row."""
        assert place.query is not None
        alias = f"u{len(place.query.tables)}"
        query = place.query.joined(f"{TERMS} AS {alias}", Sql(f"{alias}.term = {place.node}"))
        return Place(place.node, place.sort, query), _term(alias)

    def bound(self, literal: Literal) -> tuple[str, Sql] | None:
        """Return the place of a literal among all of its family."""
        found = self._orders.get(literal)
        return None if found is None else (found[0], Sql(str(found[1])))

    def text(self, sort: Sort, node: Sql) -> Sql:
        """Return a term as it is kept."""
        return node

    def read(self, sort: Sort, text: str) -> Node:
        """Return the term that a text writes."""
        return read(text)

    def _row(self, term: Node) -> tuple[Any, ...]:
        if not isinstance(term, Literal):
            return (
                written(term),
                "iri" if isinstance(term, URIRef) else "blank",
                str(term),
                None,
                "",
                False,
                None,
                None,
            )
        family, order = self._orders.get(term, (None, None))
        datatype = RDF.langString if term.language else term.datatype or XSD.string
        return (
            *(written(term), "literal", str(term), str(datatype), term.language or ""),
            *(well_formed(term), family, order),
        )


TERM_COLUMNS: dict[str, pa.DataType] = {
    **dict.fromkeys(("term", "kind", "text", "datatype", "language"), pa.string()),
    "valid": pa.bool_(),
    "family": pa.string(),
    "place": pa.int64(),
}


def _term(alias: str) -> Term:
    parts = ("kind", "text", "datatype", "language", "valid", "family", "place")
    return Term(*(Sql(f"{alias}.{part}") for part in parts))


def written(term: Node) -> str:
    """Write a term so that two are equal where their texts are.

    >>> written(Literal("5", datatype=XSD.integer)), written(BNode("b")), written(Literal("a\\nb"))
    ('"5"^^<http://www.w3.org/2001/XMLSchema#integer>', '_:b', '"a\\\\nb"')
    """
    if isinstance(term, Literal):
        text = str(term).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        tail = f"@{term.language.lower()}" if term.language else f"^^<{term.datatype}>" if term.datatype else ""
        return f'"{text}"{tail}'
    return f"<{term}>" if isinstance(term, URIRef) else f"_:{term}"


def read(text: str) -> Node:
    """Read a term as ``written`` writes it.

    >>> read('_:b'), read('<urn:x>')
    (rdflib.term.BNode('b'), rdflib.term.URIRef('urn:x'))
    """
    if text.startswith("<"):
        return URIRef(text[1:-1])
    if text.startswith("_:"):
        return BNode(text[2:])
    found = from_n3(text)
    assert isinstance(found, Literal)
    return found


def well_formed(literal: Literal) -> bool:
    """Tell whether a literal's text is one of its datatype, and within its bounds.

    >>> well_formed(Literal("300", datatype=XSD.byte)), well_formed(Literal("30", datatype=XSD.byte))
    (False, True)
    """
    if literal.ill_typed:
        return False
    least, most = BOUNDS.get(literal.datatype, (None, None)) if literal.datatype else (None, None)
    value = literal.value
    if not isinstance(value, int):
        return least is None and most is None
    return (least is None or value >= least) and (most is None or value <= most)


def _orders(literals: Iterable[Literal]) -> dict[Literal, tuple[str, int]]:
    """Number the values of each family by size, equal ones alike."""
    families: dict[str, dict[Any, list[Literal]]] = {}
    for literal in set(literals):
        if (found := _comparable(literal)) is not None:
            families.setdefault(found[0], {}).setdefault(found[1], []).append(literal)
    return {
        literal: (family, place)
        for family, values in families.items()
        for place, value in enumerate(sorted(values))
        for literal in values[value]
    }


def _comparable(literal: Literal) -> tuple[str, Any] | None:
    """Return a literal's family and value; times with and without a zone do not compare, and NaN to nothing."""
    if literal.language or not well_formed(literal):
        return None
    family = FAMILIES.get(literal.datatype or XSD.string)
    value = str(literal) if family == "string" else literal.value
    if family is None or value is None or value != value:
        return None
    if family == "number":
        return family, value if isinstance(value, float) and abs(value) == float("inf") else Decimal(value)
    zone = getattr(value, "tzinfo", None)
    return (f"{family} with zone" if zone is not None else family), value


def _types(data: Graph) -> list[tuple[str, str]]:
    """Pair each node with its classes and with those above them: https://www.w3.org/TR/shacl/#dfn-shacl-instance."""
    above = {c: {c, *data.transitive_objects(c, RDFS.subClassOf)} for c in set(data.objects(None, RDF.type))}
    pairs = {(node, c) for node, kind in data.subject_objects(RDF.type) for c in above[kind]}
    return sorted((written(node), written(c)) for node, c in pairs if c is not None)


def validate_graph(session: Session, data: Graph, shapes: Graph) -> Graph:
    """Validate any RDF graph against any shapes of SHACL Core, and return the standard report."""
    algebra = read_algebra(shapes)
    bounds = [c.bound for s in every_shape(algebra) for c in s.constraints if isinstance(c, Range)]
    validation = Validation(session, TripleLayout(session, data, bounds), algebra)
    return report(list(validation.results()), shapes)
