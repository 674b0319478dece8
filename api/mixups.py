"""Mixed-up units in a curator's words: what was seen, and the mapping rows that would repair it; it repairs nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from haemony.api.console import count
from haemony.api.faults import rounded
from haemony.mappings.model import CONCEPTS, DICTIONARY


@dataclass(frozen=True)
class Mixup:
    """A unit that is mixed up: a sentence that says so, the evidence, and what to change in which line."""

    test: str
    file: str
    column: str
    says: str
    looks: str
    mapping: str
    values: int
    headline: str
    evidence: str
    change: tuple[str, ...]


def read_mixups(folder: Path) -> tuple[Mixup, ...]:
    """Read the mixed-up units of a partner's folder; none where an older build did not look for them."""
    path = folder / "mixups.parquet"
    if not path.is_file():
        return ()
    with duckdb.connect() as connection:
        cursor = connection.execute('SELECT * FROM read_parquet(?) ORDER BY "values" DESC, concept', [str(path)])
        names = [column[0] for column in cursor.description or ()]
        return tuple(_mixup(dict(zip(names, row, strict=True))) for row in cursor.fetchall())


def _mixup(row: dict[str, Any]) -> Mixup:
    test = re.sub(r" \[.*", "", row["name"])
    how_many = "all values" if row["whole_column"] and row["values"] == row["of"] else count(row["values"], "value")
    look = "looks" if row["values"] == 1 else "look"
    return Mixup(
        test,
        row["file"],
        row["column"],
        row["says"],
        row["looks"],
        row["mapping"],
        row["values"],
        f"{how_many} of {test} {look} like {row['looks']}: the mapping row says {row['says']}",
        " ".join(_evidence(row)),
        tuple(_change(row)),
    )


def _span(low: float, high: float) -> str:
    return f"{rounded(low, math.floor):,g} to {rounded(high, math.ceil):,g}"


def _evidence(row: dict[str, Any]) -> list[str]:
    low, high, kept, by = row["low"], row["high"], row["kept"], row["factor"]
    said = [f"Of {row['of']:,} values, {row['values']:,} are {_span(low, high)} {kept} as read, {_expected(row)}."]
    usual = f", and others are {row['usual']:.2g} in the middle" if row["usual"] and not row["whole_column"] else ""
    said.append(f"Read as {row['looks']} they are {_span(low * by, high * by)} {kept}{usual}.")
    if row["also"]:
        said.append(f"{' or '.join(row['also'])} would fit too.")
    if math.isclose(math.log10(by), round(math.log10(by)), abs_tol=1e-9):
        said.append("A decimal mark that was lost looks the same.")
    return said


def _expected(row: dict[str, Any]) -> str:
    low, high = row["expected_low"], row["expected_high"]
    if low is not None and high is not None:
        return f"where {low:g} to {high:g} are expected"
    return f"where at least {low:g} are expected" if low is not None else f"where at most {high:g} are expected"


def _change(row: dict[str, Any]) -> list[str]:
    """Say what to change: the row that names the unit, or, where only some rows are meant, a derived unit column."""
    told, texts = row["told_by_column"], row["told_by_texts"]
    if told is None and row["whole_column"]:
        return [_other_unit(row)]
    if told is None:
        return [
            f"Nothing delivered tells these rows from the others: the hospital must say which are in {row['looks']}."
        ]
    listed = ", ".join(texts)
    which = f"years {listed}" if row["told_by_date"] else listed
    said = [
        f"{row['told_by_table']}.{told} tells them apart: they are those of {which}. Ask the hospital whether it is so."
    ]
    if row["told_by_table"] != row["table"] or row["told_by_date"]:
        where = f"a column of {row['table']} that holds the unit"
        return [*said, f"Then have {where} delivered, or derive one, and map it to {row['field']}.unit."]
    return [*said, *_derived(row)]


def _other_unit(row: dict[str, Any]) -> str:
    if f"/{DICTIONARY}:" in row["mapping"]:
        return f"{row['mapping']}: write {row['looks']} as `unit`."
    return f"{row['mapping']}: write UCUM:{row['looks']} as `object_id` of haemony:mapsToUnit."


def _derived(row: dict[str, Any]) -> list[str]:
    """Return the lines that give some rows a unit of their own."""
    table, unit, tag = row["table"], row["unit_column"], row["tag"] or _word(row["column"])
    name = f"{_word(row['column'])}_unit"
    conditions = [f"{_quoted(row['told_by_column'])} IN ({', '.join(map(_text, row['told_by_texts']))})"]
    if row["test_column"] and row["test_column"] != row["told_by_column"]:
        conditions.append(f"{_quoted(row['test_column'])} IN ({', '.join(map(_text, row['test_texts']))})")
    if unit:
        said_so = f"= {_text(row['unit_text'])}" if row["unit_text"] else "IS NULL"
        conditions.append(f"{_quoted(unit)} {said_so}")
    otherwise = _quoted(unit) if unit else _text(row["says"])
    case = f"CASE WHEN {' AND '.join(conditions)} THEN {_text(row['looks'])} ELSE {otherwise} END"
    said = [
        f'partner.yaml, table {table}: derive: {{{name}: "{case.replace(chr(34), chr(92) + chr(34))}"}}',
        f"{DICTIONARY}, a new row: {table}, {name}: use map, record {row['class']}#{tag}, field {row['field']}.unit",
    ]
    if row["told_by_use"] == "ignore":
        said.append(f"{DICTIONARY}, the row of {row['told_by_column']}: use context")
    if unit:
        said.append(f"{DICTIONARY}, the row of {unit}: use context, and no record, field, unit; its texts of {CONCEPTS}"
                    f" name {name} instead")  # fmt: skip
    else:
        said.append(f"{DICTIONARY}, the row of {row['column']}: record {row['class']}#{tag}, no unit")
    return said


def _quoted(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z_]\w*", column, re.ASCII) else '"' + column.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _word(column: str) -> str:
    return re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_") or "value"
