"""One abnormality of a karyotype: what it is, and the keys of the findings that it supports, most specific first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from haemony.nomenclature.iscn.bands import Change, Piece, breakpoints, changes
from haemony.nomenclature.iscn.findings import findings, fusions
from haemony.nomenclature.iscn.tables import ORDER

#: Variants of the population: pericentric inversions; lengths of heterochromatin, satellites and stalks (ISCN 2020).
HETEROMORPHISM = re.compile(
    r"\??inv\((?:9\)\(p1[0-3][^q]*q1[0-3]|2\)\(p1[12][^q]*q1[1-4]|y\)\(p11[^q]*q1[12])[^q]*"
    r"|(?:\d{1,2}|y)(?:[pq]h|ph|ps|ps?stk|p?ss|cenh?)[+-]?c?"
)

#: Symbols of ISCN 2020.
_KINDS = frozenset(
    "abn add amp del der dic dup fra hsr i ider idic ins inv neo qdp r rec rob t tas trc trp upd".split()
)
_ALIASES = {
    "iso": "i",
    "isodic": "idic",
    "psuidic": "idic",
    "psudic": "dic",
    "dirdup": "dup",
    "invdup": "dup",
    "dirins": "ins",
    "invins": "ins",
    "rcp": "t",
}
_NUMERICAL = re.compile(
    r"(?P<before>\??)(?P<sign>[+-])(?P<within>\??)(?:(?P<times>\d)x(?=\d))?(?P<chromosome>\d{1,2}|[xy])(?P<after>\??)"
    r"(?:x(?P<copies>\d))?(?P<constitutional>c?)"
)
_SHORT_ARM = re.compile(r"\??([+-])(\d{1,2}|[xy])([pq])(?:ter)?|(\d{1,2}|[xy])([pq])([+-])")
_MARKER = re.compile(
    r"\??([+-]?)\??(\d{1,2})?(?:[~-]\d{1,2})?(?:var)?(mar|r|dmin|min|ace)(\d{0,2})(?:[-~](?:mar)?(\d{1,2}))?(?:x(\d))?(c?)"
)
_PREFIX = re.compile(r"(\??)(?:(\d{1,2})x)?([+-]?)(\??)(?:(\d{1,2})x)?(\??)(?=[a-z])")
_PIECE = re.compile(r"(\??)([a-z]{1,8})\(([^()]*)\)(?:\(([^()]*)\))?")
_SUFFIX = re.compile(r"(?:x(\d{1,2}))?(d?(?:mat|pat|inh)|dn)?(c?)(?:x(\d{1,2}))?")
_ALTERNATIVE = re.compile(r"(?<=[\dxy)])or(?=[?+-]|[a-z]{1,8}\()")
_PLACE = re.compile(r"\??(\d{1,2}|[xyv?])\??([pq].*)?")
_BAND = re.compile(r"([pq])\??(\d?\??\d?(?:\.\d{1,3})?)")
_RANGE = re.compile(r"(?:[~-]|or)[pq]?\??\d[\d.]*")
#: A question mark beside something; alone it stands for an unknown chromosome or band.
_DOUBT = re.compile(r"(?<![(;])\?|\?(?![);])")
_LONE_SEX = re.compile(r"(?<![a-z])[xy](?![a-z])")


@dataclass(frozen=True)
class Abnormality:
    """One abnormality; ``text`` is its plain spelling, by which equal abnormalities of two clones are one.

    It is shared by all karyotypes that have it, so what is costly is found once.
    """

    text: str
    keys: tuple[str, ...]
    pieces: tuple[Piece, ...] = ()
    numerical: bool = False
    marker: bool = False
    constitutional: bool = False
    uncertain: bool = False
    copies: int = 1
    leftover: str = ""

    @property
    def additional(self) -> bool:
        """Tell whether it comes beside the normal chromosomes and not in place of one."""
        return self.text.startswith("+")

    @property
    def structural(self) -> bool:
        """Tell whether it is a rearrangement of known chromosomes."""
        return bool(self.pieces)

    @property
    def monosomy(self) -> bool:
        """Tell whether it is the loss of an autosome."""
        return self.numerical and self.text[0] == "-" and self.text[1:] not in "XY"

    @property
    def gained(self) -> bool:
        """Tell whether it is the gain of a whole chromosome."""
        return self.numerical and self.additional

    @property
    def heteromorphic(self) -> bool:
        """Tell whether it is a variant of the population."""
        return HETEROMORPHISM.fullmatch(self.text.lower()) is not None

    @property
    def withdrawn(self) -> bool:
        """Tell whether it only takes back an abnormality of the clone that it descends from (``-mar``)."""
        return self.text.startswith("-") and not self.numerical

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Return the stretches that it loses and gains, beside the other abnormalities of its clone."""
        exact = [change for change in changes(self.pieces) if change.key in self.keys] if self.pieces else []
        known = {change.key for change in exact}
        whole = [key for key in self.keys if key.startswith(("loss(", "gain(")) and key not in known]
        whole = whole[:1] if self.numerical else whole
        return (*exact, *(Change(1 if key[0] == "g" else -1, *_place(key[5:-1])) for key in whole))

    @cached_property
    def broken(self) -> tuple[str, ...]:
        """Return the bands that it breaks, such as ``5q13``."""
        return tuple(dict.fromkeys(breakpoints(self.pieces)))

    @cached_property
    def fusions(self) -> tuple[str, ...]:
        """Return the fusion genes that its bands stand for.

        >>> read_abnormality("t(9;11)(p21;q23)").fusions
        ('KMT2A::MLLT3',)
        """
        return tuple(fusions(self.pieces, self.keys))

    @property
    def chromosomes(self) -> tuple[str, ...]:
        """Return the chromosomes that take part."""
        known = (c for piece in self.pieces for c in piece.chromosomes if c in ORDER)
        return tuple(dict.fromkeys(known)) or ((self.text[1:],) if self.numerical else ())

    @cached_property
    def joins(self) -> tuple[str, ...]:
        """Return the chromosomes that it joins into one in place of two, as ``der(1;7)(q10;p10)`` does."""
        joined = self.text.startswith("der(") and len(self.pieces) == 1 and len(self.pieces[0].chromosomes) > 1
        return self.pieces[0].chromosomes if joined else ()

    @property
    def origin(self) -> str:
        """Return the one chromosome in whose place a rearranged one stands, or nothing."""
        return self.pieces[0].chromosomes[0] if self.pieces and len(self.pieces[0].chromosomes) == 1 else ""

    def undoes(self, other: Abnormality) -> bool:
        """Tell whether it takes back an inherited abnormality: ``-8`` or ``+8`` the other, ``-mar`` any ``+mar``."""
        mine, theirs = self.text[:1], other.text[:1]
        bare, inherited = self.text.lstrip("+-"), other.text.lstrip("+-")
        if self.numerical or other.numerical:
            return bare == inherited and {mine, theirs} == {"+", "-"}
        return mine == "-" and theirs != "-" and inherited.startswith(bare)

    def beside(self, others: Sequence[Abnormality]) -> Abnormality:
        """Return it without losses and gains that other abnormalities of the clone make good."""
        if self.gained:
            return self._making_good(others)
        if not self.pieces or self.pieces[0].kind != "der":
            return self
        keys = self.keys
        if len(self.pieces) > 1 and self.pieces[1].kind == "t":
            exchange = self.text[self.text.index("t(") :]
            counterparts = (
                other.text.lstrip("+") for other in others if other.text.lstrip("+") != self.text.lstrip("+")
            )
            if any(other.startswith("der(") and other.endswith(exchange) for other in counterparts):
                keys = tuple(k for k in keys if not k.startswith(("loss(", "gain(")))
        elif self.joins:
            whole = {other.text[1:] for other in others if other.gained}
            keys = tuple(k for k in keys if not (k.startswith("loss(") and _place(k[5:-1])[0] in whole))
        return replace(self, keys=keys) if keys != self.keys else self

    def _making_good(self, others: Sequence[Abnormality]) -> Abnormality:
        """Return a gained chromosome as the gain of the one arm that a derivative of two chromosomes has beside it."""
        chromosome = self.text[1:]
        for other in others:
            if chromosome in other.joins:
                arms = other.pieces[0].arms(other.joins.index(chromosome))
                return replace(self, keys=(*(f"gain({chromosome}{arm})" for arm in arms), f"abn({chromosome})"))
        return self


def _place(place: str) -> tuple[str, str]:
    arm = place[-1:] if place[-1:] in "pq" else ""
    return place.removesuffix(arm), arm


def canonical_part(part: str) -> str:
    """Return a part in lower case and without spaces, as ``read_abnormality`` takes it."""
    return "".join(part.split()).lower()


@lru_cache(maxsize=65536)
def read_abnormality(part: str) -> Abnormality | None:
    """Read one abnormality, or return None where the text is none.

    >>> read_abnormality("del(5)(q13q33)").keys
    ('del(5q)', 'loss(5q)', 'abn(5q)', 'abn(5)')
    >>> read_abnormality("-7").keys
    ('-7', 'loss(7)', 'loss(7p)', 'loss(7q)', 'abn(7)')
    """
    part = part.lower()
    choices = _ALTERNATIVE.split(part)
    if len(choices) > 1:
        return _shared(part, [read_abnormality(choice) for choice in choices])
    if HETEROMORPHISM.fullmatch(part):
        return Abnormality(_spelt(part), (), constitutional=True)
    if match := _NUMERICAL.fullmatch(part):
        return _numerical(match)
    if match := _SHORT_ARM.fullmatch(part):
        sign, chromosome, arm = match[1] or match[6], match[2] or match[4], match[3] or match[5]
        kind = "del" if sign == "-" else "dup" if match[1] else "add"
        return read_abnormality(f"{kind}({chromosome})({arm})")
    if match := _MARKER.fullmatch(part):
        return _marker(match)
    return _structural(part)


def _shared(part: str, choices: list[Abnormality | None]) -> Abnormality | None:
    """Join alternatives: only what each of them would support is sure."""
    known = [choice for choice in choices if choice is not None]
    if len(known) < len(choices):
        return None
    keys = tuple(k for k in known[0].keys if all(k in other.keys for other in known[1:]))
    return replace(known[0], text=_spelt(part), keys=keys, uncertain=True)


def _spelt(text: str) -> str:
    return _LONE_SEX.sub(lambda m: m[0].upper(), _DOUBT.sub("", text))


def _numerical(match: re.Match[str]) -> Abnormality | None:
    sign, chromosome = match["sign"], match["chromosome"].upper().lstrip("0")
    if chromosome not in ORDER:
        return None
    change = "gain" if sign == "+" else "loss"
    places = (chromosome, f"{chromosome}p", f"{chromosome}q")
    keys = (f"{sign}{chromosome}", *(f"{change}({place})" for place in places), f"abn({chromosome})")
    return Abnormality(
        text=f"{sign}{chromosome}",
        keys=() if match["constitutional"] else keys,
        numerical=True,
        constitutional=bool(match["constitutional"]),
        uncertain=bool(match["before"] or match["within"] or match["after"]),
        copies=int(match["times"] or match["copies"] or 1),
    )


def _marker(match: re.Match[str]) -> Abnormality:
    sign, least, kind, label, last, times, constitutional = match.groups()
    sign = "-" if sign == "-" else "" if kind == "dmin" else "+"
    through = int(last) - int(label) + 1 if label and last else 1
    return Abnormality(
        text=f"{sign}{kind}{label or ''}",
        keys=() if sign == "-" or constitutional else (f"{sign}{kind}",),
        marker=True,
        constitutional=bool(constitutional),
        copies=1 if kind == "dmin" else max(int(least or times or 1), through, 1),
    )


# --- rearrangements --------------------------------------------------------------------------------------------


def _structural(part: str) -> Abnormality | None:
    part += ")" * (part.count("(") - part.count(")"))
    prefix = _PREFIX.match(part)
    if prefix is None:
        return None
    pieces: list[Piece] = []
    end = prefix.end()
    while match := _PIECE.match(part, end):
        piece = _piece(match, pieces[0] if pieces else None)
        if piece is None:
            break
        pieces.append(piece)
        end = match.end()
    if not pieces:
        return None
    suffix = _SUFFIX.match(part, end)
    assert suffix is not None
    sign, constitutional = prefix[3], bool(suffix[2] or suffix[3])
    silent = constitutional or sign == "-"
    return Abnormality(
        text=sign + _spelt(part[prefix.end() : end]),
        keys=() if silent else tuple(dict.fromkeys(findings(tuple(pieces), sign == "+"))),
        pieces=tuple(pieces),
        constitutional=constitutional,
        uncertain="?" in part,
        copies=int(prefix[2] or prefix[5] or suffix[1] or suffix[4] or 1),
        leftover=part[suffix.end() :].strip("?"),
    )


def _piece(match: re.Match[str], first: Piece | None) -> Piece | None:
    kind = _ALIASES.get(match[2], match[2])
    if kind not in _KINDS:
        return None
    named, written = match[3], match[4]
    if first is not None and named[:1] in ("p", "q"):
        # der(5)add(p15)del(q13): the bands alone, of the derivative's own chromosome
        return Piece(kind, first.chromosomes[:1], (_bands(named),))
    places = [_PLACE.fullmatch(place) for place in re.split("[;,]", named)]
    chromosomes = [place[1].upper() for place in places if place]
    if len(chromosomes) < len(places) or not all(c in ORDER or c in ("?", "V") for c in chromosomes):
        return None
    if written is None:
        return Piece(kind, tuple(chromosomes), tuple(_bands(place[2] or "") for place in places if place))
    return Piece(kind, tuple(chromosomes), _aligned(written, len(chromosomes)))


def _bands(text: str) -> tuple[str, ...]:
    """Return the bands; of a range or of alternatives (``q13~q21``, ``q13orq22``) the first one."""
    return tuple(arm + band.replace("?", "") for arm, band in _BAND.findall(_RANGE.sub("", text)))


def _aligned(written: str, count: int) -> tuple[tuple[str, ...], ...]:
    """Give each chromosome its bands, also where one is written for all or the semicolon is missing."""
    if count == 1:
        return (_bands(written),)
    segments = [_bands(segment) for segment in re.split("[;,]", written)]
    if len(segments) == 1 and len(segments[0]) == count:
        segments = [(band,) for band in segments[0]]
    return tuple(segments[i] if i < len(segments) else () for i in range(count))
