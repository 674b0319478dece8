"""The SHACL validation report as JSON-LD, the same graph as in Turtle, written result by result."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from rdflib import RDF, SH, XSD, Graph, Literal, URIRef
from rdflib.term import Node

from haemony.graph_loader.rdf import CONCEPT, RECORD, record_iri, typed
from haemony.graph_loader.reference import VALUELESS
from haemony.graph_loader.shapes import SHAPE, last_word, shape_id
from haemony.ontology.schema import HAEMONY, Schema, read_schema

#: https://www.w3.org/TR/json-ld11/: terms without a prefix are Haemony's own words.
CONTEXT: Final = {"@vocab": str(HAEMONY), "sh": str(SH), "xsd": str(XSD)}


def report_json_ld(
    violations: Sequence[Path], shapes: Graph | Sequence[Graph], out: Path, schema: Schema | None = None
) -> int:
    """Write ``violations.parquet``, of one or several partners, as one SHACL validation report in JSON-LD.

    ``shapes`` are those of all, or one graph for each. Returns the number of results.
    """
    files = [pq.ParquetFile(path) for path in violations]
    count = sum(int(rows.metadata.num_rows) for rows in files)
    head = {"@context": CONTEXT, "@id": "urn:haemony:validation", "@type": "sh:ValidationReport"}
    with out.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head | {"sh:conforms": count == 0}).removesuffix("}"))
        file.write(', "sh:result": [')
        graphs = [shapes] * len(files) if isinstance(shapes, Graph) else shapes
        for number, result in enumerate(_results(zip(files, graphs, strict=True), schema or read_schema())):
            file.write(",\n" if number else "\n")
            json.dump(result, file, ensure_ascii=False)
        file.write("\n]}\n")
    return count


def _results(files: Iterable[tuple[pq.ParquetFile, Graph]], schema: Schema) -> Iterator[dict[str, Any]]:
    kinds = {str(f.word): f.kind for c in schema.records for f in c.fields}
    for rows, shapes in files:
        named = {shape_id(s): URIRef(str(s)) for s in shapes.subjects(SH.severity)}
        for row in (row for part in rows.iter_batches() for row in part.to_pylist()):
            shape = named.get(row["shape"], URIRef(SHAPE + row["shape"]))  # it may be gone since the build
            yield _result(row, shape, shapes, kinds)


def _result(row: Mapping[str, Any], shape: URIRef, shapes: Graph, kinds: Mapping[str, str]) -> dict[str, Any]:
    focus = {"@id": str(record_iri(row["record_id"]))}
    result = {
        "@type": "sh:ValidationResult",
        "sh:focusNode": focus,
        "sh:sourceShape": {"@id": str(shape)},
        "sh:resultSeverity": {"@id": f"sh:{row['severity']}"},
        "sh:sourceConstraintComponent": {"@id": f"sh:{row['component']}ConstraintComponent"},
        "sh:resultMessage": row["message"],
        "source": row["sources"],
        "mapping": row["mappings"],
    }
    path = shapes.value(shape, SH.path)
    if path is None:
        return result | {"sh:value": focus}
    result["sh:resultPath"] = path_json_ld(shapes, path)
    if row["component"] not in VALUELESS and row["value"]:
        result["sh:value"] = _value(row["value"], kinds.get(str(last_word(shapes, path)), ""))
    return result


def path_json_ld(shapes: Graph, path: Node) -> dict[str, Any]:
    """Write a SHACL path as JSON-LD."""
    if isinstance(path, URIRef):
        return {"@id": str(path)}
    if (path, RDF.first, None) in shapes:
        return {"@list": [path_json_ld(shapes, step) for step in shapes.items(path)]}
    (predicate, inner), *_ = shapes.predicate_objects(path)
    return {f"sh:{shape_id(predicate)}": path_json_ld(shapes, inner)}


def _value(text: str, kind: str) -> dict[str, str] | str:
    if text.startswith((RECORD, CONCEPT)):
        return {"@id": text}
    literal: Literal = typed(kind, text)
    return {"@value": text, "@type": str(literal.datatype)} if literal.datatype else text
