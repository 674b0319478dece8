"""A session runs plans: Ibis over DuckDB in this process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

#: An Ibis table or column expression. Ibis ships no types, so plans are typed by this module's functions alone.
Table = Any
Column = Any


def alive(process: str) -> bool:
    """Tell whether a process still runs: the one whose number stands in the name of a file that it was writing."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def quoted(text: str) -> str:
    """Return a text as a constant of SQL.

    >>> quoted("O'Neill")
    "'O''Neill'"
    """
    return "'" + text.replace("'", "''") + "'"


class Session:
    """Own one connection and a working folder in which every stage of a plan is laid down as Parquet."""

    def __init__(self, folder: Path, *, memory: str | None = None) -> None:
        self.folder = folder
        self._laid: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        self.connection = ibis.duckdb.connect()
        # DuckDB's in_clause pass turns each IN list of five or more constants into a join per column.
        self.sql("SET disabled_optimizers = 'in_clause'")
        self.sql("SET autoinstall_known_extensions = false")
        self.sql(f"SET temp_directory = {quoted(str(folder / 'spill'))}")
        self.sql("SET enable_progress_bar = false")
        if memory:
            self.sql(f"SET memory_limit = {quoted(memory)}")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.disconnect()

    def sql(self, statement: str) -> Any:
        """Run a statement of DuckDB's own, for what a plan cannot say."""
        return self.connection.raw_sql(statement)

    def read(self, path: Path | str) -> Table:
        """Read a Parquet file as a table; whole numbers come as 64-bit ones, however narrow a literal was kept."""
        table = self.connection.read_parquet(str(path))
        narrow = {name: "int64" for name, kind in table.schema().items() if kind.is_integer() and not kind.is_int64()}
        return table.cast(narrow) if narrow else table

    def lay(self, table: Table, name: str) -> Table:
        """Run a plan, lay the result down as ``name.parquet`` in the working folder, and read it back.

        A literal or null is written in the narrowest type that holds it; it comes back in the type that the plan has.
        """
        path = self._fresh(name)
        self.write(table, path)
        back = self.connection.read_parquet(str(path))
        kinds = {column: kind for column, kind in table.schema().items() if back.schema()[column] != kind}
        return back.cast(kinds) if kinds else back

    def _fresh(self, name: str) -> Path:
        """Return a path that no earlier stage has: plans are lazy, so a file must not change under one."""
        unique, number = name, 1
        while unique in self._laid:
            number += 1
            unique = f"{name}~{number}"
        self._laid.add(unique)
        return self.folder / f"{unique}.parquet"

    def write(self, table: Table, path: Path) -> None:
        """Run a plan and write the result to a Parquet file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection.to_parquet(table, str(path))

    def table(self, name: str, columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> Table:
        """Make a small table of Python values.

        It goes through a Parquet file, because an in-memory table with nulls is read wrongly by Spark.
        """
        path = self._fresh(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        values = list(rows)
        arrays = [pa.array([row[i] for row in values], type=kind) for i, kind in enumerate(columns.values())]
        pq.write_table(pa.table(arrays, names=list(columns)), path)
        return self.read(path)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Run a plan and return its rows; for small results only."""
        frame = self.connection.to_pyarrow(table)
        columns = [column.to_pylist() for column in frame.columns]
        return list(zip(*columns, strict=True))

    def count(self, table: Table) -> int:
        """Count the rows of a plan."""
        return int(self.connection.execute(table.count()))
