"""Tested: what was looked for in whom. Absence is stated only where a test was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.plan import appended, canonical, choose, digest, gathered, joined, no, union
from haemony.engine.session import Session, Table
from haemony.graph_loader.facts import UNRANKED, contradictions, denies
from haemony.graph_loader.fates import UNTESTED
from haemony.graph_loader.read import PATIENT
from haemony.graph_loader.rows import FATE, Delivery
from haemony.mappings.curie import matches
from haemony.mappings.expression import to_ibis
from haemony.mappings.model import PanelSpec, Variable
from haemony.ontology.vocabulary import Vocabulary

#: A karyotype that was read whole looked at every chromosome.
CHROMOSOME_ABNORMALITY: Final = 2_100_000_013


def absences(session: Session, delivery: Delivery, cells: Table) -> Table:
    """Return one row for each stated absence, with the cell that states it and its ``state``.

    Where a panel covers flag columns, a false flag counts only for the patients whom the panel tested.
    """
    false = cells.filter(cells.state == "false")
    absent = false.select(
        "class",
        "patient",
        "variable",
        "row",
        "rule",
        day=false.start_day,
        concept=false.concepts.unnest(),
    )
    under_panels = _patients_of_columns(delivery)
    if under_panels is not None:
        columns = under_panels.select("variable").distinct().mutate(covered=ibis.literal(True))
        absent = absent.left_join(columns, "variable").drop("variable_right")
        who = under_panels.distinct().mutate(was_tested=ibis.literal(True))
        absent = absent.left_join(who, ["variable", "patient"])
        untested = absent.covered.notnull() & absent.was_tested.isnull()
        absent = absent.mutate(state=ibis.ifelse(untested, ibis.literal(UNTESTED), ibis.literal("ok")))
    else:
        absent = absent.mutate(state=ibis.literal("ok"))
    kept = ("class", "patient", "concept", "day", "variable", "row", "rule", "state")
    return session.lay(absent.select(*kept), "tested/absent")


def _patients_of_columns(delivery: Delivery) -> Table | None:
    """Return (variable, patient): whom any of the panels over a flag column tested; None without such panels."""
    parts = [
        panel_patients(panel, delivery).mutate(variable=ibis.literal(delivery.number(v), "int64"))
        for panel in delivery.partner.panels
        for v in covered_columns(panel, delivery, flags=True)
    ]
    return union([p.select("variable", "patient") for p in parts]) if parts else None


def covered_columns(panel: PanelSpec, delivery: Delivery, *, flags: bool) -> list[Variable]:
    """Return the columns that a panel covers: those with a flag each, or those whose cells name what was found."""
    return [
        v
        for cover in panel.covers
        if cover.column
        for v in delivery.of(cover.table)
        if matches(cover.column, v.column) and v.use == "map" and (v.format.kind == "flag") is flags
    ]


def panel_patients(panel: PanelSpec, delivery: Delivery) -> Table:
    """Return the patients whom a panel tested: those with a row, a true flag, or a row that fits its expression."""
    rows = delivery.tables[panel.table]
    rows = rows.filter(rows[FATE].isnull())
    if panel.expression:
        spec = delivery.partner.tables[panel.table]
        rows = rows.filter(to_ibis(panel.expression, rows, decimal_mark=spec.decimal, thousands=spec.thousands))
    elif panel.column:
        flag = next(v for v in delivery.of(panel.table) if v.column == panel.column)
        rows = rows.filter(canonical(rows[panel.column]) == (flag.format.true or "1"))
    return rows.select(patient=rows[PATIENT]).distinct()


def tested(session: Session, delivery: Delivery, cells: Table, absent: Table) -> Table:
    """Return (patient, day, concept): everything that was looked for in each patient.

    Flags say it for themselves, whether true or false; a panel says it for all whom it tested; a karyotype that was
    read whole looked at every chromosome.
    """
    looked = cells.filter((cells.state == "ok") & cells.tests)
    karyotyped = cells.filter((cells.state == "ok") & cells.findings.notnull() & ~cells.partly)
    parts = [
        absent.filter(absent.state != UNTESTED).select("patient", "day", "concept"),
        looked.select("patient", day=looked.start_day, concept=appended(looked.concepts, looked.denies).unnest()),
        karyotyped.select("patient", day=karyotyped.start_day, concept=ibis.literal(CHROMOSOME_ABNORMALITY, "int64")),
        *(_panel_tests(session, panel, delivery, cells) for panel in delivery.partner.panels),
    ]
    return session.lay(union(parts).distinct(), "tested/tested")


def _panel_tests(session: Session, panel: PanelSpec, delivery: Delivery, cells: Table) -> Table:
    # A table without a time of its own was looked at when the flags that the panel covers hold.
    at = {delivery.partner.tables[panel.table].at} - {""}
    at = at or {v.at for v in covered_columns(panel, delivery, flags=True)}
    day = ibis.literal(0, "int64") if at == {"index"} else no("int64")
    patients = panel_patients(panel, delivery).mutate(day=day)
    return patients.cross_join(covered_concepts(session, panel, delivery, cells)).select("patient", "day", "concept")


def covered_concepts(session: Session, panel: PanelSpec, delivery: Delivery, cells: Table) -> Table:
    """Return the concepts that a panel covers: named ones, those of flag columns, those that a column's cells name."""
    fixed = {cover.concept_id for cover in panel.covers if cover.concept_id is not None}
    flags = covered_columns(panel, delivery, flags=True)
    fixed |= {row.concept_id for v in flags for row in v.concepts if row.concept_id is not None}
    named = session.table(f"tested/panel.{panel.name}", {"concept": pa.int64()}, [(c,) for c in sorted(fixed)])
    for v in covered_columns(panel, delivery, flags=False):
        seen = cells.filter((cells.variable == delivery.number(v)) & (cells.state == "ok"))
        named = named.union(seen.select(concept=seen.concepts.unnest())).distinct()
    return named


def panels(session: Session, tests: Table, patients: Table) -> tuple[Table, Table]:
    """Return the panels (id, covers) and who was tested by which (patient, panel, day); equal sets are one panel."""
    sets = tests.group_by("patient", "day").agg(covers=gathered(tests.concept))
    sets = sets.mutate(panel=digest([ibis.literal("Panel"), joined(sets.covers, ",")]))
    sets = session.lay(sets, "tested/sets")
    panel = sets.select("covers", id="panel").select("id", "covers").distinct()
    who = sets.join(patients, sets.patient == patients.pseudonym).select(
        patient=patients.id, panel=sets.panel, day=sets.day
    )
    return panel, who


def denied(
    session: Session,
    cls: str,
    facts: Table,
    absent: Table,
    delivery: Delivery,
    vocabulary: Vocabulary,
) -> Table:
    """Return the stated absences that contradict facts: (fact, absent cell, ``verdict``).

    The verdict is ``fact-overruled`` or ``cell-overruled`` where ``prefer`` says which table decides, or ``disputed``.
    """
    mine = absent.filter((absent["class"] == cls) & (absent.state == "ok"))
    concepts = [row[0] for row in session.rows(mine.select("concept").distinct())]
    present = [row[0] for row in session.rows(facts.select("concept_key").distinct())]
    pairs = contradictions([(str(a), p) for a in concepts for p in present if p], vocabulary)
    against = session.table(
        f"tested/class.{cls}.denied",
        {"concept": pa.int64(), "concept_key": pa.string()},
        [(int(a), p) for a, p in pairs],
    )
    prefer = delivery.partner.prefer.get(cls, ())
    ranks = [
        (mine.variable.isin([delivery.number(v) for v in delivery.of(table)]), ibis.literal(rank))
        for rank, table in enumerate(prefer)
    ]
    mine = mine.mutate(absent_rank=choose(ranks, ibis.literal(UNRANKED if prefer else 0)))
    hit = mine.join(against, "concept").join(facts, ["patient", "concept_key"], rname="fact_{name}")
    if "day" in facts.columns:
        hit = hit.filter(hit.day.isnull() | hit.fact_day.isnull() | (hit.day == hit.fact_day))
    verdict = choose(
        [
            (hit.absent_rank < hit.best_rank, ibis.literal("fact-overruled")),
            (hit.absent_rank > hit.best_rank, ibis.literal("cell-overruled")),
        ],
        ibis.literal("disputed"),
    )
    return session.lay(
        hit.select("fact", "variable", "row", "rule", verdict=verdict),
        f"tested/class.{cls}.contradictions",
    )


def silent(
    session: Session,
    delivery: Delivery,
    cells: Table,
    facts: Table,
    instances: Table,
    vocabulary: Vocabulary,
) -> Table:
    """Return the facts that a flag states while a panel that tested for them lists nothing of the kind."""
    parts = []
    named = vocabulary.named_alterations()
    for panel in delivery.partner.panels:
        tables = sorted({v.table for v in covered_columns(panel, delivery, flags=False)})
        if not tables:
            continue
        covered = [row[0] for row in session.rows(covered_concepts(session, panel, delivery, cells))]
        present = [row[0] for row in session.rows(facts.select("concept_key").distinct()) if row[0]]
        answered = [
            (p,) for p in present if any(denies(a, [int(c) for c in p.split(",")], vocabulary, named) for a in covered)
        ]
        answers = session.table(f"tested/panel.{panel.name}.answers", {"concept_key": pa.string()}, answered)
        tested_for = facts.semi_join(answers, "concept_key").semi_join(panel_patients(panel, delivery), "patient")
        rows = instances.filter(instances["table"].isin(tables) & instances.concept.notnull())
        listed = rows.select("patient", listed="concept").distinct()
        related = session.table(
            f"tested/panel.{panel.name}.related",
            {"concept_key": pa.string(), "listed": pa.int64()},
            _related(present, [row[0] for row in session.rows(listed.select("listed").distinct())], vocabulary),
        )
        found = tested_for.join(related, "concept_key").join(listed, ["patient", "listed"]).select("fact").distinct()
        parts.append(tested_for.anti_join(found, "fact").select("fact"))
    return union(parts).distinct() if parts else facts.filter(ibis.literal(False)).select("fact")


def _related(present: Sequence[str], listed: Sequence[int], vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Return which listed concepts bear out which present ones: the same, more general or more specific."""
    pairs = ((p, c, d) for p in present for c in p.split(",") for d in listed)
    return sorted({(p, d) for p, c, d in pairs if vocabulary.is_a(int(c), d) or vocabulary.is_a(d, int(c))})
