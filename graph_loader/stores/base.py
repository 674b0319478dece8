"""What a graph store must do, and the tables that it loads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from haemony.engine.errors import QueryError

#: The types of properties, named alike for every store.
PropertyType = Literal[
    "string",
    "integer",
    "decimal",
    "boolean",
    "list of string",
    "list of integer",
    "list of decimal",
    "list of boolean",
]


@dataclass(frozen=True)
class Property:
    """A property of a node or a relationship."""

    name: str
    type: PropertyType


@dataclass(frozen=True)
class NodeTable:
    """The nodes of one label: a Parquet file whose first column, ``id``, is the key."""

    label: str
    properties: tuple[Property, ...]
    path: Path
    rows: int


@dataclass(frozen=True)
class RelationshipTable:
    """The relationships of one type between two labels: a Parquet file with ``from``, ``to`` and the properties."""

    type: str
    start: str
    end: str
    properties: tuple[Property, ...]
    path: Path
    rows: int


@dataclass(frozen=True)
class GraphTables:
    """A whole graph as Parquet files. Every label and type of the ontology is here, filled or not."""

    nodes: tuple[NodeTable, ...]
    relationships: tuple[RelationshipTable, ...]


@dataclass(frozen=True)
class Rows:
    """The answer to a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row as a dictionary."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class GraphStore(Protocol):
    """A place where a graph is kept and queried in Cypher."""

    def __enter__(self) -> Self:
        """Open the store."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""

    def load(self, graph: GraphTables) -> None:
        """Replace all that the store holds by ``graph``; all of it or none."""

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        seconds: float | None = None,
    ) -> Rows:
        """Run one reading statement and return at most ``limit`` rows; raise ``QueryError`` for any other statement."""

    def labels(self) -> dict[str, int]:
        """Count the nodes of each label."""

    def relationships(self) -> dict[str, int]:
        """Count the relationships of each type."""


_WRITING = frozenset(
    "ALTER ATTACH CALL CHECKPOINT COMMENT COPY CREATE DELETE DETACH DROP EXPORT FOREACH IMPORT INSTALL LOAD MERGE "
    "REMOVE SET UNINSTALL UPDATE USE".split()
)
_READING = frozenset("MATCH OPTIONAL RETURN UNWIND WITH".split())
_TOKEN = re.compile(
    r"""(?P<skip>//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`)"""
    r"""|\$(?P<parameter>\w+)|(?P<word>(?<!\w)[A-Za-z_]\w*)|(?P<end>;)""",
    re.DOTALL,
)
#: What stands before the name of a property. A number with a point is none: ``1.SET`` sets.
_OWNER = re.compile(r"(?:(?<!\w)[A-Za-z_]\w*|[`)\]])\s*\.\s*$")


def check_reading(cypher: str, parameters: Mapping[str, Any]) -> None:
    """Raise ``QueryError`` unless ``cypher`` is one statement that only reads and has all its parameters.

    A read-only database does not suffice: Ladybug lets ``COPY ... TO`` write a file and ``LOAD FROM`` read one even
    there, and takes a missing parameter for null.

    >>> check_reading("MATCH (n:Patient {id: $id}) RETURN n", {"id": "a"})
    >>> check_reading("MATCH (n) DETACH DELETE n", {})
    Traceback (most recent call last):
    haemony.engine.errors.QueryError: DETACH is not allowed here: queries only read. ...
    """
    tokens = list(_TOKEN.finditer(cypher))
    words = [(t["word"].upper(), t) for t in tokens if t["word"]]
    if not words:
        raise QueryError("the query is empty")
    for word, token in words:
        if word in _WRITING and not _is_name(cypher[: token.start()], cypher[token.end() :]):
            raise QueryError(
                f"{word} is not allowed here: queries only read. Put a name that reads {word} in backticks."
            )
    if words[0][0] not in _READING:
        raise QueryError(f"a query starts with {', '.join(sorted(_READING))}, not with {words[0][0]}")
    ends = [t for t in tokens if t["end"]]
    if ends and any(not t["skip"] for t in tokens if t.start() > ends[0].start()):
        raise QueryError("one statement at a time: there is text after the semicolon")
    missing = sorted({t["parameter"] for t in tokens if t["parameter"]} - set(parameters))
    if missing:
        raise QueryError(f"the query needs a value for {', '.join('$' + name for name in missing)}")


def _is_name(before: str, after: str) -> bool:
    """Tell whether a word is a label, a relationship type, a property or a key of a map."""
    return before.rstrip().endswith((":", "|")) or after.lstrip().startswith(":") or bool(_OWNER.search(before))


def plain(value: Any) -> Any:
    """Return a number that is a ``Decimal`` as ``int`` or ``float``, also inside lists and maps."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value
