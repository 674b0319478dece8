"""What the header of a column may mean, by the words that hospitals write: in English, German, Spanish and French.

The words stand in ``header_words.csv``, those that point to a person among them.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("header_words.csv")
#: Why a column with such a header is not read.
IDENTIFYING: Final[Mapping[str, str]] = {
    "name": "a name or initials: identifies a person",
    "birth": "date of birth: identifies a person",
    "address": "an address or place: helps to identify a person",
    "contact": "a way to reach a person",
    "number": "a number that others know the person by",
    "staff": "names staff",
    "centre": "where the patient was treated: could help to identify",
    "free": "free text: it may name people",
}
#: Words that identify a person only where they are the whole header: `gene name`, `site of biopsy` do not.
WHOLE: Final = frozenset("name namen nom nombre site service contact user ort planta informe".split())
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z0-9]+|(?<![a-z0-9])[+-](?=[0-9])")


def words(text: str) -> tuple[str, ...]:
    """Return the words of a header without case and accents; a sign before a number is a word.

    >>> words("DatumErstdiagnose"), words("Année_de-naissance"), words("t(8;21)")
    (('datum', 'erstdiagnose'), ('annee', 'de', 'naissance'), ('t', '8', '21'))
    """
    return folded(_CAMEL.sub(" ", text))


def folded(text: str) -> tuple[str, ...]:
    """Return the words of a text without case and accents, a word being what no other sign parts.

    >>> folded("FLT3-ITD"), folded("-7"), folded("größer")
    (('flt3', 'itd'), ('-', '7'), ('grosser',))
    """
    return tuple(_WORD.findall(without_accents(text.casefold())))


def without_accents(text: str) -> str:
    """Return a text whose letters have lost their accents.

    >>> without_accents("Größe, año")
    'Große, ano'
    """
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@cache
def _meanings() -> Mapping[tuple[str, ...], frozenset[str]]:
    found: dict[tuple[str, ...], set[str]] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for phrase in row["words"].split("|"):
                found.setdefault(folded(phrase), set()).add(row["meaning"])
    return {phrase: frozenset(meanings) for phrase, meanings in found.items()}


def meanings(header: str) -> frozenset[str]:
    """Return what a header may mean: as a whole, else by the words in it that point to a person.

    >>> sorted(meanings("Geburtsdatum")), sorted(meanings("PatNr")), sorted(meanings("Hb (g/dL)"))
    (['birth'], ['key'], [])
    """
    table = _meanings()
    ways = {words(header), folded(header)}
    whole = {m for way in ways for joined in (way, ("".join(way),)) for m in table.get(joined, ())}
    return frozenset(whole) or frozenset(_identifying(table, ways))


def _identifying(table: Mapping[tuple[str, ...], frozenset[str]], ways: set[tuple[str, ...]]) -> Iterator[str]:
    """Yield what parts of a header point to a person."""
    longest = max(map(len, table))
    for way in ways:
        for start in range(len(way)):
            for part in (way[start : start + n] for n in range(1, longest + 1)):
                if len("".join(part)) > 2 and not set(part) <= WHOLE:
                    yield from table.get(part, frozenset()) & IDENTIFYING.keys()
