"""A concept, and the two ways to look at pairs of concept ids: grouped, and followed to the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

V = TypeVar("V")

#: Concepts that code refers to; the ids of all others stand in the files alone.
GENE_ALTERATION = 2_100_000_020
NAMED_ALTERATION = 2_100_000_021
#: Where the ids of users' own concepts begin; the built-in ones stand below.
FIRST_USER_ID = 2_140_000_000
#: CURIE prefix of a vocabulary, where the two differ. HGNC's codes hold their prefix themselves.
PREFIXES = {"ICDO3": "ICDO", "Haemony": "haemony"}


@dataclass(frozen=True)
class Concept:
    """A term of the vocabulary."""

    id: int
    name: str
    domain: str
    vocabulary: str
    concept_class: str
    standard: str
    code: str
    record_class: str
    source: str
    invalid_reason: str = ""

    @property
    def curie(self) -> str:
        """Return the CURIE that names the concept in its vocabulary, or its OMOP id where no code is known."""
        if not self.code:
            return f"OMOP:{self.id}"
        if self.vocabulary == "HGNC":
            return self.code
        return f"{PREFIXES.get(self.vocabulary, self.vocabulary)}:{self.code}"


def grouped(pairs: Iterable[tuple[int, V]]) -> dict[int, tuple[V, ...]]:
    """Return the values of each key, in order, each once."""
    groups: dict[int, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(dict.fromkeys(values)) for key, values in groups.items()}


def closure(start: int, edges: Mapping[int, tuple[int, ...]]) -> frozenset[int]:
    """Return a concept and all that edges lead to from it; cycles do no harm."""
    seen = {start}
    queue = deque([start])
    while queue:
        for following in edges.get(queue.popleft(), ()):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return frozenset(seen)
