"""The ledger: every delivered cell ends as exactly one of loaded, quarantined, ignored, dropped, missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.errors import BuildError, Problem
from haemony.engine.plan import choose, item, to_long, union
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.fates import (
    BLAMELESS,
    DROPPED,
    FATES,
    IGNORED,
    LOADED,
    MISSING,
    NO_USE,
    QUARANTINED,
    UNREADABLE_DATE,
    WHERE,
)
from haemony.graph_loader.read import ROW
from haemony.graph_loader.rows import FATE, Delivery
from haemony.mappings.expression import columns as columns_in
from haemony.mappings.model import DICTIONARY, Variable

#: Share of a column's filled cells that may be quarantined for their values before a build stops.
TOLERATED: Final = 0.10

#: A use of a cell: where it is, how it ended, why, by which rule.
USE: Final = ("table", "row", "column", "fate", "reason", "rule")


def fate_of(state: Column) -> Column:
    """Return the fate that the state of a reading means."""
    return state.cases(("quarantined", QUARANTINED), ("ignored", IGNORED), ("third", MISSING), else_=LOADED)


def cell_fates(session: Session, delivery: Delivery, uses: Table) -> Table:
    """Return one row for every filled cell of the columns that are read: its best use, or none.

    ``uses`` has the columns of ``USE``, any number a cell. A derived column's uses count for the columns it reads; a
    context cell shares the fate of the cells that use it.
    """
    filled = union([_filled(delivery, name) for name in delivery.tables])
    cell = ["table", "row", "column"]
    joined = filled.join(_roles(session, delivery), ["table", "column"])
    joined = joined.left_join(_best_uses(session, delivery, uses), cell).drop(*(f"{c}_right" for c in cell))
    unreadable = delivery.unreadable.mutate(unreadable=ibis.literal(True))
    joined = joined.left_join(unreadable, cell).drop(*(f"{c}_right" for c in cell))
    out_of_row = joined.row_fate.notnull() & joined.use.isin(["map", "context", "key"])
    rules = [
        (joined.use == "ignore", IGNORED, "ignore"),
        (joined.unreadable.notnull() & (joined.row_fate.fill_null("") != WHERE), QUARANTINED, UNREADABLE_DATE),
        (joined.fate.notnull(), joined.fate, joined.reason),
        (out_of_row & (joined.row_fate == WHERE), IGNORED, WHERE),
        (out_of_row, QUARANTINED, joined.row_fate),
        (joined.use == "key", LOADED, ""),
    ]
    return session.lay(
        joined.select(
            *cell,
            "text",
            fate=choose([(when, fate) for when, fate, _ in rules], ibis.literal(IGNORED)),
            reason=choose([(when, reason) for when, _, reason in rules], ibis.literal(NO_USE)),
            rule=ibis.ifelse((joined.use != "ignore") & joined.rule.notnull(), joined.rule, joined.own_rule),
        ),
        "ledger/cells",
    )


def _best_uses(session: Session, delivery: Delivery, uses: Table) -> Table:
    """Return the best use of each cell: its own, that of a column which reads it, or that of any cell of its row.

    A date that its own column cannot read is of no use to others.
    """
    cell = ["table", "row", "column"]
    carried = _carried(session, delivery)
    named = uses.join(carried, [("table", "table"), ("column", "user")], rname="c_{name}")
    spread = named.select("table", "row", column=named.delivered, fate="fate", reason="reason", rule="rule")
    shared, own = ibis.literal(True), ibis.literal(False)
    of_row = _best(uses.mutate(shared=shared), ["table", "row"]).join(carried.filter(carried.user == "*"), "table")
    whole = of_row.select("table", "row", column="delivered", fate="fate", reason="reason", rule="rule")
    unreadable = uses.filter(uses.reason == UNREADABLE_DATE).select(*cell).distinct()
    others = union([spread, whole]).anti_join(unreadable, cell).mutate(shared=shared)
    best = _best(union([uses.select(*USE).mutate(shared=own), others]), cell)
    return session.lay(best, "ledger/best")


def _roles(session: Session, delivery: Delivery) -> Table:
    """Return how the dictionary uses each delivered column."""
    columns = {"table": pa.string(), "column": pa.string(), "use": pa.string(), "own_rule": pa.string()}
    name = delivery.partner.name
    rows = [(v.table, v.column, v.use, f"{name}/{DICTIONARY}:{v.line}") for v in delivery.variables if not v.derived]
    return session.table("ledger/roles", columns, rows)


def _filled(delivery: Delivery, name: str) -> Table:
    columns = [v.column for v in delivery.of(name) if not v.derived and v.use != "drop"]
    long = to_long(delivery.tables[name], columns, [ROW, FATE])
    return long.select(table=ibis.literal(name), row=long[ROW], column=long.column, text=long.text, row_fate=long[FATE])


def _best(uses: Table, keys: Sequence[str]) -> Table:
    """Keep the best use: the order of ``FATES``, a cell's own before those it shares, then of reasons.

    The reason of an own use is first what blames the value, that of a shared one what blames no value.
    """
    rank = uses.fate.cases(*((fate, i) for i, fate in enumerate(FATES)), else_=len(FATES)).cast("string")
    blameless = uses.reason.isin(BLAMELESS)
    order = ibis.cases((uses.shared & blameless, "2"), (uses.shared, "3"), (blameless, "1"), else_="0")
    codes = [rank + order, uses.fate, uses.reason, uses.rule.fill_null("")]
    coded = uses.mutate(coded=ibis.literal("\x1f").join(codes))
    best = coded.group_by(*keys).agg(coded=coded.coded.min())
    parts = best.coded.split("\x1f")
    return best.select(*keys, fate=item(parts, 1), reason=item(parts, 2), rule=item(parts, 3).nullif(""))


def _carried(session: Session, delivery: Delivery) -> Table:
    """Return (table, user, delivered): whose fate a delivered column shares; ``*`` is any cell of the row."""
    pairs: set[tuple[str, str, str]] = set()
    for v in delivery.variables:
        pairs |= {(v.table, v.column, used) for used in v.uses}
        if v.at not in ("", "index"):
            pairs.add((v.table, v.column, v.at))
        if v.of and v.of.by:
            pairs |= {(v.table, v.column, v.of.by), (v.of.table, "*", v.of.by)}
    for name, spec in delivery.partner.tables.items():
        if spec.where:
            pairs |= {(name, "*", column) for column in columns_in(spec.where.keep)}
    for panel in delivery.partner.panels:
        used = columns_in(panel.expression) if panel.expression else {panel.column} - {None}
        pairs |= {(panel.table, "*", str(column)) for column in used}
    for table, column in (
        *delivery.partner.last_contact,
        *([delivery.partner.index.date] if delivery.partner.index.date else []),
    ):
        pairs.add((table, "*", column))
    columns = {"table": pa.string(), "user": pa.string(), "delivered": pa.string()}
    return session.table("ledger/carried", columns, sorted(pairs))


def ledger(session: Session, delivery: Delivery, fates: Table) -> Table:
    """Return the ledger: (table, file, column, fate, reason, rule, cells), adding up to rows × columns of each file."""
    counted = fates.group_by("table", "column", "fate", "reason", "rule").agg(cells=fates.count())
    filled = {(t, c): n for t, c, n in session.rows(fates.group_by("table", "column").agg(n=fates.count()))}
    rest = []
    for v in delivery.variables:
        if v.derived:
            continue
        rows = delivery.landed[v.table].rows
        rule = f"{delivery.partner.name}/{DICTIONARY}:{v.line}"
        if v.use == "drop":
            rest.append((v.table, v.column, DROPPED, "drop", rule, rows))
        elif empty := rows - filled.get((v.table, v.column), 0):
            rest.append((v.table, v.column, MISSING, "", rule, empty))
    columns = {
        "table": pa.string(),
        "column": pa.string(),
        "fate": pa.string(),
        "reason": pa.string(),
        "rule": pa.string(),
        "cells": pa.int64(),
    }
    whole = union([counted.select(*columns), session.table("ledger/rest", columns, rest)])
    files = session.table(
        "ledger/files",
        {"table": pa.string(), "file": pa.string()},
        [(s.name, s.file) for s in delivery.partner.tables.values()],
    )
    return session.lay(whole.join(files, "table").select("table", "file", *list(columns)[1:]), "ledger/ledger")


def check_tolerance(session: Session, delivery: Delivery, book: Table, tolerated: float = TOLERATED) -> None:
    """Raise ``BuildError`` naming every column of which more than a tenth was quarantined for its values, and why."""
    filled = book.filter(~book.fate.isin([MISSING, DROPPED]))
    bad = (filled.fate == QUARANTINED) & ~filled.reason.isin(BLAMELESS)
    why = filled.filter(bad).group_by("table", "column", "reason").agg(wrong=filled.cells.sum())
    totals = {(t, c): n for t, c, n in session.rows(filled.group_by("table", "column").agg(n=filled.cells.sum()))}
    reasons: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for table, column, reason, wrong in session.rows(why.order_by("table", "column", "reason")):
        reasons.setdefault((table, column), []).append((wrong, reason))
    problems = []
    for (table, column), found in reasons.items():
        all_, wrong = totals[table, column], sum(n for n, _ in found)
        if wrong > tolerated * all_:
            listed = ", ".join(f"{n:,} {reason}" for n, reason in sorted(found, reverse=True))
            share = f"{wrong / all_:.0%}; {tolerated:.0%} may"
            message = f"{wrong:,} of {all_:,} filled cells cannot be used ({share}): {listed}."
            line = _variable(delivery, table, column).line
            advice = f"Correct {DICTIONARY} line {line} or the column's concept rows, or pass --tolerate."
            problems.append(Problem(delivery.partner.tables[table].file, None, column, message, advice))
    if problems:
        raise BuildError(problems)


def _variable(delivery: Delivery, table: str, column: str) -> Variable:
    return next(v for v in delivery.of(table) if v.column == column)


def check_sums(session: Session, delivery: Delivery, book: Table) -> None:
    """Raise ``BuildError`` where the ledger of a column does not add up to the rows of its file."""
    sums = {(t, c): n for t, c, n in session.rows(book.group_by("table", "column").agg(n=book.cells.sum()))}
    problems = [
        Problem(
            delivery.partner.tables[v.table].file,
            None,
            v.column,
            f"the ledger has {sums.get((v.table, v.column), 0):,} cells of {delivery.landed[v.table].rows:,}.",
            "This is a fault of Haemony: please report it.",
        )
        for v in delivery.variables
        if not v.derived and sums.get((v.table, v.column), 0) != delivery.landed[v.table].rows
    ]
    if problems:
        raise BuildError(problems)
