"""What was seen of a delivery before anybody mapped it: its tables, and of each column what may be said of it.

Nothing here is of a single patient: texts are kept only where many rows share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from haemony.mappings.model import TableSpec

Kind = Literal["empty", "number", "date", "text"]


@dataclass(frozen=True)
class SeenDates:
    """The pattern of a column's dates; empty where several fit, which `doubt` then names."""

    pattern: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class SeenColumn:
    """One delivered column.

    `shared` are its texts where they are few, each with the number of its rows; `rare` counts those that too few rows
    share to be written anywhere. `low` and `high` hold nine in ten of its numbers. `reads` says which known readers
    (`sex`, `iscn`, `hgvs`, `gene`, `unit`) understand almost all of its texts.
    """

    name: str
    kind: Kind = "text"
    filled: int = 0
    distinct: int = 0
    longest: int = 0
    words: float = 0.0
    whole: bool = False
    low: float | None = None
    high: float | None = None
    shared: Mapping[str, int] = field(default_factory=dict)
    rare: int = 0
    missing: tuple[str, ...] = ()
    dates: SeenDates = SeenDates()
    reads: frozenset[str] = frozenset()
    label: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenTable:
    """One delivered table: how its file is written, its columns, and the column that names the patient.

    `through` is the column of another table that leads from there to the patient; `links` are columns of this one that
    lead so. `keys` counts the patients of a roster.
    """

    spec: TableSpec
    rows: int
    columns: tuple[SeenColumn, ...]
    key: str = ""
    keys: int = 0
    through: tuple[str, str] | None = None
    links: tuple[str, ...] = ()

    def column(self, name: str) -> SeenColumn:
        """Return a column."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class SeenDelivery:
    """A delivery: its tables, the one with a row for each patient first, and why other files are left out."""

    tables: tuple[SeenTable, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    dictionaries: tuple[str, ...] = ()
