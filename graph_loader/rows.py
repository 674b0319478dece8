"""Rows: each delivered table with derived columns, the fate of whole rows, and its points in time as days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.dates import Precision, date_patterns
from haemony.engine.plan import choose, days_between, no, scaled, to_date, to_decimal, to_long, trimmed, union, whole
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.fates import DUPLICATE_KEY, UNKNOWN_PATIENT, WHERE
from haemony.graph_loader.read import PATIENT, ROW, Landed
from haemony.mappings.expression import to_ibis
from haemony.mappings.model import Partner, TableSpec, Variable
from haemony.ontology.schema import Schema
from haemony.ontology.units import factor

#: Why no cell of a row can load; null for a row that counts.
FATE: Final = "haemony_fate"
#: Whether the table's `where` keeps a row.
KEPT: Final = "haemony_kept"
#: The patient's index date, null where times are delivered relative to it.
INDEX_DATE: Final = "haemony_index_date"


#: Days by which a date may lie ahead, by what it is known to: it stands for the middle of its month or year.
AHEAD: Final[Mapping[Precision, int]] = {"day": 1, "month": 16, "year": 184}


@dataclass(frozen=True)
class Delivery:
    """A delivery ready to be read cell by cell.

    While plans run, a cell is the number of its column (``numbers``: one for each table and column) and its row.
    ``days`` has (variable, row, day), ``unreadable`` (variable, row).
    """

    partner: Partner
    variables: tuple[Variable, ...]
    numbers: Mapping[tuple[str, str], int]
    tables: Mapping[str, Table]
    roster: Table
    days: Table
    unreadable: Table
    landed: Mapping[str, Landed]

    def of(self, table: str) -> list[Variable]:
        """Return the variables of one table."""
        return [v for v in self.variables if v.table == table]

    def number(self, variable: Variable) -> int:
        """Return the number of a column."""
        return self.numbers[variable.table, variable.column]

    def places(self, session: Session) -> Table:
        """Return (variable, table, file, column): what the numbers of columns stand for."""
        rows = [(n, table, self.partner.tables[table].file, column) for (table, column), n in self.numbers.items()]
        columns = {"variable": pa.int64(), "table": pa.string(), "file": pa.string(), "column": pa.string()}
        return session.table("rows/places", columns, rows)


@dataclass(frozen=True)
class Clock:
    """What the times of a table are read by."""

    variables: tuple[Variable, ...]
    spec: TableSpec
    relative: bool


def prepare(
    session: Session, schema: Schema, partner: Partner, variables: Sequence[Variable], landed: Mapping[str, Landed]
) -> Delivery:
    """Prepare the rows of every table of a delivery.

    A row of a patient that the roster lacks, or has twice, keeps its cells out (``FATE``); so does a row that the
    table's ``where`` leaves out. Expressions see one row of trimmed text.
    """
    patients = {n: _with_derived(_with_patient(n, partner, landed), partner.tables[n]) for n in partner.tables}
    roster = session.lay(_roster(patients[partner.patients]), "rows/roster")
    dates = _index_dates(partner, variables, patients)
    tables = {}
    for name, table in patients.items():
        rows = _with_index_date(_with_fate(table, roster, is_roster=name == partner.patients), dates)
        tables[name] = session.lay(rows, f"rows/table.{name}")
    wanted = time_columns(schema, partner, variables)
    numbers = {(v.table, v.column): number for number, v in enumerate(variables, 1)}
    days = session.lay(_days(partner, variables, tables, wanted, numbers), "rows/days")
    unreadable = session.lay(_unreadable(partner, variables, tables, wanted, numbers), "rows/unreadable")
    once = roster.filter(roster.times == 1)
    return Delivery(partner, tuple(variables), numbers, tables, once, days, unreadable, landed)


def _with_derived(table: Table, spec: TableSpec) -> Table:
    """Add the derived columns, and whether ``where`` keeps the row."""
    table = table.mutate(**{c: _without_empty_list(table[c], mark) for c, mark in spec.split.items()})
    marks = {"decimal_mark": spec.decimal, "thousands": spec.thousands}
    derived = {name: to_ibis(text, table, **marks) for name, text in spec.derive.items()}
    kept = ibis.literal(True)
    if spec.where:
        kept = to_ibis(spec.where.keep, table, **marks).fill_null(False)
    return table.mutate(**derived, **{KEPT: kept})


def _with_fate(table: Table, roster: Table, *, is_roster: bool) -> Table:
    """Say of each row why it is out, if it is. A roster row that ``where`` leaves out counts as no patient."""
    once = roster.select(haemony_key="patient", haemony_times="times")
    known = table.left_join(once, table[PATIENT] == once.haemony_key)
    left_out = (~known[KEPT], ibis.literal(WHERE))
    unknown = (known.haemony_key.isnull(), ibis.literal(UNKNOWN_PATIENT))
    twice = (known.haemony_times > 1, ibis.literal(DUPLICATE_KEY))
    reasons = [left_out, unknown, twice] if is_roster else [unknown, twice, left_out]
    return known.mutate(**{FATE: choose(reasons, no("string"))}).drop("haemony_key", "haemony_times", KEPT)


def _without_empty_list(text: Column, separator: str) -> Column:
    """Empty a list cell that holds separators only."""
    return ibis.ifelse(trimmed(text.replace(separator, " ")).isnull(), no("string"), text)


def _with_patient(name: str, partner: Partner, landed: Mapping[str, Landed]) -> Table:
    """Give each row its patient, through the sample sheet where the table names samples."""
    table, key = landed[name].table, partner.tables[name].patient
    if key.through is None:
        return table
    sheet_name, sample = key.through
    sheet = landed[sheet_name].table
    sheet = sheet.group_by(haemony_sample=sheet[sample]).agg(
        haemony_owner=sheet[PATIENT].min(), haemony_owners=sheet[PATIENT].nunique()
    )
    joined = table.left_join(sheet, table[PATIENT] == sheet.haemony_sample)
    owner = ibis.ifelse(joined.haemony_owners == 1, joined.haemony_owner, no("string"))
    return joined.mutate(**{PATIENT: owner}).drop("haemony_sample", "haemony_owner", "haemony_owners")


def _roster(table: Table) -> Table:
    keyed = table.filter(table[PATIENT].notnull() & table[KEPT])
    return keyed.group_by(patient=keyed[PATIENT]).agg(times=keyed.count())


def _index_dates(partner: Partner, variables: Sequence[Variable], tables: Mapping[str, Table]) -> Table | None:
    """Return each patient's index date: the one that a table gives, the earliest where it gives several."""
    if partner.index.date is None:
        return None
    name, column = partner.index.date
    table = tables[name]
    variable = next(v for v in variables if (v.table, v.column) == (name, column))
    dated = table.mutate(haemony_date=delivered_date(table[column], variable.format.pattern))
    return dated.group_by(haemony_dated=dated[PATIENT]).agg(**{INDEX_DATE: dated.haemony_date.min()})


def _with_index_date(rows: Table, dates: Table | None) -> Table:
    if dates is None:
        return rows.mutate(**{INDEX_DATE: ibis.null("date")})
    return rows.left_join(dates, rows[PATIENT] == dates.haemony_dated).drop("haemony_dated")


def _days(
    partner: Partner,
    variables: Sequence[Variable],
    tables: Mapping[str, Table],
    wanted: Mapping[str, Sequence[str]],
    numbers: Mapping[tuple[str, str], int],
) -> Table:
    """Return (variable, row, day) for every column that is a point in time."""
    parts = []
    for name, columns in wanted.items():
        mine = tuple(v for v in variables if v.table == name)
        rows, clock = tables[name], Clock(mine, partner.tables[name], partner.index.relative)
        wide = rows.select(ROW, **{c: day_of(rows, c, clock).cast("int64") for c in columns})
        long = to_long(wide, {c: numbers[name, c] for c in columns}, [ROW])
        parts.append(long.select("variable", row=long[ROW], day="text"))
    if parts:
        return union(parts)
    some = next(iter(tables.values()))
    return _none(some).mutate(day=no("int64"))


def delivered_date(text: Column, pattern: str) -> Column:
    """Read a date by its pattern; null where it is none, or still to come: what is delivered has happened.

    The middle of the present month or year may be to come, and so may today, where the clock of a partner is ahead.
    """
    slack = max(AHEAD[one.precision] for one in date_patterns(pattern))
    date, latest = to_date(text, pattern), datetime.now(UTC).date() + timedelta(days=slack)
    return ibis.ifelse(date <= ibis.literal(latest), date, ibis.null("date"))


def _unreadable(
    partner: Partner,
    variables: Sequence[Variable],
    tables: Mapping[str, Table],
    wanted: Mapping[str, Sequence[str]],
    numbers: Mapping[tuple[str, str], int],
) -> Table:
    """Return (variable, row) for the filled cells of context columns that should be times and are none."""
    times = {(table, column) for table, columns in wanted.items() for column in columns}
    times |= {partner.index.date} if partner.index.date else set()
    parts = []
    for v in (v for v in variables if v.use == "context" and (v.table, v.column) in times):
        rows, spec = tables[v.table], partner.tables[v.table]
        text = rows[v.column]
        dated = v.format.kind == "date"
        read = delivered_date(text, v.format.pattern) if dated else to_decimal(text, spec.decimal, spec.thousands)
        bad = rows.filter(text.notnull() & read.isnull())
        parts.append(bad.select(variable=ibis.literal(numbers[v.table, v.column], "int64"), row=bad[ROW]))
    return union(parts) if parts else _none(next(iter(tables.values())))


def _none(some: Table) -> Table:
    return some.filter(ibis.literal(False)).select(variable=ibis.literal(0, "int64"), row=some[ROW])


def time_columns(schema: Schema, partner: Partner, variables: Sequence[Variable]) -> dict[str, list[str]]:
    """Return, per table, the columns that hold points in time: `at` columns, day fields, last contacts."""
    wanted: dict[str, list[str]] = {}

    def want(table: str, column: str) -> None:
        if column not in wanted.setdefault(table, []):
            wanted[table].append(column)

    for v in variables:
        if v.at not in ("", "index"):
            want(v.table, v.at)
        if v.use == "map" and is_day(schema, v):
            want(v.table, v.column)
    for table, column in partner.last_contact:
        want(table, column)
    return wanted


def is_day(schema: Schema, variable: Variable) -> bool:
    """Tell whether a variable fills a field that is a point in time."""
    cls = schema[variable.record_class]
    return not variable.qualifier and cls.has(variable.field) and cls.field(variable.field).time == "day"


def day_of(rows: Table, column: str, clock: Clock) -> Column:
    """Return the day of a column: a date since the index date, or a number since its own clock's start."""
    variable = next(v for v in clock.variables if v.column == column)
    if variable.format.kind == "date":
        return days_between(delivered_date(rows[column], variable.format.pattern), rows[INDEX_DATE])
    number = to_decimal(rows[column], clock.spec.decimal, clock.spec.thousands)
    if variable.derived:
        number = ibis.coalesce(number, to_decimal(rows[column]))  # a computed number has a point
    if variable.unit not in ("", "d"):
        number = scaled(number, factor(variable.unit, "d"))
    return whole(number.round(0)) + start_of(rows, variable, clock)


def start_of(rows: Table, variable: Variable, clock: Clock) -> Column:
    """Return the day on which a time's clock starts: delivered times that say no more count from the index date."""
    if variable.at == "index" or (not variable.at and clock.relative):
        return ibis.literal(0, "int64")
    if not variable.at:
        return no("int64")
    return day_of(rows, variable.at, clock)
