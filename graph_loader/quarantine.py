"""Quarantine: take out the records that break a shape, with what cannot stand without them; flag what only warns."""

from __future__ import annotations

from collections.abc import Mapping

import ibis

from haemony.engine.plan import appended, gathered, no, texts
from haemony.engine.session import Session, Table
from haemony.graph_loader.fates import DEPENDENT
from haemony.ontology.schema import RecordClass, Schema


def without_quarantined(
    session: Session, schema: Schema, records: Mapping[str, Table], broken: Table
) -> tuple[dict[str, Table], Table]:
    """Take out the records that break a shape, and what cannot stand without them; flag those that only warn.

    A record of a quarantined patient goes with it. A record that refers to a quarantined one stays, without the
    reference and flagged ``dependent``.
    """
    bad = broken.filter(broken.severity == "Violation")
    bad = session.lay(bad.group_by(id=bad.record_id).agg(reason=bad["shape"].min()), "checked/bad")
    warned = broken.filter(broken.severity != "Violation")
    warned = session.lay(
        warned.group_by(warned_id=warned.record_id).agg(warnings=gathered(warned["shape"])),
        "checked/warned",
    )
    outcasts = [bad]
    kept: dict[str, Table] = {}
    for cls in schema.records:
        if cls.name not in records:
            continue
        table = records[cls.name]
        orphans = table.semi_join(bad, table.patient == bad.id).anti_join(bad, "id")
        outcasts.append(orphans.select("id", reason=ibis.literal(DEPENDENT)))
        table = table.anti_join(bad, "id").anti_join(bad.rename(patient="id"), "patient")
        kept[cls.name] = _flagged(_unreferred(cls, table, bad), warned)
    whole = outcasts[0].select("id", "reason")
    for more in outcasts[1:]:
        whole = whole.union(more)
    return kept, session.lay(whole.distinct(), "checked/outcast")


def _unreferred(cls: RecordClass, table: Table, bad: Table) -> Table:
    """Empty the references to quarantined records."""
    for reference in (f.name for f in cls.fields if f.kind == "reference" and f.role == "link"):
        gone = bad.select(gone="id")
        joined = table.left_join(gone, table[reference] == gone.gone)
        table = joined.mutate(
            **{
                reference: ibis.ifelse(joined.gone.isnull(), joined[reference], no("string")),
                "flags": ibis.ifelse(
                    joined.gone.isnull(), joined.flags, appended(joined.flags, texts(ibis.literal(DEPENDENT)))
                ),
            }
        ).drop("gone")
    return table


def _flagged(table: Table, warned: Table) -> Table:
    joined = table.left_join(warned, table.id == warned.warned_id)
    return joined.mutate(
        flags=ibis.ifelse(joined.warned_id.isnull(), joined.flags, appended(joined.flags, joined.warnings))
    ).drop("warned_id", "warnings")
