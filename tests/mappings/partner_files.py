"""Partners written by tests: rows become the text of the three files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

DICTIONARY_HEADER = ("table", "variable", "label", "use", "record", "field", "unit", "format", "at", "of", "note")
CONCEPTS_HEADER = (
    *("subject_id", "subject_type", "subject_source", "subject_label", "predicate_id", "predicate_modifier"),
    *("object_id", "object_label", "mapping_justification", "reviewer_id"),
)
Cells = Mapping[str, str]


def row(table: str, variable: str, use: str = "map", **cells: str) -> Cells:
    """Return a row of the dictionary."""
    return {"table": table, "variable": variable, "use": use, **cells}


def meaning(subject: str, target: str, predicate: str = "skos:exactMatch", **cells: str) -> Cells:
    """Return the concept row of a variable."""
    return {"subject_id": subject, "predicate_id": predicate, "object_id": target, **cells}


def value(source: str, text: str, target: str, predicate: str = "skos:exactMatch", **cells: str) -> Cells:
    """Return the concept row of a value."""
    subject = {"subject_type": "rdfs literal", "subject_source": source, "subject_label": text}
    return {**subject, "predicate_id": predicate, "object_id": target, **cells}


def tsv(header: Iterable[str], rows: Iterable[Cells]) -> str:
    """Return rows as tab-separated text."""
    names = tuple(header)
    return "".join("\t".join(cells) + "\n" for cells in [names, *([r.get(n, "") for n in names] for r in rows)])


def write_partner(
    home: Path, name: str, layout: str, dictionary: Iterable[Cells] | None, concepts: Iterable[Cells] | None
) -> Path:
    """Write the three files of a partner, those given, and return its folder."""
    folder = home / "partners" / name
    folder.mkdir(parents=True)
    (folder / "partner.yaml").write_text(layout, encoding="utf-8")
    if dictionary is not None:
        (folder / "dictionary.tsv").write_text(tsv(DICTIONARY_HEADER, dictionary), encoding="utf-8")
    if concepts is not None:
        (folder / "concepts.sssom.tsv").write_text(tsv(CONCEPTS_HEADER, concepts), encoding="utf-8")
    return folder
