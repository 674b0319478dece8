"""Walk paths over a layout: a step is a column where the walk is still in its row, and a join where it leaves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

from haemony.shapes import algebra as a
from haemony.shapes.layout import Edge, Extent, Layout, Place, Row, Sort
from haemony.shapes.query import Condition, Query, Sql

#: Lays the pairs that a path connects, walked once or more, in tables, one for each pair of sorts.
Closure = Callable[[a.Path], Sequence[Edge]]
#: Keeps what a query finds as a table, and returns its name.
Keep = Callable[[str], str]
#: A condition with more subqueries than this is answered once for all nodes of a sort, and looked up from then on.
MANY = 12


class Walker:
    """Goes from node to node over one layout."""

    def __init__(self, layout: Layout, closure: Closure, keep: Keep) -> None:
        self.layout = layout
        self.keep = keep
        self._closure = closure
        self._numbers = count(1)

    # --- where walks begin

    def targets(self, shape: a.Shape) -> list[Place]:
        """Return the focus nodes of a shape, each place with a query of its own."""
        places = [self.opened(extent) for extent in _merged([e for t in shape.targets for e in self._extents(t)])]
        by_sort = {place.sort: [p for p in places if p.sort == place.sort] for place in places}
        return [place for found in by_sort.values() for place in self._few(found)]

    def _few(self, places: Sequence[Place]) -> Sequence[Place]:
        """Keep nodes that stand in many tables, or in some more than once, as one table."""
        if len(places) == 1 or (len(places) <= MANY and all(place.row for place in places)):
            return places
        selects = (query_of(place).select(f"{place.node} AS node") for place in places)
        return [self.opened(Extent(self.keep(" UNION ".join(selects)), "{t}.node", places[0].sort, keyed=True))]

    def _extents(self, target: a.Target) -> Iterator[Extent]:
        layout = self.layout
        match target:
            case a.TargetClass(cls):
                yield from layout.instances(cls)
            case a.TargetNode(node):
                sort = layout.sort_of(node)
                constant = None if sort is None else layout.constant(sort, node)
                if sort is not None and constant is not None:
                    yield Extent(f"(SELECT {constant} AS node)", "{t}.node", sort, keyed=True)
            case a.TargetSubjectsOf(predicate):
                for edge in layout.edges(predicate):
                    where = _both(edge.where, f"{edge.object} IS NOT NULL")
                    yield Extent(edge.table, edge.subject, edge.subject_sort, where, edge.keyed)
            case a.TargetObjectsOf(predicate):
                for edge in layout.edges(predicate):
                    yield Extent(
                        edge.table, edge.object, edge.object_sort, _both(edge.where, f"{edge.object} IS NOT NULL")
                    )

    def opened(self, extent: Extent) -> Place:
        """Begin a query at the nodes of an extent."""
        alias = self.alias()
        query = Query((f"{extent.table} AS {alias}",), (_over(extent.where, alias),))
        row = Row(alias, extent.table, extent.apart) if extent.keyed else None
        return Place(Sql(extent.node.replace("{t}", alias)), extent.sort, query, row)

    def alias(self) -> str:
        """Return a name that no table of a query has yet."""
        return f"t{next(self._numbers)}"

    # --- walking

    def walk(self, place: Place, path: a.Path | None) -> list[Place]:
        """Return where a path leads from a place; nowhere further without a path."""
        match path:
            case None:
                return [place]
            case a.Predicate(iri):
                edges = [e for e in self.layout.edges(iri, place.table) if e.subject_sort == place.sort]
                return [self._step(place, edge) for edge in edges]
            case a.Inverse(a.Predicate(iri)):
                edges = [e for e in self.layout.edges(iri) if e.object_sort == place.sort]
                return [self._step_back(place, edge) for edge in edges]
            case a.Inverse():
                return self.walk(place, a.forwards(path))
            case a.Sequence(paths):
                places = [place]
                for part in paths:
                    places = [end for start in places for end in self.walk(start, part)]
                return places
            case a.Alternative(paths):
                return [end for part in paths for end in self.walk(place, part)]
            case a.Repeated(inner, least, many):
                still = [place] if least == 0 else []
                if not many:
                    return still + self.walk(place, inner)
                edges = [e for e in self._closure(a.forwards(inner)) if e.subject_sort == place.sort]
                return still + [self._step(place, edge) for edge in edges]

    def _step(self, place: Place, edge: Edge) -> Place:
        if place.row and edge.keyed and edge.table == place.row.table:
            alias = place.row.alias
            node = Sql(edge.object.replace("{t}", alias))
            known = edge.objects(place.known) if edge.objects else None
            if place.query is None:
                return Place(node, edge.object_sort, maybe=True, known=known, home=edge.home)
            query = place.query.only(_over(edge.where, alias), Sql(f"{node} IS NOT NULL"))
            end = replace(place, node=node, sort=edge.object_sort, query=query, row=None)
            return replace(end, known=known, home=edge.home)
        end = self.cross(place, edge, edge.subject, edge.object, edge.object_sort)
        return replace(end, known=edge.objects(place.known) if edge.objects else None, home=edge.home)

    def _step_back(self, place: Place, edge: Edge) -> Place:
        end = self.cross(place, edge, edge.object, edge.subject, edge.subject_sort)
        return replace(end, row=end.row if edge.keyed else None)

    def cross(self, place: Place, edge: Edge, near: str, far: str, sort: Sort) -> Place:
        """Join an edge's table: in the query that is under way, or in a new one that begins at the place."""
        alias = self.alias()
        begin, end = Sql(near.replace("{t}", alias)), Sql(far.replace("{t}", alias))
        table, where = f"{edge.table} AS {alias}", (_over(edge.where, alias), Sql(f"{end} IS NOT NULL"))
        row = Row(alias, edge.table)
        if place.query is None:
            query = Query((table,), (*where, Sql(f"{begin} IS NOT NULL")))
            return Place(end, sort, query, row if far == edge.subject else None, place.node, begin, place.maybe)
        query = place.query.joined(table, Sql(f"{begin} = {place.node}"), *where)
        return replace(
            place, node=end, sort=sort, query=query, row=row if far == edge.subject else None, known=None, home=""
        )


def query_of(place: Place) -> Query:
    """Return the query that a walk is in."""
    assert place.query is not None
    return place.query


def _merged(extents: Sequence[Extent]) -> list[Extent]:
    """Put extents of one keyed table together, so that no node is met twice."""
    merged: dict[object, Extent] = {}
    for number, extent in enumerate(dict.fromkeys(extents)):
        key = (extent.table, extent.node, extent.sort) if extent.keyed else number
        if (other := merged.get(key)) is not None:
            where = f"({other.where} OR {extent.where})" if other.where and extent.where else ""
            extent = replace(extent, where=where)
        merged[key] = extent
    return list(merged.values())


def _both(first: str, second: str) -> str:
    return f"({first} AND {second})" if first else second


def _over(condition: str, alias: str) -> Condition:
    return Sql(condition.replace("{t}", alias)) if condition else True
