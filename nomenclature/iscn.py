"""ISCN karyotypes, read into clones, abnormalities and the findings that they support.

Follows ISCN 2020 (Karger, ISBN 978-3-318-06867-2) and tolerates what laboratories write beside it.
House choices:

- A constitutional change (suffix ``c``) and the known heteromorphisms (inv(9)(p12q13), 9qh+) are read, but support no
  finding and are not counted.
- ``complex`` and ``monosomal`` are those of ELN 2022 (https://doi.org/10.1182/blood.2022016867, table 6 and its notes):
  at least three unrelated abnormalities in one clone, without a class-defining abnormality, and not trisomies alone;
  two autosomal monosomies, or one with a structural abnormality, outside core-binding-factor leukaemia.
- Loss of X or Y counts as an abnormality of a complex karyotype and not as a monosomy. Each distinct abnormality counts
  once; unidentified markers count by their least number. Markers, rings of unknown origin and double minutes are no
  structural abnormality of a monosomal karyotype.
- What is questionable (``?``) supports its findings and is marked; of alternatives (``or``) what they share counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from haemony.nomenclature.iscn_abnormality import Abnormality, canonical_part, read_abnormality

#: Abnormalities that name a class of acute myeloid leukaemia (ELN 2022, table 6; ICC 2022), so not a complex karyotype.
CLASS_DEFINING = frozenset(
    {"t(8;21)", "inv(16)", "t(16;16)", "t(15;17)", "t(9;11)", "t(v;11q23)", "t(6;9)", "t(9;22)", "t(8;16)"}
    | {"inv(3)", "t(3;3)", "t(v;3q26)"}
)
CORE_BINDING_FACTOR = frozenset({"t(8;21)", "inv(16)", "t(16;16)"})


@dataclass(frozen=True, slots=True)
class Clone:
    """One cell line: its chromosome number, sex chromosomes, abnormalities (inherited ones too) and cells."""

    low: int | None
    high: int | None
    sex: str
    abnormalities: tuple[Abnormality, ...]
    cells: int | None = None
    composite: bool = False
    incomplete: bool = False

    @property
    def acquired(self) -> tuple[Abnormality, ...]:
        """Return the distinct abnormalities that the patient was not born with."""
        return tuple({a.text: a for a in self.abnormalities if not a.constitutional}.values())


@dataclass(frozen=True, slots=True)
class Karyotype:
    """What a karyotype says; ``reason`` says why it could not be read."""

    text: str
    clones: tuple[Clone, ...] = ()
    sex_chromosomes: str = ""
    keys: tuple[tuple[str, ...], ...] = ()
    summary: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    readable: bool = True
    reason: str = ""


_PLAIN = str.maketrans(
    {"‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-", "×": "x", "→": ">", "“": '"', "”": '"', "\r": "\n"}
)
_NUMBER = r"(?:ca\.?|[~<>])?\s*(\d{2,3})(?:\s*[~\-]\s*(\d{2,3}))?\s*(?:<\s*\d\s*n\s*[+\-]?\s*>)?"
_HEAD = re.compile(
    rf"[\s;/]*{_NUMBER}\s*(?:[,.]\s*(?:[xy?+\-]|idem|sdl|sl|der|del|t\(|inv|add)|[xy]+\s*(?:[,\[/\n]|$))", re.I
)
_CLONE_NUMBER = re.compile(rf"(?:mos|chi)?\s*{_NUMBER}(.*)", re.I | re.S)
_SEX = re.compile(r"([xy]{1,8})\??(c?)(?=$|[^a-z(])", re.I)
_INHERITS = re.compile(r"(idem|sl|sdl\s*(\d{0,2}))(?:x\d)?(?=$|[^a-z])", re.I)
_CELLS = re.compile(r"\[\s*(cp)?\s*(\d{0,6})[^\]]*\]?")
_ASIDE = re.compile(
    r"(?:[.,;/(\s]|^)\s*(?:nuc\s*ish|ish|arr|m?-?fish|cgh|pcr|wcp|sky|rsa|seq|paint)(?![a-z]).*?"
    r"(?=[/\n]\s*\d\d\s*[,~\-]\s*(?:\d\d,)?\s*[xy]|$)",
    re.I | re.S,
)
_REPAIRS = (
    (re.compile(r"\((\d{1,2}|[xy?])\((?=[pq?])", re.I), r"(\1)("),
    (re.compile(r"\)\s*;\s*\("), ")("),
    (re.compile(r"\)(?=[pq]\??\d[^()\[\],]*\))", re.I), ")("),
    (re.compile(r"\((?=(?:del|add|t|inv|dup|ins)\()", re.I), ""),
)
_PART_BEGINS = re.compile(
    r"\s*(?:[+\-]\s*(?:\d|[xy]\b|mar|r\b|[a-z]+\()|(?:add|del|der|dup|inv|ins|dic|idic|i|t|r)\()", re.I
)


def read_karyotype(text: str) -> Karyotype:
    """Read a karyotype; strange text is reported in ``unread``, never raised.

    >>> karyotype = read_karyotype("45,X,-Y,t(8;21)(q22;q22)[18]/46,XY[2]")
    >>> karyotype.sex_chromosomes, karyotype.keys[1][0], [c.cells for c in karyotype.clones]
    ('XY', 't(8;21)', [18, 2])
    >>> read_karyotype("no metaphases").readable
    False
    """
    plain = text.translate(_PLAIN).strip(" \"'\t\n")
    body, aside = _set_aside(plain)
    clones: list[Clone] = []
    unread: list[str] = []
    for parts in _split(body):
        clone, left = _read_clone(parts, clones)
        unread.extend(left)
        if clone is not None:
            clones.append(clone)
    if not clones:
        return Karyotype(text, unread=(plain,), aside=aside, readable=False, reason=_why(plain, body))
    return Karyotype(
        text=text,
        clones=tuple(clones),
        sex_chromosomes=_constitutional_sex(clones),
        keys=tuple(a.keys for a in _distinct(clones) if a.keys),
        summary=tuple(_summary(clones, bool(unread))),
        unread=tuple(unread),
        aside=aside,
    )


def _why(plain: str, body: str) -> str:
    if not plain:
        return "the text is empty"
    if not body.strip():
        return "no banded karyotype: only in-situ hybridisation, array or donor cells"
    return "no clone found: a karyotype begins with a chromosome number and sex chromosomes, such as 46,XX"


# --- text to parts ---------------------------------------------------------------------------------------------


def _set_aside(plain: str) -> tuple[str, tuple[str, ...]]:
    """Take out what is no banding: hybridisation, arrays, and the donor's cells after ``//``."""
    recipient, chimera, donor = plain.partition("//")
    aside = [donor] if chimera else []

    def cut(match: re.Match[str]) -> str:
        aside.append(match[0].strip(" .,;/(\n"))
        return ""

    return _ASIDE.sub(cut, recipient), tuple(aside)


def _split(body: str) -> list[list[str]]:
    """Split into clones and their parts, at separators outside parentheses.

    A slash, or a line, semicolon or cell count before what looks like a clone's beginning, starts a clone.
    """
    for pattern, repaired in _REPAIRS:
        body = pattern.sub(repaired, body)
    clones: list[list[str]] = [[]]
    begin = depth = 0
    for i, char in enumerate(body):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth = max(depth - 1, 0)
            if char == "]":
                depth = 0
        if char not in ",/\n;]":
            continue
        if depth and not _closes(body, i, char):
            continue
        depth = 0
        clones[-1].append(body[begin : i + (char == "]")])
        begin = i + 1
        if char == "/" or (char != "," and _HEAD.match(body, i + 1)):
            clones.append([])
    clones[-1].append(body[begin:])
    stripped = ([part.strip(" \t.;") for part in parts] for parts in clones)
    return [kept for parts in stripped if (kept := [part for part in parts if part])]


def _closes(body: str, i: int, char: str) -> bool:
    """Tell whether a separator inside a parenthesis begins something new: then its end was forgotten."""
    if char == ",":
        return _PART_BEGINS.match(body, i + 1) is not None
    return char in "/\n" and _HEAD.match(body, i + 1) is not None


# --- parts to clones -------------------------------------------------------------------------------------------


def _read_clone(parts: list[str], earlier: list[Clone]) -> tuple[Clone | None, list[str]]:
    """Read one clone; return it and the parts that were not understood."""
    number = _CLONE_NUMBER.fullmatch(parts[0])
    low = high = None
    if number:
        low, high = int(number[1]), int(number[2] or number[1])
        parts = [number[3].strip(" ,."), *parts[1:]]
    if cells := _alone(parts):
        if earlier and not number:
            earlier[-1] = replace(earlier[-1], cells=cells[0], composite=cells[1])
            return None, []
    parts, count, composite = _cells(parts)
    sex, inherited, rest = _beginning(parts, earlier)
    if (not number and not sex) or (number and not rest and not sex and inherited is None):
        return None, [",".join(parts) or str(low)]
    unread = [] if sex or inherited is not None else [f"{low} (no sex chromosomes)"]
    found, strange, incomplete = _abnormalities(rest)
    if inherited is not None:
        sex = sex or inherited.sex
        found = _inherit(inherited.abnormalities, found)
    strange.extend(a.text for a in found if a.withdrawn)
    found = _settle([a for a in found if not a.withdrawn])
    if low is not None and not found and not _possible(low, len(sex)):
        unread.append(f"{low} (not a chromosome number of {sex or 'this clone'})")
    clone = Clone(low, high, sex, tuple(found), count, composite, incomplete)
    return clone, unread + strange


def _alone(parts: list[str]) -> tuple[int | None, bool] | None:
    match = _CELLS.fullmatch(parts[0]) if len(parts) == 1 else None
    return (int(match[2]) if match[2] else None, bool(match[1])) if match else None


def _cells(parts: list[str]) -> tuple[list[str], int | None, bool]:
    """Take the cell count off the parts."""
    count: int | None = None
    composite = False
    bare = []
    for part in parts:
        for match in _CELLS.finditer(part):
            count = int(match[2]) if match[2] else count
            composite = composite or bool(match[1])
        part = _CELLS.sub("", part).strip()
        if part.lower() == "cp":
            composite = True
        elif part:
            bare.append(part)
    return bare, count, composite


def _beginning(parts: list[str], earlier: list[Clone]) -> tuple[str, Clone | None, list[str]]:
    """Read sex chromosomes or the clone that this one descends from; return them and the other parts."""
    sex, inherited = "", None
    rest = list(parts)
    if rest and (match := _SEX.match(rest[0])):
        sex = "".join(sorted(match[1].upper())) + match[2].lower()
        rest[0] = rest[0][match.end() :].strip(" ,.")
    elif rest and rest[0] == "?":
        rest[0] = ""
    for i, part in enumerate(rest):
        if earlier and (match := _INHERITS.match(part)):
            word, index = match[1].lower(), match[2]
            sideline = int(index) if index else len(earlier) - 1
            inherited = earlier[min(sideline, len(earlier) - 1)] if word.startswith("sdl") else earlier[0]
            rest[i] = part[match.end() :].strip(" ,.")
    return sex, inherited, [part for part in rest if part]


def _abnormalities(parts: list[str]) -> tuple[list[Abnormality], list[str], bool]:
    found: list[Abnormality] = []
    strange: list[str] = []
    incomplete = False
    for part in parts:
        if part.lower() in ("inc", "inc."):
            incomplete = True
            continue
        abnormality = read_abnormality(canonical_part(part))
        if abnormality is None:
            strange.append(part)
            continue
        found.append(abnormality)
        if abnormality.leftover:
            strange.append(part)
    return found, strange, incomplete


def _inherit(stem: Iterable[Abnormality], found: list[Abnormality]) -> list[Abnormality]:
    """Join the stem's abnormalities with a subclone's own; its losses may undo what it inherits (``sl,-mar``)."""
    inherited = list(stem)
    own = []
    for abnormality in found:
        undone = next((a for a in inherited if a.text != abnormality.text and abnormality.undoes(a)), None)
        if undone is not None:
            inherited.remove(undone)
        else:
            own.append(abnormality)
    return inherited + own


def _settle(found: list[Abnormality]) -> list[Abnormality]:
    """Settle what one abnormality means beside others of the clone.

    Older karyotypes write a derivative as ``-7,+der(7)``: no monosomy, but a derivative in place of the chromosome.
    ISCN writes ``+1,der(1;7)(q10;p10)``: 1q is gained and 1p is not lost.
    """
    texts = {a.text for a in found}
    settled = []
    replaced: set[str] = set()
    for abnormality in found:
        lost = f"-{abnormality.origin}"
        if abnormality.additional and abnormality.origin and lost in texts - replaced:
            replaced.add(lost)
            plain = read_abnormality(abnormality.text.replace("+", "", 1))
            abnormality = plain or abnormality
        settled.append(abnormality.beside(texts))
    return [a for a in settled if a.text not in replaced]


def _possible(number: int, sex: int) -> bool:
    """Tell whether cells with these sex chromosomes and no abnormality can have this many chromosomes."""
    return abs(number - 44 - sex) <= 2 or (sex > 2 and abs(number - 23 * sex) <= 2)


# --- what the clones say together ------------------------------------------------------------------------------


def _distinct(clones: list[Clone]) -> Iterator[Abnormality]:
    yield from {a.text: a for clone in clones for a in clone.acquired}.values()


def _constitutional_sex(clones: list[Clone]) -> str:
    """Return the sex chromosomes that the patient was born with, read from the stem line.

    A line with one sex chromosome and no word about the other leaves it to another line, else it stays ``X``.
    """
    for clone in clones:
        sex = _sex_of(clone)
        if len(sex) > 1:
            return sex
    return _sex_of(clones[0])


def _sex_of(clone: Clone) -> str:
    sex = clone.sex
    if sex.endswith("c"):
        return sex[:-1]
    if len(sex) > 2 and (clone.low or 46) > 57:
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


def _summary(clones: list[Clone], unread: bool) -> Iterator[str]:
    if not unread and all(_is_normal(clone) for clone in clones):
        yield "normal"
    keys = {key for a in _distinct(clones) for key in a.keys}
    if not keys & CLASS_DEFINING and any(_is_complex(clone) for clone in clones):
        yield "complex"
    if not keys & CORE_BINDING_FACTOR and any(_is_monosomal(clone) for clone in clones):
        yield "monosomal"


def _is_normal(clone: Clone) -> bool:
    constitutional = clone.sex.endswith("c") or any(a.constitutional for a in clone.abnormalities)
    return (
        not clone.acquired
        and not clone.incomplete
        and (constitutional or (clone.low in (46, None) and len(clone.sex) == 2))
    )


def _is_complex(clone: Clone) -> bool:
    count = sum(a.copies if a.marker else 1 for a in clone.acquired)
    return count >= 3 and not all(a.gained for a in clone.acquired)


def _is_monosomal(clone: Clone) -> bool:
    monosomies = sum(a.monosomy for a in clone.acquired)
    return monosomies >= 2 or (monosomies == 1 and any(a.structural for a in clone.acquired))
