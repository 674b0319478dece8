"""Ranges: what the shapes hold for possible and for expected values of each laboratory test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rdflib import SH, Graph, URIRef
from rdflib.term import Node

from haemony.graph_loader.rdf import concept_id


class Limits(NamedTuple):
    """The least and the largest value, None where there is no such limit."""

    low: float | None = None
    high: float | None = None

    def within(self, other: Limits) -> Limits:
        """Narrow the limits by others.

        >>> Limits(0, 100).within(Limits(4, None))
        Limits(low=4, high=100)
        """
        lows = [n for n in (self.low, other.low) if n is not None]
        highs = [n for n in (self.high, other.high) if n is not None]
        return Limits(max(lows, default=None), min(highs, default=None))


class Range(NamedTuple):
    """What values of a test can be, and which are expected."""

    possible: Limits = Limits()
    expected: Limits = Limits()


def read_ranges(shapes: Graph, word: URIRef) -> dict[int, Range]:
    """Return the range of each concept that a property shape on a field targets.

    What a violation forbids is impossible; what a warning says as well is unexpected.
    """
    found: defaultdict[int, Range] = defaultdict(Range)
    for shape in shapes.subjects(SH.path, word):
        limits = Limits(
            _number(shapes, shape, SH.minInclusive, SH.minExclusive),
            _number(shapes, shape, SH.maxInclusive, SH.maxExclusive),
        )
        severity = shapes.value(shape, SH.severity)
        if limits == Limits() or severity not in (SH.Violation, SH.Warning):
            continue
        for target in shapes.objects(shape, SH.targetClass):
            concept = concept_id(target)
            if concept is not None:
                former = found[concept]
                possible = former.possible.within(limits) if severity == SH.Violation else former.possible
                found[concept] = Range(possible, former.expected.within(limits))
    return dict(found)


def range_of(ranges: Mapping[int, Range], ancestors: Iterable[int]) -> Range | None:
    """Return the range that holds for a concept, given it and its ancestors; None where no shape says one.

    >>> range_of({1: Range(Limits(0, 9), Limits(1, 5)), 2: Range(Limits(), Limits(2, None))}, [1, 2])
    Range(possible=Limits(low=0, high=9), expected=Limits(low=2, high=5))
    """
    mine = [ranges[a] for a in ancestors if a in ranges]
    whole = Range()
    for one in mine:
        whole = Range(whole.possible.within(one.possible), whole.expected.within(one.expected))
    return whole if mine else None


def _number(shapes: Graph, shape: Node, *predicates: URIRef) -> float | None:
    for predicate in predicates:
        value = shapes.value(shape, predicate)
        if value is not None:
            return float(str(value))
    return None
