"""Harmonise: one partner's delivery becomes record tables, the cells they stand on, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.dates import Precision
from haemony.engine.plan import appended, date_precision, no, texts, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.cells import read_cells
from haemony.graph_loader.censoring import with_censored
from haemony.graph_loader.facts import Facts, join_facts, patient_id
from haemony.graph_loader.fates import DUPLICATE_KEY, IGNORED, LOADED, OVERRULED, QUARANTINED, UNTESTED
from haemony.graph_loader.hotspots import at_hotspots
from haemony.graph_loader.instances import Instances, make_instances
from haemony.graph_loader.ledger import USE, cell_fates, check_sums, check_tolerance, fate_of, ledger, named
from haemony.graph_loader.mapping_tables import Rules, Spec, mapping_tables, specs_of
from haemony.graph_loader.origins import CELL
from haemony.graph_loader.read import ROW, read_delivery, set_secret
from haemony.graph_loader.records import (
    DUPLICATE_ROW,
    PANEL_SILENT,
    PARTLY_READ,
    linked,
    listed,
    make_records,
    with_origins,
)
from haemony.graph_loader.rows import Delivery, prepare
from haemony.graph_loader.tested import absences, denied, panels, silent, tested
from haemony.mappings.model import Partner
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: Dates that are known no better than to one of these are flagged.
COARSE: Final[tuple[Precision, ...]] = ("month", "year")


@dataclass(frozen=True)
class Harmonised:
    """What harmonising one delivery gives.

    ``sources`` has (class, fact, id, variable, row, field, rule, used_as, fate, reason): ``used_as`` is the column that
    was read, ``variable`` the delivered one that it was derived from.
    """

    delivery: Delivery
    places: Table
    rules: Rules
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
    mapping = mapping_tables(session, schema, vocabulary, delivery, specs)
    cells = read_cells(session, schema, delivery, specs, mapping, vocabulary)
    ancestors = _ancestors(session, vocabulary)
    instances = make_instances(session, schema, vocabulary, delivery, specs, cells, mapping.rules, ancestors)
    instances = at_hotspots(session, schema, vocabulary, instances)
    instances = with_censored(session, schema, delivery, specs, cells, mapping.rules, instances)
    progress("joining facts")
    return _facts(session, schema, vocabulary, delivery, specs, cells, mapping.rules, instances)


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
    rules: Rules,
    instances: Instances,
) -> Harmonised:
    partner = delivery.partner
    absent = absences(session, delivery, cells)
    tests = tested(session, delivery, cells, absent)
    joined: dict[str, Facts] = {}
    flags: list[Table] = []
    verdicts: dict[str, Table] = {}
    for cls in schema.records:
        if cls.name not in instances.by_class:
            continue
        own = instances.by_class[cls.name]
        prefer = partner.prefer.get(cls.name, ())
        facts = join_facts(session, cls, own, vocabulary, partner.name, prefer)
        if cls.negative:
            against = denied(session, cls.name, facts.table, absent, delivery, vocabulary)
            verdicts[cls.name] = against
            quiet = silent(session, delivery, cells, facts.table, own, vocabulary)
            flags.append(quiet.select("fact", flag=ibis.literal(PANEL_SILENT)))
            facts = _settled(facts, against)
        joined[cls.name] = facts
        if not facts.single:
            flags.append(_collapsed(facts, own))
    links = linked(session, delivery, specs, joined, instances.by_class)
    flagged = links.filter(links.flag.notnull()).select("fact", "flag")
    sources = _sources(joined, instances.sources, verdicts)
    all_sources = session.lay(_delivered(session, delivery, sources), "facts/sources")
    flags += [flagged, *_coarse_dates(delivery, all_sources), _partly_read(cells, all_sources)]
    all_flags = session.lay(union(flags), "facts/flags")
    good, places = all_sources.filter(all_sources.fate == LOADED), delivery.places(session)
    records = {}
    for cls in schema.records:
        if cls.name in joined:
            kept = joined[cls.name].table.filter("kept")
            mine = links.filter(links["class"] == cls.name)
            origins = listed(good.filter(good["class"] == cls.name), places, rules)
            table = with_origins(kept, cls, mine, origins, all_flags)
            records[cls.name] = make_records(session, cls, table, partner.name, vocabulary, schema)
    patients = delivery.roster.select(pseudonym="patient", id=patient_id(partner.name, delivery.roster.patient))
    panel, who = panels(session, tests, patients)
    return Harmonised(
        delivery,
        places,
        rules,
        records,
        all_sources,
        instances.ended,
        _absent_uses(session, absent, list(verdicts.values())),
        panel,
        who,
    )


def _settled(facts: Facts, against: Table) -> Facts:
    """Drop the facts that a preferred table denies, and mark those that stay in dispute."""
    verdict = against.group_by(denied_fact=against.fact).agg(
        out=(against.verdict == "fact-overruled").any(), disputed_presence=(against.verdict == "disputed").any()
    )
    table = facts.table.left_join(verdict, facts.table.fact == verdict.denied_fact)
    presence = ibis.ifelse(
        table.disputed_presence.fill_null(False),
        appended(table.disputed, texts(ibis.literal("present"))),
        table.disputed,
    )
    table = table.mutate(disputed=presence, kept=~table.out.fill_null(False)).drop(
        "out", "denied_fact", "disputed_presence"
    )
    return replace(facts, table=table)


def _sources(joined: Mapping[str, Facts], sources: Table, verdicts: Mapping[str, Table]) -> Table:
    """Return (class, fact, id, cell, fate, reason) for every cell that a fact of any class stands on, or could have."""
    stands = [f.standing().mutate(**{"class": ibis.literal(name)}) for name, f in joined.items()]
    cells = union(stands).join(sources, "instance")
    out = ~cells.kept
    if overruled := [f.overruled for f in joined.values() if f.overruled is not None]:
        cells = cells.left_join(union(overruled), ["fact", "instance", "field"])
        out = cells.fact_right.notnull() | out
    columns = ("class", "fact", "id", *CELL)
    fate = {"fate": ibis.ifelse(out, QUARANTINED, LOADED), "reason": ibis.ifelse(out, OVERRULED, "")}
    parts = [cells.select(*columns, **fate)]
    for name, facts in joined.items():
        if facts.duplicates is not None:
            parts.append(_doubled(name, facts.duplicates, sources))
        if name in verdicts:
            parts.append(_disputed(name, facts, verdicts[name]))
    return union([part.select(*columns, "fate", "reason") for part in parts])


def _doubled(name: str, duplicates: Table, sources: Table) -> Table:
    """Return the cells of the instances that rows of one column contradict."""
    return duplicates.join(sources, "instance").mutate(
        **{"class": ibis.literal(name)},
        fact=no("string"),
        id=no("string"),
        fate=ibis.literal(QUARANTINED),
        reason=ibis.literal(DUPLICATE_KEY),
    )


def _disputed(name: str, facts: Facts, against: Table) -> Table:
    """Return the cells that say absent of what a fact says present, where no table is preferred."""
    disputes = against.filter(against.verdict == "disputed").join(facts.table.select("fact", "id"), "fact")
    return disputes.mutate(
        **{"class": ibis.literal(name)},
        field=ibis.literal("present"),
        fate=ibis.literal(LOADED),
        reason=ibis.literal(""),
    )


def _coarse_dates(delivery: Delivery, sources: Table) -> list[Table]:
    """Flag the facts with a date, or held at one, that was delivered as a month or a year: its day is the middle."""
    coarse = []
    for v in (v for v in delivery.variables if v.format.precision in COARSE):
        rows = delivery.tables[v.table]
        dated_by = [v, *(w for w in delivery.of(v.table) if w.at == v.column)]
        of_column = sources.filter(sources.used_as.isin([delivery.number(w) for w in dated_by]))
        known = date_precision(rows[v.column], v.format.pattern)
        for precision in COARSE:
            dated = of_column.semi_join(rows.filter(known == precision).select(row=rows[ROW]), "row")
            coarse.append(dated.select("fact", flag=ibis.literal(f"date-known-to-the-{precision}")))
    return coarse


def _partly_read(cells: Table, sources: Table) -> Table:
    """Flag the karyotypes, and what they show, of which something was not understood."""
    partly = cells.filter((cells.state == "ok") & cells.partly).select("variable", "row").distinct()
    return sources.semi_join(partly, ["variable", "row"]).select("fact", flag=ibis.literal(PARTLY_READ))


def _collapsed(facts: Facts, instances: Table) -> Table:
    """Flag the facts that rows of one column said more than once."""
    twice = facts.members.join(instances.filter(instances.spec > 0), "instance")
    counted = twice.group_by("fact", "spec").agg(n=twice.instance.nunique())
    return counted.filter(counted.n > 1).select("fact", flag=ibis.literal(DUPLICATE_ROW)).distinct()


def _delivered(session: Session, delivery: Delivery, sources: Table) -> Table:
    """Name, in place of a derived column, the delivered columns that it reads."""
    pairs = [
        (delivery.number(v), delivery.numbers[v.table, used])
        for v in delivery.variables
        if v.derived
        for used in v.uses
    ]
    if not pairs:
        return sources.mutate(used_as=sources.variable)
    derived = session.table("facts/derived", {"variable": pa.int64(), "delivered": pa.int64()}, pairs)
    named = sources.left_join(derived, "variable").drop("variable_right")
    delivered = ibis.coalesce(named.delivered, named.variable)
    return named.mutate(used_as=named.variable, variable=delivered).drop("delivered")


def _absent_uses(session: Session, absent: Table, verdicts: Sequence[Table]) -> Table:
    """Return the uses of the cells that state an absence."""
    lost = (
        union([v.filter(v.verdict == "cell-overruled").select("variable", "row") for v in verdicts]).distinct()
        if verdicts
        else None
    )
    stated = absent.select("variable", "row", "rule", "state")
    untested = stated.state == UNTESTED
    if lost is None:
        overruled = ibis.literal(False)
    else:
        lost = lost.mutate(lost=ibis.literal(True))
        stated = stated.left_join(lost, ["variable", "row"])
        overruled = stated.lost.notnull()
    uses = stated.select(
        "variable",
        "row",
        "rule",
        fate=ibis.cases((untested, IGNORED), (overruled, QUARANTINED), else_=LOADED),
        reason=ibis.cases((untested, UNTESTED), (overruled, OVERRULED), else_=""),
    )
    return session.lay(uses, "facts/absent")


def account(session: Session, result: Harmonised, quarantined: Table, tolerated: float) -> tuple[Table, Table]:
    """Return the ledger and the fates of single cells, once validation has said which records are out.

    ``quarantined`` has (id, reason). Raises ``BuildError`` where a column lost more than is tolerated.
    """
    quarantined = quarantined.select("id", broke="reason")
    sources = result.sources.left_join(quarantined, "id")
    out = sources.broke.notnull() & (sources.fate == LOADED)
    used = sources.select(
        "row",
        "rule",
        variable="used_as",
        fate=ibis.ifelse(out, ibis.literal(QUARANTINED), sources.fate),
        reason=ibis.ifelse(out, sources.broke, sources.reason),
    )
    ended = result.ended.select("variable", "row", "rule", fate=fate_of(result.ended.state), reason=result.ended.reason)
    first, last = (result.rules.table.select("rule", line=line) for line in ("first_line", "last_line"))
    of_first = union([t.select("variable", "row", "fate", "reason", "rule") for t in (used, result.absent)])
    uses = union([t.join(line, "rule").select(*USE) for t, line in ((of_first, first), (ended, last))])
    fates = cell_fates(session, result.delivery, result.rules, uses)
    book = ledger(session, result.delivery, result.places, result.rules, fates)
    check_sums(session, result.delivery, book)
    check_tolerance(session, result.delivery, book, tolerated)
    return book, named(fates, result.places, result.rules)
