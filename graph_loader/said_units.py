"""Which unit a mapping says that a delivered value has, and on which line it says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from haemony.graph_loader.mapping_tables import dictionary_line
from haemony.graph_loader.rows import Delivery
from haemony.mappings.model import CONCEPTS, ConceptRow, Variable
from haemony.ontology.vocabulary import Vocabulary


class SaidUnit(NamedTuple):
    """A unit as UCUM, the line of the partner's files that says it, and the number of the value's column."""

    ucum: str
    line: str
    column: int


def unit_column(variables: Iterable[Variable], value: Variable) -> Variable | None:
    """Return the column that delivers the units of a column of values; None where none does."""
    mine = (value.table, value.record, value.field)
    return next((v for v in variables if v.qualifier == "unit" and (v.table, v.record, v.field) == mine), None)


def said_unit(
    delivery: Delivery, vocabulary: Vocabulary, codes: Mapping[str, str], value: Variable, concept: int, text: str
) -> SaidUnit | None:
    """Return the unit in which the values of a column are read, where their unit column says a text.

    ``codes`` has the units that the vocabulary knows by their spelling. First holds what the unit column says, then
    the dictionary's unit of the values, then the unit that goes with the test that the row names.
    """
    number, column = delivery.number(value), unit_column(delivery.variables, value)
    if text and column:
        row = next((r for r in column.values.get(text, ()) if r.loads_as == "unit"), None)
        if row:
            return SaidUnit(_ucum(row, vocabulary), _line(row), number)
        known = codes.get(text)
        return SaidUnit(known, dictionary_line(delivery.partner, column), number) if known else None
    own = next((r for r in value.concepts if r.loads_as == "unit"), None)
    if value.unit:
        return SaidUnit(value.unit, _line(own) if own else dictionary_line(delivery.partner, value), number)
    for _, _, rows in _named(delivery, value, concept):
        unit = next((r for r in rows if r.loads_as == "unit"), None)
        if unit:
            return SaidUnit(_ucum(unit, vocabulary), _line(unit), number)
    return None


def test_of(delivery: Delivery, value: Variable, concept: int) -> tuple[str, tuple[str, ...]] | None:
    """Return the column whose texts name a row's test, with those that name this one; None where the column does."""
    named = [(column, text) for column, text, _ in _named(delivery, value, concept)]
    return (named[0][0], tuple(text for column, text in named if column == named[0][0])) if named else None


def _named(delivery: Delivery, value: Variable, concept: int) -> Iterator[tuple[str, str, tuple[ConceptRow, ...]]]:
    """Yield the column, text and rows by which a record of the value's is of a concept."""
    for lead in (v for v in delivery.variables if (v.table, v.record) == (value.table, value.record)):
        for text, rows in lead.values.items():
            if any(r.concept_id == concept for r in rows if r.loads_as in ("concept", "broad")):
                yield lead.column, text, rows


def _ucum(row: ConceptRow, vocabulary: Vocabulary) -> str:
    return vocabulary[row.concept_id].code if row.concept_id else row.object_curie.partition(":")[2]


def _line(row: ConceptRow) -> str:
    return f"{row.subject_id.partition(':')[0]}/{CONCEPTS}:{row.line}"
