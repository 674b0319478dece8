"""Read ``partner.yaml``: how a partner's delivery is laid out.

Every scalar is taken as the text that was written, so that the missing codes ``NO``, ``1.0`` and ``~`` stay
what they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from haemony.engine.errors import Problem
from haemony.mappings.curie import TABLE_NAME, nearest
from haemony.mappings.dictionary import read_text
from haemony.mappings.expression import ExpressionError, columns, quoted
from haemony.mappings.expression import parse as parse_expression
from haemony.mappings.file_options import PART, READ, read_options, read_part
from haemony.mappings.model import LAYOUT, Column, Cover, Index, PanelSpec, PatientKey, TableSpec, Where

if TYPE_CHECKING:
    from haemony.ontology.vocabulary import Vocabulary

TOP: tuple[str, ...] = ("partner", "title", "contact", "licence", "like", "read", "patients", "index")
TOP += ("last_contact", "tables", "panels", "prefer", "quality")
TABLE = ("file", *PART, *READ, "patient", "at", "where", "derive", "split")
INDEX = ("event", "relative", "date")
KEY = ("column", "through")
WHERE = ("keep", "why")
PANEL = ("name", "tested", "covers")


class Located(dict[str, Any]):
    """A mapping of the file that knows the line of each of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}
        self.twice: list[tuple[str, int]] = []


class _Loader(yaml.BaseLoader):
    """Build mappings that know their lines."""


def _located(loader: yaml.BaseLoader, node: yaml.MappingNode) -> Located:
    found = Located()
    for key_node, value_node in node.value:
        key: Hashable = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if str(key) in found:
            found.twice.append((str(key), line))
        found[str(key)] = loader.construct_object(value_node, deep=True)
        found.lines[str(key)] = line
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _located)


class Reader:
    """Collect the problems of one ``partner.yaml`` while it is read."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.file = f"{path.parent.name}/{LAYOUT}"
        self.problems = problems
        self.top = self._load(path)

    def problem(self, line: int | None, key: str, message: str, advice: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, line, key, message, advice))

    def _load(self, path: Path) -> Located:
        text = read_text(path, self.file, self.problems)
        if text is None:
            return Located()
        try:
            loaded = yaml.load(text, _Loader)  # noqa: S506 - a BaseLoader builds text only
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.problem(mark.line + 1 if mark else None, "", f"The YAML is broken: {error.problem or error.context}.")
            return Located()
        except yaml.YAMLError as error:
            self.problem(None, "", f"The file cannot be read: {error}.", "Remove control characters.")
            return Located()
        if not isinstance(loaded, Located):
            self.problem(1, "", "The file is no mapping of keys.", "See docs/mapping.md for its keys.")
            return Located()
        return loaded

    def keys(self, given: Located, known: Iterable[str], where: str) -> None:
        """Note keys that are unknown or stand twice."""
        known = tuple(known)
        prefix = f"{where}." if where else ""
        for key in given:
            if key not in known:
                self.problem(given.lines[key], f"{prefix}{key}", "Unknown key.", nearest(key, known))
        self.doubles(given, where)

    def doubles(self, given: Located, where: str) -> None:
        """Note keys that stand twice."""
        for key, line in given.twice:
            self.problem(line, f"{where}.{key}".lstrip("."), "The key stands twice.", "Keep one.")

    def text(self, given: Located, key: str, where: str = "", *, required: bool = False) -> str:
        """Return the text of a key; empty where there is none."""
        value: object = given.get(key, "")
        name = f"{where}.{key}".lstrip(".")
        if not isinstance(value, str):
            self.problem(given.lines.get(key), name, "One text is expected here.")
            return ""
        if required and not value:
            line = given.lines.get(key) or min(given.lines.values(), default=None)
            self.problem(line, name, "The key is required.")
        return value

    def mapping(self, given: Located, key: str, where: str = "") -> Located:
        """Return the mapping under a key; empty where there is none."""
        value = given.get(key)
        if value in (None, ""):
            return Located()
        if not isinstance(value, Located):
            self.problem(given.lines.get(key), f"{where}.{key}".lstrip("."), "A mapping of keys is expected here.")
            return Located()
        return value

    def texts(self, value: Any, line: int | None, name: str) -> tuple[str, ...]:
        """Return a list of texts; a single text is a list of one."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.problem(line, name, "A list of texts is expected here.")
        return ()

    def column(self, text: str, line: int | None, name: str) -> Column | None:
        """Return the two parts of ``table.column``."""
        table, dot, column = text.partition(".")
        if not (table and dot and column):
            self.problem(line, name, f"{text!r} is not of the form table.column.")
            return None
        return table, column

    def expression(self, text: str, line: int | None, name: str, kind: str) -> str:
        """Return an expression after checking it; ``kind`` is 'condition' or 'value'."""
        try:
            parsed = parse_expression(text)
        except ExpressionError as error:
            self.problem(line, name, f"{error}.", "docs/mapping.md lists what an expression may hold.")
            return ""
        if (parsed.kind == "boolean") != (kind == "condition"):
            self.problem(line, name, f"{text!r} gives {parsed.kind}, and a {kind} is wanted.")
            return ""
        return text


def read_index(reader: Reader) -> Index:
    """Read what day 0 is."""
    given = reader.mapping(reader.top, "index")
    line = reader.top.lines.get("index", 1)
    reader.keys(given, INDEX, "index")
    event = reader.text(given, "event", "index", required=bool(given))
    flag, date_text = reader.text(given, "relative", "index").lower(), reader.text(given, "date", "index")
    date = reader.column(date_text, given.lines.get("date"), "index.date") if date_text else None
    if flag not in ("", "true", "false"):
        reader.problem(given.lines["relative"], "index.relative", f"{flag!r} is neither true nor false.")
    elif (flag == "true") == bool(date_text):
        advice = "Say either `relative: true` (times are numbers since then) or `date: table.column`."
        reader.problem(line, "index", "Day 0 is not settled.", advice)
    return Index(event, flag == "true", date)


def read_tables(reader: Reader, keys: dict[str, frozenset[str]]) -> dict[str, TableSpec]:
    """Read the tables; ``keys`` are the columns that the dictionary names, by table."""
    defaults = reader.mapping(reader.top, "read")
    reader.keys(defaults, READ, "read")
    read_options(reader, defaults, "read")
    given = reader.mapping(reader.top, "tables")
    reader.doubles(given, "tables")
    if not given:
        reader.problem(reader.top.lines.get("tables"), "tables", "No table is described.")
    found = {}
    for name in given:
        if not TABLE_NAME.fullmatch(name):
            reader.problem(given.lines[name], f"tables.{name}", "A table's name is letters, digits, `_` and `-`.")
        table = reader.mapping(given, name, "tables")
        found[name] = _read_table(reader, name, table, defaults, keys.get(name, frozenset()), given.lines[name])
    return found


def _read_table(
    reader: Reader, name: str, given: Located, defaults: Located, known: frozenset[str], line: int
) -> TableSpec:
    where = f"tables.{name}"
    if not given:
        reader.problem(line, where, "The table is not described.", "Give it a `file` and a `patient`.")
    reader.keys(given, TABLE, where)
    options = read_options(reader, defaults, "") | read_options(reader, given, where) | read_part(reader, given, where)
    missing, by_column = _read_missing(reader, given, where)
    if missing is None:
        missing, default_columns = _read_missing(reader, defaults, "read")
        by_column = default_columns | by_column
    if options.get("separator", ",") == options.get("decimal", "."):
        reader.problem(line, where, "Separator and decimal mark are the same.", "Say both in the table or in `read`.")
    if options.get("thousands") == options.get("decimal", "."):
        reader.problem(line, where, "Thousands separator and decimal mark are the same.", "Say both in the table.")
    return TableSpec(
        name=name,
        file=reader.text(given, "file", where, required=bool(given)),
        patient=_read_key(reader, given, where, known, line),
        missing=tuple(dict.fromkeys(("", *(missing or ())))),
        missing_by_column=by_column,
        at=reader.text(given, "at", where),
        where=_read_where(reader, given, where),
        derive=_read_derive(reader, given, where),
        split=_read_split(reader, given, where),
        **options,
    )


def _read_missing(
    reader: Reader, given: Located, where: str
) -> tuple[tuple[str, ...] | None, dict[str, tuple[str, ...]]]:
    """Return the codes of a table, None where it says none, and those of single columns."""
    if "missing" not in given:
        return None, {}
    value, line, name = given["missing"], given.lines["missing"], f"{where}.missing"
    if not isinstance(value, Located):
        return reader.texts(value, line, name), {}
    codes = {column: reader.texts(texts, value.lines[column], f"{name}.{column}") for column, texts in value.items()}
    return codes.pop("*", None), codes


def _read_key(reader: Reader, given: Located, where: str, known: frozenset[str], line: int) -> PatientKey:
    value = given.get("patient")
    name, at = f"{where}.patient", given.lines.get("patient", line)
    if not isinstance(value, Located):
        text = reader.text(given, "patient", where, required=bool(given))
        expression, column = _key_expression(reader, text, known, at, name)
        return PatientKey(expression, column=column)
    reader.keys(value, KEY, name)
    expression, column = _key_expression(reader, reader.text(value, "column", name, required=True), known, at, name)
    sheet = reader.text(value, "through", name, required=True)
    through = reader.column(sheet, at, f"{name}.through") if sheet else None
    return PatientKey(expression, column=column, through=through)


def _key_expression(reader: Reader, text: str, known: frozenset[str], line: int, name: str) -> tuple[str, str | None]:
    """Return the expression of a key, and its column where it is no more than that."""
    if not text:
        return "", None
    if text in known:
        return quoted(text), text
    checked = reader.expression(text, line, name, "value")
    mentioned = columns(checked) if checked else set()
    plain = next(iter(mentioned)) if len(mentioned) == 1 else None
    return checked, plain if plain and checked in (plain, quoted(plain)) else None


def _read_where(reader: Reader, given: Located, where: str) -> Where | None:
    if "where" not in given:
        return None
    name = f"{where}.where"
    value = reader.mapping(given, "where", where)
    reader.keys(value, WHERE, name)
    keep = reader.text(value, "keep", name, required=True)
    why = reader.text(value, "why", name, required=True)
    return Where(reader.expression(keep, value.lines.get("keep"), f"{name}.keep", "condition") if keep else "", why)


def _read_derive(reader: Reader, given: Located, where: str) -> dict[str, str]:
    value = reader.mapping(given, "derive", where)
    reader.doubles(value, f"{where}.derive")
    return {
        column: reader.expression(reader.text(value, column), value.lines[column], f"{where}.derive.{column}", "value")
        for column in value
    }


def _read_split(reader: Reader, given: Located, where: str) -> dict[str, str]:
    value = reader.mapping(given, "split", where)
    reader.doubles(value, f"{where}.split")
    return {column: reader.text(value, column, f"{where}.split", required=True) for column in value}


def read_last_contact(reader: Reader) -> tuple[Column, ...]:
    """Read the columns whose latest date censors outcomes delivered without an event flag."""
    line = reader.top.lines.get("last_contact")
    texts = reader.texts(reader.top.get("last_contact", []), line, "last_contact")
    columns = [reader.column(text, line, "last_contact") for text in texts]
    return tuple(column for column in columns if column)


def read_prefer(reader: Reader) -> dict[str, tuple[str, ...]]:
    """Read which table is believed first, by record class."""
    given = reader.mapping(reader.top, "prefer")
    reader.doubles(given, "prefer")
    return {name: reader.texts(tables, given.lines[name], f"prefer.{name}") for name, tables in given.items()}


def read_panels(reader: Reader, vocabulary: Vocabulary) -> tuple[PanelSpec, ...]:
    """Read who was tested for what."""
    given = reader.top.get("panels", [])
    line = reader.top.lines.get("panels")
    if not isinstance(given, list):
        reader.problem(line, "panels", "A list of panels is expected here.")
        return ()
    panels = []
    for number, item in enumerate(given, start=1):
        if isinstance(item, Located):
            panels.append(_read_panel(reader, item, f"panels.{item.get('name') or number}", vocabulary))
        else:
            reader.problem(line, f"panels.{number}", "A panel is a mapping with name, tested and covers.")
    return tuple(panels)


def _read_panel(reader: Reader, given: Located, where: str, vocabulary: Vocabulary) -> PanelSpec:
    reader.keys(given, PANEL, where)
    name = reader.text(given, "name", where, required=True)
    tested = reader.text(given, "tested", where, required=True)
    left, colon, expression = tested.partition(":")
    table, _, column = left.strip().partition(".")
    line = given.lines.get("tested")
    checked = reader.expression(expression.strip(), line, f"{where}.tested", "condition") if colon else None
    if colon and column:
        reader.problem(line, f"{where}.tested", "A flag column takes no expression.", "Say `table: expression`.")
    line = given.lines.get("covers")
    texts = reader.texts(given.get("covers", []), line, f"{where}.covers")
    if not texts:
        reader.problem(line or given.lines.get("name"), f"{where}.covers", "The panel covers nothing.")
    covers = [_read_cover(reader, text, line, f"{where}.covers", vocabulary) for text in texts]
    return PanelSpec(name, table, tuple(c for c in covers if c), column=column or None, expression=checked)


def _read_cover(reader: Reader, text: str, line: int | None, name: str, vocabulary: Vocabulary) -> Cover | None:
    """Read ``table.column``, the CURIE of a concept, or the symbol of a gene."""
    if ":" in text:
        concept = vocabulary.resolve(text)
        if concept is None:
            reader.problem(line, name, f"The vocabulary has no concept {text}.")
            return None
        return Cover(text, concept_id=vocabulary.as_record(concept.id, "Mutation"))
    if "." in text:
        table, column = reader.column(text, line, name) or ("", "")
        return Cover(text, table, column) if table else None
    gene = vocabulary.codes("HGNC", "Mutation").get(text)
    if gene is None:
        advice = "A panel covers `table.column`, a concept's CURIE, or a gene's symbol."
        reader.problem(line, name, f"{text!r} is no gene that the vocabulary knows.", advice)
        return None
    return Cover(text, concept_id=gene)
