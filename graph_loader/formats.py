"""Formats: how a delivered file of any kind becomes rows of text.

`peek` looks into a file; `frame_table` streams one into the engine, so that its text stands on no disk before its keys
are hashed. Delimited text goes another way (`delimited`): the engine reads it itself.
"""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import duckdb
import openpyxl
import pyarrow as pa
import pyreadr
import xlrd

from haemony.engine.errors import DeliveryError, Problem
from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.engine.session import Table
from haemony.graph_loader.archives import ZIP, UnreadableError, inner_name, members, plain_file
from haemony.graph_loader.delimited import read_top
from haemony.graph_loader.frames import OPENERS, Batches, Frame
from haemony.graph_loader.texts import ROW, schema_of
from haemony.mappings.model import FORMATS, PatientKey, TableSpec

#: What the end of a file's name says of it; any other name is that of delimited text.
SUFFIXES: Final[Mapping[str, str]] = {
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xls",
    ".parquet": "parquet",
    ".sas7bdat": "sas7bdat",
    ".xpt": "xpt",
    ".sav": "sav",
    ".zsav": "sav",
    ".por": "por",
    ".dta": "dta",
    ".rdata": "rdata",
    ".rda": "rdata",
    ".rds": "rds",
}
assert set(SUFFIXES.values()) == set(OPENERS) == set(FORMATS) - {"csv"}


@dataclass(frozen=True)
class Delivered:
    """What a file shows at first sight: its columns, what they and their codes are called there, and some rows.

    `labels` are by column, `value_labels` by column and code; both as far as the format holds them (SAS, SPSS, Stata).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def format_of(path: Path, spec: TableSpec) -> str:
    """Return the format of a file: the one that partner.yaml states, else what its name says."""
    return spec.format or SUFFIXES.get(Path(inner_name(path, spec.member)).suffix.lower(), "csv")


def peek(path: Path, spec: TableSpec | None = None, rows: int = 20) -> Delivered:
    """Look into a file of any format: its columns and labels, and its first rows as text.

    ``spec`` says how the file is laid out, where its name does not; only the keys of a file count (``sheet``,
    ``encoding``, ...). Raises ``DeliveryError``.
    """
    spec = spec or TableSpec(path.name, path.name, PatientKey(""))
    with named_faults(spec):
        if format_of(path, spec) == "csv":
            top = read_top(path, spec, rows)
            return Delivered(top.columns, top.rows)
    with opened(path, spec) as frame:
        found: list[tuple[str | None, ...]] = []
        for part in frame.batches(frame.columns, rows) if rows else ():
            columns = [part.column(name).to_pylist() for name in frame.columns]
            found += zip(*columns, strict=True)
        return Delivered(frame.columns, tuple(found), frame.labels, frame.value_labels)


def contents(path: Path) -> list[str]:
    """List the parts of a file that `member`, `sheet` or `object` may name; none where there is nothing to choose."""
    with named_faults(TableSpec(path.name, path.name, PatientKey(""))):
        match SUFFIXES.get(path.suffix.lower(), path.suffix.lower()):
            case "xlsx":
                book = openpyxl.load_workbook(path, read_only=True)
                return [sheet.title for sheet in book.worksheets]
            case "xls":
                return list(xlrd.open_workbook(path, on_demand=True).sheet_names())
            case "rdata":
                return [str(name) for name in pyreadr.read_r(path, row_limit=1)]
            case suffix if suffix == ZIP:
                return members(path)
    return []


@contextmanager
def opened(path: Path, spec: TableSpec, folder: Path | None = None) -> Iterator[Frame]:
    """Open a file that is no delimited text; what it shows to be wrong is raised as ``DeliveryError``."""
    with ExitStack() as stack:
        with named_faults(spec):
            plain = stack.enter_context(plain_file(path, spec.member, folder))
            frame = stack.enter_context(OPENERS[format_of(path, spec)](plain, spec))
        yield replace(frame, batches=partial(_named_batches, spec, frame.batches))


def _named_batches(spec: TableSpec, batches: Batches, columns: Sequence[str], limit: int) -> Iterator[pa.RecordBatch]:
    with named_faults(spec):
        yield from batches(columns, limit)


@contextmanager
def frame_table(session: Session, spec: TableSpec, path: Path, columns: Sequence[str]) -> Iterator[Table]:
    """Name the wanted columns of a file as a table that can be read once, while the file is open."""
    folder = session.folder / "land"
    folder.mkdir(parents=True, exist_ok=True)
    faults: list[DeliveryError] = []
    view = f"delivered_{spec.name}"
    with opened(path, spec, folder) as frame:
        batches = _noted(faults, lambda: frame.batches(columns, 0))
        reader = pa.RecordBatchReader.from_batches(schema_of(columns), batches)
        session.connection.con.register(view, reader)
        try:
            yield session.connection.table(view)
        except duckdb.Error:
            if faults:
                raise faults[0] from None
            raise
        finally:
            session.connection.con.unregister(view)


def _noted(faults: list[DeliveryError], batches: Callable[[], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Keep what goes wrong: the engine, which pulls the batches, would wrap it."""
    try:
        yield from batches()
    except DeliveryError as error:
        faults.append(error)
        raise


@contextmanager
def named_faults(spec: TableSpec) -> Iterator[None]:
    """Name the file of what goes wrong while it is read.

    A damaged file makes its library raise almost anything, and the message may repeat what the file holds.
    """
    try:
        yield
    except DeliveryError:
        raise
    except UnreadableError as error:
        raise DeliveryError([error.of(spec.file)]) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise DeliveryError([Problem(spec.file, None, "", *_fault(spec, error))]) from None


def _fault(spec: TableSpec, error: Exception) -> tuple[str, str]:
    if isinstance(error, MemoryError):
        return "the file asks for more memory than there is.", "It may be damaged: deliver it again."
    if isinstance(error, PermissionError):
        return "the file may not be read.", "Change its permissions."
    if isinstance(error, zipfile.BadZipFile) and spec.file.lower().endswith(ZIP):
        return "the file is no whole zip archive.", "Deliver it again."
    kind = spec.format or SUFFIXES.get(Path(spec.file).suffix.lower(), "table")
    message = f"the file cannot be read as {kind}." if kind != "table" else "the file cannot be read as a table."
    return message, "It may be damaged: deliver it again. If it is of another format, say its `format` in partner.yaml."


__all__ = ["ROW", "Delivered", "contents", "format_of", "frame_table", "named_faults", "opened", "peek"]
