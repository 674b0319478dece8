"""The report of a build: where every delivered cell went, what is wrong, and what is wanted; no patient's own value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
from rdflib import SH

from haemony.api.faults import PRIVACY, Fault, read_faults
from haemony.api.mixups import Mixup, read_mixups
from haemony.api.reasons import FLAGS, meaning
from haemony.engine.errors import BuildError
from haemony.graph_loader.build import own_shapes
from haemony.graph_loader.fates import FATES, IGNORED, LOADED, OVERRULED, QUARANTINED
from haemony.graph_loader.shapes import read_shapes, shape_id
from haemony.graph_loader.validate import CHECKED, REFERENCE, SPARQL
from haemony.mappings.curie import nearest
from haemony.ontology.schema import Schema, read_schema

WANTED: Final = "concept-wanted"


@dataclass(frozen=True)
class ColumnLedger:
    """How the cells of one delivered column ended."""

    column: str
    cells: Mapping[str, int]

    @property
    def total(self) -> int:
        """Return the number of cells."""
        return sum(self.cells.values())


@dataclass(frozen=True)
class FileLedger:
    """How the cells of one delivered file ended."""

    file: str
    table: str
    rows: int
    columns: tuple[ColumnLedger, ...]
    adds_up: bool

    @property
    def cells(self) -> dict[str, int]:
        """Return the cells of all columns, by fate."""
        return {fate: sum(c.cells.get(fate, 0) for c in self.columns) for fate in FATES}


@dataclass(frozen=True)
class LostCells:
    """Cells of one column that are kept out for one reason."""

    fate: str
    reason: str
    file: str
    column: str
    rule: str
    cells: int
    meaning: str
    advice: str


@dataclass(frozen=True)
class WantedConcept:
    """A concept that the mapping names and the vocabulary lacks."""

    label: str
    subject: str
    cells: int


@dataclass(frozen=True)
class Overruled:
    """Cells of one column that another table, preferred in writing, overruled; ``loaded`` still say something else."""

    file: str
    column: str
    cells: int
    loaded: int


@dataclass(frozen=True)
class BrokenRule:
    """A shape that records break; the message names no value."""

    shape: str
    severity: str
    record_class: str
    records: int
    message: str


@dataclass(frozen=True)
class Flagged:
    """Records in the graph that carry a flag, or a field on which sources disagree."""

    flag: str
    record_class: str
    records: int
    meaning: str


@dataclass(frozen=True)
class PartnerReport:
    """What became of one partner's delivery."""

    name: str
    title: str
    records: Mapping[str, int]
    files: tuple[FileLedger, ...]
    lost: tuple[LostCells, ...]
    overruled: tuple[Overruled, ...]
    wanted: tuple[WantedConcept, ...]
    rules: tuple[BrokenRule, ...]
    faults: tuple[Fault, ...]
    mixups: tuple[Mixup, ...]
    flags: tuple[Flagged, ...]
    disputed: tuple[Flagged, ...]
    #: Shapes with a SPARQL constraint, and shapes that were validated with the reference engine: both walk RDF.
    sparql: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()

    @property
    def cells(self) -> dict[str, int]:
        """Return the cells of all files, by fate."""
        return {fate: sum(f.cells[fate] for f in self.files) for fate in FATES}

    @property
    def adds_up(self) -> bool:
        """Tell whether every delivered cell is accounted for."""
        return all(f.adds_up for f in self.files)

    def because(self, fate: str) -> tuple[LostCells, ...]:
        """Return the cells of a fate by reason and column, most first."""
        return tuple(lost for lost in self.lost if lost.fate == fate)

    def json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        made = asdict(self)
        for written, file in zip(made["files"], self.files, strict=True):
            written["cells"] = file.cells
            written["columns"] = [{"column": c.column, **{f: c.cells.get(f, 0) for f in FATES}} for c in file.columns]
        lost = made.pop("lost")
        ended = {QUARANTINED: QUARANTINED, IGNORED: IGNORED}
        lists = {name: [line for line in lost if line["fate"] == fate] for name, fate in ended.items()}
        return {**made, "cells": self.cells, "adds_up": self.adds_up, **lists}


@dataclass(frozen=True)
class Report:
    """The report of a build."""

    build: str
    built_at: str
    vocabulary: str
    partners: tuple[PartnerReport, ...]

    def json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {**asdict(self), "partners": [partner.json() for partner in self.partners]}


def read_report(
    build: Path,
    shapes: Sequence[Path],
    partner: str | None = None,
    schema: Schema | None = None,
    name: Callable[[int], str] | None = None,
    privacy: int = PRIVACY,
) -> Report:
    """Read the report of a build; of one partner, where one is named.

    ``name`` gives the name of a concept. A delivered text is quoted only where ``privacy`` records have it.
    """
    about = json.loads((build / "build.json").read_text(encoding="utf-8"))
    names = [partner_in(build, partner)] if partner else sorted(p.name for p in (build / "partners").iterdir())
    rules = rule_texts(shapes)
    with duckdb.connect() as connection:
        known = schema or read_schema()
        folders = [build / "partners" / one for one in names]
        partners = tuple(
            _Evidence(connection, f, rules | _own_texts(f, shapes), known, name, privacy).partner() for f in folders
        )
    return Report(about["id"], about["built_at"], about["vocabulary"], partners)


def partner_in(build: Path, name: str) -> str:
    """Return a partner's name; raise ``BuildError`` where the build does not hold it."""
    held = sorted(p.name for p in (build / "partners").iterdir())
    if name not in held:
        raise BuildError(
            f"the build holds no partner {name!r}; it holds {', '.join(held)}. {nearest(name, held)}".strip()
        )
    return name


def rule_texts(shapes: Sequence[Path]) -> dict[str, str]:
    """Return the message of each shape, without the values that a record would put in."""
    graph = read_shapes(shapes)
    return {shape_id(s): masked(str(text)) for s, text in graph.subject_objects(SH.message)}


def masked(message: str) -> str:
    """Return a shape's message without the values that a record would put in.

    >>> masked("Aged {value}, as {focus}.")
    'Aged …, as ….'
    """
    return re.sub(r"\{\w+\}", "…", message)


def _own_texts(partner: Path, shapes: Sequence[Path]) -> dict[str, str]:
    own = own_shapes(partner)
    return rule_texts([*shapes, *own]) if own else {}


def write_shacl(
    build: Path, shapes: Sequence[Path], out: Path, partner: str | None = None, schema: Schema | None = None
) -> int:
    """Write the broken rules of one partner, or of all, as a SHACL validation report; return their number.

    It is JSON-LD where the file is named ``.jsonld``, else Turtle.
    """
    from haemony.graph_loader.json_ld import report_json_ld
    from haemony.graph_loader.shacl_report import report_graph

    names = [partner_in(build, partner)] if partner else sorted(p.name for p in (build / "partners").iterdir())
    folders = [build / "partners" / name for name in names]
    common = read_shapes(shapes, schema)
    graphs = [read_shapes([*shapes, *own], schema) if (own := own_shapes(f)) else common for f in folders]
    write = report_json_ld if out.suffix == ".jsonld" else report_graph
    return write([f / "violations.parquet" for f in folders], graphs, out, schema)


#: What ``issues`` says of a cell.
ISSUE: Final = ("partner", "file", "row", "column", "fate", "reason", "rule")


def issues(build: Path, partner: str | None = None) -> Iterator[tuple[str, str, int, str, str, str, str]]:
    """Yield each quarantined or overruled cell (``ISSUE``); never its text."""
    names = [partner_in(build, partner)] if partner else sorted(p.name for p in (build / "partners").iterdir())
    with duckdb.connect() as connection:
        for name in names:
            path = str(build / "partners" / name / "issues.parquet")
            cursor = connection.execute(
                'SELECT file, "row", "column", fate, reason, rule FROM read_parquet(?) ORDER BY file, "row", "column"',
                [path],
            )
            while rows := cursor.fetchmany(10_000):
                yield from ((name, *row) for row in rows)


class _Evidence:
    """The Parquet files of one partner, asked for the report."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        rules: dict[str, str],
        schema: Schema,
        name: Callable[[int], str] | None,
        privacy: int,
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.rules = rules
        self.schema = schema
        self.name = name
        self.privacy = privacy

    def partner(self) -> PartnerReport:
        summary = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        return PartnerReport(
            name=self.folder.name,
            title=summary["title"],
            records=summary["records"],
            files=self._files(),
            lost=self._lost(),
            overruled=self._overruled(),
            wanted=self._wanted(),
            rules=self._broken(),
            faults=read_faults(self.folder, self.rules, self.schema, self.name, self.privacy),
            mixups=read_mixups(self.folder),
            flags=self._marked("flags"),
            disputed=self._marked("disputed"),
            sparql=self._roads(SPARQL),
            reference=self._roads(REFERENCE),
        )

    def _ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, list(values)).fetchall()

    def _path(self, name: str) -> str:
        return str(self.folder / f"{name}.parquet")

    def _files(self) -> tuple[FileLedger, ...]:
        """Return the ledger of each file; its columns in the order of the dictionary."""
        rows = self._ask(
            'SELECT file, "table", "column", fate, sum(cells)::BIGINT,'
            " min(try_cast(regexp_extract(rule, 'dictionary.tsv:(.*)', 1) AS INT))"
            ' FROM read_parquet(?) GROUP BY ALL ORDER BY file, "table", 6, "column"',
            self._path("ledger"),
        )
        found: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
        for file, table, column, fate, cells, _ in rows:
            found.setdefault((file, table), {}).setdefault(column, {})[fate] = cells
        return tuple(_file(*place, columns) for place, columns in found.items())

    def _lost(self) -> tuple[LostCells, ...]:
        rows = self._ask(
            'SELECT fate, reason, file, "column", min(rule), sum(cells)::BIGINT FROM read_parquet(?)'
            " WHERE fate IN (?, ?) GROUP BY ALL ORDER BY 6 DESC, reason, file, \"column\"",
            self._path("ledger"), QUARANTINED, IGNORED,
        )  # fmt: skip
        said = [meaning(reason, self.rules) for _, reason, *_ in rows]
        return tuple(LostCells(*(*row, *words)) for row, words in zip(rows, said, strict=True))

    def _overruled(self) -> tuple[Overruled, ...]:
        rows = self._ask(
            'SELECT file, "column", count(*), count(*) FILTER (fate = ?) FROM read_parquet(?)'
            ' WHERE reason = ? GROUP BY ALL ORDER BY 3 DESC, file, "column"',
            *(LOADED, self._path("issues"), OVERRULED),
        )
        return tuple(Overruled(*row) for row in rows)

    def _wanted(self) -> tuple[WantedConcept, ...]:
        rows = self._ask(
            "SELECT m.object, m.subject, sum(l.cells)::BIGINT FROM read_parquet(?) l"
            " JOIN read_parquet(?) m ON l.rule = m.partner || '/' || m.file || ':' || m.line"
            " WHERE l.reason = ? GROUP BY ALL ORDER BY 3 DESC, 1, 2",
            self._path("ledger"), self._path("mappings"), WANTED,
        )  # fmt: skip
        return tuple(WantedConcept(*row) for row in rows)

    def _broken(self) -> tuple[BrokenRule, ...]:
        rows = self._ask(
            "SELECT shape, severity, class, count(DISTINCT record_id) FROM read_parquet(?) GROUP BY ALL"
            " ORDER BY list_position(['Violation', 'Warning', 'Info'], any_value(severity)), 4 DESC, shape",
            self._path("violations"),
        )
        return tuple(BrokenRule(*(*row, self.rules.get(row[0], ""))) for row in rows)

    def _roads(self, road: str) -> tuple[str, ...]:
        """Return the shapes that were answered in some way; none where the build is of a time that did not note it."""
        if not (self.folder / CHECKED).exists():
            return ()
        rows = self._ask(
            "SELECT shape FROM read_parquet(?) WHERE road = ? ORDER BY ALL", str(self.folder / CHECKED), road
        )
        return tuple(shape for (shape,) in rows)

    def _marked(self, column: str) -> tuple[Flagged, ...]:
        """Count the records that carry each flag, or dispute each field, by class."""
        found: list[Flagged] = []
        for path in sorted((self.folder / "records").glob("*.parquet")):
            names = {name for name, *_ in self._ask("DESCRIBE SELECT * FROM read_parquet(?)", str(path))}
            if column in names:
                marks = f"SELECT unnest(list_distinct({column})) AS mark FROM read_parquet(?)"
                rows = self._ask(f"SELECT mark, count(*) FROM ({marks}) GROUP BY mark", str(path))
                found += [Flagged(mark, path.stem, n, self._flag(mark)) for mark, n in rows]
        return tuple(sorted(found, key=lambda f: (-f.records, f.flag, f.record_class)))

    def _flag(self, flag: str) -> str:
        return FLAGS.get(flag) or self.rules.get(flag, "")


def _file(file: str, table: str, columns: Mapping[str, Mapping[str, int]]) -> FileLedger:
    ledgers = tuple(ColumnLedger(name, cells) for name, cells in columns.items())
    totals = {ledger.total for ledger in ledgers}
    return FileLedger(file, table, max(totals, default=0), ledgers, adds_up=len(totals) <= 1)
