"""Validate: hold a partner's records against the shapes, and say in a curator's words what is wrong with which record.

Shapes are compiled (``haemony.shapes``) and run on the record tables as they lie. Those that hold a SPARQL constraint
take the slow road, over RDF (``reference``), for the patients whose records they target; with ``reference`` all do.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from rdflib import Graph

from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.engine.session import write_rows
from haemony.engine.sql import quoted
from haemony.graph_loader.messages import VIOLATIONS, keep_violations, nothing_found
from haemony.graph_loader.rdf import Ancestors, Scope, Tables
from haemony.graph_loader.record_layout import LISTS, RecordLayout
from haemony.graph_loader.reference import check_patients
from haemony.graph_loader.shapes import SEVERITIES, Violation, read_shapes, shape_id
from haemony.ontology.schema import HAEMONY, Schema, read_schema
from haemony.shapes.algebra import Shape, slow
from haemony.shapes.layout import Place
from haemony.shapes.reader import read_algebra
from haemony.shapes.validation import Validation

#: How a shape was answered: ``checked.parquet`` says it of each.
COMPILED, SPARQL, REFERENCE = "compiled", "sparql", "reference"
CHECKED: Final = "checked.parquet"
CHECKED_COLUMNS = {
    **dict.fromkeys(("shape", "severity", "kahn"), pa.string()),
    **dict.fromkeys(("targeted", "failed"), pa.int64()),
    "road": pa.string(),
}
ORDER = "shape, patient, record_id, value, component, severity, class, path, message"


@dataclass(frozen=True)
class Summary:
    """How many records were checked, and how often which shape was broken."""

    patients: int
    records: int
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    quarantined: int = 0
    #: Seconds: ``compile`` (shapes read and planned), ``lay`` (records laid out), ``run`` (all the rest).
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    def severity(self, name: str) -> int:
        """Return the number of results of a severity.

        >>> Summary(1, 3, {("patient-age", "Warning"): 2}).severity("Warning")
        2
        """
        return sum(n for (_, severity), n in self.counts.items() if severity == name)


def validate(
    records: Path,
    shapes: Sequence[Path],
    ancestors: Ancestors,
    out: Path,
    processes: int = 2,
    batch: int = 100,
    name: Callable[[int], str] | None = None,
    schema: Schema | None = None,
    reference: bool = False,
    memory: str | None = None,
) -> Summary:
    """Validate the record tables in a folder: write ``violations.parquet`` as ``out``, ``checked.parquet`` beside it.

    ``shapes`` are files or folders; ``ancestors`` gives a concept's ancestors and itself; ``name`` its name for
    messages, or raises ``LookupError`` where the vocabulary does not know it; ``schema`` has the record classes (the
    ontology's own where none is given). ``reference`` validates with pySHACL, in batches of patients that run side by
    side in ``processes``. Raises ``ShapeError`` where the shapes cannot be honoured.
    """
    schema = schema or read_schema()
    began = monotonic()
    graph = read_shapes(shapes, schema)
    read = monotonic() - began
    work = out.parent / f".validate-{uuid4().hex[:6]}"
    try:
        with Session(work, memory=memory) as session:
            step = _Step(session, records, graph, schema, ancestors, name)
            late = step.roots if reference else [s for s in step.roots if slow(s)]
            step.compile([s for s in step.roots if s not in late], late)
            patients = step.patients() if reference else step.patients_of_late()
            found: list[Violation] = []
            if late:
                only = frozenset(s.node for s in late)
                found = check_patients(
                    records, shapes, step.ancestors, name, schema, patients, only, processes=processes, batch=batch
                )
            summary = step.write(out, found, {shape_id(s.node): REFERENCE if reference else SPARQL for s in late})
            compiled, laid = read + step.seconds["compile"], step.seconds["lay"]
            run = monotonic() - began - compiled - laid
            return replace(summary, seconds={"compile": compiled, "lay": laid, "run": run})
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Step:
    """One validation, from the tables laid out to the files written."""

    def __init__(
        self,
        session: Session,
        records: Path,
        graph: Graph,
        schema: Schema,
        ancestors: Ancestors,
        name: Callable[[int], str] | None,
    ) -> None:
        self.session, self.graph = session, graph
        self.name = name
        self._known = ancestors
        began = monotonic()
        self.roots = read_algebra(graph)
        self.seconds = {"compile": monotonic() - began}
        began = monotonic()
        self.layout = RecordLayout(session, records, Scope.of(graph, schema), schema, self.ancestors)
        self.tables = self.layout.tables()
        self.seconds["lay"] = monotonic() - began
        self.targeted: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._late: list[str] = []
        nothing_found(session)

    def ancestors(self, concept: int) -> Sequence[int]:
        """Return the ancestors of a concept; none where the vocabulary does not know it, which a shape reports."""
        try:
            if self.name:
                self.name(concept)
            return tuple(self._known(concept))
        except LookupError:
            return ()

    def patients(self) -> list[str]:
        """List the patients whose records any shape may look at, '' for records of nobody."""
        return Tables.read(self.layout.records, self.layout.scope, self.layout.schema).patients()

    def compile(self, fast: Sequence[Shape], late: Sequence[Shape]) -> None:
        """Run the shapes that can be compiled; of the others, find what they target."""
        began = monotonic()
        validation = Validation(self.session, self.tables, fast)
        self.seconds["compile"] += monotonic() - began
        keep_violations(validation, self.layout, self.graph, self.name)
        late_foci = {s: validation.planner.targets(s) for s in late if not s.deactivated}
        for shape, places in {**validation.foci, **late_foci}.items():
            self._count(validation, shape, places)
        self._late = [query for places in late_foci.values() for query in validation.nodes(places)]

    def _count(self, validation: Validation, shape: Shape, places: Sequence[Place]) -> None:
        """Count the focus nodes of a shape, and of the property shapes below it."""
        query = validation.counting(places)
        if query not in self._counted:
            [(self._counted[query],)] = self.session.ask(query)
        mark = shape_id(shape.node)
        self.targeted[mark] = self.targeted.get(mark, 0) + self._counted[query]
        for inner in shape.properties:
            self._count(validation, inner, [v for p in places for v in validation.planner.walk(p, shape.path)])

    def patients_of_late(self) -> list[str]:
        """List the patients whose records are targeted by a shape that takes the slow road, '' for those of nobody."""
        return self.layout.patients_of(" UNION ALL ".join(self._late)) if self._late else []

    def write(self, out: Path, late: Sequence[Violation], roads: Mapping[str, str]) -> Summary:
        """Write what was found; ``late`` are the results of the slow road."""
        self._add(late)
        out.parent.mkdir(parents=True, exist_ok=True)
        columns = ", ".join((*VIOLATIONS, *LISTS))
        ordered = f"SELECT {columns} FROM violations ORDER BY {ORDER}"
        self.session.sql(f"COPY ({ordered}) TO {quoted(str(out))} (FORMAT parquet)")
        counts = self.session.ask("SELECT shape, severity, COUNT(*) FROM violations GROUP BY ALL ORDER BY ALL")
        self._write_checked(out.with_name(CHECKED), roads)
        quarantined = "SELECT COUNT(DISTINCT record_id) FROM violations WHERE severity = 'Violation'"
        sizes = self.layout.sizes
        return Summary(
            patients=sizes.get("Patient", 0),
            records=sum(sizes.values()),
            counts={(shape, severity): int(n) for shape, severity, n in counts},
            quarantined=int(self.session.ask(quarantined)[0][0]),
        )

    def _add(self, late: Sequence[Violation]) -> None:
        """Add results of the slow road to the table of violations."""
        if not late:
            return
        rows = [[getattr(v, "cls" if c == "class" else c) for c in VIOLATIONS] for v in late]
        self.session.keep_rows("late", VIOLATIONS, rows)
        self.layout.keep_subjects("late_subjects", self.layout.numbers("SELECT record_id FROM late"))
        own = ", ".join(f"l.{c}" for c in VIOLATIONS)
        lists = ", ".join(f"COALESCE(s.{c}, CAST([] AS VARCHAR[])) AS {c}" for c in LISTS)
        added = f"SELECT {own}, {lists} FROM late AS l LEFT JOIN late_subjects AS s ON s.id = l.record_id"
        columns = ", ".join((*VIOLATIONS, *LISTS))
        self.session.keep("violations", f"SELECT {columns} FROM violations UNION {added}")

    def _write_checked(self, out: Path, roads: Mapping[str, str]) -> None:
        failed = dict(self.session.ask("SELECT shape, COUNT(DISTINCT record_id) FROM violations GROUP BY shape"))
        rows = []
        for root in self.roots:
            for shape in (root, *_nested(root)):
                mark = shape_id(shape.node)
                kahn = str(self.graph.value(shape.node, HAEMONY.kahn) or "")
                road = roads.get(shape_id(root.node), COMPILED)
                severity = SEVERITIES.get(shape.severity, "")
                rows.append((mark, severity, kahn, self.targeted.get(mark, 0), failed.get(mark, 0), road))
        write_rows(out, CHECKED_COLUMNS, rows)


def _nested(shape: Shape) -> list[Shape]:
    """List the property shapes below one whose results are reported as their own."""
    found = []
    queue = list(shape.properties)
    while queue:
        inner = queue.pop()
        found.append(inner)
        queue += inner.properties
    return found


def no_violations(out: Path) -> Path:
    """Write the table of violations of a delivery that breaks no shape, or that nobody validated."""
    lists = dict.fromkeys(LISTS, pa.list_(pa.string()))
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.schema({**VIOLATIONS, **lists}).empty_table(), out)
    return out
