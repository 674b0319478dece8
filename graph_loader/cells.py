"""Cells: every filled cell that a mapping maps, read to what it means, one row each.

The mapping enters as small tables (variables, values, codes) that are joined: it stays data, and the plan is as
long for a hundred columns as for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.plan import (
    bound,
    canonical,
    choose,
    days_between,
    last_place,
    no,
    scaled,
    to_decimal,
    to_long,
    trimmed,
    union,
    whole,
    without_bound,
    without_thousands,
    years_between,
)
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.fates import BLAMELESS, NO_CLOCK, UNMAPPED, UNREADABLE_DATE, WANTED, WHERE
from haemony.graph_loader.mapping_tables import NEGATIVE, POSITIVE, Spec, Tables, reader_of
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.readings import READ_FIELDS, read_distinct
from haemony.graph_loader.rows import FATE, INDEX_DATE, Delivery, delivered_date
from haemony.mappings.model import Variable
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: What is laid down of a cell: what its text alone says. What its variable says is joined when it is asked for.
CARRIED: Final = tuple(
    "variable row part patient text number precision bound truth string findings partly answer start_day".split()
) + tuple(READ_FIELDS)
#: What the variable of a cell says.
OF_VARIABLE: Final = tuple("spec class field qualifier unit lead names tests denies".split())


def read_cells(
    session: Session, schema: Schema, delivery: Delivery, specs: Sequence[Spec], mapping: Tables, vocabulary: Vocabulary
) -> Table:
    """Read every filled cell of the mapped variables.

    A row of the result: variable, row, part, text, spec, class, field, patient; ``state`` (ok, false, third,
    quarantined, ignored) with its ``reason``; and what it says: number, bound, day, truth, string, concepts, answer (a
    value concept), unit, findings.
    """
    variables = [v for spec in specs for v in spec.variables]
    readers = [v for v in variables if reader_of(schema, v)]
    readings = read_distinct(session, _long(delivery, readers).join(mapping.variables, "variable"), vocabulary)
    long = _long(delivery, variables).join(mapping.variables, "variable")
    cells = session.lay(_read(session, long, mapping, readings, delivery, variables), "cells/read")
    return cells.join(mapping.variables.select("variable", *OF_VARIABLE), "variable")


def _long(delivery: Delivery, variables: Sequence[Variable]) -> Table:
    """Put the filled cells of columns below each other."""
    keep = [ROW, PATIENT, FATE, INDEX_DATE]
    parts = []
    for name, table in delivery.tables.items():
        columns = {v.column: delivery.number(v) for v in variables if v.table == name}
        split = {c: separator for c, separator in delivery.partner.tables[name].split.items() if c in columns}
        whole = {c: number for c, number in columns.items() if c not in split}
        pieces = [to_long(table, whole, keep).mutate(part=ibis.literal(0, "int64"))] if whole else []
        pieces += [_parts(table, column, columns[column], separator, keep) for column, separator in split.items()]
        parts += [
            p.select(
                "variable",
                "part",
                "text",
                row=p[ROW],
                patient=p[PATIENT],
                row_fate=p[FATE],
                index_date=p[INDEX_DATE],
            )
            for p in pieces
        ]
    return union(parts or [_no_cells(delivery)])


def _no_cells(delivery: Delivery) -> Table:
    """Return the cells of a partner that maps no column: its roster alone makes patients."""
    rows = delivery.tables[delivery.partner.patients].filter(ibis.literal(False))
    return rows.select(
        variable=ibis.literal(0, "int64"),
        part=ibis.literal(0, "int64"),
        text=ibis.literal(""),
        row=rows[ROW],
        patient=rows[PATIENT],
        row_fate=rows[FATE],
        index_date=rows[INDEX_DATE],
    )


def _parts(table: Table, column: str, number: int, separator: str, keep: Sequence[str]) -> Table:
    """Turn a cell that holds a list into one row a part."""
    listed = table.filter(table[column].notnull()).select(
        *keep, variable=ibis.literal(number, "int64"), text=table[column].replace(separator, "\x1f").split("\x1f")
    )
    parts = listed.unnest("text", offset="part")
    parts = parts.mutate(text=trimmed(parts.text), part=parts.part.cast("int64"))
    return parts.filter(parts.text.notnull())


def _read(
    session: Session,
    long: Table,
    mapping: Tables,
    readings: Table,
    delivery: Delivery,
    variables: Sequence[Variable],
) -> Table:
    values, codes = mapping.values, mapping.codes
    c = long.mutate(
        value_text=canonical(long.text),
        read_by=ibis.ifelse(long.reader == "", no("string"), long.text),
    )
    c = c.left_join(values, ["variable", "value_text"]).drop("variable_right", "value_text_right")
    c = c.left_join(codes, (c.code_set == codes.codes) & (c.text == codes.code_text)).drop("codes_right", "code_text")
    c = c.left_join(readings, (c.reader == readings.reader) & (c.read_by == readings.read_text)).drop(
        "reader_right", "read_text"
    )
    own = delivery.days.rename(own_day="day")
    c = c.left_join(own, ["variable", "row"]).drop("variable_right", "row_right")
    start = delivery.days.rename(start_day="day", at="variable")
    c = c.left_join(start, ["at", "row"]).drop("at_right", "row_right")
    c = c.mutate(start_day=ibis.ifelse(c.from_index, ibis.literal(0, "int64"), c.start_day))
    patterns = sorted({v.format.pattern for v in variables if v.format.kind == "date"})
    tables = [delivery.partner.tables[name] for name in dict.fromkeys(v.table for v in variables)]
    marks = sorted({(t.decimal, t.thousands) for t in tables if t.thousands})
    c = c.mutate(**_readings(c, patterns, marks))
    c = c.mutate(**_meanings(c))
    c = _with_verdict(session, c)
    concepts = ibis.coalesce(
        c.value_concepts,
        ibis.ifelse(c.code_concept.notnull(), ibis.array([c.code_concept]), ibis.null("array<int64>")),
        c.own_concepts,
    )
    return c.select(
        *CARRIED,
        "state",
        "reason",
        broad=c.broad | c.value_broad.fill_null(False),
        concepts=concepts,
        unit_read=ibis.coalesce(c.value_unit, c.code_unit),
        day=c.own_day,
        rule=ibis.coalesce(c.value_rule, c.own_rule),
    )


#: The ways of reading that ask for a number.
NUMERIC: Final = ("decimal", "integer", "age", "duration", "day")


def _readings(c: Table, patterns: Sequence[str], marks: Sequence[tuple[str, str]]) -> dict[str, Column]:
    """Return each cell's text as a date and as a number, where it is read as one: what all else is made of."""
    plain = ibis.ifelse(c.bounded, without_bound(c.text), c.text)
    plain = choose(
        [
            ((c.thousands == thousands) & (c.comma == (decimal == ",")), without_thousands(plain, decimal, thousands))
            for decimal, thousands in marks
        ],
        plain,
    )
    number = ibis.ifelse(c.comma, to_decimal(plain, ","), to_decimal(plain))
    number = ibis.ifelse(c.derived, ibis.coalesce(number, to_decimal(plain)), number)  # a computed number has a point
    number = ibis.ifelse(c.factor.notnull(), scaled(number, c.factor.fill_null(1)), number)
    place = ibis.ifelse(c.factor.notnull(), scaled(last_place(plain), c.factor.fill_null(1)), last_place(plain))
    numeric = c.reads.isin(NUMERIC)
    return {
        "date": choose([(c.pattern == p, delivered_date(c.text, p)) for p in patterns], ibis.null("date")),
        "as_number": ibis.ifelse(numeric, number, no("decimal(18,6)")),
        "precision": ibis.ifelse(numeric, place, no("decimal(18,6)")),
    }


def _meanings(c: Table) -> dict[str, Column]:
    """Return what each cell's text says, by the way it is read."""
    date, number = c.date, c.as_number
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


def _with_verdict(session: Session, c: Table) -> Table:
    """Add each cell's state and the reason for it; the first rule that applies decides.

    In a row that is out, a value that is wrong by itself says so: its fault would stay when the row's is repaired.
    """
    flag, false = c.reads == "flag", c.truth == ibis.literal(False)
    says = c.value_state == "loads"
    absent = false & ~c.field.isin(["present", "concept"])  # 'false' is a value of a boolean field
    rules = [
        (c.row_fate == WHERE, "ignored", WHERE),
        (c.value_state == "not-found", "ignored", "no-term-found"),
        (c.value_state == "wanted", "quarantined", WANTED),
        (c.value_state == "not-loaded", "quarantined", UNMAPPED),
        (says & (c.answer == NEGATIVE) & c.negative & c.value_broad, "ignored", "broad-false"),
        (says & (c.answer == NEGATIVE) & c.negative, "false", ""),
        (says & (c.answer == NEGATIVE) & ~c.answers, "ignored", "absent-no-fact"),
        (
            says & c.value_concepts.isnull() & c.answer.notnull() & (c.answer != POSITIVE) & ~c.answers,
            "quarantined",
            UNMAPPED,
        ),
        (says, "ok", ""),
        (c.own_state == "not-found", "ignored", "no-term-found"),
        (c.own_state == "wanted", "quarantined", WANTED),
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
        ((c.reads == "day") & c.own_day.isnull(), "quarantined", UNREADABLE_DATE),
        (c.reads.isin(["age", "duration"]) & c.number.isnull() & c.readable_time, "quarantined", NO_CLOCK),
        (c.reads.isin(["age", "duration"]) & c.number.isnull(), "quarantined", UNREADABLE_DATE),
        (c.reads.isin(["decimal", "integer"]) & c.number.isnull(), "quarantined", "unreadable-number"),
        ((c.reader != "") & c.string.isnull(), "quarantined", "unreadable-text"),
    ]
    numbered = [(when.fill_null(False), ibis.literal(n, "int64")) for n, (when, _, _) in enumerate(rules)]
    c = c.mutate(verdict=choose(numbered, ibis.literal(len(rules), "int64")))
    # A table, for the conditions are long: so each is asked once.
    verdicts = session.table(
        "cells/verdicts",
        {"verdict": pa.int64(), "says": pa.string(), "why": pa.string(), "blames": pa.bool_()},
        [
            *((n, says, why, says == "quarantined" and why not in BLAMELESS) for n, (_, says, why) in enumerate(rules)),
            (len(rules), "ok", "", False),
        ],
    )
    c = c.join(verdicts, "verdict")
    out = c.row_fate.notnull() & (c.row_fate != WHERE)
    return c.mutate(
        state=ibis.ifelse(out, ibis.literal("quarantined"), c.says),
        reason=ibis.ifelse(out & ~c.blames, c.row_fate, c.why),
    )
