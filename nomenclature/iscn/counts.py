"""What the clones of a karyotype say together: how many abnormalities, and which named kinds of karyotype it is.

House choices, where the sources leave room:

- Counted is over all clones, each distinct abnormality once and as often as one clone has it (ISCN 2024, 6.5; Chun
  2010, https://doi.org/10.1016/j.leukres.2010.01.016): a translocation, a derivative or a dicentric is one
  abnormality, ``+8,+8`` are two, markers count by their least number, double minutes once, polyploidy once.
  ``+1,der(1;7)`` is one: the gain only makes good what the derivative lacks. What is constitutional does not count.
- What a laboratory writes into a karyotype is clonal, even where it counts one cell (ISCN 2020, 11.1, has no other
  abnormalities in it); the number of cells stays with the clone.
- ``complex`` (ELN 2022): three or more, without a class-defining abnormality, and not gains of whole chromosomes alone.
- ``monosomal`` (ELN 2022, after Breems 2008): in one clone, two autosomal monosomies, or one with a rearrangement of
  known chromosomes; not in core-binding-factor leukaemia. Loss of X or Y is no such monosomy; markers, rings of unknown
  origin and double minutes are no such rearrangement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from haemony.nomenclature.iscn.abnormality import Abnormality
from haemony.nomenclature.iscn.clones import Clone
from haemony.nomenclature.iscn.tables import (
    CLASS_DEFINING,
    CLASS_DEFINING_ANY,
    CORE_BINDING_FACTOR,
    IPSSR_DOUBLE,
    IPSSR_SINGLE,
    NUMBERS,
    ODD,
)


def distinct(clones: Sequence[Clone]) -> dict[str, Abnormality]:
    """Return the acquired abnormalities of all clones by their text, in the order of writing."""
    found: dict[str, Abnormality] = {}
    for clone in clones:
        for abnormality in clone.acquired:
            found.setdefault(abnormality.text, abnormality)
    return found


def count(clones: Sequence[Clone]) -> int:
    """Count the abnormalities of all clones."""
    most: dict[str, int] = {}
    for clone in clones:
        made_good = _made_good(clone)
        here: dict[str, int] = {}
        for abnormality in clone.abnormalities:
            if not abnormality.constitutional and abnormality.text not in made_good:
                here[abnormality.text] = here.get(abnormality.text, 0) + abnormality.copies
        for text, copies in here.items():
            most[text] = max(most.get(text, 0), copies)
    return sum(most.values()) + any(clone.ploidy > 2 for clone in clones)


def _made_good(clone: Clone) -> set[str]:
    """Return the gains that only make good what a derivative of two chromosomes lacks."""
    return {f"+{chromosome}" for a in clone.abnormalities for chromosome in a.joins}


def kinds(clones: Sequence[Clone], found: dict[str, Abnormality], number: int, whole: bool) -> Iterator[str]:
    """Yield the keys of what the karyotype is as a whole: normal, complex, monosomal, by number of chromosomes."""
    if whole and all(is_normal(clone) for clone in clones):
        yield "normal"
    keys = {key for a in found.values() for key in a.keys}
    if (
        number >= 3
        and not any(_defines_class(a) for a in found.values())
        and not (found and all(a.gained for a in found.values()))
    ):
        yield "complex"
        if number > 4:
            yield "complex(>4)"
    if not keys & CORE_BINDING_FACTOR and any(_is_monosomal(clone) for clone in clones):
        yield "monosomal"
    yield from dict.fromkeys(kind for clone in clones for kind in _numbered(clone))


def is_normal(clone: Clone) -> bool:
    """Tell whether nothing acquired was seen in a clone."""
    constitutional = clone.sex.endswith("c") or any(a.constitutional for a in clone.abnormalities)
    return (
        not clone.acquired
        and not clone.incomplete
        and (constitutional or (clone.low in (46, None) and (len(clone.sex) == 2 or clone.sex == "U")))
    )


def _defines_class(abnormality: Abnormality) -> bool:
    """Tell whether it names a class; a breakpoint with any partner does so where the exchange is whole."""
    exchanged = not abnormality.text.lstrip("+").startswith(("der(", "ider("))
    return any(key in CLASS_DEFINING or (exchanged and key in CLASS_DEFINING_ANY) for key in abnormality.keys)


def _is_monosomal(clone: Clone) -> bool:
    monosomies = sum(a.monosomy and a.text in a.keys for a in clone.acquired)
    return monosomies >= 2 or (monosomies == 1 and any(a.structural for a in clone.acquired))


def _numbered(clone: Clone) -> Iterator[str]:
    """Name the number of chromosomes; a range has a name where both its ends have it."""
    if clone.low is None or clone.high is None or clone.cells == 1 or (clone.stated_ploidy or 2) > 4:
        return
    for kind, least, most in NUMBERS:
        if least <= clone.low and clone.high <= most and (kind != "high-hyperdiploid" or clone.ploidy == 2):
            yield kind
    gained = {a.text[1:] for a in clone.acquired if a.gained}
    if clone.ploidy == 2 and 48 <= clone.low and clone.high <= 74 and len(gained & ODD) >= 2:
        yield "hyperdiploid-odd"


def ipssr_group(found: dict[str, Abnormality], number: int, whole: bool) -> str:
    """Return the cytogenetic group of IPSS-R, or nothing where the karyotype was not read whole.

    Of two abnormalities with -7 or del(7q) beside del(5q), the worse group counts.
    """
    if number > 3:
        return "very-poor"
    if not whole:
        return ""
    if number == 3:
        return "poor"
    names = {a.keys[0] for a in found.values() if a.keys}
    if number == 0:
        return "good"
    if number == 2:
        return next((group for key, group in IPSSR_DOUBLE.items() if key in names), "intermediate")
    if any(piece.kind == "t" and "3" in piece.chromosomes and _on_3q(a) for a in found.values() for piece in a.pieces):
        return "poor"
    return next((group for key, group in IPSSR_SINGLE.items() if key in names), "intermediate")


def _on_3q(abnormality: Abnormality) -> bool:
    return "abn(3q)" in abnormality.keys
