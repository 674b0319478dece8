"""Ids of shapes, for whoever names a shape and does not validate: reading their files is all that it takes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from rdflib import SH, Graph

#: The shapes that come with the ontology.
SHAPES: Final = Path(__file__).with_name("shapes")


def shape_ids(files: Iterable[Path]) -> frozenset[str]:
    """Return the ids of the shapes in some Turtle files; a file that is not Turtle has none.

    >>> "haemoglobin-unlikely" in shape_ids(sorted(SHAPES.glob("*.ttl")))
    True
    """
    return frozenset().union(*(_ids(path) for path in files))


@lru_cache
def _ids(path: Path) -> frozenset[str]:
    try:
        graph = Graph(bind_namespaces="none").parse(path, format="turtle")
    except (OSError, SyntaxError, ValueError, IndexError):
        return frozenset()  # what is wrong with it is said where shapes are read to validate
    return frozenset(str(shape).replace("#", "/").rpartition("/")[2] for shape in graph.subjects(SH.severity))
