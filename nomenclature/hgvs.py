"""HGVS names of coding-DNA and protein changes, read into one canonical spelling.

Follows the HGVS nomenclature, version 21 (https://hgvs-nomenclature.org). House choices, so that equal changes become
equal texts:

- The reference sequence (``NM_...:``) is taken off; a record holds it apart.
- The parentheses of a predicted protein change are taken off: ``p.(Arg882His)`` and ``p.Arg882His`` are one name.
- Amino acids are written in three letters, a stop as ``Ter``, no change as ``=``.
- Deleted, duplicated or replaced sequence is taken off: the positions already say it (``c.10delA`` is ``c.10del``).
- A frameshift of unknown length is the short form ``fs``; one that finds no stop (``fs*>12``) is ``fsTer?``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

#: IUPAC amino acids: one letter to three (https://hgvs-nomenclature.org/stable/background/standards/#aacode).
AMINO_ACIDS = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "Q": "Gln", "E": "Glu", "G": "Gly", "H": "His",
    "I": "Ile", "L": "Leu", "K": "Lys", "M": "Met", "F": "Phe", "P": "Pro", "S": "Ser", "T": "Thr", "W": "Trp",
    "Y": "Tyr", "V": "Val", "U": "Sec", "B": "Asx", "Z": "Glx", "X": "Ter", "*": "Ter",
}  # fmt: skip
_THREE = {name.lower(): name for name in AMINO_ACIDS.values()} | {"xaa": "Xaa"}
_AMBIGUOUS = frozenset({"Asx", "Glx", "Xaa"})

_LOOSE = re.I | re.A
_REFERENCE = re.compile(r"\A[A-Z][\w.]*(?:\([\w.-]+\))?:(?=\(?[cp]\.)", _LOOSE)
_DASHES = str.maketrans({"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "﹥": ">", "＞": ">"})

_POSITION = r"[-*]?[1-9]\d{0,8}(?:[+-][1-9]\d{0,8})?"
_POINT = rf"(?:{_POSITION}|\((?:\?|{_POSITION})_(?:\?|{_POSITION})\)|\?)"
_DNA_PLACE = re.compile(rf"(\({_POSITION}_{_POSITION}\)|{_POINT})(?:_({_POINT}))?(?=[a-z=])", _LOOSE)
_BASES = r"[ACGTNRYSWKMBDHV]+"
_SUBSTITUTION = re.compile(rf"({_BASES})>({_BASES})", _LOOSE)
_DELETION = re.compile(rf"del({_BASES}|\d*)", _LOOSE)
_DUPLICATION = re.compile(rf"dup({_BASES}|\d*)", _LOOSE)
_INSERTION = re.compile(rf"(?:(del)({_BASES}|\d*))?ins({_BASES}|N\[\d+\]|\d+)", _LOOSE)
_PLAIN_DNA = re.compile(rf"(inv)(?:{_BASES})?|(?:{_BASES})?(=)", _LOOSE)
_JOINED = re.compile(r"_(?=[cp]\.)", _LOOSE)

_AA = r"(?:[A-Za-z]{3}|[ACDEFGHIKLMNPQRSTVWYUBZX*])"
_PROTEIN_PLACE = re.compile(rf"({_AA})([1-9]\d{{0,8}})(?:_({_AA})([1-9]\d{{0,8}}))?(?=[^\d_])", re.A)
_SHIFT = re.compile(rf"({_AA})??fs(?:(?:\*|Ter|X)(>?\d+|\?)?)?", _LOOSE)
_EXTENSION = re.compile(rf"({_AA})??ext(?:(-[1-9]\d{{0,8}})|(?:\*|Ter|X)(\d+|\?)?)?", _LOOSE)
_PROTEIN_DELETION = re.compile(r"(del|dup)([A-Za-z*]*|\d*)", re.A)
_PROTEIN_INSERTION = re.compile(r"(?:del([A-Za-z*]*))?ins([A-Za-z*]+)", re.A)
_REPLACED = re.compile(r"()>([A-Za-z*]+)", re.A)
_WHOLE_PROTEIN = {"?": "p.?", "=": "p.=", "0": "p.0", "0?": "p.0?"}


def read_hgvs_c(text: str) -> str | None:
    """Return the canonical name of a coding-DNA change, or None where the text is none.

    >>> read_hgvs_c(" c.2524 c>t")
    'c.2524C>T'
    >>> read_hgvs_c("NM_000546.6:c.376-2_376-1delAG")
    'c.376-2_376-1del'
    >>> read_hgvs_c("ITD") is None
    True
    """
    bare, typed = _bare(text, "c")
    if typed and bare in ("?", "=", "0"):
        return f"c.{bare}"
    return _allele("c", bare, _dna_change)


def read_hgvs_p(text: str) -> str | None:
    """Return the canonical name of a protein change, or None where the text is none.

    >>> read_hgvs_p("R882H"), read_hgvs_p("p.(Q842X)"), read_hgvs_p("p.W288fs*12")
    ('p.Arg882His', 'p.Gln842Ter', 'p.Trp288fsTer12')
    >>> read_hgvs_p("R882") is None
    True
    """
    bare, typed = _bare(text, "p")
    if bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1]
    if typed and bare in _WHOLE_PROTEIN:
        return _WHOLE_PROTEIN[bare]
    return _allele("p", bare, _protein_change)


@dataclass(frozen=True)
class ProteinChange:
    """Where a protein changes, and how: the first reference amino acid, first and last residue, and a kind."""

    residue: str
    first: int
    last: int
    kind: str


def protein_change(name: str) -> ProteinChange | None:
    """Return what a name of one protein change says; None for an allele of several, or where it says no place.

    Kinds are substitution, nonsense, frameshift, extension, deletion, duplication, insertion, delins, silent, unknown.

    >>> protein_change("p.R882H")
    ProteinChange(residue='Arg', first=882, last=882, kind='substitution')
    >>> protein_change("D835_I836del").kind
    'deletion'
    """
    canonical = read_hgvs_p(name)
    place = _PROTEIN_PLACE.match(canonical[2:]) if canonical else None
    if place is None or canonical is None:
        return None
    edit = canonical[2 + place.end() :]
    kind = next((kind for mark, kind in _KINDS if mark.search(edit)), "substitution")
    return ProteinChange(place[1], int(place[2]), int(place[4] or place[2]), kind)


#: How the end of a canonical protein name tells its kind; the first that fits counts.
_KINDS = tuple(
    (re.compile(mark), kind)
    for mark, kind in (
        ("fs", "frameshift"), ("ext", "extension"), ("^delins", "delins"), ("^del", "deletion"),
        ("^dup", "duplication"), ("^ins", "insertion"), ("^=$", "silent"), (r"^\?$", "unknown"), ("^Ter$", "nonsense"),
    )
)  # fmt: skip


def codon(name: str) -> int | None:
    """Return the codon that a substitution of one coding base changes; None for any other change.

    >>> codon("c.2644C>T"), codon("c.123+1G>A")
    (882, None)
    """
    place = re.fullmatch(r"c\.([1-9][0-9]*)[ACGT]>[ACGT]", read_hgvs_c(name) or "")
    return None if place is None else (int(place[1]) + 2) // 3


def _bare(text: str, kind: str) -> tuple[str, bool]:
    compact = _REFERENCE.sub("", re.sub(r"\s+", "", text.translate(_DASHES)), count=1)
    for prefix in (f"{kind}.", f"{kind.upper()}.", kind):
        if compact.startswith(prefix):
            return compact[len(prefix) :], len(prefix) == 2
    return compact, False


def _allele(kind: str, bare: str, read: Callable[[str], str | None]) -> str | None:
    """Read one change, or several of one allele: ``c.[35G>A;38G>T]``, also where they are joined by an underscore."""
    if bare.startswith("[") and bare.endswith("]"):
        parts = bare[1:-1].split(";")
    else:
        parts = _JOINED.split(bare)
    changes = [read(part.removeprefix(f"{kind}.")) for part in parts]
    known = [change for change in changes if change is not None]
    if len(known) < len(changes):
        return None
    return f"{kind}.{known[0]}" if len(known) == 1 else f"{kind}.[{';'.join(known)}]"


# --- coding DNA ------------------------------------------------------------------------------------------------


def _dna_change(bare: str) -> str | None:
    place = _DNA_PLACE.match(bare)
    if place is None:
        return None
    start, end, edit = place[1], place[2], bare[place.end() :]
    if start.isdigit() and end is not None and end.isdigit():
        if int(end) < int(start):
            return None
        end = None if end == start else end
    where = start if end is None else f"{start}_{end}"
    if match := _SUBSTITUTION.fullmatch(edit):
        return _substitution(where, match[1].upper(), match[2].upper())
    if match := _INSERTION.fullmatch(edit):
        return _insertion(where, match[1], match[2] or "", match[3].upper())
    if _DELETION.fullmatch(edit):
        return f"{where}del"
    if _DUPLICATION.fullmatch(edit):
        return f"{where}dup"
    if match := _PLAIN_DNA.fullmatch(edit):
        return where + (match[1] or match[2]).lower()
    return None


def _substitution(where: str, before: str, after: str) -> str | None:
    """Write a replacement: more than one base is a delins, also where only its first base is placed (``35GG>AA``)."""
    if len(before) == 1 and len(after) == 1:
        return f"{where}=" if before == after else f"{where}{before}>{after}"
    if where.isdigit() and len(before) > 1:
        where = f"{where}_{int(where) + len(before) - 1}"
    return f"{where}delins{after}"


def _insertion(where: str, deleted: str | None, before: str, inserted: str) -> str | None:
    if inserted.isdigit():
        inserted = f"N[{inserted}]"
    if deleted is None:
        # an insertion stands between two positions; one position alone does not say on which side
        return f"{where}ins{inserted}" if "_" in where else None
    if len(before) == 1 and before.isalpha() and len(inserted) == 1 and "_" not in where:
        return f"{where}{before.upper()}>{inserted}"
    return f"{where}delins{inserted}"


# --- protein ---------------------------------------------------------------------------------------------------


def _residues(text: str) -> list[str] | None:
    """Return a sequence in three-letter words; it is written in one-letter or in three-letter words throughout."""
    if text and all(letter in AMINO_ACIDS for letter in text):
        words = [AMINO_ACIDS[letter] for letter in text]
    elif text and len(text.replace("*", "Ter")) % 3 == 0:
        spelt = text.replace("*", "Ter").lower()
        triples = [spelt[i : i + 3] for i in range(0, len(spelt), 3)]
        if not all(triple in _THREE for triple in triples):
            return None
        words = [_THREE[triple] for triple in triples]
    else:
        return None
    return None if "Ter" in words[:-1] else words


def _residue(text: str) -> str | None:
    if word := _THREE.get(text.lower()):
        return word
    words = _residues(text)
    return words[0] if words and len(words) == 1 else None


def _protein_change(bare: str) -> str | None:
    place = _PROTEIN_PLACE.match(bare)
    if place is None:
        return None
    first = _residue(place[1])
    last = _residue(place[3]) if place[3] else ""
    if first is None or last is None or first in _AMBIGUOUS:
        return None
    start, end = int(place[2]), int(place[4] or place[2])
    if end < start:
        return None
    where = f"{first}{start}" if end == start else f"{first}{start}_{last}{end}"
    edit = bare[place.end() :]
    if edit in ("=", "?"):
        return where + edit
    if end == start and (change := _at_one_residue(first, edit)):
        return where + change
    return _block(where, end > start, edit)


def _at_one_residue(first: str, edit: str) -> str | None:
    if match := _SHIFT.fullmatch(edit):
        return _shift(match)
    if match := _EXTENSION.fullmatch(edit):
        return _extension(match)
    new = _residue(edit)
    if new is None:
        return None
    return "=" if new == first else new


def _shift(match: re.Match[str]) -> str | None:
    new = _residue(match[1]) if match[1] else ""
    if new is None:
        return None
    length = match[2]
    if not length:
        return f"{new}fs"
    return f"{new}fsTer{'?' if length[0] in '>?' else length}"


def _extension(match: re.Match[str]) -> str | None:
    new = _residue(match[1]) if match[1] else ""
    if new is None:
        return None
    if match[2]:
        return f"{new}ext{match[2]}"
    return f"{new}extTer{match[3] or '?'}"


def _block(where: str, ranged: bool, edit: str) -> str | None:
    """Read del, dup, ins, delins, and the older ``>`` for delins (``p.A3_Y6>GI``)."""
    match = _PROTEIN_INSERTION.fullmatch(edit) or _REPLACED.fullmatch(edit)
    if match is None:
        plain = _PROTEIN_DELETION.fullmatch(edit)
        if plain is None or (plain[2].isalpha() and _residues(plain[2]) is None):
            return None
        return f"{where}{plain[1]}"
    new = _residues(match[2])
    if new is None:
        return None
    sequence = "".join(new)
    if match[1] is None:
        return f"{where}ins{sequence}" if ranged else None
    if not ranged and len(new) == 1 and ">" in edit:
        return f"{where}{sequence}"
    return f"{where}delins{sequence}"
