"""Delimited text: CSV and its kin, read by DuckDB's own reader after its header was read here."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import duckdb

from haemony.engine.errors import Problem
from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.engine.session import Table
from haemony.engine.sql import quoted
from haemony.graph_loader.archives import ARCHIVE_FAULTS, UnreadableError, is_archive, open_bytes, private_file
from haemony.graph_loader.texts import ROW
from haemony.mappings.model import TableSpec

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

T = TypeVar("T")

#: Encodings that DuckDB's reader knows; others are re-encoded on the way.
NATIVE_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "ascii": "utf-8",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
}
#: Stands for a separator of several characters while the first lines are read.
_ONE: Final = "\x1f"
#: How files begin that are no text, and what they are.
NO_TEXT: Final = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed by gzip",
    b"PAR1": "a Parquet file",
    b"$FL2": "an SPSS file",
    b"RDX": "an R file",
}


@dataclass(frozen=True)
class Top:
    """The first lines of a file: its header, some rows, and how lines end."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line_end: str


def read_top(path: Path, spec: TableSpec, rows: int) -> Top:
    """Read the header of a delimited file and its first rows."""
    try:
        with _open_text(path, spec, newline="") as lines:
            sample = lines.read(1 << 16)
        with _open_text(path, spec, newline="") as lines:
            reader = _reader(islice(lines, spec.header_row - 1, None), spec)
            first: list[str] = next(reader, [])
            found = list(islice((row for row in reader if row), rows))
    except UnicodeError:
        raise UnreadableError(f"the text is not {spec.encoding}.", _disguise(path, spec)) from None
    except csv.Error:
        message = "the first lines cannot be read as a table."
        raise UnreadableError(
            message, _disguise(path, spec, "Check `separator` and `quote` in partner.yaml.")
        ) from None
    columns = [name.strip() for name in first]
    if found and len(found[0]) == len(columns) + 1 and any(columns):
        columns = ["row.names", *columns]  # R's write.table leaves the row names without a header
    if not any(columns) and found:
        advice = "Say in which row the names of the columns stand, as `header_row: 3` in partner.yaml."
        raise UnreadableError(f"row {spec.header_row} is empty.", advice)
    return Top(tuple(columns), tuple(tuple(row) for row in found), _line_end(sample))


def _reader(lines: Iterator[str], spec: TableSpec) -> Iterator[list[str]]:
    if len(spec.separator) > 1:
        return csv_rows((line.replace(spec.separator, _ONE) for line in lines), _ONE, spec.quote)
    return csv_rows(lines, spec.separator, spec.quote)


def csv_rows(lines: Iterable[str], separator: str, quote: str) -> CsvReader:
    """Read lines whose cells one character separates and one, or none, quotes."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=separator, quotechar=quote or None, quoting=quoting)


def _disguise(path: Path, spec: TableSpec, otherwise: str = "Set `encoding` of the table in partner.yaml.") -> str:
    """Return what to do about a file that is no text of the named encoding: it may be no text at all."""
    with open_bytes(path, spec.member) as file:
        head = file.read(8)
    kind = next((kind for start, kind in NO_TEXT.items() if head.startswith(start)), None)
    return f"It is {kind}: name it so, or say its `format` in partner.yaml." if kind else otherwise


def _line_end(sample: str) -> str:
    """Return the line end that most lines of a sample have: some files end their lines with a bare CR."""
    both = sample.count("\r\n")
    counts = {"\n": sample.count("\n") - both, "\r\n": both, "\r": sample.count("\r") - both}
    return max(counts, key=lambda end: counts[end])


@contextmanager
def _open_text(path: Path, spec: TableSpec, newline: str | None) -> Iterator[io.TextIOWrapper]:
    encoding = "utf-8-sig" if spec.encoding.lower() in ("utf-8", "utf8") else spec.encoding
    with open_bytes(path, spec.member) as file, io.TextIOWrapper(file, encoding, newline=newline) as lines:
        if lines.read(1) != "\ufeff":  # the mark of a UTF-16 file whose byte order was named as well
            lines.seek(0)
        yield lines


def csv_table(session: Session, spec: TableSpec, path: Path, top: Top, *, tidy: bool = False) -> Table:
    """Name a delimited file as a view of all-text columns with their row number; `tidy`: after its lines end alike."""
    encoding, line_end = NATIVE_ENCODINGS.get(spec.encoding.lower(), ""), top.line_end
    if tidy or is_archive(path) or not encoding or spec.header_row > 1:
        path, encoding = _re_encoded(session, spec, path, one_line_end=tidy), "utf-8"
        line_end = "\n" if tidy else line_end
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in top.columns)
    options = {
        "delim": quoted(spec.separator),
        "quote": quoted(spec.quote),
        "escape": quoted(spec.quote),
        "encoding": quoted(encoding),
        "columns": "{" + columns + "}",
        "header": "false",
        "skip": "1",
        "auto_detect": "false",
        "store_rejects": "true",
        "new_line": quoted(line_end.encode("unicode_escape").decode()),
    }
    view = f"delivered_{spec.name}"
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    number = f"row_number() OVER () + {spec.header_row} AS {ROW}"
    rows = f"SELECT {number}, * FROM read_csv({quoted(str(path))}, {listed})"
    session.sql(f'CREATE OR REPLACE TEMP VIEW "{view}" AS {rows}')
    return session.connection.table(view)


def either_way(
    session: Session, spec: TableSpec, path: Path, top: Top, use: Callable[[Table], T]
) -> tuple[T, list[Problem]]:
    """Use a delimited file; where that fails, once more from a copy in which all lines end alike.

    Returns what the use gives, and the rows that were rejected. No copy of the file is left.
    """
    try:
        try:
            used = use(csv_table(session, spec, path, top))
            if not rejected_rows(session, spec):
                return used, []
        except duckdb.InvalidInputException:
            rejected_rows(session, spec)
        used = use(csv_table(session, spec, path, top, tidy=True))
        return used, rejected_rows(session, spec)
    finally:
        private_copy(session, spec).unlink(missing_ok=True)


def private_copy(session: Session, spec: TableSpec) -> Path:
    """Return where a table's file is copied for what the engine lacks; whoever reads it removes it."""
    return session.folder / "land" / f"{spec.name}.utf8"


def _re_encoded(session: Session, spec: TableSpec, path: Path, *, one_line_end: bool) -> Path:
    """Copy a file from its header on as UTF-8 in the session's private folder: what the engine cannot read itself."""
    target = private_copy(session, spec)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            _open_text(path, spec, newline=None if one_line_end else "") as source,
            io.TextIOWrapper(private_file(target), "utf-8", newline="") as copy,
        ):
            for _ in islice(source, spec.header_row - 1):
                pass
            while chunk := source.read(1 << 20):
                copy.write(chunk)
    except ARCHIVE_FAULTS:
        raise UnreadableError("the archive is damaged or cut short.", "Deliver it again.") from None
    return target


#: What DuckDB calls a broken row, and how a curator would say it. Its own message repeats the row's text.
ROW_FAULTS: Final = {
    "MISSING COLUMNS": "the row has too few columns; the file may be cut short.",
    "TOO MANY COLUMNS": "the row has too many columns; a separator may stand unquoted in a text.",
    "UNQUOTED VALUE": "a quotation mark is opened and never closed.",
    "INVALID ENCODING": "the text is not of the encoding that partner.yaml names.",
    "LINE SIZE OVER MAXIMUM": "the line is too long; a quotation mark may be missing.",
    "INVALID STATE": "text stands after a closing quotation mark.",
}


def rejected_rows(session: Session, spec: TableSpec) -> list[Problem]:
    """Return the rows that the reader rejected since it was last asked."""
    found = (
        session.connection.con.execute(
            "SELECT line, error_type::VARCHAR, min(column_name) FROM reject_errors GROUP BY ALL ORDER BY ALL LIMIT 1000"
        ).fetchall()
        if "reject_errors" in _temporary_tables(session)
        else []
    )
    for name in ("reject_errors", "reject_scans"):
        session.sql(f"DROP TABLE IF EXISTS {name}")
    above, advice = spec.header_row - 1, "Deliver the file again."
    return [
        Problem(spec.file, line + above, column or "", ROW_FAULTS.get(kind, "the row cannot be read."), advice)
        for line, kind, column in found
    ]


def _temporary_tables(session: Session) -> set[str]:
    return {name for (name,) in session.connection.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
