"""Harmonise: one partner's delivery becomes record tables, the cells they stand on, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.plan import no, texts, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.cells import IGNORED, LOADED, QUARANTINED, Spec, read_cells, specs_of
from haemony.graph_loader.facts import Facts, join_facts, patient_id
from haemony.graph_loader.instances import ENGINE_TYPES, Instances, columns_of, make_instances
from haemony.graph_loader.ledger import cell_fates, check_sums, check_tolerance, fate_of, ledger
from haemony.graph_loader.read import PATIENT, ROW, land, read_headers, set_secret
from haemony.graph_loader.records import DUPLICATE_ROW, PANEL_SILENT, linked, make_records
from haemony.graph_loader.rows import DUPLICATE_KEY, FATE, Delivery, prepare
from haemony.graph_loader.tested import UNTESTED, absences, denied, panels, silent, tested
from haemony.mappings.model import DICTIONARY, Partner, Variable
from haemony.mappings.partner import expand
from haemony.ontology.schema import RecordClass, Schema
from haemony.ontology.vocabulary import Vocabulary

OVERRULED: Final = "overruled"
SOURCE: Final = ("fact", "table", "row", "column", "field", "mappings")


@dataclass(frozen=True)
class Harmonised:
    """What harmonising one delivery gives. ``sources`` has (class, fact, id, cell, mappings, fate, reason)."""

    delivery: Delivery
    records: Mapping[str, Table]
    sources: Table
    ended: Table
    absent: Table
    panels: Table
    tested: Table


def harmonise(
    session: Session, schema: Schema, vocabulary: Vocabulary, partner: Partner, data: Path, secret: str, progress: Callable[[str], None] = lambda _: None
) -> Harmonised:
    """Harmonise a delivery: land, read cells, make instances, join facts, find what was tested.

    Raises ``DeliveryError`` and ``MappingError`` with every fault of structure; faults of values are kept beside the
    records, each with its cell and reason.
    """
    progress("reading files")
    headers = read_headers(partner, data)
    variables = expand(partner, {name: header.columns for name, header in headers.items()}, vocabulary, schema)
    set_secret(session, secret)
    landed = land(session, partner, variables, headers)
    delivery = prepare(session, schema, partner, variables, landed)
    progress("reading cells")
    specs = specs_of(delivery)
    cells = read_cells(session, schema, vocabulary, delivery, specs)
    ancestors = _ancestors(session, vocabulary)
    instances = make_instances(session, schema, vocabulary, delivery, specs, cells, ancestors)
    instances = _with_censored(session, schema, delivery, specs, cells, instances)
    progress("joining facts")
    return _facts(session, schema, vocabulary, delivery, specs, cells, instances)


def _ancestors(session: Session, vocabulary: Vocabulary) -> Table:
    pairs = ((a, c.id) for c in vocabulary for a in vocabulary.ancestors(c.id))
    return session.table("ancestors", {"ancestor": pa.int64(), "descendant": pa.int64()}, pairs)


def _with_censored(
    session: Session, schema: Schema, delivery: Delivery, specs: Sequence[Spec], cells: Table, instances: Instances
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
        filled = cells.filter((cells["table"] == spec.table) & (cells.column == timed.column)).select("patient")
        others = _last_contacts(delivery, spec, cls).anti_join(filled.distinct(), "patient")
        others = session.lay(others, f"censored/{spec.number}")
        outcomes = by_class[cls.name]
        outcomes = outcomes.mutate(event=outcomes.event | (outcomes.spec == spec.number))
        outcomes = union([outcomes, others.select(*outcomes.columns)])
        by_class[cls.name] = session.lay(outcomes, f"censored/{cls.name}.{spec.number}")
        line = f"{delivery.partner.name}/{DICTIONARY}:{timed.line}"
        used = others.select(
            "instance",
            table="last_table",
            row="last_row",
            column="last_column",
            field=ibis.literal(timed.field),
            variable=ibis.literal(0, "int64"),
            mappings=ibis.literal([line], "array<string>"),
        )
        sources = sources.union(used)
    return Instances(by_class, sources, instances.ended)


def _time_without_flag(spec: Spec, cls: RecordClass) -> Variable | None:
    """Return the variable that holds the time of an outcome whose event no column states."""
    if not cls.has("event") or any(v.field == "event" for v in spec.variables):
        return None
    times = [v for v in spec.variables if cls.has(v.field) and cls.field(v.field).time == "duration" and not v.qualifier]
    return times[0] if times else None


def _last_contacts(delivery: Delivery, spec: Spec, cls: RecordClass) -> Table:
    """Return one censored instance for each patient, up to the latest of the partner's last contacts."""
    latest = _started(delivery, spec, _latest_contact(delivery))
    concept = next((c.concept_id for v in spec.variables for c in v.concepts if c.concept_id), None)
    fields = {f: no(ENGINE_TYPES[cls.field(f).kind]) for f in columns_of(cls) if cls.has(f)}
    fields |= {
        "days": (latest.last_day - latest.start).cast("decimal(18,6)"),
        "event": ibis.literal(False),
        "day": latest.start,
        "concept": ibis.literal(concept, "int64"),
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
        rows = delivery.tables[table].filter(delivery.tables[table][FATE].isnull())
        here = days.filter((days["table"] == table) & (days.column == column))
        joined = rows.join(here, rows[ROW] == here.row)
        parts.append(joined.select(patient=rows[PATIENT], last_table="table", last_row="row", last_column="column", last_day="day"))
    if not parts:
        nobody = days.filter(ibis.literal(False))
        return nobody.select(patient=no("string"), last_table="table", last_row="row", last_column="column", last_day="day")
    contacts = union(parts)
    order = [contacts.last_day.desc(), contacts.last_table, contacts.last_column, contacts.last_row]
    place = ibis.row_number().over(ibis.window(group_by=contacts.patient, order_by=order))
    contacts = contacts.mutate(place=place)
    return contacts.filter(contacts.place == 0).drop("place")


def _started(delivery: Delivery, spec: Spec, latest: Table) -> Table:
    """Add the day on which an outcome's clock starts; a patient without one is not at risk."""
    at = next((v.at for v in spec.variables if v.at), "")
    if at in ("", "index"):
        return latest.mutate(start=ibis.literal(0, "int64") if at else no("int64"))
    days, rows = delivery.days, delivery.tables[spec.table]
    here = days.filter((days["table"] == spec.table) & (days.column == at))
    starts = rows.join(here, rows[ROW] == here.row)
    return latest.join(starts.group_by(patient=starts[PATIENT]).agg(start=starts.day.min()), "patient")


def _facts(
    session: Session, schema: Schema, vocabulary: Vocabulary, delivery: Delivery, specs: Sequence[Spec], cells: Table, instances: Instances
) -> Harmonised:
    partner = delivery.partner
    absent = absences(session, delivery, cells)
    tests = tested(session, delivery, cells, absent)
    joined: dict[str, Facts] = {}
    sources, flags, verdicts = [], [], []
    for cls in schema.records:
        if cls.name not in instances.by_class:
            continue
        own = instances.by_class[cls.name]
        prefer = partner.prefer.get(cls.name, ())
        facts = join_facts(session, cls, own, vocabulary, partner.name, prefer)
        if cls.negative:
            against = denied(session, cls.name, facts.table, absent, vocabulary, prefer)
            verdicts.append(against)
            quiet = silent(session, delivery, cells, facts.table, facts.members, own, vocabulary)
            flags.append(quiet.select("fact", flag=ibis.literal(PANEL_SILENT)))
            facts = _settled(facts, against)
        joined[cls.name] = facts
        sources.append(_sources_of(cls, facts, own, instances.sources, verdicts[-1] if cls.negative else None))
        flags.append(_collapsed(facts, own))
    links = linked(session, delivery, specs, joined, instances.by_class)
    flagged = links.filter(links.flag.notnull()).select("fact", "flag")
    all_sources = session.lay(_delivered(session, delivery, union(sources)), "records/sources")
    all_flags = session.lay(union([*flags, flagged, *_coarse_dates(delivery, all_sources)]), "records/flags")
    good = all_sources.filter(all_sources.fate == LOADED)
    records = {}
    for cls in schema.records:
        if cls.name in joined:
            kept = joined[cls.name].table
            kept = kept.filter(kept.kept) if "kept" in kept.columns else kept
            mine = good.filter(good["class"] == cls.name)
            records[cls.name] = make_records(session, cls, kept, mine, links, all_flags, delivery, vocabulary, schema)
    patients = delivery.roster.select(pseudonym="patient", id=patient_id(partner.name, delivery.roster.patient))
    panel, who = panels(session, tests, patients)
    return Harmonised(delivery, records, all_sources, instances.ended, _absent_uses(session, absent, verdicts), panel, who)


def _settled(facts: Facts, against: Table) -> Facts:
    """Drop the facts that a preferred table denies, and mark those that stay in dispute."""
    verdict = against.group_by(denied_fact=against.fact).agg(
        out=(against.verdict == "fact-overruled").any(), disputed_presence=(against.verdict == "disputed").any()
    )
    table = facts.table.left_join(verdict, facts.table.fact == verdict.denied_fact)
    presence = texts(ibis.ifelse(table.disputed_presence.fill_null(False), ibis.literal("present"), no("string")))
    table = table.mutate(disputed=table.disputed.concat(presence), kept=~table.out.fill_null(False)).drop("out", "denied_fact", "disputed_presence")
    return Facts(table, facts.members, facts.overruled, facts.duplicates)


def _sources_of(cls: RecordClass, facts: Facts, instances: Table, sources: Table, against: Table | None) -> Table:
    """Return (class, fact, id, cell, fate, reason) for every cell that a fact of the class stands on."""
    stands = facts.members.join(facts.table, "fact")
    kept = stands.kept if "kept" in facts.table.columns else ibis.literal(True)
    stands = stands.select("fact", "instance", "id", fact_kept=kept)
    cells = stands.join(sources, "instance").left_join(facts.overruled, ["fact", "instance", "field"])
    out = cells.fact_right.notnull() | ~cells.fact_kept
    used = cells.select(
        "fact", "id", "table", "row", "column", "field", "mappings", fate=ibis.ifelse(out, ibis.literal(QUARANTINED), ibis.literal(LOADED)),
        reason=ibis.ifelse(out, ibis.literal(OVERRULED), ibis.literal("")),
    )
    doubled = facts.duplicates.join(sources, "instance").select(
        fact=no("string"), id=no("string"), table="table", row="row", column="column", field="field", mappings="mappings",
        fate=ibis.literal(QUARANTINED), reason=ibis.literal(DUPLICATE_KEY),
    )
    parts = [used, doubled]
    if against is not None:
        disputes = against.filter(against.verdict == "disputed").join(facts.table, "fact")
        parts.append(disputes.select("fact", "id", "table", "row", "column", field=ibis.literal("present"), mappings="mappings",
                                     fate=ibis.literal(LOADED), reason=ibis.literal("")))
    return union(parts).mutate(**{"class": ibis.literal(cls.name)})


def _coarse_dates(delivery: Delivery, sources: Table) -> list[Table]:
    """Flag the facts with a date that was delivered as a month or a year: its day is the middle of it."""
    coarse = [(v.table, v.column, v.format.precision) for v in delivery.variables if v.format.precision in ("month", "year")]
    return [
        sources.filter((sources["table"] == table) & (sources.used_as == column)).select(
            "fact", flag=ibis.literal(f"date-known-to-the-{precision}")
        )
        for table, column, precision in coarse
    ]


def _collapsed(facts: Facts, instances: Table) -> Table:
    """Flag the facts that rows of one column said more than once."""
    twice = facts.members.join(instances.filter(instances.spec > 0), "instance")
    counted = twice.group_by("fact", "spec").agg(n=twice.instance.nunique())
    return counted.filter(counted.n > 1).select("fact", flag=ibis.literal(DUPLICATE_ROW)).distinct()


def _delivered(session: Session, delivery: Delivery, sources: Table) -> Table:
    """Name, in place of a derived column, the delivered columns that it reads."""
    pairs = [(v.table, v.column, used) for v in delivery.variables if v.derived for used in v.uses]
    derived = session.table("records/derived", {"table": pa.string(), "column": pa.string(), "delivered": pa.string()}, pairs)
    named = sources.left_join(derived, ["table", "column"]).drop("table_right", "column_right")
    return named.mutate(used_as=named.column, column=ibis.coalesce(named.delivered, named.column)).drop("delivered")


def _absent_uses(session: Session, absent: Table, verdicts: Sequence[Table]) -> Table:
    """Return the uses of the cells that state an absence."""
    lost = union([v.filter(v.verdict == "cell-overruled").select("table", "row", "column") for v in verdicts]).distinct() if verdicts else None
    stated = absent.select("table", "row", "column", "mappings", "state")
    untested = stated.state == UNTESTED
    if lost is None:
        overruled = ibis.literal(False)
    else:
        lost = lost.mutate(lost=ibis.literal(True))
        stated = stated.left_join(lost, ["table", "row", "column"])
        overruled = stated.lost.notnull()
    uses = stated.select(
        "table", "row", "column", rule=stated.mappings[0],
        fate=ibis.cases((untested, IGNORED), (overruled, QUARANTINED), else_=LOADED),
        reason=ibis.cases((untested, UNTESTED), (overruled, OVERRULED), else_=""),
    )
    return session.lay(uses, "records/absent")


def account(session: Session, result: Harmonised, quarantined: Table, tolerated: float) -> tuple[Table, Table]:
    """Return the ledger and the fates of single cells, once validation has said which records are out.

    ``quarantined`` has (id, reason). Raises ``BuildError`` where a column lost more than is tolerated.
    """
    sources = result.sources.left_join(quarantined, "id", rname="v_{name}")
    out = sources.v_reason.notnull() if "v_reason" in sources.columns else sources.reason_right.notnull()
    broke = sources.v_reason if "v_reason" in sources.columns else sources.reason_right
    used = sources.select(
        "table", "row", column="used_as", fate=ibis.ifelse(out & (sources.fate == LOADED), ibis.literal(QUARANTINED), sources.fate),
        reason=ibis.ifelse(out & (sources.fate == LOADED), broke, sources.reason), rule=sources.mappings[0],
    )
    ended = result.ended.select("table", "row", "column", fate=fate_of(result.ended.state), reason=result.ended.reason, rule=result.ended.rule)
    uses = union([t.select("table", "row", "column", "fate", "reason", "rule") for t in (used, ended, result.absent)])
    fates = cell_fates(session, result.delivery, session.lay(uses, "ledger/uses"))
    book = ledger(session, result.delivery, fates)
    check_sums(session, result.delivery, book)
    check_tolerance(session, result.delivery, book, tolerated)
    return book, fates
