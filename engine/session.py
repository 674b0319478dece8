"""A session runs plans on an engine and lays down each stage as Parquet; what all engines share stands here."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from haemony.engine.on_duckdb import DuckDBSession

#: An Ibis table or column expression. Ibis ships no types, so plans are typed by this module's functions alone.
Table = Any
Column = Any

Engine = Literal["duckdb", "spark"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)


def alive(process: str) -> bool:
    """Tell whether a process still runs: the one whose number stands in the name of a file that it was writing."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


class Session(ABC):
    """Own a working folder in which every stage of a plan is laid down as Parquet, and a way to run plans."""

    #: The connection of Ibis that tables of this session belong to.
    connection: Any

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._laid: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of the engine; nothing runs afterwards."""

    @abstractmethod
    def landing(self) -> AbstractContextManager[DuckDBSession]:
        """Open the session on which delivered files land: one of DuckDB, on every engine."""

    @abstractmethod
    def take(self, table: Table, landing: DuckDBSession) -> Table:
        """Return a table of the landing session as one of this session."""

    @abstractmethod
    def lay(self, table: Table, name: str) -> Table:
        """Run a plan, lay the result down as ``name.parquet`` in the working folder, and read it back.

        The table that comes back has the types that the plan has.
        """

    def view(self, table: Table, name: str) -> Table:
        """Return a plan under a name, where the engine has such: plans over it are then short. Nothing runs."""
        return table

    def lay_file(self, table: Table, name: str) -> Table:
        """Lay a plan's result down as one file ``name.parquet``, on every engine, and read it back."""
        path = self.folder / f"{name}.parquet"
        self.write(table, path)
        return self._planned(path, table.schema())

    @abstractmethod
    def write(self, table: Table, path: Path) -> None:
        """Run a plan and write the result to one Parquet file."""

    @abstractmethod
    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Run a plan and return its rows; for small results only."""

    @abstractmethod
    def _scan(self, path: Path | str) -> Table:
        """Name a Parquet file, or folder of them, as a table."""

    def read(self, path: Path | str) -> Table:
        """Read a Parquet file as a table; whole numbers come as 64-bit ones, however narrow a literal was kept."""
        table = self._scan(path)
        narrow = {name: "int64" for name, kind in table.schema().items() if kind.is_integer() and not kind.is_int64()}
        return table.cast(narrow) if narrow else table

    def table(self, name: str, columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> Table:
        """Make a small table of Python values.

        It goes through a Parquet file, because an in-memory table with nulls is read wrongly by Spark.
        """
        path = self._values(name, columns, rows)
        return self._planned(path, ibis.Schema.from_pyarrow(pa.schema(columns)))

    def _values(self, name: str, columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> Path:
        path = self._fresh(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, columns, rows)
        return path

    def _planned(self, path: Path, schema: Any) -> Table:
        """Name a Parquet file as a table of the types that a plan has."""
        return as_planned(self.read(path), schema)

    @abstractmethod
    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in SQL, written as DuckDB reads it: select, join, ``IN``, ``GROUP BY``."""

    @abstractmethod
    def keep(self, name: str, query: str) -> None:
        """Keep what a query in SQL finds as a table of the session, in place of one of the same name."""

    def keep_rows(self, name: str, columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> None:
        """Keep a small table of Python values."""
        self.keep_file(name, self._values(name, columns, rows))

    @abstractmethod
    def keep_file(self, name: str, path: Path, first: int | None = None) -> None:
        """Name a Parquet file as a table of the session; with ``first``, its rows are numbered from there, as ``n``."""

    def size(self, name: str) -> int:
        """Count the rows of a table of the session."""
        [(number,)] = self.ask(f"SELECT COUNT(*) FROM {name}")
        return int(number)

    def count(self, table: Table) -> int:
        """Count the rows of a plan."""
        [(number,)] = self.rows(table.aggregate(n=table.count()))
        return int(number)

    def _fresh(self, name: str) -> Path:
        """Return a path that no earlier stage has: plans are lazy, so a file must not change under one."""
        unique, number = name, 1
        while unique in self._laid:
            number += 1
            unique = f"{name}~{number}"
        self._laid.add(unique)
        return self.folder / f"{unique}.parquet"


def write_rows(path: Path, columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> None:
    """Write Python values as a Parquet file; for small tables only."""
    values = list(rows)
    arrays = [pa.array([row[i] for row in values], type=kind) for i, kind in enumerate(columns.values())]
    pq.write_table(pa.table(arrays, names=list(columns)), path)


def as_planned(table: Table, kinds: Any) -> Table:
    """Return a table with the types of a plan, where a file holds another one (a literal in the narrowest)."""
    differing = {column: kind for column, kind in kinds.items() if table.schema()[column] != kind}
    return table.cast(differing) if differing else table


def open_session(
    folder: Path, engine: Engine = "duckdb", *, memory: str | None = None, master: str | None = None
) -> Session:
    """Open a session of an engine; ``master`` is where Spark runs. Raises ``EngineError`` where it cannot."""
    if engine == "spark":
        from haemony.engine.on_spark import SparkSession

        return SparkSession(folder, memory=memory, master=master)
    from haemony.engine.on_duckdb import DuckDBSession

    return DuckDBSession(folder, memory=memory)
