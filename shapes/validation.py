"""Run planned shapes: lay out what repeated paths connect, ask every query, and return what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from rdflib import RDF, SH, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from haemony.engine.session import Session
from haemony.shapes import algebra as a
from haemony.shapes.layout import Edge, Layout, Place, Sort
from haemony.shapes.plan import Planner, Rows
from haemony.shapes.query import Sql, written

#: The table in which a validation keeps what it finds.
RESULTS = "results"
#: How many queries are asked in one statement: the tables that all of them build are in memory together.
TOGETHER = 8
COLUMNS = ("rule", "focus_sort", "focus", "value_sort", "value", "path")


def batched(selects: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Return so many at a time."""
    return (selects[i : i + size] for i in range(0, len(selects), size))


@dataclass(frozen=True)
class Rule:
    """What a result can name: a constraint of a shape."""

    shape: a.Shape
    component: str


@dataclass(frozen=True)
class Result:
    """One result, its terms read."""

    rule: Rule
    focus: Node
    value: Node | None
    path: Node | None


class Validation:
    """Shapes planned over a layout of a session."""

    def __init__(self, session: Session, layout: Layout, shapes: Sequence[a.Shape]) -> None:
        self.session = session
        self.layout = layout
        self.shapes = [s for s in shapes if not s.deactivated]
        self.planner = Planner(layout, self._closure, self._keep)
        self._kept = 0
        self.rules: list[Rule] = []
        self._closed: dict[a.Path, list[Edge]] = {}
        self.foci = {shape: self.planner.targets(shape) for shape in self.shapes}
        self.selects = list(self._selects())

    # --- what is asked

    def _selects(self) -> Iterator[str]:
        for shape in self.shapes:
            groups: dict[object, list[Rows]] = {}
            for rows in self.planner.rows(shape, self.foci[shape]):
                groups.setdefault((rows.shape, id(rows.constraint), rows.way), []).append(rows)
            for group in groups.values():
                number = len(self.rules)
                self.rules.append(Rule(group[0].shape, a.component(group[0].constraint)))
                yield self._select(number, group)

    def _select(self, number: int, group: Sequence[Rows]) -> str:
        plain = len(group) == 1 and len(group[0].query.tables) == 1 and group[0].focus.row is not None
        parts = [r.query.select(("" if plain else "DISTINCT ") + self._columns(r, trail=not plain)) for r in group]
        columns = f"CAST({number} AS INTEGER) AS rule, focus_sort, focus, value_sort, value, path"
        united = " UNION ".join(parts)
        return f"SELECT {columns} FROM ({united})"

    def _columns(self, rows: Rows, trail: bool) -> str:
        parts = {**self._term("focus", rows.focus), **self._term("value", rows.value)}
        parts["path"] = f"CAST({written(rows.path)} AS VARCHAR)"
        if trail:
            parts |= {f"trail_{i}": f"CAST({node} AS VARCHAR)" for i, node in enumerate(rows.trail)}
        return ", ".join(f"{text} AS {name}" for name, text in parts.items())

    def _term(self, name: str, place: Place | None) -> dict[str, str]:
        if place is None:
            return {f"{name}_sort": "CAST(NULL AS VARCHAR)", name: "CAST(NULL AS VARCHAR)"}
        return {f"{name}_sort": f"'{place.sort.name}'", name: str(self.layout.text(place.sort, place.node))}

    def _keep(self, select: str) -> str:
        self._kept += 1
        name = f"kept_{self._kept}"
        self.session.keep(name, select)
        return name

    def _closure(self, path: a.Path) -> list[Edge]:
        """Lay the pairs that a path connects when it is walked once or more, by joins until nothing new comes."""
        if path not in self._closed:
            self._closed[path] = self._laid(path)
        return self._closed[path]

    def _laid(self, path: a.Path) -> list[Edge]:
        once: dict[tuple[Sort, Sort], list[str]] = {}
        for sort in self.layout.sorts:
            start = Place(Sql("start"), sort)
            for end in self.planner.walk(start, path):
                if end.query is None:  # the path may be of no step: it adds nothing to itself
                    continue
                once.setdefault((sort, end.sort), []).append(end.query.select(f"{end.start} AS s, {end.node} AS o"))
        names = {pair: self._keep(" UNION ".join(selects)) for pair, selects in once.items()}
        _close(self.session, names)
        return [Edge(name, "{t}.s", start, "{t}.o", end) for (start, end), name in names.items()]

    # --- what is found

    def keep(self) -> None:
        """Ask everything, and keep the table of results: terms as the layout writes them."""
        kinds = ("INTEGER", *["VARCHAR"] * 5)
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in zip(COLUMNS, kinds, strict=True))
        nothing = f"SELECT {columns} WHERE FALSE"
        parts = [self._keep(" UNION ALL ".join(some)) for some in batched(self.selects, TOGETHER)]
        self.session.keep(RESULTS, " UNION ALL ".join((nothing, *(f"SELECT * FROM {part}" for part in parts))))

    def results(self) -> Iterator[Result]:
        """Ask everything, and return each result with its terms."""
        self.keep()
        sorts = {sort.name: sort for sort in self.layout.all_sorts}
        rows = self.session.ask(f"SELECT {', '.join(COLUMNS)} FROM {RESULTS}")
        for number, focus_sort, focus, value_sort, value, path in rows:
            rule = self.rules[number]
            yield Result(
                rule,
                self.layout.read(sorts[focus_sort], focus),
                None if value is None else self.layout.read(sorts[value_sort], value),
                rule.shape.path_node if path is None else self.layout.read(sorts[focus_sort], path),
            )

    def nodes(self, places: Sequence[Place]) -> list[str]:
        """Return the queries that find the nodes at places."""
        return [place.query.select(f"{place.node} AS node") for place in places if place.query]

    def counting(self, places: Sequence[Place]) -> str:
        """Return the query that counts the different nodes at places."""
        counts = [p.query.select("COUNT(*) AS n") for p in places if p.query and p.row]
        if len(counts) == len(places) == 1 or (counts and all(p.row and p.row.apart for p in places)):
            return f"SELECT CAST(SUM(n) AS BIGINT) FROM ({' UNION ALL '.join(counts)})"
        nodes = " UNION ALL ".join(self.nodes(places))
        return f"SELECT COUNT(DISTINCT node) FROM ({nodes})" if nodes else "SELECT 0"


def _close(session: Session, names: dict[tuple[Sort, Sort], str]) -> None:
    """Join pairs to pairs until no pair is new."""
    sizes: dict[str, int] = {}
    while True:
        now = {name: session.size(name) for name in names.values()}
        if now == sizes:
            return
        sizes = now
        for (start, middle), (other, end) in product(names, names):
            whole = names.get((start, end))
            if middle == other and whole:
                first, second = names[(start, middle)], names[(other, end)]
                longer = f"SELECT a.s, b.o FROM {first} AS a JOIN {second} AS b ON a.o = b.s"
                session.keep(whole, f"SELECT s, o FROM {whole} UNION {longer}")


def report(results: Sequence[Result], shapes: Graph) -> Graph:
    """Return results as a standard validation report: https://www.w3.org/TR/shacl/#validation-report."""
    graph = Graph(bind_namespaces="none")
    root = BNode()
    graph.add((root, RDF.type, SH.ValidationReport))
    graph.add((root, SH.conforms, Literal(not results)))
    for result in results:
        node, shape = BNode(), result.rule.shape
        graph.add((root, SH.result, node))
        graph.add((node, RDF.type, SH.ValidationResult))
        graph.add((node, SH.focusNode, result.focus))
        graph.add((node, SH.sourceShape, shape.node))
        graph.add((node, SH.resultSeverity, shape.severity))
        graph.add((node, SH.sourceConstraintComponent, URIRef(f"{SH}{result.rule.component}ConstraintComponent")))
        if result.value is not None:
            graph.add((node, SH.value, result.value))
        if result.path is not None:
            graph.add((node, SH.resultPath, _copied(shapes, result.path, graph)))
        for message in shape.messages:
            graph.add((node, SH.resultMessage, message))
    return graph


def _copied(source: Graph, node: Node, target: Graph) -> Node:
    """Copy what a blank node of a path says, and return the copy."""
    if not isinstance(node, BNode):
        return node
    copy = BNode()
    for predicate, value in source.predicate_objects(node):
        target.add((copy, predicate, _copied(source, value, target)))
    return copy
