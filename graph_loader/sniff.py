"""Sniff: how a delimited file is written, by looking at it: its encoding, separator, quotes, and the row of its header.

Detectors of encodings by the frequency of letters guess wrongly on short cells in mixed case, so it is said by rule:
what is valid UTF-8 is that; else it is one of the two encodings of western Europe.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from haemony.graph_loader.archives import open_bytes
from haemony.graph_loader.delimited import csv_rows
from haemony.mappings.model import PatientKey, TableSpec

MARKS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SEPARATORS: Final = (",", ";", "\t", "|")
QUOTES: Final = ('"', "'", "")
#: Lines and characters that are looked at to find the separator.
LINES, CHARACTERS = 400, 1 << 18
#: Share of the lines that have one width, where a file is a table.
EVEN: Final = 0.9
#: Lines that may stand above the header.
ABOVE: Final = 20


def sniff(path: Path, member: str = "") -> TableSpec | None:
    """Say how a delimited file is written, as far as can be seen; None where it looks like no table.

    The decimal mark is not looked for here: whole columns say it (``profile``).
    """
    encoding = encoding_of(path, member)
    if encoding is None:
        return None
    lines = _lines(path, member, encoding)
    found: list[tuple[tuple[float, int, int], str, str, int]] = []
    for quote in QUOTES:
        for separator in SEPARATORS:
            share, width, header = _evenness(lines, separator, quote)
            if share >= EVEN and width > 1:
                found.append(((round(share, 2), -header, width), separator, quote, header))
    if not found:
        return None
    # of equally good ways the first, as `max` takes it
    _, separator, quote, header = max(found, key=lambda way: way[0])
    spec = TableSpec(path.stem, path.name, PatientKey(""), member=member, encoding=encoding)
    return replace(spec, separator=separator, quote=quote, header_row=header)


def encoding_of(path: Path, member: str = "") -> str | None:
    """Return the encoding of a text file: as its mark says, UTF-8 where it is valid, else what western Europe writes.

    It is `ascii` where nothing tells; None where the file is no text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, ascii_only, controls = True, True, 0
    with open_bytes(path, member) as file:
        first = file.read(1 << 20)
        for mark, encoding in MARKS.items():
            if first.startswith(mark):
                return encoding
        if first.count(0):
            return _wide(first)
        part = first
        while part:
            if utf8:
                try:
                    decoder.decode(part)
                except UnicodeDecodeError:
                    utf8 = False
            ascii_only = ascii_only and part.isascii()
            controls += len(part) - len(part.translate(None, bytes(range(0x80, 0xA0))))
            if 0 in part:
                return None
            part = file.read(1 << 20)
    if utf8:
        return "ascii" if ascii_only else "utf-8"
    return "cp1252" if controls else "latin-1"


def _wide(sample: bytes) -> str | None:
    """Return the encoding of a text in which every other byte is 0, or None."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if min(even, odd) * 20 > max(even, odd) or max(even, odd) * 3 < len(sample) // 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _lines(path: Path, member: str, encoding: str) -> list[str]:
    """Return the first lines; the last is left out where it may be cut."""
    with open_bytes(path, member) as file, io.TextIOWrapper(file, encoding, newline=None) as text:
        sample = text.read(CHARACTERS).lstrip("\ufeff")
    lines = sample.splitlines(keepends=True)
    whole = lines if len(sample) < CHARACTERS else lines[:-1]
    return whole[:LINES]


def _evenness(lines: list[str], separator: str, quote: str) -> tuple[float, int, int]:
    """Return the share of rows of the most frequent width, that width, and the line of the header."""
    rows = list(_rows(lines, separator, quote))
    widths = Counter(len(cells) for _, cells in rows)
    if not widths:
        return 0.0, 0, 1
    width = max(widths, key=lambda w: (widths[w], w))
    named = ((line, cells) for line, cells in islice(rows, ABOVE) if len(cells) in (width, width - 1))
    header = next((line for line, cells in named if sum(map(bool, map(str.strip, cells))) * 2 > width), 0)
    if not header:
        return 0.0, width, 1
    below = [cells for line, cells in rows if line > header]
    even = sum(len(cells) == width for cells in below)
    quoted = sum(cell[:1] == mark for _, cells in rows for cell in cells for mark in "\"'" if mark != quote)
    share = even / len(below) if below else 1.0
    # a mark of quoting that is left around many cells was one
    total = sum(len(cells) for _, cells in rows)
    return (share if quoted * 4 < total else 0.0), width, header


def _rows(lines: list[str], separator: str, quote: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv_rows(lines, separator, quote)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error:
        return
