"""Mapping tables: a partner's mapping as small tables to join, so that it stays data in the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from haemony.engine.session import Session, Table
from haemony.graph_loader.rows import Delivery, is_day
from haemony.mappings.model import CONCEPTS, DICTIONARY, ConceptRow, Partner, Variable
from haemony.ontology.schema import Schema
from haemony.ontology.units import factor
from haemony.ontology.vocabulary import Vocabulary

#: OMOP's answer concepts that say whether the thing is there.
NEGATIVE, POSITIVE = 9189, 9191

VARIABLE_COLUMNS: Final = {
    "variable": pa.int64(),
    "spec": pa.int64(),
    "class": pa.string(),
    "field": pa.string(),
    "qualifier": pa.string(),
    "reads": pa.string(),
    "reader": pa.string(),
    "codes": pa.string(),
    "code_set": pa.string(),
    "pattern": pa.string(),
    "comma": pa.bool_(),
    "thousands": pa.string(),
    "derived": pa.bool_(),
    "bounded": pa.bool_(),
    "tests": pa.bool_(),
    "denies": pa.list_(pa.int64()),
    "factor": pa.decimal128(20, 12),
    "unit": pa.string(),
    "at": pa.int64(),
    "from_index": pa.bool_(),
    "lead": pa.bool_(),
    "names": pa.bool_(),
    "own_concepts": pa.list_(pa.int64()),
    "broad": pa.bool_(),
    "negative": pa.bool_(),
    "answers": pa.bool_(),
    "flag_true": pa.string(),
    "flag_false": pa.string(),
    "flag_third": pa.string(),
    "own_rule": pa.int64(),
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
    "value_rule": pa.int64(),
}
RULE_COLUMNS: Final = {
    "rule": pa.int64(),
    "first_line": pa.int64(),
    "last_line": pa.int64(),
    "mappings": pa.list_(pa.string()),
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


@dataclass(frozen=True)
class Rules:
    """The lines of the partner's files that cells are read by.

    While plans run, a *rule* is the number of a list of lines, and a *line* the number of a line in their order as
    text. ``table`` has (rule, first_line, last_line, mappings), ``lines`` (line, rule): the line as text.
    """

    numbers: Mapping[tuple[str, ...], int]
    table: Table
    lines: Table

    def number(self, *lines: str) -> int:
        """Return the number of a list of lines."""
        return self.numbers[lines]


@dataclass(frozen=True)
class Tables:
    """A partner's mapping as tables: variables, their value rows, the codes and units that texts may be, rules."""

    variables: Table
    values: Table
    codes: Table
    rules: Rules


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
) -> Tables:
    """Return a partner's mapping as tables."""
    rules = _rules(session, delivery, specs)
    return Tables(
        session.table("variables", VARIABLE_COLUMNS, _variable_rows(schema, delivery, specs, rules)),
        session.table("values", VALUE_COLUMNS, _value_rows(vocabulary, delivery, specs, rules)),
        session.table("codes", CODE_COLUMNS, _code_rows(vocabulary, specs)),
        rules,
    )


def _rules(session: Session, delivery: Delivery, specs: Sequence[Spec]) -> Rules:
    """Number the lists of lines that a cell may be read by: its variable's, those of its value row as well, or none."""
    listed: list[tuple[str, ...]] = [(), *((dictionary_line(delivery.partner, v),) for v in delivery.variables)]
    for v in (v for spec in specs for v in spec.variables):
        own = _own_lines(delivery.partner, v)
        listed += [own, *((*own, *_value_lines(rows)) for rows in v.values.values())]
    numbers = {lines: number for number, lines in enumerate(dict.fromkeys(listed))}
    order = {line: number for number, line in enumerate(sorted({line for lines in numbers for line in lines}))}
    rows = [
        (number, *((order[lines[0]], order[lines[-1]]) if lines else (None, None)), list(lines))
        for lines, number in numbers.items()
    ]
    texts = session.table("lines", {"line": pa.int64(), "rule": pa.string()}, [(n, text) for text, n in order.items()])
    return Rules(numbers, session.table("rules", RULE_COLUMNS, rows), texts)


def dictionary_line(partner: Partner, variable: Variable) -> str:
    """Return the line of the dictionary that says what a column is for."""
    return f"{partner.name}/{DICTIONARY}:{variable.line}"


def _own_lines(partner: Partner, v: Variable) -> tuple[str, ...]:
    """Return the lines that a variable's cells are read by: the dictionary's, and the concept rows of the variable."""
    loads = [c for c in v.concepts if c.loads_as in ("concept", "broad")]
    return (dictionary_line(partner, v), *_references(partner.name, [*loads, *v.unloaded]))


def _value_lines(rows: Sequence[ConceptRow]) -> list[str]:
    return _references(rows[0].subject_id.partition(":")[0], rows)


def _variable_rows(
    schema: Schema, delivery: Delivery, specs: Sequence[Spec], rules: Rules
) -> Iterable[tuple[Any, ...]]:
    for spec in specs:
        cls = schema[spec.record_class]
        for v in spec.variables:
            field = cls.field(v.field) if cls.has(v.field) else None
            loads = [c for c in v.concepts if c.loads_as in ("concept", "broad")]
            yield (
                delivery.number(v),
                spec.number,
                spec.record_class,
                v.field,
                v.qualifier,
                _reads(schema, v),
                reader_of(schema, v),
                v.format.vocabulary if v.format.kind == "codes" else "",
                _code_set(spec, v),
                v.format.pattern,
                delivery.partner.tables[v.table].decimal == ",",
                delivery.partner.tables[v.table].thousands,
                v.derived,
                cls.has("operator") and field is not None and field.role == "main",
                cls.negative and (v.format.kind == "flag" or bool(_deniable(v))),
                _deniable(v),
                _constant_factor(schema, spec, v),
                v.unit or None,
                delivery.numbers[v.table, v.at] if v.at not in ("", "index") else None,
                v.at == "index",
                v.is_lead,
                v.field in ("concept", "present") or bool(loads),
                [c.concept_id for c in loads],
                any(c.loads_as == "broad" for c in loads),
                cls.negative,
                cls.has("value_concept"),
                v.format.true,
                v.format.false,
                v.format.third,
                rules.number(*_own_lines(delivery.partner, v)),
                "" if v.concepts or not v.unloaded else v.unloaded[0].status,
            )


def reader_of(schema: Schema, variable: Variable) -> str:
    """Return the reader that a variable's texts are for (ISCN, HGVS), or nothing."""
    cls = schema[variable.record_class]
    return cls.field(variable.field).reader if cls.has(variable.field) and not variable.qualifier else ""


def _code_set(spec: Spec, variable: Variable) -> str | None:
    """Return which of the code table's texts a variable's cells may be."""
    if variable.qualifier == "unit":
        return "unit"
    return f"{variable.format.vocabulary}/{spec.record_class}" if variable.format.kind == "codes" else None


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
    vocabulary: Vocabulary, delivery: Delivery, specs: Sequence[Spec], rules: Rules
) -> Iterable[tuple[Any, ...]]:
    for spec in specs:
        for v in spec.variables:
            own = _own_lines(delivery.partner, v)
            for text, rows in v.values.items():
                loading = [r for r in rows if r.status == "loads"]
                named = [r for r in loading if r.loads_as in ("concept", "broad")]
                state = "loads" if loading else min(r.status for r in rows)
                yield (
                    delivery.number(v),
                    text,
                    state,
                    [r.concept_id for r in named] or None,
                    next((r.concept_id for r in loading if r.loads_as == "value"), None),
                    next((_ucum(r, vocabulary) for r in loading if r.loads_as == "unit"), None),
                    any(r.loads_as == "broad" for r in named),
                    rules.number(*own, *_value_lines(rows)),
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
