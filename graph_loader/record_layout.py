"""The records of a partner as shapes see them, in columns: what ``rdf`` writes as triples.

Each record class is a table, and each record a number, which stands wherever another refers to it. The words that
several classes have (``:patient``, ``:concept``, ``:day``) stand once more in a table of all records, ``every``, so
that a walk over all records of a patient is one join. Lists have tables of their own, and so have words that are worked
out: ``:ancestor``, ``:earlier_line``, ``:diagnosed``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from rdflib import RDF, RDFS, URIRef
from rdflib.term import Node

from haemony.engine.session import Session
from haemony.engine.sql import named, quoted
from haemony.graph_loader.rdf import (
    DIAGNOSED,
    EARLIER_LINE,
    END_DAY,
    PRECURSOR,
    Ancestors,
    Scope,
    concept_id,
)
from haemony.graph_loader.record_columns import (
    CONCEPTS,
    FOREIGN,
    RECORDS,
    SQL_TYPES,
    Column,
    column_of,
    file_of,
    home_of,
    list_of,
    rows_of,
    schema_of,
    sort_of_field,
    table_of,
)
from haemony.ontology.schema import HAEMONY, RecordClass, Schema
from haemony.shapes.layout import Edge, Extent, Known, Sort
from haemony.shapes.tables import INTEGERS, OTHERS, Tables

EVERY, ABOVE, STRAYS = "every", "above", "strays"
NODE = "{t}.n"
PATIENT = "Patient"
#: The lists that each record carries: the lines of the mapping and the delivered cells behind it.
MAPPINGS, SOURCES = LISTS = ("mappings", "sources")
#: A targeted concept with more descendants in use than this is looked up in a table, not compared one by one.
FEW = 40
#: Stands for a reference to no record of its class until such references are resolved.
STRAY = -1


@dataclass
class RecordLayout:
    """The tables of one folder of records, laid in a session."""

    session: Session
    records: Path
    scope: Scope
    schema: Schema
    ancestors: Ancestors
    #: The concepts that the column of a class holds.
    stated: dict[tuple[str, str], frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, path in self.files.items():
            self.session.keep_file(file_of(name), path, self.offsets[name])
        ids = [f"SELECT n AS node, id AS text FROM {file_of(name)}" for name in self.files]
        nothing = "SELECT CAST(NULL AS BIGINT) AS node, CAST(NULL AS VARCHAR) AS text WHERE FALSE"
        self._ids = " UNION ALL ".join(ids) or nothing
        self.session.keep(STRAYS, nothing)
        for cls in self.files:
            self._keep_class(cls, strays=False)
        self._strayed = {cls: columns for cls in self.files if (columns := self._astray(cls))}
        if self._strayed:
            self._keep_strays(self._strayed)
            for cls in self._strayed:
                self._keep_class(cls, strays=True)
        for cls, columns in self.columns.items():
            for c in columns:
                if c.many:
                    listed = f"SELECT n, unnest({named(c.name)}) AS value FROM {file_of(cls)}"
                    self.session.keep(list_of(cls, c), f"SELECT n, value FROM ({listed}) WHERE value IS NOT NULL")
        self._keep_every()
        self._keep_above()

    # --- what there is

    @cached_property
    def files(self) -> dict[str, Path]:
        """The Parquet file of each class that has one, patients first."""
        named_ = {c.name: self.records / f"{c.name}.parquet" for c in self.schema.records}
        return {name: path for name, path in named_.items() if path.exists()}

    @cached_property
    def offsets(self) -> dict[str, int]:
        """The number of each class's first record."""
        found, next_ = {}, 0
        for name, path in self.files.items():
            found[name], next_ = next_, next_ + rows_of(path)
        return found

    @cached_property
    def columns(self) -> dict[str, list[Column]]:
        """The columns of each class that shapes can see."""
        return {name: list(self._columns(self.schema[name])) for name in self.files}

    def _columns(self, cls: RecordClass) -> Iterable[Column]:
        kinds = schema_of(self.files[cls.name])
        if PATIENT in self.files:
            yield Column(HAEMONY.patient, "patient", RECORDS, "f.patient", PATIENT)
        else:
            yield Column(HAEMONY.patient, "patient", FOREIGN, "nullif(f.patient, '')")
        for f in self.scope.fields(cls):
            if f.name not in kinds.names:
                continue
            kind = kinds.field(f.name).type
            if pa.types.is_list(kind):
                yield Column(f.word, f.name, sort_of_field(f, kind.value_type), "", many=True)
                continue
            sort = sort_of_field(f, kind)
            if sort == RECORDS and f.range not in self.files:
                sort = FOREIGN
            yield Column(f.word, f.name, sort, f"f.{named(f.name)}", f.range if sort == RECORDS else "")
            if f.ends_record and cls.has("day"):
                end = f"CAST(f.day + round(f.{named(f.name)}) AS BIGINT)"
                yield Column(END_DAY, f"end_of_{f.name}", INTEGERS, end)

    @cached_property
    def shared(self) -> dict[tuple[URIRef, Sort], str]:
        """The words that several classes have, with the column of each in the table of all records."""
        classes: dict[tuple[URIRef, Sort], list[str]] = defaultdict(list)
        for columns in self.columns.values():
            for c in columns:
                if not c.many:
                    classes[c.word, c.sort].append(c.name)
        several = [key for key, names in classes.items() if len(names) > 1 or key[0] == HAEMONY.patient]
        return {key: f"w{number}" for number, key in enumerate(several)}

    # --- tables

    def _keep_class(self, cls: str, strays: bool) -> None:
        joins, parts = [], ["f.n AS n"]
        for number, c in enumerate(c for c in self.columns[cls] if not c.many):
            text = f"CAST({c.text} AS {SQL_TYPES[c.sort]})"
            if c.refers_to:
                text, join = _resolved(c, number, strays)
                joins += join
            parts.append(f"{text} AS {named(c.name)}")
        self.session.keep(table_of(cls), f"SELECT {', '.join(parts)} FROM {file_of(cls)} AS f {' '.join(joins)}")

    def _astray(self, cls: str) -> list[Column]:
        """Return the columns with references to what is no record of the class that they should lead to."""
        references = [c for c in self.columns[cls] if c.refers_to]
        if not references:
            return []
        counts = ", ".join(f"COUNT(CASE WHEN {named(c.name)} = {STRAY} THEN 1 END)" for c in references)
        [found] = self.session.ask(f"SELECT {counts} FROM {table_of(cls)}")
        return [c for c, number in zip(references, found, strict=True) if number]

    def _keep_strays(self, astray: Mapping[str, Sequence[Column]]) -> None:
        """Number what such references lead to: as the record of another class that it is, or as none."""
        texts = []
        for cls, columns in astray.items():
            for c in columns:
                where = f"f.n IN (SELECT n FROM {table_of(cls)} WHERE {named(c.name)} = {STRAY})"
                texts.append(f"SELECT {c.text} AS text FROM {file_of(cls)} AS f WHERE {where}")
        self.session.keep("astray", " UNION ".join(texts))
        known = (
            f"SELECT text, min(node) AS node FROM ({self._ids}) WHERE text IN (SELECT text FROM astray) GROUP BY text"
        )
        number = f"COALESCE(k.node, {STRAY} - row_number() OVER (ORDER BY t.text))"
        joined = f"astray AS t LEFT JOIN ({known}) AS k ON k.text = t.text"
        self.session.keep(STRAYS, f"SELECT {number} AS node, t.text AS text FROM {joined}")

    def _keep_every(self) -> None:
        selects = []
        for cls, columns in self.columns.items():
            mine = {(c.word, c.sort): named(c.name) for c in columns if not c.many}
            filled = (f"CAST({mine.get(k, 'NULL')} AS {SQL_TYPES[k[1]]}) AS {name}" for k, name in self.shared.items())
            selects.append(f"SELECT {', '.join(('n', *filled))} FROM {table_of(cls)}")
        nothing = "SELECT CAST(NULL AS BIGINT) AS n WHERE FALSE"
        self.session.keep(EVERY, " UNION ALL ".join(selects) or nothing)

    def _keep_above(self) -> None:
        above = {}
        for concept in sorted(self._stated()):
            try:
                above[concept] = tuple(sorted(set(self.ancestors(concept))))
            except LookupError:  # a shape reports what the vocabulary does not know
                above[concept] = ()
        kinds = {"concept": pa.int64(), "ancestor": pa.int64()}
        self.session.keep_rows(ABOVE, kinds, [(c, a) for c, ancestry in above.items() for a in ancestry])
        self._below: dict[int, set[int]] = defaultdict(set)
        for concept, ancestry in above.items():
            for ancestor in ancestry:
                self._below[ancestor].add(concept)
        self.concepts = frozenset(above)

    def _stated(self) -> set[int]:
        """Collect the concepts that records state."""
        found: set[int] = set()
        for cls, columns in self.columns.items():
            for c in columns:
                if c.sort != CONCEPTS:
                    continue
                rows = self.session.ask(
                    f"SELECT DISTINCT {column_of(c)} FROM {home_of(cls, c)} WHERE {column_of(c)} IS NOT NULL"
                )
                self.stated[cls, c.name] = frozenset(int(concept) for (concept,) in rows)
                found |= self.stated[cls, c.name]
        return found

    # --- what stands behind the numbers

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The number of records of each class."""
        return {name: rows_of(path) for name, path in self.files.items()}

    @property
    def all_ids(self) -> str:
        """The query that gives the id, ``text``, of each record number, ``node``."""
        return f"{self._ids} UNION ALL SELECT node, text FROM {STRAYS} WHERE node < 0"

    def keep_subjects(self, name: str, numbers: str) -> None:
        """Keep the records of some numbers: ``n``, ``id``, ``class``, ``patient``, and the cells and lines behind them.

        One class at a time: lists are wide, and those of all classes at once would not stay small.
        """
        self.session.keep("wanted", f"SELECT DISTINCT n FROM ({numbers})")
        nothing = f"CAST([] AS VARCHAR[]) AS {MAPPINGS}, CAST([] AS VARCHAR[]) AS {SOURCES}"
        strays = f"SELECT node AS n, text AS id, '' AS class, '' AS patient, {nothing} FROM {STRAYS} WHERE node < 0"
        parts = [f"SELECT * FROM ({strays}) WHERE n IN (SELECT n FROM wanted)"]
        for cls, first in self.offsets.items():
            within = f"n >= {first} AND n < {first + self.sizes[cls]}"
            if not self.session.ask(f"SELECT n FROM wanted WHERE {within} LIMIT 1"):
                continue
            chosen = f"SELECT {self._subject(cls)} FROM {file_of(cls)} WHERE n IN (SELECT n FROM wanted WHERE {within})"
            self.session.keep(f"{name}_{cls}", chosen)
            parts.append(f"SELECT * FROM {name}_{cls}")
        self.session.keep(name, " UNION ALL ".join(parts))

    def _subject(self, cls: str) -> str:
        there = schema_of(self.files[cls]).names
        lists = (f"COALESCE({c}, []) AS {c}" if c in there else f"CAST([] AS VARCHAR[]) AS {c}" for c in LISTS)
        return f"n, id, {quoted(cls)} AS class, COALESCE(patient, '') AS patient, {', '.join(lists)}"

    def patients_of(self, numbers: str) -> list[str]:
        """List the patients that the records of some numbers name, '' for those of nobody."""
        named_ = (f"SELECT patient FROM {file_of(cls)} WHERE n IN ({numbers})" for cls in self.files)
        found = " UNION ".join(named_)
        return sorted({text or "" for (text,) in self.session.ask(found)}) if found else []

    def numbers(self, ids: str) -> str:
        """Return the query of the numbers of records, by their ids."""
        return f"SELECT node AS n FROM ({self.all_ids}) WHERE text IN ({ids})"

    # --- the layout

    def tables(self) -> Tables:
        """Return the layout that shapes are planned over."""
        universe = Extent(EVERY, NODE, RECORDS, keyed=True)
        if self.session.size(STRAYS):
            universe = Extent(f"(SELECT n FROM {EVERY} UNION SELECT node FROM {STRAYS})", NODE, RECORDS)
        concepts = Extent(f"(SELECT DISTINCT concept FROM {ABOVE})", "{t}.concept", CONCEPTS, keyed=True)
        return Tables(
            self._predicates(),
            {table_of(cls): self._of_class(cls) for cls in self.files},
            self._instances,
            {
                RECORDS: universe,
                CONCEPTS: concepts,
                FOREIGN: Extent("(SELECT '' AS node WHERE FALSE)", "{t}.node", FOREIGN),
            },
            {RECORDS: self._number},
            {RECORDS: f"({self.all_ids})"},
        )

    def _number(self, record_id: str) -> int | None:
        found = self.session.ask(f"SELECT min(node) FROM ({self._ids}) WHERE text = {quoted(record_id)}")
        return None if found[0][0] is None else int(found[0][0])

    def _of_class(self, cls: str) -> dict[URIRef, list[Edge]]:
        found: dict[URIRef, list[Edge]] = defaultdict(list)
        for c in self.columns[cls]:
            if c.many:
                edge = Edge(list_of(cls, c), NODE, RECORDS, "{t}.value", c.sort)
            else:
                edge = Edge(table_of(cls), NODE, RECORDS, f"{{t}}.{named(c.name)}", c.sort, keyed=True)
            home = table_of(c.refers_to) if c.refers_to and c not in self._strayed.get(cls, ()) else ""
            found[c.word].append(replace(edge, objects=self._objects([(cls, c)]), home=home))
        iri = quoted(str(self.schema[cls].iri))
        found[RDF.type] += [Edge(table_of(cls), NODE, RECORDS, iri, OTHERS, keyed=True), *self._concept_types([cls])]
        for word, edge in self._worked_out():
            if cls == {EARLIER_LINE: "Treatment", DIAGNOSED: PATIENT}[word]:
                found[word].append(edge)
        return found

    def _predicates(self) -> dict[URIRef, list[Edge]]:
        found: dict[URIRef, list[Edge]] = defaultdict(list)
        for (word, sort), name in self.shared.items():
            columns = [(cls, c) for cls, cs in self.columns.items() for c in cs if (c.word, c.sort) == (word, sort)]
            objects = self._objects([(cls, c) for cls, c in columns if not c.many])
            homes = {c.refers_to for _, c in columns} if not self._strayed else set()
            home = table_of(*homes) if len(homes) == 1 and all(homes) else ""
            edge = Edge(EVERY, NODE, RECORDS, f"{{t}}.{name}", sort, keyed=True, objects=objects, home=home)
            found[word].append(edge)
        for cls in self.files:
            for word, edges in self._of_class(cls).items():
                found[word] += [e for e in edges if not e.keyed or (word, e.object_sort) not in self.shared]
        for word, edge in self._worked_out():
            found[word] = [edge]
        found[HAEMONY.ancestor].append(
            Edge(ABOVE, "{t}.concept", CONCEPTS, "{t}.ancestor", CONCEPTS, objects=self._ancestors_of)
        )
        classes = [f"SELECT {quoted(str(self.schema[cls].iri))} AS s" for cls in self.files]
        if classes:
            above = f"(SELECT s, {quoted(str(HAEMONY.Record))} AS o FROM ({' UNION ALL '.join(classes)}))"
            found[RDFS.subClassOf].append(Edge(above, "{t}.s", OTHERS, "{t}.o", OTHERS))
        return found

    def _objects(self, columns: Sequence[tuple[str, Column]]) -> Callable[[Known], Known] | None:
        """Return the concepts that columns hold, as constants; None for columns of anything else."""
        if any(c.sort != CONCEPTS for _, c in columns):
            return None
        stated = frozenset(str(concept) for cls, c in columns for concept in self.stated[cls, c.name])
        return lambda _: stated

    def _ancestors_of(self, concepts: Known) -> Known:
        if concepts is None:
            return None
        return frozenset(str(above) for above, below in self._below.items() if not concepts.isdisjoint(map(str, below)))

    def _worked_out(self) -> Iterable[tuple[URIRef, Edge]]:
        """Return the words that no column holds."""
        treatment = self.columns.get("Treatment", [])
        if EARLIER_LINE in self.scope.words and any(c.name == "line" for c in treatment):
            pairs = "FROM rows_Treatment AS b JOIN rows_Treatment AS a ON a.patient = b.patient AND a.line < b.line"
            yield EARLIER_LINE, Edge(f"(SELECT b.n, a.n AS o {pairs})", NODE, RECORDS, "{t}.o", RECORDS)
        names = {c.name for c in self.columns.get("Diagnosis", [])}
        if DIAGNOSED in self.scope.words and {"day", "concept"} <= names:
            precursors = f"SELECT concept FROM {ABOVE} WHERE ancestor = {PRECURSOR}"
            ripe = f"concept IS NOT NULL AND day IS NOT NULL AND concept NOT IN ({precursors}) AND patient IS NOT NULL"
            first = f"(SELECT patient AS n, min(day) AS o FROM rows_Diagnosis WHERE {ripe} GROUP BY patient)"
            yield DIAGNOSED, Edge(first, NODE, RECORDS, "{t}.o", INTEGERS)

    def _concept_types(self, classes: Iterable[str]) -> list[Edge]:
        """A record is an instance of each concept that a shape targets and that its own concept descends from."""
        targets = ", ".join(map(str, sorted(self.scope.targets)))
        if not targets:
            return []
        columns = [(cls, c) for cls in classes for c in self.columns[cls]]
        stated = [
            f"SELECT n, {column_of(c)} AS concept FROM {home_of(cls, c)}"
            for cls, c in columns
            if (c.word, c.sort) == (HAEMONY.concept, CONCEPTS)
        ]
        if not stated:
            return []
        united = f"({' UNION ALL '.join(stated)}) AS f JOIN {ABOVE} AS a ON a.concept = f.concept"
        pairs = f"(SELECT DISTINCT f.n, a.ancestor AS o FROM {united} WHERE a.ancestor IN ({targets}))"
        return [Edge(pairs, NODE, RECORDS, "{t}.o", CONCEPTS)]

    def _instances(self, cls: Node) -> Sequence[Extent]:
        """Return the records of a class or of a concept, or the concepts that the vocabulary knows."""
        concept = concept_id(cls)
        if concept is not None:
            return list(self._stating(concept))
        if cls == HAEMONY.Concept:
            return [Extent(f"(SELECT DISTINCT concept FROM {ABOVE})", "{t}.concept", CONCEPTS, keyed=True)]
        if cls == HAEMONY.Record:
            return [Extent(EVERY, NODE, RECORDS, keyed=True)]
        classes = [n for n in self.files if self.schema[n].iri == cls]
        return [Extent(table_of(n), NODE, RECORDS, keyed=True, apart=True) for n in classes]

    def _stating(self, concept: int) -> Iterable[Extent]:
        below = self._below.get(concept, set())
        for cls, columns in self.columns.items():
            for c in columns:
                mine = sorted(below & self.stated.get((cls, c.name), frozenset())) if c.word == HAEMONY.concept else []
                if not mine:
                    continue
                if c.many:
                    inner = f"SELECT n FROM {list_of(cls, c)} WHERE {_one_of('value', concept, mine)}"
                    yield Extent(table_of(cls), NODE, RECORDS, f"{NODE} IN ({inner})", keyed=True, apart=True)
                else:
                    where = _one_of(f"{{t}}.{named(c.name)}", concept, mine)
                    yield Extent(table_of(cls), NODE, RECORDS, where, keyed=True, apart=True)


def _resolved(c: Column, number: int, strays: bool) -> tuple[str, list[str]]:
    """Return the number of the record that a column refers to, and the joins that find it."""
    joins, found = [f"LEFT JOIN {file_of(c.refers_to)} AS r{number} ON r{number}.id = {c.text}"], [f"r{number}.n"]
    if strays:
        joins.append(f"LEFT JOIN {STRAYS} AS s{number} ON s{number}.text = {c.text}")
        found.append(f"s{number}.node")
    found.append(f"CASE WHEN {c.text} <> '' THEN {STRAY} END")
    return f"COALESCE({', '.join(found)})", joins


def _one_of(column: str, concept: int, below: Sequence[int]) -> str:
    """Return the condition that a column holds a concept or one below it; null is none."""
    if len(below) > FEW:
        inner = f"SELECT concept FROM {ABOVE} WHERE ancestor = {concept}"
        return f"({column} IS NOT NULL AND {column} IN ({inner}))"
    return f"({column} IS NOT NULL AND {column} IN ({', '.join(map(str, below))}))"
