"""Hotspots: regions of proteins (a codon, an exon, a domain) whose changes are concepts of their own.

``concepts/hotspot.csv`` says, per gene-level alteration, which residues and kinds of change a concept stands for, and
the source of each.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from haemony.nomenclature.hgvs import ProteinChange, codon, protein_change

if TYPE_CHECKING:
    from haemony.ontology.vocabulary import Vocabulary

FILE = Path(__file__).with_name("concepts") / "hotspot.csv"


@dataclass(frozen=True)
class Hotspot:
    """What a change must be to count: its residues, the first of them, its exact name, its kind; empty means any."""

    concept_id: int
    gene_level: int
    first: int
    last: int
    residue: str
    change: str
    kinds: frozenset[str]

    def holds(self, change: ProteinChange, names: Iterable[str]) -> bool:
        """Tell whether a protein change lies here; an insertion does where it stands between two residues of it."""
        if self.change:
            return self.change in names
        inside = self.first <= change.first and change.last <= self.last
        fits = not self.kinds or change.kind in self.kinds
        return inside and fits and (not self.residue or change.residue in ("", self.residue))


def read_hotspots(path: Path = FILE) -> dict[int, tuple[Hotspot, ...]]:
    """Read the hotspots of each gene-level alteration."""
    found: dict[int, list[Hotspot]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            hotspot = Hotspot(
                concept_id=int(row["concept_id"]),
                gene_level=int(row["gene_level"]),
                first=int(row["first"]),
                last=int(row["last"]),
                residue=row["residue"],
                change=row["change"],
                kinds=frozenset(filter(None, row["kinds"].split("|"))),
            )
            found.setdefault(hotspot.gene_level, []).append(hotspot)
    return {gene: tuple(hotspots) for gene, hotspots in found.items()}


def hotspot_of(
    concept: int, hgvs_c: str, hgvs_p: str, hotspots: dict[int, tuple[Hotspot, ...]], vocabulary: Vocabulary
) -> int | None:
    """Return the most specific concept that a variant of a gene is, by its canonical names; None where it is no more.

    Where two regions hold a change and neither is a kind of the other, the variant stays what it was said to be.

    >>> from haemony.ontology.vocabulary import read_vocabulary
    >>> vocabulary = read_vocabulary()
    >>> idh2 = vocabulary.codes("HGNC", "Mutation")["IDH2"]
    >>> vocabulary[hotspot_of(idh2, "", "p.Arg140Gln", read_hotspots(), vocabulary)].name
    'IDH2 R140 mutation'
    """
    change = protein_change(hgvs_p) or _by_codon(hgvs_c)
    if change is None or change.kind == "silent":
        return None
    found = (h.concept_id for h in hotspots.get(concept, ()) if h.holds(change, (hgvs_c, hgvs_p)))
    specific = vocabulary.most_specific(found)
    return next(iter(specific)) if len(specific) == 1 else None


def _by_codon(hgvs_c: str) -> ProteinChange | None:
    """Return where a substitution of one base falls, for variants without a protein name."""
    place = codon(hgvs_c)
    return None if place is None else ProteinChange("", place, place, "substitution")


def refinements(
    variants: Iterable[tuple[int, str | None, str | None]], vocabulary: Vocabulary
) -> Iterator[tuple[int, str, str, int]]:
    """Return (concept, hgvs_c, hgvs_p, hotspot) for the variants of which more can be said."""
    hotspots = read_hotspots()
    for concept, hgvs_c, hgvs_p in variants:
        found = hotspot_of(concept, hgvs_c or "", hgvs_p or "", hotspots, vocabulary)
        if found is not None:
            yield concept, hgvs_c or "", hgvs_p or "", found
