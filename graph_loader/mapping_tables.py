"""Mapping tables: a partner's mapping as small tables to join, so that it stays data in the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from haemony.engine.session import Session, Table
from haemony.graph_loader.rows import Delivery, is_day
from haemony.mappings.model import CONCEPTS, DICTIONARY, ConceptRow, Variable
from haemony.ontology.schema import Schema
from haemony.ontology.units import factor
from haemony.ontology.vocabulary import Vocabulary

#: OMOP's answer concepts that say whether the thing is there.
NEGATIVE, POSITIVE = 9189, 9191

VARIABLE_COLUMNS: Final = {
    "table": pa.string(),
    "column": pa.string(),
    "variable": pa.int64(),
    "spec": pa.int64(),
    "class": pa.string(),
    "field": pa.string(),
    "qualifier": pa.string(),
    "reads": pa.string(),
    "reader": pa.string(),
    "codes": pa.string(),
    "pattern": pa.string(),
    "comma": pa.bool_(),
    "thousands": pa.string(),
    "derived": pa.bool_(),
    "bounded": pa.bool_(),
    "tests": pa.bool_(),
    "denies": pa.list_(pa.int64()),
    "factor": pa.decimal128(20, 12),
    "unit": pa.string(),
    "at": pa.string(),
    "lead": pa.bool_(),
    "names": pa.bool_(),
    "own_concepts": pa.list_(pa.int64()),
    "broad": pa.bool_(),
    "negative": pa.bool_(),
    "answers": pa.bool_(),
    "flag_true": pa.string(),
    "flag_false": pa.string(),
    "flag_third": pa.string(),
    "own_mappings": pa.list_(pa.string()),
    "own_state": pa.string(),
}
VALUE_COLUMNS: Final = {
    "variable": pa.int64(),
    "value_text": pa.string(),
    "value_state": pa.string(),
    "value_concepts": pa.list_(pa.int64()),
    "answer": pa.int64(),
    "value_unit": pa.string(),
    "value_broad": pa.bool_(),
    "value_mappings": pa.list_(pa.string()),
}
CODE_COLUMNS: Final = {
    "codes": pa.string(),
    "code_text": pa.string(),
    "code_concept": pa.int64(),
    "code_unit": pa.string(),
}


@dataclass(frozen=True)
class Spec:
    """One record that a row of a table makes: the variables of a tag, or a single column."""

    number: int
    table: str
    record: str
    record_class: str
    variables: tuple[Variable, ...]


def specs_of(delivery: Delivery) -> tuple[Spec, ...]:
    """Return the records that the mapped variables make, in the order of the dictionary."""
    groups: dict[tuple[str, str], list[Variable]] = {}
    for variable in delivery.variables:
        if variable.use == "map":
            groups.setdefault((variable.table, variable.record), []).append(variable)
    return tuple(
        Spec(number, table, record, members[0].record_class, tuple(members))
        for number, ((table, record), members) in enumerate(groups.items(), 1)
    )


def mapping_tables(
    session: Session, schema: Schema, vocabulary: Vocabulary, delivery: Delivery, specs: Sequence[Spec]
) -> tuple[Table, Table, Table]:
    """Return the variables, their value rows, and the codes and units that texts may be, as tables."""
    numbers = {(v.table, v.column): i for i, v in enumerate((v for s in specs for v in s.variables), 1)}
    return (
        session.table("variables", VARIABLE_COLUMNS, _variable_rows(schema, delivery, specs, numbers)),
        session.table("values", VALUE_COLUMNS, _value_rows(vocabulary, specs, numbers)),
        session.table("codes", CODE_COLUMNS, _code_rows(vocabulary, specs)),
    )


def _variable_rows(
    schema: Schema, delivery: Delivery, specs: Sequence[Spec], numbers: Mapping[tuple[str, str], int]
) -> Iterable[tuple[Any, ...]]:
    for spec in specs:
        cls = schema[spec.record_class]
        for v in spec.variables:
            field = cls.field(v.field) if cls.has(v.field) else None
            loads = [c for c in v.concepts if c.loads_as in ("concept", "broad")]
            yield (
                v.table,
                v.column,
                numbers[v.table, v.column],
                spec.number,
                spec.record_class,
                v.field,
                v.qualifier,
                _reads(schema, v),
                field.reader if field and not v.qualifier else "",
                v.format.vocabulary if v.format.kind == "codes" else "",
                v.format.pattern,
                delivery.partner.tables[v.table].decimal == ",",
                delivery.partner.tables[v.table].thousands,
                v.derived,
                cls.has("operator") and field is not None and field.role == "main",
                cls.negative and (v.format.kind == "flag" or bool(_deniable(v))),
                _deniable(v),
                _constant_factor(schema, spec, v),
                v.unit or None,
                v.at,
                v.is_lead,
                v.field in ("concept", "present") or bool(loads),
                [c.concept_id for c in loads],
                any(c.loads_as == "broad" for c in loads),
                cls.negative,
                cls.has("value_concept"),
                v.format.true,
                v.format.false,
                v.format.third,
                [
                    f"{delivery.partner.name}/{DICTIONARY}:{v.line}",
                    *_references(delivery.partner.name, [*loads, *v.unloaded]),
                ],
                "" if v.concepts or not v.unloaded else v.unloaded[0].status,
            )


def _deniable(variable: Variable) -> list[int]:
    """Return the concepts whose absence some value of the variable states: any other value says they were tested."""
    found = set()
    for rows in variable.values.values():
        if any(row.loads_as == "value" and row.concept_id in (NEGATIVE, POSITIVE) for row in rows):
            found |= {row.concept_id for row in rows if row.loads_as == "concept" and row.concept_id is not None}
    return sorted(found)


def _reads(schema: Schema, variable: Variable) -> str:
    """Return how a variable's text is read where no value row says what it means."""
    cls, kind = schema[variable.record_class], variable.format.kind
    if variable.qualifier:
        return variable.qualifier
    if kind in ("flag", "codes"):
        return kind
    if not cls.has(variable.field) or cls.field(variable.field).kind == "concept":
        return "value"
    field = cls.field(variable.field)
    if is_day(schema, variable):
        return "day"
    if kind == "date":
        return field.time  # a date of birth, or the date on which a duration ends
    return field.kind


def _constant_factor(schema: Schema, spec: Spec, variable: Variable) -> Any:
    """Return the factor from a variable's constant unit to its field's; None where the record decides later."""
    cls = schema[spec.record_class]
    if variable.qualifier or not variable.unit or not cls.has(variable.field):
        return None
    target = cls.field(variable.field).unit
    unit_column = any(v.qualifier == "unit" and v.field == variable.field for v in spec.variables)
    if target in ("", "concept") or unit_column:
        return None
    return factor(variable.unit, target)


def _references(partner: str, rows: Iterable[ConceptRow]) -> list[str]:
    return [f"{partner}/{CONCEPTS}:{row.line}" for row in rows if row.line]


def _value_rows(
    vocabulary: Vocabulary, specs: Sequence[Spec], numbers: Mapping[tuple[str, str], int]
) -> Iterable[tuple[Any, ...]]:
    for spec in specs:
        for v in spec.variables:
            for text, rows in v.values.items():
                loading = [r for r in rows if r.status == "loads"]
                named = [r for r in loading if r.loads_as in ("concept", "broad")]
                state = "loads" if loading else min(r.status for r in rows)
                partner = rows[0].subject_id.partition(":")[0]
                yield (
                    numbers[v.table, v.column],
                    text,
                    state,
                    [r.concept_id for r in named] or None,
                    next((r.concept_id for r in loading if r.loads_as == "value"), None),
                    next((_ucum(r, vocabulary) for r in loading if r.loads_as == "unit"), None),
                    any(r.loads_as == "broad" for r in named),
                    _references(partner, rows),
                )


def _ucum(row: ConceptRow, vocabulary: Vocabulary) -> str:
    """Return the UCUM code of a unit row; a code that the vocabulary lacks stands in the CURIE itself."""
    return vocabulary[row.concept_id].code if row.concept_id else row.object_curie.partition(":")[2]


def _code_rows(vocabulary: Vocabulary, specs: Sequence[Spec]) -> Iterable[tuple[Any, ...]]:
    """List every code that the variables' vocabularies know, under ``vocabulary/class``, and every unit's spelling."""
    wanted = {(v.format.vocabulary, s.record_class) for s in specs for v in s.variables if v.format.kind == "codes"}
    for name, record_class in sorted(wanted):
        for text, concept in vocabulary.codes(name, record_class).items():
            yield (f"{name}/{record_class}", text, concept, None)
    for text, ucum in vocabulary.unit_codes().items():
        yield ("unit", text, None, ucum)
