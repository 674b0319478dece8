"""The ledger: every delivered cell ends as exactly one of loaded, quarantined, ignored, dropped, missing."""

from __future__ import annotations

from collections import Counter
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.errors import BuildError, Problem
from haemony.engine.plan import choose, to_long, union
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
from haemony.graph_loader.mapping_tables import Rules, dictionary_line
from haemony.graph_loader.read import ROW
from haemony.graph_loader.rows import FATE, Delivery
from haemony.mappings.expression import columns as columns_in
from haemony.mappings.model import DICTIONARY, Variable

#: Share of a column's filled cells that may be quarantined for their values before a build stops.
TOLERATED: Final = 0.10

#: A use of a cell: where it is, how it ended, why, by which line of the mapping (its number in ``Rules.lines``).
USE: Final = ("variable", "row", "fate", "reason", "line")
#: Stands for a use that no line speaks for.
NO_LINE: Final = -1


def fate_of(state: Column) -> Column:
    """Return the fate that the state of a reading means."""
    return state.cases(("quarantined", QUARANTINED), ("ignored", IGNORED), ("third", MISSING), else_=LOADED)


def cell_fates(session: Session, delivery: Delivery, rules: Rules, uses: Table) -> Table:
    """Return one row for every filled cell of the columns that are read: its best use, or none.

    ``uses`` has the columns of ``USE``, any number a cell. A derived column's uses count for the columns it reads; a
    context cell shares the fate of the cells that use it.
    """
    filled = union([_filled(delivery, name) for name in delivery.tables])
    cell = ["variable", "row"]
    joined = filled.join(_roles(session, delivery, rules), "variable")
    joined = joined.left_join(_best_uses(session, delivery, uses), cell).drop(*(f"{c}_right" for c in cell))
    unreadable = delivery.unreadable.mutate(unreadable=ibis.literal(True))
    joined = joined.left_join(unreadable, cell).drop(*(f"{c}_right" for c in cell))
    out_of_row = joined.row_fate.notnull() & joined.use.isin(["map", "context", "key"])
    endings = [
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
            fate=choose([(when, fate) for when, fate, _ in endings], ibis.literal(IGNORED)),
            reason=choose([(when, reason) for when, _, reason in endings], ibis.literal(NO_USE)),
            line=ibis.ifelse((joined.use != "ignore") & (joined.line >= 0), joined.line, joined.own_line),
        ),
        "ledger/cells",
    )


def _best_uses(session: Session, delivery: Delivery, uses: Table) -> Table:
    """Return the best use of each cell: its own, that of a column which reads it, or that of any cell of its row.

    A date that its own column cannot read is of no use to others.
    """
    uses, ends = _numbered(session, uses)
    by_column, by_row, tables = _carried(session, delivery)
    spread = uses.join(by_column, uses.variable == by_column.user).select("row", end="shared", variable="delivered")
    of_row = uses.join(tables, "variable")
    of_row = of_row.group_by("table", "row").agg(end=of_row.shared.min()).join(by_row, "table")
    others = union([part.select("variable", "row", "end") for part in (spread, of_row)])
    unreadable = uses.filter(uses.unreadable).select("variable", "row").distinct()
    all_ = union([uses.select("variable", "row", end="own"), others.anti_join(unreadable, ["variable", "row"])])
    best = all_.group_by("variable", "row").agg(end=all_.end.min())
    return session.lay(best, "ledger/best").join(ends, "end").select(*USE)


def _numbered(session: Session, uses: Table) -> tuple[Table, Table]:
    """Number the ways in which cells end, the best first: the order of ``FATES``, a cell's own before those it shares.

    Then the reason counts: of an own use first what blames the value, of a shared one what blames no value.
    """
    uses = session.lay(uses.mutate(line=uses.line.fill_null(NO_LINE)), "ledger/uses")
    way = ("fate", "reason", "line")
    found = session.rows(uses.select(*way).distinct())
    ranked = sorted((_rank(*row, shared=shared), row, shared) for row in found for shared in (False, True))
    number = {(row, shared): n for n, (_, row, shared) in enumerate(ranked)}
    whole, text = pa.int64(), pa.string()
    columns = {"fate": text, "reason": text, "line": whole, "own": whole, "shared": whole, "unreadable": pa.bool_()}
    ways = [(*row, number[row, False], number[row, True], row[1] == UNREADABLE_DATE) for row in found]
    ends = session.table(
        "ledger/ends",
        {"end": whole, "fate": text, "reason": text, "line": whole},
        [(n, *row) for n, (_, row, _) in enumerate(ranked)],
    )
    numbered = uses.join(session.table("ledger/ways", columns, ways), list(way))
    return numbered.select("variable", "row", "own", "shared", "unreadable"), ends


def _rank(fate: str, reason: str, line: int, *, shared: bool) -> tuple[int, int, str, int]:
    order = (2 if reason in BLAMELESS else 3) if shared else (1 if reason in BLAMELESS else 0)
    return FATES.index(fate), order, reason, line


def _roles(session: Session, delivery: Delivery, rules: Rules) -> Table:
    """Return how the dictionary uses each delivered column, and its line."""
    columns = {"variable": pa.int64(), "use": pa.string(), "own_rule": pa.int64()}
    rows = [
        (delivery.number(v), v.use, rules.number(dictionary_line(delivery.partner, v)))
        for v in delivery.variables
        if not v.derived
    ]
    roles = session.table("ledger/roles", columns, rows)
    lines = rules.table.select(own_rule="rule", own_line="first_line")
    return roles.join(lines, "own_rule").select("variable", "use", "own_line")


def _filled(delivery: Delivery, name: str) -> Table:
    columns = {v.column: delivery.number(v) for v in delivery.of(name) if not v.derived and v.use != "drop"}
    long = to_long(delivery.tables[name], columns, [ROW, FATE])
    return long.select("variable", row=long[ROW], row_fate=long[FATE])


def _carried(session: Session, delivery: Delivery) -> tuple[Table, Table, Table]:
    """Return whose fate a delivered column shares: (user, delivered) for cells of a column, (table, delivered) for any
    cell of the row, and (variable, table) for the tables of the latter.
    """
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
    numbers, names = delivery.numbers, list(delivery.partner.tables)
    number = pa.int64()
    by_column = [(numbers[t, user], numbers[t, used]) for t, user, used in sorted(pairs) if user != "*"]
    by_row = [(names.index(t), numbers[t, used]) for t, user, used in sorted(pairs) if user == "*"]
    whole = {table for table, _ in by_row}
    tables = [(n, names.index(t)) for (t, _), n in numbers.items() if names.index(t) in whole]
    return (
        session.table("ledger/carried", {"user": number, "delivered": number}, by_column),
        session.table("ledger/rows", {"table": number, "variable": number}, by_row),
        session.table("ledger/tables", {"variable": number, "table": number}, tables),
    )


def named(fates: Table, places: Table, rules: Rules) -> Table:
    """Give cells their table, file and column, and the text of their line, in place of the numbers."""
    whole = fates.join(places, "variable").left_join(rules.lines, "line")
    return whole.select("table", "file", "column", *(c for c in fates.columns if c not in ("variable", "line")), "rule")


def ledger(session: Session, delivery: Delivery, places: Table, rules: Rules, fates: Table) -> Table:
    """Return the ledger: (table, file, column, fate, reason, rule, cells), adding up to rows × columns of each file."""
    counted = fates.group_by("variable", "fate", "reason", "line").agg(cells=fates.count())
    counted = session.lay(named(counted, places, rules), "ledger/counted")
    filled = Counter[tuple[str, str]]()
    for table, column, cells in session.rows(counted.select("table", "column", "cells")):
        filled[table, column] += cells
    rest = []
    for v in delivery.variables:
        if v.derived:
            continue
        rows = delivery.landed[v.table].rows
        about = (v.table, delivery.partner.tables[v.table].file, v.column)
        rule = dictionary_line(delivery.partner, v)
        if v.use == "drop":
            rest.append((*about, DROPPED, "drop", rule, rows))
        elif empty := rows - filled[v.table, v.column]:
            rest.append((*about, MISSING, "", rule, empty))
    columns = dict.fromkeys(("table", "file", "column", "fate", "reason", "rule"), pa.string()) | {"cells": pa.int64()}
    whole = union([counted.select(*columns), session.table("ledger/rest", columns, rest)])
    return session.lay(whole, "ledger/ledger")


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
