"""Instances: the records that single rows make, before deliveries of the same fact are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import pyarrow as pa

from haemony.engine.errors import VocabularyError
from haemony.engine.plan import choose, either, no, scaled, union, whole
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.mapping_tables import POSITIVE, Spec
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.rows import Delivery
from haemony.ontology.schema import Field, RecordClass, Schema
from haemony.ontology.units import canonical_unit, factor, molar_mass
from haemony.ontology.vocabulary import Vocabulary

#: What makes one instance: the record of one row (or of one part of a list cell).
KEY: Final = ("spec", "row", "part")
#: The class whose records a karyotype makes beside its own, and the distance of their spec numbers.
#: Stands for a delivered unit that nobody knows; no unit has this code.
UNREADABLE_UNIT: Final = "?"
FINDING, READ_FROM_KARYOTYPE = "Finding", 1_000_000

#: How a field is kept while plans run, and in Parquet.
ENGINE_TYPES: Final = {
    "decimal": "decimal(18,6)",
    "integer": "int64",
    "boolean": "boolean",
    "string": "string",
    "concept": "int64",
    "reference": "string",
}


@dataclass(frozen=True)
class Instances:
    """The instances of each class, the cells they stand on, and the cells that ended before."""

    by_class: Mapping[str, Table]
    sources: Table
    ended: Table


def make_instances(
    session: Session,
    schema: Schema,
    vocabulary: Vocabulary,
    delivery: Delivery,
    specs: Sequence[Spec],
    cells: Table,
    ancestors: Table,
) -> Instances:
    """Make the instances of every class.

    A record needs a lead: a filled column that names it. A cell without one is quarantined (``no-lead``); where the
    lead itself cannot be read, so are the cells beside it (``unreadable-lead``).
    """
    by_class: dict[str, Table] = {}
    sources, ended = [], []
    for cls in schema.records:
        if not any(s.record_class == cls.name for s in specs):
            continue
        mine = cells.filter(cells["class"] == cls.name)
        table, used, faults = _instances_of(session, cls, mine, specs, ancestors, vocabulary)
        by_class[cls.name] = table
        sources.append(used)
        ended.append(faults)
    read_out, read_sources = _findings(session, schema[FINDING], cells)
    by_class[FINDING] = union([by_class[FINDING], read_out]) if FINDING in by_class else read_out
    roster, roster_sources = _roster_instances(session, schema["Patient"], delivery)
    by_class["Patient"] = union([by_class["Patient"], roster]) if "Patient" in by_class else roster
    return Instances(
        by_class, union([*sources, read_sources, roster_sources]), union(ended) if ended else _no_faults(cells)
    )


def columns_of(cls: RecordClass) -> list[str]:
    """Return the columns of an instance: where it is from, whose it is, and what it says."""
    return ["instance", "spec", "table", "row", "patient", *empty_fields(cls)]


def empty_fields(cls: RecordClass) -> dict[str, Column]:
    """Return the fields of an instance, with typed nulls: those that cells fill, and the precision of numbers."""
    fields = {f.name: no(ENGINE_TYPES[f.kind]) for f in cls.fields if _kept(f)}
    return fields | {precision_of(f.name): no("decimal(18,6)") for f in cls.fields if f.kind == "decimal"}


def precision_of(field: str) -> str:
    """Return the name of the column that keeps the worth of a number's last delivered place."""
    return f"precision of {field}"


def _kept(field: Field) -> bool:
    """Tell whether an instance carries a field; references, genes and orders are found once facts stand."""
    return (
        field.kind != "reference"
        and not (field.role == "derived" and field.kind == "concept")
        and field.name != "sequence"
    )


def _instances_of(
    session: Session, cls: RecordClass, cells: Table, specs: Sequence[Spec], ancestors: Table, vocabulary: Vocabulary
) -> tuple[Table, Table, Table]:
    rows = session.lay(_assemble(cls, cells), f"instances/{cls.name}.rows")
    led = rows.filter(rows.has_lead & ~rows.bad_lead & ~rows.lacking)
    naming = session.lay(_naming(cells, led), f"instances/{cls.name}.naming")
    kept = session.lay(_most_specific(naming, ancestors), f"instances/{cls.name}.concepts")
    if cls.has("concept") and cls.field("concept").many:
        named = kept.group_by(*KEY).agg(concept=kept.concept.collect().sort())
    else:
        named = kept
    if cls.has("concept"):
        led = led.left_join(named, list(KEY)).drop(*(f"{k}_right" for k in KEY))
    led, faults = _convert(session, cls, led, vocabulary)
    led = session.lay(_identified(cls, led), f"instances/{cls.name}.led")
    table = led.select(*columns_of(cls))
    used = session.lay(_used(cls, cells, led, naming, faults, ancestors), f"instances/{cls.name}.sources")
    ended = session.lay(_ended(cells, rows, faults), f"instances/{cls.name}.ended")
    return session.lay(table, f"instances/{cls.name}"), used, ended


def _assemble(cls: RecordClass, cells: Table) -> Table:
    """Gather the cells of each row's record into one row, a column a field."""
    ok = cells.state == "ok"
    lead = cells.lead | ibis.literal(cls.name == "Patient")
    needed = cells.lead | (cells.field.isin([f.name for f in cls.fields if f.required]) & (cells.qualifier == ""))
    here = {f.name: ok & (cells.field == f.name) & (cells.qualifier == "") for f in cls.fields}
    fields = {
        f.name: _field(cells, f, here[f.name])
        for f in cls.fields
        if _kept(f) and f.role != "derived" and f.name != "concept"
    }
    fields |= {precision_of(f.name): cells.precision.max(where=here[f.name]) for f in cls.fields if f.kind == "decimal"}
    if cls.has("operator"):
        fields["operator"] = cells.bound.max(where=ok & ((cells.field == "value") | (cells.qualifier == "operator")))
    if cls.has("value_concept"):
        fields["value_concept"] = cells.answer.max(where=ok & (cells.answer != POSITIVE))
    for name in ("clones", "sex_chromosomes"):
        if cls.has(name):
            fields[name] = cells[name].max(where=ok)
    if cls.has("delivered_value"):
        fields["delivered_value"] = cells.text.max(where=here["value"])
        fields["delivered_unit"] = cells.text.max(where=ok & (cells.qualifier == "unit"))
    units = {
        f"unit of {f.name}": ibis.coalesce(
            cells.unit_read.max(where=ok & (cells.qualifier == "unit") & (cells.field == f.name)),
            # A unit that was delivered and cannot be read is not the one that would hold without it.
            ibis.ifelse(_unreadable_unit(cells, f), ibis.literal(UNREADABLE_UNIT), no("string")),
            cells.unit.max(where=here[f.name]),
            cells.unit_read.max(where=ok & (cells.qualifier == "")),
        )
        for f in cls.fields
        if f.unit
    }
    unit_columns = {
        f"unit column of {f.name}": (cells.qualifier == "unit").any(where=cells.field == f.name).fill_null(False)
        for f in cls.fields
        if f.unit
    }
    start = ibis.coalesce(cells.start_day.max(where=ok & cells.lead), cells.start_day.max(where=ok))
    rows = cells.group_by("spec", "table", "row", "part", "patient").agg(
        has_lead=(lead & ok).any(),
        bad_lead=(needed & (cells.state == "quarantined")).any(),
        start=start,
        **fields,
        **units,
        **unit_columns,
    )
    rows = rows.mutate(lacking=either([rows[f.name].isnull() for f in cls.fields if f.required]))
    clock = "day" if cls.has("day") else "start_day"
    if cls.has(clock):
        rows = rows.mutate(**{clock: ibis.coalesce(rows[clock], rows.start)})
    return rows


def _unreadable_unit(cells: Table, field: Field) -> Column:
    here = (cells.qualifier == "unit") & (cells.field == field.name)
    return (here & (cells.state == "quarantined")).any().fill_null(False)


def _field(cells: Table, field: Field, here: Column) -> Column:
    if field.time == "day":
        return cells.day.max(where=here)
    if field.kind == "decimal":
        return cells.number.max(where=here)
    if field.kind == "integer":
        return whole(cells.number.max(where=here))
    if field.kind == "boolean":
        return cells.truth.any(where=here)
    if field.kind == "concept":
        return cells.concepts[0].max(where=here)
    return cells.string.max(where=here)


def _naming(cells: Table, led: Table) -> Table:
    """Return the concepts that the cells of each led record name, with the column that names them."""
    names = cells.filter((cells.state == "ok") & cells.names & (cells.qualifier == ""))
    names = names.filter(names.field.isin(["concept", "present"]) | names.lead)
    listed = names.select(*KEY, "column", concept=names.concepts.unnest())
    return listed.semi_join(led, list(KEY))


def _most_specific(naming: Table, ancestors: Table) -> Table:
    """Keep the most specific concepts of each record: an ancestor of another one says nothing more."""
    concepts = naming.select(*KEY, "concept").distinct()
    several = concepts.group_by(*KEY).agg(n=concepts.count())
    several = concepts.semi_join(several.filter(several.n > 1), list(KEY))
    other = several.view()
    pairs = several.join(other, list(KEY)).select(*KEY, ancestor=several.concept, descendant=other.concept)
    general = (
        pairs.filter(pairs.ancestor != pairs.descendant)
        .join(ancestors, ["ancestor", "descendant"])
        .select(*KEY, concept=pairs.ancestor)
        .distinct()
    )
    return concepts.anti_join(general, [*KEY, "concept"])


def _convert(session: Session, cls: RecordClass, led: Table, vocabulary: Vocabulary) -> tuple[Table, Table]:
    """Convert the fields whose unit a column or the concept decides; a unit that does not fit takes the value out."""
    faults = []
    for field in cls.fields:
        if not field.unit:
            continue
        unit, by_column = led[f"unit of {field.name}"], led[f"unit column of {field.name}"]
        concept = led.concept if field.unit == "concept" else no("int64")
        asked = led.mutate(
            asked_unit=unit.fill_null(""),
            asked_concept=concept.fill_null(0),
            asked=led[field.name].notnull() & (ibis.literal(field.unit == "concept") | by_column),
        )
        asked = session.lay(asked, f"instances/{cls.name}.{field.name}")
        factors = session.table(
            f"instances/{cls.name}.{field.name}.factors",
            {"asked_unit": pa.string(), "asked_concept": pa.int64(), "by": pa.decimal128(20, 12), "into": pa.string()},
            [
                _factor(u, c, field, vocabulary)
                for u, c in session.rows(asked.filter(asked.asked).select("asked_unit", "asked_concept").distinct())
            ],
        )
        joined = asked.left_join(factors, ["asked_unit", "asked_concept"]).drop(
            "asked_unit_right", "asked_concept_right"
        )
        number = ibis.ifelse(
            joined.asked, scaled(joined[field.name], joined.by), joined[field.name].cast("decimal(18,6)")
        )
        wrong = joined.asked & number.isnull()
        number = number if field.kind == "decimal" else number.round(0).cast("int64")
        faults.append(
            joined.filter(wrong).select(
                *KEY,
                field=ibis.literal(field.name),
                reason=ibis.ifelse(joined.by.isnull(), ibis.literal("unknown-unit"), ibis.literal("unreadable-number")),
            )
        )
        changed = {field.name: number, **_kept_units(cls, field, joined)}
        if field.kind == "decimal":
            place = joined[precision_of(field.name)]
            changed[precision_of(field.name)] = ibis.ifelse(joined.asked, scaled(place, joined.by), place)
        led = joined.mutate(**changed).drop("asked_unit", "asked_concept", "asked", "by", "into")
    empty = led.filter(ibis.literal(False)).select(*KEY, field=ibis.literal(""), reason=ibis.literal(""))
    return led, union([empty, *faults])


def _kept_units(cls: RecordClass, field: Field, joined: Table) -> dict[str, Column]:
    """Keep the unit as converted beside a value, and the one it was delivered in."""
    if field.unit != "concept" or not cls.has("delivered_unit"):
        return {}
    unit = joined[f"unit of {field.name}"]
    return {
        "unit": ibis.ifelse(joined[field.name].notnull() & joined.by.notnull(), joined.into, no("string")),
        "delivered_unit": ibis.coalesce(joined.delivered_unit, unit),
    }


def _factor(unit: str, concept: int, field: Field, vocabulary: Vocabulary) -> tuple[str, int, Any, str]:
    """Return the factor from a delivered unit into the one in which a concept or field is kept."""
    target = (canonical_unit(concept) if field.unit == "concept" else field.unit) or unit or "1"
    if not unit:
        return unit, concept, (1 if target == "1" else None), target
    try:
        return unit, concept, factor(unit, target, molar_mass(concept)), target
    except VocabularyError:
        return unit, concept, None, target


def _identified(cls: RecordClass, led: Table) -> Table:
    """Number the instances: spec, row, part, and the concept where one row makes several."""
    many = cls.has("concept") and cls.field("concept").many
    concept = led.concept.cast("string").fill_null("") if cls.has("concept") and not many else ibis.literal("")
    name = ibis.literal(":").join([led.spec.cast("string"), led.row.cast("string"), led.part.cast("string"), concept])
    return led.mutate(instance=name)


def _used(cls: RecordClass, cells: Table, led: Table, naming: Table, faults: Table, ancestors: Table) -> Table:
    """Return the cells that each instance stands on; a naming cell only where the record is what it names."""
    ok = cells.filter(cells.state == "ok").select(*KEY, "table", "column", "field", "variable", "mappings")
    ok = ok.anti_join(faults, [*KEY, "field"])
    many = cls.has("concept") and cls.field("concept").many
    if not cls.has("concept") or many:
        return (
            led.select("instance", *KEY)
            .join(ok, list(KEY))
            .select("instance", "table", "row", "column", "field", "variable", "mappings")
        )
    other = ok.anti_join(naming, [*KEY, "column"])
    plain = (
        led.select("instance", *KEY)
        .join(other, list(KEY))
        .select("instance", "table", "row", "column", "field", "variable", "mappings")
    )
    fits = naming.rename(ancestor="concept").join(ancestors, "ancestor").select(*KEY, "column", concept="descendant")
    named = led.select("instance", *KEY, "concept").join(fits, [*KEY, "concept"]).select("instance", *KEY, "column")
    named = named.join(ok, [*KEY, "column"]).select(
        "instance", "table", "row", "column", "field", "variable", "mappings"
    )
    return union([plain, named])


def _ended(cells: Table, rows: Table, faults: Table) -> Table:
    """Return the cells that end before facts are made, each with its state and reason."""
    joined = (
        cells.select(*KEY, "table", "column", "field", "state", "reason", rule=cells.mappings[-1])
        .left_join(rows.select(*KEY, "has_lead", "bad_lead", "lacking"), list(KEY))
        .drop(*(f"{k}_right" for k in KEY))
    )
    joined = joined.left_join(faults.rename(fault="reason"), [*KEY, "field"]).drop(
        *(f"{k}_right" for k in KEY), "field_right"
    )
    stays = joined.state.isin(["ok"])
    state = choose(
        [
            (~stays, joined.state),
            (joined.bad_lead, ibis.literal("quarantined")),
            (~joined.has_lead | joined.lacking, ibis.literal("quarantined")),
            (joined.fault.notnull(), ibis.literal("quarantined")),
        ],
        ibis.literal("ok"),
    )
    reason = choose(
        [
            (~stays, joined.reason),
            (joined.bad_lead, ibis.literal("unreadable-lead")),
            (~joined.has_lead, ibis.literal("no-lead")),
            (joined.lacking, ibis.literal("required-missing")),
            (joined.fault.notnull(), joined.fault),
        ],
        ibis.literal(""),
    )
    ended = joined.mutate(state=state, reason=reason)
    return (
        ended.filter(~ended.state.isin(["ok", "false"]))
        .select("table", "row", "column", "state", "reason", "rule")
        .distinct()
    )


def _no_faults(cells: Table) -> Table:
    return cells.filter(ibis.literal(False)).select(
        "table", "row", "column", "state", "reason", rule=cells.mappings[-1]
    )


def _findings(session: Session, cls: RecordClass, cells: Table) -> tuple[Table, Table]:
    """Make one Finding for each concept that a karyotype shows."""
    read = cells.filter((cells.state == "ok") & cells.findings.notnull())
    shown = read.mutate(concept=read.findings.unnest())
    shown = shown.mutate(
        instance=ibis.literal(":").join(
            [
                ibis.literal("iscn"),
                shown.spec.cast("string"),
                shown.row.cast("string"),
                shown.part.cast("string"),
                shown.concept.cast("string"),
            ]
        ),
        spec=shown.spec + READ_FROM_KARYOTYPE,
    )
    fields = empty_fields(cls) | {"concept": shown.concept, "day": shown.start_day}
    rows = shown.select("instance", "spec", "table", "row", "patient", **fields).select(*columns_of(cls))
    used = shown.select("instance", "table", "row", "column", "field", "variable", "mappings")
    return session.lay(rows, "instances/karyotype"), session.lay(used, "instances/karyotype.sources")


def _roster_instances(session: Session, cls: RecordClass, delivery: Delivery) -> tuple[Table, Table]:
    """Make each patient of the roster, whatever else is said of them."""
    spec = delivery.partner.tables[delivery.partner.patients]
    rows = delivery.tables[spec.name]
    rows = rows.semi_join(delivery.roster, rows[PATIENT] == delivery.roster.patient)
    made = rows.select(
        instance=ibis.literal("roster:") + rows[ROW].cast("string"),
        spec=ibis.literal(0, "int64"),
        table=ibis.literal(spec.name),
        row=rows[ROW],
        patient=rows[PATIENT],
        **empty_fields(cls),
    )
    keys = [v for v in delivery.of(spec.name) if v.use == "key"]
    line = [f"{delivery.partner.name}/dictionary.tsv:{v.line}" for v in keys[:1]]
    used = made.select(
        "instance",
        "table",
        "row",
        column=ibis.literal(keys[0].column if keys else ""),
        field=ibis.literal("patient"),
        variable=ibis.literal(0, "int64"),
        mappings=ibis.literal(line, "array<string>"),
    )
    return session.lay(made.select(*columns_of(cls)), "instances/roster"), session.lay(used, "instances/roster.sources")
