"""From the algebra to queries: paths become joins, constraints conditions, and each shape the rows that break it.

Two questions are asked of a shape. *Does a node conform?* gives a condition, which may hold subqueries; this is what
logical constraints are made of. *What breaks it?* gives queries whose rows are results; this is what a report is made
of. Both walk the same paths over the same layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rdflib import URIRef

from haemony.shapes import algebra as a
from haemony.shapes.layout import Layout, Place, Sort
from haemony.shapes.query import Condition, Query, Sql, Value, all_of, any_of, negated, written
from haemony.shapes.values import compared, holds
from haemony.shapes.walk import MANY, Closure, Keep, Walker, query_of


@dataclass(frozen=True)
class Rows:
    """What breaks one constraint: a query, and where in it the focus and the value stand.

    A nested property shape reports once for each way to it: over the shapes of ``way``, through the nodes of ``trail``.
    """

    shape: a.Shape
    constraint: a.Constraint
    way: tuple[a.Shape, ...]
    query: Query
    focus: Place
    value: Place | None
    trail: tuple[Sql, ...]
    path: Value = None


@dataclass(frozen=True)
class Found:
    """What breaks one constraint of a shape among focus nodes; ``more`` tells results apart that else were one.

    ``node`` is the focus where the query is no longer over the focus nodes' own tables; then ``more`` holds the way.
    """

    query: Query
    value: Place | None = None
    more: tuple[Sql, ...] = ()
    path: Value = None
    node: Sql | None = None


@dataclass(frozen=True)
class Way:
    """The shapes, and in each the focus node, over which a nested property shape was reached."""

    shapes: tuple[a.Shape, ...] = ()
    nodes: tuple[Sql, ...] = ()


NOT_NESTED = Way()


class Planner(Walker):
    """Plans shapes over one layout."""

    def __init__(self, layout: Layout, closure: Closure, keep: Keep) -> None:
        super().__init__(layout, closure, keep)
        self._broken: dict[tuple[a.Shape, Sort], str] = {}

    # --- does a node conform?

    def conforms(self, shape: a.Shape, place: Place) -> Condition:
        """Return the condition under which the node at a place conforms to a shape."""
        if shape.deactivated:
            return True
        if (shape, place.sort) not in self._broken:
            made = all_of(self._keeps(shape, constraint, place.here()) for constraint in shape.constraints)
            if isinstance(made, bool) or made.count("SELECT") <= MANY:
                return made
            node = self.opened(self.layout.nodes(place.sort))
            made = all_of(self._keeps(shape, constraint, node.here()) for constraint in shape.constraints)
            broken = query_of(node).only(negated(made)).select(f"{node.node} AS node")
            self._broken[shape, place.sort] = self.keep(broken)
        return negated(Sql(f"({place.node} IN (SELECT node FROM {self._broken[shape, place.sort]}))"))

    def _keeps(self, shape: a.Shape, constraint: a.Constraint, place: Place) -> Condition:
        values = self.walk(place, shape.path)
        match constraint:
            case a.MinCount(least):
                return self._counted(place, shape.path, values, ">=", least)
            case a.MaxCount(most):
                return negated(self._counted(place, shape.path, values, ">", most))
            case a.Qualified(name, _, number):

                def among(value: Place) -> Condition:
                    return self._qualifies(constraint, value)

                if name == "QualifiedMinCount":
                    return self._counted(place, shape.path, values, ">=", number, among)
                return negated(self._counted(place, shape.path, values, ">", number, among))
            case a.HasValue(node):
                constants = [(value, self.layout.constant(value.sort, node)) for value in values]
                return any_of(_some(v, v.equals(c)) for v, c in constants if c is not None)
            case a.UniqueLang() | a.Equals() | a.Disjoint() | a.LessThan() | a.Closed():
                return self._unbroken(shape, constraint, place)
            case a.Sparql():
                raise AssertionError("a SPARQL constraint is no part of a plan")
            case _:
                return negated(any_of(_some(v, negated(self._value_keeps(constraint, v.here()))) for v in values))

    def _value_keeps(self, constraint: a.ValueWise, place: Place) -> Condition:
        match constraint:
            case a.Not(shape):
                return negated(self.conforms(shape, place))
            case a.NodeShape(shape) | a.Property(shape):
                return self.conforms(shape, place)
            case a.And(shapes):
                return all_of(self.conforms(s, place) for s in shapes)
            case a.Or(shapes):
                return any_of(self.conforms(s, place) for s in shapes)
            case a.Xone(shapes):
                return _exactly_one([self.conforms(s, place) for s in shapes])
            case _:
                return holds(constraint, place, self.layout)

    def _qualifies(self, constraint: a.Qualified, value: Place) -> Condition:
        here = value.here()
        apart = (negated(self.conforms(shape, here)) for shape in constraint.apart)
        return all_of([self.conforms(constraint.shape, here), *apart])

    def _unbroken(self, shape: a.Shape, constraint: a.Constraint, place: Place) -> Condition:
        """Return the condition that a node is none of those that break a constraint, found among all of its sort."""
        rows = self._rows(shape, constraint, self.opened(self.layout.nodes(place.sort)), NOT_NESTED)
        broken = " UNION ALL ".join(r.query.select(r.focus.node) for r in rows if not r.query.empty)
        return negated(Sql(f"({place.node} IN ({broken}))")) if broken else True

    def _counted(
        self,
        place: Place,
        path: a.Path | None,
        values: Sequence[Place],
        operator: str,
        number: int,
        among: Callable[[Place], Condition] = lambda _: True,
    ) -> Condition:
        """Return the condition that a node has more than, or as many as, a number of values of a kind."""
        if (operator, number) == (">=", 0):
            return True
        if (operator, number) in ((">=", 1), (">", 0)):
            return any_of(_some(value, among(value)) for value in values)
        if len(values) < 2 and all(v.query is None for v in values):
            return False
        if len({value.key for value in values}) > 1 or any(v.query is None for v in values):
            values = self._apart(place, path)
        selects = [(v, v.query.only(among(v))) for v in values if v.query]
        if not selects:
            return False
        return self._some_key(selects[0][0], _having(selects, operator, number))

    def _apart(self, place: Place, path: a.Path | None) -> list[Place]:
        """Walk a path in tables of its own throughout, so that all its values are counted from one key."""
        ends = []
        for end in self.walk(replace(place, row=None), path):
            if end.query is None:
                opened = self.opened(self.layout.nodes(place.sort))
                end = replace(opened, key=place.node, start=opened.node)
            ends.append(end)
        return ends

    def _some_key(self, place: Place, select: str) -> Condition:
        guard = f"{place.key} IS NOT NULL AND " if place.maybe else ""
        return Sql(f"({guard}{place.key} IN ({select}))")

    # --- what breaks it?

    def rows(self, shape: a.Shape, foci: Sequence[Place], way: Way = NOT_NESTED) -> Iterator[Rows]:
        """Return what breaks a shape among focus nodes."""
        if shape.deactivated:
            return
        for focus in foci:
            for constraint in shape.constraints:
                yield from (r for r in self._rows(shape, constraint, focus, way) if not r.query.empty)

    def _rows(self, shape: a.Shape, constraint: a.Constraint, focus: Place, way: Way) -> Iterator[Rows]:
        if isinstance(constraint, a.Property):
            for value in self.walk(focus, shape.path):
                yield from self.rows(constraint.shape, [value], Way((*way.shapes, shape), (*way.nodes, focus.node)))
            return
        for found in self._broken_by(shape, constraint, focus, way):
            trail = (*way.nodes, *found.more) if found.node is None else found.more
            place = focus if found.node is None else replace(focus, node=found.node, row=None)
            yield Rows(shape, constraint, way.shapes, found.query, place, found.value, trail, found.path)

    def _broken_by(self, shape: a.Shape, constraint: a.Constraint, focus: Place, way: Way) -> Iterator[Found]:
        match constraint:
            case a.MinCount() | a.MaxCount() | a.Qualified() | a.HasValue():
                yield Found(query_of(focus).only(negated(self._keeps(shape, constraint, focus.here()))))
            case a.UniqueLang():
                yield from self._same_languages(shape, focus, way)
            case a.Equals() | a.Disjoint() | a.LessThan():
                yield from self._pairs(shape, constraint, focus)
            case a.Closed(allowed):
                yield from self._open(shape, allowed, focus)
            case a.Sparql() | a.Property():
                return
            case _:
                for value in self.walk(focus, shape.path):
                    yield Found(query_of(value).only(negated(self._value_keeps(constraint, value.here()))), value)

    def _pairs(self, shape: a.Shape, constraint: a.Pairwise, focus: Place) -> Iterator[Found]:
        mine, other = shape.path, a.Predicate(constraint.predicate)
        match constraint:
            case a.Equals():
                for path, against in ((mine, other), (other, mine)):
                    for value in self.walk(focus, path):
                        yield Found(query_of(value).only(negated(self._among(value, focus, against))), value)
            case a.Disjoint():
                for value in self.walk(focus, mine):
                    yield Found(query_of(value).only(self._among(value, focus, other)), value)
            case a.LessThan(_, operator):
                yield from self._not_less(focus, mine, other, operator)

    def _among(self, value: Place, focus: Place, path: a.Path | None) -> Condition:
        """Return the condition that a value is one that another path has from the same focus."""
        found: list[Condition] = []
        for other in self.walk(focus.here(), path):
            if other.sort != value.sort:
                continue
            if other.query is None:
                found.append(Sql(f"COALESCE({other.node} = {value.node}, FALSE)"))
            else:
                pairs = other.query.select(f"{other.start}, {other.node}")
                guard = f"{other.key} IS NOT NULL AND " if other.maybe else ""
                found.append(Sql(f"({guard}({other.key}, {value.node}) IN ({pairs}))"))
        return any_of(found)

    def _not_less(self, focus: Place, mine: a.Path | None, other: a.Path, operator: a.Operator) -> Iterator[Found]:
        """Return the pairs of which the first is not less; two that do not compare are such a pair."""
        for value in self.walk(focus, mine):
            for limit in self.walk(replace(focus, query=value.query), other):
                seen, left = self.layout.term(replace(value, query=limit.query))
                seen, right = self.layout.term(replace(limit, query=seen.query))
                alike = _alike(left.family, right.family)
                less = all_of([alike, compared(left.order, operator, right.order)]) if alike is not False else False
                yield Found(query_of(seen).only(negated(less)), value, (limit.node,))

    def _same_languages(self, shape: a.Shape, focus: Place, way: Way) -> Iterator[Found]:
        """Return a focus node once for each language that several of its values have."""
        for value in self.walk(focus, shape.path):
            seen, term = self.layout.term(value)
            if not isinstance(term.language, Sql):
                continue
            outer = [focus.node, *way.nodes]
            names = [f"c{i}" for i in range(len(outer))]
            columns = ", ".join(f"{node} AS {name}" for node, name in zip(outer, names, strict=True))
            spoken = query_of(seen).only(Sql(f"{term.language} <> ''"))
            distinct = spoken.select(f"DISTINCT {columns}, lower({term.language}) AS language, {value.node} AS value")
            kept = f"{', '.join(names)}, language"
            alias = self.alias()
            grouped = f"SELECT {kept} FROM ({distinct}) GROUP BY {kept} HAVING COUNT(*) > 1"
            query = Query((f"({grouped}) AS {alias}",))
            node, *more = (Sql(f"{alias}.{name}") for name in (*names, "language"))
            yield Found(query, None, tuple(more), node=node)

    def _open(self, shape: a.Shape, allowed: frozenset[URIRef], focus: Place) -> Iterator[Found]:
        """Return what is said of values with predicates that a closed shape does not allow."""
        for value in self.walk(focus, shape.path):
            for predicate, edge in self.layout.every_edge():
                known = not isinstance(predicate, Sql)
                if edge.subject_sort != value.sort or (known and URIRef(str(predicate)) in allowed):
                    continue
                end = self.cross(replace(value, row=None), edge, edge.subject, edge.object, edge.object_sort)
                query, path = query_of(end), predicate
                if not known:
                    alias = query.tables[-1].rpartition(" AS ")[2]
                    path = Sql(str(predicate).replace("{t}", alias))
                    query = query.only(*(negated(Sql(f"{path} = {self._named(p)}")) for p in sorted(allowed)))
                yield Found(query, end, (value.node,), path)

    def _named(self, predicate: URIRef) -> Sql:
        sort = self.layout.sort_of(predicate)
        constant = None if sort is None else self.layout.constant(sort, predicate)
        return constant if constant is not None else written(str(predicate))


def _some(value: Place, condition: Condition) -> Condition:
    """Return the condition that a walk has a value for which a condition holds."""
    if condition is False:
        return False
    if value.query is None:
        return all_of([Sql(f"{value.node} IS NOT NULL") if value.maybe else True, condition])
    query = value.query.only(condition)
    if query.empty:
        return False
    guard = f"{value.key} IS NOT NULL AND " if value.maybe else ""
    return Sql(f"({guard}{value.key} IN ({query.select(value.start)}))")


def _having(selects: Sequence[tuple[Place, Query]], operator: str, number: int) -> str:
    """Select the keys that have so many distinct values; those of two sorts are counted apart, and added."""
    sorts = dict.fromkeys(place.sort for place, _ in selects)
    counts = []
    for sort in sorts:
        pairs = [q.select(f"{p.start} AS k, {p.node} AS v") for p, q in selects if p.sort == sort]
        counts.append(f"SELECT k, COUNT(DISTINCT v) AS n FROM ({' UNION ALL '.join(pairs)}) GROUP BY k")
    if len(counts) == 1:
        return f"SELECT k FROM ({counts[0]}) WHERE n {operator} {number}"
    return f"SELECT k FROM ({' UNION ALL '.join(counts)}) GROUP BY k HAVING SUM(n) {operator} {number}"


def _exactly_one(conditions: Sequence[Condition]) -> Condition:
    sure = sum(c is True for c in conditions)
    unsure = [c for c in conditions if isinstance(c, Sql)]
    if sure > 1 or (not sure and not unsure):
        return False
    if sure:
        return negated(any_of(unsure))
    total = " + ".join(f"CASE WHEN {c} THEN 1 ELSE 0 END" for c in unsure)
    return Sql(f"({total} = 1)")


def _alike(left: Value, right: Value) -> Condition:
    """Return the condition that two values are of one family of datatypes."""
    if not isinstance(left, Sql) and not isinstance(right, Sql):
        return left is not None and left == right
    return Sql(f"COALESCE({written(left)} = {written(right)}, FALSE)")
