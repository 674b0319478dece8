"""What a partner's three files say, as frozen objects.

`Row` and `ConceptRow` are lines of the files; `Variable` is one concrete column with every default filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Literal

from haemony.engine.errors import Problem

Use = Literal["map", "key", "context", "ignore", "drop"]
Qualifier = Literal["", "unit", "operator"]
Status = Literal["loads", "not-found", "wanted", "not-loaded"]
LoadsAs = Literal["", "concept", "broad", "value", "unit"]
Column = tuple[str, str]

#: The formats in which a table may be delivered; `csv` stands for delimited text of every kind.
FORMATS = ("csv", "xlsx", "xls", "parquet", "sas7bdat", "xpt", "sav", "por", "dta", "rdata", "rds")
#: The three files of a partner.
LAYOUT, DICTIONARY, CONCEPTS = "partner.yaml", "dictionary.tsv", "concepts.sssom.tsv"
#: The shapes that a partner may have beside them, for its own delivery.
SHAPES = "shapes.ttl"
#: How the note of a dictionary row begins that waits for a person's decision.
TO_DECIDE = "to decide"


@dataclass(frozen=True)
class Index:
    """What day 0 is, and whether times are delivered as numbers since then or as dates."""

    event: str
    relative: bool
    date: Column | None = None


@dataclass(frozen=True)
class PatientKey:
    """How a row names its patient.

    `expression` gives the key (or, with `through`, the text to look up in that column of another table, whose row
    then names the patient). `column` is set where the expression is no more than that delivered column.
    """

    expression: str
    through: Column | None = None
    column: str | None = None


@dataclass(frozen=True)
class Where:
    """Which rows of a table are kept, and why the others are ignored."""

    keep: str
    why: str


@dataclass(frozen=True)
class TableSpec:
    """How one delivered file is laid out.

    `format` is empty where the file's name tells it; `member`, `sheet` and `object` choose a part of an archive, a
    workbook or an R file. `header_row` is the row in which the names of the columns stand.
    """

    name: str
    file: str
    patient: PatientKey
    format: str = ""
    member: str = ""
    sheet: str = ""
    object: str = ""
    header_row: int = 1
    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    quote: str = '"'
    missing: tuple[str, ...] = ("",)
    missing_by_column: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    at: str = ""
    where: Where | None = None
    derive: Mapping[str, str] = default(default_factory=dict)
    split: Mapping[str, str] = default(default_factory=dict)

    def codes(self, column: str) -> tuple[str, ...]:
        """Return the texts that mean *missing* in a column: the table's and the column's own."""
        return tuple(dict.fromkeys((*self.missing, *self.missing_by_column.get(column, ()))))


@dataclass(frozen=True)
class Cover:
    """One thing that a panel answers for: a concept, or columns of a table.

    A covered column with a flag answers for its own concept; any other for what its cells name.
    """

    text: str
    table: str = ""
    column: str = ""
    concept_id: int | None = None


@dataclass(frozen=True)
class PanelSpec:
    """Who was tested for what.

    Tested are the patients with a row in `table`; narrowed to a true flag in `column`, or to a true `expression`.
    """

    name: str
    table: str
    covers: tuple[Cover, ...]
    column: str | None = None
    expression: str | None = None


@dataclass(frozen=True)
class Allowance:
    """The share of records that may break a shape at a partner, and why."""

    threshold: float
    reason: str


@dataclass(frozen=True)
class Format:
    """How the text of a cell is to be read.

    A flag whose `header` names a vocabulary reads the name of its column there. `precision` is the finest unit that
    every date pattern of the column holds.
    """

    kind: Literal["none", "flag", "date", "codes"] = "none"
    true: str = ""
    false: str = ""
    third: str = ""
    pattern: str = ""
    precision: Literal["", "day", "month", "year"] = ""
    vocabulary: str = ""
    header: str = ""


@dataclass(frozen=True)
class Link:
    """The record that a record belongs to: its tag and table, and the column that both share (same row: empty).

    `field` is the field of the linking record that holds the link; it is filled once the tag's class is known.
    """

    tag: str
    table: str
    by: str = ""
    field: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the dictionary, as written."""

    line: int
    table: str
    variable: str
    label: str = ""
    use: Use = "ignore"
    record_class: str = ""
    tag: str = ""
    field: str = ""
    qualifier: Qualifier = ""
    unit: str = ""
    format: Format = Format()
    at: str = ""
    of: Link | None = None
    note: str = ""

    @property
    def glob(self) -> bool:
        """Tell whether the row covers columns by a pattern."""
        return "*" in self.variable


@dataclass(frozen=True)
class ConceptRow:
    """One line of the concept file: what a variable (`text` is None) or one of its values means.

    Line 0 marks the row that `header HGNC` stands for: its line is the dictionary's.
    """

    line: int
    subject_id: str
    table: str
    variable: str
    text: str | None
    predicate: str
    modifier: str = ""
    object_curie: str = ""
    object_label: str = ""
    concept_id: int | None = None
    status: Status = "loads"
    loads_as: LoadsAs = ""
    author: str = ""
    reviewer: str = ""
    date: str = ""
    justification: str = ""
    comment: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class Variable:
    """One column of one table, ready to harmonise: globs resolved, defaults filled in.

    `concepts` are the variable's own rows that load, `unloaded` its own rows that do not, `values` its value rows of
    any status by canonical text. `uses` names the delivered columns that a derived column reads.
    """

    table: str
    column: str
    line: int
    use: Use
    record_class: str = ""
    tag: str = ""
    field: str = ""
    qualifier: Qualifier = ""
    unit: str = ""
    format: Format = Format()
    at: str = ""
    of: Link | None = None
    concepts: tuple[ConceptRow, ...] = ()
    unloaded: tuple[ConceptRow, ...] = ()
    values: Mapping[str, tuple[ConceptRow, ...]] = default(default_factory=dict)
    is_lead: bool = False
    derived: bool = False
    uses: tuple[str, ...] = ()
    split: str = ""

    @property
    def record(self) -> str:
        """Return the name, within the table, of the record that the column helps to make."""
        if self.record_class == "Patient":
            return "Patient"
        return f"{self.record_class}#{self.tag}" if self.tag else f"{self.record_class}:{self.column}"


@dataclass(frozen=True)
class Partner:
    """A partner: the layout of the delivery, its dictionary and its concepts.

    `source` is the folder that `dictionary` and `concepts` were read from: another partner's under `like`.
    `shapes` are files that hold for this delivery only: the partner's own, and those of whom it is like.
    """

    name: str
    title: str
    contact: str
    licence: str
    folder: Path
    patients: str
    index: Index
    last_contact: tuple[Column, ...]
    tables: Mapping[str, TableSpec]
    panels: tuple[PanelSpec, ...] = ()
    prefer: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    quality: Mapping[str, Allowance] = default(default_factory=dict)
    dictionary: tuple[Row, ...] = ()
    concepts: tuple[ConceptRow, ...] = ()
    source: Path = Path()
    shapes: tuple[Path, ...] = ()
    warnings: tuple[Problem, ...] = ()
