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
    numbered,
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
from haemony.graph_loader.mapping_tables import NEGATIVE, POSITIVE, Spec, Tables
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.readings import READ_FIELDS, read_distinct
from haemony.graph_loader.rows import FATE, INDEX_DATE, Delivery, delivered_date
from haemony.mappings.model import Variable
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: What the variable of a cell says.
OF_VARIABLE: Final = tuple("spec class field qualifier unit lead names tests denies".split())
#: What the text of a cell says, wherever it stands.
OF_TEXT: Final = (
    *"text number precision bound truth string findings partly answer concepts broad unit_read rule".split(),
    *READ_FIELDS,
)
#: What a cell's text leaves to its row: its verdict, and how its time is read.
LEFT_TO_ROW: Final = tuple("says why blames waits readable_time date reads at from_index".split())


def read_cells(
    session: Session, schema: Schema, delivery: Delivery, specs: Sequence[Spec], mapping: Tables, vocabulary: Vocabulary
) -> Table:
    """Read every filled cell of the mapped variables.

    What a text says in its column is read once, however many cells hold it (a *reading*); a cell is where it stands,
    whose it is, and the number of its reading.

    A row of the result: reading, variable, row, part, text, spec, class, field, patient; ``state`` (ok, false, third,
    quarantined, ignored) with its ``reason``; and what it says: number, bound, day, truth, string, concepts, answer (a
    value concept), unit, findings.
    """
    variables = [v for spec in specs for v in spec.variables]
    long = _long(delivery, variables)
    texts = session.lay(long.select("variable", "text").distinct(), "cells/texts").join(mapping.variables, "variable")
    readers = read_distinct(session, texts, vocabulary)
    read = session.lay(_read(session, texts, mapping, readers, delivery, variables), "cells/readings")
    placed = session.lay(_placed(long, read, delivery), "cells/placed")
    cells = placed.join(read.select("reading", *OF_VARIABLE, *OF_TEXT), "reading")
    cells = cells.mutate(number=ibis.coalesce(cells.elapsed, cells.number)).drop("elapsed")
    return session.view(cells, "cells")


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
    texts: Table,
    mapping: Tables,
    readers: Table,
    delivery: Delivery,
    variables: Sequence[Variable],
) -> Table:
    """Return what each text says in its column, with a number."""
    values, codes = mapping.values, mapping.codes
    c = texts.mutate(
        value_text=canonical(texts.text),
        read_by=ibis.ifelse(texts.reader == "", no("string"), texts.text),
    )
    c = c.left_join(values, ["variable", "value_text"]).drop("variable_right", "value_text_right")
    c = c.left_join(codes, (c.code_set == codes.codes) & (c.text == codes.code_text)).drop("codes_right", "code_text")
    c = c.left_join(readers, (c.reader == readers.reader) & (c.read_by == readers.read_text)).drop(
        "reader_right", "read_text"
    )
    patterns = sorted({v.format.pattern for v in variables if v.format.kind == "date"})
    tables = [delivery.partner.tables[name] for name in dict.fromkeys(v.table for v in variables)]
    marks = sorted({(t.decimal, t.thousands) for t in tables if t.thousands})
    c = c.mutate(**_readings(c, patterns, marks))
    c = c.mutate(**_meanings(c))
    c = c.mutate(
        reading=numbered([], [c.variable, c.text]),
        broad=c.broad | c.value_broad.fill_null(False),
        concepts=ibis.coalesce(
            c.value_concepts,
            ibis.ifelse(c.code_concept.notnull(), ibis.array([c.code_concept]), ibis.null("array<int64>")),
            c.own_concepts,
        ),
        unit_read=ibis.coalesce(c.value_unit, c.code_unit),
        rule=ibis.coalesce(c.value_rule, c.own_rule),
        verdict=_verdict(c),
    )
    c = c.join(_verdicts(session), "verdict")
    return c.select("reading", "variable", *OF_VARIABLE, *OF_TEXT, *LEFT_TO_ROW)


def _placed(long: Table, read: Table, delivery: Delivery) -> Table:
    """Return each cell with the number of its reading, its times, and its state with the reason for it.

    In a row that is out, a value that is wrong by itself says so: its fault would stay when the row's is repaired.
    """
    c = long.join(read.select("reading", "variable", "text", *LEFT_TO_ROW), ["variable", "text"])
    own = delivery.days.rename(own_day="day")
    c = c.left_join(own, ["variable", "row"]).drop("variable_right", "row_right")
    start = delivery.days.rename(start_day="day", at="variable")
    c = c.left_join(start, ["at", "row"]).drop("at_right", "row_right")
    c = c.mutate(start_day=ibis.ifelse(c.from_index, ibis.literal(0, "int64"), c.start_day))
    c = c.mutate(elapsed=_elapsed(c))
    timeless = c.waits & ibis.ifelse(c.reads == "day", c.own_day, c.elapsed).isnull()
    no_time = ibis.ifelse(c.readable_time, ibis.literal(NO_CLOCK), ibis.literal(UNREADABLE_DATE))
    c = c.mutate(
        says=ibis.ifelse(timeless, ibis.literal("quarantined"), c.says),
        why=ibis.ifelse(timeless, no_time, c.why),
        blames=ibis.ifelse(timeless, ~c.readable_time, c.blames),
    )
    left_out = (c.row_fate == WHERE).fill_null(False)
    out = c.row_fate.notnull() & ~left_out
    return c.select(
        *("variable", "row", "part", "patient", "reading", "start_day"),
        day="own_day",
        elapsed=c.elapsed.cast("decimal(18,6)"),
        state=choose([(left_out, ibis.literal("ignored")), (out, ibis.literal("quarantined"))], c.says),
        reason=choose([(left_out, ibis.literal(WHERE)), (out & ~c.blames, c.row_fate)], c.why),
    )


def _elapsed(c: Table) -> Column:
    """Return the years of an age, or the days of a duration, that is delivered as a date."""
    return choose(
        [
            (c.reads == "age", years_between(c.index_date, c.date)),
            (c.reads == "duration", days_between(c.date, c.index_date) - c.start_day),
        ],
        no("int64"),
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
    """Return what each text says, by the way it is read."""
    number = c.as_number
    return {
        "readable_time": ibis.ifelse(c.pattern != "", c.date.notnull(), number.notnull()),
        "number": choose(
            [
                (c.reads == "decimal", number),
                ((c.reads == "integer") & whole(number).notnull(), number),
            ],
            no("decimal(18,6)"),
        ),
        "bound": ibis.ifelse(c.bounded | (c.qualifier == "operator"), bound(c.text), no("string")),
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


#: How a text's verdict reads: the state of its cell, and the reason. The row decides where it waits for a time.
VERDICTS: Final = {
    "not-found": ("ignored", "no-term-found"),
    "wanted": ("quarantined", WANTED),
    "unmapped": ("quarantined", UNMAPPED),
    "broad-false": ("ignored", "broad-false"),
    "absent": ("false", ""),
    "absent-no-fact": ("ignored", "absent-no-fact"),
    "one-hot-false": ("ignored", "one-hot-false"),
    "third": ("third", ""),
    "unknown-unit": ("quarantined", "unknown-unit"),
    "unreadable-number": ("quarantined", "unreadable-number"),
    "unreadable-text": ("quarantined", "unreadable-text"),
    "waits": ("ok", ""),
    "ok": ("ok", ""),
}


def _verdict(c: Table) -> Column:
    """Return the verdict over each text; the first rule that applies decides."""
    flag, false = c.reads == "flag", c.truth == ibis.literal(False)
    says = c.value_state == "loads"
    absent = false & ~c.field.isin(["present", "concept"])  # 'false' is a value of a boolean field
    rules = [
        (c.value_state == "not-found", "not-found"),
        (c.value_state == "wanted", "wanted"),
        (c.value_state == "not-loaded", "unmapped"),
        (says & (c.answer == NEGATIVE) & c.negative & c.value_broad, "broad-false"),
        (says & (c.answer == NEGATIVE) & c.negative, "absent"),
        (says & (c.answer == NEGATIVE) & ~c.answers, "absent-no-fact"),
        (says & c.value_concepts.isnull() & c.answer.notnull() & (c.answer != POSITIVE) & ~c.answers, "unmapped"),
        (says, "ok"),
        (c.own_state == "not-found", "not-found"),
        (c.own_state == "wanted", "wanted"),
        (c.own_state == "not-loaded", "unmapped"),
        (flag & (c.truth | absent), "ok"),
        (flag & false & (c.field == "concept"), "one-hot-false"),
        (flag & false & ~c.negative, "absent-no-fact"),
        (flag & false & c.broad, "broad-false"),
        (flag & false, "absent"),
        (flag & (c.value_text == c.flag_third) & (c.flag_third != ""), "third"),
        (flag, "unmapped"),
        ((c.qualifier == "unit") & c.code_unit.isnull(), "unknown-unit"),
        ((c.qualifier == "operator") & c.bound.isnull(), "unmapped"),
        ((c.codes != "") & c.code_concept.isnull(), "unmapped"),
        (c.reads == "value", "unmapped"),
        (c.reads.isin(["day", "age", "duration"]), "waits"),
        (c.reads.isin(["decimal", "integer"]) & c.number.isnull(), "unreadable-number"),
        ((c.reader != "") & c.string.isnull(), "unreadable-text"),
    ]
    return choose([(when.fill_null(False), ibis.literal(name)) for when, name in rules], ibis.literal("ok"))


def _verdicts(session: Session) -> Table:
    """Return (verdict, says, why, blames, waits): a table, for the conditions are long, and so each is asked once."""
    columns = {**dict.fromkeys(("verdict", "says", "why"), pa.string()), "blames": pa.bool_(), "waits": pa.bool_()}
    rows = [
        (name, says, why, says == "quarantined" and why not in BLAMELESS, name == "waits")
        for name, (says, why) in VERDICTS.items()
    ]
    return session.table("cells/verdicts", columns, rows)
