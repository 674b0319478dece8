"""Make a share of all cells wrong, in every way that a cell can be: a test of validators against each other.

What is drawn depends on the record alone (a hash of id, field and purpose), so that two runs spoil the same cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

#: In no vocabulary.
UNKNOWN: Final = 999999999
NUMBERS: Final = (-50000, -2, -1, 0, 0.001, 0.2, 1, 2.5, 4, 5, 7, 14, 30, 366, 1001, 50000, 300000000)
TEXTS: Final = (
    *("", "X", "Y", "XX", "XY", "x", "A", "-", "<", "=", "g/dL", "GRCh37", "46,XY", "nuc ish", "c.1A>T", "p.V600E"),
    *("5q13-q33", "Zz (at 3)", "MT", "chr1"),
)


#: Classes that the partner does not deliver, made of those that it does.
MADE: Final = {
    "AdverseEvent": "SELECT md5(id) AS id, patient, concept, 1 + (hash(id) % 5)::BIGINT AS grade, day, treatment "
    "FROM read_parquet('{}/Response.parquet')",
    "Specimen": "SELECT md5(id) AS id, patient, concept, concept AS tissue, day "
    "FROM read_parquet('{}/Diagnosis.parquet')",
}


def spoil(records: Path, shapes: Path, out: Path, share: float) -> None:
    """Write the record tables again, a share of their cells emptied or replaced, concepts by those that shapes name."""
    from haemony.ontology.schema import read_schema

    text = "".join(path.read_text(encoding="utf-8") for path in sorted(shapes.glob("*.ttl")))
    concepts = (*sorted({int(c) for c in re.findall(r"concept:(\d+)", text)}), UNKNOWN)
    for cls in read_schema().records:
        path = records / f"{cls.name}.parquet"
        if not path.is_file() and cls.name not in MADE:
            continue
        rows = f"FROM read_parquet('{path}')" if path.is_file() else MADE[cls.name].format(records)
        columns = [_spoiled(f.name, f.kind, f.many, concepts, records, share) for f in cls.fields]
        columns.append(_drawn("patient", share / 4, _other("Patient", records), "hash(id || 'patient')"))
        duckdb.execute(
            f"COPY (SELECT * REPLACE ({', '.join(columns)}) FROM ({rows})) TO '{out / path.name}' (FORMAT parquet)"
        )


def _spoiled(name: str, kind: str, many: bool, concepts: tuple[int, ...], records: Path, share: float) -> str:
    chance = f"hash(id || '{name}')"
    if kind == "concept":
        value = _among(concepts, chance)
        return _drawn(name, share, f"[{value}, {_among(concepts[::-1], chance)}]" if many else value, chance)
    if kind == "boolean":
        return _drawn(name, share, f"{chance} % 7 < 3", chance)
    if kind in ("integer", "decimal"):
        return _drawn(
            name, share, f"({_among(NUMBERS, chance)})::{'BIGINT' if kind == 'integer' else 'DECIMAL(18,6)'}", chance
        )
    if kind == "reference":
        return _drawn(name, share, _other("Treatment", records), chance)
    return _drawn(name, share, _among(TEXTS, chance), chance)


def _drawn(name: str, share: float, value: str, chance: str) -> str:
    """Empty a third of the drawn cells, and put the value into the others."""
    drawn = f"(hash({chance} || 'drawn') % 10000) < {round(share * 10000)}"
    return f"CASE WHEN NOT {drawn} THEN {name} WHEN {chance} % 3 > 0 THEN {value} END AS {name}"


def _among(values: Sequence[object], chance: str) -> str:
    texts = ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in values)
    return f"([{texts}])[1 + (({chance} // 3) % {len(values)})::INT]"


def _other(cls: str, records: Path) -> str:
    """Name another record of a class, or one that is not there."""
    ids = f"(SELECT list(id ORDER BY id) FROM read_parquet('{records / f'{cls}.parquet'}'))"
    return f"coalesce({ids}[1 + (hash(id || 'other') % (len({ids}) * 11 // 10))::INT], 'nobody')"
