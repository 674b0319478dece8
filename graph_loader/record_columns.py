"""The columns of records: what each holds as shapes see it, and the tables in which it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rdflib import URIRef

from haemony.engine.sql import named
from haemony.graph_loader.rdf import CONCEPT, RECORD
from haemony.ontology.schema import Field
from haemony.shapes.layout import Sort
from haemony.shapes.tables import BOOLEANS, DECIMALS, INTEGERS, STRINGS, Names

RECORDS = Names("record", RECORD, number=True)
CONCEPTS = Names("concept", CONCEPT, number=True)
#: What refers to a class that has no records here, by its id.
FOREIGN = Names("foreign", RECORD)
SQL_TYPES: Mapping[Sort, str] = {
    DECIMALS: "DECIMAL(18, 6)",
    INTEGERS: "BIGINT",
    BOOLEANS: "BOOLEAN",
    STRINGS: "VARCHAR",
    RECORDS: "BIGINT",
    FOREIGN: "VARCHAR",
    CONCEPTS: "BIGINT",
}


@dataclass(frozen=True)
class Column:
    """A word of a class: the column of its table, what it holds, and how it is made of the file's row ``f``."""

    word: URIRef
    name: str
    sort: Sort
    text: str
    refers_to: str = ""
    many: bool = False


def rows_of(path: Path) -> int:
    """Count the rows of a Parquet file, or of the files in a folder."""
    return sum(int(pq.read_metadata(p).num_rows) for p in parts_of(path))


def schema_of(path: Path) -> pa.Schema:
    """Return the schema of a Parquet file, or of the files in a folder."""
    return pq.read_schema(parts_of(path)[0])


def parts_of(path: Path) -> list[Path]:
    """List the files of a table."""
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def sort_of_field(f: Field, kind: pa.DataType) -> Sort:
    """Return what a column holds: its type decides, for a field may have been filled with what it should not."""
    if pa.types.is_boolean(kind):
        return BOOLEANS
    if pa.types.is_integer(kind):
        return CONCEPTS if f.kind == "concept" else INTEGERS
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return DECIMALS
    return RECORDS if f.kind == "reference" else STRINGS


def file_of(cls: str) -> str:
    """Name the table of a class's file, its rows numbered as ``n``."""
    return f"records_{cls}"


def table_of(cls: str) -> str:
    """Name the table of a class."""
    return f"rows_{cls}"


def home_of(cls: str, column: Column) -> str:
    """Name the table in which a column's values stand."""
    return list_of(cls, column) if column.many else table_of(cls)


def column_of(column: Column) -> str:
    """Name a column in the table in which its values stand."""
    return "value" if column.many else named(column.name)


def list_of(cls: str, column: Column) -> str:
    """Name the table of a column of lists."""
    return f"rows_{cls}_{column.name}"
