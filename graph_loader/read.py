"""Read: land each delivered file as text with its row number, keys already replaced by pseudonyms.

A file becomes a table of text in one of two ways. Delimited text is read by the engine itself (`delimited.csv_table`).
A file of any other format is opened by its library and streamed in batches (`formats.frame_table`), so that its text
stands on no disk. From there on all are alike (`_pseudonymous`): drop, trim, hash, lay down.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from haemony.engine.errors import BuildError, DeliveryError, MappingError, Problem
from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.engine.plan import keyed_hash, text_literal, without_missing
from haemony.engine.session import Column, Table
from haemony.graph_loader import texts
from haemony.graph_loader.archives import UnreadableError
from haemony.graph_loader.delimited import Top, csv_table, either_way, read_top, rejected_rows
from haemony.graph_loader.formats import format_of, frame_table, named_faults, peek
from haemony.mappings.expression import to_ibis
from haemony.mappings.model import Partner, TableSpec, Variable
from haemony.mappings.partner import expand, sort_problems
from haemony.mappings.variables import assumed_headers
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: Names of the columns that landing adds; no delivered header looks like them.
ROW: Final = texts.ROW
PATIENT: Final = "haemony_patient"


@dataclass(frozen=True)
class Header:
    """The columns of a delivered file; of delimited text also how it begins."""

    path: Path
    columns: tuple[str, ...]
    top: Top | None = None


@dataclass(frozen=True)
class Landed:
    """A delivered table as it landed: text, with ``ROW`` counting as a spreadsheet does (the header is row 1).

    Empty lines of a delimited file are not counted; empty rows of a sheet are, but are no rows.
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
            if header.top is None:
                with frame_table(session, spec, header.path, ()) as source:
                    problems.extend(_no_rows(spec, session.count(source)))
            else:
                rows = session.count(csv_table(session, spec, header.path, header.top))
                problems.extend(rejected_rows(session, spec) or _no_rows(spec, rows))
    return problems


def _read_header(spec: TableSpec, path: Path) -> Header:
    if not path.is_file():
        advice = f"Deliver it, or correct `file` of table {spec.name!r} in partner.yaml (it is relative to --data)."
        raise DeliveryError([Problem(spec.file, None, "", "the file is missing.", advice)])
    with named_faults(spec):
        if format_of(path, spec) == "csv":
            top = read_top(path, spec, 1)
            header = Header(path, top.columns, top)
        else:
            header = Header(path, peek(path, spec, 0).columns)
        if fault := _header_fault(header.columns):
            raise UnreadableError(*fault)
    return header


def _header_fault(columns: Sequence[str]) -> tuple[str, str] | None:
    """Return what is wrong with a header line, and what to do about it.

    Columns are counted, not named: where the line is no header, its names are somebody's data.
    """
    if not any(columns):
        return "the file is empty.", "Deliver it again, with a header line."
    if odd := [number for number, name in enumerate(columns, start=1) if "\0" in name]:
        advice = "The file may be of another encoding, or no text at all."
        return f"the name of column {odd[0]} holds a NUL character.", advice
    if "" in columns:
        return f"column {columns.index('') + 1} has no name.", "Give it one, and a row in the dictionary."
    if doubled := _alike(columns):
        advice = "Every column needs its own name. Is the first line a header at all?"
        return f"columns {doubled} have the same name.", advice
    if alike := _alike([name.casefold() for name in columns]):
        return f"the names of columns {alike} differ in case only.", "Rename one of them."
    return None


def _alike(names: Sequence[str]) -> str:
    """Count the columns of the first name that stands more than once.

    >>> _alike(["a", "b", "a"]), _alike(["a", "b"])
    ('1 and 3', '')
    """
    doubled = next((name for name in names if names.count(name) > 1), None)
    places = [str(number) for number, name in enumerate(names, start=1) if name == doubled]
    return f"{', '.join(places[:-1])} and {places[-1]}" if places else ""


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
            landed[spec.name], faults = _land_table(session, partner, spec, headers[spec.name], mine)
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


def _land_table(
    session: Session, partner: Partner, spec: TableSpec, header: Header, variables: Sequence[Variable]
) -> tuple[Landed, list[Problem]]:
    def lay(source: Table) -> Landed:
        table = session.lay(_pseudonymous(partner, spec, source, variables), f"land/{spec.name}")
        return Landed(table, session.count(table), header)

    if header.top is None:
        with frame_table(session, spec, header.path, [v.column for v in variables if v.use != "drop"]) as source:
            return lay(source), []
    return either_way(session, spec, header.path, header.top, lay)


@contextmanager
def _one_fault(spec: TableSpec, problems: list[Problem]) -> Iterator[None]:
    """Note a file that the engine refuses as a whole; its own message may repeat a row, so it is not shown."""
    try:
        yield
    except DeliveryError as error:
        problems.extend(error.problems)
    except UnreadableError as error:
        problems.append(error.of(spec.file))
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


def _pseudonymous(partner: Partner, spec: TableSpec, source: Table, variables: Sequence[Variable]) -> Table:
    """Return what may be written of a delivered table: no ``drop`` column, and keys as keyed hashes."""
    read = {v.column: without_missing(source[v.column], spec.codes(v.column)) for v in variables if v.use != "drop"}
    clean = source.mutate(**read)
    key = to_ibis(spec.patient.expression, clean, decimal_mark=spec.decimal, thousands=spec.thousands)
    if spec.patient.column:
        key = clean[spec.patient.column]
    linked = _linking_columns(partner, spec)
    columns: dict[str, Column] = {ROW: clean[ROW], PATIENT: pseudonym(partner.name, key)}
    for variable in variables:
        if variable.use == "key" or variable.column in linked:
            columns[variable.column] = pseudonym(partner.name, clean[variable.column])
        elif variable.use != "drop":
            columns[variable.column] = clean[variable.column]
    return clean.select(**columns)


def pseudonym(partner: str, key: Column) -> Column:
    """Return the keyed hash that stands for a partner's patient or sample key."""
    return keyed_hash(text_literal(partner) + text_literal("\x1f") + key)


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
