"""Cells: every filled cell that a mapping maps, read to what it means, one row each.

The mapping enters as small tables (variables, values, codes) that are joined: it stays data, and the plan is as
long for a hundred columns as for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ibis

from haemony.engine.plan import (
    appended,
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
from haemony.graph_loader.mapping_tables import NEGATIVE, POSITIVE, Spec, mapping_tables
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.readings import READ_FIELDS, read_distinct
from haemony.graph_loader.rows import FATE, INDEX_DATE, Delivery, delivered_date
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: What a cell carries on as it is.
CARRIED: Final = tuple(
    "table row part column text variable spec class field qualifier patient reads reader "
    "unit lead names tests denies state reason number precision bound truth string findings partly answer "
    "start_day".split()
) + tuple(READ_FIELDS)


def read_cells(
    session: Session, schema: Schema, vocabulary: Vocabulary, delivery: Delivery, specs: Sequence[Spec]
) -> Table:
    """Read every filled cell of the mapped variables.

    A row of the result: table, row, part, column, text, variable, spec, class, field, patient; ``state`` (ok, false,
    third, quarantined, ignored) with its ``reason``; and what it says: number, bound, day, truth, string, concepts,
    answer (a value concept), unit, findings.
    """
    variables, values, codes = mapping_tables(session, schema, vocabulary, delivery, specs)
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
    return union(parts or [_no_cells(delivery)])


def _no_cells(delivery: Delivery) -> Table:
    """Return the cells of a partner that maps no column: its roster alone makes patients."""
    rows = delivery.tables[delivery.partner.patients].filter(ibis.literal(False))
    return rows.select(
        table=ibis.literal(""),
        row=rows[ROW],
        part=ibis.literal(0, "int64"),
        column=ibis.literal(""),
        text=ibis.literal(""),
        patient=rows[PATIENT],
        row_fate=rows[FATE],
        index_date=rows[INDEX_DATE],
    )


def _parts(table: Table, column: str, separator: str, keep: Sequence[str]) -> Table:
    """Turn a cell that holds a list into one row a part."""
    listed = table.filter(table[column].notnull()).select(
        *keep, column=ibis.literal(column), text=table[column].replace(separator, "\x1f").split("\x1f")
    )
    parts = listed.unnest("text", offset="part")
    parts = parts.mutate(text=trimmed(parts.text), part=parts.part.cast("int64"))
    return parts.filter(parts.text.notnull())


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
    tables = [delivery.partner.tables[name] for name in dict.fromkeys(s.table for s in specs)]
    marks = sorted({(t.decimal, t.thousands) for t in tables if t.thousands})
    c = c.mutate(**_meanings(c, patterns, marks))
    state, reason = _verdict(c)
    c = c.mutate(state=state, reason=reason)
    concepts = ibis.coalesce(
        c.value_concepts,
        ibis.ifelse(c.code_concept.notnull(), ibis.array([c.code_concept]), ibis.null("array<int64>")),
        c.own_concepts,
    )
    return c.select(
        *CARRIED,
        broad=c.broad | c.value_broad.fill_null(False),
        concepts=concepts,
        unit_read=ibis.coalesce(c.value_unit, c.code_unit),
        day=c.own_day,
        mappings=appended(c.own_mappings, c.value_mappings),
    )


def _meanings(c: Table, patterns: Sequence[str], marks: Sequence[tuple[str, str]]) -> dict[str, Column]:
    """Return what each cell's text says, by the way it is read."""
    date = choose([(c.pattern == p, delivered_date(c.text, p)) for p in patterns], ibis.null("date"))
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
        "precision": ibis.ifelse(
            c.factor.notnull(), scaled(last_place(plain), c.factor.fill_null(1)), last_place(plain)
        ),
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
    """Return each cell's state and the reason for it; the first rule that applies decides.

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
    state = choose([(when.fill_null(False), ibis.literal(name)) for when, name, _ in rules], ibis.literal("ok"))
    reason = choose([(when.fill_null(False), ibis.literal(why)) for when, _, why in rules], ibis.literal(""))
    out = c.row_fate.notnull() & (c.row_fate != WHERE)
    wrong = (state == "quarantined") & ~reason.isin(BLAMELESS)
    return ibis.ifelse(out, ibis.literal("quarantined"), state), ibis.ifelse(out & ~wrong, c.row_fate, reason)
