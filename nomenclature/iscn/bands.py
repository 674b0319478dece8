"""What a rearrangement breaks, loses and gains, as bands (ISCN 2020, chapters 4 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from haemony.nomenclature.iscn.tables import LAST_BANDS, ORDER, OTHER_ARM


@dataclass(frozen=True, slots=True)
class Piece:
    """One rearrangement: ``del(5)(q13q33)`` is kind ``del``, chromosome 5, bands q13 and q33."""

    kind: str
    chromosomes: tuple[str, ...]
    bands: tuple[tuple[str, ...], ...]

    def arms(self, index: int) -> tuple[str, ...]:
        """Return the arms on which the breakpoints of one of its chromosomes lie."""
        return tuple(dict.fromkeys(band[0] for band in self.bands[index]))


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch of a chromosome that is lost (-1) or gained (+1); without an arm it is the whole chromosome."""

    sign: int
    chromosome: str
    arm: str = ""
    start: str = ""
    end: str = ""

    @property
    def key(self) -> str:
        """Return the key of its finding, such as ``loss(5q)``."""
        return f"{'loss' if self.sign < 0 else 'gain'}({self.chromosome}{self.arm})"

    def __str__(self) -> str:
        """Write it as a place: ``5q13-q33``, ``17p11-pter``, ``17p``, ``7``."""
        if not self.start:
            return f"{self.chromosome}{self.arm}"
        return f"{self.chromosome}{self.start}" + (f"-{self.end}" if self.end != self.start else "")


def breakpoints(pieces: tuple[Piece, ...]) -> Iterator[str]:
    """Yield the bands that are broken, such as ``5q13``."""
    for piece in pieces:
        for chromosome, bands in zip(piece.chromosomes, piece.bands, strict=True):
            if chromosome in ORDER and piece.kind not in ("der", "abn"):
                yield from (f"{chromosome}{band}" for band in bands if len(band) > 1 and band[1:] != "10")


def changes(pieces: tuple[Piece, ...]) -> Iterator[Change]:
    """Say which stretches a rearrangement loses and gains."""
    first = pieces[0]
    for piece in pieces:
        chromosome = piece.chromosomes[0]
        if piece.kind == "t" and first.kind in ("der", "ider"):
            yield from _unbalanced(first.chromosomes, piece)
        elif piece.kind in ("dic", "trc") or (piece.kind == "der" and len(piece.chromosomes) > 1):
            yield from _joined(piece)
        elif chromosome in ORDER:
            yield from _within(piece, chromosome)


def _within(piece: Piece, chromosome: str) -> Iterator[Change]:
    """Say what a rearrangement of one chromosome changes."""
    bands, arms = piece.bands[0], piece.arms(0)
    if piece.kind == "del":
        yield from _between(-1, chromosome, bands, terminal=True)
    elif piece.kind in ("dup", "trp", "qdp", "amp"):
        yield from _between(1, chromosome, bands, terminal=False)
    elif piece.kind == "add" or (piece.kind == "r" and len(bands) == 2):
        # ISCN 9.2.1: the added material replaces what lies beyond the band; a ring loses what lies beyond both
        yield from (_beyond(-1, chromosome, b) for b in bands if len(b) > 1 and chromosome + b[:3] not in LAST_BANDS)
    elif piece.kind in ("i", "ider", "idic") and len(arms) == 1:
        lost = arms[0] if piece.kind == "idic" else OTHER_ARM[arms[0]]
        broken = piece.kind == "idic" and bands[0][1:] not in ("", "10")
        yield _beyond(-1, chromosome, bands[0]) if broken else Change(-1, chromosome, lost)
        yield Change(1, chromosome, OTHER_ARM[lost])


def _between(sign: int, chromosome: str, bands: tuple[str, ...], terminal: bool) -> Iterator[Change]:
    """Say what lies between two bands, or beyond a single one."""
    if not bands:
        yield Change(sign, chromosome)
    elif len(bands) == 1:
        yield (
            _beyond(sign, chromosome, bands[0])
            if terminal
            else Change(sign, chromosome, bands[0][0], bands[0], bands[0])
        )
    elif len({band[0] for band in bands}) > 1 or min(map(len, bands)) == 1:
        yield from (_beyond(sign, chromosome, band) for band in {band[0]: band for band in bands}.values())
    else:
        yield Change(sign, chromosome, bands[0][0], bands[0], bands[1])


def _beyond(sign: int, chromosome: str, band: str) -> Change:
    """Say what lies beyond a band, to the end of the arm."""
    if len(band) == 1 or band[1:] == "10":
        return Change(sign, chromosome, band[0])
    return Change(sign, chromosome, band[0], band, f"{band[0]}ter")


def _joined(piece: Piece) -> Iterator[Change]:
    """Say what two chromosomes lose that are joined into one: beyond the breaks (dic), the arms not named (der)."""
    for index, chromosome in enumerate(piece.chromosomes):
        if chromosome in ORDER and len(arms := piece.arms(index)) == 1:
            if piece.kind == "der":
                yield Change(-1, chromosome, OTHER_ARM[arms[0]])
            else:
                yield _beyond(-1, chromosome, piece.bands[index][0])


def _unbalanced(derived: tuple[str, ...], exchange: Piece) -> Iterator[Change]:
    """Say what a derivative without its counterpart changes: its own end is lost, that of the one before it gained.

    At a centromere (``p10``, ``q10``) the named arms are those that the derivative keeps.
    """
    whole_arms = all(band[1:] == "10" for bands in exchange.bands for band in bands)
    for index, chromosome in enumerate(exchange.chromosomes):
        if chromosome not in derived or chromosome not in ORDER:
            continue
        donor = exchange.chromosomes[index - 1]
        for band in exchange.bands[index][:1]:
            yield Change(-1, chromosome, OTHER_ARM[band[0]]) if whole_arms else _beyond(-1, chromosome, band)
        if donor in ORDER and donor not in derived:
            yield from (_beyond(1, donor, band) for band in exchange.bands[index - 1][:1])
