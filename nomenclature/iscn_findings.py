"""The findings that rearrangements support, as keys, most specific first.

- names: ``t(8;21)``, ``inv(16)``, ``del(5q)``, ``der(7)``; a recurrent one only where its bands, if written, fit;
- any partner: ``t(v;11q23)``, for each breakpoint of a translocation or of an insertion between chromosomes;
- changes: ``loss(5q)``, ``gain(8)``; added material of unknown origin (``add``) says nothing sure about a loss;
- what is touched: ``abn(3q)``, then ``abn(3)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

#: Recurrent translocations: the arms that their breakpoints lie on, and the bands meant where none are written
#: (WHO 2022, https://doi.org/10.1038/s41375-022-01613-1 and -01620-2; ISCN order).
FUSIONS = {
    "t(1;19)": ("q23", "p13"), "t(1;22)": ("p13", "q13"), "t(2;8)": ("p12", "q24"), "t(3;3)": ("q21", "q26"),
    "t(3;5)": ("q25", "q35"), "t(3;21)": ("q26", "q22"), "t(4;11)": ("q21", "q23"), "t(4;14)": ("p16", "q32"),
    "t(5;11)": ("q35", "p15"), "t(5;12)": ("q32", "p13"), "t(6;9)": ("p22", "q34"), "t(6;11)": ("q27", "q23"),
    "t(6;14)": ("p21", "q32"), "t(8;14)": ("q24", "q32"), "t(8;16)": ("p11", "p13"), "t(8;21)": ("q22", "q22"),
    "t(8;22)": ("q24", "q11"), "t(9;11)": ("p21", "q23"), "t(9;22)": ("q34", "q11"), "t(10;11)": ("p12", "q23"),
    "t(11;14)": ("q13", "q32"), "t(11;17)": ("q23", "q21"), "t(11;18)": ("q22", "q21"), "t(11;19)": ("q23", "p13"),
    "t(12;21)": ("p13", "q22"), "t(14;16)": ("q32", "q23"), "t(14;18)": ("q32", "q21"), "t(14;20)": ("q32", "q12"),
    "t(15;17)": ("q24", "q21"), "t(16;16)": ("p13", "q22"), "t(16;21)": ("p11", "q22"),
}  # fmt: skip
#: Inversions and homologous translocations that name a class only with their breakpoints: the regions of both bands.
REGIONS = {"inv(3)": ("q2", "q2"), "t(3;3)": ("q2", "q2"), "inv(16)": ("p1", "q2"), "t(16;16)": ("p1", "q2")}
_ARM_KINDS = frozenset({"add", "amp", "del", "dup", "hsr", "i", "ider", "idic", "qdp", "trp"})
OTHER_ARM = {"p": "q", "q": "p"}
CHROMOSOMES = tuple("XY") + tuple(str(n) for n in range(1, 23))
ORDER = {name: rank for rank, name in enumerate(CHROMOSOMES)}
Breakpoint = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """One rearrangement: ``del(5)(q13q33)`` is kind ``del``, chromosome 5, bands q13 and q33."""

    kind: str
    chromosomes: tuple[str, ...]
    bands: tuple[tuple[str, ...], ...]

    def arms(self, index: int) -> tuple[str, ...]:
        """Return the arms on which the breakpoints of one of its chromosomes lie."""
        return tuple(dict.fromkeys(band[0] for band in self.bands[index]))


def findings(pieces: tuple[Piece, ...], additional: bool) -> Iterator[str]:
    """Yield the keys of the findings that an abnormality supports; ``additional`` beside the normal chromosomes."""
    changes = list(dict.fromkeys(_changes(pieces)))
    if additional:
        changes = list(_beside_normal(pieces, changes))
    for piece in pieces:
        if not (additional and piece.kind == "del"):
            yield from _names(piece)
    yield from changes
    touched = [
        f"{chromosome}{arm}"
        for piece in pieces
        for index, chromosome in enumerate(piece.chromosomes)
        if chromosome in ORDER
        for arm in piece.arms(index)
    ]
    broken = [change[5:-1] for change in changes if change.startswith("loss(") and change[-2] in "pq"]
    yield from (f"abn({place})" for place in touched + broken)
    yield from (f"abn({c})" for piece in pieces for c in piece.chromosomes if c in ORDER)


def _beside_normal(pieces: tuple[Piece, ...], changes: list[str]) -> Iterator[str]:
    """Say what an additional rearranged chromosome changes: it loses nothing, and gains its unbroken arms."""
    lost = {change[5:-1] for change in changes if change.startswith("loss(")}
    if len(pieces[0].chromosomes) == 1 and (chromosome := pieces[0].chromosomes[0]) in ORDER:
        broken = {f"{chromosome}{arm}" for piece in pieces if chromosome in piece.chromosomes for arm in piece.arms(0)}
        yield from (f"gain({chromosome}{arm})" for arm in "pq" if f"{chromosome}{arm}" not in lost | broken)
    yield from (change for change in changes if change.startswith("gain("))


def _names(piece: Piece) -> Iterator[str]:
    known = [c for c in piece.chromosomes if c in ORDER]
    if piece.kind == "t":
        yield from _translocation(piece)
    elif piece.kind == "inv":
        yield from _inversion(piece)
    elif piece.kind == "ins" and len(set(known)) > 1:
        yield f"ins({';'.join(known)})"
        yield from _any_partner(
            (c, band) for c, bands in zip(piece.chromosomes, piece.bands, strict=True) for band in bands
        )
    elif piece.kind in _ARM_KINDS and len(known) == 1:
        arms = piece.arms(0)
        yield f"{piece.kind}({known[0]}{arms[0] if len(arms) == 1 else ''})"
    elif known and piece.kind != "abn" and (piece.kind == "der" or len(known) == len(piece.chromosomes)):
        yield f"{piece.kind}({';'.join(known)})"


def _inversion(piece: Piece) -> Iterator[str]:
    key = f"inv({piece.chromosomes[0]})"
    bands = piece.bands[0]
    regions = REGIONS.get(key)
    if piece.chromosomes[0] in ORDER and (regions is None or not bands or _fit(bands, regions)):
        yield key


def _fit(bands: tuple[str, ...], regions: tuple[str, ...]) -> bool:
    """Tell whether bands lie in the regions, in either order; an arm alone fits."""
    orders = (regions, regions[::-1])
    return any(all(b.startswith(r) or b == r[0] for b, r in zip(bands, order, strict=False)) for order in orders)


def _translocation(piece: Piece) -> Iterator[str]:
    """Name a translocation, each exchange of a three-way one, and each breakpoint with any partner."""
    points = [(c, bands[0] if bands else "") for c, bands in zip(piece.chromosomes, piece.bands, strict=True)]
    known = [point for point in points if point[0] in ORDER]
    if len(known) == len(points) > 2:
        first = min(range(len(points)), key=lambda i: ORDER[points[i][0]])
        yield f"t({';'.join(c for c, _ in points[first:] + points[:first])})"
    exchanges = [(points[i - 1], points[i]) for i in range(len(points))] if len(points) > 3 else combinations(points, 2)
    named = [pair for a, b in exchanges if (pair := _exchange(a, b))]
    yield from (f"t({a[0]};{b[0]})" for a, b in named)
    if not any(f"t({a[0]};{b[0]})" in REGIONS for a, b in named):
        yield from _any_partner(dict.fromkeys([point for pair in named for point in pair] + known))


def _any_partner(points: Iterable[Breakpoint]) -> Iterator[str]:
    yield from (f"t(v;{c}{band})" for c, band in points if c in ORDER and len(band) == 3)


def _exchange(a: Breakpoint, b: Breakpoint) -> tuple[Breakpoint, Breakpoint] | None:
    """Return two breakpoints in ISCN order, their usual bands where none are given, or None where they do not fit."""
    if a[0] not in ORDER or b[0] not in ORDER:
        return None
    if ORDER[a[0]] > ORDER[b[0]]:
        a, b = b, a
    key = f"t({a[0]};{b[0]})"
    bands, usual = (a[1], b[1]), FUSIONS.get(key)
    if usual is None:
        return a, b
    if not any(bands):
        return (a[0], usual[0]), (b[0], usual[1])
    if regions := REGIONS.get(key):
        return (a, b) if _fit(tuple(filter(None, bands)), regions) else None
    return (a, b) if all(not band or band[0] == use[0] for band, use in zip(bands, usual, strict=True)) else None


def _changes(pieces: tuple[Piece, ...]) -> Iterator[str]:
    """Say which arms a rearrangement loses and gains."""
    first = pieces[0]
    for piece in pieces:
        chromosome = piece.chromosomes[0]
        arms = piece.arms(0)
        if piece.kind == "t" and first.kind in ("der", "ider"):
            yield from _unbalanced(first.chromosomes, piece)
        elif piece.kind in ("dic", "trc") or (piece.kind == "der" and len(piece.chromosomes) > 1):
            yield from _joined(piece)
        elif chromosome not in ORDER:
            continue
        elif piece.kind == "del":
            yield from (f"loss({chromosome}{arm})" for arm in arms or ("",))
        elif piece.kind in ("dup", "trp", "qdp", "amp"):
            yield from (f"gain({chromosome}{arm})" for arm in arms or ("",))
        elif piece.kind in ("i", "ider", "idic") and len(arms) == 1:
            lost = arms[0] if piece.kind == "idic" else OTHER_ARM[arms[0]]
            yield from (f"loss({chromosome}{lost})", f"gain({chromosome}{OTHER_ARM[lost]})")


def _joined(piece: Piece) -> Iterator[str]:
    """Say what two chromosomes lose that are joined into one: beyond the breaks (dic), the arms not named (der)."""
    for index, chromosome in enumerate(piece.chromosomes):
        if chromosome in ORDER and len(arms := piece.arms(index)) == 1:
            lost = arms[0] if piece.kind != "der" else OTHER_ARM[arms[0]]
            yield f"loss({chromosome}{lost})"


def _unbalanced(derived: tuple[str, ...], exchange: Piece) -> Iterator[str]:
    """Say what a derivative without its counterpart changes: its own end is lost, that of the one before it gained.

    At a centromere (``p10``, ``q10``) the named arms are those that the derivative keeps.
    """
    whole_arms = all(band[1:] == "10" for bands in exchange.bands for band in bands)
    for index, chromosome in enumerate(exchange.chromosomes):
        if chromosome not in derived or chromosome not in ORDER:
            continue
        donor = exchange.chromosomes[index - 1]
        for arm in exchange.arms(index)[:1]:
            yield f"loss({chromosome}{OTHER_ARM[arm] if whole_arms else arm})"
        if donor in ORDER and donor not in derived:
            yield from (f"gain({donor}{arm})" for arm in exchange.arms(index - 1)[:1])


def compensated(keys: Iterable[str], chromosome: str, kept: tuple[str, ...]) -> Iterator[str]:
    """Yield the keys where a gained normal chromosome makes good the arm that a whole-arm derivative lacks."""
    for key in keys:
        if key.startswith(f"loss({chromosome}") and key[5 + len(chromosome)] in "pq)":
            yield from (f"gain({chromosome}{arm})" for arm in kept)
        else:
            yield key
