"""Read how a delivered file is written: its format, which part of it is the table, and the marks of its texts."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any

from haemony.mappings.curie import nearest
from haemony.mappings.model import FORMATS

if TYPE_CHECKING:
    from haemony.mappings.layout import Located, Reader

READ = ("encoding", "separator", "decimal", "thousands", "quote", "missing")
PART = ("format", "member", "sheet", "object", "header_row")
#: What may stand between groups of three digits; Swiss files have either apostrophe, others a space of any width.
THOUSANDS = (".", ",", "'", "\u2019", " ", "\u00a0", "\u202f")
#: Bytes of the longest separator that the engine's reader takes.
LONGEST_SEPARATOR = 4
WANTED = {
    "encoding": "Name an encoding such as utf-8, latin-1 or cp1252.",
    "separator": 'One character separates cells: ",", ";", "|" or "\\t"; or a few, such as "||".',
    "decimal": 'The decimal mark is "." or ",".',
    "thousands": "Groups of three digits are parted by a point, a comma, an apostrophe or a space.",
    "quote": "One character quotes cells; an empty text says that none does.",
}


def read_options(reader: Reader, given: Located, where: str) -> dict[str, Any]:
    """Return the plain options of a file; ``where`` empty reads the defaults again, silently."""
    options = {key: given[key] for key in READ if key != "missing" and isinstance(given.get(key), str)}
    if "separator" in options:
        options["separator"] = options["separator"].replace(r"\t", "\t")
    faults = {
        "encoding": "encoding" in options and not _known_encoding(options["encoding"]),
        "separator": not 1 <= len(options.get("separator", ",").encode()) <= LONGEST_SEPARATOR,
        "decimal": options.get("decimal", ".") not in (".", ","),
        "thousands": options.get("thousands", "") not in ("", *THOUSANDS),
        "quote": len(options.get("quote", "")) > 1,
    }
    for key in (k for k, fault in faults.items() if fault):
        if where:
            reader.problem(given.lines[key], f"{where}.{key}", f"{options[key]!r} is no {key}.", WANTED[key])
        del options[key]
    return options


def _known_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def read_part(reader: Reader, given: Located, where: str) -> dict[str, Any]:
    """Return the format of a file, and which part of it is the table."""
    options: dict[str, Any] = {key: reader.text(given, key, where) for key in PART if key in given}
    if options.get("format", "") not in ("", *FORMATS):
        advice = nearest(options["format"], FORMATS) or f"Formats are {', '.join(FORMATS)}."
        reader.problem(given.lines["format"], f"{where}.format", f"Unknown format {options['format']!r}.", advice)
        del options["format"]
    row = options.pop("header_row", "1")
    if not re.fullmatch("[1-9][0-9]{0,5}", row):
        message = f"{row!r} is no number of a row."
        reader.problem(given.lines["header_row"], f"{where}.header_row", message, "Rows count from 1.")
        row = "1"
    return options | {"header_row": int(row)}
