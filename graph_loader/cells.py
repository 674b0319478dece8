"""Cells: every filled cell that a mapping maps, read to what it means, one row each.

The mapping enters as small tables (variables, values, codes) that are joined: it stays data, and the plan is as
long for a hundred columns as for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import pyarrow as pa

from haemony.engine.plan import (
    bound,
    canonical,
    choose,
    days_between,
    no,
    scaled,
    to_date,
    to_decimal,
    to_long,
    trimmed,
    union,
    whole,
    without_bound,
    years_between,
)
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.readings import read_distinct
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.rows import FATE, INDEX_DATE, WHERE, Delivery, is_day
from haemony.mappings.model import CONCEPTS, DICTIONARY, ConceptRow, Variable
from haemony.ontology.schema import Schema
from haemony.ontology.units import factor
from haemony.ontology.vocabulary import Vocabulary

#: OMOP's answer concepts that say whether the thing is there.
NEGATIVE, POSITIVE = 9189, 9191

#: The fates of a cell, best first: a cell used twice has the better one.
LOADED, QUARANTINED, IGNORED, DROPPED, MISSING = "loaded", "quarantined", "ignored", "dropped", "missing"
FATES: Final = (LOADED, QUARANTINED, IGNORED, DROPPED, MISSING)

#: Reasons that blame a value; ``concept-wanted`` and rows of unknown patients do not count against a column.
UNMAPPED: Final = "unmapped"
#: A readable time whose clock has no known start: no index date, or nothing in the column that `at` names.
NO_CLOCK: Final = "no-clock"
VALUE_REASONS: Final = (UNMAPPED, "unreadable-number", "unreadable-date", "unreadable-text", "unknown-unit")

VARIABLE_COLUMNS: Final = {
    "table": pa.string(),
    "column": pa.string(),
    "variable": pa.int64(),
    "spec": pa.int64(),
    "class": pa.string(),
    "field": pa.string(),
    "qualifier": pa.string(),
    "reads": pa.string(),
    "reader": pa.string(),
    "codes": pa.string(),
    "pattern": pa.string(),
    "comma": pa.bool_(),
    "derived": pa.bool_(),
    "bounded": pa.bool_(),
    "tests": pa.bool_(),
    "factor": pa.decimal128(20, 12),
    "unit": pa.string(),
    "at": pa.string(),
    "lead": pa.bool_(),
    "names": pa.bool_(),
    "own_concepts": pa.list_(pa.int64()),
    "broad": pa.bool_(),
    "negative": pa.bool_(),
    "answers": pa.bool_(),
    "flag_true": pa.string(),
    "flag_false": pa.string(),
    "flag_third": pa.string(),
    "own_mappings": pa.list_(pa.string()),
    "own_state": pa.string(),
}
VALUE_COLUMNS: Final = {
    "variable": pa.int64(),
    "value_text": pa.string(),
    "value_state": pa.string(),
    "value_concepts": pa.list_(pa.int64()),
    "answer": pa.int64(),
    "value_unit": pa.string(),
    "value_broad": pa.bool_(),
    "value_mappings": pa.list_(pa.string()),
}
CODE_COLUMNS: Final = {
    "codes": pa.string(),
    "code_text": pa.string(),
    "code_concept": pa.int64(),
    "code_unit": pa.string(),
}


@dataclass(frozen=True)
class Spec:
    """One record that a row of a table makes: the variables of a tag, or a single column."""

    number: int
    table: str
    record: str
    record_class: str
    variables: tuple[Variable, ...]


def specs_of(delivery: Delivery) -> tuple[Spec, ...]:
    """Return the records that the mapped variables make, in the order of the dictionary."""
    groups: dict[tuple[str, str], list[Variable]] = {}
    for variable in delivery.variables:
        if variable.use == "map":
            groups.setdefault((variable.table, variable.record), []).append(variable)
    return tuple(
        Spec(number, table, record, members[0].record_class, tuple(members))
        for number, ((table, record), members) in enumerate(groups.items(), 1)
    )


def read_cells(
    session: Session, schema: Schema, vocabulary: Vocabulary, delivery: Delivery, specs: Sequence[Spec]
) -> Table:
    """Read every filled cell of the mapped variables.

    A row of the result: table, row, part, column, text, variable, spec, class, field, patient; ``state`` (ok, false,
    third, quarantined, ignored) with its ``reason``; and what it says: number, bound, day, truth, string, concepts,
    answer (a value concept), unit, findings.
    """
    numbers = {(v.table, v.column): i for i, v in enumerate((v for s in specs for v in s.variables), 1)}
    variables = session.table("variables", VARIABLE_COLUMNS, _variable_rows(schema, delivery, specs, numbers))
    values = session.table("values", VALUE_COLUMNS, _value_rows(schema, vocabulary, specs, numbers))
    codes = session.table("codes", CODE_COLUMNS, _code_rows(vocabulary, specs))
    long = session.lay(_long(delivery, specs).join(variables, ["table", "column"]), "cells/long")
    readings = read_distinct(session, long, vocabulary)
    return session.lay(_read(long, values, codes, readings, delivery, schema, specs), "cells/read")


def _long(delivery: Delivery, specs: Sequence[Spec]) -> Table:
    """Put the filled cells of all mapped columns below each other."""
    keep = [ROW, PATIENT, FATE, INDEX_DATE]
    parts = []
    for name, table in delivery.tables.items():
        columns = [v.column for s in specs if s.table == name for v in s.variables]
        split = {c: separator for c, separator in delivery.partner.tables[name].split.items() if c in columns}
        pieces = [to_long(table, [c for c in columns if c not in split], keep)] if len(columns) > len(split) else []
        pieces = [p.mutate(part=ibis.literal(0, "int64")) for p in pieces]
        pieces += [_parts(table, column, separator, keep) for column, separator in split.items()]
        parts += [
            p.select(
                table=ibis.literal(name),
                row=p[ROW],
                part=p.part,
                column=p.column,
                text=p.text,
                patient=p[PATIENT],
                row_fate=p[FATE],
                index_date=p[INDEX_DATE],
            )
            for p in pieces
        ]
    return union(parts)


def _parts(table: Table, column: str, separator: str, keep: Sequence[str]) -> Table:
    """Turn a cell that holds a list into one row a part."""
    listed = table.filter(table[column].notnull()).select(
        *keep, column=ibis.literal(column), text=table[column].replace(separator, "\x1f").split("\x1f")
    )
    parts = listed.unnest("text", offset="part")
    parts = parts.mutate(text=trimmed(parts.text), part=parts.part.cast("int64"))
    return parts.filter(parts.text.notnull())


def _variable_rows(
    schema: Schema, delivery: Delivery, specs: Sequence[Spec], numbers: Mapping[tuple[str, str], int]
) -> Iterable[tuple[Any, ...]]:
    for spec in specs:
        cls = schema[spec.record_class]
        for v in spec.variables:
            field = cls.field(v.field) if cls.has(v.field) else None
            loads = [c for c in v.concepts if c.loads_as in ("concept", "broad")]
            yield (
                v.table,
                v.column,
                numbers[v.table, v.column],
                spec.number,
                spec.record_class,
                v.field,
                v.qualifier,
                _reads(schema, v),
                field.reader if field and not v.qualifier else "",
                v.format.vocabulary if v.format.kind == "codes" else "",
                v.format.pattern,
                delivery.partner.tables[v.table].decimal == ",",
                v.derived,
                cls.has("operator") and field is not None and field.role == "main",
                cls.negative and (v.format.kind == "flag" or _answers_absence(v)),
                _constant_factor(schema, spec, v),
                v.unit or None,
                v.at,
                v.is_lead,
                v.field in ("concept", "present") or bool(loads),
                [c.concept_id for c in loads],
                any(c.loads_as == "broad" for c in loads),
                cls.negative,
                cls.has("value_concept"),
                v.format.true,
                v.format.false,
                v.format.third,
                [
                    f"{delivery.partner.name}/{DICTIONARY}:{v.line}",
                    *_references(delivery.partner.name, [*loads, *v.unloaded]),
                ],
                "" if v.concepts or not v.unloaded else v.unloaded[0].status,
            )


def _answers_absence(variable: Variable) -> bool:
    """Tell whether a value of the variable says that the thing is absent or present: then any value says it was tested."""
    rows = (row for rows in variable.values.values() for row in rows)
    return any(row.loads_as == "value" and row.concept_id in (NEGATIVE, POSITIVE) for row in rows)


def _reads(schema: Schema, variable: Variable) -> str:
    """Return how a variable's text is read where no value row says what it means."""
    cls, kind = schema[variable.record_class], variable.format.kind
    if variable.qualifier:
        return variable.qualifier
    if kind in ("flag", "codes"):
        return kind
    if not cls.has(variable.field) or cls.field(variable.field).kind == "concept":
        return "value"
    field = cls.field(variable.field)
    if is_day(schema, variable):
        return "day"
    if kind == "date":
        return field.time  # a date of birth, or the date on which a duration ends
    return field.kind


def _constant_factor(schema: Schema, spec: Spec, variable: Variable) -> Any:
    """Return the factor from a variable's constant unit to its field's; None where the record decides later."""
    cls = schema[spec.record_class]
    if variable.qualifier or not variable.unit or not cls.has(variable.field):
        return None
    target = cls.field(variable.field).unit
    unit_column = any(v.qualifier == "unit" and v.field == variable.field for v in spec.variables)
    if target in ("", "concept") or unit_column:
        return None
    return factor(variable.unit, target)


def _references(partner: str, rows: Iterable[ConceptRow]) -> list[str]:
    return [f"{partner}/{CONCEPTS}:{row.line}" for row in rows if row.line]


def _value_rows(
    schema: Schema, vocabulary: Vocabulary, specs: Sequence[Spec], numbers: Mapping[tuple[str, str], int]
) -> Iterable[tuple[Any, ...]]:
    for spec in specs:
        for v in spec.variables:
            for text, rows in v.values.items():
                loading = [r for r in rows if r.status == "loads"]
                named = [r for r in loading if r.loads_as in ("concept", "broad")]
                state = "loads" if loading else min(r.status for r in rows)
                partner = rows[0].subject_id.partition(":")[0]
                yield (
                    numbers[v.table, v.column],
                    text,
                    state,
                    [r.concept_id for r in named] or None,
                    next((r.concept_id for r in loading if r.loads_as == "value"), None),
                    next((_ucum(r, vocabulary) for r in loading if r.loads_as == "unit"), None),
                    any(r.loads_as == "broad" for r in named),
                    _references(partner, rows),
                )


def _ucum(row: ConceptRow, vocabulary: Vocabulary) -> str:
    """Return the UCUM code of a unit row; a code that the vocabulary lacks stands in the CURIE itself."""
    return vocabulary[row.concept_id].code if row.concept_id else row.object_curie.partition(":")[2]


def _code_rows(vocabulary: Vocabulary, specs: Sequence[Spec]) -> Iterable[tuple[Any, ...]]:
    """List every code that the variables' vocabularies know, under ``vocabulary/class``, and every unit's spelling."""
    wanted = {(v.format.vocabulary, s.record_class) for s in specs for v in s.variables if v.format.kind == "codes"}
    for name, record_class in sorted(wanted):
        for text, concept in vocabulary.codes(name, record_class).items():
            yield (f"{name}/{record_class}", text, concept, None)
    for text, ucum in vocabulary.unit_codes().items():
        yield ("unit", text, None, ucum)


def _read(
    long: Table, values: Table, codes: Table, readings: Table, delivery: Delivery, schema: Schema, specs: Sequence[Spec]
) -> Table:
    c = long.mutate(
        value_text=canonical(long.text),
        code_set=ibis.ifelse(long.qualifier == "unit", ibis.literal("unit"), long.codes + "/" + long["class"]),
    )
    c = c.left_join(values, ["variable", "value_text"]).drop("variable_right", "value_text_right")
    c = c.left_join(codes, (c.code_set == codes.codes) & (c.text == codes.code_text)).drop("codes_right", "code_text")
    c = c.left_join(readings, (c.reader == readings.reader) & (c.text == readings.read_text)).drop(
        "reader_right", "read_text"
    )
    own = delivery.days.rename(own_day="day")
    c = c.left_join(own, ["table", "row", "column"]).drop("table_right", "row_right", "column_right")
    start = delivery.days.rename(start_day="day", at="column")
    c = c.left_join(start, ["table", "row", "at"]).drop("table_right", "row_right", "at_right")
    c = c.mutate(start_day=ibis.ifelse(c["at"] == "index", ibis.literal(0, "int64"), c.start_day))
    patterns = sorted({v.format.pattern for s in specs for v in s.variables if v.format.kind == "date"})
    c = c.mutate(**_meanings(c, patterns))
    state, reason = _verdict(c)
    c = c.mutate(state=state, reason=reason)
    concepts = ibis.coalesce(
        c.value_concepts,
        ibis.ifelse(c.code_concept.notnull(), ibis.array([c.code_concept]), ibis.null("array<int64>")),
        c.own_concepts,
    )
    return c.select(
        "table",
        "row",
        "part",
        "column",
        "text",
        "variable",
        "spec",
        "class",
        "field",
        "qualifier",
        "patient",
        "reads",
        "reader",
        "unit",
        "lead",
        "names",
        "tests",
        "state",
        "reason",
        "number",
        "bound",
        "truth",
        "string",
        "clones",
        "sex_chromosomes",
        "findings",
        "answer",
        "start_day",
        broad=c.broad | c.value_broad.fill_null(False),
        concepts=concepts,
        unit_read=ibis.coalesce(c.value_unit, c.code_unit),
        day=c.own_day,
        mappings=ibis.ifelse(c.value_mappings.isnull(), c.own_mappings, c.own_mappings.concat(c.value_mappings)),
    )


def _meanings(c: Table, patterns: Sequence[str]) -> dict[str, Column]:
    """Return what each cell's text says, by the way it is read."""
    date = choose([(c.pattern == p, to_date(c.text, p)) for p in patterns], ibis.null("date"))
    plain = ibis.ifelse(c.bounded, without_bound(c.text), c.text)
    number = ibis.ifelse(c.comma, to_decimal(plain, ","), to_decimal(plain))
    number = ibis.ifelse(c.derived, ibis.coalesce(number, to_decimal(plain)), number)  # a computed number has a point
    number = ibis.ifelse(c.factor.notnull(), scaled(number, c.factor.fill_null(1)), number)
    dated = choose(
        [
            (c.reads == "age", years_between(c.index_date, date)),
            (c.reads == "duration", days_between(date, c.index_date) - c.start_day),
        ],
        no("int64"),
    )
    integer = c.reads == "integer"
    return {
        "readable_time": ibis.ifelse(c.pattern != "", date.notnull(), number.notnull()),
        "number": choose(
            [
                (c.reads.isin(["age", "duration"]), dated.cast("decimal(18,6)")),
                (integer & whole(number).isnull(), no("decimal(18,6)")),
            ],
            ibis.ifelse(c.reads.isin(["decimal", "integer"]), number, no("decimal(18,6)")),
        ),
        "bound": ibis.ifelse(
            c.bounded, bound(c.text), ibis.ifelse(c.qualifier == "operator", bound(c.text), no("string"))
        ),
        "truth": choose(
            [
                (c.reads != "flag", ibis.null("boolean")),
                (c.value_text == c.flag_true, ibis.literal(True)),
                (c.value_text == c.flag_false, ibis.literal(False)),
            ],
            ibis.null("boolean"),
        ),
        "string": choose([(c.reader != "", c.normal_text), (c.reads == "string", c.text)], no("string")),
    }


def _verdict(c: Table) -> tuple[Column, Column]:
    """Return each cell's state and the reason for it; the first rule that applies decides."""
    flag, false = c.reads == "flag", c.truth == ibis.literal(False)
    says = c.value_state == "loads"
    absent = false & ~c.field.isin(["present", "concept"])  # 'false' is a value of a boolean field
    rules = [
        (c.row_fate == WHERE, "ignored", WHERE),
        (c.row_fate.notnull(), "quarantined", ""),
        (c.value_state == "not-found", "ignored", "no-term-found"),
        (c.value_state == "wanted", "quarantined", "concept-wanted"),
        (c.value_state == "not-loaded", "quarantined", UNMAPPED),
        (says & (c.answer == NEGATIVE) & c.negative, "false", ""),
        (says & (c.answer == NEGATIVE) & ~c.answers, "ignored", "absent-no-fact"),
        (says & c.value_concepts.isnull() & c.answer.notnull() & (c.answer != POSITIVE) & ~c.answers, "quarantined", UNMAPPED),
        (says, "ok", ""),
        (c.own_state == "not-found", "ignored", "no-term-found"),
        (c.own_state == "wanted", "quarantined", "concept-wanted"),
        (c.own_state == "not-loaded", "quarantined", UNMAPPED),
        (flag & (c.truth | absent), "ok", ""),
        (flag & false & (c.field == "concept"), "ignored", "one-hot-false"),
        (flag & false & ~c.negative, "ignored", "absent-no-fact"),
        (flag & false & c.broad, "ignored", "broad-false"),
        (flag & false, "false", ""),
        (flag & (c.value_text == c.flag_third) & (c.flag_third != ""), "third", ""),
        (flag, "quarantined", UNMAPPED),
        ((c.qualifier == "unit") & c.code_unit.isnull(), "quarantined", "unknown-unit"),
        ((c.qualifier == "operator") & c.bound.isnull(), "quarantined", UNMAPPED),
        ((c.codes != "") & c.code_concept.isnull(), "quarantined", UNMAPPED),
        (c.reads == "value", "quarantined", UNMAPPED),
        ((c.reads == "day") & c.own_day.isnull() & c.readable_time, "quarantined", NO_CLOCK),
        ((c.reads == "day") & c.own_day.isnull(), "quarantined", "unreadable-date"),
        (c.reads.isin(["age", "duration"]) & c.number.isnull() & c.readable_time, "quarantined", NO_CLOCK),
        (c.reads.isin(["age", "duration"]) & c.number.isnull(), "quarantined", "unreadable-date"),
        (c.reads.isin(["decimal", "integer"]) & c.number.isnull(), "quarantined", "unreadable-number"),
        ((c.reader != "") & c.string.isnull(), "quarantined", "unreadable-text"),
    ]
    state = choose([(when.fill_null(False), ibis.literal(name)) for when, name, _ in rules], ibis.literal("ok"))
    reason = choose(
        [
            (when.fill_null(False), c.row_fate if name == "quarantined" and not why else ibis.literal(why))
            for when, name, why in rules
        ],
        ibis.literal(""),
    )
    return state, reason
