"""Conversion: values into the unit in which their concept or field is kept, where the record decides the unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import pyarrow as pa

from haemony.engine.errors import VocabularyError
from haemony.engine.plan import no, scaled
from haemony.engine.session import Column, Session, Table
from haemony.graph_loader.mapping_tables import Spec
from haemony.graph_loader.origins import KEY
from haemony.ontology.schema import Field, RecordClass
from haemony.ontology.units import canonical_unit, factor, molar_mass
from haemony.ontology.vocabulary import Vocabulary


def precision_of(field: str) -> str:
    """Return the name of the column that keeps the worth of a number's last delivered place."""
    return f"precision of {field}"


def convertible(cls: RecordClass, specs: Sequence[Spec]) -> list[Field]:
    """Return the fields of a class whose unit a column or the concept decides; that of others is known before."""
    by_column = {v.field for s in specs if s.record_class == cls.name for v in s.variables if v.qualifier == "unit"}
    return [f for f in cls.fields if f.unit and (f.unit == "concept" or f.name in by_column)]


def convert(
    session: Session, cls: RecordClass, led: Table, fields: Sequence[Field], vocabulary: Vocabulary
) -> tuple[Table, list[Table]]:
    """Convert the fields whose unit a column or the concept decides; a unit that does not fit takes the value out."""
    faults = []
    for field in fields:
        unit, by_column = led[f"unit of {field.name}"], led[f"unit column of {field.name}"]
        concept = led.concept if field.unit == "concept" else no("int64")
        asked = led.mutate(
            asked_unit=unit.fill_null(""),
            asked_concept=concept.fill_null(0),
            asked=led[field.name].notnull() & (ibis.literal(field.unit == "concept") | by_column),
        )
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
    return led, faults


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
