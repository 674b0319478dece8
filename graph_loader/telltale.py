"""Telltales: the column of a delivery that tells some of its rows from the others: a site, a year, a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import ibis

from haemony.engine.plan import to_long, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.rows import Delivery, delivered_date
from haemony.mappings.model import Variable

#: A text belongs to the rows in question if they are so large a share of all that hold it; together such texts must
#: cover the same share of the rows in question.
SHARE: Final = 0.9
#: A text that fewer of the rows hold, on average, tells single patients and no site. So many texts a person reads.
ROWS_EACH, TEXTS = 3, 12


@dataclass(frozen=True)
class Telltale:
    """A column, and the texts (of a date: the years) that stand in the rows in question and hardly elsewhere."""

    table: str
    column: str
    use: str
    dated: bool
    texts: tuple[str, ...]


def telltale(session: Session, delivery: Delivery, value: Variable, mine: Table, rest: Table) -> Telltale | None:
    """Return the column that best tells rows of a value's table from others, by ``row`` and ``patient``; None for none.

    Looked at are the columns of the table and of the roster, whatever the mapping makes of them, but keys.
    """
    marked = union(
        [
            mine.select("row", "patient", mine=ibis.literal(1, "int64")).distinct(),
            rest.select("row", "patient", mine=ibis.literal(0, "int64")).distinct(),
        ]
    )
    total = session.count(marked.filter(marked.mine == 1))
    found = []
    for table in dict.fromkeys((value.table, delivery.partner.patients)):
        found += _tell(session, delivery, value, table, marked, total)
    return min(found, key=lambda t: (len(t.texts), t.table != value.table, t.column), default=None)


def _tell(
    session: Session,
    delivery: Delivery,
    value: Variable,
    table: str,
    marked: Table,
    total: int,
) -> list[Telltale]:
    columns = [v for v in delivery.of(table) if v.use not in ("key", "drop") and not v.derived and v != value]
    if not columns:
        return []
    numbers = {delivery.number(v): v for v in columns}
    rows = delivery.tables[table]
    read = {
        v.column: delivered_date(rows[v.column], v.format.pattern).year().cast("string")
        if v.format.kind == "date"
        else rows[v.column]
        for v in columns
    }
    wide = rows.select(ROW, PATIENT, **read)
    long = to_long(wide, {v.column: n for n, v in numbers.items()}, [ROW, PATIENT])
    if table == value.table:
        joined = long.join(marked, long[ROW] == marked.row)
    else:
        joined = long.join(marked, long[PATIENT] == marked.patient)
    held = joined.group_by("variable", "text").agg(mine=joined.mine.sum(), n=joined.count())
    telling = held.filter(held.mine >= SHARE * held.n)
    summed = telling.group_by("variable").agg(covered=telling.mine.sum(), texts=telling.count())
    good = summed.filter(
        (summed.covered >= SHARE * total) & (summed.covered >= ROWS_EACH * summed.texts) & (summed.texts <= TEXTS)
    )
    listed = telling.join(good, "variable").select("variable", "text").order_by("variable", "text")
    found: dict[int, list[str]] = {}
    for number, text in session.rows(listed):
        found.setdefault(int(number), []).append(text)
    return [
        Telltale(table, numbers[n].column, numbers[n].use, numbers[n].format.kind == "date", tuple(texts))
        for n, texts in found.items()
    ]
