"""The schema: record classes and their fields, read once from ``haemony.ttl`` into frozen objects.

Loader, stores, shapes and exports derive tables, labels and columns from here and repeat none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import rdflib
from rdflib import OWL, RDF, RDFS, XSD, URIRef
from rdflib.collection import Collection

HAEMONY = rdflib.Namespace("https://w3id.org/haemony/")
TTL = Path(__file__).with_name("haemony.ttl")

Kind = Literal["decimal", "integer", "boolean", "string", "concept", "reference"]
Role = Literal["", "main", "naming", "delivered", "derived", "link"]

#: How an XSD datatype is kept.
KINDS: dict[URIRef, Kind] = {
    XSD.decimal: "decimal",
    XSD.integer: "integer",
    XSD.boolean: "boolean",
    XSD.string: "string",
}


@dataclass(frozen=True)
class Field:
    """A field of a record class."""

    name: str
    word: URIRef
    kind: Kind
    range: str
    comment: str
    many: bool = False
    role: Role = ""
    unit: str = ""
    time: Literal["", "day", "duration", "age"] = ""
    reader: str = ""
    relationship: str = ""
    inverse: bool = False
    omop_column: str = ""
    required: bool = False

    @property
    def mappable(self) -> bool:
        """Tell whether a partner's column may fill the field."""
        return self.role not in ("derived", "link")

    @property
    def ends_record(self) -> bool:
        """Tell whether the field is the length of time after which the record ends."""
        return self.time == "duration" and self.role == "main"


@dataclass(frozen=True)
class RecordClass:
    """A class of records, or of the shared nodes that records refer to."""

    name: str
    iri: URIRef
    comment: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    order: int
    is_record: bool
    omop_table: str = ""
    relationship: str = ""
    repeatable: bool = False
    negative: bool = False
    shared: bool = False

    def field(self, name: str) -> Field:
        """Return the field called ``name``; raise ``KeyError`` where there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name!r}; it has {', '.join(f.name for f in self.fields)}")

    def has(self, name: str) -> bool:
        """Tell whether the class has a field called ``name``."""
        return any(field.name == name for field in self.fields)

    @property
    def main(self) -> Field | None:
        """Return the field that an empty ``field`` of a dictionary row means."""
        leading = [f for f in self.fields if f.role in ("main", "naming")]
        return leading[0] if leading else None

    @property
    def naming(self) -> tuple[Field, ...]:
        """Return the fields whose filled text names a record by itself."""
        return tuple(f for f in self.fields if f.role == "naming")


@dataclass(frozen=True)
class Schema:
    """All classes, in the order of the ontology.

    >>> schema = read_schema()
    >>> schema["Measurement"].relationship
    'HAS_MEASUREMENT'
    >>> schema["Measurement"].main.name
    'value'
    """

    classes: tuple[RecordClass, ...]

    def __getitem__(self, name: str) -> RecordClass:
        for cls in self.classes:
            if cls.name == name:
                return cls
        raise KeyError(f"no class {name!r}; there are {', '.join(c.name for c in self.classes)}")

    def __contains__(self, name: object) -> bool:
        return any(cls.name == name for cls in self.classes)

    @property
    def records(self) -> tuple[RecordClass, ...]:
        """Return the classes whose records partners deliver, ``Patient`` first."""
        return tuple(c for c in self.classes if c.is_record)

    @property
    def shared(self) -> tuple[RecordClass, ...]:
        """Return the keyed classes that records of several patients share (``Variant``)."""
        return tuple(c for c in self.classes if c.shared)


@cache
def read_schema(*extensions: Path) -> Schema:
    """Read the ontology, and any extension files, into a schema.

    An extension adds record classes to the ontology's own: nothing else is needed for a new kind of record.
    """
    graph = rdflib.Graph()
    for path in (TTL, *extensions):
        graph.parse(path, format="turtle")
    classes = [_record_class(graph, c) for c in graph.subjects(RDF.type, OWL.Class) if (c, OWL.hasKey, None) in graph]
    return Schema(tuple(sorted(classes, key=lambda c: (c.order, c.name))))


def _record_class(graph: rdflib.Graph, node: rdflib.term.Node) -> RecordClass:
    iri = URIRef(str(node))
    key_list = graph.value(iri, OWL.hasKey)
    assert key_list is not None
    properties = graph.subjects(RDFS.domain, iri)
    return RecordClass(
        name=_local(iri),
        iri=iri,
        comment=_text(graph, iri, RDFS.comment),
        fields=tuple(_field(graph, p) for p in sorted(properties, key=lambda p: _number(graph, p))),
        key=tuple(_local(k) for k in Collection(graph, key_list)),
        order=_number(graph, iri),
        is_record=(iri, RDFS.subClassOf, HAEMONY.Record) in graph,
        omop_table=_text(graph, iri, HAEMONY.omopTable),
        relationship=_text(graph, iri, HAEMONY.relationship),
        repeatable=_true(graph, iri, HAEMONY.repeatable),
        negative=_text(graph, iri, HAEMONY.states) == "negative",
        shared=_true(graph, iri, HAEMONY.shared),
    )


def _field(graph: rdflib.Graph, prop: rdflib.term.Node) -> Field:
    target = URIRef(str(graph.value(prop, RDFS.range)))
    word = graph.value(prop, RDFS.subPropertyOf)
    kind = KINDS.get(target) or ("concept" if target in (HAEMONY.Concept, HAEMONY.Gene) else "reference")
    return Field(
        name=_local(prop).partition(".")[2],
        word=URIRef(str(word)),
        kind=kind,
        range=_local(target),
        comment=_text(graph, prop, RDFS.comment),
        many=(prop, RDF.type, OWL.FunctionalProperty) not in graph,
        role=_text(graph, prop, HAEMONY.role),  # type: ignore[arg-type]
        unit=_text(graph, prop, HAEMONY.unit),
        time=_text(graph, prop, HAEMONY.time),  # type: ignore[arg-type]
        reader=_text(graph, prop, HAEMONY.reader),
        relationship=_text(graph, prop, HAEMONY.relationship),
        inverse=_true(graph, prop, HAEMONY.inverse),
        omop_column=_text(graph, prop, HAEMONY.omopColumn),
        required=_true(graph, prop, HAEMONY.required),
    )


def _local(node: rdflib.term.Node) -> str:
    return str(node).rpartition("/")[2].rpartition("#")[2]


def _text(graph: rdflib.Graph, node: rdflib.term.Node, prop: URIRef) -> str:
    value = graph.value(node, prop)
    return "" if value is None else str(value)


def _number(graph: rdflib.Graph, node: rdflib.term.Node) -> int:
    return int(_text(graph, node, HAEMONY.order) or 99)


def _true(graph: rdflib.Graph, node: rdflib.term.Node, prop: URIRef) -> bool:
    return _text(graph, node, prop) == "true"


def names(classes: Iterable[RecordClass]) -> list[str]:
    """Return the names of classes, for messages."""
    return [c.name for c in classes]
