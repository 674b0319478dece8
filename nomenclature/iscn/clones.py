"""Clones: one cell line each, with what it inherits from the lines before it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from haemony.nomenclature.iscn.abnormality import Abnormality, canonical_part, read_abnormality
from haemony.nomenclature.iscn.text import NUMBER, Part, is_remark

_CLONE_NUMBER = re.compile(rf"(?:mos|chi)?\s*{NUMBER}(.*)", re.I | re.S)
_SEX = re.compile(r"([xyu]{1,8})\??(c?)(?=$|[^a-z(])", re.I)
_INHERITS = re.compile(r"(idem|sl|sdl\s*(\d{0,2}))(?:x(\d))?(?=$|[^a-z])", re.I)
_CELLS = re.compile(r"\[\s*(cp)?\s*(\d{0,6})[^\]]*\]?", re.I)


@dataclass(frozen=True)
class Clone:
    """One cell line: its chromosome number, sex chromosomes, abnormalities (inherited ones too) and cells."""

    low: int | None
    high: int | None
    sex: str
    abnormalities: tuple[Abnormality, ...]
    cells: int | None = None
    composite: bool = False
    incomplete: bool = False
    stated_ploidy: int | None = None

    @cached_property
    def acquired(self) -> tuple[Abnormality, ...]:
        """Return the distinct abnormalities that the patient was not born with."""
        return tuple({a.text: a for a in self.abnormalities if not a.constitutional}.values())

    @property
    def ploidy(self) -> int:
        """Return how many copies of a chromosome are the rule here, said (``<3n>``) or from the number (ISCN)."""
        return _ploidy(self.low, self.stated_ploidy)

    @property
    def lost(self) -> tuple[str, ...]:
        """Return what it has lost, such as ``5q13-q33`` or ``7``."""
        return self._changed(-1)

    @property
    def gained(self) -> tuple[str, ...]:
        """Return what it has gained."""
        return self._changed(1)

    @property
    def broken(self) -> tuple[str, ...]:
        """Return the bands that are broken in it."""
        return tuple(dict.fromkeys(band for a in self.acquired for band in a.broken))

    def _changed(self, sign: int) -> tuple[str, ...]:
        changed = (change for a in self.acquired for change in a.changes if change.sign == sign)
        return tuple(dict.fromkeys(str(change) for change in changed))

    def arms(self) -> dict[str, int]:
        """Return how many copies each arm has more (or less) than the rule; a part of an arm counts as the arm."""
        net: dict[str, int] = {}
        for abnormality in (a for a in self.abnormalities if not a.constitutional):
            double = 2 if abnormality.additional and abnormality.text.startswith(("+i(", "+idic(")) else 1
            for change in abnormality.changes:
                for arm in change.arm or "pq":
                    place = change.chromosome + arm
                    net[place] = net.get(place, 0) + change.sign * abnormality.copies * (
                        double if change.sign > 0 else 1
                    )
        return {place: copies for place, copies in net.items() if copies}


def _ploidy(number: int | None, stated: int | None) -> int:
    return stated or (4 if (number or 46) > 80 else 3 if (number or 46) > 57 else 2)


@dataclass(slots=True)
class Reading:
    """What has been read of a text so far."""

    clones: list[Clone] = field(default_factory=list)
    unread: list[Part] = field(default_factory=list)
    remarks: list[Part] = field(default_factory=list)

    def read_clone(self, parts: list[Part]) -> None:
        """Read one more clone from its parts."""
        whole = parts
        number = _CLONE_NUMBER.fullmatch(parts[0].text)
        low = high = stated = None
        if number:
            low, high = int(number[1]), int(number[2] or number[1])
            stated = int(number[3]) if number[3] else None
            parts = [_after(parts[0], number.start(4)), *parts[1:]]
        if cells := _alone(parts):
            if self.clones and not number:
                self.clones[-1] = replace(self.clones[-1], cells=cells[0], composite=cells[1])
                return
        parts, count, composite = _cells(parts)
        sex, inherited, doubled, rest = self._beginning(parts)
        if (not number and not sex) or (number and not rest and not sex and inherited is None):
            self._no_clone(whole)
            return
        if not sex and inherited is None:
            self.unread.append(Part(f"{low} (no sex chromosomes)", whole[0].at))
        found, incomplete = self._abnormalities(rest)
        if inherited is not None:
            sex = sex or inherited.sex
            found = _inherit(inherited.abnormalities, found)
            stated = stated or (inherited.ploidy * 2 if doubled else None)
        self.unread += [Part(a.text, whole[0].at) for a in found if a.withdrawn]
        found = _settle([a for a in found if not a.withdrawn], _ploidy(low, stated))
        if low is not None and not found and not _possible(low, len(sex)):
            self.unread.append(Part(f"{low} (not a chromosome number of {sex or 'this clone'})", whole[0].at))
        self.clones.append(Clone(low, high, sex, tuple(found), count, composite, incomplete, stated))

    def _no_clone(self, parts: list[Part]) -> None:
        text = ",".join(part.text for part in parts)
        (self.remarks if is_remark(text) else self.unread).append(Part(text, parts[0].at))

    def _beginning(self, parts: list[Part]) -> tuple[str, Clone | None, bool, list[Part]]:
        """Read sex chromosomes or the clone that this one descends from; return them and the other parts."""
        sex, inherited, doubled = "", None, False
        rest = list(parts)
        if rest and (match := _SEX.match(rest[0].text)):
            sex = "".join(sorted(match[1].upper())) + match[2].lower()
            rest[0] = _after(rest[0], match.end())
        elif rest and rest[0].text == "?":
            rest[0] = Part("", rest[0].at)
        for i, part in enumerate(rest):
            if self.clones and (match := _INHERITS.match(part.text)):
                inherited = self._ancestor(match[1].lower(), match[2])
                doubled = match[3] is not None
                rest[i] = _after(part, match.end())
        return sex, inherited, doubled, [part for part in rest if part.text]

    def _ancestor(self, word: str, index: str) -> Clone:
        """Return the clone that a word means: the stem line, or one of the side lines in the order of writing.

        Some laboratories write the normal cells first; the stem line is the first abnormal one.
        """
        first = next((i for i, clone in enumerate(self.clones) if clone.acquired), 0)
        if not word.startswith("sdl"):
            return self.clones[first]
        sideline = first + int(index) if index else len(self.clones) - 1
        return self.clones[min(sideline, len(self.clones) - 1)]

    def _abnormalities(self, parts: list[Part]) -> tuple[list[Abnormality], bool]:
        found: list[Abnormality] = []
        incomplete = False
        for part in parts:
            if part.text.lower() in ("inc", "inc."):
                incomplete = True
                continue
            abnormality = read_abnormality(canonical_part(part.text))
            if abnormality is not None:
                found.append(abnormality)
            if abnormality is None and is_remark(part.text):
                self.remarks.append(part)
            elif abnormality is None or abnormality.leftover:
                self.unread.append(part)
        return found, incomplete


def _after(part: Part, begin: int) -> Part:
    text = part.text[begin:]
    bare = text.lstrip(" ,.")
    return Part(bare.rstrip(" ,."), part.at + begin + len(text) - len(bare))


def _alone(parts: list[Part]) -> tuple[int | None, bool] | None:
    match = _CELLS.fullmatch(parts[0].text) if len(parts) == 1 else None
    return (int(match[2]) if match[2] else None, bool(match[1])) if match else None


def _cells(parts: list[Part]) -> tuple[list[Part], int | None, bool]:
    """Take the cell count off the parts."""
    count: int | None = None
    composite = False
    bare = []
    for part in parts:
        if "[" in part.text:
            for match in _CELLS.finditer(part.text):
                count = int(match[2]) if match[2] else count
                composite = composite or bool(match[1])
            part = Part(_CELLS.sub("", part.text).strip(), part.at)
        if part.text.lower() == "cp":
            composite = True
        elif part.text:
            bare.append(part)
    return bare, count, composite


def _inherit(stem: Iterable[Abnormality], found: list[Abnormality]) -> list[Abnormality]:
    """Join the stem's abnormalities with a subclone's own; its losses may undo what it inherits (``sl,-mar``).

    A rearrangement that the stem has already is the same one: a second copy is written ``x2``.
    """
    inherited = list(stem)
    known = {a.text for a in inherited if a.structural}
    own = []
    for abnormality in found:
        if abnormality.text in known:
            continue
        undone = next((a for a in inherited if a.text != abnormality.text and abnormality.undoes(a)), None)
        if undone is None:
            own.append(abnormality)
            continue
        left = undone.copies - abnormality.copies
        inherited[inherited.index(undone)] = replace(undone, copies=max(left, 0))
    return [a for a in inherited if a.copies] + own


def _settle(found: list[Abnormality], ploidy: int) -> list[Abnormality]:
    """Settle what one abnormality means beside others of the clone.

    Older karyotypes write a derivative as ``-7,+der(7)``: no monosomy, but a derivative in place of the chromosome.
    ISCN writes ``+1,der(1;7)(q10;p10)``: 1q is gained and 1p is not lost. In a clone with three or four copies of each
    chromosome, a loss is no monosomy until one copy is left; in a haploid one, a gain is no trisomy.
    """
    if ploidy == 2 and not any((a.pieces and a.pieces[0].kind == "der") or (a.additional and a.pieces) for a in found):
        return found
    texts = {a.text for a in found}
    settled = []
    replaced: set[str] = set()
    for abnormality in found:
        lost = f"-{abnormality.origin}"
        if abnormality.additional and abnormality.origin and lost in texts - replaced:
            replaced.add(lost)
            plain = read_abnormality(abnormality.text.replace("+", "", 1))
            abnormality = plain or abnormality
        settled.append(abnormality.beside(found))
    settled = [a for a in settled if a.text not in replaced]
    return settled if ploidy == 2 else [_among_many(a, settled, ploidy) for a in settled]


def _among_many(abnormality: Abnormality, found: list[Abnormality], ploidy: int) -> Abnormality:
    """Return an abnormality of a clone that is not diploid without the name of a monosomy or trisomy that it is not."""
    copies = sum(a.copies for a in found if a.text == abnormality.text)
    keys = abnormality.keys
    if abnormality.monosomy and copies < ploidy - 1:
        keys = tuple(key for key in keys if key != abnormality.text)
    elif abnormality.gained and copies + ploidy < 3:
        keys = tuple(key for key in keys if key.startswith("abn("))
    return abnormality if keys is abnormality.keys else replace(abnormality, keys=keys)


def _possible(number: int, sex: int) -> bool:
    """Tell whether cells with these sex chromosomes and no abnormality can have this many chromosomes.

    Of three or four sets, many laboratories write the sex chromosomes of one pair (``92,XX``).
    """
    return abs(number - 44 - sex) <= 2 or number in (69, 92) or (sex > 2 and abs(number - 23 * sex) <= 2)
