"""Compare: whether two folders of Parquet files hold the same rows, as builds of one delivery on two engines must."""

from __future__ import annotations

from pathlib import Path

import duckdb

from haemony.engine.sql import quoted


def differing(one: Path, other: Path) -> list[str]:
    """Return what differs between two folders, a line for each Parquet file that does; none where all rows are equal.

    The order of rows says nothing. Columns must have the same names, order and types.
    """
    names = sorted({str(path.relative_to(root)) for root in (one, other) for path in root.rglob("*.parquet")})
    with duckdb.connect() as connection:
        return [f"{name}: {why}" for name in names if (why := _why(connection, one / name, other / name))]


def _why(connection: duckdb.DuckDBPyConnection, one: Path, other: Path) -> str:
    for path in (one, other):
        if not path.exists():
            return f"{path} is missing"
    tables = [f"read_parquet({quoted(str(path))})" for path in (one, other)]
    columns = [
        [row[:2] for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()] for table in tables
    ]
    if columns[0] != columns[1]:
        return f"the columns are {columns[0]} and {columns[1]}"
    only = [_count(connection, *pair) for pair in (tables, tables[::-1])]
    return f"{only[0]} rows are in {one} only, {only[1]} in {other} only" if any(only) else ""


def _count(connection: duckdb.DuckDBPyConnection, table: str, other: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM (FROM {table} EXCEPT ALL FROM {other})").fetchone()
    return int(found[0]) if found else 0
