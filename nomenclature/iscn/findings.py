"""The findings that rearrangements support, as keys, most specific first.

- names: ``t(8;21)``, ``inv(16)``, ``del(5q)``, ``der(7)``; a recurrent one only where its bands, if written, fit;
- any partner: ``t(v;11q23)``, for each breakpoint of a translocation or of an insertion between chromosomes;
- changes: ``loss(5q)``, ``gain(8)``;
- what is touched: ``abn(3q)``, then ``abn(3)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from haemony.nomenclature.iscn.bands import Piece, changes
from haemony.nomenclature.iscn.tables import (
    CARRIERS,
    INVERSION_FUSIONS,
    KMT2A_BAND,
    KMT2A_PARTNERS,
    ORDER,
    RECURRENT,
    REGIONS,
)

_ARM_KINDS = frozenset({"add", "amp", "del", "dup", "hsr", "i", "ider", "idic", "qdp", "trp"})
Breakpoint = tuple[str, str]


def findings(pieces: tuple[Piece, ...], additional: bool) -> Iterator[str]:
    """Yield the keys of the findings that an abnormality supports; ``additional`` beside the normal chromosomes."""
    changed = list(dict.fromkeys(change.key for change in changes(pieces)))
    if additional:
        changed = list(_beside_normal(pieces, changed))
    derived = pieces[0].chromosomes if pieces[0].kind in ("der", "ider") else None
    for piece in pieces:
        if not (additional and piece.kind == "del"):
            yield from _names(piece, derived)
    yield from changed
    touched = [
        f"{chromosome}{arm}"
        for piece in pieces
        for index, chromosome in enumerate(piece.chromosomes)
        if chromosome in ORDER
        for arm in piece.arms(index)
    ]
    broken = [change[5:-1] for change in changed if change.startswith("loss(") and change[-2] in "pq"]
    yield from (f"abn({place})" for place in touched + broken)
    yield from (f"abn({c})" for piece in pieces for c in piece.chromosomes if c in ORDER)


def _beside_normal(pieces: tuple[Piece, ...], changed: list[str]) -> Iterator[str]:
    """Say what an additional rearranged chromosome changes: it loses nothing, and gains its unbroken arms."""
    lost = {change[5:-1] for change in changed if change.startswith("loss(")}
    if len(pieces[0].chromosomes) == 1 and (chromosome := pieces[0].chromosomes[0]) in ORDER:
        broken = {f"{chromosome}{arm}" for piece in pieces if chromosome in piece.chromosomes for arm in piece.arms(0)}
        yield from (f"gain({chromosome}{arm})" for arm in "pq" if f"{chromosome}{arm}" not in lost | broken)
    yield from (change for change in changed if change.startswith("gain("))


def _names(piece: Piece, derived: tuple[str, ...] | None) -> Iterator[str]:
    known = [c for c in piece.chromosomes if c in ORDER]
    if piece.kind == "t":
        yield from _translocation(piece, derived)
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


def _translocation(piece: Piece, derived: tuple[str, ...] | None) -> Iterator[str]:
    """Name a translocation, each exchange of a three-way one, and each breakpoint with any partner.

    A derivative alone has the name of a fusion only where it is the chromosome that carries the fusion.
    """
    points = [(c, bands[0] if bands else "") for c, bands in zip(piece.chromosomes, piece.bands, strict=True)]
    known = [point for point in points if point[0] in ORDER]
    if len(known) == len(points) > 2:
        first = min(range(len(points)), key=lambda i: ORDER[points[i][0]])
        yield f"t({';'.join(c for c, _ in points[first:] + points[:first])})"
    named = list(_exchanges(points))
    yield from (
        key for key in map(_key, named) if _carried(RECURRENT[key].carrier if key in RECURRENT else "", derived)
    )
    if not any(_key(pair) in REGIONS for pair in named):
        partners = dict.fromkeys([point for pair in named for point in pair] + known)
        yield from _any_partner(p for p in partners if _carried(CARRIERS.get(p[0] + p[1][:3], ""), derived))


def _carried(carrier: str, derived: tuple[str, ...] | None) -> bool:
    return derived is None or not carrier or carrier in derived


def _key(pair: tuple[Breakpoint, Breakpoint]) -> str:
    return f"t({pair[0][0]};{pair[1][0]})"


def _exchanges(points: list[Breakpoint]) -> Iterator[tuple[Breakpoint, Breakpoint]]:
    """Yield the pairs of chromosomes that may have exchanged their ends."""
    pairs = [(points[i - 1], points[i]) for i in range(len(points))] if len(points) > 3 else combinations(points, 2)
    yield from (pair for a, b in pairs if (pair := _exchange(a, b)))


def _any_partner(points: Iterable[Breakpoint]) -> Iterator[str]:
    yield from dict.fromkeys(f"t(v;{c}{band[:3]})" for c, band in points if c in ORDER and len(band) > 2)


def _exchange(a: Breakpoint, b: Breakpoint) -> tuple[Breakpoint, Breakpoint] | None:
    """Return two breakpoints in ISCN order, their usual bands where none are given, or None where they do not fit."""
    if a[0] not in ORDER or b[0] not in ORDER:
        return None
    if ORDER[a[0]] > ORDER[b[0]]:
        a, b = b, a
    key = f"t({a[0]};{b[0]})"
    bands, recurrent = (a[1], b[1]), RECURRENT.get(key)
    if recurrent is None:
        return a, b
    if not any(bands):
        return (a[0], recurrent.bands[0]), (b[0], recurrent.bands[1])
    if regions := REGIONS.get(key):
        return (a, b) if _fit(tuple(filter(None, bands)), regions) else None
    fits = (
        not band or any(band.startswith(region) or band == region[0] for region in regions)
        for band, regions in zip(bands, recurrent.regions, strict=True)
    )
    return (a, b) if all(fits) else None


def fusions(pieces: tuple[Piece, ...], keys: tuple[str, ...]) -> Iterator[str]:
    """Yield the fusion genes that the bands stand for; ``KMT2A::?`` where the band tells no partner."""
    found = dict.fromkeys(
        name for key in keys if (name := RECURRENT[key].fusion if key in RECURRENT else INVERSION_FUSIONS.get(key, ""))
    )
    yield from found
    if f"t(v;{KMT2A_BAND})" in keys and not any(name.startswith("KMT2A::") for name in found):
        places = [
            f"{c}{b}"
            for piece in pieces
            for c, bands in zip(piece.chromosomes, piece.bands, strict=True)
            for b in bands
        ]
        partners = [gene for band, gene in KMT2A_PARTNERS.items() if any(place.startswith(band) for place in places)]
        yield f"KMT2A::{partners[0] if len(partners) == 1 else '?'}"
