"""The standard report: violations of one or several partners as a SHACL validation report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rdflib import SH, Graph, Literal, URIRef

from haemony.graph_loader.rdf import CONCEPT, RECORD, record_iri, typed
from haemony.graph_loader.reference import VALUELESS
from haemony.graph_loader.shapes import SHAPE, last_word, path_turtle, shape_id
from haemony.ontology.schema import HAEMONY, Schema, read_schema


def report_graph(
    violations: Path | Sequence[Path], shapes: Graph | Sequence[Graph], out: Path, schema: Schema | None = None
) -> int:
    """Write ``violations.parquet``, one or several, as one SHACL validation report; return the number of results.

    ``shapes`` are those of all, or one graph for each.

    Each result also names, with ``:source`` and ``:mapping``, the delivered cells and mapping rows behind its record.
    Results are written one by one: a graph of them would not fit where a whole delivery is at fault.
    """
    files = [violations] if isinstance(violations, Path) else violations
    kinds = kinds_of_words(schema)
    count = count_results(files)
    with out.open("w", encoding="utf-8") as file:
        file.write(f"@prefix : <{HAEMONY}> .\n@prefix sh: <{SH}> .\n\n")
        file.write(f"<urn:haemony:validation> a sh:ValidationReport ; sh:conforms {str(count == 0).lower()} .\n")
        file.writelines(_result(row, shape, graph, kinds) for row, shape, graph in results(files, shapes))
    return count


def kinds_of_words(schema: Schema | None) -> dict[str, str]:
    """Return the kind of the values of each word."""
    return {str(f.word): f.kind for c in (schema or read_schema()).records for f in c.fields}


def count_results(violations: Sequence[Path]) -> int:
    """Count the results in files of violations."""
    return sum(int(pq.read_metadata(path).num_rows) for path in violations)


def results(
    violations: Sequence[Path], shapes: Graph | Sequence[Graph]
) -> Iterator[tuple[Mapping[str, Any], URIRef, Graph]]:
    """Return each result with its shape and the graph that it stands in; ``shapes`` are those of all, or one a file."""
    graphs = [shapes] * len(violations) if isinstance(shapes, Graph) else shapes
    for path, graph in zip(violations, graphs, strict=True):
        named = {shape_id(s): URIRef(str(s)) for s in graph.subjects(SH.severity)}
        for row in (row for part in pq.ParquetFile(path).iter_batches() for row in part.to_pylist()):
            # a shape may be gone since the build
            yield row, named.get(row["shape"], URIRef(SHAPE + row["shape"])), graph


def _result(row: Mapping[str, Any], shape: URIRef, shapes: Graph, kinds: Mapping[str, str]) -> str:
    focus = record_iri(row["record_id"]).n3()
    lines = [
        "\n<urn:haemony:validation> sh:result [ a sh:ValidationResult",
        f"sh:focusNode {focus}",
        f"sh:sourceShape {shape.n3()}",
        f"sh:resultSeverity sh:{row['severity']}",
        f"sh:sourceConstraintComponent sh:{row['component']}ConstraintComponent",
        f"sh:resultMessage {Literal(row['message']).n3()}",
    ]
    path = shapes.value(shape, SH.path)
    if path is None:
        lines.append(f"sh:value {focus}")
    else:
        lines.append(f"sh:resultPath {path_turtle(shapes, path)}")
        if row["component"] not in VALUELESS and row["value"]:
            lines.append(f"sh:value {_value(row['value'], kinds.get(str(last_word(shapes, path)), '')).n3()}")
    lines += [f":source {Literal(cell).n3()}" for cell in row["sources"]]
    lines += [f":mapping {Literal(rule).n3()}" for rule in row["mappings"]]
    return " ;\n  ".join(lines) + " ] .\n"


def _value(text: str, kind: str) -> URIRef | Literal:
    if text.startswith((RECORD, CONCEPT)):
        return URIRef(text)
    return typed(kind, text)
