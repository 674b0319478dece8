"""Read: land each delivered file as text with its row number, keys already replaced by pseudonyms."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb

from haemony.engine.errors import BuildError, DeliveryError, MappingError, Problem
from haemony.engine.plan import keyed_hash, text_literal, without_missing
from haemony.engine.session import Column, Session, Table, quoted
from haemony.mappings.expression import to_ibis
from haemony.mappings.model import Partner, TableSpec, Variable
from haemony.mappings.partner import expand, sort_problems
from haemony.mappings.variables import assumed_headers
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: Names of the columns that landing adds; no delivered header looks like them.
ROW: Final = "haemony_row"
PATIENT: Final = "haemony_patient"

#: Encodings that DuckDB's reader knows; others are re-encoded on the way.
NATIVE_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "ascii": "utf-8",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "utf-16": "utf-16",
}


@dataclass(frozen=True)
class Header:
    """The first line of a delivered file, and how its lines end."""

    path: Path
    columns: tuple[str, ...]
    line_end: str


@dataclass(frozen=True)
class Landed:
    """A delivered table as it landed: text, with ``ROW`` counting as a spreadsheet does (the header is row 1).

    Empty lines are no rows and are not counted.
    """

    table: Table
    rows: int
    header: Header


def read_delivery(
    session: Session, partner: Partner, data: Path, vocabulary: Vocabulary, schema: Schema
) -> tuple[tuple[Variable, ...], dict[str, Landed]]:
    """Land a delivery; return the variables of its columns, and its tables.

    Raises ``DeliveryError`` with every fault of every file: missing, empty, another encoding, columns that the
    dictionary lacks or that are not delivered, broken rows. ``MappingError`` where the three files alone are at fault.
    """
    headers, problems = _headers(partner, data)
    columns = assumed_headers(partner) | {name: list(header.columns) for name, header in headers.items()}
    try:
        variables = expand(partner, columns, vocabulary, schema)
    except MappingError as error:
        problems += scan_rows(session, partner, headers)
        if not problems:
            raise
        raise DeliveryError(sort_problems([*problems, *error.problems])) from None
    if problems:
        raise DeliveryError(sort_problems([*problems, *scan_rows(session, partner, headers)]))
    return variables, land(session, partner, variables, headers)


def read_headers(partner: Partner, data: Path) -> dict[str, Header]:
    """Read the first line of every file of a delivery; raise ``DeliveryError`` with every file that has none."""
    headers, problems = _headers(partner, data)
    if problems:
        raise DeliveryError(problems)
    return headers


def _headers(partner: Partner, data: Path) -> tuple[dict[str, Header], list[Problem]]:
    headers: dict[str, Header] = {}
    problems: list[Problem] = []
    for spec in partner.tables.values():
        try:
            headers[spec.name] = _read_header(spec, data / spec.file)
        except DeliveryError as error:
            problems.extend(error.problems)
    return headers, problems


def scan_rows(session: Session, partner: Partner, headers: Mapping[str, Header]) -> list[Problem]:
    """Find the broken rows of the files, without landing them: for a delivery that is refused anyway."""
    problems: list[Problem] = []
    for name, header in headers.items():
        spec = partner.tables[name]
        with _one_fault(spec, problems):
            rows = session.count(_csv_table(session, spec, header))
            problems.extend(_rejected_rows(session, spec) or _no_rows(spec, rows))
    return problems


def _read_header(spec: TableSpec, path: Path) -> Header:
    def fail(message: str, advice: str) -> DeliveryError:
        return DeliveryError([Problem(spec.file, None, "", message, advice)])

    if not path.is_file():
        raise fail(
            "the file is missing.",
            f"Deliver it, or correct `file` of table {spec.name!r} in partner.yaml (it is relative to --data).",
        )
    try:
        with path.open(encoding=_decoder(spec.encoding), newline="") as lines:
            sample = lines.read(1 << 16)
            lines.seek(0)
            reader = csv.reader(
                lines,
                delimiter=spec.separator,
                quotechar=spec.quote or None,
                quoting=csv.QUOTE_MINIMAL if spec.quote else csv.QUOTE_NONE,
            )
            first = next(reader, [])
            second = next(reader, [])
    except UnicodeError:
        raise fail(f"the text is not {spec.encoding}.", "Set `encoding` of the table in partner.yaml.") from None
    except LookupError:
        raise fail(f"there is no encoding {spec.encoding!r}.", "Set `encoding` of the table in partner.yaml.") from None
    except csv.Error:
        raise fail(
            "the first lines cannot be read as a table.", "Check `separator` and `quote` in partner.yaml."
        ) from None
    columns = [name.strip() for name in first]
    if len(second) == len(columns) + 1 and any(columns):
        columns = ["row.names", *columns]  # R's write.table leaves the row names without a header
    if fault := _header_fault(columns):
        raise fail(*fault)
    return Header(path, tuple(columns), _line_end(sample))


def _header_fault(columns: Sequence[str]) -> tuple[str, str] | None:
    """Return what is wrong with a header line, and what to do about it."""
    if not any(columns):
        return "the file is empty.", "Deliver it again, with a header line."
    if "" in columns:
        return f"column {columns.index('') + 1} has no name.", "Give it one, and a row in the dictionary."
    if doubled := sorted({name for name in columns if columns.count(name) > 1}):
        return f"the header names {', '.join(map(repr, doubled))} more than once.", "Every column needs its own name."
    folded = [name.casefold() for name in columns]
    if alike := sorted({name for name in columns if folded.count(name.casefold()) > 1}):
        return f"the columns {', '.join(map(repr, alike))} differ in case only.", "Rename one of them."
    return None


def _line_end(sample: str) -> str:
    """Return the line end that most lines of a sample have: some files end their lines with a bare CR."""
    both = sample.count("\r\n")
    counts = {"\n": sample.count("\n") - both, "\r\n": both, "\r": sample.count("\r") - both}
    return max(counts, key=lambda end: counts[end])


def _decoder(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding


def land(
    session: Session, partner: Partner, variables: Sequence[Variable], headers: Mapping[str, Header]
) -> dict[str, Landed]:
    """Land all tables of a delivery; raise ``DeliveryError`` with every row whose structure is broken.

    Columns marked ``drop`` are not read. Keys are replaced by keyed hashes before anything is written.
    """
    landed: dict[str, Landed] = {}
    problems: list[Problem] = []
    for spec in partner.tables.values():
        mine = [v for v in variables if v.table == spec.name and not v.derived]
        with _one_fault(spec, problems):
            landed[spec.name], faults = _land_either_way(session, partner, spec, headers[spec.name], mine)
            faults += _pasted_headers(session, partner, spec, landed[spec.name].table)
            problems.extend(faults or _no_rows(spec, landed[spec.name].rows))
    if problems:
        raise DeliveryError(problems)
    return landed


def _pasted_headers(session: Session, partner: Partner, spec: TableSpec, table: Table) -> list[Problem]:
    """Find header lines among the rows, as files pasted together have them: they would be patients."""
    if spec.patient.column is None:
        return []
    header = pseudonym(partner.name, text_literal(spec.patient.column))
    rows = session.rows(table.filter(table[PATIENT] == header).select(ROW).order_by(ROW))
    message = "the header stands again among the rows."
    return [Problem(spec.file, row, spec.patient.column, message, "Deliver each file by itself.") for (row,) in rows]


def _no_rows(spec: TableSpec, rows: int) -> list[Problem]:
    message = "the file has no rows below its header."
    return [] if rows else [Problem(spec.file, None, "", message, "Deliver it again.")]


def _land_either_way(
    session: Session, partner: Partner, spec: TableSpec, header: Header, variables: Sequence[Variable]
) -> tuple[Landed, list[Problem]]:
    """Land a table; where it fails, once more from a copy in which all lines end alike."""
    try:
        table = _land_table(session, partner, spec, header, variables)
        if not _rejected_rows(session, spec):
            return Landed(table, session.count(table), header), []
    except duckdb.InvalidInputException:
        _rejected_rows(session, spec)
    tidy = replace(header, path=_re_encoded(session, spec, header.path, one_line_end=True), line_end="\n")
    table = _land_table(session, partner, replace(spec, encoding="utf-8"), tidy, variables)
    return Landed(table, session.count(table), header), _rejected_rows(session, spec)


@contextmanager
def _one_fault(spec: TableSpec, problems: list[Problem]) -> Iterator[None]:
    """Note a file that the engine refuses as a whole; its own message may repeat a row, so it is not shown."""
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.IOException, UnicodeError):
        advice = "Check `encoding`, `separator` and `quote` of the table in partner.yaml, or deliver the file again."
        problems.append(Problem(spec.file, None, "", "the file cannot be read as a table.", advice))


def _linking_columns(partner: Partner, spec: TableSpec) -> set[str]:
    """Return the columns of a table that stand for patients or samples: only their hashes are kept."""
    keys = {spec.patient.column} if spec.patient.column else set()
    keys |= {
        other.patient.through[1]
        for other in partner.tables.values()
        if other.patient.through and other.patient.through[0] == spec.name
    }
    return {key for key in keys if key}


def _land_table(
    session: Session, partner: Partner, spec: TableSpec, header: Header, variables: Sequence[Variable]
) -> Table:
    source = _csv_table(session, spec, header)
    read = {v.column: without_missing(source[v.column], spec.codes(v.column)) for v in variables if v.use != "drop"}
    clean = source.mutate(**read)
    key = to_ibis(spec.patient.expression, clean, decimal_mark=spec.decimal)
    if spec.patient.column:
        key = clean[spec.patient.column]
    linked = _linking_columns(partner, spec)
    columns: dict[str, Column] = {ROW: clean[ROW], PATIENT: pseudonym(partner.name, key)}
    for variable in variables:
        if variable.use == "key" or variable.column in linked:
            columns[variable.column] = pseudonym(partner.name, clean[variable.column])
        elif variable.use != "drop":
            columns[variable.column] = clean[variable.column]
    table = session.lay(clean.select(**columns), f"land/{spec.name}")
    _re_encoded_path(session, spec).unlink(missing_ok=True)
    return table


def pseudonym(partner: str, key: Column) -> Column:
    """Return the keyed hash that stands for a partner's patient or sample key."""
    return keyed_hash(text_literal(partner) + text_literal("\x1f") + key)


def _csv_table(session: Session, spec: TableSpec, header: Header) -> Table:
    """Name a delivered file as a view of all-text columns with their row number."""
    path, encoding = header.path, NATIVE_ENCODINGS.get(spec.encoding.lower(), "")
    if not encoding:
        path, encoding = _re_encoded(session, spec, path), "utf-8"
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in header.columns)
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
        "new_line": quoted(header.line_end.encode("unicode_escape").decode()),
    }
    view = f"delivered_{spec.name}"
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    rows = f"SELECT row_number() OVER () + 1 AS {ROW}, * FROM read_csv({quoted(str(path))}, {listed})"
    session.sql(f'CREATE OR REPLACE TEMP VIEW "{view}" AS {rows}')
    return session.connection.table(view)


def _re_encoded_path(session: Session, spec: TableSpec) -> Path:
    return session.folder / "land" / f"{spec.name}.utf8"


def _re_encoded(session: Session, spec: TableSpec, path: Path, *, one_line_end: bool = False) -> Path:
    """Copy a file as UTF-8 in the session's private folder, for what the engine lacks: encodings, mixed line ends."""
    target = _re_encoded_path(session, spec)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open(encoding=_decoder(spec.encoding), newline=None if one_line_end else "") as source,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        while chunk := source.read(1 << 20):
            copy.write(chunk)
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


def _rejected_rows(session: Session, spec: TableSpec) -> list[Problem]:
    found = (
        session.connection.con.execute(
            "SELECT line, error_type::VARCHAR, min(column_name) FROM reject_errors GROUP BY ALL ORDER BY ALL LIMIT 1000"
        ).fetchall()
        if "reject_errors" in _temporary_tables(session)
        else []
    )
    for name in ("reject_errors", "reject_scans"):
        session.sql(f"DROP TABLE IF EXISTS {name}")
    return [
        Problem(
            spec.file, line, column or "", ROW_FAULTS.get(kind, "the row cannot be read."), "Deliver the file again."
        )
        for line, kind, column in found
    ]


def _temporary_tables(session: Session) -> set[str]:
    return {name for (name,) in session.connection.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def set_secret(session: Session, secret: str) -> None:
    """Give a session the secret under which keys become pseudonyms."""
    session.connection.con.execute("SET VARIABLE haemony_secret = $1", [secret])


#: Bytes of a secret, and the shortest text that is accepted as one.
SECRET_BYTES, SHORTEST_SECRET = 32, 32


def read_secret(path: Path) -> str:
    """Read the secret of this installation; make it on the first run.

    It is 256 random bits in a file that only its owner can read, outside every build folder. Whoever holds it can
    link a pseudonym to a key; whoever loses it cannot link a later delivery to an earlier one. Raises ``BuildError``
    where the file holds no secret: without one, pseudonyms could be undone by trying keys.
    """
    if not path.exists():
        _make_secret(path)
    secret = path.read_text().strip()
    if len(secret) < SHORTEST_SECRET:
        raise BuildError(
            f"the secret file {path} holds no secret of at least {SHORTEST_SECRET} characters. Restore it from your "
            "backup; remove it to have a new one made, under which earlier pseudonyms are not found again."
        )
    return secret


def _make_secret(path: Path) -> None:
    """Write a new secret whole or not at all; of two first runs at once, one secret counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
