"""Censoring: outcomes delivered without an event flag, completed up to each patient's last contact."""

from __future__ import annotations

from collections.abc import Sequence

import ibis

from haemony.engine.plan import no, numbered, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.conversion import precision_of
from haemony.graph_loader.instances import Instances, empty_fields
from haemony.graph_loader.mapping_tables import Rules, Spec, dictionary_line
from haemony.graph_loader.origins import CELL
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.rows import FATE, Delivery
from haemony.mappings.model import Variable
from haemony.ontology.schema import RecordClass, Schema


def with_censored(
    session: Session,
    schema: Schema,
    delivery: Delivery,
    specs: Sequence[Spec],
    cells: Table,
    rules: Rules,
    instances: Instances,
) -> Instances:
    """Complete the outcomes that are delivered without an event flag: a filled time is an event.

    Every other patient is censored at last contact; one whose time is filled and cannot be read is neither.
    """
    by_class, sources = dict(instances.by_class), instances.sources
    for spec in specs:
        cls = schema[spec.record_class]
        timed = _time_without_flag(spec, cls)
        if timed is None:
            continue
        outcomes = by_class[cls.name]
        by_class[cls.name] = outcomes.mutate(event=outcomes.event | (outcomes.spec == spec.number))
        if _concept(spec) is None:
            continue  # which of its outcomes a patient did not have, nobody says
        filled = cells.filter(cells.variable == delivery.number(timed)).select("patient")
        others = _last_contacts(delivery, spec, cls).anti_join(filled.distinct(), "patient")
        entries = _entries(delivery, spec, cls, cells)
        if entries is not None:
            others = _entered(others, entries)
        others = session.lay(others, f"censored/{spec.number}")
        completed = union([by_class[cls.name], others.select(*outcomes.columns)])
        by_class[cls.name] = session.lay(completed, f"censored/{cls.name}.{spec.number}")
        used = others.select(
            "instance",
            variable="last_variable",
            row="last_row",
            field=ibis.literal(timed.field),
            rule=ibis.literal(rules.number(dictionary_line(delivery.partner, timed)), "int64"),
        )
        sources = sources.union(used)
        if entries is not None:
            begun = others.select("patient", "instance").join(entries, "patient")
            sources = sources.union(begun.select(*used.columns))
    return Instances(by_class, sources, instances.ended)


def _time_without_flag(spec: Spec, cls: RecordClass) -> Variable | None:
    """Return the variable that holds the time of an outcome whose event no column states."""
    if not cls.has("event") or any(v.field == "event" for v in spec.variables):
        return None
    times = (v for v in spec.variables if cls.has(v.field) and cls.field(v.field).ends_record and not v.qualifier)
    return next(times, None)


def _entries(delivery: Delivery, spec: Spec, cls: RecordClass, cells: Table) -> Table | None:
    """Return the cells that say when each patient's follow-up began, one a patient; None where no column does."""
    delays = {
        delivery.number(v)
        for v in spec.variables
        if cls.has(v.field) and cls.field(v.field).time == "duration" and not cls.field(v.field).ends_record
    }
    if not delays:
        return None
    read = cells.filter(cells.variable.isin(sorted(delays)) & (cells.state == "ok"))
    read = read.filter(read.number.notnull())
    place = numbered([read.patient], [read.number.desc(), read.variable, read.row])
    first = read.mutate(place=place)
    return first.filter(first.place == 0).select("patient", *CELL, "number", "precision")


def _entered(others: Table, entries: Table) -> Table:
    """Say of censored patients, too, when their follow-up began."""
    begun = entries.select("patient", "number", entry_precision="precision")
    joined = others.left_join(begun, "patient").drop("patient_right")
    known = {"entry_days": joined.number, precision_of("entry_days"): joined.entry_precision}
    return joined.mutate(**known).drop("number", "entry_precision")


def _concept(spec: Spec) -> int | None:
    """Return the one outcome that a record's columns name, by themselves or by their values."""
    own = {c.concept_id for v in spec.variables for c in v.concepts if c.concept_id}
    by_value = {
        row.concept_id
        for v in spec.variables
        if v.field == "concept"
        for rows in v.values.values()
        for row in rows
        if row.loads_as == "concept" and row.concept_id
    }
    named = own or by_value
    return next(iter(named)) if len(named) == 1 else None


def _last_contacts(delivery: Delivery, spec: Spec, cls: RecordClass) -> Table:
    """Return one censored instance for each patient, up to the latest of the partner's last contacts."""
    latest = _started(delivery, spec, _latest_contact(delivery))
    fields = empty_fields(cls) | {
        "days": (latest.last_day - latest.start).cast("decimal(18,6)"),
        "event": ibis.literal(False),
        "day": latest.start,
        "concept": ibis.literal(_concept(spec), "int64"),
    }
    made = latest.mutate(
        instance=ibis.literal(f"censored:{spec.number}:") + latest.patient,
        spec=ibis.literal(spec.number, "int64"),
        table=ibis.literal(spec.table),
        row=latest.last_row,
        **fields,
    )
    return made.filter(made.days.notnull())


def _latest_contact(delivery: Delivery) -> Table:
    """Return each patient's latest last contact and the cell that says so."""
    days = delivery.days
    parts = []
    for table, column in delivery.partner.last_contact:
        joined = _days_of(delivery, table, column)
        parts.append(joined.select("patient", last_variable="variable", last_row="row", last_day="day"))
    if not parts:
        nobody = days.filter(ibis.literal(False))
        return nobody.select(patient=no("string"), last_variable="variable", last_row="row", last_day="day")
    contacts = union(parts)
    order = [contacts.last_day.desc(), contacts.last_variable, contacts.last_row]
    place = numbered([contacts.patient], order)
    contacts = contacts.mutate(place=place)
    return contacts.filter(contacts.place == 0).drop("place")


def _started(delivery: Delivery, spec: Spec, latest: Table) -> Table:
    """Add the day on which an outcome's clock starts; a patient without one is not at risk."""
    at = next((v.at for v in spec.variables if v.at), "")
    if at in ("", "index"):
        return latest.mutate(start=ibis.literal(0, "int64") if at else no("int64"))
    starts = _days_of(delivery, spec.table, at)
    return latest.join(starts.group_by("patient").agg(start=starts.day.min()), "patient")


def _days_of(delivery: Delivery, table: str, column: str) -> Table:
    """Return (patient, variable, row, day) of a time column, for the rows that count."""
    rows = delivery.tables[table]
    rows = rows.filter(rows[FATE].isnull()).select(patient=rows[PATIENT], row=rows[ROW])
    here = delivery.days.filter(delivery.days.variable == delivery.numbers[table, column])
    return rows.join(here, "row").select("patient", "variable", "row", "day")
