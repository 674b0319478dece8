"""Origins: the cells that instances stand on, and the cells that end before any instance is made of them."""

from __future__ import annotations

from typing import Final

import ibis

from haemony.engine.plan import choose, item, union
from haemony.engine.session import Table
from haemony.graph_loader.fates import NO_LEAD, REQUIRED_MISSING, UNREADABLE_LEAD

#: What makes one instance: the record of one row (or of one part of a list cell).
KEY: Final = ("spec", "row", "part")
CELL: Final = ("table", "row", "column", "field", "variable", "mappings")


def used_cells(cells: Table, made: Table, naming: Table, faults: Table, ancestors: Table) -> Table:
    """Return the cells that each instance stands on.

    ``made`` has (instance, key, concept). A naming cell counts only where the instance is what the cell names, or a
    kind of it; an instance that is several things at once stands on all its cells.
    """
    ok = cells.filter(cells.state == "ok").select(*KEY, "table", "column", "field", "variable", "mappings")
    ok = ok.anti_join(faults, [*KEY, "field"])
    several, single = made.filter(made.concept.isnull()), made.filter(made.concept.notnull())
    unnaming = ok.anti_join(naming, [*KEY, "column"])
    fits = naming.rename(ancestor="concept").join(ancestors, "ancestor").select(*KEY, "column", concept="descendant")
    named = single.join(fits, [*KEY, "concept"]).select("instance", *KEY, "column").distinct()
    parts = [several.join(ok, list(KEY)), single.join(unnaming, list(KEY)), named.join(ok, [*KEY, "column"])]
    return union([part.select("instance", *CELL) for part in parts])


def ended_cells(cells: Table, leads: Table, faults: Table) -> Table:
    """Return the cells that end before facts are made: (table, row, column, state, reason, rule)."""
    said = cells.select(*KEY, "table", "column", "field", "state", "reason", rule=item(cells.mappings, -1))
    joined = said.left_join(leads, list(KEY)).drop(*(f"{k}_right" for k in KEY))
    joined = joined.left_join(faults.rename(fault="reason"), [*KEY, "field"])
    read = joined.state == "ok"
    losses = [
        (~read, joined.reason),
        (joined.bad_lead, ibis.literal(UNREADABLE_LEAD)),
        (~joined.has_lead, ibis.literal(NO_LEAD)),
        (joined.lacking, ibis.literal(REQUIRED_MISSING)),
        (joined.fault.notnull(), joined.fault),
    ]
    lost = joined.bad_lead | ~joined.has_lead | joined.lacking | joined.fault.notnull()
    state = choose([(~read, joined.state), (lost, ibis.literal("quarantined"))], ibis.literal("ok"))
    ended = joined.select("table", "row", "column", "rule", state=state, reason=choose(losses, ibis.literal("")))
    return ended.filter(~ended.state.isin(["ok", "false"])).distinct()
