"""From the text of a karyotype to the parts of its clones; each part knows where in the text it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from haemony.nomenclature.iscn.tables import REMARKS

#: No karyotype is longer; what is longer is another text.
LONGEST = 10_000


class Part(NamedTuple):
    """A stretch of the text and where it begins, counted from 0."""

    text: str
    at: int


_PLAIN = str.maketrans(
    {"‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-", "×": "x", "→": ">", "“": '"', "”": '"', "\r": "\n", "\xa0": " "}
)
NUMBER = r"(?:ca\.?|[~<>])?\s*(\d{2,3})(?:\s*[~\-]\s*(\d{2,3}))?\s*(?:<\s*(\d)\s*n\s*[+\-]?\s*>)?"
_HEAD = re.compile(
    rf"[\s;/]{{0,8}}{NUMBER}\s*(?:[,.]\s*(?:[xy?+\-]|idem|sdl|sl|der|del|t\(|inv|add)|[xy]+\s*(?:[,\[/\n]|$))", re.I
)
_ASIDE = re.compile(
    r"(?:[.,;/(\s]|^)\s*(?:nuc\s*ish|ish|arr|m?-?fish|cgh|ogm|pcr|wcp|sky|rsa|s?seq|paint)(?![a-z]).*?"
    r"(?=[/\n]\s*\d\d\s*[,~\-]\s*(?:\d\d,)?\s*[xy]|$)",
    re.I | re.S,
)
_REPAIRS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\s{2,}"), lambda m: "\n" if "\n" in m[0] else " "),
    (re.compile(r"\((\d{1,2}|[xy?])\((?=[pq?])", re.I), lambda m: f"({m[1]})("),
    (re.compile(r"\)\s*;\s*\("), lambda _: ")("),
    (
        re.compile(r"(\)|[+-]\d{1,2}|\b[xy]{1,4}) (?=[+-]\s?(?:\d{1,2}|[xy]|mar)\b)", re.I),
        lambda m: f"{m[1]},",
    ),
    (re.compile(r"\)(?=[pq]\??\d[^()\[\],]*\))", re.I), lambda _: ")("),
    (re.compile(r"\((?=(?:del|add|t|inv|dup|ins)\()", re.I), lambda _: ""),
)
_PART_BEGINS = re.compile(
    r"\s*(?:[+\-]\s*(?:\d|[xy]\b|mar|r\b|[a-z]{1,8}\()|(?:add|del|der|dup|inv|ins|dic|idic|i|t|r)\()", re.I
)
_SIGNS = re.compile(r"[()\[\],/\n;]")
_WORDS = re.compile(r"[^\W\d]+")
_NO_REMARK = re.compile(r"[+()\-]")


def plain_text(text: str) -> Part:
    """Return the text with plain signs and without blanks around it."""
    plain = text.translate(_PLAIN)
    stripped = plain.lstrip(" \"'\t\n")
    return Part(stripped.rstrip(" \"'\t\n"), len(plain) - len(stripped))


def set_aside(plain: Part) -> tuple[Part, tuple[Part, ...]]:
    """Take out what is no banding: hybridisation, arrays, sequencing, and the donor's cells after ``//``."""
    recipient, chimera, donor = plain.text.partition("//")
    aside: list[Part] = []

    def cut(match: re.Match[str]) -> str:
        aside.append(_stripped(match[0], plain.at + match.start(), " .,;/(\n"))
        return " " * len(match[0])

    body = _ASIDE.sub(cut, recipient)
    if chimera:
        aside.append(Part(donor, plain.at + len(recipient) + 2))
    return Part(body, plain.at), tuple(aside)


def split_clones(body: Part) -> list[list[Part]]:
    """Split into clones and their parts, at separators outside parentheses.

    A slash, or a line, semicolon or cell count before what looks like a clone's beginning, starts a clone.
    """
    text, at = _repaired(body)
    clones: list[list[Part]] = [[]]

    def keep(begin: int, end: int) -> None:
        bare = text[begin:end].lstrip(" \t.;")
        if bare:
            clones[-1].append(Part(bare.rstrip(" \t.;"), at[end - len(bare)]))

    begin = depth = 0
    for match in _SIGNS.finditer(text):
        i, char = match.start(), match[0]
        if char in "([":
            depth += 1
        elif char in ")]":
            depth = max(depth - 1, 0) if char == ")" else 0
        if char in "()[" or (depth and not _closes(text, i, char)):
            continue
        depth = 0
        keep(begin, i + (char == "]"))
        begin = i + 1
        if char == "/" or (char != "," and _HEAD.match(text, i + 1)):
            clones.append([])
    keep(begin, len(text))
    return [parts for parts in clones if parts]


def is_remark(text: str) -> bool:
    """Tell whether a part is only words that say nothing about chromosomes."""
    words = _WORDS.findall(text.lower())
    return bool(words) and all(word in REMARKS for word in words) and not _NO_REMARK.search(text.strip("()"))


def _repaired(body: Part) -> tuple[str, Sequence[int]]:
    """Mend what is plainly a slip of the pen; return the text, and where each of its signs stood."""
    text: str = body.text
    at: Sequence[int] = range(body.at, body.at + len(text))
    for pattern, mended in _REPAIRS:
        if not pattern.search(text):
            continue
        pieces: list[str] = []
        places: list[int] = []
        end = 0
        for match in pattern.finditer(text):
            new = mended(match)
            pieces += [text[end : match.start()], new]
            places += at[end : match.start()]
            places += [at[min(match.start() + i, match.end() - 1)] for i in range(len(new))]
            end = match.end()
        text, at = "".join([*pieces, text[end:]]), [*places, *at[end:]]
    return text, at


def _stripped(text: str, at: int, signs: str) -> Part:
    bare = text.lstrip(signs)
    return Part(bare.rstrip(signs), at + len(text) - len(bare))


def _closes(body: str, i: int, char: str) -> bool:
    """Tell whether a separator inside a parenthesis begins something new: then its end was forgotten."""
    if char == ",":
        return _PART_BEGINS.match(body, i + 1) is not None
    return char in "/\n" and _HEAD.match(body, i + 1) is not None
