"""Import a user's own download of the OMOP vocabularies (Athena) into Parquet, sorted by what it is looked up by.

DuckDB does it on every engine: a vocabulary stays on one machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from haemony.engine.errors import Problem, VocabularyError
from haemony.engine.sql import quoted
from haemony.ontology.athena import COLUMNS, MEMORY, type_of

ORDER: Final = {
    "CONCEPT": "concept_id",
    "CONCEPT_SYNONYM": "concept_id",
    "CONCEPT_RELATIONSHIP": "concept_id_1",
    "CONCEPT_ANCESTOR": "descendant_concept_id",
    "VOCABULARY": "vocabulary_id",
}
REQUIRED: Final = ("CONCEPT",)
#: The relationships that Haemony asks for; the others stay in the download.
RELATIONSHIPS: Final = ("Is a", "Maps to", "Maps to value", "Concept replaced by")
#: How downloads write dates: today's, database dumps', and spreadsheets'.
DATES: Final = ("%Y%m%d", "%Y-%m-%d", "%m/%d/%Y")
#: Broken rows that are listed before the list is cut.
LISTED: Final = 100


def import_athena(source: Path, target: Path) -> dict[str, int]:
    """Read a download of Athena (a folder, or its .zip) into Parquet; return the rows kept of each table.

    Tab-separated without quotes, as Athena delivers, or comma-separated with them. Concepts that are no longer valid
    are kept; relationships that are not valid, or of other kinds than ``RELATIONSHIPS``, are left. The former import
    stays until the new one is complete. Raises ``VocabularyError`` with every fault of every file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with _unpacked(source, draft) as folder, _connect(draft / "spill") as connection:
            rows = _write_tables(connection, folder, draft)
        shutil.rmtree(draft / "spill", ignore_errors=True)
        _replace(target, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return rows


def _write_tables(connection: duckdb.DuckDBPyConnection, folder: Path, draft: Path) -> dict[str, int]:
    problems: list[Problem] = []
    rows: dict[str, int] = {}
    files = {table_of(path.name): path for path in sorted(folder.iterdir()) if path.is_file()}
    for table in COLUMNS:
        path = files.get(table)
        if path is None:
            if table in REQUIRED:
                advice = "Name the folder of a download of Athena, or its zip file."
                problems.append(Problem(f"{table}.csv", None, "", "the file is missing.", advice))
            continue
        faults = _write_table(connection, table, path, draft / f"{table.lower()}.parquet")
        problems += faults
        if not faults:
            rows[table] = _count(connection, draft / f"{table.lower()}.parquet")
    if not problems:
        problems += _check_concepts(connection, draft)
    if problems:
        raise VocabularyError(problems)
    return rows


def table_of(file: str) -> str:
    """Return the OMOP table that a file holds; working groups publish theirs as ``deltaConcept.csv``.

    >>> table_of("concept_ancestor.csv"), table_of("deltaConceptRelationship.csv"), table_of("LICENSE")
    ('CONCEPT_ANCESTOR', 'CONCEPT_RELATIONSHIP', '')
    """
    word = file.lower().removesuffix(".csv").removeprefix("delta").replace("_", "")
    return next((t for t in COLUMNS if file.lower().endswith(".csv") and t.lower().replace("_", "") == word), "")


def _write_table(connection: duckdb.DuckDBPyConnection, table: str, path: Path, target: Path) -> list[Problem]:
    """Write one table sorted by what it is looked up by, dates as dates and ids as numbers."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        return [Problem(path.name, 1, "", "the text is not UTF-8.", "Download it again.")]
    separator = "\t" if "\t" in header else ","
    names = [name.strip().strip('"').lower() for name in header.split(separator)]
    if missing := [name for name in COLUMNS[table] if name not in names]:
        advice = f"Columns are {', '.join(COLUMNS[table])}."
        return [Problem(path.name, 1, "", f"column {', '.join(missing)} is missing.", advice)]
    lines = _csv(path, separator, names)
    typed = ", ".join(f"{_typed(name)} AS {name}" for name in COLUMNS[table])
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW delivered AS SELECT row_number() OVER () + 1 AS line, * FROM {lines}"
        )
        if broken := _broken_rows(connection, table, path):
            return broken
        kept = _kept(table)
        connection.execute(
            f"COPY (SELECT {typed} FROM {lines} WHERE {kept} ORDER BY {ORDER[table]}) "
            f"TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)"
        )
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        return [Problem(path.name, None, "", f"the file cannot be read: {message}", "Download it again.")]
    return []


def _csv(path: Path, separator: str, names: Sequence[str]) -> str:
    """Return the reader of a file as SQL: nothing is quoted in a tab-separated download, names may hold quotes."""
    quote = "" if separator == "\t" else '"'
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({quoted(str(path))}, delim = {quoted(separator)}, quote = {quoted(quote)}, "
        f"escape = {quoted(quote)}, "
        f"columns = {{{columns}}}, header = false, skip = 1, auto_detect = false, null_padding = true, "
        "max_line_size = 10000000)"
    )


def _typed(name: str) -> str:
    """Return a column as SQL, in its type; null where its text has another form."""
    kind = type_of(name)
    if kind == "DATE":
        return f"try_strptime({name}, [{', '.join(map(quoted, DATES))}])::DATE"
    return f"try_cast({name} AS BIGINT)" if kind == "BIGINT" else f"coalesce({name}, '')"


def _kept(table: str) -> str:
    if table != "CONCEPT_RELATIONSHIP":
        return "true"
    wanted = ", ".join(map(quoted, RELATIONSHIPS))
    return f"relationship_id IN ({wanted}) AND coalesce(invalid_reason, '') = ''"


def _broken_rows(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> list[Problem]:
    """Return the rows whose ids are no whole numbers or whose dates are none of the known forms."""
    checked = [name for name in COLUMNS[table] if type_of(name) != "VARCHAR"]
    wrong = [(name, f"{_typed(name)} IS NULL") for name in checked]
    tests = " UNION ALL ".join(
        f"SELECT line, {quoted(name)} AS name FROM delivered WHERE {test}" for name, test in wrong
    )
    if not tests:
        return []
    found = connection.execute(f"SELECT line, name FROM ({tests}) ORDER BY line, name LIMIT {LISTED}").fetchall()
    kinds = {"DATE": "date (20240131 or 2024-01-31)", "BIGINT": "whole number"}
    advice = "The line may be cut short, or the file not be one of Athena's. Download it again."
    return [Problem(path.name, line, name, f"is no {kinds[type_of(name)]}.", advice) for line, name in found]


def _check_concepts(connection: duckdb.DuckDBPyConnection, draft: Path) -> list[Problem]:
    concepts = quoted(str(draft / "concept.parquet"))
    twice = connection.execute(
        f"SELECT concept_id FROM {concepts} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT {LISTED}"
    ).fetchall()
    found = [Problem("CONCEPT.csv", None, "concept_id", f"{i} stands twice.", "Download it again.") for (i,) in twice]
    if not found and not _count(connection, draft / "concept.parquet"):
        found.append(Problem("CONCEPT.csv", None, "", "the file has no rows below its header.", "Download it again."))
    return found


def _count(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    row = connection.execute(f"SELECT count(*) FROM {quoted(str(path))}").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _connect(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = {quoted(MEMORY)}")
    connection.execute(f"SET temp_directory = {quoted(str(spill))}")
    connection.execute("SET preserve_insertion_order = true")
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _unpacked(source: Path, draft: Path) -> Iterator[Path]:
    """Give the folder of a download; of a zip file only the tables that are read are unpacked, for the time being."""
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise VocabularyError([Problem(str(source), None, "", "there is no such folder or file.")])
    folder = draft / "unpacked"
    folder.mkdir()
    try:
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                name = Path(member.filename).name
                if table_of(name) in COLUMNS and not member.filename.startswith("__MACOSX"):
                    with archive.open(member) as packed, (folder / name).open("wb") as file:
                        shutil.copyfileobj(packed, file, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        problem = Problem(source.name, None, "", f"the zip file cannot be read: {error}.", "Download it again.")
        raise VocabularyError([problem]) from None
    yield folder
    shutil.rmtree(folder)


def _replace(target: Path, draft: Path) -> None:
    """Put a complete import in the place of the former one."""
    former = target.with_name(f".{target.name}-former-{os.getpid()}")
    if target.exists():
        target.rename(former)
    draft.rename(target)
    shutil.rmtree(former, ignore_errors=True)
