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
from dataclasses import dataclass, replace

from haemony.mappings.curie import canonical, subject_id
from haemony.mappings.dictionary import COLUMNS
from haemony.mappings.header_words import IDENTIFYING, meanings, words
from haemony.mappings.model import CONCEPTS, DICTIONARY, LAYOUT, TO_DECIDE, TableSpec, Use
from haemony.mappings.seen import SeenColumn, SeenDelivery, SeenTable
from haemony.mappings.suggestion import CLOCK, EVENT, OF_FLAGS, OF_NUMBERS, SEXES, Flags, Suggester, flags_of, listed
from haemony.ontology.concept import Concept
from haemony.ontology.units import canonical_unit
from haemony.ontology.vocabulary import Vocabulary

AUTOMATIC, UNKNOWN = "semapv:LexicalMatching", "semapv:UnspecifiedMatching"
SLOTS = tuple(
    "subject_id subject_label subject_type subject_source predicate_id object_id object_label mapping_justification "
    "reviewer_id mapping_tool mapping_date comment".split()
)
#: Words and signs from which a text counts as free text.
WORDY, LONG = 4.0, 80
#: Rows from which texts that all differ point to persons.
MANY = 20
#: Oldest age that is one.
OLDEST = 120


@dataclass(frozen=True)
class Draft:
    """The three files of a drafted partner, by name; and how many columns got which use, or wait for a decision."""

    files: Mapping[str, str]
    uses: Mapping[str, int]


@dataclass(frozen=True)
class _Row:
    """One line of the dictionary to be, and the rows of concepts that belong to it."""

    use: Use
    note: str = ""
    record: str = ""
    field: str = ""
    unit: str = ""
    format: str = ""
    of_column: tuple[str, Concept] | None = None
    of_texts: Mapping[str, tuple[str, Concept | None]] | None = None


def draft_partner(name: str, title: str, seen: SeenDelivery, vocabulary: Vocabulary, today: str) -> Draft:
    """Draft the three files of a partner."""
    suggester = Suggester(vocabulary)
    index = _index(seen.tables[0])
    rows = {table.spec.name: _rows(table, table is seen.tables[0], index, suggester) for table in seen.tables}
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
    found = [
        c.name for c in roster.columns if c.dates.pattern and "d" in c.dates.pattern and _said(c, "diagnosis date")
    ]
    return found[0] if len(found) == 1 else ""


def _said(column: SeenColumn, meaning: str) -> bool:
    return meaning in meanings(column.name)


# --- columns ---------------------------------------------------------------------------------------------------------


def _rows(table: SeenTable, roster: bool, index: str, suggester: Suggester) -> list[tuple[SeenColumn, _Row]]:
    ages = [c for c in table.columns if _is_age(c)]
    age = min(ages, key=lambda c: "diag" not in f"{c.name} {c.label}".lower()).name if ages and roster else ""
    found: list[tuple[SeenColumn, _Row]] = []
    flags = list(dict.fromkeys(f for column in table.columns if (f := flags_of(column))))
    for column in table.columns:
        row = _certain(table, column, roster, index, age) or _suggested(column, suggester, flags)
        found.append((column, row))
    return _together(found, suggester)


def _is_age(column: SeenColumn) -> bool:
    plausible = column.high is None or (column.low is not None and 0 <= column.low and column.high <= OLDEST)
    return _said(column, "age") and column.kind == "number" and plausible


def _certain(table: SeenTable, column: SeenColumn, roster: bool, index: str, age: str) -> _Row | None:
    """Return the row of a column whose use needs no decision."""
    said = meanings(column.name)
    if column.name == table.key or column.name in table.links:
        return _Row("key")
    if roster and column.name == index:
        return _Row("context", "day 0", format=column.dates.pattern)
    if why := next((why for meaning, why in IDENTIFYING.items() if meaning in said), ""):
        return _identifying(column, said, why)
    if column.kind == "empty":
        return _Row("ignore", "empty in this delivery")
    if "rows" in said and column.whole:
        return _Row("ignore", "the number of the row")
    if roster and column.name == age:
        return _Row("map", "suggested by its header: check that it is the age at day 0", "Patient", "age", "a")
    if roster and "sex" in said and "sex" in column.reads:
        return _Row("map", "suggested by its header and texts", "Patient", "sex", format="Gender")
    if why := _personal(column, said):
        return _Row("drop", why)
    return None


def _identifying(column: SeenColumn, said: frozenset[str], why: str) -> _Row:
    if "birth" not in said:
        return _Row("drop", why)
    pattern = column.dates.pattern or ("yyyy" if column.whole and column.longest == 4 else "")
    how = "say map instead of drop to have the age at day 0 (its text is not kept); that needs a date of diagnosis"
    return _Row("drop", f"{why}; {how}", "Patient", "age", format=pattern)


def _personal(column: SeenColumn, said: frozenset[str]) -> str:
    """Return why a column's texts may tell who the patient is; empty where they do not."""
    if column.kind == "date" or column.reads & {"iscn", "hgvs", "gene"} or "karyotype" in said:
        return ""
    every = column.filled >= MANY and column.distinct >= 0.95 * column.filled
    if "key" in said and (every or column.kind == "text") and column.distinct > MANY:
        return "another number of a person or sample: it may identify"
    if column.kind == "number":
        return ""
    if column.longest > LONG or (column.words >= WORDY and column.distinct > MANY):
        return "free text: it may name people"
    return "a text of its own in almost every row: it may identify a person" if every else ""


def _suggested(column: SeenColumn, suggester: Suggester, siblings: Sequence[Flags]) -> _Row:
    """Return a row that waits for a decision, with what the column may be; `siblings` are the flags of its table."""
    if column.kind == "date":
        return _Row("ignore", f"{TO_DECIDE}: {column.dates.doubt or 'a date'}", format=column.dates.pattern)
    if "sex" in meanings(column.name) and (row := _sex(column, suggester)):
        return row
    if flags := flags_of(column) or _like_siblings(column, siblings):
        return _flag(column, flags, suggester)
    if column.reads & {"iscn"} or _said(column, "karyotype"):
        return _Row("ignore", f"{TO_DECIDE}: karyotypes in ISCN", "Karyotype", "iscn")
    if "hgvs" in column.reads:
        field = "hgvs_p" if re.search("prot|aa|hgvsp|p_", column.name.lower()) else "hgvs_c"
        return _Row("ignore", f"{TO_DECIDE}: changes in HGVS", "Mutation#m", field)
    if "gene" in column.reads:
        return _Row("ignore", f"{TO_DECIDE}: symbols of genes", "Mutation#m", "concept", format="HGNC")
    if column.kind == "number" and not column.codes:
        return _number(column, suggester)
    return _texts(column, suggester)


def _like_siblings(column: SeenColumn, siblings: Sequence[Flags]) -> Flags | None:
    """Return flags of another column that hold all shared texts of this one: of a rare finding, few rows say yes."""
    texts = set(column.shared) if column.rare < 3 and not column.codes else set()
    return next((f for f in siblings if texts and texts <= {f.true, f.false, f.third}), None)


def _sex(column: SeenColumn, suggester: Suggester) -> _Row | None:
    known = suggester.vocabulary.codes("Gender", "Patient")
    plain = {text: " ".join(words(column.codes.get(text, text))) for text in listed(column)}
    pair = SEXES.get(frozenset(plain.values()), {})
    texts = {t: pair.get(p) or known.get(column.codes.get(t, t)) or known.get(p) for t, p in plain.items()}
    if not any(texts.values()):
        return None
    note = f"{TO_DECIDE}: the sex; review what its texts mean in {CONCEPTS}, then say map"
    meant = {t: ("skos:exactMatch", suggester.vocabulary[i] if i else None) for t, i in texts.items()}
    return _Row("ignore", note, "Patient", "sex", of_texts=meant)


def _flag(column: SeenColumn, flags: Flags, suggester: Suggester) -> _Row:
    concept = suggester.of_column(column, OF_FLAGS)
    # texts of few rows may be further answers, which no flag reads
    more = f"; {_counted(column.rare, 'text')} of few rows not looked at" if column.rare else ""
    if concept is None:
        return _Row("ignore", f"{TO_DECIDE}: yes or no{more}", format=flags.format)
    note = f"{TO_DECIDE}: yes or no, looks like {_named(concept)}{more}"
    return _Row(
        "ignore", note, concept.record_class, "present", format=flags.format, of_column=("skos:exactMatch", concept)
    )


def _number(column: SeenColumn, suggester: Suggester) -> _Row:
    concept = suggester.of_column(column, OF_NUMBERS)
    unit = suggester.unit_of(column)
    spread = f"mostly {column.low:g} to {column.high:g}" if column.low is not None and column.high is not None else ""
    about = [f"looks like {_named(concept)}"] if concept else ["a number"]
    about += [spread] if spread else []
    kept = canonical_unit(concept.id) if concept else ""
    unit = unit or ("1" if kept == "1" else "")
    about += [f"its unit must be said{f' (kept: {kept})' if kept else ''}"] if concept and not unit else []
    note = f"{TO_DECIDE}: {'; '.join(about)}"
    if concept is None:
        return _Row("ignore", note, unit=unit)
    field = "days" if concept.record_class == "Outcome" else "value"
    return _Row("ignore", note, concept.record_class, field, unit, of_column=("skos:exactMatch", concept))


def _texts(column: SeenColumn, suggester: Suggester) -> _Row:
    texts = listed(column)
    rare = f"; {_counted(column.rare, 'more text')}, of few rows each, not listed" if column.rare else ""
    if "unit" in column.reads and texts:
        return _Row("ignore", f"{TO_DECIDE}: units{rare}")
    if not texts:
        many = _counted(column.distinct, "different text") if column.kind == "text" else "a number"
        return _Row("ignore", f"{TO_DECIDE}: {many}")
    record, found = suggester.of_texts(column)
    looks = f", looks like {record}" if record else ""
    note = f"{TO_DECIDE}: {_counted(len(texts), 'text')}{looks}{rare}; say what they mean in {CONCEPTS}"
    meant = {text: ("skos:exactMatch", found.get(text)) for text in texts}
    return _Row("ignore", note, record, "concept" if record else "", of_texts=meant)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def _named(concept: Concept) -> str:
    return f"{concept.curie} {concept.name}"


# --- columns that belong together ------------------------------------------------------------------------------------


def _together(rows: list[tuple[SeenColumn, _Row]], suggester: Suggester) -> list[tuple[SeenColumn, _Row]]:
    """Give one tag to a time and its event, to a number and its unit, and to a test with its result."""
    found = {column.name: row for column, row in rows}
    columns = {column.name: column for column, _ in rows}
    for name, row in list(found.items()):
        if row.record == "Outcome":
            found |= _event(name, row, found, columns)
        if "unit" in columns[name].reads and row.note.startswith(TO_DECIDE):
            found |= _unit_column(name, found, columns, suggester)
    found |= _long_form(found, columns)
    return [(column, found[column.name]) for column, _ in rows]


def _event(name: str, row: _Row, found: Mapping[str, _Row], columns: Mapping[str, SeenColumn]) -> dict[str, _Row]:
    base = CLOCK.sub("", "".join(words(name))) or "".join(words(name))
    bases = {base, "".join(words(name))}
    for other, column in columns.items():
        plain = "".join(words(other))
        flags = flags_of(column)
        if flags and EVENT.search(plain) and EVENT.sub("", plain) in bases and other != name:
            tag = f"Outcome#{base}"
            note = f"{TO_DECIDE}: whether the event of {name} was seen"
            return {name: replace(row, record=tag), other: _Row("ignore", note, tag, "event", format=flags.format)}
    return {}


def _unit_column(
    name: str, found: Mapping[str, _Row], columns: Mapping[str, SeenColumn], suggester: Suggester
) -> dict[str, _Row]:
    """Join a column of units to the number whose header it continues: HB and HBU, Hb and Hb_Einheit."""
    texts = {t: ("haemony:mapsToUnit", _unit_concept(t, suggester)) for t in listed(columns[name])}
    plain = "".join(words(name))
    for other, row in found.items():
        number = "".join(words(other))
        rest = plain.removeprefix(number)
        if other != name and number and rest != plain and columns[other].kind == "number" and "unit" in meanings(rest):
            if row.record.partition("#")[0] not in ("Measurement", "Outcome"):
                continue
            tag = row.record if "#" in row.record else f"{row.record}#{number}"
            note = f"{TO_DECIDE}: the unit of {other}"
            unit = _Row("ignore", note, tag, f"{row.field}.unit", of_texts=texts)
            spoken = re.sub(r"; its unit must be said.*", f"; its unit is in {name}", row.note)
            return {other: replace(row, record=tag, note=spoken), name: unit}
    return {name: replace(found[name], of_texts=texts)}


def _unit_concept(text: str, suggester: Suggester) -> Concept | None:
    concept = suggester.vocabulary.unit_concept(suggester.unit(text))
    return None if concept is None else suggester.vocabulary[concept]


def _long_form(found: Mapping[str, _Row], columns: Mapping[str, SeenColumn]) -> dict[str, _Row]:
    """Recognise a table of tests: one column names the test, one holds the result, perhaps one the unit."""
    tests = [n for n, row in found.items() if row.record == "Measurement" and row.field == "concept"]
    results = [n for n in columns if columns[n].kind == "number" and "result" in meanings(n)]
    if len(tests) != 1 or len(results) != 1:
        return {}
    tag = "Measurement#test"
    done = {
        tests[0]: replace(found[tests[0]], record=tag),
        results[0]: _Row("ignore", f"{TO_DECIDE}: the result of {tests[0]}", tag, "value"),
    }
    units = [n for n in columns if "unit" in columns[n].reads and "unit" in meanings(n)]
    if len(units) == 1:
        note = f"{TO_DECIDE}: the unit of {results[0]}"
        done[units[0]] = replace(found[units[0]], record=tag, field="value.unit", note=note)
    return done


# --- the files -------------------------------------------------------------------------------------------------------


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
        found["separator"] = "," if found["separator"] == "," else found["separator"]
    return found


def _table_lines(table: SeenTable, roster: bool, common: Mapping[str, object]) -> list[str]:
    spec = table.spec
    defaults = _read(TableSpec("", "", spec.patient)) | common
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
    dates = [column.name for column in table.columns if column.dates.pattern and not _said(column, "birth")]
    hint = [f"    # `at` may be one of its dates: {_line(', '.join(dates))}"] if dates and not roster else []
    return [f"  {spec.name}:", *hint, *(f"    {key}: {_text(value)}" for key, value in options.items())]


def _dictionary(rows: Mapping[str, Sequence[tuple[SeenColumn, _Row]]], index: str) -> str:
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


def _concepts(partner: str, rows: Mapping[str, Sequence[tuple[SeenColumn, _Row]]], today: str) -> str:
    lines: list[Sequence[str]] = [SLOTS]
    for table, columns in rows.items():
        for seen, row in columns:
            subject = subject_id(partner, table, _variable(seen.name))
            shared = {"mapping_tool": "haemony init", "mapping_date": today}
            if row.of_column:
                predicate, concept = row.of_column
                cells = {"subject_id": subject, "subject_label": _line(seen.name), **_object(predicate, concept)}
                lines.append([{**shared, **cells}.get(slot, "") for slot in SLOTS])
            for text, (predicate, meant) in _each_once(row.of_texts or {}):
                label = seen.codes.get(text, "")
                cells = {"subject_label": text, "subject_type": "rdfs literal", "subject_source": subject}
                cells |= _object(predicate, meant, label or text) | ({"comment": _line(label)} if label else {})
                lines.append([{**shared, **cells}.get(slot, "") for slot in SLOTS])
    return _tsv(lines)


def _each_once(texts: Mapping[str, tuple[str, Concept | None]]) -> Iterable[tuple[str, tuple[str, Concept | None]]]:
    """Return texts in the form in which cells are compared, each once."""
    return {canonical(text): meant for text, meant in reversed(texts.items())}.items()


def _object(predicate: str, concept: Concept | None, words: str = "") -> dict[str, str]:
    if concept is None:
        return {"predicate_id": predicate, "object_label": words, "mapping_justification": UNKNOWN}
    about = {"object_id": concept.curie, "object_label": concept.name}
    return {"predicate_id": predicate, **about, "mapping_justification": AUTOMATIC}


def _tsv(lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(lines)
    return text.getvalue()
