"""Decide for each column of a delivery what a draft says of it: what is certain, dropped, or waits for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from haemony.mappings.header_words import IDENTIFYING, meanings, words
from haemony.mappings.model import CONCEPTS, TO_DECIDE, Use
from haemony.mappings.seen import SeenColumn, SeenTable
from haemony.mappings.suggestion import CLOCK, EVENT, OF_FLAGS, OF_NUMBERS, SEXES, Flags, Suggester, flags_of, listed
from haemony.ontology.concept import Concept
from haemony.ontology.units import canonical_unit

#: Words and signs from which a text counts as free text.
WORDY, LONG = 4.0, 80
#: Rows from which texts that all differ point to persons.
MANY = 20
#: Oldest age that is one.
OLDEST = 120


@dataclass(frozen=True)
class Row:
    """One line of the dictionary to be, and the rows of concepts that belong to it."""

    use: Use
    note: str = ""
    record: str = ""
    field: str = ""
    unit: str = ""
    format: str = ""
    of_column: tuple[str, Concept] | None = None
    of_texts: Mapping[str, tuple[str, Concept | None]] | None = None


def said(column: SeenColumn, meaning: str) -> bool:
    """Tell whether a header has a meaning."""
    return meaning in meanings(column.name)


# --- columns ---------------------------------------------------------------------------------------------------------


def rows_of(table: SeenTable, roster: bool, index: str, suggester: Suggester) -> list[tuple[SeenColumn, Row]]:
    """Return a row of the dictionary for each column of a table; `index` is the roster's date of day 0, if any."""
    ages = [c for c in table.columns if _is_age(c)]
    age = min(ages, key=lambda c: "diag" not in f"{c.name} {c.label}".lower()).name if ages and roster else ""
    found: list[tuple[SeenColumn, Row]] = []
    flags = list(dict.fromkeys(f for column in table.columns if (f := flags_of(column))))
    for column in table.columns:
        row = _certain(table, column, roster, index, age) or _suggested(column, suggester, flags)
        found.append((column, row))
    return _together(found, suggester)


def _is_age(column: SeenColumn) -> bool:
    plausible = column.high is None or (column.low is not None and 0 <= column.low and column.high <= OLDEST)
    return said(column, "age") and column.kind == "number" and plausible


def _certain(table: SeenTable, column: SeenColumn, roster: bool, index: str, age: str) -> Row | None:
    """Return the row of a column whose use needs no decision."""
    means = meanings(column.name)
    if column.name == table.key or column.name in table.links:
        return Row("key")
    if roster and column.name == index:
        return Row("context", "day 0", format=column.dates.pattern)
    if why := next((why for meaning, why in IDENTIFYING.items() if meaning in means), ""):
        return _identifying(column, means, why)
    if column.kind == "empty":
        return Row("ignore", "empty in this delivery")
    if "rows" in means and column.whole:
        return Row("ignore", "the number of the row")
    if roster and column.name == age:
        return Row("map", "suggested by its header: check that it is the age at day 0", "Patient", "age", "a")
    if roster and "sex" in means and "sex" in column.reads:
        return Row("map", "suggested by its header and texts", "Patient", "sex", format="Gender")
    if why := _personal(column, means):
        return Row("drop", why)
    return None


def _identifying(column: SeenColumn, said: frozenset[str], why: str) -> Row:
    if "birth" not in said:
        return Row("drop", why)
    pattern = column.dates.pattern or ("yyyy" if column.whole and column.longest == 4 else "")
    how = "say map instead of drop to have the age at day 0 (its text is not kept); that needs a date of diagnosis"
    return Row("drop", f"{why}; {how}", "Patient", "age", format=pattern)


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


def _suggested(column: SeenColumn, suggester: Suggester, siblings: Sequence[Flags]) -> Row:
    """Return a row that waits for a decision, with what the column may be; `siblings` are the flags of its table."""
    if column.kind == "date":
        return Row("ignore", f"{TO_DECIDE}: {column.dates.doubt or 'a date'}", format=column.dates.pattern)
    if "sex" in meanings(column.name) and (row := _sex(column, suggester)):
        return row
    if flags := flags_of(column) or _like_siblings(column, siblings):
        return _flag(column, flags, suggester)
    if column.reads & {"iscn"} or said(column, "karyotype"):
        return Row("ignore", f"{TO_DECIDE}: karyotypes in ISCN", "Karyotype", "iscn")
    if "hgvs" in column.reads:
        field = "hgvs_p" if re.search("prot|aa|hgvsp|p_", column.name.lower()) else "hgvs_c"
        return Row("ignore", f"{TO_DECIDE}: changes in HGVS", "Mutation#m", field)
    if "gene" in column.reads:
        return Row("ignore", f"{TO_DECIDE}: symbols of genes", "Mutation#m", "concept", format="HGNC")
    if column.kind == "number" and not column.codes:
        return _number(column, suggester)
    return _texts(column, suggester)


def _like_siblings(column: SeenColumn, siblings: Sequence[Flags]) -> Flags | None:
    """Return flags of another column that hold all shared texts of this one: of a rare finding, few rows say yes."""
    texts = set(column.shared) if column.rare < 3 and not column.codes else set()
    return next((f for f in siblings if texts and texts <= {f.true, f.false, f.third}), None)


def _sex(column: SeenColumn, suggester: Suggester) -> Row | None:
    known = suggester.vocabulary.codes("Gender", "Patient")
    plain = {text: " ".join(words(column.codes.get(text, text))) for text in listed(column)}
    pair = SEXES.get(frozenset(plain.values()), {})
    texts = {t: pair.get(p) or known.get(column.codes.get(t, t)) or known.get(p) for t, p in plain.items()}
    if not any(texts.values()):
        return None
    note = f"{TO_DECIDE}: the sex; review what its texts mean in {CONCEPTS}, then say map"
    meant = {t: ("skos:exactMatch", suggester.vocabulary[i] if i else None) for t, i in texts.items()}
    return Row("ignore", note, "Patient", "sex", of_texts=meant)


def _flag(column: SeenColumn, flags: Flags, suggester: Suggester) -> Row:
    concept = suggester.of_column(column, OF_FLAGS)
    # texts of few rows may be further answers, which no flag reads
    more = f"; {_counted(column.rare, 'text')} of few rows not looked at" if column.rare else ""
    if concept is None:
        return Row("ignore", f"{TO_DECIDE}: yes or no{more}", format=flags.format)
    note = f"{TO_DECIDE}: yes or no, looks like {_named(concept)}{more}"
    return Row(
        "ignore", note, concept.record_class, "present", format=flags.format, of_column=("skos:exactMatch", concept)
    )


def _number(column: SeenColumn, suggester: Suggester) -> Row:
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
        return Row("ignore", note, unit=unit)
    field = "days" if concept.record_class == "Outcome" else "value"
    return Row("ignore", note, concept.record_class, field, unit, of_column=("skos:exactMatch", concept))


def _texts(column: SeenColumn, suggester: Suggester) -> Row:
    texts = listed(column)
    rare = f"; {_counted(column.rare, 'more text')}, of few rows each, not listed" if column.rare else ""
    if "unit" in column.reads and texts:
        return Row("ignore", f"{TO_DECIDE}: units{rare}")
    if not texts:
        many = _counted(column.distinct, "different text") if column.kind == "text" else "a number"
        return Row("ignore", f"{TO_DECIDE}: {many}")
    record, found = suggester.of_texts(column)
    looks = f", looks like {record}" if record else ""
    note = f"{TO_DECIDE}: {_counted(len(texts), 'text')}{looks}{rare}; say what they mean in {CONCEPTS}"
    meant = {text: ("skos:exactMatch", found.get(text)) for text in texts}
    return Row("ignore", note, record, "concept" if record else "", of_texts=meant)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def _named(concept: Concept) -> str:
    return f"{concept.curie} {concept.name}"


# --- columns that belong together ------------------------------------------------------------------------------------


def _together(rows: list[tuple[SeenColumn, Row]], suggester: Suggester) -> list[tuple[SeenColumn, Row]]:
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


def _event(name: str, row: Row, found: Mapping[str, Row], columns: Mapping[str, SeenColumn]) -> dict[str, Row]:
    base = CLOCK.sub("", "".join(words(name))) or "".join(words(name))
    bases = {base, "".join(words(name))}
    for other, column in columns.items():
        plain = "".join(words(other))
        flags = flags_of(column)
        if flags and EVENT.search(plain) and EVENT.sub("", plain) in bases and other != name:
            tag = f"Outcome#{base}"
            note = f"{TO_DECIDE}: whether the event of {name} was seen"
            return {name: replace(row, record=tag), other: Row("ignore", note, tag, "event", format=flags.format)}
    return {}


def _unit_column(
    name: str, found: Mapping[str, Row], columns: Mapping[str, SeenColumn], suggester: Suggester
) -> dict[str, Row]:
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
            unit = Row("ignore", note, tag, f"{row.field}.unit", of_texts=texts)
            spoken = re.sub(r"; its unit must be said.*", f"; its unit is in {name}", row.note)
            return {other: replace(row, record=tag, note=spoken), name: unit}
    return {name: replace(found[name], of_texts=texts)}


def _unit_concept(text: str, suggester: Suggester) -> Concept | None:
    concept = suggester.vocabulary.unit_concept(suggester.unit(text))
    return None if concept is None else suggester.vocabulary[concept]


def _long_form(found: Mapping[str, Row], columns: Mapping[str, SeenColumn]) -> dict[str, Row]:
    """Recognise a table of tests: one column names the test, one holds the result, perhaps one the unit."""
    tests = [n for n, row in found.items() if row.record == "Measurement" and row.field == "concept"]
    results = [n for n in columns if columns[n].kind == "number" and "result" in meanings(n)]
    if len(tests) != 1 or len(results) != 1:
        return {}
    tag = "Measurement#test"
    done = {
        tests[0]: replace(found[tests[0]], record=tag),
        results[0]: Row("ignore", f"{TO_DECIDE}: the result of {tests[0]}", tag, "value"),
    }
    units = [n for n in columns if "unit" in columns[n].reads and "unit" in meanings(n)]
    if len(units) == 1:
        note = f"{TO_DECIDE}: the unit of {results[0]}"
        done[units[0]] = replace(found[units[0]], record=tag, field="value.unit", note=note)
    return done
