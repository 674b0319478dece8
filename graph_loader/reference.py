"""The reference validator: pySHACL over an RDF projection of the records, a batch of patients at a time.

It is the truth that the compiled shapes are held against, what SPARQL constraints run on, and ``haemony build
--reference``. All records of a patient are in one batch, so shapes may compare them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdflib import RDF, SH, Graph, Literal, URIRef
from rdflib.extras.shacl import parse_shacl_path
from rdflib.term import Node

from haemony.engine.errors import BuildError
from haemony.graph_loader.rdf import RECORD, Ancestors, Scope, Tables, concept_id, project
from haemony.graph_loader.shapes import SEVERITIES, TARGETS, Violation, path_text, read_shapes, shape_id
from haemony.ontology.schema import HAEMONY, Schema, read_schema

#: Components whose results carry no sh:value: https://www.w3.org/TR/shacl/#validator-definitions
VALUELESS = ("MinCount", "MaxCount", "QualifiedMinCount", "QualifiedMaxCount", "HasValue", "UniqueLang")


class Validator:
    """Shapes made ready, for many batches of patients."""

    def __init__(
        self,
        shapes: Graph,
        ancestors: Ancestors,
        name: Callable[[int], str] | None = None,
        schema: Schema | None = None,
    ) -> None:
        self.shapes = shapes
        self.ancestors = ancestors
        self.scope = Scope.of(shapes, schema)
        self._name = name
        self._classes: dict[Node, str] = {c.iri: c.name for c in (schema or read_schema()).records}
        self._paths: dict[tuple[Node, URIRef], Any] = {}

    def check(self, tables: Tables) -> list[Violation]:
        """Validate the records of some patients."""
        return self.check_graph(project(tables, self.ancestors, self.scope))

    def check_graph(self, data: Graph) -> list[Violation]:
        """Validate an RDF projection of records."""
        from pyshacl import validate as shacl

        _, report, _ = shacl(
            data, shacl_graph=self.shapes, inplace=True, inference="none", advanced=False, meta_shacl=False
        )
        if not isinstance(report, Graph):
            raise BuildError(f"The shapes cannot be applied: {report}")
        return [self._read(data, report, result) for result in report.objects(None, SH.result)]

    def _read(self, data: Graph, report: Graph, result: Node) -> Violation:
        found = dict(report.predicate_objects(result))
        shape, focus, value = found[SH.sourceShape], found[SH.focusNode], found.get(SH.value)
        component = shape_id(found[SH.sourceConstraintComponent]).removesuffix("ConstraintComponent")
        values = self._values(data, shape, focus, None if component in VALUELESS else value)
        return Violation(
            shape=shape_id(shape),
            patient=str(data.value(focus, HAEMONY.patient) or "").removeprefix(RECORD),
            record_id=str(focus).removeprefix(RECORD),
            value=", ".join(sorted(str(v) for v in values)),
            component=component,
            severity=SEVERITIES[URIRef(str(found[SH.resultSeverity]))],
            cls=next((self._classes[t] for t in data.objects(focus, RDF.type) if t in self._classes), ""),
            path=path_text(self.shapes, shape),
            message=self._fill(self._template(report, result, shape), data, focus, values),
        )

    def _template(self, report: Graph, result: Node, shape: Node) -> str:
        """Return the message of a shape; of a query that has one of its own, that, its variables filled."""
        query = report.value(result, SH.sourceConstraint)
        own = {str(message) for message in self.shapes.objects(shape, SH.message)}
        if query is not None and (query, SH.message, None) in self.shapes:
            said = sorted({str(message) for message in report.objects(result, SH.resultMessage)} - own)
            return said[0] if said else min(own)
        return str(self.shapes.value(shape, SH.message))

    def _values(self, data: Graph, shape: Node, focus: Node, value: Node | None) -> list[Node]:
        shown = self._path(shape, HAEMONY.shows)
        if shown is None:
            own = self._path(shape, SH.path)
            if value is not None or own is None:
                return [value] if value is not None and value != focus else []
            return [] if (shape, SH.hasValue, None) in self.shapes else sorted(set(data.objects(focus, own)), key=str)
        among = set(self.shapes.objects(shape, HAEMONY.among))
        values = sorted(set(data.objects(focus, shown)), key=str)
        return [v for v in values if not among or not among.isdisjoint(data.objects(v, HAEMONY.ancestor))]

    def _path(self, shape: Node, predicate: URIRef) -> Any:
        key = (shape, predicate)
        if key not in self._paths:
            node = self.shapes.value(shape, predicate)
            self._paths[key] = None if node is None else parse_shacl_path(self.shapes, node)
        return self._paths[key]

    def _fill(self, message: str, data: Graph, focus: Node, values: Sequence[Node]) -> str:
        def words(match: re.Match[str]) -> str:
            name = match[1]
            if name == "focus":
                return str(focus).removeprefix(RECORD)
            nodes = values if name == "value" else list(data.objects(focus, HAEMONY[name]))
            return ", ".join(dict.fromkeys(self._say(node) for node in nodes)) or "none"

        return re.sub(r"\{(\w+)\}", words, message)

    def _say(self, node: Node) -> str:
        concept = concept_id(node)
        if concept is None:
            return str(node).removeprefix(RECORD) if isinstance(node, URIRef) else _number(node)
        name = self._name(concept) if self._name else ""
        return f"{name} ({concept})" if name else f"concept {concept}"


def _number(node: Node) -> str:
    """Write a literal without needless noughts."""
    text = str(node)
    return text.rstrip("0").rstrip(".") if isinstance(node, Literal) and re.fullmatch(r"-?\d+\.\d+", text) else text


# --- many batches, side by side ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """All that a worker process needs, in plain values that can be sent to it."""

    records: Path
    shapes: tuple[Path, ...]
    ancestors: Mapping[int, tuple[int, ...]]
    names: Mapping[int, str]
    schema: Schema
    only: frozenset[Node] | None = None

    def start(self) -> tuple[Validator, Tables]:
        shapes = read_shapes(self.shapes, self.schema)
        if self.only is not None:
            _disarm(shapes, self.only)
        validator = Validator(shapes, self.of, lambda concept: self.names.get(concept, ""), self.schema)
        return validator, Tables.read(self.records, validator.scope, self.schema)

    def of(self, concept: int) -> tuple[int, ...]:
        return self.ancestors.get(concept, ())


def _disarm(shapes: Graph, kept: frozenset[Node]) -> None:
    """Take the targets off all shapes but some."""
    for predicate in TARGETS:
        for shape in set(shapes.subjects(predicate)) - kept:
            shapes.remove((shape, predicate, None))


_worker: tuple[Validator, Tables] | None = None


def _start(job: _Job) -> None:
    global _worker
    _worker = job.start()


def _run(patients: Sequence[str]) -> list[Violation]:
    assert _worker is not None
    validator, tables = _worker
    return validator.check(tables.of(patients))


def check_patients(
    records: Path,
    shapes: Sequence[Path],
    ancestors: Ancestors,
    name: Callable[[int], str] | None,
    schema: Schema,
    patients: Sequence[str],
    only: frozenset[Node] | None = None,
    processes: int = 2,
    batch: int = 100,
) -> list[Violation]:
    """Validate the records of some patients against shapes, or ``only`` some of the shapes.

    With more than one process, batches of patients run side by side in fresh interpreters.
    """
    tables = Tables.read(records, None, schema)
    job = _Job(records, tuple(shapes), *_lookup(tables, ancestors, name), schema, only)
    batches = [patients[i : i + batch] for i in range(0, len(patients), batch)]
    return sorted(set(_spread(job, batches, min(processes, len(batches)))))


def _lookup(
    tables: Tables, ancestors: Ancestors, name: Callable[[int], str] | None
) -> tuple[dict[int, tuple[int, ...]], dict[int, str]]:
    """Look up every used concept once, so that workers need no vocabulary.

    A concept that the vocabulary does not know has no ancestors; a shape reports it.
    """
    names: dict[int, str] = {}
    above: dict[int, tuple[int, ...]] = {}
    for concept in sorted(tables.concepts()):
        try:
            if name:
                names[concept] = name(concept)
            above[concept] = tuple(sorted(set(ancestors(concept))))
        except LookupError:
            above[concept] = ()
    return above, names


def _spread(job: _Job, batches: Sequence[Sequence[str]], processes: int) -> list[Violation]:
    if processes < 2:
        validator, tables = job.start()
        return [v for patients in batches for v in validator.check(tables.of(patients))]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(processes, get_context("spawn"), _start, (job,)) as pool:
        return [v for found in pool.map(_run, batches) for v in found]
