"""Origins: the cells that instances stand on, and the cells that end before any instance is made of them."""

from __future__ import annotations

from typing import Final

import ibis

from haemony.engine.plan import choose, union
from haemony.engine.session import Column, Table
from haemony.graph_loader.fates import NO_LEAD, REQUIRED_MISSING, UNREADABLE_LEAD

#: What makes one instance: the record of one row (or of one part of a list cell).
KEY: Final = ("spec", "row", "part")
CELL: Final = ("variable", "row", "field", "rule")


def used_cells(cells: Table, made: Table, naming: Table, faults: Table, ancestors: Table) -> Table:
    """Return the cells that each instance stands on.

    ``made`` has (instance, key, concept). A naming cell counts only where the instance is what the cell names, or a
    kind of it; an instance that is several things at once stands on all its cells.
    """
    ok = cells.filter(cells.state == "ok")
    ok = ok.select(*KEY, "variable", "field", "rule", is_naming=naming_cells(ok)).anti_join(faults, [*KEY, "field"])
    several, single = made.filter(made.concept.isnull()), made.filter(made.concept.notnull())
    unnaming = ok.filter(~ok.is_naming)
    named = naming.rename(ancestor="concept").join(single.rename(descendant="concept"), list(KEY))
    named = named.semi_join(ancestors, ["ancestor", "descendant"]).select("instance", *KEY, "variable").distinct()
    parts = [several.join(ok, list(KEY)), single.join(unnaming, list(KEY)), named.join(ok, [*KEY, "variable"])]
    return union([part.select("instance", *CELL) for part in parts])


def naming_cells(cells: Table) -> Column:
    """Tell which of the cells that were read name what their record is."""
    leads = cells.field.isin(["concept", "present"]) | cells.lead
    return (cells.names & (cells.qualifier == "") & leads & (cells.concepts.length() > 0)).fill_null(False)


def ended_cells(cells: Table, leads: Table, faults: Table) -> Table:
    """Return the cells that end before facts are made: (variable, row, state, reason, rule)."""
    said = cells.filter(cells.state != "false").select(*KEY, "variable", "field", "state", "reason", "rule")
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
    ended = joined.select("variable", "row", "rule", state=state, reason=choose(losses, ibis.literal("")))
    return ended.filter(ended.state != "ok").distinct()
