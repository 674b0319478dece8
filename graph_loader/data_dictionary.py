"""Data dictionaries: what a delivery says of its own columns, in a table, REDCap's export, or a page of HTML.

They name variables, what these are called, and what their codes mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from haemony.graph_loader.delimited import read_top
from haemony.graph_loader.formats import contents, format_of, peek
from haemony.graph_loader.sniff import encoding_of, sniff
from haemony.mappings.header_words import folded
from haemony.mappings.model import PatientKey, TableSpec

PAGES: Final = (".html", ".htm")
#: Headers of the columns of a dictionary, as folded words; REDCap's among them
#: (https://help.redcap.ualberta.ca/help-and-faq/data-dictionary).
NAME: Final = frozenset(
    "variable|variable name|variable field name|field|field name|column|column name|name|item|code|varname|var|kurzname"
    "|feld|feldname|spalte|variablenname|campo|columna|nombre variable|nombre de variable|champ|colonne".split("|")
)
LABEL: Final = frozenset(
    "label|field label|description|definition|meaning|variable label|text|question|long name|explanation|bezeichnung"
    "|beschreibung|bedeutung|etiqueta|descripcion|significado|libelle|intitule|signification".split("|")
)
CODES: Final = frozenset(
    "values|value labels|codes|coding|choices|categories|levels|allowed values|permissible values|value"
    "|choices calculations or slider labels|choices calculations|werte|kodierung|codierung|auspragungen|valores"
    "|codigos|codificacion|valeurs|modalites|codage".split("|")
)
TABLE: Final = frozenset(
    "table|file|dataset|form|form name|sheet|tabelle|datei|tabla|fichero|archivo|fichier".split("|")
)
#: A code and what it means: `1, Male`, `1 = male`, `1: male`.
CODED: Final = re.compile(r"^\s*[\"'‘“]?([\w.+-]{1,20}?)[\"'’”]?\s*(?:=|:|,|\s[-–]\s)\s*(\S.*?)\s*$")
PARTED: Final = (r"\||\n", ";", r",(?=\s*[\w.+-]{1,20}\s*[=:])", r"\s(?=[\w.+-]{1,20}\s*=)")


@dataclass(frozen=True)
class Said:
    """What a dictionary says of a variable."""

    label: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    table: str = ""


#: What a dictionary says, by variable.
Dictionary = Mapping[str, Said]


def read_dictionary_file(path: Path) -> Dictionary:
    """Read a data dictionary of any form; empty where the file is none. Raises ``DeliveryError``."""
    if path.suffix.lower() in PAGES:
        return _page(path)
    for sheet in contents(path) if path.suffix.lower() in (".xlsx", ".xls") else [""]:
        if found := read_dictionary_table(path, TableSpec(path.name, path.name, PatientKey(""), sheet=sheet)):
            return found
    return {}


def read_dictionary_table(path: Path, spec: TableSpec) -> Dictionary:
    """Read a table as a data dictionary; empty where its columns are not those of one."""
    if format_of(path, spec) == "csv":
        found = sniff(path)
        if found is None:
            return {}
        top = read_top(path, found, 0)
        if not _places(top.columns):
            return {}
        rows: Sequence[Sequence[str | None]] = read_top(path, found, 100_000).rows
        return _rows(top.columns, rows)
    if not _places(peek(path, spec, 0).columns):
        return {}
    shown = peek(path, spec, 100_000)
    return _rows(shown.columns, shown.rows)


def _places(columns: Sequence[str]) -> dict[str, int]:
    """Return where the parts of a dictionary stand; empty unless there are names, and labels or codes."""
    words = [" ".join(folded(column)) for column in columns]
    found: dict[str, int] = {}
    for part, known in (("name", NAME), ("label", LABEL), ("codes", CODES), ("table", TABLE)):
        place = next((i for i, word in enumerate(words) if word in known and i not in found.values()), None)
        if place is not None:
            found[part] = place
    return found if "name" in found and ("label" in found or "codes" in found) else {}


def _rows(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Dictionary:
    places = _places(columns)
    found: dict[str, Said] = {}
    for row in rows:
        cells = {part: (row[i] or "").strip() if i < len(row) else "" for part, i in places.items()}
        if not cells["name"]:
            continue
        label = _tidy(cells.get("label", ""))
        codes = value_labels(cells.get("codes", "")) or value_labels(label)
        found.setdefault(cells["name"], Said(label, codes, cells.get("table", "")))
    return found


def value_labels(text: str) -> dict[str, str]:
    """Read what codes mean, as dictionaries write it; empty where the text says nothing of the kind.

    >>> value_labels("1, Male | 2, Female"), value_labels("occurrence of death: 0=no, 1=yes")
    ({'1': 'Male', '2': 'Female'}, {'0': 'no', '1': 'yes'})
    """
    for parts in (re.split(mark, _after_colon(text)) for mark in PARTED):
        read = [match for part in parts if part.strip() and (match := CODED.match(part))]
        if len(read) > 1 and len(read) >= len([part for part in parts if part.strip()]) - 1:
            return {match[1]: _tidy(match[2]).rstrip(".;, ") for match in read}
    return {}


def _after_colon(text: str) -> str:
    """Leave out what stands before the codes: `death: 0=no, 1=yes`."""
    before, colon, after = text.partition(":")
    return after if colon and "=" in after and "=" not in before else text


def _tidy(text: str) -> str:
    return " ".join(text.split())[:200]


class _Page(HTMLParser):
    """Collect the definitions (``dt``, ``dd``) and the rows of tables of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[list[str]] = []
        self.tables: list[list[list[str]]] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a cell or a definition."""
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self._into = self.tables[-1][-1]
            self._into.append("")
        elif tag in ("dt", "dd"):
            if tag == "dt" or not self.pairs:
                self.pairs.append([])
            self._into = self.pairs[-1]
            self._into.append("")
        elif tag in ("br", "li", "p") and self._into:
            self._into[-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        """Close a cell or a definition."""
        if tag in ("td", "th", "dt", "dd", "table", "dl"):
            self._into = None

    def handle_data(self, data: str) -> None:
        """Add text to what is open."""
        if self._into:
            self._into[-1] += data


def _page(path: Path) -> Dictionary:
    text = path.read_bytes().decode(encoding_of(path) or "latin-1", errors="replace")
    page = _Page()
    page.feed(text)
    found: dict[str, Said] = {}
    for table in page.tables:
        rows = [row for row in table if row]
        if rows and _places(rows[0]):
            found |= _rows(rows[0], rows[1:])
        else:
            _add(found, _continued(row for row in rows if len(row) == 2))
    _add(found, ((pair[0], " ".join(pair[1:])) for pair in page.pairs if len(pair) > 1))
    return found


def _continued(rows: Iterable[Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Join a row without a name to the one above: R's older pages go on there."""
    name, label = "", ""
    for row in rows:
        if row[0].strip():
            if name:
                yield name, label
            name, label = row[0], row[1]
        else:
            label += " " + row[1]
    if name:
        yield name, label


def _add(found: dict[str, Said], pairs: Iterable[tuple[str, str]]) -> None:
    for names, label in pairs:
        for name in names.strip().rstrip(":").split(","):
            if name.strip():
                found.setdefault(name.strip().rstrip(":").strip(), Said(_tidy(label), value_labels(label.strip())))
