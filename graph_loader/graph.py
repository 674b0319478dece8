"""Projection: the records of a build as nodes and relationships.

Everything is derived from the ontology's schema: a class declared there becomes a label, its fields become properties
and relationships. Plans are DuckDB SQL over the build's Parquet files; Python touches distinct concepts only.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from haemony.engine.errors import BuildError, Problem
from haemony.engine.sql import named, quoted
from haemony.graph_loader.stores.base import GraphTables, NodeTable, Property, PropertyType, RelationshipTable
from haemony.ontology.concept import GENE_ALTERATION, Concept
from haemony.ontology.schema import Field, RecordClass, Schema
from haemony.ontology.vocabulary import Vocabulary

#: What every record has beside its fields.
PROVENANCE = ("sources", "mappings", "disputed", "flags")

_SQL: dict[str, str] = {
    "decimal": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "concept": "BIGINT",
    "reference": "VARCHAR",
}
_PROPERTY: dict[str, tuple[PropertyType, PropertyType]] = {
    "decimal": ("decimal", "list of decimal"),
    "integer": ("integer", "list of integer"),
    "boolean": ("boolean", "list of boolean"),
}
#: A line of a partner's dictionary or concept file, as a build keeps it.
MAPPING_COLUMNS = (
    "partner",
    "file",
    "line",
    "subject",
    "predicate",
    "object",
    "author",
    "reviewer",
    "date",
    "justification",
    "comment",
)


def project(build: Path, schema: Schema, vocabulary: Vocabulary, staging: Path | None = None) -> GraphTables:
    """Write the nodes and relationships of a build as Parquet files, one per label and per pair of labels."""
    with duckdb.connect() as connection:
        return _Projection(connection, build, schema, vocabulary, staging or build / "graph").run()


class _Projection:
    """One run: views over the records first, then nodes, then relationships between them."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, build: Path, schema: Schema, vocabulary: Vocabulary, staging: Path
    ) -> None:
        self.sql = connection
        self.partners = build / "partners"
        self.build = build
        self.schema = schema
        self.vocabulary = vocabulary
        self.staging = staging
        self.classes = (*schema.records, *schema.shared)

    def run(self) -> GraphTables:
        self.staging.mkdir(parents=True, exist_ok=True)
        if not any(self.partners.glob("*/records/Patient.parquet")):
            raise BuildError(f"{self.build} holds no patients: there is no partners/<name>/records/Patient.parquet")
        for cls in self.classes:
            self._view(f"records/{cls.name}.parquet", cls.name, _record_columns(cls))
        self._view("records/Panel.parquet", "Panel", {"id": "VARCHAR", "covers": "BIGINT[]"})
        self._view("records/tested.parquet", "tested", {"patient": "VARCHAR", "panel": "VARCHAR", "day": "BIGINT"})
        self._view("mappings.parquet", "mapping", {c: "INTEGER" if c == "line" else "VARCHAR" for c in MAPPING_COLUMNS})
        self._vocabulary()
        nodes = tuple(self._node(label, columns, query) for label, columns, query in self._nodes())
        pairs: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for type_, start, end, query in self._relationships():
            pairs[type_, start, end].append(query)
        relationships = tuple(self._relationship(*pair, " UNION ".join(queries)) for pair, queries in pairs.items())
        self._check_ends(nodes, relationships)
        return GraphTables(nodes, relationships)

    # --- views ---------------------------------------------------------------------------------------------------

    def _view(self, file: str, name: str, columns: dict[str, str]) -> None:
        """Make a view of one file of all partners; a column that no partner has is null."""
        paths = sorted(str(p) for p in self.partners.glob(f"*/{file}"))
        given: set[str] = set()
        source = ""
        if paths:
            source = f" FROM read_parquet([{', '.join(map(quoted, paths))}], union_by_name = true)"
            given = {row[0] for row in self.sql.execute(f"DESCRIBE SELECT *{source}").fetchall()}
        values = [f"{named(c) if c in given else 'NULL'}::{type_} AS {named(c)}" for c, type_ in columns.items()]
        self.sql.execute(f"CREATE VIEW {named('all ' + name)} AS SELECT {', '.join(values)}{source or ' WHERE false'}")

    def _vocabulary(self) -> None:
        """Make the tables of concepts, genes and parents: what the records use, and what leads there."""
        used = self._ids(f for f in self._concept_fields() if f[1].range != "Gene")
        genes = self._ids(f for f in self._concept_fields() if f[1].range == "Gene")
        covered = self._distinct('SELECT unnest(covers) AS id FROM "all Panel"')
        genes |= {i for i in covered if self._concept(i).record_class == "Gene"}
        # A gene that a panel covers is answered for by its alteration; the gene itself is nothing that a patient has.
        meant = {(i, self.vocabulary.as_record(i, "Mutation")) for i in covered}
        answers = {
            (i, c) for i, alteration in meant - {(g, g) for g in genes} for c in _answered(alteration, self.vocabulary)
        }
        # What a panel answers for can be asked for, though nobody has it: so the graph knows it.
        concepts = used | {c for _, c in answers}
        mapped = {(i, m) for i in concepts if (m := self.vocabulary.maps_to(i)) not in (None, i)}
        concepts |= {m for _, m in mapped}
        concepts |= {a for i in concepts for a in self.vocabulary.ancestors(i)}
        of_gene = {(i, g) for i in concepts if (g := self.vocabulary.gene_of(i)) is not None}
        genes |= {g for _, g in of_gene}
        self._table("concept", [self._concept(i) for i in sorted(concepts)])
        self._table("gene", [self._concept(i) for i in sorted(genes)])
        self._pairs("parent", {(i, p) for i in concepts for p in _direct(i, self.vocabulary)})
        self._pairs("answers", answers)
        self._pairs("mapped", {(i, m) for i, m in mapped if m is not None})
        # A panel that names one alteration of a gene has not tested the gene.
        self._pairs("gene_level", {(i, g) for i, g in of_gene if GENE_ALTERATION in self.vocabulary.parents(i)})

    def _concept_fields(self) -> Iterator[tuple[RecordClass, Field]]:
        return ((cls, field) for cls in self.classes for field in _concepts(cls))

    def _ids(self, fields: Iterable[tuple[RecordClass, Field]]) -> set[int]:
        return self._distinct(" UNION ".join(f"SELECT {_one(f)} AS id FROM {_all(c.name)}" for c, f in fields))

    def _distinct(self, union: str) -> set[int]:
        return {row[0] for row in self.sql.execute(f"SELECT id FROM ({union}) WHERE id IS NOT NULL").fetchall()}

    def _concept(self, concept: int) -> Concept:
        try:
            return self.vocabulary[concept]
        except KeyError:
            problem = Problem(
                "", None, "", f"concept {concept} is used by a record and is not in the vocabulary.", "Build again."
            )
            raise BuildError([problem]) from None

    def _table(self, name: str, concepts: list[Concept]) -> None:
        columns = ("id", "name", "vocabulary", "code", "domain", "record_class")
        types = [pa.int64(), *[pa.string()] * 5]
        arrays = [
            pa.array([getattr(c, column) for c in concepts], type=t) for column, t in zip(columns, types, strict=True)
        ]
        self._register(name, pa.table(arrays, names=list(columns)))

    def _pairs(self, name: str, pairs: set[tuple[int, int]]) -> None:
        arrays = [pa.array([pair[i] for pair in sorted(pairs)], type=pa.int64()) for i in (0, 1)]
        self._register(name, pa.table(arrays, names=["from", "to"]))

    def _register(self, name: str, table: Any) -> None:
        self.sql.register(f"{name}_rows", table)
        self.sql.execute(f"CREATE TABLE {name} AS FROM {name}_rows")

    # --- nodes ---------------------------------------------------------------------------------------------------

    def _nodes(self) -> Iterator[tuple[str, tuple[Property, ...], str]]:
        for cls in self.classes:
            yield cls.name, _properties(cls), _record_query(cls)
        properties = tuple(Property(c, "string") for c in ("name", "vocabulary", "code", "domain", "record_class"))
        yield "Concept", (Property("id", "integer"), *properties), "FROM concept"
        yield (
            "Gene",
            (Property("id", "integer"), *_strings("symbol", "name", "code")),
            "SELECT id, name AS symbol, name, code FROM gene",
        )
        yield "Panel", _strings("id"), 'SELECT DISTINCT id FROM "all Panel"'
        yield "Dataset", _strings("id", "build", "built_at", "vocabulary"), self._dataset_query()
        line = tuple(Property(c, "integer" if c == "line" else "string") for c in MAPPING_COLUMNS)
        query = (
            f'SELECT DISTINCT ON (id) {_mapping_id()} AS id, {_list(MAPPING_COLUMNS)} FROM "all mapping" ORDER BY id'
        )
        yield "MappingRow", (*_strings("id"), *line), query

    def _dataset_query(self) -> str:
        """Say of each dataset which build made it: the present one, or a former one that it was carried over from."""
        datasets = self.sql.execute('SELECT DISTINCT dataset FROM "all Patient" ORDER BY dataset').fetchall()
        rows = []
        for (dataset,) in datasets:
            built = built_with(self.build, dataset)
            values = [dataset, *(str(built.get(key, "")) for key in ("id", "built_at", "vocabulary"))]
            rows.append(f"({', '.join(map(quoted, values))})")
        return f"SELECT * FROM (VALUES {', '.join(rows)}) AS d(id, build, built_at, vocabulary)"

    def _node(self, label: str, properties: tuple[Property, ...], query: str) -> NodeTable:
        path = self.staging / f"{label}.parquet"
        return NodeTable(label, properties, path, self._write(query, properties, path))

    def _write(self, query: str, properties: tuple[Property, ...], path: Path) -> int:
        columns = _list(p.name for p in properties)
        copied = self.sql.execute(
            f"COPY (SELECT {columns} FROM ({query})) TO {quoted(str(path))} (FORMAT parquet)"
        ).fetchone()
        return int(copied[0]) if copied else 0

    # --- relationships -------------------------------------------------------------------------------------------

    def _relationships(self) -> Iterator[tuple[str, str, str, str]]:
        for cls in self.classes:
            if cls.relationship:
                yield (
                    cls.relationship,
                    "Patient",
                    cls.name,
                    f'SELECT patient AS "from", id AS "to" FROM {_all(cls.name)}',
                )
            for field in cls.fields:
                if field.relationship:
                    yield self._field(cls, field)
        yield "FROM", "Patient", "Dataset", 'SELECT id AS "from", dataset AS "to" FROM "all Patient"'
        yield "TESTED_BY", "Patient", "Panel", 'SELECT patient AS "from", panel AS "to", day FROM "all tested"'
        covers = 'SELECT id AS "from", unnest(covers) AS "to" FROM "all Panel"'
        yield "COVERS", "Panel", "Concept", f'SELECT * FROM ({covers}) WHERE "to" IN (SELECT id FROM concept)'
        yield "COVERS", "Panel", "Gene", f'SELECT * FROM ({covers}) WHERE "to" IN (SELECT id FROM gene)'
        yield (
            "COVERS",
            "Panel",
            "Gene",
            f'SELECT c."from", g."to" FROM ({covers}) c JOIN gene_level g ON g."from" = c."to"',
        )
        yield (
            "ANSWERS",
            "Panel",
            "Concept",
            f'SELECT c."from", a."to" FROM ({covers}) c JOIN answers a ON a."from" = c."to"',
        )
        yield "IS_A", "Concept", "Concept", "FROM parent"
        yield "MAPS_TO", "Concept", "Concept", "FROM mapped"

    def _field(self, cls: RecordClass, field: Field) -> tuple[str, str, str, str]:
        query = f"SELECT id AS own, {_one(field)} AS other FROM {_all(cls.name)} WHERE {named(field.name)} IS NOT NULL"
        if field.inverse:
            return field.relationship, field.range, cls.name, f'SELECT other AS "from", own AS "to" FROM ({query})'
        return field.relationship, cls.name, field.range, f'SELECT own AS "from", other AS "to" FROM ({query})'

    def _relationship(self, type_: str, start: str, end: str, query: str) -> RelationshipTable:
        properties: tuple[Property, ...] = (Property("day", "integer"),) if type_ == "TESTED_BY" else ()
        path = self.staging / f"{start}-{type_}-{end}.parquet"
        columns = (Property("from", "string"), Property("to", "string"), *properties)
        rows = self._write(f"SELECT DISTINCT * FROM ({query})", columns, path)
        return RelationshipTable(type_, start, end, properties, path, rows)

    def _check_ends(self, nodes: tuple[NodeTable, ...], relationships: tuple[RelationshipTable, ...]) -> None:
        """Raise ``BuildError`` where a relationship leads to a node that is not there: a store would stop half-way."""
        path = {node.label: quoted(str(node.path)) for node in nodes}
        problems = []
        for r in relationships:
            for column, label in (("from", r.start), ("to", r.end)):
                lost = self.sql.execute(
                    f"SELECT count(*) FROM read_parquet({quoted(str(r.path))}) r "
                    f"ANTI JOIN read_parquet({path[label]}) n ON n.id = r.{named(column)}"
                ).fetchone()
                if lost and lost[0]:
                    ends = f"(:{r.start})-[:{r.type}]->(:{r.end})"
                    message = f"{lost[0]} relationships {ends} name a {label} that is not in the build."
                    problems.append(Problem("", None, "", message, "Build again; if it stays, the loader is at fault."))
        if problems:
            raise BuildError(problems)


def built_with(build: Path, dataset: str) -> dict[str, Any]:
    """Return which build made a dataset: its own summary says it, or else the build."""
    summary, whole = build / "partners" / dataset / "summary.json", build / "build.json"
    built: dict[str, Any] = json.loads(summary.read_text()).get("built", {}) if summary.is_file() else {}
    return built or (json.loads(whole.read_text()) if whole.is_file() else {})


def _direct(concept: int, vocabulary: Vocabulary) -> set[int]:
    """Return the nearest ancestors: the parents that the files name, and those that were inferred."""
    above = vocabulary.ancestors(concept) - {concept}
    return {a for a in above if not any(a in vocabulary.ancestors(b) for b in above - {a})}


def _answered(covered: int, vocabulary: Vocabulary) -> frozenset[int]:
    """Return what a test of a concept answers for: all below it, but named alterations only where it is one itself."""
    below = vocabulary.descendants(covered)
    alterations = vocabulary.named_alterations()
    return below if covered in alterations else below - alterations


def _concepts(cls: RecordClass) -> tuple[Field, ...]:
    return tuple(f for f in cls.fields if f.kind == "concept")


def _record_columns(cls: RecordClass) -> dict[str, str]:
    fields = {f.name: _SQL[f.kind] + ("[]" if f.many else "") for f in cls.fields}
    return {
        "id": "VARCHAR",
        "patient": "VARCHAR",
        "dataset": "VARCHAR",
        **fields,
        **dict.fromkeys(PROVENANCE, "VARCHAR[]"),
    }


def _properties(cls: RecordClass) -> tuple[Property, ...]:
    """Return the properties of a class's nodes."""
    name = _strings("name") if _name_field(cls) else ()
    fields = tuple(p for f in cls.fields for p in _field_properties(f))
    provenance: tuple[Property, ...] = tuple(Property(c, "list of string") for c in PROVENANCE) if cls.is_record else ()
    return (*_strings("id"), *name, *fields, *provenance)


def _field_properties(field: Field) -> tuple[Property, ...]:
    if field.relationship:
        return ()
    if field.kind == "concept":
        return (
            Property(field.name, "string"),
            Property(f"{field.name}_id", "list of integer" if field.many else "integer"),
        )
    one, many = _PROPERTY.get(field.kind, ("string", "list of string"))
    return (Property(field.name, many if field.many else one),)


def _name_field(cls: RecordClass) -> Field | None:
    return next((f for f in _concepts(cls) if f.name == "concept"), None)


def _record_query(cls: RecordClass) -> str:
    """Select a class's nodes, with the names of the concepts that are properties; one node where partners share it."""
    naming = _name_field(cls)
    by_name = [(f, "name") for f in (naming,) if f] + [(f, f.name) for f in _concepts(cls) if not f.relationship]
    columns = ["r.id"]
    joins = []
    for number, (field, target) in enumerate(by_name):
        joins.append(_name_join(cls, field, f"n{number}"))
        columns.append(f"n{number}.name AS {named(target)}")
    for field in cls.fields:
        if field.kind == "concept" and not field.relationship:
            columns.append(f"r.{named(field.name)} AS {named(field.name + '_id')}")
        elif field.kind != "concept" and not field.relationship:
            columns.append(f"r.{named(field.name)}")
    if cls.is_record:
        columns += ["r.sources", f"{_qualified('r.mappings')} AS mappings", "r.disputed", "r.flags"]
    # A record stands in one partner's file; a shared node may stand in several.
    distinct = "DISTINCT ON (r.id) " if cls.shared else ""
    return f"SELECT {distinct}{', '.join(columns)} FROM {_all(cls.name)} r {' '.join(joins)}"


def _name_join(cls: RecordClass, field: Field, alias: str) -> str:
    if not field.many:
        return f"LEFT JOIN concept {alias} ON {alias}.id = r.{named(field.name)}"
    each = f"SELECT id, unnest({named(field.name)}) AS concept FROM {_all(cls.name)}"
    names = "SELECT o.id, string_agg(c.name, ' + ' ORDER BY c.name) AS name"
    query = f"{names} FROM ({each}) o JOIN concept c ON c.id = o.concept GROUP BY o.id"
    return f"LEFT JOIN ({query}) {alias} ON {alias}.id = r.id"


def _qualified(column: str) -> str:
    """Name mapping rows as the nodes do, ``partner/file:line``."""
    return f"list_transform({column}, m -> CASE WHEN contains(m, '/') THEN m ELSE r.dataset || '/' || m END)"


def _mapping_id() -> str:
    return "partner || '/' || file || ':' || line"


def _one(field: Field) -> str:
    return f"unnest({named(field.name)})" if field.many else named(field.name)


def _strings(*names: str) -> tuple[Property, ...]:
    return tuple(Property(name, "string") for name in names)


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(named, names))


def _all(name: str) -> str:
    return named(f"all {name}")
