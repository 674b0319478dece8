"""The records of some patients as RDF, the way shapes see them.

Record tables become triples by the ontology's schema alone: a field is its word, a concept its IRI, another record its
IRI. Beside what ``docs/architecture.md`` (RDF projection) lists, a record is an instance (``rdf:type``) of each concept
that it states and that a shape names as target, a record whose main field is a duration has the ``:end_day`` on
which it ends, a treatment the ``:earlier_line`` of its patient, and a patient the day of the first diagnosis,
``:diagnosed``.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rdflib import RDF, RDFS, SH, Graph, Literal, URIRef

from haemony.ontology.schema import HAEMONY, KINDS, Field, Kind, RecordClass, Schema, read_schema

if TYPE_CHECKING:
    import pyarrow as pa

Ancestors = Callable[[int], Iterable[int]]

RECORD = "urn:haemony:record:"
CONCEPT = f"{HAEMONY}concept/"
END_DAY, EARLIER_LINE, DIAGNOSED = HAEMONY.end_day, HAEMONY.earlier_line, HAEMONY.diagnosed
#: The concept of what may become a blood cancer (MGUS, smouldering myeloma): its diagnosis calls for no treatment.
PRECURSOR = 2100003103

_DATATYPES = {kind: datatype for datatype, kind in KINDS.items()}
_NUMERIC: dict[str, Kind] = {"decimal": "decimal", "integer": "integer", "boolean": "boolean"}
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "decimal": (Decimal, int),
    "integer": int,
    "boolean": bool,
    "string": str,
}


def record_iri(record_id: str) -> URIRef:
    """Name a record.

    >>> record_iri("9f86")
    rdflib.term.URIRef('urn:haemony:record:9f86')
    """
    return URIRef(RECORD + record_id)


@lru_cache(maxsize=100_000)
def concept_iri(concept_id: int) -> URIRef:
    """Name a concept.

    >>> concept_iri(8507)
    rdflib.term.URIRef('https://w3id.org/haemony/concept/8507')
    """
    return URIRef(f"{CONCEPT}{concept_id}")


def concept_id(node: object) -> int | None:
    """Read the id out of a concept's IRI; None where it is not one.

    >>> concept_id(concept_iri(8507))
    8507
    """
    text = str(node)
    digits = text[len(CONCEPT) :]
    return int(digits) if text.startswith(CONCEPT) and digits.isdigit() else None


def placeholders(message: str) -> list[str]:
    """List the names that stand in braces in a message.

    >>> placeholders("Day {value} is before {start_day}.")
    ['value', 'start_day']
    """
    return re.findall(r"\{(\w+)\}", message)


@dataclass(frozen=True)
class Scope:
    """What of the records some shapes can see: the words in their paths, the concepts they target as classes."""

    words: frozenset[URIRef]
    targets: frozenset[int]

    @classmethod
    def of(cls, shapes: Graph, schema: Schema | None = None) -> Scope:
        """Collect every word and every targeted concept that a shapes graph mentions.

        A SPARQL constraint may mention any word, in its text: then every field of ``schema`` is in scope.
        """
        words = {o for o in shapes.objects() if isinstance(o, URIRef) and o.startswith(HAEMONY)}
        words |= {HAEMONY[name] for message in shapes.objects(None, SH.message) for name in placeholders(str(message))}
        if (None, SH.sparql, None) in shapes:
            words |= {f.word for c in (schema or read_schema()).records for f in c.fields}
            words |= {END_DAY, EARLIER_LINE, DIAGNOSED}
        classes = {concept_id(o) for p in (SH.targetClass, SH["class"]) for o in shapes.objects(None, p)}
        targets = frozenset(c for c in classes if c is not None)
        if targets:
            words |= {HAEMONY.concept}  # what makes a record an instance of a concept
        return cls(frozenset(words), targets)

    def fields(self, cls: RecordClass) -> tuple[Field, ...]:
        """Return the fields of a class that the shapes can see."""
        timed = END_DAY in self.words
        return tuple(f for f in cls.fields if f.word in self.words or (timed and f.ends_record) or f.name == "day")


@dataclass(frozen=True)
class Tables:
    """The record tables of a partner, read once, cut by patient as often as needed."""

    tables: Mapping[str, pa.Table]
    schema: Schema

    @classmethod
    def read(cls, records: Path, scope: Scope | None = None, schema: Schema | None = None) -> Tables:
        """Read ``<Class>.parquet`` of every record class, only the columns in scope."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = schema or read_schema()
        tables = {}
        for record_class in schema.records:
            path = records / f"{record_class.name}.parquet"
            if not path.exists():
                continue
            fields = record_class.fields if scope is None else scope.fields(record_class)
            present = set(pq.read_schema(path).names)
            wanted = ["id", "patient", *(f.name for f in fields)]
            table = pq.read_table(path, columns=[c for c in dict.fromkeys(wanted) if c in present])
            index = table.schema.get_field_index("patient")
            ids = table.column("patient").cast(pa.string()).fill_null("")
            tables[record_class.name] = table.set_column(index, "patient", ids)
        return cls(tables, schema)

    def patients(self) -> list[str]:
        """List the ids of all patients that any record names, sorted ('' for records that name none)."""
        found: set[str] = set()
        for table in self.tables.values():
            found.update(table.column("patient").unique().to_pylist())
        return sorted(found)

    def concepts(self) -> set[int]:
        """Collect every concept that any record states."""
        found: set[int] = set()
        for name, table in self.tables.items():
            for field in self.schema[name].fields:
                if field.kind == "concept" and field.name in table.column_names:
                    found.update(_flat(table.column(field.name)))
        return found

    def of(self, patients: Collection[str]) -> Tables:
        """Keep the records of some patients."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(patients), pa.string())
        kept = {n: t.filter(pc.is_in(t.column("patient"), value_set=wanted)) for n, t in self.tables.items()}
        return Tables(kept, self.schema)


def project(tables: Tables, ancestors: Ancestors, scope: Scope) -> Graph:
    """Turn record tables into the graph that shapes see."""
    graph = Graph(bind_namespaces="none")
    concepts: set[int] = set()
    for name, table in tables.tables.items():
        record_class = tables.schema[name]
        graph.add((record_class.iri, RDFS.subClassOf, HAEMONY.Record))
        for triple in _records(record_class, table, ancestors, scope, concepts):
            graph.add(triple)
    for line in _earlier_lines(tables, scope):
        graph.add(line)
    for first in _diagnosed(tables, scope, ancestors):
        graph.add(first)
    for concept in concepts:
        node = concept_iri(concept)
        for ancestor in ancestors(concept):
            graph.add((node, HAEMONY.ancestor, concept_iri(ancestor)))
            graph.add((node, RDF.type, HAEMONY.Concept))
    return graph


def _records(
    cls: RecordClass, table: pa.Table, ancestors: Ancestors, scope: Scope, concepts: set[int]
) -> Iterator[tuple[URIRef, URIRef, URIRef | Literal]]:
    nodes = [record_iri(i) for i in table.column("id").to_pylist()]
    for node, patient in zip(nodes, table.column("patient").to_pylist(), strict=True):
        yield node, RDF.type, cls.iri
        if patient:
            yield node, HAEMONY.patient, record_iri(patient)
    for field in scope.fields(cls):
        if field.name not in table.column_names:
            continue
        for node, cell in zip(nodes, table.column(field.name).to_pylist(), strict=True):
            for value in cell if isinstance(cell, list) else (cell,):
                if value is None:
                    continue
                yield node, field.word, _term(field, value)
                if field.kind == "concept" and isinstance(value, int):
                    concepts.add(value)
                    if field.word == HAEMONY.concept:
                        yield from ((node, RDF.type, concept_iri(a)) for a in ancestors(value) if a in scope.targets)
    yield from _ends(cls, table, nodes)


def _ends(cls: RecordClass, table: pa.Table, nodes: list[URIRef]) -> Iterator[tuple[URIRef, URIRef, Literal]]:
    """Say on which day a duration ends, where the day on which it starts is known.

    It is a whole day, rounded as delivered times are: what lies as many months after the start is no day later.
    """
    columns = [table.column(f.name).to_pylist() for f in cls.fields if f.ends_record and f.name in table.column_names]
    if not columns or "day" not in table.column_names:
        return
    starts = table.column("day").to_pylist()
    for column in columns:
        for node, start, days in zip(nodes, starts, column, strict=True):
            if isinstance(start, int) and isinstance(days, (int, Decimal)):
                yield node, END_DAY, literal("integer", start + int(Decimal(days).quantize(Decimal(1), ROUND_HALF_UP)))


def _earlier_lines(tables: Tables, scope: Scope) -> Iterator[tuple[URIRef, URIRef, URIRef]]:
    """Lead from each line of therapy to the earlier ones of its patient."""
    lines: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for patient, record, line in _columns(tables, "Treatment", "line") if EARLIER_LINE in scope.words else ():
        lines[patient].append((line, record))
    for mine in lines.values():
        yield from ((record_iri(b), EARLIER_LINE, record_iri(a)) for n, b in mine for m, a in mine if m < n)


def _diagnosed(tables: Tables, scope: Scope, ancestors: Ancestors) -> Iterator[tuple[URIRef, URIRef, Literal]]:
    """Say on which day each patient was first diagnosed, precursors apart."""
    if DIAGNOSED not in scope.words:
        return
    concepts = {record: concept for _, record, concept in _columns(tables, "Diagnosis", "concept")}
    first: dict[str, int] = {}
    for patient, record, day in _columns(tables, "Diagnosis", "day"):
        if record in concepts and PRECURSOR not in ancestors(concepts[record]):
            first[patient] = min(day, first.get(patient, day))
    yield from ((record_iri(patient), DIAGNOSED, literal("integer", day)) for patient, day in first.items())


def _columns(tables: Tables, cls: str, field: str) -> Iterator[tuple[str, str, int]]:
    """Return (patient, record, value) wherever a whole-number field of a class is filled."""
    table = tables.tables.get(cls)
    if table is not None and field in table.column_names:
        columns = (table.column(name).to_pylist() for name in ("patient", "id", field))
        yield from (row for row in zip(*columns, strict=True) if row[0] and row[2] is not None)


def _term(field: Field, value: Hashable) -> URIRef | Literal:
    if field.kind == "concept" and isinstance(value, int):
        return concept_iri(value)
    if field.kind == "reference" and isinstance(value, str):
        return record_iri(value)
    if isinstance(value, float) and not math.isfinite(value):
        return Literal(value)
    return literal(field.kind, value)


def literal(kind: str, value: Hashable) -> Literal:
    """Write a value with the datatype of its kind, or with its own where it is not of that kind.

    >>> literal("decimal", Decimal("2.500000"))
    rdflib.term.Literal('2.5', datatype=rdflib.term.URIRef('http://www.w3.org/2001/XMLSchema#decimal'))
    >>> literal("decimal", "2,5")
    rdflib.term.Literal('2,5')
    """
    return _literal(kind, type(value).__name__, value)  # the type, because 1 == True == Decimal(1)


@lru_cache(maxsize=200_000)
def _literal(kind: str, _: str, value: object) -> Literal:
    if isinstance(value, Decimal):
        value = value.normalize() + 0
    python = _PYTHON.get(kind)
    fits = python is not None and isinstance(value, python) and isinstance(value, bool) == (kind == "boolean")
    if not fits or kind == "string":
        return Literal(value)
    lexical = format(value, "f") if isinstance(value, Decimal) else str(value).lower()
    return Literal(lexical, datatype=_DATATYPES[kind])  # type: ignore[index]


def _flat(column: pa.ChunkedArray) -> set[int]:
    values = column.unique().to_pylist() if not str(column.type).startswith("list") else column.to_pylist()
    flat = (v for value in values for v in (value if isinstance(value, list) else (value,)))
    return {v for v in flat if isinstance(v, int)}


def typed(kind: str, text: str) -> Literal:
    """Write the text of a value with the datatype of its kind; plain where the text is not of that kind.

    >>> typed("decimal", "2.5").datatype.fragment, typed("decimal", "high").datatype
    ('decimal', None)
    """
    if kind not in _NUMERIC:
        return Literal(text)
    number = Literal(text, datatype=_DATATYPES[_NUMERIC[kind]])
    return Literal(text) if number.ill_typed else number
