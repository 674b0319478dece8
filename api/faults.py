"""Broken rules in a curator's words: which shape, through which mapping rows, how often, and what to change."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import duckdb

from haemony.graph_loader.rdf import RECORD, concept_id
from haemony.mappings.model import DICTIONARY
from haemony.ontology.schema import HAEMONY, Schema

#: A text is shown only where as many records have it; see ``Settings.privacy``.
PRIVACY: Final = 5
#: So many frequent texts are shown.
EXAMPLES: Final = 3

#: What to change, by the constraint that is broken (https://www.w3.org/TR/shacl/#core-components).
_UNIT = "check the `unit` and `decimal` of the row; name codes for missing in `missing`"
_CODES = "map the texts in concepts.sssom.tsv, or correct the row's `field` or `format`"
_TIMES = "check `format` and `at` of the dates; if they are right, the hospital must correct the day"
_ABSENT = "map the column that holds it, or ask the hospital for it"
_AGAINST = (
    "look at the columns together: one may mean another concept, `prefer` says whom to believe; else the hospital"
)
ADVICE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("MinInclusive", "MaxInclusive", "MinExclusive", "MaxExclusive"), _UNIT),
    **dict.fromkeys(("In", "Pattern", "Datatype", "Class", "NodeKind", "MinLength", "MaxLength"), _CODES),
    **dict.fromkeys(("LessThan", "LessThanOrEquals"), _TIMES),
    **dict.fromkeys(("MinCount", "QualifiedMinCount"), _ABSENT),
}


@dataclass(frozen=True)
class Fault:
    """Records that break a shape and stand on the same mapping rows; ``values`` sums up what is wrong with them."""

    shape: str
    severity: str
    record_class: str
    records: int
    message: str
    columns: tuple[str, ...]
    mapping: tuple[str, ...]
    values: str
    advice: str


@dataclass
class _Gathered:
    """What is counted of one fault while its parts come in."""

    records: int = 0
    low: float | None = None
    high: float | None = None
    texts: Counter[str] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Line:
    """A line of the mapping: its column (a glob perhaps), and the field that a dictionary row fills."""

    column: str
    field: str
    dictionary: bool


_Key = tuple[str, str, str, str, tuple[str, ...]]


def read_faults(
    folder: Path,
    rules: Mapping[str, str],
    schema: Schema,
    name: Callable[[int], str] | None = None,
    privacy: int = PRIVACY,
) -> tuple[Fault, ...]:
    """Read the broken rules of a partner's folder, grouped by shape and mapping rows, most records first.

    Of the values a curator sees a range of numbers, rounded, and texts that ``privacy`` records or more have.
    """
    with duckdb.connect() as connection:
        found = _gather(connection, folder, schema)
    faults = [
        Fault(
            shape, severity, cls, one.records, rules.get(shape, ""), tuple(sorted(one.columns)), lines,
            _summed(one, name, privacy), ADVICE.get(component, _AGAINST),
        )
        for (shape, severity, cls, component, lines), one in found.items()
    ]  # fmt: skip
    return tuple(sorted(faults, key=lambda f: (-f.records, f.shape, f.mapping)))


def _gather(connection: duckdb.DuckDBPyConnection, folder: Path, schema: Schema) -> dict[_Key, _Gathered]:
    violations = str(folder / "violations.parquet")
    lines = _lines(connection, folder, schema)
    found: defaultdict[_Key, _Gathered] = defaultdict(_Gathered)
    keys: dict[tuple[Any, ...], _Key] = {}
    by = "shape, severity, class, component, path, mappings"
    number = "try_cast(value AS DOUBLE)"
    for *group, records, low, high in connection.execute(
        f"SELECT {by}, count(DISTINCT record_id), min({number}), max({number}) FROM read_parquet(?) GROUP BY ALL",
        [violations],
    ).fetchall():
        key = keys[_hashable(group)] = _key(group, lines, schema)
        one = found[key]
        one.records += records
        one.low = min((n for n in (one.low, low) if n is not None), default=None)
        one.high = max((n for n in (one.high, high) if n is not None), default=None)
    for *group, value, records in connection.execute(
        f"SELECT {by}, value, count(DISTINCT record_id) FROM read_parquet(?)"
        f" WHERE value <> '' AND {number} IS NULL GROUP BY ALL",
        [violations],
    ).fetchall():
        found[keys[_hashable(group)]].texts[value] += records
    for *group, table, column, cells in connection.execute(
        f"WITH cells AS (SELECT {by}, unnest(sources) AS cell FROM read_parquet(?))"
        f" SELECT {by}, regexp_extract(cell, '^(.*?):[0-9]+:(.*)$', 1) AS tab,"
        " regexp_extract(cell, '(?s)^(.*?):[0-9]+:(.*)$', 2) AS col, count(*) FROM cells GROUP BY ALL",
        [violations],
    ).fetchall():
        key = keys[_hashable(group)]
        wanted = [lines[line].column for line in key[-1] if line in lines and lines[line].dictionary]
        if not wanted or any(fnmatchcase(f"{table}.{column}", _pattern(glob)) for glob in wanted):
            found[key].columns[f"{table}.{column}"] += cells
    return dict(found)


def _hashable(group: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(tuple(part) if isinstance(part, list) else part for part in group)


def _pattern(glob: str) -> str:
    """Return a name of the dictionary as a pattern in which only ``*`` is special."""
    return re.sub(r"([\[\]?])", r"[\1]", glob)


def _lines(connection: duckdb.DuckDBPyConnection, folder: Path, schema: Schema) -> dict[str, _Line]:
    found = {}
    rows = connection.execute(
        "SELECT partner || '/' || file || ':' || line, file, subject, object FROM read_parquet(?)",
        [str(folder / "mappings.parquet")],
    ).fetchall()
    for line, file, subject, target in rows:
        record, _, filled = target.partition(".")
        cls = record.partition("#")[0]
        if file == DICTIONARY and not filled and any(c.name == cls and c.main for c in schema.records):
            main = schema[cls].main
            filled = main.name if main else ""
        found[line] = _Line(subject.partition(" = ")[0], filled if file == DICTIONARY else "", file == DICTIONARY)
    return found


def _key(group: Sequence[Any], lines: Mapping[str, _Line], schema: Schema) -> _Key:
    """Return what a fault is grouped by: of its lines those that fill a field at fault, or all of the dictionary."""
    shape, severity, cls, component, path, mappings = group
    words = set(re.findall(r"\w+", path))
    fields = {f.name for f in _fields(schema, cls) if str(f.word).removeprefix(HAEMONY) in words}
    known = [m for m in mappings if m in lines]
    rows = [m for m in known if lines[m].dictionary]
    filling = [m for m in rows if lines[m].field in fields]
    columns = {lines[m].column for m in filling}
    own = [m for m in known if not lines[m].dictionary and lines[m].column in columns]
    return shape, severity, cls, component, (*(filling or rows), *own)


def _fields(schema: Schema, cls: str) -> Iterator[Any]:
    for one in schema.records:
        if one.name == cls:
            yield from one.fields


def _summed(one: _Gathered, name: Callable[[int], str] | None, privacy: int) -> str:
    parts = []
    if one.low is not None and one.high is not None:
        low, high = rounded(one.low, math.floor), rounded(one.high, math.ceil)
        parts.append(f"about {low:,g}" if low == high else f"{low:,g} to {high:,g}")
    frequent = [(text, n) for text, n in one.texts.most_common() if n >= privacy and not text.startswith(RECORD)]
    parts += [f"{_said(text, name)} ({n:,})" for text, n in frequent[:EXAMPLES]]
    return ", ".join(parts)


def _said(text: str, name: Callable[[int], str] | None) -> str:
    concept = concept_id(text)
    return text if concept is None or name is None else name(concept)


def rounded(number: float, towards: Callable[[float], int]) -> float:
    """Round a number to two digits, up or down: a range tells where values lie, and not which they are.

    >>> rounded(27.554, math.floor), rounded(1234, math.ceil), rounded(-7.71, math.floor), rounded(0, math.ceil)
    (27.0, 1300.0, -7.8, 0.0)
    """
    if not number:
        return 0.0
    digits: int = 1 - math.floor(math.log10(abs(number)))
    return float(round(towards(number * 10.0**digits) / 10.0**digits, max(digits, 0)))
