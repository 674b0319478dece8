"""Texts: what a typed cell of a spreadsheet or data file is as text, found once per distinct value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from haemony.graph_loader.archives import UnreadableError

#: The name of the column that counts rows; no delivered header looks like it.
ROW: Final = "haemony_row"
#: Digits that a double holds for sure: what lies behind them is noise of the arithmetic, not what was typed in.
DIGITS: Final = 15


def number_text(value: float | np.floating[Any]) -> str:
    """Return the shortest text of a number, without a fraction where it is whole, and never with an exponent.

    >>> number_text(12.299999999999999), number_text(3.0), number_text(1e-7), number_text(-0.0)
    ('12.3', '3', '0.0000001', '0')
    """
    written = Decimal(str(value) if isinstance(value, np.float32) else f"{value:.{DIGITS}g}")
    if not written.is_finite():
        return str(written)
    text = f"{written:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def text_of(value: Any) -> str | None:
    """Return a cell's text: dates as ISO dates (with a time unless it is midnight), truth as TRUE and FALSE.

    >>> text_of(dt.datetime(2020, 1, 2)), text_of(dt.datetime(2020, 1, 2, 3, 4)), text_of(True), text_of(" x")
    ('2020-01-02', '2020-01-02T03:04:00', 'TRUE', ' x')
    """
    if (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (isinstance(value, (float, np.floating)) and value != value)
    ):
        return None
    match value:
        case str():
            return value
        case bool() | np.bool_():
            return "TRUE" if value else "FALSE"
        case float() | np.floating():
            return number_text(value)
        case dt.datetime():
            return _moment(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return _hours(value)
        case bytes():
            return value.decode()
        case _:
            return str(value)


def _moment(value: dt.datetime) -> str:
    """Write a moment as its place's calendar and clock had it, to the second."""
    plain = value.replace(tzinfo=None)
    return plain.date().isoformat() if plain.time() == dt.time() else plain.isoformat(timespec="seconds")


def _hours(value: dt.timedelta) -> str:
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def array_text(array: pa.Array, name: str) -> pa.Array:
    """Return a typed Arrow column as text."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return array_text(array.dictionary_decode(), name)
    if pa.types.is_nested(kind):
        raise UnreadableError("the column holds lists or structures.", "Deliver it as plain columns.", column=name)
    if pa.types.is_boolean(kind):
        return pc.if_else(array, pa.scalar("TRUE"), pa.scalar("FALSE"))
    if pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        return _by_distinct(array)
    return array.cast(pa.string())


def _by_distinct(array: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    if pa.types.is_time64(array.type) or pa.types.is_duration(array.type):
        array = array.cast(pa.time64("us") if pa.types.is_time64(array.type) else pa.duration("us"), safe=False)
    coded = array.dictionary_encode()
    values = coded.dictionary.to_pylist()
    if pa.types.is_float32(array.type) or pa.types.is_float16(array.type):
        values = [None if v is None else np.float32(v) for v in values]
    return pa.array([text_of(v) for v in values], pa.string()).take(coded.indices)


def objects_text(values: Iterable[Any]) -> pa.Array:
    """Return Python values of mixed kinds as text."""
    known: dict[tuple[type, Any], str | None] = {}
    return pa.array([known.setdefault((type(v), v), text_of(v)) for v in values], pa.string())


def series_text(values: Any, name: str) -> pa.Array:
    """Return a column of a data frame as text; a factor as the text of its levels."""
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return objects_text(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array_text(array, name)


def batch(numbers: Any, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Put text columns beside the numbers of their rows."""
    return pa.RecordBatch.from_arrays(
        [pa.array(numbers, pa.int64()), *columns.values()], schema=schema_of(list(columns))
    )


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the schema of a batch of text columns."""
    return pa.schema([(ROW, pa.int64()), *((name, pa.string()) for name in columns)])
