from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rdflib import SH, Graph, Literal
from rdflib.compare import isomorphic

from haemony.graph_loader.json_ld import report_json_ld
from haemony.graph_loader.shacl_report import report_graph
from haemony.graph_loader.shapes import read_shapes
from haemony.graph_loader.validate import no_violations

SHAPES = Path(__file__).parents[2] / "ontology" / "shapes"
TEXTS = pa.list_(pa.string())


def violations(path: Path, *rows: dict[str, Any]) -> Path:
    """Write results; what is not said of one is a violation of the age by a patient."""
    usual = {
        "record_id": "p1", "class": "Patient", "patient": "p1", "shape": "patient-age", "severity": "Warning",
        "component": "MaxInclusive", "path": "age", "value": "130", "message": "130 years.",
        "sources": ['lab "A":2:AGE'], "mappings": ["ward/dictionary.tsv:3", "ward/dictionary.tsv:4"],
    }  # fmt: skip
    kinds = {name: TEXTS if isinstance(value, list) else pa.string() for name, value in usual.items()}
    pq.write_table(pa.Table.from_pylist([usual | row for row in rows], schema=pa.schema(kinds)), path)
    return path


ROWS: tuple[dict[str, Any], ...] = (
    {},
    {"message": 'Ümläut, "quoted"\nand a line end \\ {"@id": 1}', "sources": [], "mappings": []},
    {"shape": "haemoglobin-impossible", "value": "92.500000", "component": "MaxInclusive", "severity": "Violation"},
    {"shape": "record-after-death", "value": "9", "component": "LessThanOrEquals"},
    {"shape": "second-recurrent-rearrangement", "component": "QualifiedMaxCount", "value": "1, 2"},
    {"shape": "karyotype-silent", "component": "MinCount", "value": ""},
    {"shape": "karyotype-concept", "component": "Class", "value": "https://w3id.org/haemony/concept/7"},
    {"shape": "karyotype-y-in-female", "component": "Or", "value": "XY"},
    {"shape": "measurement-value", "component": "Datatype", "value": "9,1"},
)


def test_json_ld_is_the_same_graph_as_turtle(tmp_path: Path) -> None:
    shapes = read_shapes([SHAPES])
    files = [violations(tmp_path / "a.parquet", *ROWS), violations(tmp_path / "b.parquet", {"record_id": "p2"})]
    assert report_json_ld(files, shapes, tmp_path / "v.jsonld") == len(ROWS) + 1
    assert report_graph(files, shapes, tmp_path / "v.ttl") == len(ROWS) + 1
    linked, turtle = Graph().parse(tmp_path / "v.jsonld"), Graph().parse(tmp_path / "v.ttl")
    assert len(list(linked.objects(None, SH.result))) == len(ROWS) + 1
    assert isomorphic(linked, turtle)


def test_a_line_is_a_result(tmp_path: Path) -> None:
    report_json_ld([violations(tmp_path / "a.parquet", *ROWS)], read_shapes([SHAPES]), tmp_path / "v.jsonld")
    first, *results, last = (tmp_path / "v.jsonld").read_text(encoding="utf-8").splitlines()
    assert first.endswith('"sh:result": [') and last == "]}"
    assert [json.loads(line.removesuffix(","))["@type"] for line in results] == ["sh:ValidationResult"] * len(ROWS)


def test_a_report_without_results_conforms(tmp_path: Path) -> None:
    shapes = read_shapes([SHAPES])
    assert report_json_ld([no_violations(tmp_path / "v.parquet")], shapes, tmp_path / "v.jsonld") == 0
    assert (None, SH.conforms, Literal(True)) in Graph().parse(tmp_path / "v.jsonld")
