"""Validate: hold a partner's records against the shapes, and say in a curator's words what is wrong with which record.

This is the reference validator: pySHACL over an RDF projection of the records, a batch of patients at a time. All
records of a patient are in one batch, so shapes may compare them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rdflib import RDF, SH, Graph, Literal, URIRef
from rdflib.extras.shacl import parse_shacl_path
from rdflib.term import Node

from haemony.engine.errors import BuildError
from haemony.graph_loader.rdf import CONCEPT, RECORD, Ancestors, Scope, Tables, concept_id, project, record_iri, typed
from haemony.graph_loader.shapes import SEVERITIES, last_word, path_turtle, read_shapes, shape_id
from haemony.ontology.schema import HAEMONY, Schema, read_schema

__all__ = ["Summary", "Validator", "Violation", "read_shapes", "report_graph", "validate"]

#: Components whose results carry no sh:value: https://www.w3.org/TR/shacl/#validator-definitions
VALUELESS = ("MinCount", "MaxCount", "QualifiedMinCount", "QualifiedMaxCount", "HasValue", "UniqueLang")

ATTRIBUTES = ("record_id", "class", "patient", "shape", "severity", "component", "path", "value", "message")
LISTS = ("mappings", "sources")


# --- what is found ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Violation:
    """One result: a record, the shape that it breaks, and why in words."""

    shape: str
    patient: str
    record_id: str
    value: str
    component: str
    severity: str
    cls: str
    path: str
    message: str


@dataclass(frozen=True)
class Summary:
    """How many records were checked, and how often which shape was broken."""

    patients: int
    records: int
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    quarantined: int = 0

    def severity(self, name: str) -> int:
        """Return the number of results of a severity.

        >>> Summary(1, 3, {("patient-age", "Warning"): 2}).severity("Warning")
        2
        """
        return sum(n for (_, severity), n in self.counts.items() if severity == name)


class Validator:
    """Shapes made ready, for many batches of patients."""

    def __init__(
        self,
        shapes: Graph,
        ancestors: Ancestors,
        name: Callable[[int], str] | None = None,
        schema: Schema | None = None,
    ) -> None:
        self.shapes = shapes
        self.ancestors = ancestors
        self.scope = Scope.of(shapes)
        self._name = name
        self._classes: dict[Node, str] = {c.iri: c.name for c in (schema or read_schema()).records}
        self._paths: dict[tuple[Node, URIRef], Any] = {}

    def check(self, tables: Tables) -> list[Violation]:
        """Validate the records of some patients."""
        return self.check_graph(project(tables, self.ancestors, self.scope))

    def check_graph(self, data: Graph) -> list[Violation]:
        """Validate an RDF projection of records."""
        from pyshacl import validate as shacl

        _, report, _ = shacl(
            data, shacl_graph=self.shapes, inplace=True, inference="none", advanced=False, meta_shacl=False
        )
        if not isinstance(report, Graph):
            raise BuildError(f"The shapes cannot be applied: {report}")
        return [self._read(data, report, result) for result in report.objects(None, SH.result)]

    def _read(self, data: Graph, report: Graph, result: Node) -> Violation:
        found = dict(report.predicate_objects(result))
        shape, focus, value = found[SH.sourceShape], found[SH.focusNode], found.get(SH.value)
        component = shape_id(found[SH.sourceConstraintComponent]).removesuffix("ConstraintComponent")
        values = self._values(data, shape, focus, None if component in VALUELESS else value)
        return Violation(
            shape=shape_id(shape),
            patient=str(data.value(focus, HAEMONY.patient) or "").removeprefix(RECORD),
            record_id=str(focus).removeprefix(RECORD),
            value=", ".join(sorted(str(v) for v in values)),
            component=component,
            severity=SEVERITIES[URIRef(str(found[SH.resultSeverity]))],
            cls=next((self._classes[t] for t in data.objects(focus, RDF.type) if t in self._classes), ""),
            path=self._path_text(shape),
            message=self._fill(str(self.shapes.value(shape, SH.message)), data, focus, values),
        )

    def _values(self, data: Graph, shape: Node, focus: Node, value: Node | None) -> list[Node]:
        shown = self._path(shape, HAEMONY.shows)
        if shown is None:
            own = self._path(shape, SH.path)
            if value is not None or own is None:
                return [value] if value is not None and value != focus else []
            return [] if (shape, SH.hasValue, None) in self.shapes else sorted(set(data.objects(focus, own)), key=str)
        among = set(self.shapes.objects(shape, HAEMONY.among))
        values = sorted(set(data.objects(focus, shown)), key=str)
        return [v for v in values if not among or not among.isdisjoint(data.objects(v, HAEMONY.ancestor))]

    def _path(self, shape: Node, predicate: URIRef) -> Any:
        key = (shape, predicate)
        if key not in self._paths:
            node = self.shapes.value(shape, predicate)
            self._paths[key] = None if node is None else parse_shacl_path(self.shapes, node)
        return self._paths[key]

    def _path_text(self, shape: Node) -> str:
        path = self._path(shape, SH.path) or self._path(shape, HAEMONY.shows)
        if path is None:
            return ""
        return re.sub(r"<[^>]*[/#]([^>/#]*)>", r"\1", path.n3())

    def _fill(self, message: str, data: Graph, focus: Node, values: Sequence[Node]) -> str:
        def words(match: re.Match[str]) -> str:
            name = match[1]
            if name == "focus":
                return str(focus).removeprefix(RECORD)
            nodes = values if name == "value" else list(data.objects(focus, HAEMONY[name]))
            return ", ".join(dict.fromkeys(self._say(node) for node in nodes)) or "none"

        return re.sub(r"\{(\w+)\}", words, message)

    def _say(self, node: Node) -> str:
        concept = concept_id(node)
        if concept is None:
            return str(node).removeprefix(RECORD) if isinstance(node, URIRef) else _number(node)
        name = self._name(concept) if self._name else ""
        return f"{name} ({concept})" if name else f"concept {concept}"


def _number(node: Node) -> str:
    """Write a literal without needless noughts."""
    text = str(node)
    return text.rstrip("0").rstrip(".") if isinstance(node, Literal) and re.fullmatch(r"-?\d+\.\d+", text) else text


# --- the step --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """All that a worker process needs, in plain values that can be sent to it."""

    records: Path
    shapes: tuple[Path, ...]
    ancestors: Mapping[int, tuple[int, ...]]
    names: Mapping[int, str]
    schema: Schema

    def start(self) -> tuple[Validator, Tables]:
        shapes = read_shapes(self.shapes, self.schema)
        validator = Validator(shapes, self.of, lambda concept: self.names.get(concept, ""), self.schema)
        return validator, Tables.read(self.records, validator.scope, self.schema)

    def of(self, concept: int) -> tuple[int, ...]:
        return self.ancestors.get(concept, ())


_worker: tuple[Validator, Tables] | None = None


def _start(job: _Job) -> None:
    global _worker
    _worker = job.start()


def _run(patients: Sequence[str]) -> list[Violation]:
    assert _worker is not None
    validator, tables = _worker
    return validator.check(tables.of(patients))


def validate(
    records: Path,
    shapes: Sequence[Path],
    ancestors: Ancestors,
    out: Path,
    processes: int = 2,
    batch: int = 100,
    name: Callable[[int], str] | None = None,
    schema: Schema | None = None,
) -> Summary:
    """Validate the record tables in a folder, and write ``violations.parquet``.

    ``shapes`` are files or folders; ``ancestors`` gives a concept's ancestors and itself; ``name`` its name for
    messages, or raises ``KeyError`` where the vocabulary does not know it; ``out`` is the file to write; ``schema`` has
    the record classes (the ontology's own where none is given). With more than one process, batches of patients run
    side by side in fresh interpreters.
    """
    schema = schema or read_schema()
    graph = read_shapes(shapes, schema)
    scope = Scope.of(graph)
    tables = Tables.read(records, scope, schema)
    patients = tables.patients()
    job = _Job(records, tuple(shapes), *_lookup(tables, ancestors, name), schema)
    batches = [patients[i : i + batch] for i in range(0, len(patients), batch)]
    found = sorted(set(_spread(job, batches, min(processes, len(batches)))))
    _write(found, records, tables, out)
    return Summary(
        patients=tables.tables["Patient"].num_rows if "Patient" in tables.tables else 0,
        records=sum(t.num_rows for t in tables.tables.values()),
        counts=dict(sorted(Counter((v.shape, v.severity) for v in found).items())),
        quarantined=len({v.record_id for v in found if v.severity == "Violation"}),
    )


def _lookup(
    tables: Tables, ancestors: Ancestors, name: Callable[[int], str] | None
) -> tuple[dict[int, tuple[int, ...]], dict[int, str]]:
    """Look up every used concept once, so that workers need no vocabulary.

    A concept that the vocabulary does not know has no ancestors; a shape reports it.
    """
    names: dict[int, str] = {}
    above: dict[int, tuple[int, ...]] = {}
    for concept in sorted(tables.concepts()):
        try:
            if name:
                names[concept] = name(concept)
            above[concept] = tuple(sorted(set(ancestors(concept))))
        except LookupError:
            above[concept] = ()
    return above, names


def _spread(job: _Job, batches: Sequence[Sequence[str]], processes: int) -> list[Violation]:
    if processes < 2:
        validator, tables = job.start()
        return [v for patients in batches for v in validator.check(tables.of(patients))]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(processes, get_context("spawn"), _start, (job,)) as pool:
        return [v for found in pool.map(_run, batches) for v in found]


def no_violations(out: Path) -> Path:
    """Write the table of violations of a delivery that breaks no shape, or that nobody validated."""
    _write_violations([], {}, out)
    return out


def _write(found: Sequence[Violation], records: Path, tables: Tables, out: Path) -> None:
    _write_violations(found, _origins({v.record_id for v in found}, records, tables), out)


def _write_violations(found: Sequence[Violation], origin: Mapping[str, Mapping[str, list[str]]], out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {a: [getattr(v, "cls" if a == "class" else a) for v in found] for a in ATTRIBUTES}
    columns |= {name: [origin.get(v.record_id, {}).get(name, []) for v in found] for name in LISTS}
    types = {a: pa.string() for a in ATTRIBUTES} | {name: pa.list_(pa.string()) for name in LISTS}
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema=pa.schema(types)), out)


def _origins(ids: set[str], records: Path, tables: Tables) -> dict[str, dict[str, list[str]]]:
    """Look up the source cells and mapping rows of the records in focus."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: dict[str, dict[str, list[str]]] = {}
    wanted = pa.array(sorted(ids), pa.string())
    for name in tables.tables:
        path = records / f"{name}.parquet"
        lists = [c for c in LISTS if c in pq.read_schema(path).names]
        table = pq.read_table(path, columns=["id", *lists])
        for row in table.filter(pc.is_in(table.column("id"), value_set=wanted)).to_pylist():
            merged = found.setdefault(row["id"], {c: [] for c in LISTS})
            for column in lists:
                merged[column] = list(dict.fromkeys([*merged[column], *(row[column] or [])]))
    return found


# --- the report ------------------------------------------------------------------------------------------------


def report_graph(violations: Path | Sequence[Path], shapes: Graph, out: Path, schema: Schema | None = None) -> int:
    """Write ``violations.parquet``, one or several, as one SHACL validation report; return the number of results.

    Each result also names, with ``:source`` and ``:mapping``, the delivered cells and mapping rows behind its record.
    Results are written one by one: a graph of them would not fit where a whole delivery is at fault.
    """
    import pyarrow.parquet as pq

    files = [pq.ParquetFile(path) for path in ([violations] if isinstance(violations, Path) else violations)]
    kinds = {str(f.word): f.kind for c in (schema or read_schema()).records for f in c.fields}
    named = {shape_id(s): URIRef(str(s)) for s in shapes.subjects(SH.severity)}
    count = sum(int(rows.metadata.num_rows) for rows in files)
    with out.open("w", encoding="utf-8") as file:
        file.write(f"@prefix : <{HAEMONY}> .\n@prefix sh: <{SH}> .\n\n")
        file.write(f"<urn:haemony:validation> a sh:ValidationReport ; sh:conforms {str(count == 0).lower()} .\n")
        for part in (part for rows in files for part in rows.iter_batches()):
            file.writelines(_result(row, named[row["shape"]], shapes, kinds) for row in part.to_pylist())
    return count


def _result(row: Mapping[str, Any], shape: URIRef, shapes: Graph, kinds: Mapping[str, str]) -> str:
    focus = record_iri(row["record_id"]).n3()
    lines = [
        "\n<urn:haemony:validation> sh:result [ a sh:ValidationResult",
        f"sh:focusNode {focus}",
        f"sh:sourceShape {shape.n3()}",
        f"sh:resultSeverity sh:{row['severity']}",
        f"sh:sourceConstraintComponent sh:{row['component']}ConstraintComponent",
        f"sh:resultMessage {Literal(row['message']).n3()}",
    ]
    path = shapes.value(shape, SH.path)
    if path is None:
        lines.append(f"sh:value {focus}")
    else:
        lines.append(f"sh:resultPath {path_turtle(shapes, path)}")
        if row["component"] not in VALUELESS and row["value"]:
            lines.append(f"sh:value {_value(row['value'], kinds.get(str(last_word(shapes, path)), '')).n3()}")
    lines += [f":source {Literal(cell).n3()}" for cell in row["sources"]]
    lines += [f":mapping {Literal(rule).n3()}" for rule in row["mappings"]]
    return " ;\n  ".join(lines) + " ] .\n"


def _value(text: str, kind: str) -> URIRef | Literal:
    if text.startswith((RECORD, CONCEPT)):
        return URIRef(text)
    return typed(kind, text)
