"""Facts: deliveries of the same fact joined, by `owl:hasKey` and by what says less; disagreement settled or marked.

A *group* is what says exactly the same; a *fact* is a group that no other group of the patient says more than,
together with the groups that say less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import pyarrow as pa

from haemony.engine.plan import (
    at_lowest,
    both,
    choose,
    digest,
    disjoint,
    either,
    first_of,
    gathered,
    no,
    numbered,
    texts,
    union,
)
from haemony.engine.plan import (
    joined as as_text,
)
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.conversion import precision_of
from haemony.graph_loader.instances import empty_fields
from haemony.ontology.schema import Field, RecordClass
from haemony.ontology.vocabulary import Vocabulary

#: Rank of a table that a written `prefer` does not name.
UNRANKED: Final = 999


@dataclass(frozen=True)
class Facts:
    """The facts of one class, which instances each stands on, and what was left out.

    ``kept`` of the table says which facts stand. Where each fact stands on one instance (``single``), the table names
    it. ``overruled`` and ``duplicates`` are None where nothing can have been left out.
    """

    table: Table
    members: Table
    single: bool
    overruled: Table | None
    duplicates: Table | None

    def standing(self) -> Table:
        """Return (instance, fact, id, kept)."""
        columns = ("instance", "fact", "id", "kept")
        if self.single:
            return self.table.select(*columns)
        return self.members.join(self.table.select("fact", "id", "kept"), "fact").select(*columns)


def join_facts(
    session: Session, cls: RecordClass, instances: Table, vocabulary: Vocabulary, partner: str, prefer: Sequence[str]
) -> Facts:
    """Join the instances of a class into facts.

    Rows of one column never join: identical ones collapse; others are two facts in a repeatable class, and
    ``duplicate-key`` in any other. A field on which members disagree is empty and ``disputed``, unless ``prefer``
    names the table that decides; then the other cells are ``overruled``.
    """
    name = f"facts/{cls.name}"
    own = session.lay(_identified(cls, instances, prefer), f"{name}.identified")
    duplicates = None
    shared = session.count(_shared_identities(own)) > 0
    if shared and cls.name != "Patient":
        own = session.lay(_grouped(cls, own), f"{name}.own")
        duplicates, own = own.filter(own.doubled).select("instance"), own.filter(~own.doubled)
    else:
        own = own.rename(group="identity")
    edges = _edges(session, cls, own, vocabulary, name)
    members = _members(own, edges)
    if edges is not None:
        members = session.lay(members, f"{name}.members")
    single = not shared and edges is None
    if single:
        table = session.view(_kept(cls, _single(cls, own.mutate(fact=own.group)), partner), name)
    else:
        table = session.lay(_kept(cls, _merged(cls, own, members, bool(prefer)), partner), name)
    overruled = None
    if prefer:
        overruled = session.lay(_overruled(cls, own, members, table), f"{name}.overruled")
    return Facts(table, members, single, overruled, duplicates)


def fact_id(partner: str, cls: str, group: Column) -> Column:
    """Return the stable id of a record: of its partner, class and key."""
    return digest([ibis.literal(partner), ibis.literal(cls), group])


def patient_id(partner: str, patient: Column) -> Column:
    """Return the id of the Patient record that a pseudonym stands for."""
    return fact_id(partner, "Patient", digest([patient]))


def concept_key(cls: RecordClass, table: Table) -> Column:
    """Return a record's concepts as text: one id, or several in order."""
    if not cls.has("concept"):
        return ibis.literal("")
    if cls.field("concept").many:
        return as_text(table.concept, ",")
    return table.concept.cast("string").fill_null("")


def other_keys(cls: RecordClass) -> list[str]:
    """Return the key fields beside patient and concept."""
    return [k for k in cls.key if k not in ("patient", "concept")]


def _identified(cls: RecordClass, instances: Table, prefer: Sequence[str]) -> Table:
    """Add to each instance the text of its concepts, the rank of its table, and the digest of its key."""
    ranks = [(instances["table"] == t, ibis.literal(i)) for i, t in enumerate(prefer)]
    own = instances.mutate(
        concept_key=concept_key(cls, instances), rank=choose(ranks, ibis.literal(UNRANKED if prefer else 0))
    )
    concept = [own.concept_key] if "concept" in cls.key else []
    return own.mutate(identity=digest([own.patient, *concept, *(own[k] for k in other_keys(cls))]))


def _shared_identities(own: Table) -> Table:
    counted = own.group_by("identity").agg(n=own.count())
    return counted.filter(counted.n > 1).select("identity")


def _grouped(cls: RecordClass, own: Table) -> Table:
    """Give each instance its group, and say where rows of one column contradict each other."""
    shared = _shared_identities(own)
    alone = own.anti_join(shared, "identity")
    alone = alone.mutate(doubled=ibis.literal(False), group=alone.identity)
    return union([t.drop("identity") for t in (alone, _shared(cls, own.semi_join(shared, "identity")))])


def _shared(cls: RecordClass, own: Table) -> Table:
    """Give their groups to the instances whose key others have too."""
    own = own.mutate(content=digest([own.concept_key, *(own[f.name] for f in _said_fields(cls))]))
    column = ibis.window(group_by=[own.identity, own.spec])
    own = own.mutate(several=own.content.min().over(column) != own.content.max().over(column))
    if not cls.repeatable:
        return own.mutate(doubled=own.several, group=own.identity).drop("several", "content")
    return own.mutate(doubled=ibis.literal(False), group=_repeated(own)).drop("several", "content")


def _said_fields(cls: RecordClass) -> list[Field]:
    """Return the fields, beside the concept, that an instance carries."""
    carried = empty_fields(cls)
    return [f for f in cls.fields if f.name in carried and f.name != "concept"]


def _repeated(own: Table) -> Column:
    """Return the groups of a repeatable class: rows of one column that differ are facts of their own.

    A row of another column goes with the one that says the same, else with the first.
    """
    key = ibis.window(group_by=own.identity)
    shared = ibis.window(group_by=[own.identity, own.content])
    differing = ibis.ifelse(own.several, own.content, no("string"))
    first = differing.min().over(key)
    with_same = own.several | own.several.any().over(shared)
    return ibis.ifelse(first.isnull(), own.identity, digest([own.identity, ibis.ifelse(with_same, own.content, first)]))


def _edges(session: Session, cls: RecordClass, own: Table, vocabulary: Vocabulary, name: str) -> Table | None:
    """Return (less, more): groups of one patient of which the first says less and fits the second; None for none."""
    keys = other_keys(cls)
    pairs = session.rows(own.select("spec", "concept_key").distinct())
    fitting = _fitting(pairs, vocabulary, with_equal=bool(keys))
    if not fitting:
        return None
    columns = {"spec": pa.int64(), "concept_key": pa.string(), "spec_more": pa.int64(), "concept_more": pa.string()}
    fits = session.table(f"{name}.fits", columns, fitting)
    said = session.lay(own.select("group", "patient", "spec", "concept_key", *keys).distinct(), f"{name}.said")
    more = said.view()
    joined = said.join(fits, ["spec", "concept_key"]).join(
        more, [("patient", "patient"), ("spec_more", "spec"), ("concept_more", "concept_key")], rname="more_{name}"
    )
    compatible = both([joined[k].isnull() | (joined[k] == joined[f"more_{k}"]).fill_null(False) for k in keys])
    richer = [joined[k].isnull() & joined[f"more_{k}"].notnull() for k in keys]
    strictly = either([joined.concept_key != joined.concept_more, *richer])
    edges = joined.filter(compatible & strictly & (joined.group != joined.more_group))
    edges = edges.select(less=edges.group, more=edges.more_group).distinct()
    return session.lay(_of_unlike_columns(edges, said), f"{name}.edges")


def _of_unlike_columns(edges: Table, said: Table) -> Table:
    """Keep the pairs of groups that no column has in common: rows of one column never join."""
    specs = said.group_by("group").agg(specs=gathered(said.spec))
    joined = edges.join(specs, edges.less == specs.group).select("less", "more", less_specs="specs")
    others = specs.select(other="group", more_specs="specs").view()
    joined = joined.join(others, joined.more == others.other)
    return joined.filter(disjoint(joined.less_specs, joined.more_specs)).select("less", "more")


def _fitting(pairs: Sequence[tuple[Any, ...]], vocabulary: Vocabulary, *, with_equal: bool) -> list[tuple[Any, ...]]:
    """Return which (column, concepts) say less than, or the same as, which others; rows of one column never join."""
    parsed = [(spec, key, [int(c) for c in key.split(",") if c]) for spec, key in pairs]
    by_concept: dict[int, list[tuple[int, str, frozenset[int]]]] = {}
    for spec, key, concepts in parsed:
        if concepts:
            above = frozenset().union(*(vocabulary.ancestors(c) for c in concepts))
            for ancestor in above:
                by_concept.setdefault(ancestor, []).append((spec, key, above))
    fits = []
    for spec, key, concepts in parsed:
        candidates = (
            by_concept.get(concepts[0], []) if concepts else [(s, k, frozenset[int]()) for s, k, _ in parsed if not k]
        )
        for other_spec, other_key, above in candidates:
            if other_spec != spec and all(c in above for c in concepts) and (other_key != key or with_equal):
                fits.append((spec, key, other_spec, other_key))
    return fits


def _members(own: Table, edges: Table | None) -> Table:
    """Return (fact, instance): a group that says less joins every fact it fits, and stands alone only without one."""
    if edges is None:
        return own.select(fact="group", instance="instance")
    less = edges.select(other=edges.less).distinct()
    facts = edges.anti_join(less, edges.more == less.other)
    joining = facts.select("less").distinct()
    alone = own.anti_join(joining, own.group == joining.less).select(fact="group", instance="instance")
    joined = own.join(facts, own.group == facts.less).select(fact="more", instance="instance")
    return union([alone, joined.distinct()])


def _kept(cls: RecordClass, facts: Table, partner: str) -> Table:
    """Give facts their ids; all stand, until something denies them."""
    return facts.mutate(id=fact_id(partner, cls.name, facts.fact), kept=ibis.literal(True))


def _merged(cls: RecordClass, own: Table, members: Table, preferred: bool) -> Table:
    """Return one row a fact: members' fields merged, disputed fields empty and named.

    Under a ``prefer`` only the members of the first table that fills a field speak; if they disagree, it is disputed.
    """
    counted = members.group_by("fact").agg(n=members.count())
    all_ = members.semi_join(counted.filter(counted.n > 1), "fact").join(own, "instance")
    single = members.semi_join(counted.filter(counted.n == 1), "fact").join(own, "instance")
    return union([_single(cls, single).drop("instance"), _joined(cls, all_, preferred)])


def _columns(cls: RecordClass) -> list[str]:
    """Return the columns of facts but those that say what became of them."""
    fields = _said_fields(cls)
    places = [precision_of(f.name) for f in fields if f.kind == "decimal"]
    concept = ["concept"] if cls.has("concept") else []
    return ["fact", "patient", "best_rank", *concept, "concept_key", *(f.name for f in fields), *places]


def _single(cls: RecordClass, all_: Table) -> Table:
    """Return the facts that one instance states, with it: there is nothing to settle."""
    places = {
        precision_of(f.name): ibis.ifelse(all_[f.name].notnull(), all_[precision_of(f.name)], no("decimal(18,6)"))
        for f in _said_fields(cls)
        if f.kind == "decimal"
    }
    facts = all_.mutate(best_rank=all_["rank"], **places)
    return facts.select(*_columns(cls), "instance", disputed=texts())


def _joined(cls: RecordClass, all_: Table, preferred: bool) -> Table:
    """Return the facts that several instances state, settled or disputed."""
    fields = _said_fields(cls)
    all_ = all_.mutate(is_own=all_.group == all_.fact)
    merged: dict[str, Column] = {"patient": all_.patient.max(), "best_rank": all_["rank"].min()}
    if cls.has("concept"):
        merged["concept"] = all_.concept.max(where=all_.is_own)
    merged["concept_key"] = all_.concept_key.max(where=all_.is_own)
    if preferred:
        all_ = all_.mutate(**{f.name: _of_first_table(all_, f.name) for f in fields})
    chosen = {f"chosen {f.name}": _finest(all_, f) for f in fields if _is_number(f)}
    all_ = all_.mutate(place=_place(cls, all_), **chosen)
    for field in fields:
        merged[field.name], merged[f"disputed {field.name}"] = _agreed(field, all_)
        if field.kind == "decimal":
            place = precision_of(field.name)
            merged[place] = all_[place].min(where=all_[field.name].notnull())
    facts = all_.group_by("fact").agg(**merged)
    marks = [ibis.ifelse(facts[f"disputed {f.name}"], ibis.literal(f.name), no("string")) for f in fields]
    return facts.mutate(disputed=texts(*marks)).select(*_columns(cls), "disputed")


def _place(cls: RecordClass, all_: Table) -> Column:
    """Number the members of each fact, the one whose main field is filled and most precise first."""
    order = [all_.instance]
    if cls.main is not None and cls.main.kind == "decimal":
        order = [all_[cls.main.name].isnull(), all_[precision_of(cls.main.name)], all_.instance]
    return numbered([all_.fact], order)


def _of_first_table(all_: Table, field: str) -> Column:
    """Empty a field in all members but those of the first table, in the order of ``prefer``, that fills it."""
    filled = ibis.ifelse(all_[field].notnull(), all_["rank"], no("int64"))
    first = filled.min().over(ibis.window(group_by=all_.fact))
    return ibis.ifelse(all_["rank"] == first, all_[field], no(str(all_[field].type())))


def _is_number(field: Field) -> bool:
    return field.kind == "decimal" and field.role != "derived"


def _finest(all_: Table, field: Field) -> Column:
    """Return, for each member, the most precise number that any member of its fact gives for a field."""
    number = all_[field.name]
    return first_of(number, all_.fact, [all_[precision_of(field.name)], all_.instance])


def _parted(number: Column, chosen: Column, precision: Column) -> Column:
    """Tell whether two numbers differ by more than rounding to the first one's last place could part them."""
    distance = (number.cast("decimal(38,6)") - chosen.cast("decimal(38,6)")).abs()
    return (number != chosen) & (distance * 2 > precision)


def _agreed(field: Field, all_: Table) -> tuple[Column, Column]:
    """Return the value on which members agree, else null, and whether they dispute it.

    Numbers agree with the most precise one that rounding to their own last place gives from it. What was delivered
    beside a number comes from the member that the number comes from.
    """
    column = all_[field.name]
    if field.role == "derived":
        return at_lowest(column, all_.place), ibis.literal(False)
    if _is_number(field):
        chosen = all_[f"chosen {field.name}"]
        disputed = _parted(column, chosen, all_[precision_of(field.name)]).any().fill_null(False)
        value = chosen.max()
    else:
        disputed, value = column.nunique() > 1, column.max()
    return ibis.ifelse(disputed, no(str(column.type())), value), disputed


def _overruled(cls: RecordClass, own: Table, members: Table, facts: Table) -> Table:
    """Return (fact, instance, field): what a preferred table overruled."""
    joined = members.join(own, "instance").join(facts, "fact", rname="chosen_{name}")
    parts = []
    for field in (f for f in _said_fields(cls) if f.role != "derived"):
        mine, chosen = joined[field.name], joined[f"chosen_{field.name}"]
        differs = mine != chosen
        if _is_number(field):
            place = precision_of(field.name)
            differs = _parted(mine, chosen, ibis.greatest(joined[place], joined[f"chosen_{place}"]))
        parts.append(joined.filter(differs.fill_null(False)).select("fact", "instance", field=ibis.literal(field.name)))
    return union(parts)


def contradictions(pairs: Sequence[tuple[str, str]], vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Return which absent concepts deny which present ones.

    Absence of a concept denies it and its descendants. A gene answers for its sequence variants only: internal
    tandem duplications, partial tandem duplications and fusions must be named to be denied.
    """
    named = vocabulary.named_alterations()
    return [
        (absent, present)
        for absent, present in pairs
        if denies(int(absent), [int(c) for c in present.split(",") if c], vocabulary, named)
    ]


def denies(absent: int, present: Sequence[int], vocabulary: Vocabulary, named: frozenset[int]) -> bool:
    """Tell whether the absence of one concept contradicts the presence of others."""
    return any(vocabulary.is_a(c, absent) and (c not in named or absent in named) for c in present)
