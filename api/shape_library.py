"""The shapes that there are, explained, and tried on a build."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from rdflib import DCTERMS, RDFS, SH, Graph
from rdflib.term import Node

from haemony.api.report import masked, partner_in
from haemony.api.workbench import SHAPES, Workbench
from haemony.engine.errors import BuildError, Problem, ShapeError
from haemony.graph_loader.shape_words import Line, Words, consequence, turtle
from haemony.graph_loader.shapes import SEVERITIES, TARGETS, file_label, read_shapes, shape_files, shape_id
from haemony.graph_loader.validate import CHECKED, validate
from haemony.mappings.curie import nearest
from haemony.mappings.partner import find_partners, shapes_of
from haemony.ontology.schema import HAEMONY
from haemony.shapes.algebra import Shape
from haemony.shapes.reader import read_algebra

BUILT_IN: Final = "Haemony"
YOURS: Final = "your shapes"
#: Kinds of failing records that a trial lists.
SHOWN: Final = 5


@dataclass(frozen=True)
class Card:
    """A shape, in words."""

    id: str
    severity: str
    kahn: str
    looks_at: str
    asks: tuple[Line, ...]
    message: str
    consequence: str
    comment: str
    sources: tuple[str, ...]
    owner: str
    file: str
    deactivated: bool
    turtle: str
    #: The files that a run of it needs.
    files: tuple[Path, ...]

    @property
    def says(self) -> str:
        """Return the message without the values that a record would put in."""
        return masked(self.message)

    def mentions(self, text: str) -> bool:
        """Tell whether a text stands in what a list shows of the shape."""
        return text.casefold() in " ".join((self.id, self.looks_at, self.message, self.severity, self.kahn)).casefold()

    def brief(self) -> dict[str, Any]:
        """Return what a list shows."""
        return {name: getattr(self, name) for name in ("id", "severity", "kahn", "looks_at", "says", "owner")}

    def whole(self) -> dict[str, Any]:
        """Return everything as plain values."""
        made = asdict(self)
        made.pop("files")
        return {**made, "asks": [f"{'  ' * line.depth}{line.text}" for line in self.asks]}


@dataclass(frozen=True)
class Library:
    """Shapes that can be looked up."""

    cards: tuple[Card, ...]

    def find(self, shape: str) -> list[Card]:
        """Return the shape of an id; several, where partners have shapes of one id."""
        found = [card for card in self.cards if card.id == shape]
        if not found:
            advice = nearest(shape, [card.id for card in self.cards])
            advice = advice or "List them: haemony shapes list."
            raise ShapeError([Problem("", None, "", f"there is no shape {shape!r}.", advice)])
        return found


def read_library(workbench: Workbench, partner: str | None = None) -> Library:
    """Read the built-in shapes, the user's, and those of one partner, or of all."""
    partners = find_partners(workbench.settings.mappings)
    if partner and partner not in partners:
        raise BuildError(f"there is no partner {partner!r}. {nearest(partner, partners)}".strip())
    common = workbench.shapes
    cards = list(_cards(workbench, common, {}))
    done: set[tuple[Path, ...]] = set()
    for name in [partner] if partner else partners:
        own = shapes_of(partners[name])
        for path in own if own not in done else ():
            owner = f"partner {path.parent.name}"
            cards += (c for c in _cards(workbench, (*common, *own), {path: owner}))
        done.add(own)
    unique = {(card.id, card.owner): card for card in cards}
    return Library(tuple(sorted(unique.values(), key=lambda c: (c.id, c.owner))))


def _cards(workbench: Workbench, files: Sequence[Path], owners: dict[Path, str]) -> Iterable[Card]:
    """Read the shapes that some files declare beside others; of all files, where no owner is named."""
    graph = read_shapes(files, workbench.schema)
    homes = _homes(shape_files(owners or files))
    words = Words(lambda concept: workbench.vocabulary[concept].name)
    for shape in _reporting(read_algebra(graph)):
        if path := homes.get(shape.node):
            builtin = path.parent == SHAPES
            owner = owners.get(path, BUILT_IN if builtin else YOURS)
            yield _card(graph, shape, words, owner, path.name if builtin else file_label(path), tuple(files))


def _homes(files: Iterable[Path]) -> dict[Node, Path]:
    """Find the file of each shape that has a severity."""
    graphs = {path: Graph(bind_namespaces="none").parse(path, format="turtle") for path in files}
    return {shape: path for path, graph in graphs.items() for shape in graph.subjects(SH.severity)}


def _reporting(roots: Sequence[Shape]) -> list[Shape]:
    """List shapes and the property shapes below them; one below looks at what the one above does."""
    found: dict[Node, Shape] = {}
    queue = list(roots)
    while queue:
        shape = queue.pop(0)
        if shape.node not in found:
            found[shape.node] = shape
            queue += [inner if inner.targets else replace(inner, targets=shape.targets) for inner in shape.properties]
    return list(found.values())


def _card(graph: Graph, shape: Shape, words: Words, owner: str, file: str, files: tuple[Path, ...]) -> Card:
    node = shape.node
    return Card(
        id=shape_id(node),
        severity=SEVERITIES.get(shape.severity, ""),
        kahn=str(graph.value(node, HAEMONY.kahn) or ""),
        looks_at=words.looks_at(shape),
        asks=tuple(words.asks(shape)),
        message=str(graph.value(node, SH.message) or ""),
        consequence=consequence(shape),
        comment=str(graph.value(node, RDFS.comment) or ""),
        sources=tuple(sorted(str(source) for source in graph.objects(node, DCTERMS.source))),
        owner=owner,
        file=file,
        deactivated=shape.deactivated,
        turtle=turtle(graph, node),
        files=files,
    )


# --- trying a shape on a build ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """What a shape finds among the records of a partner: how many of which class break it, and what it says then."""

    partner: str
    owner: str
    checked: int
    failed: int
    messages: tuple[tuple[str, str, int], ...]


def try_shape(workbench: Workbench, cards: Sequence[Card], partner: str | None = None) -> list[Tried]:
    """Run a shape on the current build's records of each partner that it holds for."""
    build = workbench.current
    names = [partner_in(build, partner)] if partner else sorted(p.name for p in (build / "partners").iterdir())
    homes = find_partners(workbench.settings.mappings)
    found = []
    for card in cards:
        for name in names:
            own = shapes_of(homes[name]) if name in homes else ()
            if set(card.files) <= {*workbench.shapes, *own}:
                found.append(_try(workbench, card, build / "partners" / name))
    return found


def _try(workbench: Workbench, card: Card, folder: Path) -> Tried:
    vocabulary = workbench.vocabulary
    with TemporaryDirectory(dir=workbench.settings.build, prefix=".try-") as work:
        file = Path(work) / "shape.ttl"
        _alone(read_shapes(card.files, workbench.schema), card.id).serialize(file, format="turtle")
        out = Path(work) / "violations.parquet"
        validate(
            folder / "records",
            [file],
            vocabulary.ancestors,
            out,
            workbench.settings.processes,
            name=lambda concept: vocabulary[concept].name,
            schema=workbench.schema,
            memory=workbench.settings.memory,
        )
        looked, failed, kinds = _counts(out, card.id)
    return Tried(folder.name, card.owner, looked, failed, tuple((cls, card.says, n) for cls, n in kinds[:SHOWN]))


def _counts(violations: Path, shape: str) -> tuple[int, int, list[tuple[str, int]]]:
    """Count what a shape looked at, what broke it, and that by class."""
    counted = "SELECT targeted, failed FROM read_parquet(?) WHERE shape = ?"
    kinds = (
        "SELECT class, count(DISTINCT record_id) FROM read_parquet(?) WHERE shape = ? GROUP BY ALL ORDER BY 2 DESC, 1"
    )
    with duckdb.connect() as connection:
        found = connection.execute(counted, [str(violations.with_name(CHECKED)), shape]).fetchall()
        looked, failed = found[0] if found else (0, 0)
        return looked, failed, connection.execute(kinds, [str(violations), shape]).fetchall()


def _alone(graph: Graph, shape: str) -> Graph:
    """Take the targets off all shapes but the one of an id, or the one above it."""
    kept = {root.node for root in read_algebra(graph) if shape in {shape_id(s.node) for s in _reporting([root])}}
    for predicate in TARGETS:
        for other in set(graph.subjects(predicate)) - kept:
            graph.remove((other, predicate, None))
    return graph
