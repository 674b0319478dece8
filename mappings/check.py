"""Check partners without their data: every problem, and what a curator should look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from haemony.engine.errors import HaemonyError, Problem
from haemony.mappings.curie import nearest
from haemony.mappings.dictionary import Finder
from haemony.mappings.expression import mentioned
from haemony.mappings.model import CONCEPTS, DICTIONARY, TO_DECIDE, ConceptRow, Partner, Row, Variable
from haemony.mappings.partner import extend_vocabulary, find_partners, inspect_partner, sort_problems
from haemony.mappings.sssom import CURATED, LOADING
from haemony.mappings.variables import Context, assumed_headers, compile_variables
from haemony.ontology.athena import ATHENA, Athena
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: Columns that a warning names at most.
NAMED = 12


class Findings(NamedTuple):
    """What a check found: problems stop a build, warnings do not."""

    problems: list[Problem]
    warnings: list[Problem]


def check(
    names: Sequence[str],
    vocabulary: Vocabulary,
    schema: Schema,
    *,
    mappings: Path | None = None,
    athena: Athena | None = None,
) -> Findings:
    """Check the named partners (all, where none is named) without their data."""
    try:
        found = find_partners(mappings)
        vocabulary = extend_vocabulary(vocabulary, mappings, athena)
    except HaemonyError as error:
        return Findings(list(error.problems), [])
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for name in names or found:
        if name not in found:
            problems.append(Problem("", None, "", f"There is no partner {name!r}.", nearest(name, found)))
            continue
        own: list[Problem] = []
        partner = inspect_partner(found[name], vocabulary, schema, own)
        problems.extend(sort_problems(own))
        if partner is not None:
            warnings.extend(sort_problems(warn(partner, vocabulary, schema)))
    return Findings(problems, warnings)


def warn(partner: Partner, vocabulary: Vocabulary, schema: Schema) -> list[Problem]:
    """Return what does not stop a build and yet deserves a look."""
    variables = compile_variables(Context(partner, vocabulary, schema), assumed_headers(partner))
    found = list(partner.warnings)
    found += (_concept(partner, row, message, advice) for row, message, advice in _concept_rows(partner, vocabulary))
    found += (_concept(partner, row, message, advice) for row, message, advice in _unreviewed(partner))
    found += (_row(partner, row.line, *rest) for row, *rest in (*_dictionary_rows(partner), *_undecided(partner)))
    for variable in (v for v in variables if v.use == "map"):
        found += (_row(partner, variable.line, *rest) for rest in _mapped(variable))
        found += (_concept(partner, c, *rest) for c, *rest in _classes(variable, vocabulary))
    return list(dict.fromkeys(found))


def _concept(partner: Partner, row: ConceptRow, message: str, advice: str) -> Problem:
    return Problem(f"{partner.source.name}/{CONCEPTS}", row.line, "", message, advice, row.object_curie)


def _row(partner: Partner, line: int, column: str, message: str, advice: str) -> Problem:
    return Problem(f"{partner.source.name}/{DICTIONARY}", line, column, message, advice)


def _concept_rows(partner: Partner, vocabulary: Vocabulary) -> Iterator[tuple[ConceptRow, str, str]]:
    finder = Finder(partner.dictionary)
    for row in partner.concepts:
        if row.status == "wanted":
            yield row, f"The concept {row.object_label!r} is wanted.", "Its cells wait in quarantine."
        elif row.status == "not-loaded" and not _automatic(row) and row.predicate not in LOADING:
            yield row, f"{row.predicate} does not load; its cells count as unmapped.", f"Loading: {', '.join(LOADING)}."
        dictionary = finder.find(row.table, row.variable)
        if dictionary and dictionary.use != "map" and not _automatic(row):
            yield row, f"{row.table}.{row.variable} is not mapped (use {dictionary.use}); the row does nothing.", ""
        if row.status == "loads" and row.concept_id is not None:
            yield from _concept_itself(row, vocabulary)


def _automatic(row: ConceptRow) -> bool:
    return row.justification not in CURATED and not row.reviewer


def _unreviewed(partner: Partner) -> Iterator[tuple[ConceptRow, str, str]]:
    """Yield the first automatic row of each mapped variable; of others, a decision on the column comes first."""
    finder = Finder(partner.dictionary)
    groups: dict[tuple[str, str], list[ConceptRow]] = {}
    for row in filter(_automatic, partner.concepts):
        groups.setdefault((row.table, row.variable), []).append(row)
    for (table, variable), rows in groups.items():
        dictionary = finder.find(table, variable)
        if dictionary and dictionary.use != "map":
            continue
        message = "Nobody has reviewed this automatic row; it does not load."
        if len(rows) > 1:
            message = f"Nobody has reviewed {len(rows)} automatic rows of {table}.{variable}; they do not load."
        yield rows[0], message, "Write reviewer_id once it is right."


def _undecided(partner: Partner) -> Iterator[tuple[Row, str, str, str]]:
    """Yield the first row of each table that waits for a decision, with the names of all."""
    groups: dict[str, list[Row]] = {}
    for row in (r for r in partner.dictionary if r.note.startswith(TO_DECIDE)):
        groups.setdefault(row.table, []).append(row)
    for table, rows in groups.items():
        names = ", ".join(row.variable for row in rows[:NAMED]) + (", ..." if len(rows) > NAMED else "")
        waiting = "1 column waits" if len(rows) == 1 else f"{len(rows)} columns wait"
        yield rows[0], "use", f"{waiting} for a decision in {table}: {names}.", "Say map, or why not, in `note`."


def _concept_itself(row: ConceptRow, vocabulary: Vocabulary) -> Iterator[tuple[ConceptRow, str, str]]:
    concept = vocabulary[row.concept_id or 0]
    names = (concept.name, concept.code, *vocabulary.synonyms(concept.id))
    if row.object_label and not any(_alike(row.object_label, name) for name in names):
        yield row, f"{row.object_curie} is {concept.name!r}, not {row.object_label!r}.", "Correct the id or the label."
    standard = vocabulary.maps_to(concept.id)
    if standard is not None and standard in vocabulary and not concept.standard and concept.source.startswith(ATHENA):
        advice = f"Map to OMOP:{standard}, {vocabulary[standard].name!r}, to join other partners' records."
        yield row, f"{row.object_curie} is no standard concept.", advice


def _alike(label: str, name: str) -> bool:
    """Tell whether a label may be meant for a name: they share half of the words of the shorter one."""
    left, right = (set(re.findall(r"\w+", text.casefold())) for text in (label, name))
    return label == name or 2 * len(left & right) >= max(min(len(left), len(right)), 1)


def _dictionary_rows(partner: Partner) -> Iterator[tuple[Row, str, str, str]]:
    used = _used(partner)
    for row in partner.dictionary:
        if row.use == "context" and not row.glob and (row.table, row.variable) not in used:
            yield row, "use", f"Nothing reads {row.variable!r}.", "Say ignore, and why."
        if row.use == "map" and row.format.kind == "flag" and not row.field:
            advice = "Say `present` if false means tested and absent."
            yield row, "field", f"The flag {row.variable!r} fills the main field: false says nothing.", advice


def _used(partner: Partner) -> set[tuple[str, str]]:
    """Return the columns that expressions, clocks, links and panels read."""
    used = {*partner.last_contact}
    if partner.index.date:
        used.add(partner.index.date)
    for table in partner.tables.values():
        keep = [table.where.keep] if table.where else []
        used |= {(table.name, c) for c in mentioned([*table.derive.values(), table.patient.expression, *keep])}
        used |= {(table.name, table.at)} | ({table.patient.through} if table.patient.through else set())
    for panel in partner.panels:
        used |= {(panel.table, c) for c in (*mentioned([panel.expression or ""]), panel.column or "")}
    for row in partner.dictionary:
        used.add((row.table, row.at))
        if row.of and row.of.by:
            used |= {(row.table, row.of.by), (row.of.table, row.of.by)}
    return used


def _mapped(variable: Variable) -> Iterator[tuple[str, str, str]]:
    flag = variable.format
    spoken = {flag.true, flag.false, flag.third} & set(variable.values) - {""} if flag.kind == "flag" else set()
    if spoken:
        texts = ", ".join(sorted(spoken))
        yield "format", f"Value rows of {variable.column!r} speak before its flag for {texts}.", "Keep one of them."
    readable = variable.values or flag.kind != "none" or variable.concepts or variable.unloaded
    if variable.field == "concept" and not readable:
        yield "variable", f"No value of {variable.column!r} has a meaning yet.", "Every cell will count as unmapped."


def _classes(variable: Variable, vocabulary: Vocabulary) -> Iterator[tuple[ConceptRow, str, str]]:
    """Yield concepts that name a record of another class than their own."""
    rows = list(variable.concepts)
    if variable.field == "concept":
        rows += [c for group in variable.values.values() for c in group if c.status == "loads"]
    for row in rows:
        if row.loads_as in ("concept", "broad") and row.concept_id is not None:
            home = vocabulary[row.concept_id].record_class
            if home and home != variable.record_class:
                yield row, f"{row.object_curie} is a {home}, and names a {variable.record_class}.", "Check the class."
