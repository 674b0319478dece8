"""Hotspots: variants whose protein change lies in a known region are that, not just some variant of their gene."""

from __future__ import annotations

from dataclasses import replace

import ibis
import pyarrow as pa

from haemony.engine.session import Session, Table
from haemony.graph_loader.instances import Instances
from haemony.ontology.hotspots import refinements
from haemony.ontology.schema import RecordClass, Schema
from haemony.ontology.vocabulary import Vocabulary

COLUMNS = {"of": pa.int64(), "of_c": pa.string(), "of_p": pa.string(), "hotspot": pa.int64()}


def at_hotspots(session: Session, schema: Schema, vocabulary: Vocabulary, instances: Instances) -> Instances:
    """Name the instances of variants by the hotspot that they are in, before facts are joined.

    Each distinct variant is looked up once. A concept that already says more than the gene is left alone.
    """
    classes = [cls for cls in schema.records if cls.name in instances.by_class and _names_variants(cls)]
    named = {cls.name: _named(session, cls, instances.by_class[cls.name], vocabulary) for cls in classes}
    return replace(instances, by_class={**instances.by_class, **named})


def _names_variants(cls: RecordClass) -> bool:
    return cls.has("concept") and not cls.field("concept").many and cls.has("hgvs_c") and cls.has("hgvs_p")


def _named(session: Session, cls: RecordClass, made: Table, vocabulary: Vocabulary) -> Table:
    variants = made.filter(made.concept.notnull() & (made.hgvs_c.notnull() | made.hgvs_p.notnull()))
    distinct = session.rows(variants.select("concept", "hgvs_c", "hgvs_p").distinct())
    known = session.table(f"instances/{cls.name}.hotspots", COLUMNS, sorted(refinements(distinct, vocabulary)))
    keys = [made.concept == known.of, made.hgvs_c.fill_null("") == known.of_c, made.hgvs_p.fill_null("") == known.of_p]
    joined = made.left_join(known, keys)
    named = joined.mutate(concept=ibis.coalesce(joined.hotspot, joined.concept)).select(*made.columns)
    return session.lay(named, f"instances/{cls.name}.named")
