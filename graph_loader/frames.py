"""Frames: spreadsheets and the files of statistics programs, as batches of text with the numbers of their rows.

Values come as delivered: codes stay codes, factors come as the text of their levels, dates as ISO dates.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadr
import pyreadstat
import xlrd
from xlrd.sheet import Sheet

from haemony.graph_loader.archives import UnreadableError
from haemony.graph_loader.texts import array_text, batch, objects_text, series_text, text_of
from haemony.mappings.model import TableSpec

# What these libraries warn of (styles that they skip, objects that are no tables) is no concern of a delivery.
for module in ("openpyxl", "pyreadr"):
    warnings.filterwarnings("ignore", module=module)

#: Rows that are held in memory at once.
ROWS: Final = 50_000

#: Takes the columns that are wanted and the most rows that are (0: all); gives text columns beside row numbers.
Batches = Callable[[Sequence[str], int], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Frame:
    """A table inside an opened file: its columns, what they and their codes are called, and its rows on demand."""

    columns: tuple[str, ...]
    batches: Batches
    labels: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


# --- spreadsheets ----------------------------------------------------------------------------------------------------


@contextmanager
def _xlsx(path: Path, spec: TableSpec) -> Iterator[Frame]:
    with path.open("rb") as file:
        if file.read(len(OLE)) == OLE:
            raise UnreadableError(*_ole_fault(path))
    with path.open("rb") as file, closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        sheet = sheets[_one_of(list(sheets), spec.sheet, "sheet", "workbook")]
        with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path) as cells:
            _check_computed(cells)
        sheet.reset_dimensions()  # some programs write a wrong size
        yield _grid(lambda: sheet.iter_rows(values_only=True), spec.header_row)


OLE: Final = b"\xd0\xcf\x11\xe0"
#: A cell with a formula and no value; the text that a formula gives may be empty.
UNCOMPUTED: Final = re.compile(
    rb"""<c\b(?![^>]*\bt="str")[^>]*><f\b(?:[^>]*/>|[^<]*</f>)(?:<v\s*/>|<v></v>)?</c>""", re.DOTALL
)


def _check_computed(cells: IO[bytes]) -> None:
    """Refuse formulas whose values were never kept: a program wrote them that does not compute."""
    before = b""
    while part := cells.read(1 << 20):
        if UNCOMPUTED.search(before + part):
            message = "the sheet holds formulas that were never computed."
            raise UnreadableError(message, "Open it in a spreadsheet program and save it, then deliver it again.")
        before = part[-4096:]


def _ole_fault(path: Path) -> tuple[str, str]:
    """Tell a workbook behind a password from an old one: both are compound files."""
    if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
        return "the workbook is protected by a password.", "Save it without one."
    return "this is an old Excel workbook.", "Name it .xls, or say `format: xls` in partner.yaml."


@contextmanager
def _xls(path: Path, spec: TableSpec) -> Iterator[Frame]:
    with xlrd.open_workbook(path, logfile=io.StringIO(), on_demand=True) as book:
        sheet = book.sheet_by_name(_one_of(book.sheet_names(), spec.sheet, "sheet", "workbook"))
        yield _grid(lambda: _xls_rows(sheet, book.datemode), spec.header_row)


def _xls_rows(sheet: Sheet, datemode: int) -> Iterator[tuple[Any, ...]]:
    for number in range(sheet.nrows):
        yield tuple(_xls_value(cell.ctype, cell.value, datemode) for cell in sheet.row(number))


def _xls_value(kind: int, value: Any, datemode: int) -> Any:
    match kind:
        case xlrd.XL_CELL_EMPTY | xlrd.XL_CELL_BLANK:
            return None
        case xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(value, "#ERROR!")
        case xlrd.XL_CELL_BOOLEAN:
            return bool(value)
        case xlrd.XL_CELL_DATE if value >= 1:
            return xlrd.xldate_as_datetime(value, datemode)
        case xlrd.XL_CELL_DATE:
            return xlrd.xldate_as_datetime(value, datemode).time()
        case _:
            return value


def _grid(rows: Callable[[], Iterable[tuple[Any, ...]]], header_row: int) -> Frame:
    """Read a grid of cells below its header; rows without any text are no rows, yet they are counted."""
    header = [(text_of(v) or "").strip() for v in next(islice(rows(), header_row - 1, None), ())]
    while header and not header[-1]:
        header.pop()
    if not header and any(any(v is not None for v in row) for row in rows()):
        advice = "Say in which row the names of the columns stand, as `header_row: 3` in partner.yaml."
        raise UnreadableError(f"row {header_row} of the sheet is empty.", advice)
    return Frame(tuple(header), partial(_grid_batches, rows, header_row, header))


def _grid_batches(
    rows: Callable[[], Iterable[tuple[Any, ...]]],
    header_row: int,
    header: Sequence[str],
    columns: Sequence[str],
    limit: int,
) -> Iterator[pa.RecordBatch]:
    places = [header.index(name) for name in columns]
    filled: Iterator[tuple[int, tuple[Any, ...]]] = (
        (number, row)
        for number, row in enumerate(islice(rows(), header_row, None), header_row + 1)
        if any(value is not None and value != "" for value in row)
    )
    filled = islice(filled, limit or None)
    while part := list(islice(filled, ROWS)):
        for number, row in part:
            if any(value is not None and value != "" for value in row[len(header) :]):
                message = f"a cell stands right of the last column, {header[-1]!r}."
                advice = "Give its column a name, clear the cell, or say the row of the header as `header_row`."
                raise UnreadableError(message, advice, row=number)
        texts = {
            name: pa.array([text_of(row[i]) if i < len(row) else None for _, row in part], pa.string())
            for name, i in zip(columns, places, strict=True)
        }
        yield batch([number for number, _ in part], texts)


def _one_of(names: Sequence[str], wanted: str, kind: str, whole: str) -> str:
    """Return the part of a file that is asked for, or its only one."""
    if not names:
        raise UnreadableError(f"the {whole} holds no {kind}.", "Deliver it again.")
    if wanted in names or (not wanted and len(names) == 1):
        return wanted or names[0]
    found = f"the {whole} has no {kind} {wanted!r}" if wanted else f"the {whole} holds several {kind}s"
    key = kind.rpartition(" ")[0] or kind
    raise UnreadableError(f"{found}.", f"Name one as `{key}` in partner.yaml: {', '.join(map(str, names))}.")


# --- Parquet ---------------------------------------------------------------------------------------------------------


@contextmanager
def _parquet(path: Path, spec: TableSpec) -> Iterator[Frame]:
    with pq.ParquetFile(path) as file:
        names = {name.strip(): name for name in file.schema_arrow.names}

        def batches(columns: Sequence[str], limit: int) -> Iterator[pa.RecordBatch]:
            start, size = 2, min(limit, ROWS) if limit else ROWS
            for part in file.iter_batches(size, columns=[names[c] for c in columns]):
                part.validate(full=True)  # a damaged file may hold text that is no UTF-8
                end = start + (min(part.num_rows, limit) if limit else part.num_rows)
                texts = {c: array_text(part.column(names[c])[: end - start], c) for c in columns}
                yield batch(range(start, end), texts)
                start = end
                if limit:
                    return

        yield Frame(tuple(name.strip() for name in file.schema_arrow.names), batches)


# --- SAS, SPSS, Stata ------------------------------------------------------------------------------------------------

_STATISTICS: Final[Mapping[str, Callable[..., Any]]] = {
    "sas7bdat": pyreadstat.read_sas7bdat,
    "xpt": pyreadstat.read_xport,
    "sav": pyreadstat.read_sav,
    "por": pyreadstat.read_por,
    "dta": pyreadstat.read_dta,
}
#: Those that tell special missing values (``.a``) from plain ones.
_TELLS_MISSING: Final = frozenset({"sas7bdat", "sav", "dta"})


@contextmanager
def _statistics(kind: str, path: Path, spec: TableSpec) -> Iterator[Frame]:
    read = _STATISTICS[kind]
    options: dict[str, Any] = {"user_missing": True} if kind in _TELLS_MISSING else {}
    try:
        _, meta = read(path, metadataonly=True)
        read(path, row_limit=1)
    except Exception:
        # An old file may not say its own encoding, or a wrong one; partner.yaml then may know it.
        options["encoding"] = spec.encoding
        _, meta = read(path, metadataonly=True, encoding=spec.encoding)
    kinds: Mapping[str, str] = meta.readstat_variable_types
    names = {name.strip(): name for name in meta.column_names}

    def batches(columns: Sequence[str], limit: int) -> Iterator[pa.RecordBatch]:
        start, size = 2, min(limit, ROWS) if limit else ROWS
        wanted = [names[c] for c in columns] or meta.column_names[:1]
        for part, _ in pyreadstat.read_file_in_chunks(read, path, size, limit=limit, usecols=wanted, **options):
            texts = {c: _statistics_text(part[names[c]], kinds.get(names[c], ""), c) for c in columns}
            yield batch(range(start, start + len(part)), texts)
            start += len(part)

    labels = {name.strip(): label for name, label in meta.column_names_to_labels.items() if label}
    values = {
        name.strip(): {str(text_of(code)): str(label) for code, label in codes.items()}
        for name, codes in meta.variable_value_labels.items()
    }
    yield Frame(tuple(names), batches, labels, values)


def _statistics_text(values: Any, kind: str, name: str) -> pa.Array:
    """Return a column as text: a number that is a special missing value comes as it is written there, ``.a``."""
    if kind == "string":
        return series_text(values, name)
    if values.dtype == object:
        return objects_text(f".{v}" if isinstance(v, str) else v for v in values)
    return series_text(values.astype(np.float32) if kind == "float" else values, name)


# --- R ---------------------------------------------------------------------------------------------------------------


@contextmanager
def _r(path: Path, spec: TableSpec) -> Iterator[Frame]:
    header = _r_object(path, spec, 1)

    def batches(columns: Sequence[str], limit: int) -> Iterator[pa.RecordBatch]:
        whole = _r_object(path, spec, limit)
        for start in range(0, len(whole), ROWS):
            part = whole.iloc[start : start + ROWS]
            numbers = range(start + 2, start + 2 + len(part))
            yield batch(numbers, {c: series_text(part[c], c) for c in columns})

    yield Frame(tuple(header.columns), batches)


def _r_object(path: Path, spec: TableSpec, limit: int) -> pd.DataFrame:
    """Read one data frame; names of rows become the column ``row.names``, unless they merely count."""
    found = {str(name or ""): frame for name, frame in pyreadr.read_r(path, row_limit=limit).items()}
    frames = {name: frame for name, frame in found.items() if isinstance(frame, pd.DataFrame)}
    if not frames:
        advice = "Keep the table by `save(data, file = ...)` or `saveRDS(data, ...)` as a data frame."
        raise UnreadableError("the file holds no data frame.", advice)
    frame = frames[_one_of(list(frames), spec.object, "object", "file")]
    if list(frame.index.astype(str)) != [str(n) for n in range(1, len(frame) + 1)] and frame.index.name is not None:
        frame = frame.rename_axis("row.names").reset_index()
    return frame.rename(columns=lambda name: str(name).strip())


Opener = Callable[[Path, TableSpec], AbstractContextManager[Frame]]
OPENERS: Final[Mapping[str, Opener]] = {
    "xlsx": _xlsx,
    "xls": _xls,
    "parquet": _parquet,
    **{kind: partial(_statistics, kind) for kind in _STATISTICS},
    "rdata": _r,
    "rds": _r,
}
