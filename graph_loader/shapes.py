"""Shapes: read the SHACL files, and say everything that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rdflib import RDF, SH, Graph, URIRef
from rdflib.extras.shacl import parse_shacl_path
from rdflib.term import Node

from haemony.engine.errors import Problem, ShapeError
from haemony.graph_loader.rdf import placeholders
from haemony.mappings.model import SHAPES as OWN_SHAPES
from haemony.ontology.schema import HAEMONY, Schema, read_schema
from haemony.shapes.reader import read_algebra, read_path
from haemony.shapes.reader import shape_id as shape_id


@dataclass(frozen=True, order=True)
class Violation:
    """One result: a record, the shape that it breaks, and why in words."""

    shape: str
    patient: str
    record_id: str
    value: str
    component: str
    severity: str
    cls: str
    path: str
    message: str


SEVERITIES = {SH.Violation: "Violation", SH.Warning: "Warning", SH.Info: "Info"}
KAHN = ("conformance", "completeness", "plausibility")
#: The beginning of the IRIs of shapes.
SHAPE = f"{HAEMONY}shape/"
TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf)


def shape_files(paths: Iterable[Path]) -> list[Path]:
    """List the Turtle files that paths name: files as they are, folders with all their ``*.ttl``."""
    return [file for path in paths for file in (sorted(path.glob("*.ttl")) if path.is_dir() else [path])]


def file_label(path: Path) -> str:
    """Name a shape file in messages; every partner's own is called alike, so its folder is named too.

    >>> file_label(Path("partners/centre_7/shapes.ttl")), file_label(Path("shapes/own.ttl"))
    ('centre_7/shapes.ttl', 'own.ttl')
    """
    return f"{path.parent.name}/{path.name}" if path.name == OWN_SHAPES else path.name


def read_shapes(paths: Iterable[Path], schema: Schema | None = None) -> Graph:
    """Read shape files (or folders of them) into one graph, and list everything that is wrong with them at once.

    Their messages may name the fields of ``schema``, the ontology's own where none is given.
    """
    words = {str(f.word).removeprefix(HAEMONY) for c in (schema or read_schema()).records for f in c.fields}
    shapes = Graph(bind_namespaces="none")
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    for path in shape_files(paths):
        graph = Graph(bind_namespaces="none")
        try:
            graph.parse(path, format="turtle")
        except OSError as error:
            problems.append(Problem(str(path), None, "", f"cannot be read: {error.strerror}."))
            continue
        except (SyntaxError, ValueError, IndexError) as error:  # the last where rdflib reads past the end of the file
            problems.append(Problem(file_label(path), None, "", f"is not Turtle: {' '.join(str(error).split())}"))
            continue
        problems.extend(_faults(file_label(path), graph, seen, words))
        shapes += graph
    if problems:
        raise ShapeError(dict.fromkeys(problems))
    return shapes


def _faults(file: str, graph: Graph, seen: dict[str, str], words: Collection[str]) -> Iterator[Problem]:
    try:
        read_algebra(graph, file)
    except ShapeError as error:
        yield from error.problems
    for shape in sorted(_reporting(graph), key=str):
        label = shape_id(shape)
        if not isinstance(shape, URIRef):
            yield Problem(
                file, None, label, "a shape with a target has no IRI.", "Name it https://w3id.org/haemony/shape/<id>."
            )
            continue
        if label in seen:
            yield Problem(file, None, label, f"the id of the shape is taken, in {seen[label]}.", "Give it another id.")
        seen[label] = file
        yield from (
            Problem(file, None, label, message, advice) for message, advice in _shape_faults(graph, shape, words)
        )


def _shape_faults(graph: Graph, shape: URIRef, words: Collection[str]) -> Iterator[tuple[str, str]]:
    if graph.value(shape, SH.severity) not in SEVERITIES:
        yield "the shape has no severity.", "Add sh:severity sh:Violation, sh:Warning or sh:Info."
    kahn = graph.value(shape, HAEMONY.kahn)
    if kahn is not None and str(kahn) not in KAHN:
        yield f"{str(kahn)!r} is no kind of data quality.", f"Write one of {', '.join(KAHN)}."
    own = graph.value(shape, HAEMONY.threshold)
    if own is not None and not re.fullmatch(r"0(\.\d+)?|1(\.0+)?", str(own)):
        yield f"its threshold {str(own)!r} is no share of records.", "Write 0 to 1: 0.05 for 5 %."
    message = graph.value(shape, SH.message)
    if message is None:
        yield "the shape has no message.", "Add sh:message, in words that a curator understands."
    for name in placeholders(str(message or "")):
        if name not in words and name not in ("value", "focus"):
            yield (
                f"the message names {{{name}}}, which is no field.",
                "Write {value}, {focus} or a field of the record.",
            )
    for path in graph.objects(shape, HAEMONY.shows):
        try:
            read_path(graph, path)
        except ShapeError as error:
            yield f":shows: {error.problems[0].message}", error.problems[0].advice


def _reporting(graph: Graph) -> set[Node]:
    """Find the shapes that results can name: those with a target, and the property shapes below them."""
    found = {s for p in TARGETS for s in graph.subjects(p)}
    queue = list(found)
    while queue:
        below = set(graph.objects(queue.pop(), SH.property)) - found
        found |= below
        queue += below
    return found


def path_text(shapes: Graph, shape: Node) -> str:
    """Write the path of a shape, or the one that it shows, with the last parts of its words."""
    path = shapes.value(shape, SH.path) or shapes.value(shape, HAEMONY.shows)
    return "" if path is None else re.sub(r"<[^>]*[/#]([^>/#]*)>", r"\1", parse_shacl_path(shapes, path).n3())


def path_turtle(shapes: Graph, path: Node) -> str:
    """Write a SHACL path as it stands in Turtle."""
    if isinstance(path, URIRef):
        return path.n3()
    if (path, RDF.first, None) in shapes:
        return f"( {' '.join(path_turtle(shapes, step) for step in shapes.items(path))} )"
    (predicate, inner), *_ = shapes.predicate_objects(path)
    return f"[ {predicate.n3()} {path_turtle(shapes, inner)} ]"


def last_word(shapes: Graph, path: Node) -> Node:
    """Return the word at which a path ends (the first, of alternatives): it tells the datatype of the values."""
    while not isinstance(path, URIRef):
        if (path, RDF.first, None) in shapes:
            path = list(shapes.items(path))[-1]
        else:
            (_, path), *_ = shapes.predicate_objects(path)
            path = shapes.value(path, RDF.first) or path
    return path
