"""Records: facts as they are kept, with ids, links, derived fields, sources, flags and a content hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import ibis
import pyarrow as pa

from haemony.engine.plan import both, choose, digest, gathered, joined, no, numbered, union
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.facts import Facts, patient_id
from haemony.graph_loader.instances import ENGINE_TYPES
from haemony.graph_loader.mapping_tables import Rules, Spec
from haemony.graph_loader.read import ROW
from haemony.graph_loader.rows import Delivery
from haemony.mappings.model import Link
from haemony.ontology.schema import Field, RecordClass, Schema
from haemony.ontology.vocabulary import Vocabulary

#: What a record carries beside the fields of its class.
BEFORE: Final = ("id", "patient", "dataset")
AFTER: Final = ("sources", "mappings", "disputed", "flags", "hash")

#: The folder, within the session's, where the record tables stand.
RECORDS: Final = Path("records")

LINK_NONE, LINK_SEVERAL, DUPLICATE_ROW, PANEL_SILENT = "link-none", "link-several", "duplicate-row", "panel-silent"
#: A karyotype of which something was not understood: what it does not say is not negative.
PARTLY_READ: Final = "karyotype-partly-read"


def linked(
    session: Session,
    delivery: Delivery,
    specs: Sequence[Spec],
    facts: Mapping[str, Facts],
    instances: Mapping[str, Table],
) -> Table:
    """Return (class, fact, field, target, flag): the record that each belongs to; no target where not just one fits."""
    parts = []
    for spec in specs:
        link = next((v.of for v in spec.variables if v.of), None)
        if link is None:
            continue
        target = next(s for s in specs if s.table == link.table and s.record.endswith(f"#{link.tag}"))
        child = _tied(delivery, spec, link, facts[spec.record_class], instances[spec.record_class])
        parent = _tied(delivery, target, link, facts[target.record_class], instances[target.record_class])
        parent = parent.join(facts[target.record_class].table, "fact").select("patient", "tie", target="id")
        tied = child.left_join(parent, ["patient", "tie"])
        named = {"class": ibis.literal(spec.record_class), "field": ibis.literal(link.field)}
        parts.append(tied.select("fact", "target", **named))
    if not parts:
        return session.table(
            "records/links", {c: pa.string() for c in ("class", "fact", "field", "target", "flag")}, []
        )
    tied = union(parts)  # a fact that two columns state may be linked twice
    found = tied.group_by("class", "fact", "field").agg(n=tied.target.nunique(), one=tied.target.max())
    flag = choose([(found.n == 0, ibis.literal(LINK_NONE)), (found.n > 1, ibis.literal(LINK_SEVERAL))], no("string"))
    target_id = ibis.ifelse(found.n == 1, found.one, no("string"))
    return session.lay(found.select("class", "fact", "field", target=target_id, flag=flag), "records/links")


def _tied(delivery: Delivery, spec: Spec, link: Link, facts: Facts, instances: Table) -> Table:
    """Return (fact, patient, tie): what both ends of a link must share, a column's text or the row itself."""
    mine = instances.filter(instances.spec == spec.number)
    if not link.by:
        tied = mine.select("instance", "patient", tie=mine.row.cast("string"))
    else:
        rows = delivery.tables[spec.table].select(ROW, link.by).rename(tie=link.by, tied_row=ROW)
        tied = mine.join(rows, mine.row == rows.tied_row).select("instance", "patient", "tie")
    return tied.join(facts.members, "instance").select("fact", "patient", "tie").distinct()


def with_origins(facts: Table, cls: RecordClass, links: Table, origins: Table, flags: Table) -> Table:
    """Add to the facts of a class the records that they belong to, the cells and lines they stand on, their flags."""
    for field in (f for f in cls.fields if f.role == "link"):
        here = links.filter(links.field == field.name).select("fact", **{field.name: links.target})
        facts = facts.left_join(here, "fact").drop("fact_right")
    return facts.left_join(origins, "fact").drop("fact_right").left_join(_flags(flags), "fact").drop("fact_right")


def make_records(
    session: Session, cls: RecordClass, table: Table, partner: str, vocabulary: Vocabulary, schema: Schema
) -> Table:
    """Make the record table of a class from its facts, in the columns that ``docs/architecture.md`` lists."""
    derived = _derived(session, cls, table, vocabulary)
    unfilled = [f for f in cls.fields if f.name not in (*table.columns, *derived)]
    table = table.mutate(**derived, **{f.name: no(engine_type(f)) for f in unfilled})
    empty = ibis.literal([], "array<string>")
    table = table.mutate(
        patient=patient_id(partner, table.patient),
        dataset=ibis.literal(partner),
        **{column: table[column].fill_null(empty) for column in ("sources", "mappings", "flags")},
        **_shared_ids(cls, table, schema),
    )
    content = [
        ibis.literal(cls.name),
        table.patient,
        *(_as_text(f, table[f.name]) for f in cls.fields),
        joined(table.disputed, ","),
    ]
    fields = [table[f.name].cast(engine_type(f)).name(f.name) for f in cls.fields]
    kept = table.mutate(hash=digest(content)).select(*BEFORE, *fields, *AFTER)
    return session.lay_file(kept, f"{RECORDS}/{cls.name}")


def engine_type(field: Field) -> str:
    """Return how a field is kept in Parquet.

    >>> from haemony.ontology.schema import read_schema
    >>> engine_type(read_schema()["Treatment"].field("concept"))
    'array<int64>'
    """
    kind = ENGINE_TYPES[field.kind]
    return f"array<{kind}>" if field.many else kind


def _as_text(field: Field, column: Column) -> Column:
    return joined(column, ",") if field.many else column.cast("string")


def listed(sources: Table, places: Table, rules: Rules) -> Table:
    """Gather the cells and the lines of the mapping that each fact stands on: (fact, sources, mappings)."""
    cells = sources.join(places, "variable")
    cell = ibis.literal(":").join([cells["table"], cells.row.cast("string"), cells.column])
    facts = cells.group_by("fact").agg(sources=gathered(cell), rules=gathered(cells.rule))
    # Many facts stand on the same few rules: their lines are gathered once.
    sets = facts.select("rules").distinct()
    lines = sets.select("rules", rule=sets.rules.unnest()).join(rules.table.select("rule", "mappings"), "rule")
    lines = lines.select("rules", mapping=lines.mappings.unnest()).distinct()
    lines = lines.group_by("rules").agg(mappings=gathered(lines.mapping))
    return facts.left_join(lines, "rules").select("fact", "sources", "mappings")


def _flags(flags: Table) -> Table:
    return flags.group_by("fact").agg(flags=gathered(flags.flag))


def _derived(session: Session, cls: RecordClass, table: Table, vocabulary: Vocabulary) -> dict[str, Column]:
    """Compute what no column delivers: the gene of a concept, the order of a patient's treatments."""
    derived: dict[str, Column] = {}
    if cls.has("gene") and cls.has("concept"):
        concepts = [row[0] for row in session.rows(table.select("concept").distinct()) if row[0] is not None]
        genes = [(ibis.literal(c), ibis.literal(g)) for c in concepts if (g := vocabulary.gene_of(c)) is not None]
        derived["gene"] = table.concept.cases(*genes, else_=no("int64")) if genes else no("int64")
    if cls.has("sequence"):
        timed = ibis.ifelse(table.start_day.isnull(), ibis.literal(1), ibis.literal(0))
        order = numbered([table.patient, timed], [table.start_day, table.id]) + 1
        derived["sequence"] = ibis.ifelse(table.start_day.notnull(), order, no("int64"))
    return derived


def _shared_ids(cls: RecordClass, table: Table, schema: Schema) -> dict[str, Column]:
    """Return the ids of the shared nodes that a record refers to, made of the fields both have (Variant)."""
    ids = {}
    for field in cls.fields:
        if field.kind == "reference" and field.role == "derived":
            shared = schema[field.range]
            required = [f.name for f in shared.fields if f.required]
            others = [k for k in shared.key if k not in required]
            known = both([table[r].notnull() for r in required]) & ~both([table[k].isnull() for k in others])
            ids[field.name] = ibis.ifelse(
                known, digest([ibis.literal(shared.name), *(table[k] for k in shared.key)]), no("string")
            )
    return ids


def shared_records(schema: Schema, shared: RecordClass, records: Mapping[str, Table]) -> Table | None:
    """Return the shared nodes that the records refer to: one row for each distinct key."""
    parts = []
    for cls in schema.records:
        field = next((f for f in cls.fields if f.range == shared.name and f.role == "derived"), None)
        if field and cls.name in records:
            table = records[cls.name]
            parts.append(
                table.filter(table[field.name].notnull()).select(
                    id=table[field.name], **{f.name: table[f.name] for f in shared.fields}
                )
            )
    if not parts:
        return None
    rows = union(parts)
    return rows.group_by("id").agg(**{f.name: rows[f.name].max() for f in shared.fields})
