"""Origins: the cells that instances stand on, and the cells that end before any instance is made of them."""

from __future__ import annotations

from typing import Final

import ibis

from haemony.engine.plan import choose
from haemony.engine.session import Column, Table
from haemony.graph_loader.fates import NO_LEAD, REQUIRED_MISSING, UNREADABLE_LEAD

#: What makes one instance: the record of one row (or of one part of a list cell).
KEY: Final = ("spec", "row", "part")
CELL: Final = ("variable", "row", "field", "rule")
_UNKEYED: Final = tuple(c for c in CELL if c not in KEY)


def used_cells(cells: Table, made: Table, faults: Table, ancestors: Table) -> Table:
    """Return the cells that each instance stands on.

    ``made`` has (instance, key, concept). A naming cell counts only where the instance is what the cell names, or a
    kind of it; an instance that is several things at once stands on all its cells.
    """
    ok = cells.filter(cells.state == "ok")
    ok = ok.mutate(is_naming=naming_cells(ok)).anti_join(faults, [*KEY, "field"])
    named = ok.filter(ok.is_naming).select("reading", ancestor=ok.concepts.unnest()).distinct()
    fitting = named.join(ancestors, "ancestor").select("reading", concept="descendant", fits=ibis.literal(True))
    used = made.join(ok.select(*KEY, *_UNKEYED, "reading", "is_naming"), list(KEY))
    used = used.left_join(fitting.distinct(), ["reading", "concept"])
    used = used.filter(~used.is_naming | used.concept.isnull() | used.fits.notnull())
    return used.select("instance", *CELL)


def naming_cells(cells: Table) -> Column:
    """Tell which of the cells that were read name what their record is."""
    leads = cells.field.isin(["concept", "present"]) | cells.lead
    return (cells.names & (cells.qualifier == "") & leads & (cells.concepts.length() > 0)).fill_null(False)


def ended_cells(cells: Table, lost: Table, faults: Table) -> Table:
    """Return the cells that end before facts are made: (variable, row, state, reason, rule).

    ``lost`` has the rows' records that are not made, with what they lack.
    """
    said = cells.filter(cells.state != "false").select(*KEY, "variable", "field", "state", "reason", "rule")
    joined = said.left_join(lost.mutate(lost=ibis.literal(True)), list(KEY)).drop(*(f"{k}_right" for k in KEY))
    joined = joined.left_join(faults.rename(fault="reason"), [*KEY, "field"])
    joined = joined.filter((joined.state != "ok") | joined.lost.notnull() | joined.fault.notnull())
    read = joined.state == "ok"
    losses = [
        (~read, joined.reason),
        (joined.bad_lead, ibis.literal(UNREADABLE_LEAD)),
        (~joined.has_lead, ibis.literal(NO_LEAD)),
        (joined.lacking, ibis.literal(REQUIRED_MISSING)),
    ]
    state = ibis.ifelse(read, ibis.literal("quarantined"), joined.state)
    return joined.select("variable", "row", "rule", state=state, reason=choose(losses, joined.fault)).distinct()
