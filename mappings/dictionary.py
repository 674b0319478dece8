"""Read ``dictionary.tsv``: one row for each delivered or derived column, or for those that a glob covers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from haemony.engine.dates import date_patterns
from haemony.engine.errors import Problem
from haemony.mappings.curie import canonical, matches, nearest
from haemony.mappings.model import DICTIONARY, Format, Link, Qualifier, Row, Use
from haemony.ontology.units import is_ucum

if TYPE_CHECKING:
    from haemony.ontology.schema import Schema

COLUMNS = ("table", "variable", "label", "use", "record", "field", "unit", "format", "at", "of", "note")
REQUIRED = ("table", "variable", "use")
USES: tuple[Use, ...] = get_args(Use)
#: Columns that speak of a record, and so stand only on a row that maps.
MAPPED_ONLY = ("record", "field", "of")
_TAG = re.compile(r"[A-Za-z0-9_.-]+")
_OF = re.compile(r"(?:([^\s.]+)\.)?(\S+?)(?: by (.+))?")
_LETTERS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Line:
    """One row of a tab-separated file: its number and its trimmed cells by column."""

    number: int
    cells: dict[str, str]


def read_tsv(
    text: str, first_line: int, file: str, problems: list[Problem], short: list[Problem] | None = None
) -> tuple[list[str], list[Line]]:
    """Return the header and the rows of a tab-separated text; note rows of another width and broken quotes.

    Where `short` is given, rows that lack cells at their end are noted there and read all the same.
    """
    rows = _rows(text, first_line, file, problems)
    header: list[str] = []
    lines: list[Line] = []
    for number, cells in rows:
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if not header:
            header = _header(cells, number, file, problems)
        elif len(cells) > len(header) and any(cells[len(header) :]):
            problems.append(_width(file, number, len(cells), len(header)))
        elif len(cells) < len(header) and short is None:
            problems.append(_width(file, number, len(cells), len(header)))
        else:
            if len(cells) < len(header) and short is not None:
                short.append(_width(file, number, len(cells), len(header)))
            padded = [*cells, *[""] * len(header)]
            lines.append(Line(number, dict(zip(header, padded, strict=False))))
    if not header:
        problems.append(Problem(file, None, "", "The file is empty.", "It needs a header row."))
    return header, lines


def _rows(text: str, first_line: int, file: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter="\t", strict=True)
    start = 0
    try:
        for cells in reader:
            number = first_line + start
            start = reader.line_num
            if any("\n" in cell for cell in cells):
                problems.append(Problem(file, number, "", "A quoted cell runs over several lines.", "Close its quote."))
            else:
                yield number, cells
    except csv.Error as error:
        advice = 'A cell that begins with " ends with " and doubles those inside.'
        problems.append(Problem(file, first_line + start, "", f"The quotes are broken: {error}.", advice))


def _header(cells: list[str], number: int, file: str, problems: list[Problem]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    for name in sorted({name for name in cells if cells.count(name) > 1}):
        problems.append(Problem(file, number, name, "The column stands twice in the header.", "Keep one."))
    return cells


def _width(file: str, line: int, cells: int, wanted: int) -> Problem:
    return Problem(file, line, "", f"The row has {cells} cells, the header {wanted}.", "Count the tabs.")


def read_text(path: Path, file: str, problems: list[Problem]) -> str | None:
    """Return the text of a file, or note why it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        problems.append(Problem(file, None, "", "The file is missing.", f"A partner's folder holds {path.name}."))
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        problems.append(Problem(file, line, "", "The file is not UTF-8.", "Save it as UTF-8."))
    return None


def read_dictionary(path: Path, schema: Schema, problems: list[Problem]) -> tuple[Row, ...]:
    """Read the dictionary of a partner, noting every problem that a row shows by itself."""
    file = f"{path.parent.name}/{DICTIONARY}"
    text = read_text(path, file, problems)
    if text is None:
        return ()
    header, lines = read_tsv(text, 1, file, problems)
    for name in header:
        if name not in COLUMNS:
            problems.append(Problem(file, 1, name, "Unknown column.", nearest(name, COLUMNS)))
    lacking = [name for name in REQUIRED if header and name not in header]
    problems.extend(Problem(file, 1, name, "The column is missing.") for name in lacking)
    if lacking:
        return ()
    rows = tuple(_RowReader(file, line, schema, problems).read() for line in lines)
    _check_unique(file, rows, problems)
    return rows


def _check_unique(file: str, rows: Sequence[Row], problems: list[Problem]) -> None:
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        line = first.setdefault((row.table, row.variable), row.line)
        if line != row.line:
            message = f"{row.table}.{row.variable} has a row already (line {line})."
            advice = "One column fills one field; for a second, `derive` a copy."
            problems.append(Problem(file, row.line, "variable", message, advice))


class Finder:
    """Find the row that speaks for a column: its own, else that of the glob that says most about it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._own = {(row.table, row.variable): row for row in reversed(rows)}
        self._globs: dict[str, list[Row]] = {}
        for row in sorted((r for r in rows if r.glob), key=_said, reverse=True):
            self._globs.setdefault(row.table, []).append(row)

    def find(self, table: str, column: str) -> Row | None:
        """Return the row of a column, or None where no row covers it."""
        own = self._own.get((table, column))
        return own or next((r for r in self._globs.get(table, ()) if matches(r.variable, column)), None)

    def tied(self, table: str, column: str) -> tuple[Row, Row] | None:
        """Return two globs that cover a column equally well, if there are such."""
        if (table, column) in self._own:
            return None
        covering = [row for row in self._globs.get(table, ()) if matches(row.variable, column)]
        if len(covering) > 1 and _said(covering[0]) == _said(covering[1]):
            return covering[0], covering[1]
        return None

    def names(self, table: str) -> list[str]:
        """Return the variables of a table."""
        return [row.variable for row in self.rows if row.table == table]


def _said(row: Row) -> int:
    return len(row.variable.replace("*", ""))


class _RowReader:
    """Read one line of the dictionary."""

    def __init__(self, file: str, line: Line, schema: Schema, problems: list[Problem]) -> None:
        self.file = file
        self.number = line.number
        self.cells = {name: line.cells.get(name, "") for name in COLUMNS}
        self.schema = schema
        self.problems = problems

    def problem(self, column: str, message: str, advice: str = "") -> None:
        """Note a problem of this line."""
        self.problems.append(Problem(self.file, self.number, column, message, advice))

    def read(self) -> Row:
        """Return the row; parts at fault are left empty."""
        cells = self.cells
        for name in REQUIRED:
            if not cells[name]:
                self.problem(name, "The cell is required.")
        use = self._use()
        mapped = use == "map"
        record_class, tag = self._record() if mapped else ("", "")
        field, qualifier = self._field(record_class) if mapped else ("", "")
        if use in ("ignore", "drop") and not cells["note"]:
            self.problem("note", f"A row of use {use} needs a note.", "Say why.")
        return Row(
            line=self.number,
            table=cells["table"],
            variable=cells["variable"],
            label=cells["label"],
            use=use,
            record_class=record_class,
            tag=tag,
            field=field,
            qualifier=qualifier,
            unit=self._unit(),
            format=self._format(),
            at=cells["at"],
            of=self._of() if mapped else None,
            note=cells["note"],
        )

    def _use(self) -> Use:
        for use in USES:
            if self.cells["use"] == use:
                self._check_idle(use)
                return use
        if self.cells["use"]:
            self.problem("use", f"Unknown use {self.cells['use']!r}.", nearest(self.cells["use"], USES))
        return "ignore" if self.cells["note"] else "context"

    def _check_idle(self, use: Use) -> None:
        if use in ("key", "context"):
            for name in (n for n in MAPPED_ONLY if self.cells[n]):
                self.problem(name, f"A column of use {use} fills no field.", "Leave the cell empty, or say `map`.")

    def _record(self) -> tuple[str, str]:
        name, hash_sign, tag = self.cells["record"].partition("#")
        records = [c.name for c in self.schema.records]
        if name and name not in records:
            self.problem("record", f"Unknown class {name!r}.", nearest(name, records))
            name = ""
        if hash_sign and not _TAG.fullmatch(tag):
            self.problem("record", f"{tag!r} is no tag.", "A tag is letters, digits, `_`, `.` and `-`.")
            tag = ""
        if name == "Patient" and tag:
            self.problem("record", "Patient takes no tag.", "The roster makes one Patient a row.")
            tag = ""
        return name, tag

    def _field(self, record_class: str) -> tuple[str, Qualifier]:
        field, _, suffix = self.cells["field"].partition(".")
        qualifier: Qualifier = "unit" if suffix == "unit" else "operator" if suffix == "operator" else ""
        if suffix and not qualifier:
            self.problem("field", f"Unknown field {self.cells['field']!r}.", "Only `.unit` and `.operator` may follow.")
        if record_class and field:
            self._check_field(record_class, field, qualifier)
        return field, qualifier

    def _check_field(self, record_class: str, field: str, qualifier: Qualifier) -> None:
        cls = self.schema[record_class]
        known = [f.name for f in cls.fields if f.mappable] + (["present"] if cls.has("concept") else [])
        if field == "present" and cls.has("concept"):
            if qualifier:
                self.problem("field", f"`present` has no {qualifier}.")
            return
        if not cls.has(field):
            self.problem("field", f"{record_class} has no field {field!r}.", nearest(field, known))
        elif not cls.field(field).mappable:
            how = "link: fill it by `of`" if cls.field(field).role == "link" else "field that Haemony computes"
            self.problem("field", f"{record_class}.{field} is a {how}.", f"Fields to map: {', '.join(known)}.")
        elif qualifier and cls.field(field).kind not in ("decimal", "integer"):
            self.problem("field", f"{record_class}.{field} is no number and has no {qualifier}.")
        elif qualifier == "operator" and not cls.has("operator"):
            self.problem("field", f"{record_class} has no operator.")

    def _unit(self) -> str:
        unit = self.cells["unit"]
        if unit and not is_ucum(unit):
            self.problem("unit", f"{unit!r} is not a UCUM code.", "UCUM writes 10*9/L, g/dL, U/L, mo; case counts.")
            return ""
        return unit

    def _format(self) -> Format:
        text = self.cells["format"]
        try:
            return parse_format(text)
        except ValueError as error:
            advice = "A format is a date (dd/MM/yyyy), a flag (1|0) or a vocabulary (HGNC)."
            self.problem("format", f"{text!r}: {error}.", advice)
            return Format()

    def _of(self) -> Link | None:
        text = " ".join(self.cells["of"].split())
        if not text:
            return None
        match = _OF.fullmatch(text)
        if not match:
            self.problem("of", f"{text!r} is no link.", "Say `tag`, `tag by COLUMN` or `table.tag by COLUMN`.")
            return None
        table = match[1] or self.cells["table"]
        if table != self.cells["table"] and not match[3]:
            self.problem("of", f"A link to another table needs `by COLUMN`: {text!r}.")
        return Link(match[2], table, match[3] or "")


def parse_format(text: str) -> Format:
    """Read the `format` cell of the dictionary; raise ``ValueError`` where it is none.

    >>> parse_format("dd/MM/yyyy").precision, parse_format("dd/MM/yyyy;MM/yyyy").precision
    ('day', 'month')
    >>> parse_format("Yes|No|Unknown").third, parse_format("header HGNC 1|0").header
    ('Unknown', 'HGNC')
    """
    if not text:
        return Format()
    if text.startswith("header "):
        vocabulary, _, flag = text.removeprefix("header ").strip().partition(" ")
        if "|" not in flag:
            raise ValueError("`header` takes a vocabulary and a flag, as in `header HGNC 1|0`")
        return _flag(flag, vocabulary)
    if "|" in text:
        return _flag(text, "")
    if _is_date(text):
        return _date(text)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*( [A-Za-z0-9_-]+)*", text) and text != text.lower():
        return Format("codes", vocabulary=text)
    raise ValueError("it is neither a date, a flag nor a vocabulary")


def _flag(text: str, header: str) -> Format:
    parts = [canonical(part) for part in text.split("|")]
    if len(parts) > 3:
        raise ValueError("a flag has two or three texts: true|false|not tested")
    true, false, third = (*parts, "")[:3]
    if not true:
        raise ValueError("a flag needs the text that means true")
    if len({part for part in parts if part}) != len([part for part in parts if part]):
        raise ValueError("the texts of a flag differ")
    return Format("flag", true=true, false=false, third=third, header=header)


def _is_date(text: str) -> bool:
    words = _LETTERS.findall(re.sub(r"\[[a-z]+\]", "", text))
    return bool(words) and all(set(word.lower()) <= set("ymdhstz") for word in words) and "y" in text.lower()


def _date(text: str) -> Format:
    patterns = date_patterns(text)
    coarsest = max((p.precision for p in patterns), key=("day", "month", "year").index)
    return Format("date", pattern=text, precision=coarsest)
