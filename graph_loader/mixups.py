"""Mix-ups: laboratory values that are read in one unit and were measured in another, found by where they lie.

Values are looked at by concept, column and the unit that is written or assumed, before any record is quarantined, in
the unit of the concept and as logarithms: a wrong unit moves all its values by the same distance. The rule holds what
the shapes expect (``ranges``) against what each unit in question (``units.mistakable``) would make of the values:

1. *Out and in.* A value speaks for another unit if it lies outside what is expected, and inside once converted.
2. *Enough.* ``FEW`` values that are impossible, or ``MANY`` that are merely unexpected.
3. *Explained.* The unit explains ``EXPLAINED`` of all values that are out on that side: what is wrong otherwise, is
   wrong otherwise.
4. *Alike.* Converted, they lie where the other values of the test lie: their median is within a factor of two of the
   others', or within the others' own spread where that is wider; for merely unexpected values within a factor of 1.4.
5. *Apart.* A quarter of the distance that the conversion bridges, counted from the values in question towards the
   others, holds less than a quarter of their number. A test that ranges widely (leukocytes, ferritin) has its tail
   there. And the conversion bridges at least two standard deviations of the others; four for merely unexpected values.

Where ``EXPLAINED`` of all values of a column speak for another unit, the whole column has it; there are no others then
to be like or apart from. A test without a range has no mix-ups: without one, wide and mixed look the same.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import ibis
import pyarrow as pa
from rdflib import Graph

from haemony.engine.plan import no, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.fates import LOADED
from haemony.graph_loader.harmonise import Harmonised
from haemony.graph_loader.ranges import Limits, Range, range_of, read_ranges
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.said_units import SaidUnit, said_unit, test_of, unit_column
from haemony.graph_loader.telltale import Telltale, telltale
from haemony.mappings.model import Variable
from haemony.ontology.schema import Field, RecordClass, Schema
from haemony.ontology.units import canonical_unit, mistakable, molar_mass
from haemony.ontology.vocabulary import Vocabulary

#: So many impossible, or merely unexpected, values are more than slips.
FEW, MANY = 3, 10
#: A share that is nearly all.
EXPLAINED: Final = 0.8
#: Distances of medians, as logarithms: a factor of two, and one of 1.4.
NEAR, CLOSE = math.log10(2), 0.15
#: So many other values show where a test usually lies; so many are a column.
USUAL, COLUMN = 10, 10
#: A quarter, of the distance and of the number.
APART: Final = 0.25
#: So many standard deviations of the other values are bridged where values are impossible, or merely unexpected.
REACH, FAR = 2, 4
#: The quartiles of a normal distribution are so many standard deviations apart.
QUARTILES: Final = 1.349

COLUMNS: Final[dict[str, pa.DataType]] = {
    "class": pa.string(), "concept": pa.int64(), "name": pa.string(),
    "table": pa.string(), "file": pa.string(), "column": pa.string(), "tag": pa.string(), "field": pa.string(),
    "unit_column": pa.string(), "unit_text": pa.string(), "says": pa.string(), "mapping": pa.string(),
    "looks": pa.string(), "also": pa.list_(pa.string()), "factor": pa.float64(), "kept": pa.string(),
    "whole_column": pa.bool_(), "values": pa.int64(), "patients": pa.int64(), "of": pa.int64(),
    "impossible": pa.int64(), "low": pa.float64(), "median": pa.float64(), "high": pa.float64(),
    "usual": pa.float64(), "expected_low": pa.float64(), "expected_high": pa.float64(),
    "test_column": pa.string(), "test_texts": pa.list_(pa.string()),
    "told_by_table": pa.string(), "told_by_column": pa.string(), "told_by_use": pa.string(),
    "told_by_date": pa.bool_(), "told_by_texts": pa.list_(pa.string()),
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """The values of one test in one column that are read in one unit."""

    number: int
    concept: int
    variable: Variable
    text: str
    said: SaidUnit
    kept: str
    range: Range
    test: tuple[str, tuple[str, ...]] | None


class Seen(NamedTuple):
    """How the values of a group lie; ``usual`` and ``spread`` are of the logarithms of those that are expected."""

    n: int
    out: int
    impossible: int
    inside: int
    usual: float | None
    spread: float


class Trial(NamedTuple):
    """What another unit would make of a group's values; ``median`` and ``edge`` are logarithms of values as read."""

    unit: str
    by: float
    values: int
    patients: int
    impossible: int
    same_side: int
    low: float
    median: float
    high: float
    edge: float


def write_mixups(
    session: Session, schema: Schema, vocabulary: Vocabulary, result: Harmonised, shapes: Graph, out: Path
) -> None:
    """Find the units that are mixed up in a delivery, and write ``mixups.parquet``, a row for each column and unit."""
    rows = [
        row
        for cls in schema.records
        for field in cls.fields
        if field.unit == "concept" and cls.name in result.records
        for row in _of_field(session, vocabulary, result, shapes, cls, field)
    ]
    rows.sort(key=lambda row: (-row["values"], row["concept"], row["column"]))
    table = session.table("mixups/found", COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    session.write(table, out)


def _of_field(
    session: Session, vocabulary: Vocabulary, result: Harmonised, shapes: Graph, cls: RecordClass, field: Field
) -> Iterator[dict[str, Any]]:
    ranges = read_ranges(shapes, field.word)
    delivered = [
        v
        for v in result.delivery.variables
        if v.use == "map" and (v.record_class, v.field, v.qualifier) == (cls.name, field.name, "")
    ]
    if not ranges or not delivered:
        return
    values = session.lay(_values(result, cls, field, delivered), f"mixups/{cls.name}.values")
    groups = _groups(session, vocabulary, result, ranges, delivered, values)
    placed = session.lay(_placed(session, values, groups.values()), f"mixups/{cls.name}.placed")
    found, seen, tried = find(session, placed, groups)
    for number, trials in found.items():
        group = groups[number]
        mine = tried.filter((tried.group == group.number) & (tried.unit == trials[0].unit))
        rest = placed.filter((placed.group == group.number) & ~placed.out)
        whole = _whole(trials[0], seen[group.number])
        told = _shared_line(groups.values(), group) if whole else None
        if not whole:
            told = telltale(session, result.delivery, group.variable, mine, rest)
        yield _row(vocabulary, result, cls, group, trials, seen[group.number], told)


def find(
    session: Session, placed: Table, groups: Mapping[int, Group]
) -> tuple[dict[int, list[Trial]], dict[int, Seen], Table]:
    """Find the groups whose values have another unit, the units that it may be, how all values lie, and which speak."""
    seen = _seen(session, placed)
    doubted = [
        g for g in groups.values() if g.number in seen and _enough(seen[g.number].out, seen[g.number].impossible)
    ]
    tried = session.lay(_tried(session, placed, doubted), "mixups/tried")
    return (_judged(session, placed, tried, doubted, seen) if doubted else {}), seen, tried


def _values(result: Harmonised, cls: RecordClass, field: Field, delivered: Sequence[Variable]) -> Table:
    """Return (id, patient, concept, value, column, row, text): each value with the unit that its row delivers."""
    delivery, sources = result.delivery, result.sources
    numbers = [delivery.number(v) for v in delivered]
    cells = sources.filter((sources["class"] == cls.name) & (sources.fate == LOADED) & (sources.field == field.name))
    cells = cells.filter(cells.used_as.isin(numbers)).select("id", "row", column="used_as").distinct()
    records = result.records[cls.name]
    records = records.filter(records[field.name] > 0).select("id", "concept", value=records[field.name].cast("float64"))
    rows = []
    for v in delivered:
        unit, table = unit_column(delivery.variables, v), delivery.tables[v.table]
        text = table[unit.column] if unit else no("string")
        number = ibis.literal(delivery.number(v), "int64")
        rows.append(table.select(row=table[ROW], column=number, patient=table[PATIENT], text=text.fill_null("")))
    return cells.join(records, "id").join(union(rows), ["column", "row"])


def _groups(
    session: Session,
    vocabulary: Vocabulary,
    result: Harmonised,
    ranges: Mapping[int, Range],
    delivered: Sequence[Variable],
    values: Table,
) -> dict[int, Group]:
    """Return the groups of values whose unit and range are known."""
    variables = {result.delivery.number(v): v for v in delivered}
    codes = vocabulary.unit_codes()
    found: dict[int, Group] = {}
    asked = values.select("concept", "column", "text").distinct().order_by("concept", "column", "text")
    for number, (concept, column, text) in enumerate(session.rows(asked), 1):
        variable, kept = variables[column], canonical_unit(concept)
        said = said_unit(result.delivery, vocabulary, codes, variable, concept, text)
        range_ = range_of(ranges, vocabulary.ancestors(concept) if concept in vocabulary else [concept])
        if kept and said and range_:
            found[number] = Group(
                number, concept, variable, text, said, kept, range_, test_of(result.delivery, variable, concept)
            )
    return found


def _placed(session: Session, values: Table, groups: Iterable[Group]) -> Table:
    """Say of each value in which group it is, and whether it lies outside what is expected, or what is possible."""
    columns = {
        "group": pa.int64(), "concept": pa.int64(), "of_column": pa.int64(), "text": pa.string(),
        "low": pa.float64(), "high": pa.float64(), "least": pa.float64(), "most": pa.float64(),
    }  # fmt: skip
    rows = [
        (g.number, g.concept, g.said.column, g.text, *_bounds(g.range.expected), *_bounds(g.range.possible))
        for g in groups
    ]
    limits = session.table("mixups/groups", columns, rows)
    placed = values.join(
        limits, [values.concept == limits.concept, values.column == limits.of_column, values.text == limits.text]
    ).select("group", "id", "patient", "row", "value", "low", "high", "least", "most")
    above = placed.value > placed.high
    return placed.mutate(
        log=placed.value.log10(),
        above=above,
        out=above | (placed.value < placed.low),
        impossible=(placed.value < placed.least) | (placed.value > placed.most),
    )


def _bounds(limits: Limits) -> tuple[float, float]:
    """Return limits as numbers that can be compared; no test of blood is below zero, nor above this."""
    return (0.0 if limits.low is None else limits.low, 1e15 if limits.high is None else limits.high)


def _seen(session: Session, placed: Table) -> dict[int, Seen]:
    inside = ~placed.out
    found = placed.group_by("group").agg(
        n=placed.count(),
        n_out=placed.out.cast("int64").sum(),
        n_impossible=placed.impossible.cast("int64").sum(),
        n_inside=inside.cast("int64").sum(),
        usual=placed.log.quantile(0.5, where=inside),
        first=placed.log.quantile(0.25, where=inside),
        third=placed.log.quantile(0.75, where=inside),
    )
    return {
        int(group): Seen(n, out, impossible, within, usual, (third - first) / QUARTILES if within else 0.0)
        for group, n, out, impossible, within, usual, first, third in session.rows(found)
    }


def _enough(unexpected: int, impossible: int) -> bool:
    return impossible >= FEW or unexpected >= MANY


def _tried(session: Session, placed: Table, doubted: Sequence[Group]) -> Table:
    """Return the values that are out as read and expected once converted, for every other unit of their group."""
    rows = [
        (g.number, unit, by)
        for g in doubted
        for unit, by in mistakable(g.said.ucum, g.kept, molar_mass(g.concept)).items()
    ]
    units = session.table("mixups/units", {"group": pa.int64(), "unit": pa.string(), "by": pa.float64()}, rows)
    tried = placed.filter(placed.out).join(units, "group")
    converted = tried.value * tried.by
    return tried.filter((converted >= tried.low) & (converted <= tried.high))


def _judged(
    session: Session, placed: Table, tried: Table, doubted: Sequence[Group], seen: Mapping[int, Seen]
) -> dict[int, list[Trial]]:
    """Return the groups that have another unit, with the units that it may be, the likeliest first."""
    groups = {g.number: g for g in doubted}
    likely = defaultdict(list)
    for group, trial in _trials(session, placed, tried):
        if _fits(trial, seen[group], groups[group].range):
            likely[group].append(trial)
    crowded = _crowded(session, placed, tried, likely, seen)
    found: dict[int, list[Trial]] = {}
    for number, trials in likely.items():
        apart = [t for t in trials if crowded.get((number, t.unit), 0) <= APART * t.values]
        most = max((t.values for t in apart), default=0)
        best = [t for t in apart if t.values >= EXPLAINED * most]
        if best:
            place = _place(seen[number], groups[number].range)
            found[number] = sorted(best, key=lambda t: abs(t.median + math.log10(t.by) - place))
    return found


def _trials(session: Session, placed: Table, tried: Table) -> Iterator[tuple[int, Trial]]:
    out = placed.filter(placed.out)
    sides = out.group_by("group", "above").agg(same_side=out.count())
    by_unit = tried.group_by("group", "unit", "by", "above").agg(
        n=tried.count(),
        patients=tried.patient.nunique(),
        n_impossible=tried.impossible.cast("int64").sum(),
        lowest=tried.value.min(),
        median=tried.log.quantile(0.5),
        highest=tried.value.max(),
        inner=ibis.ifelse(tried.above.any(), tried.log.quantile(0.1), tried.log.quantile(0.9)),
    )
    joined = by_unit.join(sides, ["group", "above"])
    wanted = (
        "group",
        "unit",
        "by",
        "n",
        "patients",
        "n_impossible",
        "same_side",
        "lowest",
        "median",
        "highest",
        "inner",
    )
    for group, *trial in session.rows(joined.select(*wanted).order_by("group", "unit")):
        yield int(group), Trial(*trial)


def _whole(trial: Trial, seen: Seen) -> bool:
    return trial.values >= max(COLUMN, EXPLAINED * seen.n)


def _fits(trial: Trial, seen: Seen, range_: Range) -> bool:
    """Tell whether enough values speak for a unit, it explains them, and they lie where the others lie."""
    if not _enough(trial.values, trial.impossible) or trial.values < EXPLAINED * trial.same_side:
        return False
    if _whole(trial, seen):
        return True
    if seen.inside < USUAL or seen.usual is None:
        return False
    reach, sure = abs(math.log10(trial.by)), trial.impossible >= FEW
    distance = abs(trial.median + math.log10(trial.by) - seen.usual)
    near = max(NEAR, seen.spread) if sure else CLOSE
    return distance <= near and reach >= (REACH if sure else FAR) * seen.spread


def _place(seen: Seen, range_: Range) -> float:
    """Return where values of a test usually lie, as a logarithm: where the others do, or amid what is expected."""
    if seen.usual is not None and seen.inside >= USUAL:
        return seen.usual
    low, high = range_.expected
    return math.log10(math.sqrt(low * high)) if low and high else math.log10(low or high or 1)


def _crowded(
    session: Session,
    placed: Table,
    tried: Table,
    likely: Mapping[int, Sequence[Trial]],
    seen: Mapping[int, Seen],
) -> dict[tuple[int, str], int]:
    """Count the other values that lie where, between those in question and themselves, none should lie."""
    rows = [
        (number, t.unit, *sorted((t.edge, t.edge + APART * math.log10(t.by))))
        for number, trials in likely.items()
        for t in trials
        if not _whole(t, seen[number])
    ]
    columns = {"group": pa.int64(), "unit": pa.string(), "nearer": pa.float64(), "farther": pa.float64()}
    moats = session.table("mixups/moats", columns, rows)
    inside = placed.join(moats, "group")
    inside = inside.filter((inside.log > inside.nearer) & (inside.log < inside.farther))
    inside = inside.anti_join(tried, ["group", "unit", "id"])
    counted = inside.group_by("group", "unit").agg(n=inside.count())
    return {(int(group), unit): int(n) for group, unit, n in session.rows(counted)}


def _shared_line(groups: Iterable[Group], group: Group) -> Telltale | None:
    """Return the column of the test where the line of the unit serves other tests too, and so cannot be changed."""
    if not any(g.said.line == group.said.line and g.concept != group.concept for g in groups) or not group.test:
        return None
    column, texts = group.test
    return Telltale(group.variable.table, column, "map", dated=False, texts=texts)


def _row(
    vocabulary: Vocabulary,
    result: Harmonised,
    cls: RecordClass,
    group: Group,
    trials: Sequence[Trial],
    seen: Seen,
    told: Telltale | None,
) -> dict[str, Any]:
    trial, variable = trials[0], group.variable
    unit = unit_column(result.delivery.variables, variable)
    return {
        "class": cls.name,
        "concept": group.concept,
        "name": vocabulary[group.concept].name,
        "table": variable.table,
        "file": result.delivery.partner.tables[variable.table].file,
        "column": variable.column,
        "tag": variable.tag,
        "field": variable.field,
        "unit_column": unit.column if unit else None,
        "unit_text": group.text or None,
        "says": group.said.ucum,
        "mapping": group.said.line,
        "looks": trial.unit,
        "also": [t.unit for t in trials[1:]],
        "factor": trial.by,
        "kept": group.kept,
        "whole_column": _whole(trial, seen),
        "values": trial.values,
        "patients": trial.patients,
        "of": seen.n,
        "impossible": trial.impossible,
        "low": trial.low,
        "median": 10**trial.median,
        "high": trial.high,
        "usual": None if seen.usual is None else 10**seen.usual,
        "expected_low": group.range.expected.low,
        "expected_high": group.range.expected.high,
        "test_column": group.test[0] if group.test else None,
        "test_texts": list(group.test[1]) if group.test else [],
        "told_by_table": told.table if told else None,
        "told_by_column": told.column if told else None,
        "told_by_use": told.use if told else None,
        "told_by_date": told.dated if told else None,
        "told_by_texts": list(told.texts) if told else [],
    }
