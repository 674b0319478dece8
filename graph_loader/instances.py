"""Instances: the records that single rows make, before deliveries of the same fact are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import ibis

from haemony.engine.plan import choose, either, gathered, item, no, union, whole
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.conversion import convert, convertible, precision_of
from haemony.graph_loader.mapping_tables import POSITIVE, Rules, Spec, dictionary_line
from haemony.graph_loader.origins import CELL, KEY, ended_cells, naming_cells, used_cells
from haemony.graph_loader.read import PATIENT, ROW
from haemony.graph_loader.readings import READ_FIELDS
from haemony.graph_loader.rows import FATE, Delivery
from haemony.ontology.schema import Field, RecordClass, Schema
from haemony.ontology.vocabulary import Vocabulary

#: Stands for a delivered unit that nobody knows; no unit has this code.
UNREADABLE_UNIT: Final = "?"
#: The class whose records a karyotype makes beside its own, and the distance of their spec numbers.
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
    rules: Rules,
    ancestors: Table,
) -> Instances:
    """Make the instances of every class.

    A record needs a lead: a filled column that names it. A cell without one is quarantined (``no-lead``); where the
    lead itself, or a required field, cannot be read, so are the cells beside it (``unreadable-lead``).
    """
    lost = session.lay(_lost(schema, cells), "instances/lost")
    naming = session.lay(_naming(cells, lost), "instances/naming")
    named = session.lay(_most_specific(naming, ancestors), "instances/named")
    by_class: dict[str, Table] = {}
    made, faults = [], []
    for cls in schema.records:
        if any(s.record_class == cls.name for s in specs):
            led, wrong = _instances_of(session, cls, specs, cells, lost, named, vocabulary)
            by_class[cls.name] = led.select(*columns_of(cls))
            made.append(led.select("instance", *KEY, concept=single_concept(cls, led)))
            faults.extend(wrong)
    shown, shown_cells = _findings(session, schema[FINDING], cells, specs)
    roster, roster_cells = _roster_instances(session, schema["Patient"], delivery, rules)
    for name, more in ((FINDING, shown), ("Patient", roster)):
        by_class[name] = union([by_class[name], more]) if name in by_class else more
    fault = session.lay(union([_no_faults(cells), *faults]), "instances/faults")
    sources = [shown_cells, roster_cells]
    if made:
        sources.append(used_cells(cells, union(made), fault, ancestors))
    ended = session.lay(ended_cells(cells, lost, fault), "instances/ended")
    return Instances(by_class, union(sources), ended)


def columns_of(cls: RecordClass) -> list[str]:
    """Return the columns of an instance: where it is from, whose it is, and what it says."""
    return ["instance", "spec", "table", "row", "patient", *empty_fields(cls)]


def empty_fields(cls: RecordClass) -> dict[str, Column]:
    """Return the fields of an instance, with typed nulls: those that cells fill, and the precision of numbers."""
    fields = {f.name: no(ENGINE_TYPES[f.kind]) for f in cls.fields if _kept(f)}
    return fields | {precision_of(f.name): no("decimal(18,6)") for f in cls.fields if f.kind == "decimal"}


def _kept(field: Field) -> bool:
    """Tell whether an instance carries a field; references, genes and orders are found once facts stand."""
    return field.kind != "reference" and field.name not in ("gene", "sequence")


def single_concept(cls: RecordClass, led: Table) -> Column:
    """Return what each instance is, where it is one thing: then only the cells that say so count as its sources."""
    one = cls.has("concept") and not cls.field("concept").many
    return led.concept if one else no("int64")


def _lost(schema: Schema, cells: Table) -> Table:
    """Return the rows' records that are not made: without a lead, or with what they cannot do without unread."""
    required = {cls.name: [f.name for f in cls.fields if f.required] for cls in schema.records}
    is_required = either([(cells["class"] == c) & cells.field.isin(fields) for c, fields in required.items() if fields])
    is_required = is_required & (cells.qualifier == "")
    ok, lead = cells.state == "ok", cells.lead | (cells["class"] == "Patient")
    leads = cells.group_by(*KEY, "class").agg(
        has_lead=(lead & ok).any(),
        bad_lead=((cells.lead | is_required) & (cells.state == "quarantined")).any(),
        filled=cells.field.nunique(where=is_required & ok),
    )
    needed = choose([(leads["class"] == c, ibis.literal(len(f))) for c, f in required.items() if f], ibis.literal(0))
    leads = leads.mutate(lacking=leads.filled < needed)
    leads = leads.filter(~leads.has_lead | leads.bad_lead | leads.lacking)
    return leads.select(*KEY, "has_lead", "bad_lead", "lacking")


def _instances_of(
    session: Session,
    cls: RecordClass,
    specs: Sequence[Spec],
    cells: Table,
    lost: Table,
    named: Table,
    vocabulary: Vocabulary,
) -> tuple[Table, list[Table]]:
    """Make the instances of a class, and name the values that their units take out."""
    converted = convertible(cls, specs)
    led = _assemble(cls, specs, converted, cells.filter(cells["class"] == cls.name).anti_join(lost, list(KEY)))
    if cls.has("concept"):
        if cls.field("concept").many:
            named = named.group_by(*KEY).agg(concept=gathered(named.concept))
        led = led.left_join(named, list(KEY)).drop(*(f"{k}_right" for k in KEY))
    faults: list[Table] = []
    if converted:
        rows = session.lay(led, f"instances/{cls.name}.rows")
        led, faults = convert(session, cls, rows, converted, vocabulary)
    return session.lay(_identified(cls, led), f"instances/{cls.name}"), faults


def _no_faults(cells: Table) -> Table:
    nothing = cells.filter(ibis.literal(False))
    return nothing.select(*KEY, field=ibis.literal(""), reason=ibis.literal(""))


def _assemble(cls: RecordClass, specs: Sequence[Spec], converted: Sequence[Field], cells: Table) -> Table:
    """Gather the cells of each row's record into one row, a column a field."""
    ok = cells.state == "ok"
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
    for name in READ_FIELDS:
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
        for f in converted
    }
    unit_columns = {
        f"unit column of {f.name}": (cells.qualifier == "unit").any(where=cells.field == f.name).fill_null(False)
        for f in converted
    }
    start = ibis.coalesce(cells.start_day.max(where=ok & cells.lead), cells.start_day.max(where=ok))
    rows = cells.group_by(*KEY).agg(
        patient=cells.patient.arbitrary(),
        start=start,
        **fields,
        **units,
        **unit_columns,
    )
    rows = rows.mutate(table=_table_of(rows.spec, specs))
    clock = "day" if cls.has("day") else "start_day"
    if cls.has(clock):
        rows = rows.mutate(**{clock: ibis.coalesce(rows[clock], rows.start)})
    return rows


def _table_of(spec: Column, specs: Sequence[Spec]) -> Column:
    """Return the table whose rows make a record."""
    return spec.cases(*((s.number, s.table) for s in specs), else_=no("string")) if specs else no("string")


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
        return item(cells.concepts, 0).max(where=here)
    return cells.string.max(where=here)


def _naming(cells: Table, lost: Table) -> Table:
    """Return the concepts that the cells of each led record name."""
    names = cells.filter((cells.state == "ok") & naming_cells(cells)).anti_join(lost, list(KEY))
    return names.select(*KEY, concept=names.concepts.unnest())


def _most_specific(naming: Table, ancestors: Table) -> Table:
    """Keep the most specific concepts of each record: an ancestor of another one says nothing more."""
    span = naming.group_by(*KEY).agg(concept=naming.concept.min(), last=naming.concept.max())
    single = span.filter(span.concept == span["last"]).drop("last")
    several = naming.semi_join(span.filter(span.concept != span["last"]), list(KEY)).distinct()
    other = several.view()
    pairs = several.join(other, list(KEY)).select(*KEY, ancestor=several.concept, descendant=other.concept)
    general = (
        pairs.filter(pairs.ancestor != pairs.descendant)
        .join(ancestors, ["ancestor", "descendant"])
        .select(*KEY, concept=pairs.ancestor)
        .distinct()
    )
    return union([single, several.anti_join(general, [*KEY, "concept"])])


def _identified(cls: RecordClass, led: Table) -> Table:
    """Number the instances: spec, row, part, and the concept where one row makes several."""
    many = cls.has("concept") and cls.field("concept").many
    concept = led.concept.cast("string").fill_null("") if cls.has("concept") and not many else ibis.literal("")
    name = ibis.literal(":").join([led.spec.cast("string"), led.row.cast("string"), led.part.cast("string"), concept])
    return led.mutate(instance=name)


def _findings(session: Session, cls: RecordClass, cells: Table, specs: Sequence[Spec]) -> tuple[Table, Table]:
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
        table=_table_of(shown.spec, specs),
    )
    fields = empty_fields(cls) | {"concept": shown.concept, "day": shown.start_day}
    rows = shown.select("instance", "spec", "table", "row", "patient", **fields).select(*columns_of(cls))
    used = shown.select("instance", *CELL)
    return session.lay(rows, "instances/karyotype"), session.lay(used, "instances/karyotype.sources")


def _roster_instances(session: Session, cls: RecordClass, delivery: Delivery, rules: Rules) -> tuple[Table, Table]:
    """Make each patient of the roster, whatever else is said of them."""
    spec = delivery.partner.tables[delivery.partner.patients]
    rows = delivery.tables[spec.name]
    rows = rows.filter(rows[FATE].isnull())
    made = rows.select(
        instance=ibis.literal("roster:") + rows[ROW].cast("string"),
        spec=ibis.literal(0, "int64"),
        table=ibis.literal(spec.name),
        row=rows[ROW],
        patient=rows[PATIENT],
        **empty_fields(cls),
    )
    keys = [v for v in delivery.of(spec.name) if v.use == "key"][:1]
    rule = rules.number(*(dictionary_line(delivery.partner, v) for v in keys))
    used = made.select(
        "instance",
        variable=ibis.literal(delivery.number(keys[0]) if keys else 0, "int64"),
        row="row",
        field=ibis.literal("patient"),
        rule=ibis.literal(rule, "int64"),
    )
    return session.lay(made.select(*columns_of(cls)), "instances/roster"), session.lay(used, "instances/roster.sources")
