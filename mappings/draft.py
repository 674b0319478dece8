"""Draft a partner's three files from what was seen of a delivery: a first day's work, for a person to correct.

Patients, their age and sex are mapped where they are recognised for certain. Every other column is written with what it
may be and the use ``ignore``, so that the draft builds as it is and a person turns row after row to ``map``. Concepts
are automatic rows of SSSOM, which do not load before somebody has reviewed them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from haemony.engine.dates import date_patterns
from haemony.mappings.curie import canonical, subject_id
from haemony.mappings.dictionary import COLUMNS
from haemony.mappings.draft_rows import Row, rows_of, said
from haemony.mappings.model import CONCEPTS, DICTIONARY, LAYOUT, TO_DECIDE, TableSpec
from haemony.mappings.seen import SeenColumn, SeenDelivery, SeenTable
from haemony.mappings.suggestion import Suggester
from haemony.ontology.concept import Concept
from haemony.ontology.vocabulary import Vocabulary

AUTOMATIC, UNKNOWN = "semapv:LexicalMatching", "semapv:UnspecifiedMatching"
SLOTS = tuple(
    "subject_id subject_label subject_type subject_source predicate_id object_id object_label mapping_justification "
    "reviewer_id mapping_tool mapping_date comment".split()
)


@dataclass(frozen=True)
class Draft:
    """The three files of a drafted partner, by name; and how many columns got which use, or wait for a decision."""

    files: Mapping[str, str]
    uses: Mapping[str, int]


def draft_partner(name: str, title: str, seen: SeenDelivery, vocabulary: Vocabulary, today: str) -> Draft:
    """Draft the three files of a partner."""
    suggester = Suggester(vocabulary)
    index = _index(seen.tables[0])
    rows = {table.spec.name: rows_of(table, table is seen.tables[0], index, suggester) for table in seen.tables}
    uses: Counter[str] = Counter()
    for row in (row for table in rows.values() for _, row in table):
        uses["to decide" if row.note.startswith(TO_DECIDE) else row.use] += 1
    files = {
        LAYOUT: _layout(name, title, seen, index),
        DICTIONARY: _dictionary(rows, index),
        CONCEPTS: _concepts(name, rows, today),
    }
    return Draft(files, dict(uses))


def _index(roster: SeenTable) -> str:
    """Return the column of the roster that holds the date of diagnosis; empty where there is none for certain."""
    found = [c.name for c in roster.columns if _to_the_day(c) and said(c, "diagnosis date")]
    return found[0] if len(found) == 1 else ""


def _to_the_day(column: SeenColumn) -> bool:
    return bool(column.dates.pattern) and date_patterns(column.dates.pattern)[0].precision == "day"


def _layout(name: str, title: str, seen: SeenDelivery, index: str) -> str:
    roster = seen.tables[0]
    common = _common([table.spec for table in seen.tables])
    day0 = f"date: {_text(f'{roster.spec.name}.{index}')}" if index else "relative: true"
    lines = [
        "# Drafted by `haemony init`: every line is a suggestion, for a person to correct. See docs/mapping.md.",
        f"partner: {name}",
        f"title: {_text(title)}",
        'contact: ""  # who answers questions',
        'licence: ""  # under which the data may be used',
        f"read: {_options(common)}",
        *_roster_lines(roster),
        *([] if index else ["# No date of diagnosis was recognised: times are taken as numbers since then."]),
        f"index: {{event: diagnosis, {day0}}}",
        "tables:",
    ]
    for table in seen.tables:
        lines += _table_lines(table, table is roster, common)
    if seen.left_out:
        lines += ["# Left out:", *(f"#   {_line(file)}: {_line(why)}" for file, why in seen.left_out.items())]
    if seen.dictionaries:
        lines += [f"# Labels are from {', '.join(map(_line, seen.dictionaries))}."]
    return "\n".join(lines) + "\n"


def _roster_lines(roster: SeenTable) -> list[str]:
    more = roster.rows - roster.keys
    often = f"# {roster.key} does not stand once in every row: a key that stands twice makes no patient."
    return [f"patients: {roster.spec.name}", *([_line(often)] if more > 0 else [])]


def _options(options: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{key}: {_text(value)}" for key, value in options.items()) + "}"


def _text(value: object) -> str:
    """Return a text, number or list as YAML takes it; plain words stand without quotes."""
    if isinstance(value, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_.-]*", value):
        return value
    if isinstance(value, dict):
        return _options(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(json.dumps(v, ensure_ascii=False) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _line(text: str) -> str:
    return " ".join(text.split())


def _read(spec: TableSpec) -> dict[str, object]:
    return {
        "encoding": spec.encoding,
        "separator": spec.separator,
        "decimal": spec.decimal,
        "thousands": spec.thousands,
        "quote": spec.quote,
        "missing": spec.missing,
    }


def _common(specs: Sequence[TableSpec]) -> dict[str, object]:
    """Return what most tables share."""
    found: dict[str, object] = {}
    for key in ("encoding", "separator", "decimal", "missing"):
        found[key] = Counter(_read(spec)[key] for spec in specs).most_common(1)[0][0]
    # what one table says alone must not leave the others with a mark that is both
    if found["separator"] == found["decimal"]:
        found["decimal"] = "."
    return found


def _table_lines(table: SeenTable, roster: bool, common: Mapping[str, object]) -> list[str]:
    spec = table.spec
    defaults = {**_read(TableSpec("", "", spec.patient)), **common}
    options: dict[str, object] = {"file": spec.file}
    parts = (("member", spec.member), ("sheet", spec.sheet), ("object", spec.object))
    options |= {key: value for key, value in parts if value}
    options |= {"header_row": str(spec.header_row)} if spec.header_row > 1 else {}
    options |= {key: value for key, value in _read(spec).items() if value != defaults[key]}
    options["patient"] = table.key
    if table.through:
        options["patient"] = {"column": table.key, "through": ".".join(table.through)}
    if roster:
        options["at"] = "index"
    dates = [column.name for column in table.columns if column.dates.pattern and not said(column, "birth")]
    hint = [f"    # `at` may be one of its dates: {_line(', '.join(dates))}"] if dates and not roster else []
    return [f"  {spec.name}:", *hint, *(f"    {key}: {_text(value)}" for key, value in options.items())]


def _dictionary(rows: Mapping[str, Sequence[tuple[SeenColumn, Row]]], index: str) -> str:
    lines: list[Sequence[str]] = [COLUMNS]
    for table, columns in rows.items():
        for seen, row in columns:
            cells = {"table": table, "variable": _variable(seen.name), "label": _line(seen.label), "use": row.use}
            cells |= {"record": row.record, "field": row.field, "unit": row.unit, "format": row.format}
            lines.append([{**cells, "note": _line(row.note)}.get(name, "") for name in COLUMNS])
    return _tsv(lines)


def _variable(name: str) -> str:
    """Return what names a column in the dictionary, where a cell holds no line break: `*` stands for it."""
    return re.sub(r"[\r\n]+", "*", name)


def _concepts(partner: str, rows: Mapping[str, Sequence[tuple[SeenColumn, Row]]], today: str) -> str:
    lines: list[Sequence[str]] = [SLOTS]
    for table, columns in rows.items():
        for seen, row in columns:
            subject = subject_id(partner, table, _variable(seen.name))
            shared = {"mapping_tool": "haemony init", "mapping_date": today}
            if row.of_column:
                predicate, concept = row.of_column
                cells = {"subject_id": subject, "subject_label": _line(seen.name), **_object(predicate, concept)}
                lines.append([{**shared, **cells}.get(slot, "") for slot in SLOTS])
            for text, (predicate, meant) in _each_once(row.of_texts or {}).items():
                label = seen.codes.get(text, "")
                cells = {"subject_label": text, "subject_type": "rdfs literal", "subject_source": subject}
                cells |= _object(predicate, meant, label or text) | ({"comment": _line(label)} if label else {})
                lines.append([{**shared, **cells}.get(slot, "") for slot in SLOTS])
    return _tsv(lines)


def _each_once(texts: Mapping[str, tuple[str, Concept | None]]) -> Mapping[str, tuple[str, Concept | None]]:
    """Return texts in the form in which cells are compared, each once."""
    found: dict[str, tuple[str, Concept | None]] = {}
    for text, meant in texts.items():
        found.setdefault(canonical(text), meant)
    return found


def _object(predicate: str, concept: Concept | None, words: str = "") -> dict[str, str]:
    if concept is None:
        return {"predicate_id": predicate, "object_label": words, "mapping_justification": UNKNOWN}
    about = {"object_id": concept.curie, "object_label": concept.name}
    return {"predicate_id": predicate, **about, "mapping_justification": AUTOMATIC}


def _tsv(lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(lines)
    return text.getvalue()
