"""Look at a delivery before anybody mapped it: which of its files are tables, how they are written, who is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from haemony.engine.errors import DeliveryError, Problem
from haemony.engine.on_duckdb import DuckDBSession
from haemony.engine.sql import named
from haemony.graph_loader.archives import UnreadableError, is_archive
from haemony.graph_loader.data_dictionary import PAGES, Dictionary, read_dictionary_file, read_dictionary_table
from haemony.graph_loader.formats import contents, format_of, named_faults, peek
from haemony.graph_loader.profile import load, profile
from haemony.graph_loader.sniff import sniff
from haemony.mappings.header_words import meanings, without_accents
from haemony.mappings.model import PatientKey, TableSpec
from haemony.mappings.seen import SeenColumn, SeenDelivery, SeenTable
from haemony.ontology.vocabulary import Vocabulary

#: Files that are no deliveries, by the end of their name.
NO_DATA: Final = (".md", ".pdf", ".docx", ".doc", ".json", ".yaml", ".yml", ".png", ".jpg", ".svg", ".py", ".r", ".sql")
#: Share of a table's patients whom the roster knows, and of a roster's rows that are a patient each.
KNOWN: Final = 0.5
SINGLE: Final = 0.9
#: Rows that may stand above the header of a sheet.
ABOVE: Final = 10


def look(
    session: DuckDBSession, folder: Path, vocabulary: Vocabulary, *, dictionaries: Sequence[Path] = (), key: str = ""
) -> SeenDelivery:
    """Look at every file of a folder (or at one file): its tables, their columns, and the patients they share.

    `dictionaries` are further data dictionaries; `key` is the column that names the patients, where it is known.
    Raises ``DeliveryError`` where no table names patients.
    """
    root = folder if folder.is_dir() else folder.parent
    left_out: dict[str, str] = {}
    said: dict[str, Dictionary] = {path.name: read_dictionary_file(path) for path in dictionaries}
    specs: list[tuple[Path, TableSpec]] = []
    for path in _files(folder):
        if path.resolve() in {d.resolve() for d in dictionaries}:
            continue
        name = path.relative_to(root).as_posix()
        try:
            with named_faults(TableSpec(path.name, name, PatientKey(""))):
                if path.suffix.lower() in PAGES:
                    said[name] = read_dictionary_file(path)
                    continue
                for spec in _specs(path, name):
                    if found := {} if is_archive(path) else read_dictionary_table(path, spec):
                        said[name] = found
                    else:
                        specs.append((path, spec))
        except DeliveryError as error:
            left_out[name] = _why(error)
    tables = _alike(list(_tables(session, specs, vocabulary, left_out)))
    tables = _labelled(tables, said)
    linked = _linked(session, tables, left_out, key)
    return SeenDelivery(tuple(linked), left_out, tuple(name for name, found in said.items() if found))


def _why(error: DeliveryError) -> str:
    problem = error.problems[0]
    row = f"row {problem.row}: " if problem.row else ""
    return f"{row}{problem.message} {problem.advice}".strip()


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "__", "~$")) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.suffix.lower() not in NO_DATA:
            yield path


def _specs(path: Path, name: str) -> Iterator[TableSpec]:
    """Yield the tables that a file may hold: sheets of a workbook, objects of an R file, members of an archive."""
    plain = TableSpec(path.stem, name, PatientKey(""))
    kind = "" if is_archive(path) else format_of(path, plain)
    parts = contents(path)
    if path.suffix.lower() == ".zip":
        plain_parts = [replace(plain, member=part) for part in parts]
    elif kind in ("xlsx", "xls"):
        plain_parts = [replace(plain, sheet=part) for part in parts]
    elif kind == "rdata":
        plain_parts = [replace(plain, object=part) for part in parts]
    else:
        plain_parts = [plain]
    for spec in plain_parts:
        if format_of(path, spec) == "csv":
            found = sniff(path, spec.member)
            if found is None:
                raise UnreadableError("it looks like no table of several columns.", "Look at it.")
            yield replace(found, file=name)
        else:
            yield from _headed(
                path, replace(spec, name=f"{path.stem}_{_part(spec)}" if len(parts) > 1 else spec.name), name
            )


def _part(spec: TableSpec) -> str:
    return spec.sheet or spec.object or Path(spec.member).stem


def _headed(path: Path, spec: TableSpec, name: str) -> Iterator[TableSpec]:
    """Find the row of a sheet in which the names of its columns stand; an empty sheet is no table."""
    if format_of(path, spec) not in ("xlsx", "xls"):
        yield spec
        return
    fault: DeliveryError | None = None
    for row in range(1, ABOVE + 1):
        tried = replace(spec, header_row=row)
        try:
            shown = peek(path, tried, 20)
        except DeliveryError as error:
            fault = fault or error
            continue
        if not shown.columns and not shown.rows:
            return
        if len(shown.columns) > 1 and all(shown.columns):
            yield tried
            return
    if fault:
        raise fault


def _tables(
    session: DuckDBSession, specs: Iterable[tuple[Path, TableSpec]], vocabulary: Vocabulary, left_out: dict[str, str]
) -> Iterator[SeenTable]:
    readers: dict[str, Mapping[str, object]] = {
        "sex": vocabulary.codes("Gender", "Patient"),
        "gene": vocabulary.codes("HGNC", "Mutation"),
        "unit": vocabulary.unit_codes(),
    }
    names: set[str] = set()
    for path, spec in specs:
        name = _table_name(spec.name, names)
        try:
            columns, rows = load(session, path, replace(spec, name=f"look_{name}"))
            if fault := _fault(columns, rows):
                left_out[spec.file] = fault
                continue
            text = format_of(path, spec) == "csv"
            seen = profile(session, f"look_{name}", spec, columns, rows, readers, text=text)
        except DeliveryError as error:
            left_out[spec.file] = _why(error)
            continue
        names.add(name)
        shown = peek(path, spec, 0)
        labelled = [
            replace(c, label=shown.labels.get(c.name, ""), codes=shown.value_labels.get(c.name, {}))
            for c in seen.columns
        ]
        yield replace(seen, spec=replace(seen.spec, name=name), columns=tuple(labelled))


def _alike(tables: Sequence[SeenTable]) -> list[SeenTable]:
    """Write the files that show no mark or encoding of their own like the others."""
    text = [t.spec for t in tables if t.spec.decimal]
    decimal = Counter(spec.decimal for spec in text).most_common(1)
    encoding = Counter(t.spec.encoding for t in tables if t.spec.encoding != "ascii").most_common(1)
    done = []
    for table in tables:
        spec = table.spec
        if not spec.decimal:
            mark = decimal[0][0] if decimal else "."
            spec = replace(spec, decimal="." if mark == spec.separator else mark)
        if spec.encoding == "ascii":
            one_byte = encoding and encoding[0][0] in ("latin-1", "cp1252")
            spec = replace(spec, encoding=encoding[0][0] if one_byte else "utf-8")
        done.append(replace(table, spec=spec))
    return done


def _fault(columns: Sequence[str], rows: int) -> str:
    folded = [column.casefold() for column in columns]
    if "" in columns:
        return f"column {columns.index('') + 1} has no name: give it one."
    if len(set(folded)) < len(folded):
        return "two columns have one name: rename one."
    return "" if rows else "it has no rows."


def _table_name(text: str, taken: Iterable[str]) -> str:
    """Return a name for a table: letters, digits and `_`, not yet taken."""
    name = re.sub("[^A-Za-z0-9_-]+", "_", without_accents(text)).strip("_-") or "table"
    name = name if name[0].isalpha() else f"t_{name}"
    folded, number = {other.casefold() for other in taken}, 1
    unique = name
    while unique.casefold() in folded:
        number += 1
        unique = f"{name}_{number}"
    return unique


def _labelled(tables: Sequence[SeenTable], said: Mapping[str, Dictionary]) -> list[SeenTable]:
    """Give columns the labels of the dictionaries: of one named like the file first, else of one that knows most."""
    done = []
    for table in tables:
        stem = Path(table.spec.file).stem.casefold()
        names = {column.name.casefold() for column in table.columns}
        ranked = sorted(
            said.items(),
            key=lambda item: (Path(item[0]).stem.casefold() != stem, -len(names & {n.casefold() for n in item[1]})),
        )
        columns = list(table.columns)
        for _, words in ranked:
            known = {name.casefold(): entry for name, entry in words.items()}
            if len(names & known.keys()) * 4 < len(names) and len(names & known.keys()) < 3:
                continue
            columns = [
                replace(
                    c, label=c.label or known[c.name.casefold()].label, codes=c.codes or known[c.name.casefold()].codes
                )
                if c.name.casefold() in known
                else c
                for c in columns
            ]
        done.append(replace(table, columns=tuple(columns)))
    return done


# --- who is in them --------------------------------------------------------------------------------------------------


def _linked(session: DuckDBSession, tables: Sequence[SeenTable], left_out: dict[str, str], key: str) -> list[SeenTable]:
    """Find the roster (one row per patient), and the column of every other table that names its patients."""
    best: tuple[tuple[float, ...], list[SeenTable]] | None = None
    for table in tables:
        for column in _keys(table, key, tables)[:3]:
            others = [(t, _key_of(session, table, column.name, t, key)) for t in tables if t is not table]
            linked = [replace(table, key=column.name, keys=column.distinct)]
            linked += [replace(t, key=found) for t, found in others if found]
            worth = (
                column.distinct >= SINGLE * table.rows,
                len(linked),
                "key" in meanings(column.name),
                bool(_person(table)),
                len(table.columns),
                -table.columns.index(column),
            )
            if best is None or worth > best[0]:
                best = worth, linked
    if best is None:
        advice = "Say it with --key COLUMN."
        message = "no column was recognised that names the patients."
        raise DeliveryError(
            [Problem(f, None, "", f"left out: {why}") for f, why in left_out.items()]
            + [Problem("", None, "", message, advice)]
        )
    return _through(
        session, best[1], [t for t in tables if t.spec.name not in {x.spec.name for x in best[1]}], left_out
    )


def _through(
    session: DuckDBSession, linked: Sequence[SeenTable], others: Iterable[SeenTable], left_out: dict[str, str]
) -> list[SeenTable]:
    """Link tables that name samples by the table that says whose they are; leave out the rest."""
    done = list(linked)
    for table in others:
        for number, sheet in enumerate(done):
            column = next((c.name for c in sheet.columns if _names_samples(sheet, c)), "")
            found = _key_of(session, sheet, column, table, "") if column and not sheet.through else ""
            if found:
                done[number] = replace(sheet, links=tuple(dict.fromkeys((*sheet.links, column))))
                done.append(replace(table, key=found, through=(sheet.spec.name, column)))
                break
        else:
            part = f" ({_part(table.spec)})" if _part(table.spec) else ""
            why = "no column names patients of the roster: say how, as `patient` of a table."
            left_out[table.spec.file + part] = why
    return done


def _names_samples(table: SeenTable, column: SeenColumn) -> bool:
    return column.name != table.key and "key" in meanings(column.name) and column.distinct >= SINGLE * column.filled > 0


def _person(table: SeenTable) -> set[str]:
    return {m for column in table.columns for m in meanings(column.name)} & {"sex", "age", "birth", "diagnosis date"}


def _keys(table: SeenTable, key: str, tables: Sequence[SeenTable]) -> list[SeenColumn]:
    """Return the columns of a table that may name patients, the likeliest first."""
    if key:
        return [column for column in table.columns if column.name == key]
    shared = {c.name.casefold() for t in tables if t is not table for c in t.columns}

    def rank(column: SeenColumn) -> tuple[bool, ...]:
        said = meanings(column.name)
        single = column.distinct >= SINGLE * table.rows
        return ("key" in said, single, column.name.casefold() in shared, "rows" not in said)

    fitting = [
        c for c in table.columns if _may_name(c) and (c.distinct >= SINGLE * c.filled or "key" in meanings(c.name))
    ]
    return sorted(fitting, key=rank, reverse=True)


def _may_name(column: SeenColumn) -> bool:
    """Tell whether a column's texts may name somebody: no fractions, no dates, no sentences."""
    fraction = column.kind == "number" and not column.whole
    plain = column.kind in ("number", "text") and not fraction and column.longest <= 64
    return plain and column.filled > 0 and not column.reads & {"sex", "gene", "unit"}


def _key_of(session: DuckDBSession, roster: SeenTable, key: str, table: SeenTable, said: str) -> str:
    """Return the column of a table whose texts are the roster's keys; empty where there is none.

    Whole numbers are the same in many columns, so there the header has to say that it is a key.
    """
    own = roster.column(key)
    names = [said, key]
    found: list[tuple[tuple[float, ...], str]] = []
    for column in table.columns:
        same = column.name.casefold() in {name.casefold() for name in names if name}
        if not _may_name(column) or (own.kind == "number" and not same and "key" not in meanings(column.name)):
            continue
        share = _known(session, _view(roster), key, _view(table), column.name)
        if share >= KNOWN:
            found.append(((same, "key" in meanings(column.name), share, column.distinct), column.name))
    return max(found)[1] if found else ""


def _known(session: DuckDBSession, roster: str, key: str, view: str, column: str) -> float:
    """Return the share of a column's texts that are keys of the roster."""
    keys = f"SELECT {named(key)} FROM {named(roster)}"
    texts = f"SELECT DISTINCT {named(column)} AS v FROM {named(view)} WHERE {named(column)} IS NOT NULL"
    found = session.connection.con.execute(f"SELECT avg((v IN ({keys}))::INT) FROM ({texts})").fetchone()
    return float(found[0]) if found and found[0] is not None else 0.0


def _view(table: SeenTable) -> str:
    """Return the name of a loaded table in the session."""
    return f"look_{table.spec.name}"
