"""DuckDB: Ibis over DuckDB in this process. Delivered files land here, whatever engine runs the rest."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops

from haemony.engine.session import Session, Table
from haemony.engine.sql import named, quoted


class DuckDBSession(Session):
    """A session that runs plans on DuckDB."""

    def __init__(self, folder: Path, *, memory: str | None = None) -> None:
        super().__init__(folder)
        self.connection = ibis.duckdb.connect()
        # DuckDB's in_clause pass turns each IN list of five or more constants into a join per column.
        self.sql("SET disabled_optimizers = 'in_clause'")
        self.sql("SET autoinstall_known_extensions = false")
        self.sql(f"SET temp_directory = {quoted(str(folder / 'spill'))}")
        self.sql("SET enable_progress_bar = false")
        if memory:
            self.sql(f"SET memory_limit = {quoted(memory)}")

    def close(self) -> None:
        """Close the connection."""
        self.connection.disconnect()

    def sql(self, statement: str) -> Any:
        """Run a statement of DuckDB's own, for what a plan cannot say."""
        return self.connection.raw_sql(statement)

    def landing(self) -> AbstractContextManager[DuckDBSession]:
        """Return this session: it can land files itself."""
        return nullcontext(self)

    def take(self, table: Table, landing: DuckDBSession) -> Table:
        """Return the table as it is: it landed here."""
        return table

    def lay(self, table: Table, name: str) -> Table:
        """Run a plan, lay the result down as ``name.parquet`` in the working folder, and read it back.

        A literal or null is written in the narrowest type that holds it; it comes back in the type that the plan has.
        """
        path = self._fresh(name)
        self.write(table, path)
        return self._planned(path, table.schema())

    def write(self, table: Table, path: Path) -> None:
        """Run a plan and write the result to a Parquet file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.sql(f"COPY ({self._compiled(table)}) TO {quoted(str(path))} (FORMAT parquet)")

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Run a plan and return its rows; for small results only."""
        found: list[tuple[Any, ...]] = self.sql(self._compiled(table)).fetchall()
        return found

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in SQL."""
        found: list[tuple[Any, ...]] = self.sql(query).fetchall()
        return found

    def keep(self, name: str, query: str) -> None:
        """Keep what a query in SQL finds as a table of the session."""
        self.sql(f"CREATE OR REPLACE TEMP TABLE {named(name)} AS {query}")

    def keep_file(self, name: str, path: Path, first: int | None = None) -> None:
        """Name a Parquet file as a table of the session; with ``first``, its rows are numbered from there, as ``n``."""
        rows = f"SELECT * FROM read_parquet({quoted(str(path))})"
        if first is not None:
            file = f"read_parquet({quoted(str(path))}, file_row_number = true)"
            rows = f"SELECT * EXCLUDE (file_row_number), file_row_number + {first} AS n FROM {file}"
        self.sql(f"CREATE OR REPLACE TEMP VIEW {named(name)} AS {rows}")

    def _compiled(self, table: Table) -> str:
        """Return the SQL of a plan. Selects stay as the plan has them: what one computes, the next need not again."""
        fused = ibis.options.sql.fuse_selects
        ibis.options.sql.fuse_selects = False
        try:
            return str(self.connection.compile(table))
        finally:
            ibis.options.sql.fuse_selects = fused

    def _planned(self, path: Path, schema: Any) -> Table:
        """Name a Parquet file as a table of a plan's types, which are known: so nothing need be asked of the file."""
        kinds = self.connection.compiler.type_mapper
        columns = ", ".join(f"CAST({named(c)} AS {kinds.to_string(kind)}) AS {named(c)}" for c, kind in schema.items())
        # Types are as planned: a literal or null is written in the narrowest type that holds it.
        return self._view(f"SELECT {columns} FROM read_parquet({quoted(str(path))})", "laid", schema)

    def view(self, table: Table, name: str) -> Table:
        """Return a plan under a name: Ibis takes its time over long plans, DuckDB does not."""
        return self._view(self._compiled(table), name, table.schema())

    def _view(self, select: str, name: str, schema: Any) -> Table:
        unique = ibis.util.gen_name(name)
        self.sql(f"CREATE TEMP VIEW {named(unique)} AS {select}")
        return ops.DatabaseTable(unique, schema=schema, source=self.connection).to_expr()

    def _scan(self, path: Path | str) -> Table:
        return self.connection.read_parquet(str(path))
