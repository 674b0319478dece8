"""The embedded store: Ladybug, one file, nothing to install.

What was found out about Ladybug 0.22, and is settled here: ``COPY`` refuses Parquet's DECIMAL and does not widen
INT32; an open graph keeps changes in a ``.wal`` file beside it, which must not meet a graph file that it was not
written for; a query over labels whose ids have unlike types returns the ids as text.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ladybug

from haemony.engine.errors import BuildError, QueryError
from haemony.engine.session import alive
from haemony.graph_loader.stores.base import (
    GraphTables,
    NodeTable,
    Property,
    RelationshipTable,
    Rows,
    check_reading,
    plain,
)

_TYPES = {
    "string": "STRING",
    "integer": "INT64",
    "decimal": "DOUBLE",
    "boolean": "BOOLEAN",
    "list of string": "STRING[]",
    "list of integer": "INT64[]",
    "list of decimal": "DOUBLE[]",
    "list of boolean": "BOOLEAN[]",
}


class LadybugStore:
    """A graph in one file, opened for reading.

    ``load`` never touches the open file: it writes a new one beside it and renames it into place.
    """

    def __init__(self, path: Path, *, buffer_pool_size: int = 0) -> None:
        self.path = path
        self._buffer_pool_size = buffer_pool_size
        self._database: Any = None
        self._connection: Any = None

    def __enter__(self) -> Self:
        if self.path.exists():
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later query opens it again."""
        for handle in (self._connection, self._database):
            if handle is not None:
                handle.close()
        self._connection = self._database = None

    def load(self, graph: GraphTables) -> None:
        """Write ``graph`` to a new file and rename it into place: the old graph stays whole until then."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self.path)
        building = self.path.with_name(f"{self.path.name}.building-{os.getpid()}")
        _remove(building)
        try:
            _write(building, graph, self._buffer_pool_size)
            _sync(building)
            self.close()
            _remove_companions(self.path)
            os.replace(building, self.path)
        finally:
            _remove(building)

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        seconds: float | None = None,
    ) -> Rows:
        """Run one reading statement and return at most ``limit`` rows."""
        values = dict(parameters or {})
        check_reading(cypher, values)
        connection = self._open()
        connection.set_query_timeout(int((seconds or 0) * 1000))
        try:
            result = connection.execute(cypher, values)
        except RuntimeError as error:
            raise QueryError(_explain(str(error))) from None
        with contextlib.closing(result):
            found = (tuple(_tidy(v) for v in result.get_next()) for _ in iter(result.has_next, False))
            rows = tuple(found if limit is None else islice(found, limit))
            return Rows(tuple(result.get_column_names()), rows, truncated=result.has_next())

    def labels(self) -> dict[str, int]:
        """Count the nodes of each label."""
        return {name: self._count(f"MATCH (n:`{name}`) RETURN count(n)") for name in self._tables("NODE")}

    def relationships(self) -> dict[str, int]:
        """Count the relationships of each type."""
        return {name: self._count(f"MATCH ()-[r:`{name}`]->() RETURN count(r)") for name in self._tables("REL")}

    def _count(self, cypher: str) -> int:
        return int(self.query(cypher).rows[0][0])

    def _tables(self, kind: str) -> list[str]:
        with contextlib.closing(self._open().execute("CALL show_tables() RETURN name, type")) as result:
            return sorted(name for name, type_ in result.get_all() if type_ == kind)

    def _open(self) -> Any:
        if self._connection is None:
            if not self.path.is_file():
                raise BuildError(f"there is no graph at {self.path}. Build one first: haemony build")
            try:
                self._database = ladybug.Database(
                    str(self.path), read_only=True, buffer_pool_size=self._buffer_pool_size
                )
                self._connection = ladybug.Connection(self._database)
            except RuntimeError as error:
                self.close()
                raise BuildError(f"{self.path} cannot be opened as a graph: {_explain(str(error))}") from None
        return self._connection


def _write(path: Path, graph: GraphTables, buffer_pool_size: int) -> None:
    database = ladybug.Database(str(path), buffer_pool_size=buffer_pool_size)
    connection = ladybug.Connection(database)
    try:
        # One transaction: each COPY of its own would write a checkpoint of its own.
        for statement in ("BEGIN TRANSACTION", *statements(graph), "COMMIT"):
            connection.execute(statement).close()
        _check_counts(connection, graph)
        connection.execute("CHECKPOINT").close()
    except RuntimeError as error:
        raise BuildError(f"the graph cannot be loaded: {_explain(str(error))}") from None
    finally:
        connection.close()
        database.close()


def statements(graph: GraphTables) -> Iterator[str]:
    """Return the statements that make the tables of a graph and fill them from their files."""
    for node in graph.nodes:
        yield f"CREATE NODE TABLE `{node.label}`({_columns(node.properties)}, PRIMARY KEY(`id`))"
    for type_, group in _by_type(graph):
        pairs = ", ".join(f"FROM `{r.start}` TO `{r.end}`" for r in group)
        columns = f", {_columns(group[0].properties)}" if group[0].properties else ""
        yield f"CREATE REL TABLE `{type_}`({pairs}{columns})"
    tables: tuple[NodeTable | RelationshipTable, ...] = (*graph.nodes, *graph.relationships)
    yield from (_copy(table) for table in tables if table.rows)


def _by_type(graph: GraphTables) -> Iterator[tuple[str, list[RelationshipTable]]]:
    for type_, group in groupby(sorted(graph.relationships, key=lambda r: r.type), key=lambda r: r.type):
        yield type_, list(group)


def _columns(properties: tuple[Property, ...]) -> str:
    return ", ".join(f"`{p.name}` {_TYPES[p.type]}" for p in properties)


def _copy(table: NodeTable | RelationshipTable) -> str:
    source = str(table.path).replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(table, NodeTable):
        return f'COPY `{table.label}` FROM "{source}"'
    return f"COPY `{table.type}` FROM \"{source}\" (from='{table.start}', to='{table.end}')"


def _check_counts(connection: Any, graph: GraphTables) -> None:
    wanted = {f"MATCH (n:`{n.label}`) RETURN count(n)": (n.label, n.rows) for n in graph.nodes}
    wanted |= {
        f"MATCH ()-[r:`{type_}`]->() RETURN count(r)": (type_, sum(r.rows for r in group))
        for type_, group in _by_type(graph)
    }
    for cypher, (name, rows) in wanted.items():
        with contextlib.closing(connection.execute(cypher)) as result:
            held = result.get_all()[0][0]
        if held != rows:
            raise BuildError(f"{name}: the graph holds {held} where {rows} were written")


def _explain(message: str) -> str:
    """Return the database's message in one line, without the place in its own source where it arose."""
    first = message.strip().splitlines()[0] if message.strip() else "unknown error"
    if first.startswith("Assertion failed"):
        return "the database cannot run a statement of this form. Try it without a subquery inside a list predicate."
    return first


def _tidy(value: Any) -> Any:
    """Return nodes and relationships as maps of their filled properties and ``label``, and numbers as plain numbers."""
    if isinstance(value, dict) and "_NODES" in value:
        return {"nodes": _tidy(value["_NODES"]), "relationships": _tidy(value["_RELS"])}
    if isinstance(value, dict) and "_LABEL" in value:
        filled = {k: plain(v) for k, v in value.items() if not k.startswith("_") and v is not None}
        return {"label": value["_LABEL"], **filled}
    if isinstance(value, list):
        return [_tidy(v) for v in value]
    return plain(value)


def _companions(path: Path) -> list[Path]:
    return [p for p in path.parent.glob(f"{path.name}.*") if ".building-" not in p.name.removeprefix(path.name)]


def _remove_companions(path: Path) -> None:
    for companion in _companions(path):
        companion.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    for file in (path, *_companions(path)):
        file.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove what a killed load left behind; a load that still runs keeps its file."""
    for file in path.parent.glob(f"{path.name}.building-*"):
        process = file.name.removeprefix(f"{path.name}.building-").partition(".")[0]
        if not alive(process):
            file.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
