"""Check compiled variables against the ontology: fields, formats, units, leads, clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from haemony.engine.errors import VocabularyError
from haemony.mappings.model import ConceptRow, Variable
from haemony.mappings.variables import Context, unit_code
from haemony.ontology import units
from haemony.ontology.schema import Field, RecordClass

#: The answers that any class whose flags deny may give: tested and absent, tested and present.
ANSWERS = frozenset({9189, 9191})
#: Fields that several columns of a tag may fill: the most specific concept wins, or any flag names.
SHARED_FIELDS = frozenset({"concept", "present"})


def check_variables(context: Context, variables: Sequence[Variable]) -> None:
    """Note everything in which the variables contradict the ontology or each other."""
    mapped = [v for v in variables if v.use == "map"]
    by_column = {(v.table, v.column): v for v in variables}
    for variable in mapped:
        cls = context.schema[variable.record_class]
        if variable.field != "present" and not (cls.has(variable.field) and cls.field(variable.field).mappable):
            _check_unknown_field(context, variable, cls)
            continue
        for check in _CHECKS:
            check(context, variable, cls)
    for _, group in groupby(sorted(mapped, key=_record_key), key=_record_key):
        check_record(context, list(group))
    _check_clocks(context, variables, by_column)


def _record_key(variable: Variable) -> tuple[str, str]:
    return variable.table, variable.record


def _check_unknown_field(context: Context, variable: Variable, cls: RecordClass) -> None:
    # A field beside its class was checked with the row; only a class filled in later leaves something to say.
    known = ", ".join(f.name for f in cls.fields if f.mappable)
    context.problem(variable, "field", f"{cls.name} has no field {variable.field!r} to map.", f"It has {known}.")


def _target(variable: Variable, cls: RecordClass) -> Field | None:
    return cls.field(variable.field) if cls.has(variable.field) and not variable.qualifier else None


def _check_format(context: Context, variable: Variable, cls: RecordClass) -> None:
    kind, field = variable.format.kind, _target(variable, cls)
    flagged = variable.field in SHARED_FIELDS or (field is not None and field.kind == "boolean")
    if kind == "flag" and not flagged:
        context.problem(variable, "format", f"{cls.name}.{variable.field} takes no flag.", _flag_fields(cls))
    if kind == "date" and not (field and field.time):
        context.problem(variable, "format", f"{cls.name}.{variable.field} is no time and takes no date.")
    if kind == "codes" and not (field and field.kind == "concept"):
        context.problem(variable, "format", f"{cls.name}.{variable.field} takes no codes of a vocabulary.")
    if kind != "flag" and (variable.field == "present" or (field and field.kind == "boolean")):
        context.problem(variable, "format", f"{variable.field!r} needs a flag.", "Write true|false, such as 1|0.")


def _flag_fields(cls: RecordClass) -> str:
    fields = [f.name for f in cls.fields if f.kind == "boolean"]
    return f"Flags fill {', '.join([*sorted(SHARED_FIELDS), *fields])}."


def _check_vocabulary(context: Context, variable: Variable, cls: RecordClass) -> None:
    name = variable.format.vocabulary or variable.format.header
    if name and not context.vocabulary.codes(name, cls.name):
        advice = "See `haemony schema` for what vocabularies hold, or correct the name: HGNC, ICDO3, ATC."
        context.problem(variable, "format", f"No vocabulary {name!r} has concepts for {cls.name}.", advice)


def _check_flag_concept(context: Context, variable: Variable, cls: RecordClass) -> None:
    own = any(c.loads_as in ("concept", "broad") for c in (*variable.concepts, *variable.unloaded))
    if variable.format.kind != "flag" or variable.field not in SHARED_FIELDS or own or variable.format.header:
        return
    advice = f"Add a row for {variable.table}.{variable.column} to concepts.sssom.tsv."
    context.problem(variable, "variable", f"The flag {variable.column!r} has no concept.", advice)


def _check_unit_fits(context: Context, variable: Variable, cls: RecordClass) -> None:
    """Check the unit of a numeric column: one is said, and it converts to that of the field or concept."""
    field = _target(variable, cls)
    if variable.unit and (field is None or field.kind not in ("decimal", "integer")):
        context.problem(variable, "unit", f"{cls.name}.{variable.field} is no number and has no unit.")
    elif variable.unit and field and not (field.unit or field.time):
        context.problem(variable, "unit", f"{cls.name}.{variable.field} has no unit.", "Leave the cell empty.")
    elif variable.unit and variable.format.kind == "date":
        context.problem(variable, "unit", "A date has no unit.", "Give a unit or a date format, not both.")
    elif variable.unit and field:
        for target, mass in _wanted_units(field, variable.concepts):
            _check_factor(context, variable, variable.unit, target, mass)


def _wanted_units(field: Field, concepts: Sequence[ConceptRow]) -> Iterator[tuple[str, float | None]]:
    """Yield the units, with molar masses, in which a field is kept: its own, or those of the concepts."""
    if field.unit == "concept":
        ids = [c.concept_id for c in concepts if c.concept_id is not None and c.loads_as in ("concept", "broad")]
        for concept_id in ids:
            unit, mass = units.canonical_unit(concept_id), units.molar_mass(concept_id)
            if unit:
                yield unit, None if mass is None else float(mass)
    elif field.unit or field.time:
        yield field.unit or "d", None


def _check_factor(context: Context, where: Variable | ConceptRow, unit: str, target: str, mass: float | None) -> None:
    try:
        units.factor(unit, target, mass)
    except VocabularyError as error:
        if isinstance(where, ConceptRow):
            context.concept_problem(where, "object_id", str(error))
        else:
            context.problem(where, "unit", str(error))


def _check_values(context: Context, variable: Variable, cls: RecordClass) -> None:
    """Check that value rows say what the column can take."""
    rows = [c for group in variable.values.values() for c in group if c.status == "loads"]
    field = _target(variable, cls)
    for row in (*rows, *variable.concepts):
        if row.loads_as == "value" and not cls.has("value_concept") and row.concept_id not in ANSWERS:
            context.concept_problem(row, "predicate_id", f"A {cls.name} has no field for an answer (value_concept).")
        if row.loads_as == "value" and row.concept_id in ANSWERS and not (cls.negative or cls.has("value_concept")):
            context.concept_problem(row, "object_id", f"A {cls.name} is never tested and absent.")
        if row.loads_as == "unit" and not unit_code(context, row):
            context.concept_problem(row, "object_id", f"{row.object_curie} is no unit.", "Write UCUM:g/dL.")
    for row in rows:
        if (variable.qualifier == "unit") != (row.loads_as == "unit") and variable.qualifier:
            context.concept_problem(row, "predicate_id", "A delivered unit maps by haemony:mapsToUnit.")
        if row.loads_as in ("concept", "broad") and field and field.kind != "concept":
            if not field.reader:
                context.concept_problem(row, "predicate_id", f"{cls.name}.{field.name} takes no concept.")


_CHECKS: tuple[Callable[[Context, Variable, RecordClass], None], ...] = (
    _check_format,
    _check_vocabulary,
    _check_flag_concept,
    _check_unit_fits,
    _check_values,
)


def check_record(context: Context, group: Sequence[Variable]) -> None:
    """Check the columns that make one record together."""
    first = group[0]
    cls = context.schema[first.record_class]
    leads = [v for v in group if v.is_lead]
    if cls.name != "Patient" and not leads:
        what = f"Tag {first.tag!r}" if first.tag else f"The record of {first.column!r}"
        advice = "Give it a `concept` or `present` column, or a variable with its own concept row."
        context.problem(first, "record", f"{what} has no lead: nothing says what the {cls.name} is.", advice)
    _check_fields_once(context, group, cls)
    _check_parts(context, group, cls, leads)


def _check_fields_once(context: Context, group: Sequence[Variable], cls: RecordClass) -> None:
    times = Counter((v.table, v.field, v.qualifier) for v in group)
    for (_, field, qualifier), count in times.items():
        many = cls.has(field) and cls.field(field).many
        if count > 1 and not many and (field not in SHARED_FIELDS or qualifier):
            columns = [v for v in group if (v.field, v.qualifier) == (field, qualifier)]
            names = ", ".join(v.column for v in columns)
            name = f"{field}.{qualifier}" if qualifier else field
            context.problem(columns[-1], "field", f"{names} all fill {cls.name}.{name}.", "Give each record its tag.")


def _check_parts(context: Context, group: Sequence[Variable], cls: RecordClass, leads: Sequence[Variable]) -> None:
    """Check that units and operators stand beside their number, and that every number has a unit."""
    plain = {v.field: v for v in group if not v.qualifier}
    for part in (v for v in group if v.qualifier):
        number = plain.get(part.field)
        if number is None:
            context.problem(part, "field", f"No column of the record fills {part.field!r} itself.")
        elif part.qualifier == "unit":
            _check_delivered_units(context, part, cls, leads)
    with_unit = {v.field for v in group if v.qualifier == "unit"}
    for variable in plain.values():
        field = _target(variable, cls)
        if field and not variable.unit and variable.format.kind != "date" and variable.field not in with_unit:
            _check_unit_said(context, variable, field, leads)


def _check_delivered_units(context: Context, part: Variable, cls: RecordClass, leads: Sequence[Variable]) -> None:
    concepts = [c for lead in leads for c in lead.concepts]
    for row in (c for rows in part.values.values() for c in rows if c.status == "loads"):
        code = unit_code(context, row)
        for target, mass in _wanted_units(cls.field(part.field), concepts) if code else ():
            _check_factor(context, row, code, target, mass)


def _check_unit_said(context: Context, variable: Variable, field: Field, leads: Sequence[Variable]) -> None:
    """Note a number without a unit, unless each value of the lead names its own."""
    by_value = [c for lead in leads for rows in lead.values.values() for c in rows if c.loads_as == "unit"]
    own = [c for lead in leads for c in lead.concepts]
    wanted = [unit for unit, _ in _wanted_units(field, own)]
    # The unit of a score goes without saying; a share may be of 1 or of 100.
    if not by_value and any(unit != "1" or field.unit == "1" for unit in wanted):
        advice = f"Write it in `unit` (kept: {', '.join(dict.fromkeys(wanted))}), or map a column to {field.name}.unit."
        context.problem(variable, "unit", f"The number in {variable.column!r} has no unit.", advice)


def _check_clocks(context: Context, variables: Sequence[Variable], by_column: dict[tuple[str, str], Variable]) -> None:
    """Check that every `at` names a time, and that no clock waits for itself."""
    for variable in variables:
        if variable.at in ("", "index") or variable.use not in ("map", "context"):
            continue
        clock = by_column.get((variable.table, variable.at))
        if clock is None:
            context.problem(variable, "at", f"Table {variable.table!r} has no column {variable.at!r}.")
        elif not _is_time(context, clock):
            advice = f"Give {variable.at!r} a date format or a unit of time."
            context.problem(variable, "at", f"{variable.at!r} is no time.", advice)
        elif _waits_for_itself(variable, by_column):
            context.problem(variable, "at", f"{variable.column!r} starts a clock that waits for itself.")


def _is_time(context: Context, clock: Variable) -> bool:
    if clock.use not in ("map", "context"):
        return False
    if clock.format.kind == "date" or clock.unit:
        return True
    return context.partner.index.relative and clock.use == "context" and clock.format.kind == "none"


def _waits_for_itself(variable: Variable, by_column: dict[tuple[str, str], Variable]) -> bool:
    seen = {variable.column}
    step: Variable | None = by_column.get((variable.table, variable.at))
    while step is not None and step.at not in ("", "index") and step.format.kind != "date":
        if step.column in seen:
            return True
        seen.add(step.column)
        step = by_column.get((step.table, step.at))
    return step is not None and step.column in seen
