"""Files of formats that no Python library writes: SAS data sets by ReadStat itself, R lists byte by byte."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyreadstat

#: What a SAS data set holds here: texts, numbers, dates (days since 1960-01-01), and special missing values.
Cell = str | float | bytes | None
STRING, DOUBLE = 0, 5
Writing = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)


def write_sas7bdat(
    path: Path, columns: Mapping[str, Sequence[Cell]], labels: Mapping[str, str], formats: Mapping[str, str]
) -> None:
    """Write a SAS data set; ``b"A"`` is the special missing value ``.A``."""
    library = next((Path(pyreadstat.__file__).parent).glob("_readstat_writer*.so"))
    readstat = ctypes.CDLL(str(library))
    for name in ("readstat_writer_init", "readstat_add_variable"):
        getattr(readstat, name).restype = ctypes.c_void_p
    with path.open("wb") as file:
        write = Writing(lambda data, length, _: file.write(ctypes.string_at(data, length)))
        writer = ctypes.c_void_p(readstat.readstat_writer_init())
        readstat.readstat_set_data_writer(writer, write)
        variables = []
        for name, values in columns.items():
            text = any(isinstance(v, str) for v in values)
            width = ctypes.c_size_t(32 if text else 8)
            added = readstat.readstat_add_variable(writer, name.encode(), STRING if text else DOUBLE, width)
            variables.append(ctypes.c_void_p(added))
            readstat.readstat_variable_set_label(variables[-1], labels.get(name, "").encode())
            readstat.readstat_variable_set_format(variables[-1], formats.get(name, "").encode())
        rows = list(zip(*columns.values(), strict=True))
        readstat.readstat_begin_writing_sas7bdat(writer, None, ctypes.c_long(len(rows)))
        for row in rows:
            readstat.readstat_begin_row(writer)
            for variable, value in zip(variables, row, strict=True):
                _insert(readstat, writer, variable, value)
            readstat.readstat_end_row(writer)
        assert readstat.readstat_end_writing(writer) == 0
        readstat.readstat_writer_free(writer)


def _insert(readstat: ctypes.CDLL, writer: ctypes.c_void_p, variable: ctypes.c_void_p, value: Cell) -> None:
    match value:
        case None:
            readstat.readstat_insert_missing_value(writer, variable)
        case str():
            readstat.readstat_insert_string_value(writer, variable, value.encode())
        case bytes():
            readstat.readstat_insert_tagged_missing_value(writer, variable, ctypes.c_char(value))
        case _:
            readstat.readstat_insert_double_value(writer, variable, ctypes.c_double(value))


# R's serialisation, version 2 in XDR: https://cran.r-project.org/doc/manuals/R-ints.html#Serialization-Formats
SYMBOL, PAIRLIST, TEXT, REAL, TEXTS, LIST, INTEGER = 1, 2, 9, 14, 16, 19, 13
ATTRIBUTES, TAG, NIL = 0x200, 0x400, struct.pack(">i", 0xFE)


def _symbol(name: str) -> bytes:
    return struct.pack(">i", SYMBOL) + _text(name)


def _text(text: str) -> bytes:
    return struct.pack(">ii", TEXT | 0x40000, len(text.encode())) + text.encode()


def r_texts(*values: str) -> bytes:
    """Return a character vector."""
    return struct.pack(">ii", TEXTS, len(values)) + b"".join(map(_text, values))


def r_numbers(values: Sequence[float], **attributes: bytes) -> bytes:
    """Return a numeric vector; a `class` makes it a date or a moment."""
    flags = REAL | (0x100 | ATTRIBUTES if attributes else 0)
    return struct.pack(">ii", flags, len(values)) + struct.pack(f">{len(values)}d", *values) + _attributes(attributes)


def r_list(items: Sequence[bytes], **attributes: bytes) -> bytes:
    """Return a list; with `names`, `class` and `row.names` it is a data frame."""
    flags = LIST | (0x100 | ATTRIBUTES if attributes else 0)
    return struct.pack(">ii", flags, len(items)) + b"".join(items) + _attributes(attributes)


def r_rows(count: int) -> bytes:
    """Return the row names of a data frame that has none: the missing integer and minus the number of rows."""
    return struct.pack(">iiii", INTEGER, 2, -(2**31), -count)


def _attributes(attributes: Mapping[str, bytes]) -> bytes:
    if not attributes:
        return b""
    pairs = [struct.pack(">i", PAIRLIST | TAG) + _symbol(name) + value for name, value in attributes.items()]
    return b"".join(pairs) + NIL


def r_data(**objects: bytes) -> bytes:
    """Return an .RData file of named objects."""
    return b"RDX2\nX\n" + struct.pack(">iii", 2, 0x040000, 0x020300) + _attributes(objects)
