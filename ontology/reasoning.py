"""Reasoning: the hierarchy of concepts, as an OWL reasoner derives it from what is asserted and what is defined.

``python -m haemony.ontology.reasoning`` classifies the asserted 'Is a' rows together with ``haemony.ttl`` and
``definitions.ttl``, refuses contradictions, and writes ``concepts/CONCEPT_ANCESTOR.csv``, which everything else reads.
So a build needs no Java, and a change of a definition shows in a diff.
"""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import owlready2
import rdflib
from rdflib import OWL, RDF, RDFS, Literal, URIRef
from rdflib.plugins.parsers.notation3 import BadSyntax

from haemony.engine.errors import HaemonyError, Problem, VocabularyError
from haemony.ontology.schema import HAEMONY, TTL

CONCEPT_IRI = str(HAEMONY) + "concept/"
DEFINITIONS = TTL.with_name("definitions.ttl")
CONCEPTS = TTL.with_name("concepts")
ANCESTOR = CONCEPTS / "CONCEPT_ANCESTOR.csv"
COLUMNS = ("ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation", "max_levels_of_separation")


class Ancestor(NamedTuple):
    """A row of CONCEPT_ANCESTOR."""

    ancestor: int
    descendant: int
    min_levels: int
    max_levels: int


class Asserted(NamedTuple):
    """What the concept files say: the name of each concept, and its asserted parents as pairs of child and parent."""

    names: dict[int, str]
    parents: frozenset[tuple[int, int]]


def read_asserted(folder: Path = CONCEPTS) -> Asserted:
    """Read concepts and their asserted parents from a folder in OMOP layout."""
    names = {int(row["concept_id"]): row["concept_name"] for row in _rows(folder / "CONCEPT.csv")}
    parents = frozenset(
        (int(row["concept_id_1"]), int(row["concept_id_2"]))
        for row in _rows(folder / "CONCEPT_RELATIONSHIP.csv")
        if row["relationship_id"] == "Is a" and not row.get("invalid_reason")
    )
    unknown = sorted({concept for pair in parents for concept in pair} - names.keys())
    if unknown:
        raise VocabularyError(
            Problem("CONCEPT_RELATIONSHIP.csv", None, "", f"concept {concept} is not in CONCEPT.csv.", "Add it there.")
            for concept in unknown
        )
    return Asserted(names, parents)


def infer(graph: rdflib.Graph) -> set[tuple[URIRef, URIRef]]:
    """Return the pairs of class and superclass that a graph asserts or that follow from it, by HermiT.

    Classes that are the same stand in both orders. Raise ``VocabularyError`` where the graph contradicts itself or has
    a class that nothing can belong to.
    """
    if shutil.which(owlready2.JAVA_EXE) is None:
        raise HaemonyError(
            "reasoning needs Java, and there is none on the PATH. Install a Java runtime (11 or later) and try again."
        )
    world = owlready2.World()
    try:
        ontology = world.get_ontology(str(HAEMONY) + "reasoning#")
        ontology.load(fileobj=io.BytesIO(graph.serialize(format="nt", encoding="utf-8")), format="ntriples")
        owlready2.sync_reasoner_hermit(world, debug=0)
        inferred = world.as_rdflib_graph()
        same = {(a, b) for a, b in inferred.subject_objects(OWL.equivalentClass) if isinstance(b, URIRef)}
        below = {(a, b) for a, b in inferred.subject_objects(RDFS.subClassOf) if isinstance(b, URIRef)}
    except owlready2.OwlReadyInconsistentOntologyError:
        raise VocabularyError("the ontology contradicts itself: no world fits all of its axioms.") from None
    except owlready2.OwlReadyJavaError as error:
        raise HaemonyError(f"the reasoner stopped: {str(error).strip().splitlines()[-1]}") from None
    finally:
        world.close()
    impossible = {a for a, b in same | below if b == OWL.Nothing} - {OWL.Nothing}
    if impossible:
        raise VocabularyError(
            Problem(
                _local(iri),
                None,
                "",
                f"nothing can be {graph.value(iri, RDFS.label) or iri}: its parents or definitions exclude each other.",
                "Compare its 'Is a' rows and its definition with the classes that are declared disjoint.",
            )
            for iri in sorted(impossible)
        )
    return below | same | {(b, a) for a, b in same}


def classify(asserted: Asserted, *extensions: Path) -> set[tuple[int, int]]:
    """Return the pairs of child and parent among concepts that are asserted or follow from schema and definitions.

    ``extensions`` are further OWL files in Turtle.
    """
    return {(_concept(a), _concept(b)) for a, b in infer(_graph(asserted, extensions)) if _is_concept(a, b)}


def ancestors(concepts: Iterable[int], below: Iterable[tuple[int, int]]) -> list[Ancestor]:
    """Return every pair of ancestor and descendant with the least and greatest number of levels between them.

    Levels count in the transitive reduction, where concepts that are the same share a place.

    >>> [(row.ancestor, row.min_levels, row.max_levels) for row in ancestors([3], [(3, 2), (2, 1), (3, 1)])]
    [(1, 2, 2), (2, 1, 1), (3, 0, 0)]
    """
    above: dict[int, set[int]] = defaultdict(set)
    for child, parent in below:
        above[child].add(parent)
    every = {*concepts}
    reach = {concept: _reach(concept, above) for concept in every | {c for pair in below for c in pair}}
    place = {concept: min(other for other in found if concept in reach[other]) for concept, found in reach.items()}
    members: dict[int, list[int]] = defaultdict(list)
    for concept, at in place.items():
        members[at].append(concept)
    strict = {at: {place[other] for other in reach[at]} - {at} for at in members}
    levels: dict[int, dict[int, tuple[int, int]]] = {}
    for at in sorted(members, key=lambda node: len(strict[node])):
        levels[at] = _levels(at, strict, levels)
    return sorted(
        Ancestor(member, concept, least, most)
        for concept in every
        for at, (least, most) in levels[place[concept]].items()
        for member in members[at]
    )


def write_ancestors(rows: Iterable[Ancestor], path: Path = ANCESTOR) -> None:
    """Write CONCEPT_ANCESTOR rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def read_ancestors(path: Path = ANCESTOR) -> list[Ancestor]:
    """Read CONCEPT_ANCESTOR rows; none where there is no file yet."""
    if not path.exists():
        return []
    return [Ancestor(*(int(row[column]) for column in COLUMNS)) for row in _rows(path)]


def derive_ancestors(folder: Path = CONCEPTS, *extensions: Path) -> list[Ancestor]:
    """Classify a folder of concepts and return its CONCEPT_ANCESTOR rows."""
    asserted = read_asserted(folder)
    return ancestors(asserted.names, classify(asserted, *extensions))


def _reach(start: int, above: Mapping[int, set[int]]) -> set[int]:
    found, todo = {start}, [start]
    while todo:
        new = above.get(todo.pop(), set()) - found
        found |= new
        todo.extend(new)
    return found


def _levels(
    at: int, strict: Mapping[int, set[int]], levels: Mapping[int, dict[int, tuple[int, int]]]
) -> dict[int, tuple[int, int]]:
    direct = strict[at] - {far for near in strict[at] for far in strict[near]}
    result = {at: (0, 0)}
    for parent in direct:
        for far, (least, most) in levels[parent].items():
            known = result.get(far, (least + 1, most + 1))
            result[far] = (min(known[0], least + 1), max(known[1], most + 1))
    return result


def _graph(asserted: Asserted, extensions: Iterable[Path]) -> rdflib.Graph:
    graph = rdflib.Graph()
    for path in (TTL, DEFINITIONS, *extensions):
        try:
            graph.parse(path, format="turtle")
        except (OSError, BadSyntax) as error:
            raise VocabularyError([Problem(path.name, None, "", f"cannot be read as Turtle: {error}")]) from None
    undefined = sorted({_concept(node) for node in graph.all_nodes() if _is_concept(node)} - asserted.names.keys())
    if undefined:
        raise VocabularyError(
            Problem(DEFINITIONS.name, None, "", f"concept {concept} is not in CONCEPT.csv.", "Add it there.")
            for concept in undefined
        )
    for concept, name in asserted.names.items():
        graph.add((_iri(concept), RDF.type, OWL.Class))
        graph.set((_iri(concept), RDFS.label, Literal(name)))
    for child, parent in asserted.parents:
        graph.add((_iri(child), RDFS.subClassOf, _iri(parent)))
    return graph


def _rows(path: Path) -> Iterable[dict[str, str]]:
    if not path.exists():
        raise VocabularyError([Problem(path.name, None, "", f"is not in {path.parent}.")])
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _iri(concept: int) -> URIRef:
    return URIRef(f"{CONCEPT_IRI}{concept}")


def _is_concept(*nodes: rdflib.term.Node) -> bool:
    return all(isinstance(node, URIRef) and node.startswith(CONCEPT_IRI) for node in nodes)


def _concept(node: rdflib.term.Node) -> int:
    return int(_local(node))


def _local(node: rdflib.term.Node) -> str:
    return str(node).rpartition("/")[2]


def _changes(old: Iterable[Ancestor], new: Iterable[Ancestor], names: Mapping[int, str]) -> list[str]:
    before, after = set(old), set(new)
    lines = [
        f"{sign} {row.descendant} {names.get(row.descendant, '?')!r} below {row.ancestor} "
        f"{names.get(row.ancestor, '?')!r} ({row.min_levels}-{row.max_levels} levels)"
        for sign, rows in (("-", before - after), ("+", after - before))
        for row in sorted(rows)
    ]
    return [*lines, f"{len(after)} rows: {len(after - before)} new, {len(before - after)} gone."]


def main(folder: Path = CONCEPTS) -> int:
    """Write CONCEPT_ANCESTOR.csv of a folder of concepts anew and print what changed."""
    path = folder / ANCESTOR.name
    try:
        old, new = read_ancestors(path), derive_ancestors(folder)
        write_ancestors(new, path)
        sys.stdout.write("\n".join(_changes(old, new, read_asserted(folder).names)) + "\n")
    except HaemonyError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
