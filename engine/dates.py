"""Dates by their patterns: what a partner says of how its dates are written, and the dates that texts then are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import ibis

from haemony.engine.session import Column

Precision = Literal["day", "month", "year"]

#: Abbreviated names of the months as CLDR (https://cldr.unicode.org) has them, and other ways (``|``) that are in use.
MONTHS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    language: tuple(tuple(month.split("|")) for month in names.split())
    for language, names in {
        "en": "jan feb mar apr may jun jul aug sept|sep oct nov dec",
        "de": "jan|jän feb märz|mär|mrz apr mai juni|jun juli|jul aug sept|sep okt nov dez",
        "es": "ene feb mar abr may jun jul ago sept|sep oct nov dic",
        "fr": "janv|jan févr|fév mars|mar avr mai juin|jun juil|jul août|aoû sept|sep oct nov déc",
    }.items()
}

#: The parts of a pattern. What is captured says the date; the time of day has only to be one.
PART = re.compile(r"yyyy|yy(?:\((?P<pivot>[0-9]{4})\))?|MMM(?:\[(?P<language>[a-z]+)\])?|MM|M|dd|d|HH|mm|ss|.", re.S)
DIGITS = {"yyyy": "([0-9]{4})", "yy": "([0-9]{2})", "M": "([0-9]{1,2})", "d": "([0-9]{1,2})"}
TIMES = {"HH": "(?:[01]?[0-9]|2[0-3])", "mm": "[0-5][0-9]", "ss": "[0-5][0-9](?:[.,][0-9]+)?"}
#: Letters that may stand in a pattern for themselves, as ISO 8601 has them.
LITERAL = "TZ"


@dataclass(frozen=True)
class DatePattern:
    """One way to write a date: its regular expression, and what the groups of that are, in order.

    `pivot` is the first of the hundred years that two digits stand for, `language` that of the names of months.
    """

    regex: str
    groups: tuple[str, ...]
    pivot: int = 0
    language: str = ""

    @property
    def precision(self) -> Precision:
        """Return the finest unit that the pattern holds."""
        return "day" if "d" in self.groups else "month" if "M" in self.groups else "year"

    def date(self, text: Column) -> Column:
        """Read a date; null where the text does not fit or there is no such day."""
        if self.language:
            text = text.lower()
        middle = "01" if "M" not in self.groups else "15"
        iso = self._year(text) + "-" + self._part(text, "M", "07") + "-" + self._part(text, "d", middle)
        return ibis.ifelse(text.re_search(self.regex), iso.try_cast("date"), ibis.null("date"))

    def _group(self, text: Column, name: str) -> Column:
        return text.re_extract(self.regex, self.groups.index(name) + 1)

    def _year(self, text: Column) -> Column:
        year = self._group(text, "y")
        if not self.pivot:
            return year
        century, first = divmod(self.pivot, 100)
        return ibis.ifelse(year >= f"{first:02}", ibis.literal(f"{century}"), ibis.literal(f"{century + 1}")) + year

    def _part(self, text: Column, name: str, otherwise: str) -> Column:
        if name not in self.groups:
            return ibis.literal(otherwise)
        part = self._group(text, name)
        if name == "M" and self.language:
            names = enumerate(MONTHS[self.language], start=1)
            return part.cases(*((name, f"{n:02}") for n, month in names for name in month), else_="")
        return part.lpad(2, "0")


@cache
def date_patterns(text: str) -> tuple[DatePattern, ...]:
    """Read the patterns of a column, parted by ``;``; raise ``ValueError`` where one is none.

    >>> [p.precision for p in date_patterns("dd.MM.yyyy;MM/yyyy;yyyy")]
    ['day', 'month', 'year']
    >>> date_patterns("dd-MMM[de]-yy(1930)")[0].pivot
    1930
    """
    patterns = tuple(_pattern(part.strip()) for part in text.split(";"))
    shapes = [pattern.regex for pattern in patterns]
    if len(set(shapes)) != len(shapes):
        raise ValueError("two of its patterns fit the same texts, so that the second would never be asked")
    return patterns


def _pattern(text: str) -> DatePattern:
    regex, groups, pivot, language = "", [], 0, ""
    parts = list(PART.finditer(text))
    for part in parts:
        piece = part[0]
        if piece in TIMES:
            regex += TIMES[piece]
        elif piece.startswith("MMM"):
            language = part["language"] or "en"
            regex += _month_names(language)
            groups.append("M")
        elif piece[0] in "yMd" and piece != "y":
            pivot = int(part["pivot"] or 0) if piece.startswith("yy") and piece != "yyyy" else pivot
            if piece == "yy":
                raise ValueError("two digits of a year need the first year that they mean, as in yy(1930)")
            regex += DIGITS["yyyy" if piece == "yyyy" else "yy" if piece[0] == "y" else piece[0]]
            groups.append(piece[0])
        elif piece.isalpha() and piece not in LITERAL:
            raise ValueError(
                f"a date pattern is made of yyyy, yy(1930), MM, M, MMM, dd, d, HH, mm and ss, not {piece!r}"
            )
        else:
            regex += re.escape(piece)
    timed = any(part[0] in TIMES for part in parts)
    if len(set(groups)) != len(groups) or "y" not in groups or ("d" in groups and "M" not in groups):
        raise ValueError("a date pattern has a year, then perhaps a month, then perhaps a day")
    if timed and "d" not in groups:
        raise ValueError("a date pattern with a time of day has a day")
    return DatePattern(rf"^{regex.lower() if language else regex}\z", tuple(groups), pivot, language)


def _month_names(language: str) -> str:
    if language not in MONTHS:
        raise ValueError(f"names of months are known in {', '.join(MONTHS)}, not in {language!r}")
    return "(" + "|".join(name for month in MONTHS[language] for name in month) + ")[.]?"


def to_date(text: Column, pattern: str) -> Column:
    """Read a date by the first of its patterns that gives one; null where none does.

    A pattern without a day (or month) gives the middle of what is known: the 15th, or 1 July.
    """
    return ibis.coalesce(*(p.date(text) for p in date_patterns(pattern)))


def date_precision(text: Column, pattern: str) -> Column:
    """Return how much of a date its text holds: day, month or year; null where it is no date."""
    read = [(p.date(text).notnull(), ibis.literal(p.precision)) for p in date_patterns(pattern)]
    return ibis.cases(*read, else_=ibis.null("string"))
