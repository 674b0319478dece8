"""What the made-up deliveries are drawn and written with: seeded draws, text columns, delimited files."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from haemony.demo.figures import Shares

Text = NDArray[np.object_]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
P = TypeVar("P")

ISO: Final = "yyyy-MM-dd"
GERMAN: Final = "dd.MM.yyyy"
SPANISH: Final = "dd/MM/yyyy"
NEVER: Final = 1_000_000  # a day that is after everyone's last contact
DAYS_A_YEAR: Final = 365.2425
_FIRST_DATE: Final = np.datetime64("1900-01-01")
_LAST_DATE: Final = np.datetime64("2060-01-01")


def generator(seed: int, partner: str, block: int, purpose: str) -> np.random.Generator:
    """Return the random numbers of one block of one partner, the same for every size of the whole.

    >>> a, b = (generator(1, "demo_aml", 0, "patients").random() for _ in range(2))
    >>> a == b
    True
    """
    return np.random.default_rng([seed, zlib.crc32(partner.encode()), block, zlib.crc32(purpose.encode())])


def head(patients: P, size: int) -> P:
    """Return the first patients of a dataclass whose fields all have one entry a patient."""
    values: Any = patients
    first: P = replace(values, **{f.name: getattr(values, f.name)[:size] for f in fields(values)})
    return first


def choose(rng: np.random.Generator, shares: Shares, size: int) -> Text:
    """Draw names by their shares."""
    edges = np.cumsum(list(shares.values()))
    return words(shares)[np.searchsorted(edges / edges[-1], rng.random(size), side="right")]


def choose_by_row(rng: np.random.Generator, names: Iterable[str], shares: Floats) -> Text:
    """Draw one name a row, by the shares that stand in the row."""
    edges = np.cumsum(shares, axis=1)
    draws = rng.random((len(shares), 1)) * edges[:, -1:]
    picked: Text = words(names)[(draws >= edges).sum(axis=1)]
    return picked


def look_up(table: Mapping[str, float], keys: Text) -> Floats:
    """Return the figure of each key; "*" stands for the keys that the table does not name."""
    values = np.full(len(keys), table.get("*", 0.0))
    for name, value in table.items():
        values[keys == name] = value
    return values


def log_normal(rng: np.random.Generator, median: float | Floats, sigma: float, size: int) -> Floats:
    """Draw from a log-normal distribution that is known by its median."""
    return np.asarray(median * np.exp(sigma * rng.standard_normal(size)), dtype=np.float64)


def after(rng: np.random.Generator, mean_days: float | Floats, size: int, shape: float = 1.0) -> Whole:
    """Draw the days until an event, Weibull with the given mean scale; at least one day."""
    days = mean_days * rng.weibull(shape, size)
    return np.minimum(np.maximum(days, 1), NEVER).astype(np.int64)


def words(texts: Iterable[str]) -> Text:
    """Return texts as an array."""
    return np.array(list(texts), dtype=object)


def constant(text: str, size: int) -> Text:
    """Return the same text for every row."""
    return np.full(size, text, dtype=object)


def pick(flags: Flags, yes: str | Text, no: str | Text) -> Text:
    """Return one text where a flag is set, another elsewhere."""
    return np.where(flags, yes, no).astype(object)


def fixed(values: Floats, digits: int, decimal: str = ".") -> Text:
    """Write numbers with so many decimals.

    >>> fixed(np.array([1.25, 10.0]), 1, ",").tolist()
    ['1,2', '10,0']
    """
    text = np.char.mod(f"%.{digits}f", values)
    changed = decimal != "." and len(values) > 0  # np.char.replace refuses an array without entries
    return (np.char.replace(text, ".", decimal) if changed else text).astype(object)


def whole(values: Whole | Floats) -> Text:
    """Write whole numbers."""
    return np.char.mod("%d", values).astype(object)


def epoch(date: str) -> int:
    """Return the days of a date since 1970."""
    return int(np.datetime64(date, "D").astype(np.int64))


@cache
def _calendar(pattern: str) -> Text:
    days = np.arange(_FIRST_DATE, _LAST_DATE)
    parts = [d.split("-") for d in np.datetime_as_string(days).tolist()]
    return words(pattern.replace("yyyy", y).replace("MM", m).replace("dd", d) for y, m, d in parts)


def dates(days: Whole, shown: Flags | None = None, missing: str = "", pattern: str = ISO) -> Text:
    """Write days since 1970 as dates; where they are not shown, the code for a missing one.

    >>> dates(np.array([0, 59]), pattern=GERMAN).tolist()
    ['01.01.1970', '01.03.1970']
    """
    calendar = _calendar(pattern)
    offset = days - int(_FIRST_DATE.astype(np.int64))
    text: Text = calendar[np.clip(offset, 0, len(calendar) - 1)]
    return text if shown is None else pick(shown, text, missing)


def karyotypes(patterns: Mapping[str, str], metaphases: int = 20) -> dict[str, Text]:
    """Return, by pattern and sex ("normal m"), its text for every size of its clone.

    >>> karyotypes({"plus8": "47,XY,+8"})["plus8 w"][12]
    '47,XX,+8[12]/46,XX[8]'
    """
    return {
        f"{name} {sex}": words(_clones(text, sex, size, metaphases) for size in range(metaphases + 1))
        for name, text in patterns.items()
        for sex in "mw"
    }


def _clones(text: str, sex: str, size: int, metaphases: int) -> str:
    own = "XY"
    if sex == "w":
        own = "XX"
        text = "46,XX" if text == "45,X,-Y" else text.replace("-Y", "-X").replace("XY", "XX")
    if size == metaphases or text == f"46,{own}":
        return f"{text}[{metaphases}]"
    return f"{text}[{size}]/46,{own}[{metaphases - size}]"


@dataclass
class Table:
    """A delivered table of one block: columns of text, and the position of each row's patient (-1: nobody's)."""

    columns: dict[str, Text]
    owner: Whole

    def __len__(self) -> int:
        return len(self.owner)

    def append(self, rows: Whole, owner: int | None = None, **changes: Text) -> None:
        """Repeat some rows at the end, with some columns changed."""
        owners = self.owner[rows] if owner is None else np.full(len(rows), owner)
        for name, texts in self.columns.items():
            self.columns[name] = np.concatenate([texts, changes.get(name, texts[rows])])
        self.owner = np.concatenate([self.owner, owners])


Tables = dict[str, Table]


def table(owner: Whole, **columns: Text) -> Table:
    """Return a table with a row for each owner."""
    return Table(columns, owner)


def stack(parts: Sequence[Table]) -> Table:
    """Put the rows of like tables together, a patient's rows beside each other."""
    owner = np.concatenate([p.owner for p in parts])
    order = np.argsort(owner, kind="stable")
    columns = {n: np.concatenate([p.columns[n] for p in parts])[order] for n in parts[0].columns}
    return Table(columns, owner[order])


def append_csv(path: Path, part: Table, separator: str, encoding: str, header: bool) -> None:
    """Append a table to a delimited file; a cell that holds the separator is quoted."""
    columns: list[Any] = []
    for texts in part.columns.values():
        column = pa.array(texts, pa.string())
        quoted = pc.binary_join_element_wise('"', column, '"', "")
        columns.append(pc.if_else(pc.match_substring(column, separator), quoted, column))
    with path.open("wb" if header else "ab") as file:
        if header:
            file.write((separator.join(part.columns) + "\n").encode(encoding))
        if len(part):
            lines = pc.binary_join_element_wise(*columns, separator).to_pylist()
            file.write(("\n".join(lines) + "\n").encode(encoding))
