"""Compile a partner to variables: one for each concrete column, globs resolved and defaults filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from haemony.engine.errors import Problem
from haemony.mappings.curie import nearest
from haemony.mappings.dictionary import Finder
from haemony.mappings.expression import ExpressionError, columns
from haemony.mappings.model import CONCEPTS, DICTIONARY, ConceptRow, Link, Partner, Row, TableSpec, Variable
from haemony.ontology.schema import RecordClass, Schema

if TYPE_CHECKING:
    from haemony.ontology.vocabulary import Vocabulary

Headers = Mapping[str, Sequence[str]]


@dataclass
class Context:
    """What compiling needs to know, and where it notes problems."""

    partner: Partner
    vocabulary: Vocabulary
    schema: Schema
    problems: list[Problem] = field(default_factory=list)

    def problem(self, variable: Variable | Row, column: str, message: str, advice: str = "") -> None:
        """Note a problem of a dictionary row."""
        file = f"{self.partner.source.name}/{DICTIONARY}"
        self.problems.append(Problem(file, variable.line, column, message, advice))

    def concept_problem(self, row: ConceptRow, column: str, message: str, advice: str = "") -> None:
        """Note a problem of a row of the concept file."""
        file = f"{self.partner.source.name}/{CONCEPTS}"
        self.problems.append(Problem(file, row.line, column, message, advice, row.object_curie))


#: So many columns without a row may be new ones; more, where half of the dictionary's own are gone, are no header.
MANY_STRANGE = 3


def assumed_headers(partner: Partner) -> dict[str, list[str]]:
    """Return the headers that the files themselves speak of, to check a partner without its data."""
    finder = Finder(partner.dictionary)
    headers: dict[str, list[str]] = {}
    for name, table in partner.tables.items():
        own = [row.variable for row in partner.dictionary if row.table == name and not row.glob]
        named = [c.variable for c in partner.concepts if c.table == name and "*" not in c.variable]
        covered = [column for column in named if finder.find(name, column)]
        headers[name] = [c for c in dict.fromkeys((*own, *covered)) if c not in table.derive]
    return headers


def compile_variables(context: Context, headers: Headers) -> tuple[Variable, ...]:
    """Return the variables of all tables, noting what the headers and the dictionary disagree on."""
    finder = Finder(context.partner.dictionary)
    found: list[Variable] = []
    for name, table in context.partner.tables.items():
        if name not in headers:
            message = f"The header of table {name!r} is not given."
            context.problems.append(Problem(table.file, 1, "", message))
            continue
        found.extend(_compile_table(context, finder, table, headers[name]))
    return tuple(_share_said(context, list(_link(context, _share_classes(context, found)))))


def _compile_table(context: Context, finder: Finder, table: TableSpec, header: Sequence[str]) -> Iterable[Variable]:
    _check_header(context, finder, table, header)
    for column in dict.fromkeys((*header, *table.derive)):
        row = finder.find(table.name, column)
        if row is not None:
            yield _draft(context, table, row, column)


def _check_header(context: Context, finder: Finder, table: TableSpec, header: Sequence[str]) -> None:
    """Note columns without a row, rows without a column, and names that stand twice."""

    def note(column: str, message: str, advice: str = "") -> None:
        context.problems.append(Problem(table.file, 1, column, message, advice))

    own = [row.variable for row in context.partner.dictionary if row.table == table.name and not row.glob]
    strange = [column for column in dict.fromkeys(header) if finder.find(table.name, column) is None]
    if len(strange) > MANY_STRANGE and 2 * len(set(own) & set(header)) < len(own):
        # Its names are not repeated: a line that is no header holds somebody's data.
        message = f"Of the {len(own)} columns of the dictionary, the first line names {len(set(own) & set(header))}."
        note("", message, "Deliver the file with its header line, and check that it is the right file.")
        return

    for column, times in Counter(header).items():
        if times > 1:
            note(column, f"The column stands {times} times in the header.")
        if column in table.derive:
            note(column, "A derived column has the name of a delivered one.", "Give the derived column another name.")
        tied = finder.tied(table.name, column)
        if tied:
            note(
                column, f"{tied[0].variable!r} and {tied[1].variable!r} cover it equally.", "Give it a row of its own."
            )
    known = {*header, *table.derive}
    for column in strange:
        advice = "Every column needs one; say ignore or drop if it is not wanted."
        note(column, "The column has no row in the dictionary.", advice)
    for row in context.partner.dictionary:
        if row.table == table.name and not row.glob and row.variable not in known:
            message = f"{table.file} has no column {row.variable!r}."
            context.problem(row, "variable", message, nearest(row.variable, header) if header else "")


def _draft(context: Context, table: TableSpec, row: Row, column: str) -> Variable:
    """Return a column's variable as its own row and concepts have it."""
    own, values = _concepts(context, row, column)
    derived = column in table.derive
    at = row.at or ("index" if column == table.at and context.partner.index.relative else table.at)
    return Variable(
        table=row.table,
        column=column,
        line=row.line,
        use=row.use,
        record_class=row.record_class,
        tag=row.tag,
        field=row.field,
        qualifier=row.qualifier,
        unit=row.unit,
        format=row.format,
        at="" if at == column and not row.at else at,
        of=row.of,
        concepts=tuple(c for c in own if c.status == "loads"),
        unloaded=tuple(c for c in own if c.status != "loads"),
        values=values,
        derived=derived,
        uses=tuple(sorted(_columns(table.derive[column]))) if derived else (),
        split=table.split.get(column, ""),
    )


def _columns(expression: str) -> set[str]:
    try:
        return columns(expression) if expression else set()
    except ExpressionError:
        return set()


def _concepts(context: Context, row: Row, column: str) -> tuple[list[ConceptRow], dict[str, tuple[ConceptRow, ...]]]:
    """Return a column's own concept rows and its value rows; those of a glob serve where the column has none."""
    of_table = [c for c in context.partner.concepts if c.table == row.table]
    mine = [c for c in of_table if c.variable == column]
    shared = [c for c in of_table if c.variable == row.variable] if row.variable != column else []
    own = [c for c in mine if c.text is None] or [c for c in shared if c.text is None]
    values: dict[str, tuple[ConceptRow, ...]] = {}
    for rows in (shared, mine):
        texts = dict.fromkeys(c.text for c in rows if c.text is not None)
        values |= {text: tuple(c for c in rows if c.text == text) for text in texts}
    return own, values


def _share_classes(context: Context, drafts: Sequence[Variable]) -> list[Variable]:
    """Fill an empty class from the tag's other rows or the concept, then everything that follows from the class."""
    of_tag: dict[tuple[str, str], str] = {}
    for draft in drafts:
        if draft.tag and draft.record_class:
            given = of_tag.setdefault((draft.table, draft.tag), draft.record_class)
            if given != draft.record_class:
                message = f"Tag {draft.tag!r} is a {given} and a {draft.record_class}."
                context.problem(draft, "record", message, "Give each class its own tag.")
    return [_complete(context, draft, of_tag.get((draft.table, draft.tag), "")) for draft in drafts]


def _share_said(context: Context, variables: Sequence[Variable]) -> list[Variable]:
    """Give all columns of a tag the `at` and the `of` that one of them says; a day keeps the clock of its own row."""
    rows = {row.line: row for row in context.partner.dictionary}
    at: dict[tuple[str, str], str] = {}
    of: dict[tuple[str, str], Link] = {}
    for variable in (v for v in variables if v.tag and v.use == "map"):
        tag, said = (variable.table, variable.tag), rows[variable.line].at
        if said and not _is_day(context, variable) and at.setdefault(tag, said) != said:
            context.problem(variable, "at", f"Tag {variable.tag!r} says `at` twice and differently.", "Say it once.")
        if variable.of and of.setdefault(tag, variable.of) != variable.of:
            context.problem(variable, "of", f"Tag {variable.tag!r} says `of` twice and differently.", "Say it once.")
    return [_with_said(context, v, at.get((v.table, v.tag)), of.get((v.table, v.tag))) for v in variables]


def _with_said(context: Context, variable: Variable, at: str | None, of: Link | None) -> Variable:
    if not variable.tag or variable.use != "map":
        return variable
    shared_at = variable.at if _is_day(context, variable) else at or variable.at
    return replace(variable, at=shared_at, of=of or variable.of)


def _is_day(context: Context, variable: Variable) -> bool:
    cls = context.schema[variable.record_class]
    return cls.has(variable.field) and cls.field(variable.field).time == "day"


def _complete(context: Context, draft: Variable, class_of_tag: str) -> Variable:
    if draft.use != "map":
        return draft
    name = draft.record_class or class_of_tag or _class_of_concepts(context, draft)
    if name not in context.schema:
        advice = "Write the class in `record`, or map the variable to a concept."
        context.problem(draft, "record", f"The class of {draft.column!r} is not known.", advice)
        return replace(draft, use="context")
    cls = context.schema[name]
    field_name = draft.field or (cls.main.name if cls.main else "")
    filled = replace(draft, record_class=name, field=field_name)
    if draft.format.header:
        filled = replace(filled, concepts=_read_header(context, filled))
    filled = _as_records(context, filled)
    return replace(filled, is_lead=_is_lead(filled, cls), unit=filled.unit or _unit_of_own(context, filled))


def _class_of_concepts(context: Context, draft: Variable) -> str:
    own = [c for c in (*draft.concepts, *draft.unloaded) if c.loads_as in ("concept", "broad")]
    rows = own or [c for rows in draft.values.values() for c in rows if c.loads_as in ("concept", "broad")]
    classes = {context.vocabulary[c.concept_id].record_class for c in rows if c.concept_id is not None}
    return classes.pop() if len(classes) == 1 else ""


def _read_header(context: Context, variable: Variable) -> tuple[ConceptRow, ...]:
    """Return the concept that a column's name stands for in the vocabulary that its format names."""
    vocabulary = variable.format.header
    concept = context.vocabulary.codes(vocabulary, variable.record_class).get(variable.column)
    if variable.concepts:
        return variable.concepts
    if concept is None:
        message = f"{vocabulary} knows no {variable.column!r} as a {variable.record_class}."
        context.problem(variable, "format", message, "Give the column a row of its own.")
        return ()
    row = ConceptRow(0, "", variable.table, variable.column, None, "skos:exactMatch", concept_id=concept)
    return (replace(row, loads_as="concept", object_curie=f"{vocabulary}:{variable.column}"),)


def _as_records(context: Context, variable: Variable) -> Variable:
    """Turn a concept that names the record into its twin of the record's class (a gene into its alteration)."""

    def twin(row: ConceptRow) -> ConceptRow:
        if row.concept_id is None or row.loads_as not in ("concept", "broad"):
            return row
        return replace(row, concept_id=context.vocabulary.as_record(row.concept_id, variable.record_class))

    values = variable.values
    if variable.field in ("concept", "present"):
        values = {text: tuple(map(twin, rows)) for text, rows in variable.values.items()}
    return replace(variable, concepts=tuple(map(twin, variable.concepts)), values=values)


def _is_lead(variable: Variable, cls: RecordClass) -> bool:
    """Tell whether a filled cell of the variable makes its record."""
    if cls.name == "Patient" or variable.qualifier:
        return False
    own = any(c.loads_as in ("concept", "broad") for c in (*variable.concepts, *variable.unloaded))
    naming = any(f.name == variable.field for f in cls.naming)
    return own or naming or variable.field in ("concept", "present")


def _unit_of_own(context: Context, variable: Variable) -> str:
    codes = [unit_code(context, c) for c in variable.concepts if c.loads_as == "unit"]
    return codes[0] if codes else ""


def unit_code(context: Context, row: ConceptRow) -> str:
    """Return the UCUM code of the unit that a concept row names; empty where it names none."""
    if row.concept_id is not None:
        concept = context.vocabulary[row.concept_id]
        return concept.code if concept.record_class == "Unit" else ""
    prefix, _, code = row.object_curie.partition(":")
    return code if prefix == "UCUM" else ""


def _link(context: Context, variables: Sequence[Variable]) -> Iterable[Variable]:
    """Give each link its field, now that the classes of all tags are known."""
    classes = {(v.table, v.tag): v.record_class for v in variables if v.tag and v.use == "map"}
    columns_of: dict[str, set[str]] = {}
    for variable in variables:
        columns_of.setdefault(variable.table, set()).add(variable.column)
    for variable in variables:
        if variable.of is None or variable.use != "map":
            yield variable
        else:
            yield replace(variable, of=_resolve_link(context, variable, variable.of, classes, columns_of))


def _resolve_link(
    context: Context,
    variable: Variable,
    link: Link,
    classes: Mapping[tuple[str, str], str],
    columns_of: Mapping[str, set[str]],
) -> Link:
    target = classes.get((link.table, link.tag))
    if target is None:
        tags = [tag for table, tag in classes if table == link.table]
        context.problem(variable, "of", f"Table {link.table!r} has no tag {link.tag!r}.", nearest(link.tag, tags))
        return link
    for table in (variable.table, link.table) if link.by else ():
        if link.by not in columns_of.get(table, ()):
            context.problem(variable, "of", f"Table {table!r} has no column {link.by!r}.")
    if (link.table, link.tag) == (variable.table, variable.tag):
        context.problem(variable, "of", "A record does not belong to itself.")
    fields = [f.name for f in context.schema[variable.record_class].fields if f.role == "link" and f.range == target]
    if not fields:
        context.problem(variable, "of", f"A {variable.record_class} has no link to a {target}.")
    return replace(link, field=fields[0] if fields else "")
