"""The SHACL validation report as JSON-LD, the same graph as in Turtle, written result by result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rdflib import RDF, SH, XSD, Graph, Literal, URIRef
from rdflib.term import Node

from haemony.graph_loader.rdf import CONCEPT, RECORD, record_iri, typed
from haemony.graph_loader.reference import VALUELESS
from haemony.graph_loader.shacl_report import count_results, kinds_of_words, results
from haemony.graph_loader.shapes import last_word, shape_id
from haemony.ontology.schema import HAEMONY, Schema

#: https://www.w3.org/TR/json-ld11/: terms without a prefix are Haemony's own words.
CONTEXT: Final = {"@vocab": str(HAEMONY), "sh": str(SH), "xsd": str(XSD)}


def report_json_ld(
    violations: Sequence[Path], shapes: Graph | Sequence[Graph], out: Path, schema: Schema | None = None
) -> int:
    """Write ``violations.parquet``, of one or several partners, as one SHACL validation report in JSON-LD.

    ``shapes`` are those of all, or one graph for each. Returns the number of results.
    """
    count, kinds = count_results(violations), kinds_of_words(schema)
    head = {"@context": CONTEXT, "@id": "urn:haemony:validation", "@type": "sh:ValidationReport"}
    with out.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head | {"sh:conforms": count == 0}).removesuffix("}"))
        file.write(', "sh:result": [')
        for number, (row, shape, graph) in enumerate(results(violations, shapes)):
            file.write(",\n" if number else "\n")
            json.dump(_result(row, shape, graph, kinds), file, ensure_ascii=False)
        file.write("\n]}\n")
    return count


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
