"""Harmonise: one partner's delivery becomes record tables, the cells they stand on, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.dates import Precision
from haemony.engine.plan import appended, date_precision, item, no, texts, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.cells import read_cells
from haemony.graph_loader.censoring import with_censored
from haemony.graph_loader.facts import Facts, join_facts, patient_id
from haemony.graph_loader.fates import DUPLICATE_KEY, IGNORED, LOADED, OVERRULED, QUARANTINED, UNTESTED
from haemony.graph_loader.hotspots import at_hotspots
from haemony.graph_loader.instances import Instances, make_instances
from haemony.graph_loader.ledger import cell_fates, check_sums, check_tolerance, fate_of, ledger
from haemony.graph_loader.mapping_tables import Spec, specs_of
from haemony.graph_loader.read import ROW, read_delivery, set_secret
from haemony.graph_loader.records import DUPLICATE_ROW, PANEL_SILENT, PARTLY_READ, linked, make_records
from haemony.graph_loader.rows import Delivery, prepare
from haemony.graph_loader.tested import absences, denied, panels, silent, tested
from haemony.mappings.model import Partner
from haemony.ontology.schema import RecordClass, Schema
from haemony.ontology.vocabulary import Vocabulary

#: Dates that are known no better than to one of these are flagged.
COARSE: Final[tuple[Precision, ...]] = ("month", "year")


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
    session: Session,
    schema: Schema,
    vocabulary: Vocabulary,
    partner: Partner,
    data: Path,
    secret: str,
    progress: Callable[[str], None] = lambda _: None,
) -> Harmonised:
    """Harmonise a delivery: land, read cells, make instances, join facts, find what was tested.

    Raises ``DeliveryError`` and ``MappingError`` with every fault of structure; faults of values are kept beside the
    records, each with its cell and reason.
    """
    progress("reading files")
    with session.landing() as landing:
        set_secret(landing, secret)
        variables, landed = read_delivery(landing, partner, data, vocabulary, schema)
        landed = {name: replace(file, table=session.take(file.table, landing)) for name, file in landed.items()}
    delivery = prepare(session, schema, partner, variables, landed)
    progress("reading cells")
    specs = specs_of(delivery)
    cells = read_cells(session, schema, vocabulary, delivery, specs)
    ancestors = _ancestors(session, vocabulary)
    instances = make_instances(session, schema, vocabulary, delivery, specs, cells, ancestors)
    instances = at_hotspots(session, schema, vocabulary, instances)
    instances = with_censored(session, schema, delivery, specs, cells, instances)
    progress("joining facts")
    return _facts(session, schema, vocabulary, delivery, specs, cells, instances)


def _ancestors(session: Session, vocabulary: Vocabulary) -> Table:
    pairs = ((a, c.id) for c in vocabulary for a in vocabulary.ancestors(c.id))
    return session.table("ancestors", {"ancestor": pa.int64(), "descendant": pa.int64()}, pairs)


def _facts(
    session: Session,
    schema: Schema,
    vocabulary: Vocabulary,
    delivery: Delivery,
    specs: Sequence[Spec],
    cells: Table,
    instances: Instances,
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
            quiet = silent(session, delivery, cells, facts.table, own, vocabulary)
            flags.append(quiet.select("fact", flag=ibis.literal(PANEL_SILENT)))
            facts = _settled(facts, against)
        joined[cls.name] = facts
        sources.append(_sources_of(cls, facts, own, instances.sources, verdicts[-1] if cls.negative else None))
        flags.append(_collapsed(facts, own))
    links = linked(session, delivery, specs, joined, instances.by_class)
    flagged = links.filter(links.flag.notnull()).select("fact", "flag")
    all_sources = session.lay(_delivered(session, delivery, union(sources)), "records/sources")
    flags += [flagged, *_coarse_dates(delivery, all_sources), _partly_read(cells, all_sources)]
    all_flags = session.lay(union(flags), "records/flags")
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
    return Harmonised(
        delivery, records, all_sources, instances.ended, _absent_uses(session, absent, verdicts), panel, who
    )


def _settled(facts: Facts, against: Table) -> Facts:
    """Drop the facts that a preferred table denies, and mark those that stay in dispute."""
    verdict = against.group_by(denied_fact=against.fact).agg(
        out=(against.verdict == "fact-overruled").any(), disputed_presence=(against.verdict == "disputed").any()
    )
    table = facts.table.left_join(verdict, facts.table.fact == verdict.denied_fact)
    presence = texts(ibis.ifelse(table.disputed_presence.fill_null(False), ibis.literal("present"), no("string")))
    table = table.mutate(disputed=appended(table.disputed, presence), kept=~table.out.fill_null(False)).drop(
        "out", "denied_fact", "disputed_presence"
    )
    return Facts(table, facts.members, facts.overruled, facts.duplicates)


def _sources_of(cls: RecordClass, facts: Facts, instances: Table, sources: Table, against: Table | None) -> Table:
    """Return (class, fact, id, cell, fate, reason) for every cell that a fact of the class stands on."""
    stands = facts.members.join(facts.table, "fact")
    kept = stands.kept if "kept" in facts.table.columns else ibis.literal(True)
    stands = stands.select("fact", "instance", "id", fact_kept=kept)
    cells = stands.join(sources, "instance").left_join(facts.overruled, ["fact", "instance", "field"])
    out = cells.fact_right.notnull() | ~cells.fact_kept
    used = cells.select(
        "fact",
        "id",
        "table",
        "row",
        "column",
        "field",
        "mappings",
        fate=ibis.ifelse(out, ibis.literal(QUARANTINED), ibis.literal(LOADED)),
        reason=ibis.ifelse(out, ibis.literal(OVERRULED), ibis.literal("")),
    )
    doubled = facts.duplicates.join(sources, "instance").select(
        fact=no("string"),
        id=no("string"),
        table="table",
        row="row",
        column="column",
        field="field",
        mappings="mappings",
        fate=ibis.literal(QUARANTINED),
        reason=ibis.literal(DUPLICATE_KEY),
    )
    parts = [used, doubled]
    if against is not None:
        disputes = against.filter(against.verdict == "disputed").join(facts.table, "fact")
        parts.append(
            disputes.select(
                "fact",
                "id",
                "table",
                "row",
                "column",
                field=ibis.literal("present"),
                mappings="mappings",
                fate=ibis.literal(LOADED),
                reason=ibis.literal(""),
            )
        )
    return union(parts).mutate(**{"class": ibis.literal(cls.name)})


def _coarse_dates(delivery: Delivery, sources: Table) -> list[Table]:
    """Flag the facts with a date, or held at one, that was delivered as a month or a year: its day is the middle."""
    coarse = []
    for v in (v for v in delivery.variables if v.format.precision in COARSE):
        rows = delivery.tables[v.table]
        dated_by = [v.column, *(w.column for w in delivery.of(v.table) if w.at == v.column)]
        of_column = sources.filter((sources["table"] == v.table) & sources.used_as.isin(dated_by))
        known = date_precision(rows[v.column], v.format.pattern)
        for precision in COARSE:
            dated = of_column.semi_join(rows.filter(known == precision).select(row=rows[ROW]), "row")
            coarse.append(dated.select("fact", flag=ibis.literal(f"date-known-to-the-{precision}")))
    return coarse


def _partly_read(cells: Table, sources: Table) -> Table:
    """Flag the karyotypes, and what they show, of which something was not understood."""
    partly = cells.filter((cells.state == "ok") & cells.partly).select("table", "row", "column").distinct()
    return sources.semi_join(partly, ["table", "row", "column"]).select("fact", flag=ibis.literal(PARTLY_READ))


def _collapsed(facts: Facts, instances: Table) -> Table:
    """Flag the facts that rows of one column said more than once."""
    twice = facts.members.join(instances.filter(instances.spec > 0), "instance")
    counted = twice.group_by("fact", "spec").agg(n=twice.instance.nunique())
    return counted.filter(counted.n > 1).select("fact", flag=ibis.literal(DUPLICATE_ROW)).distinct()


def _delivered(session: Session, delivery: Delivery, sources: Table) -> Table:
    """Name, in place of a derived column, the delivered columns that it reads."""
    pairs = [(v.table, v.column, used) for v in delivery.variables if v.derived for used in v.uses]
    derived = session.table(
        "records/derived", {"table": pa.string(), "column": pa.string(), "delivered": pa.string()}, pairs
    )
    named = sources.left_join(derived, ["table", "column"]).drop("table_right", "column_right")
    return named.mutate(used_as=named.column, column=ibis.coalesce(named.delivered, named.column)).drop("delivered")


def _absent_uses(session: Session, absent: Table, verdicts: Sequence[Table]) -> Table:
    """Return the uses of the cells that state an absence."""
    lost = (
        union([v.filter(v.verdict == "cell-overruled").select("table", "row", "column") for v in verdicts]).distinct()
        if verdicts
        else None
    )
    stated = absent.select("table", "row", "column", "mappings", "state")
    untested = stated.state == UNTESTED
    if lost is None:
        overruled = ibis.literal(False)
    else:
        lost = lost.mutate(lost=ibis.literal(True))
        stated = stated.left_join(lost, ["table", "row", "column"])
        overruled = stated.lost.notnull()
    uses = stated.select(
        "table",
        "row",
        "column",
        rule=item(stated.mappings, 0),
        fate=ibis.cases((untested, IGNORED), (overruled, QUARANTINED), else_=LOADED),
        reason=ibis.cases((untested, UNTESTED), (overruled, OVERRULED), else_=""),
    )
    return session.lay(uses, "records/absent")


def account(session: Session, result: Harmonised, quarantined: Table, tolerated: float) -> tuple[Table, Table]:
    """Return the ledger and the fates of single cells, once validation has said which records are out.

    ``quarantined`` has (id, reason). Raises ``BuildError`` where a column lost more than is tolerated.
    """
    quarantined = quarantined.select("id", broke="reason")
    sources = result.sources.left_join(quarantined, "id")
    out = sources.broke.notnull() & (sources.fate == LOADED)
    used = sources.select(
        "table",
        "row",
        column="used_as",
        fate=ibis.ifelse(out, ibis.literal(QUARANTINED), sources.fate),
        reason=ibis.ifelse(out, sources.broke, sources.reason),
        rule=item(sources.mappings, 0),
    )
    ended = result.ended.select(
        "table", "row", "column", fate=fate_of(result.ended.state), reason=result.ended.reason, rule=result.ended.rule
    )
    uses = union([t.select("table", "row", "column", "fate", "reason", "rule") for t in (used, ended, result.absent)])
    fates = cell_fates(session, result.delivery, session.lay(uses, "ledger/uses"))
    book = ledger(session, result.delivery, fates)
    check_sums(session, result.delivery, book)
    check_tolerance(session, result.delivery, book, tolerated)
    return book, fates
