"""Karyotypes read and written: :func:`read_karyotype` and :func:`write_karyotype`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from haemony.nomenclature.iscn.abnormality import Abnormality
from haemony.nomenclature.iscn.clones import Clone, Reading
from haemony.nomenclature.iscn.counts import count, distinct, ipssr_group, kinds
from haemony.nomenclature.iscn.text import LONGEST, Part, plain_text, set_aside, split_clones

_FAILED = re.compile(
    r"\b(?:no|keine?|not?|without|ohne)\b.{0,30}?\b(?:metaphase|mitose|analys|material|growth|wachstum|result)", re.I
)
_ABSENT = frozenset("na n/a nd n.a. n.d. nan none unknown unbekannt - -9 . ?".split())
#: A method that is set aside reports an abnormality where it names one or says so (English and German).
_REPORTS = re.compile(
    r"posit|nachweis|detected|monoso|triso|\b(?:t|inv|del|dup|der|add|ins)\(|(?:con|sep)\b|amp|x[013-9]\b|[+-]\d", re.I
)
_DENIES = re.compile(r"negativ|kein|\bno\b|\bnot\b|normal|unauff", re.I)


@dataclass(frozen=True, slots=True)
class Karyotype:
    """What a karyotype says.

    ``keys`` has the keys of the findings of each abnormality, most specific first; ``summary`` those of the karyotype
    as a whole. ``abnormalities`` counts as :mod:`~haemony.nomenclature.iscn.counts` says; it and ``ipssr_group`` are
    empty where not all was read. ``unread`` is what was not understood, ``remarks`` are words without meaning for the
    chromosomes, ``aside`` is what other methods and the donor's cells show. ``reason`` says why a text could not be
    read.
    """

    text: str
    clones: tuple[Clone, ...] = ()
    sex_chromosomes: str = ""
    keys: tuple[tuple[str, ...], ...] = ()
    summary: tuple[str, ...] = ()
    abnormalities: int | None = None
    ipssr_group: str = ""
    fusions: tuple[str, ...] = ()
    unread: tuple[Part, ...] = ()
    remarks: tuple[Part, ...] = ()
    aside: tuple[Part, ...] = ()
    readable: bool = True
    reason: str = ""

    @property
    def whole(self) -> bool:
        """Tell whether all of the text was understood, and the laboratory does not call it incomplete."""
        return self.readable and not self.unread and not any(clone.incomplete for clone in self.clones)

    @property
    def cells(self) -> int | None:
        """Return how many cells were counted, where each clone says it."""
        counted = [clone.cells for clone in self.clones if clone.cells is not None]
        return sum(counted) if counted and len(counted) == len(self.clones) else None


def read_karyotype(text: str) -> Karyotype:
    """Read a karyotype; strange text is reported in ``unread``, never raised.

    >>> karyotype = read_karyotype("45,X,-Y,t(8;21)(q22;q22)[18]/46,XY[2]")
    >>> karyotype.sex_chromosomes, karyotype.keys[1][0], [c.cells for c in karyotype.clones]
    ('XY', 't(8;21)', [18, 2])
    >>> karyotype.abnormalities, karyotype.fusions
    (2, ('RUNX1::RUNX1T1',))
    >>> read_karyotype("no metaphases").reason
    'no metaphases could be analysed'
    """
    if len(text) > LONGEST:
        return Karyotype(text, readable=False, reason=f"longer than any karyotype ({LONGEST} signs)")
    plain = plain_text(text)
    body, aside = set_aside(plain)
    reading = Reading()
    for parts in split_clones(body):
        reading.read_clone(parts)
    clones = reading.clones
    if not clones:
        return Karyotype(text, unread=(plain,), aside=aside, readable=False, reason=_why(plain.text, body.text))
    whole = not reading.unread and not any(clone.incomplete for clone in clones)
    found = distinct(clones)
    number = count(clones)
    return Karyotype(
        text=text,
        clones=tuple(clones),
        sex_chromosomes=_constitutional_sex(clones),
        keys=tuple(a.keys for a in found.values() if a.keys),
        summary=tuple(kinds(clones, found, number, not reading.unread and not _reports(aside))),
        abnormalities=number if whole else None,
        ipssr_group=ipssr_group(found, number, whole),
        fusions=tuple(dict.fromkeys(fusion for a in found.values() if a.pieces for fusion in a.fusions)),
        unread=tuple(reading.unread),
        remarks=tuple(reading.remarks),
        aside=aside,
    )


def write_karyotype(clones: Iterable[Clone]) -> str:
    """Write clones in ISCN, each with all its abnormalities.

    >>> write_karyotype(read_karyotype("47,xx,+8[5]/46,sl,-7[2]").clones)
    '47,XX,+8[5]/46,XX,+8,-7[2]'
    """
    return "/".join(_written(clone) for clone in clones)


def _written(clone: Clone) -> str:
    number = "" if clone.low is None else f"{clone.low}" if clone.low == clone.high else f"{clone.low}~{clone.high}"
    ploidy = f"<{clone.stated_ploidy}n>" if clone.stated_ploidy else ""
    parts = [number + ploidy, clone.sex or "?", *map(_spelt, clone.abnormalities), *["inc"] * clone.incomplete]
    count = f"{'cp' if clone.composite else ''}{'' if clone.cells is None else clone.cells}"
    return ",".join(part for part in parts if part) + (f"[{count}]" if count else "")


def _spelt(abnormality: Abnormality) -> str:
    text = ("?" if abnormality.uncertain else "") + abnormality.text
    constitutional = "c" if abnormality.constitutional and not abnormality.heteromorphic else ""
    if abnormality.copies == 1:
        return text + constitutional
    if abnormality.marker and abnormality.text[1:] in ("mar", "r", "min", "ace"):
        return text.replace("+", f"+{abnormality.copies}", 1) + constitutional
    return f"{text}x{abnormality.copies}{constitutional}"


def _why(plain: str, body: str) -> str:
    if not plain or plain.lower() in _ABSENT:
        return "the text is empty" if not plain else "the text says that there is none"
    if _FAILED.search(plain):
        return "no metaphases could be analysed"
    if not body.strip():
        return "no banded karyotype: only in-situ hybridisation, array or donor cells"
    return "no clone found: a karyotype begins with a chromosome number and sex chromosomes, such as 46,XX"


def _reports(aside: Sequence[Part]) -> bool:
    """Tell whether another method shows an abnormality: then the karyotype alone is not said to be normal."""
    return any(_REPORTS.search(part.text) and not _DENIES.search(part.text) for part in aside)


def _constitutional_sex(clones: Sequence[Clone]) -> str:
    """Return the sex chromosomes that the patient was born with, read from the stem line.

    A line with one sex chromosome and no word about the other leaves it to another line, else it stays ``X``.
    """
    for clone in clones:
        sex = _sex_of(clone)
        if len(sex) > 1:
            return sex
    return _sex_of(clones[0])


def _sex_of(clone: Clone) -> str:
    sex = clone.sex.replace("U", "")
    if sex.endswith("c"):
        return sex[:-1]
    if len(sex) > 2 and clone.ploidy > 2:
        return "XY" if "Y" in sex else "XX"
    if len(sex) != 1:
        return sex
    if sex == "Y" or any(a.text == "-Y" for a in clone.abnormalities):
        return "XY"
    for abnormality in clone.abnormalities:
        if abnormality.text == "-X":
            return "XX"
    for chromosome in ("Y", "X"):
        if any(chromosome in a.chromosomes and not a.additional and not a.numerical for a in clone.abnormalities):
            return "".join(sorted(sex + chromosome))
    return sex
