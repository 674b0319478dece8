"""The compiled shapes against pySHACL: on records with every kind of defect, the same violations to the letter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import SH, Graph, Literal

from haemony.graph_loader.rdf import concept_id
from haemony.graph_loader.shapes import read_shapes
from haemony.graph_loader.validate import CHECKED, validate
from haemony.ontology.schema import Field, RecordClass, read_schema
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary

SHAPES = Path(__file__).parents[2] / "ontology" / "shapes"
TYPES: dict[str, pa.DataType] = {
    "decimal": pa.decimal128(18, 6),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "concept": pa.int64(),
    "reference": pa.string(),
}
NOBODY, UNKNOWN = "nobody", 2149999999
#: Texts that break a pattern or a list, and some that keep one.
TEXTS = (
    "",
    "x",
    "46,XY[20]",
    "46,XX,t(8;21)(q22;q22)[20]",
    "XX",
    "XY",
    "p.R882H",
    "c.2645G>A",
    "A",
    "g/dL",
    "<",
    "2.50",
)


@cache
def shapes() -> Graph:
    return read_shapes([SHAPES])


@cache
def vocabulary() -> Vocabulary:
    return read_vocabulary()


def name(concept: int) -> str:
    return vocabulary()[concept].name


@cache
def concepts() -> list[int]:
    """All concepts that a shape names, and one that nobody knows."""
    named = {c for node in shapes().objects() if (c := concept_id(node)) is not None}
    return sorted({c for c in named if c in vocabulary()} | {UNKNOWN})


@cache
def numbers() -> list[Decimal]:
    """All bounds that a shape names, and what is just beside them."""
    bounds = {
        Decimal(str(o)) for p in (SH.minInclusive, SH.maxInclusive, SH.minExclusive) for o in shapes().objects(None, p)
    }
    return sorted({b + step for b in bounds for step in (Decimal(0), Decimal("0.5"), Decimal(-1))})


@cache
def texts() -> list[str]:
    listed = {str(o) for o in shapes().objects() if isinstance(o, Literal) and o.datatype is None and len(str(o)) < 12}
    return sorted(listed | set(TEXTS))


def values(field: Field, ids: dict[str, list[str]]) -> st.SearchStrategy[Any]:
    one: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "decimal": lambda: st.sampled_from(numbers()),
        "integer": lambda: st.sampled_from([int(n) for n in numbers()] + [0, 1, 2]),
        "boolean": st.booleans,
        "string": lambda: st.sampled_from(texts()),
        "concept": lambda: st.sampled_from(concepts()),
        "reference": lambda: st.sampled_from([*ids.get(field.range, []), *ids["Patient"], NOBODY]),
    }
    made = one[field.kind]()
    return st.none() | (st.lists(made, max_size=3) if field.many else made)


@st.composite
def deliveries(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Draw records of every class, of few patients, so that they meet."""
    classes = read_schema().records
    counts = {cls.name: draw(st.integers(0, 6)) for cls in classes} | {"Patient": draw(st.integers(1, 3))}
    ids = {name: [f"{name}-{i}" for i in range(number)] for name, number in counts.items()}
    return {cls.name: [draw(record(cls, i, ids)) for i in ids[cls.name]] for cls in classes}


def record(cls: RecordClass, mark: str, ids: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    patient = st.just(mark) if cls.name == "Patient" else st.sampled_from([*ids["Patient"], NOBODY, "", None])
    fields = {f.name: values(f, ids) for f in cls.fields}
    return st.fixed_dictionaries({"id": st.just(mark), "patient": patient, **fields})


def write(folder: Path, delivery: dict[str, list[dict[str, Any]]]) -> Path:
    folder.mkdir()
    for name, rows in delivery.items():
        fields = read_schema()[name].fields
        kinds = {"id": pa.string(), "patient": pa.string()}
        kinds |= {f.name: pa.list_(TYPES[f.kind]) if f.many else TYPES[f.kind] for f in fields}
        kinds |= {"sources": pa.list_(pa.string())}
        rows = [row | {"sources": [f"cell of {row['id']}"]} for row in rows]
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(kinds)), folder / f"{name}.parquet")
    return folder


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(deliveries())
def test_compiled_shapes_find_what_pyshacl_finds(delivery: dict[str, list[dict[str, Any]]]) -> None:
    found = []
    with TemporaryDirectory() as folder:
        records = write(Path(folder) / "records", delivery)
        for reference in (False, True):
            out = Path(folder) / str(reference) / "violations.parquet"
            validate(records, [SHAPES], vocabulary().ancestors, out, 1, 1000, name, reference=reference)
            checked = pq.read_table(out.with_name(CHECKED)).drop_columns(["road"]).to_pylist()
            found.append((pq.read_table(out).to_pylist(), checked))
    assert found[0] == found[1]
