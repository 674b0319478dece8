"""Partners and deliveries written by tests from literal texts, and what harmonising them gives as plain values."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from haemony.engine.session import Engine, Session, Table, open_session
from haemony.graph_loader.harmonise import account, harmonise
from haemony.graph_loader.read import ROW
from haemony.mappings.model import Partner
from haemony.mappings.partner import read_partner
from haemony.ontology.schema import Schema, read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.mappings.partner_files import Cells, write_partner

NAME, SECRET = "ward", "a secret of the tests"
#: ``HAEMONY_ENGINE=spark python -m pytest tests/graph_loader`` runs every delivery of these tests on Spark.
ENGINE = cast(Engine, os.environ.get("HAEMONY_ENGINE", "duckdb"))


def lines(text: str, separator: str = ",") -> str:
    """Return a delivery written as an indented block: one row a line, cells parted by white space or ``|``.

    A lone ``.`` is an empty cell; where a line holds ``|``, cells are what stands between, white space and all.
    """
    rows = [line.strip() for line in text.strip().splitlines()]
    cells = [line.split("|") if "|" in line else line.split() for line in rows]
    return "".join(separator.join("" if c == "." else c for c in row) + "\n" for row in cells)


@dataclass(frozen=True)
class Ward:
    """A partner called ``ward`` as literal texts: layout, dictionary, concepts, and the files that it delivers."""

    layout: str
    dictionary: Iterable[Cells]
    concepts: Iterable[Cells] = ()
    files: Mapping[str, str | bytes] = field(default_factory=dict)

    def write(self, home: Path, schema: Schema | None = None) -> tuple[Partner, Path]:
        """Write everything below a folder; return the partner as read, and the folder of the delivery."""
        folder = write_partner(
            home, NAME, f"partner: {NAME}\ntitle: A ward\n{self.layout}", self.dictionary, self.concepts
        )
        self.deliver(home / "data")
        return read_partner(folder, read_vocabulary(), schema or read_schema()), home / "data"

    def deliver(self, data: Path) -> None:
        """Write the delivered files."""
        data.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (data / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(self, home: Path, *, tolerated: float = 1.0, schema: Schema | None = None) -> Run:
        """Harmonise the delivery and account for every cell."""
        partner, data = self.write(home, schema)
        return run(partner, data, home / "work", tolerated=tolerated, schema=schema)


@dataclass(frozen=True)
class Run:
    """What came of a delivery, as plain values."""

    partner: Partner
    data: Path
    records: dict[str, list[dict[str, Any]]]
    ledger: list[dict[str, Any]]
    cells: list[dict[str, Any]]
    panels: list[dict[str, Any]]
    tested: list[dict[str, Any]]

    @cached_property
    def patients(self) -> dict[str, str]:
        """The id of each patient record, by the row of the roster: ``p2`` is the patient of row 2."""
        found = {}
        for record in self.records["Patient"]:
            rows = [s for s in record["sources"] if s.startswith(f"{self.partner.patients}:")]
            found["p" + rows[0].split(":")[1]] = record["id"]
        return found

    def of(self, cls: str, patient: str) -> list[dict[str, Any]]:
        """Return the records of a class of a patient."""
        return [r for r in self.records.get(cls, []) if r["patient"] == self.patients[patient]]

    def values(self, cls: str, patient: str, *fields: str) -> list[Any]:
        """Return the values of a field (tuples of several) in the records of a class of a patient, in order."""
        found = [plain(tuple(r[f] for f in fields)) for r in self.of(cls, patient)]
        return sorted((v[0] if len(fields) == 1 else v for v in found), key=repr)

    def one(self, cls: str, patient: str, **fields: Any) -> dict[str, Any]:
        """Return the single record of a class of a patient that has the given values."""
        fits = [r for r in self.of(cls, patient) if all(plain(r[f]) == v for f, v in fields.items())]
        assert len(fits) == 1, f"{len(fits)} records fit"
        return {key: plain(value) for key, value in fits[0].items()}

    def fate(self, table: str, row: int, column: str) -> str:
        """Return how a cell ended: its fate, and the reason where it has one."""
        fates = [c for c in self.cells if (c["table"], c["row"], c["column"]) == (table, row, column)]
        assert len(fates) < 2, f"{table}:{row}:{column} has {len(fates)} fates"
        return f"{fates[0]['fate']} {fates[0]['reason']}".strip() if fates else "missing"

    def fates(self, table: str, column: str) -> dict[int, str]:
        """Return how the filled cells of a column ended, by row."""
        rows = [c["row"] for c in self.cells if (c["table"], c["column"]) == (table, column)]
        return {row: self.fate(table, row, column) for row in sorted(rows)}

    def covered(self, patient: str) -> set[int]:
        """Return the concepts that a patient was tested for."""
        panels = {t["panel"] for t in self.tested if t["patient"] == self.patients[patient]}
        return {c for p in self.panels if p["id"] in panels for c in p["covers"]}


def run(
    partner: Partner,
    data: Path,
    work: Path,
    *,
    tolerated: float = 1.0,
    schema: Schema | None = None,
    secret: str = SECRET,
) -> Run:
    """Harmonise a delivery of a partner and account for every cell."""
    with open_session(work, ENGINE) as session:
        result = harmonise(session, schema or read_schema(), read_vocabulary(), partner, data, secret)
        none = session.table("nothing-quarantined", {"id": pa.string(), "reason": pa.string()}, [])
        book, fates = account(session, result, none, tolerated)
        records = {name: dicts(session, table) for name, table in result.records.items()}
        tables = [dicts(session, t) for t in (book, fates, result.panels, result.tested)]
        landed = {name: {r[ROW]: r for r in dicts(session, t.table)} for name, t in result.delivery.landed.items()}
        for cell in tables[1]:
            cell["text"] = landed[cell["table"]][cell["row"]][cell["column"]]
    return Run(partner, data, records, *tables)


def dicts(session: Session, table: Table) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    return [dict(zip(table.columns, row, strict=True)) for row in session.rows(table)]


def plain(value: Any) -> Any:
    """Return decimals as floats, which literals can be compared with."""
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    return float(value) if type(value).__name__ == "Decimal" else value


def check_ledger(run_: Run, files: Mapping[str, tuple[int, Iterable[str]]]) -> None:
    """Assert that each column's cells add up to the rows of its file, no cell has two fates, no two records one id.

    ``files`` gives the number of rows and the columns of each table.
    """
    sums: Counter[tuple[str, str]] = Counter()
    for row in run_.ledger:
        assert row["cells"] > 0
        sums[row["table"], row["column"]] += row["cells"]
    assert sums == {(table, column): rows for table, (rows, columns) in files.items() for column in columns}
    places = Counter((c["table"], c["row"], c["column"]) for c in run_.cells)
    assert set(places.values()) <= {1}
    known = {"loaded", "quarantined", "ignored", "dropped", "missing"}
    assert {row["fate"] for row in run_.ledger} <= known
    ids = Counter(r["id"] for records in run_.records.values() for r in records)
    assert set(ids.values()) <= {1}
    assert all(re.fullmatch(r"ward/(dictionary|concepts\.sssom)\.tsv:\d+", str(row["rule"])) for row in run_.ledger)
