"""Damage deliveries in every way that comes to mind: each must end in a clear error, or in a ledger that adds up.

    python benchmarks/fuzz.py [--deliveries 1000] [--seed 1] [--shared ../shared/data] [--only NUMBER]

Deliveries are cut small: the demo partners' made-up ones, and of the real and synthetic ones, where they are beside the
checkout, the first patients. Delivery N of a seed is always the same; ``--only N`` runs it alone, with the traceback.
Every fault that is no ``HaemonyError``, a ledger that differs from a count of the damaged files by Python's own csv
reader, a message that repeats a patient's key, and a run longer than the time limit are failures.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import multiprocessing
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from haemony.demo.generate import CENTRES, generate
from haemony.engine.errors import HaemonyError
from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.graph_loader.delimited import csv_rows
from haemony.graph_loader.harmonise import account, harmonise
from haemony.mappings.model import Partner, TableSpec
from haemony.mappings.partner import BUNDLED, find_partners, read_partner
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary

PATIENTS = 40
#: Seconds after which a run counts as hung; a run takes a few.
LIMIT = 300
SECRET = "the secret of a fuzzer, long enough"
#: How the names of delimited files end; other files are damaged as bytes.
TEXT = (".csv", ".txt", ".tsv")
#: A key must be so long before its appearance in a message can be told from chance.
KEY_LENGTH = 5
JUNK = (
    "", " ", "NULL", "n/a", "-", "?", "0", "-1", "1e999", "1E-400", "9" * 40, "0x10", "1_000", "1,5", "1.5",
    "1.234,5", "<0.1", "> 500", "NaN", "inf", "\u0664\u0662", "31.02.2020", "2020-13-01", "00/00/0000", "Infinity",
    "=1+1", "'; DROP TABLE x;--", "\u2603", "\U0001f600", "\xa0", "\u200b", "\ufeff", "e\u0301", "a" * 50_000, "TRUE",
    "x\ty", '"', '""', "a;b", "a,b", "{}", "$1", "%s", "\\", "\\N", "p.R882H", "46,XX[20]", "47,XY,+8,t(8;21",
    "()[]//", "c.1A>", "\x07", "\x1f", "\u2400",
)  # fmt: skip
DEMO = tuple(CENTRES)


@dataclass(frozen=True)
class Outcome:
    """What became of one damaged delivery."""

    number: int
    partner: str
    damage: str
    verdict: str
    detail: str
    seconds: float


# --- deliveries -----------------------------------------------------------------------------------------------------


def prepare(folder: Path, shared: Path) -> dict[str, Path]:
    """Make the small deliveries; return the folder of each partner's, laid out as its partner.yaml says."""
    generate(folder / "demo", PATIENTS * len(DEMO), 1)
    found = dict.fromkeys(DEMO, folder / "demo")
    vocabulary, schema = read_vocabulary(), read_schema()
    for name, path in find_partners().items():
        if name in found:
            continue
        partner = read_partner(path, vocabulary, schema)
        files = [shared / table.file for table in partner.tables.values()]
        if all(file.is_file() for file in files):
            for table in partner.tables.values():
                _cut(shared / table.file, folder / name / table.file, table, keep=name == "amlsg")
            found[name] = folder / name
    return found


def _cut(source: Path, target: Path, table: TableSpec, *, keep: bool) -> None:
    """Copy the head of a text file; of other formats the whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix.lower() not in TEXT:
        shutil.copyfile(source, target)
        return
    lines = source.read_bytes().splitlines(keepends=True)
    target.write_bytes(b"".join(lines[: 1 + PATIENTS * (4 if keep else 2)]))


# --- damage ---------------------------------------------------------------------------------------------------------

Damage = Callable[[random.Random, Path, TableSpec, Path], None]


def _rows(path: Path, table: TableSpec) -> list[list[str]]:
    text = path.read_bytes().decode(table.encoding, errors="replace")
    return list(csv_rows(text.splitlines(), table.separator, table.quote))


def _save(path: Path, table: TableSpec, rows: Sequence[Sequence[str]], end: str = "\n") -> None:
    quote = table.quote

    def cell(text: str) -> str:
        if quote and any(mark in text for mark in (table.separator, quote, "\n", "\r")):
            return quote + text.replace(quote, quote * 2) + quote
        return text

    text = "".join(table.separator.join(map(cell, row)) + end for row in rows)
    path.write_bytes(text.encode(table.encoding, errors="replace"))


def flip_bytes(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Change some bytes to others."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 3, 10, 100))):
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(bytes(content))


def cut_short(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """End the file somewhere."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content) + 1)])


def lose_rows(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Take out some rows."""
    header, *rows = _rows(path, table) or [[]]
    share = rng.random()
    _save(path, table, [header, *(row for row in rows if rng.random() > share)])


def double_rows(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Repeat some rows, or the header among them."""
    header, *rows = _rows(path, table) or [[]]
    again = [rng.choice([*rows, header]) for _ in range(rng.randrange(1, 5))] if rows else [header]
    _save(path, table, [header, *rows, *again])


def swap_columns(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Exchange the cells of two columns under an unchanged header."""
    header, *rows = _rows(path, table) or [[]]
    if len(header) > 1:
        a, b = rng.sample(range(len(header)), 2)
        for row in rows:
            if len(row) > max(a, b):
                row[a], row[b] = row[b], row[a]
    _save(path, table, [header, *rows])


def rename_columns(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Change a name of the header: another word, case, white space, nothing, or that of its neighbour."""
    header, *rows = _rows(path, table) or [[]]
    for _ in range(rng.choice((1, 1, 2))):
        if header:
            i = rng.randrange(len(header))
            name = header[i]
            header[i] = rng.choice(
                ("x", name.upper(), name.swapcase(), f" {name} ", "", header[i - 1], f"{name}'\"", "\ufeff" + name)
            )
    _save(path, table, [header, *rows])


def move_columns(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Put whole columns, header and cells, elsewhere; lose or add one."""
    rows = _rows(path, table)
    width = len(rows[0]) if rows else 0
    order = list(range(width))
    what = rng.choice(("shuffle", "lose", "add"))
    if what == "shuffle":
        rng.shuffle(order)
    elif what == "lose" and order:
        order.pop(rng.randrange(width))
    made = [[row[i] for i in order if i < len(row)] for row in rows]
    if what == "add":
        made = [[*row, "extra" if number == 0 else "1"] for number, row in enumerate(made)]
    _save(path, table, made)


def shift_cells(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Give some rows a cell too few or too many."""
    header, *rows = _rows(path, table) or [[]]
    for row in rows:
        if row and rng.random() < 0.1:
            if rng.random() < 0.5:
                row.pop(rng.randrange(len(row)))
            else:
                row.insert(rng.randrange(len(row) + 1), rng.choice(JUNK))
    _save(path, table, [header, *rows])


def replace_values(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Put junk into cells: a few, a column, or everywhere."""
    header, *rows = _rows(path, table) or [[]]
    share = rng.choice((0.01, 0.05, 0.3, 1.0))
    columns = range(len(header)) if rng.random() < 0.5 else [rng.randrange(max(len(header), 1))]
    for row in rows:
        for i in columns:
            if i < len(row) and rng.random() < share:
                row[i] = rng.choice(JUNK)
    _save(path, table, [header, *rows])


def shuffle_values(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Deal the cells of one column out anew among its rows."""
    header, *rows = _rows(path, table) or [[]]
    i = rng.randrange(max(len(header), 1))
    cells = [row[i] for row in rows if i < len(row)]
    rng.shuffle(cells)
    for row in rows:
        if i < len(row):
            row[i] = cells.pop()
    _save(path, table, [header, *rows])


def mix_encodings(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Write the file, or some lines of it, in another encoding, with letters that show it."""
    text = path.read_bytes().decode(table.encoding, errors="replace").replace("e", "é", rng.choice((0, 3)))
    others = ("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "mac-roman", "utf-32", "cp037")
    if rng.random() < 0.5:
        path.write_bytes(text.encode(rng.choice(others), errors="replace"))
        return
    lines = text.splitlines(keepends=True)
    path.write_bytes(
        b"".join(
            line.encode(rng.choice(others[:4]) if rng.random() < 0.2 else table.encoding, errors="replace")
            for line in lines
        )
    )


def change_ends(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """End lines otherwise: CR, CRLF, mixed, doubled, a NUL between, or none at the end."""
    lines = path.read_bytes().splitlines()
    ends = rng.choice(([b"\r"], [b"\r\n"], [b"\n", b"\r\n"], [b"\n\n"], [b"\n", b"\r"], [b"\n\x00"], [b"\x0b"]))
    path.write_bytes(b"".join(line + rng.choice(ends) for line in lines)[: -1 if rng.random() < 0.5 else None])


def change_separator(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Use another separator, or the other decimal mark."""
    text = path.read_bytes().decode(table.encoding, errors="replace")
    old, new = rng.choice(((table.separator, rng.choice(";,\t| ")), (".", ","), (",", ".")))
    path.write_bytes(text.replace(old, new).encode(table.encoding, errors="replace"))


def break_quotes(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Strew quotation marks about."""
    text = list(path.read_bytes().decode(table.encoding, errors="replace"))
    for _ in range(rng.choice((1, 2, 5, 50))):
        text.insert(rng.randrange(len(text) + 1), rng.choice('""\'\u201e'))
    path.write_bytes("".join(text).encode(table.encoding, errors="replace"))


def empty_file(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Leave nothing, a header, blank lines, or one byte."""
    head = path.read_bytes().splitlines(keepends=True)[:1]
    path.write_bytes(
        rng.choice((b"", b"".join(head), b"\n\n\n", b"\x00", b"\xef\xbb\xbf", b" ", b"".join(head).rstrip()))
    )


def other_file(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Put something else in the file's place: another file of the delivery, a packed one, noise, a folder, nothing."""
    content = path.read_bytes()
    what = rng.choice(("other", "gzip", "noise", "folder", "gone", "json", "long line"))
    if what == "other":
        files = sorted(file for file in data.rglob("*") if file.is_file() and file.suffix == path.suffix)
        path.write_bytes(rng.choice(files).read_bytes())
    elif what == "gzip":
        path.write_bytes(gzip.compress(content))
    elif what == "noise":
        path.write_bytes(rng.randbytes(5000))
    elif what == "json":
        path.write_text(json.dumps([{"a": 1, "b": [2]}]))
    elif what == "long line":
        path.write_bytes(content.replace(b"\n", b" "))
    else:
        path.unlink()
        if what == "folder":
            path.mkdir()


def spoil_keys(rng: random.Random, path: Path, table: TableSpec, data: Path) -> None:
    """Empty, repeat or change what is likeliest the patient's key: the columns of the table's `patient`."""
    header, *rows = _rows(path, table) or [[]]
    key = table.patient.column
    i = header.index(key) if key in header else 0
    for row in rows:
        if i < len(row) and rng.random() < 0.2:
            row[i] = rng.choice(("", row[i] + " ", "\u00a0" + row[i], rows[0][i], "unknown", row[i].lower(), key or ""))
    _save(path, table, [header, *rows])


TEXT_DAMAGES: tuple[Damage, ...] = (
    flip_bytes, cut_short, lose_rows, double_rows, swap_columns, rename_columns, move_columns, shift_cells,
    replace_values, shuffle_values, mix_encodings, change_ends, change_separator, break_quotes, empty_file,
    other_file, spoil_keys,
)  # fmt: skip
BINARY_DAMAGES: tuple[Damage, ...] = (flip_bytes, cut_short, empty_file, other_file)


# --- running --------------------------------------------------------------------------------------------------------


def damage(number: int, seed: int, partner: Partner, data: Path) -> str:
    """Damage the delivery of a partner as its number says; return in which ways."""
    rng = random.Random(f"{seed}/{number}")
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        table = rng.choice(sorted(partner.tables.values(), key=lambda t: t.name))
        path = data / table.file
        text = path.suffix.lower() in TEXT
        how = rng.choice(TEXT_DAMAGES if text else BINARY_DAMAGES)
        if path.is_file() and path.stat().st_size:
            how(rng, path, table, data)
            done.append(how.__name__)
    return "+".join(done)


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise ``TimeoutError`` after so many seconds."""

    def stop(_signal: int, _frame: Any) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def run(number: int, seed: int, names: Sequence[str], deliveries: dict[str, Path], work: Path) -> Outcome:
    """Damage one delivery, harmonise it, and say how that ended."""
    name = names[number % len(names)]
    partner = read_partner(BUNDLED / name, read_vocabulary(), read_schema())
    home = work / str(number)
    data = home / "data"
    for table in partner.tables.values():
        target = data / table.file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(deliveries[name] / table.file, target)
    keys = _keys(partner, data)
    how = damage(number, seed, partner, data)
    start = time.perf_counter()
    try:
        with time_limit(LIMIT), Session(home / "work") as session:
            verdict, detail = _ends(session, partner, data, keys)
    except Exception as error:
        verdict, detail = "FAILED", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    shutil.rmtree(home, ignore_errors=True)
    return Outcome(number, name, how, verdict, detail, time.perf_counter() - start)


def _ends(session: Session, partner: Partner, data: Path, keys: set[str]) -> tuple[str, str]:
    schema, vocabulary = read_schema(), read_vocabulary()
    try:
        result = harmonise(session, schema, vocabulary, partner, data, SECRET)
        nothing = session.table("nothing", {"id": pa.string(), "reason": pa.string()}, [])
        book, _ = account(session, result, nothing, 1.0)
        counted = _counted(partner, data)
        cells: collections.Counter[str] = collections.Counter()
        for table, number in session.rows(book.select("table", "cells")):
            cells[table] += number
    except HaemonyError as error:
        said = "\n".join(map(str, error.problems))
        if not error.problems or not all(problem.message for problem in error.problems):
            return "FAILED", "an error without a message"
        if told := sorted(key for key in keys if key in said):
            return "FAILED", f"{len(told)} keys of patients stand in the messages"
        return "refused", str(error.problems[0].message)
    wrong = {table: (cells[table], n) for table, n in counted.items() if n is not None and cells[table] != n}
    if wrong:
        return "FAILED", f"the ledger differs from a count of the file: {wrong}"
    return "accounted", ""


def _keys(partner: Partner, data: Path) -> set[str]:
    table = partner.tables[partner.patients]
    path = data / table.file
    if table.patient.column is None or path.suffix.lower() not in TEXT:
        return set()
    header, *rows = _rows(path, table)
    i = header.index(table.patient.column) if table.patient.column in header else 0
    return {row[i] for row in rows if i < len(row) and len(row[i]) >= KEY_LENGTH}


def _counted(partner: Partner, data: Path) -> dict[str, int | None]:
    """Count the cells of each text file with Python's reader; None where it cannot be compared."""
    counted: dict[str, int | None] = {}
    for name, table in partner.tables.items():
        path = data / table.file
        if path.suffix.lower() not in TEXT:
            counted[name] = None
            continue
        encoding = "utf-8-sig" if table.encoding.lower() in ("utf-8", "utf8") else table.encoding
        with path.open(encoding=encoding, newline="", errors="replace") as file:
            rows = [row for row in csv_rows(file, table.separator, table.quote) if row]
        counted[name] = (len(rows) - 1) * max(len(rows[0]), len(rows[1]) if len(rows) > 1 else 0)
    return counted


def run_all(numbers: Sequence[int], seed: int, shared: Path, processes: int) -> Iterator[Outcome]:
    """Run the deliveries of some numbers; a worker that dies is a failure of what it ran."""
    with tempfile.TemporaryDirectory() as folder:
        deliveries = prepare(Path(folder) / "whole", shared)
        names = sorted(deliveries)
        work = Path(folder) / "work"
        if processes == 1:
            for number in numbers:
                yield run(number, seed, names, deliveries, work)
            return
        waiting = list(numbers)
        while waiting:
            # a crash inside a library takes its worker down, and the pool with it: what was under way runs alone
            with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
                running = {pool.submit(run, n, seed, names, deliveries, work): n for n in waiting}
                crashed = []
                for future in as_completed(running):
                    try:
                        outcome = future.result()
                    except BrokenProcessPool:
                        crashed.append(running[future])
                        continue
                    waiting.remove(outcome.number)
                    yield outcome
            if crashed:
                first = min(crashed)
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                    try:
                        yield pool.submit(run, first, seed, names, deliveries, work).result()
                    except BrokenProcessPool:
                        yield Outcome(first, names[first % len(names)], "", "FAILED", "the process died", 0.0)
                waiting.remove(first)


def main() -> int:
    """Run, print a table by kind of damage and by partner, and every failure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--deliveries", type=int, default=50)
    options.add_argument("--first", type=int, default=0, help="the number of the first one")
    options.add_argument("--log", type=Path, help="write what became of each, one JSON document a line")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = options.parse_args()
    numbers = [given.only] if given.only is not None else list(range(given.first, given.first + given.deliveries))
    outcomes = []
    for outcome in run_all(numbers, given.seed, given.shared, 1 if given.only is not None else given.processes):
        outcomes.append(outcome)
        if given.log:
            with given.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")
        if sys.stderr.isatty() or len(outcomes) % 50 == 0:
            print(f"{len(outcomes)} done", file=sys.stderr, flush=True)
        if outcome.verdict == "FAILED":
            print(f"FAILED {outcome.number} {outcome.partner} {outcome.damage}: {outcome.detail}\n", flush=True)
    for title, of in (("damage", lambda o: o.damage.split("+")), ("partner", lambda o: [o.partner])):
        counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for outcome in outcomes:
            for key in of(outcome):
                counts[key or "none"][outcome.verdict] += 1
        print(f"\n| {title} | refused | accounted | failed |\n| --- | --- | --- | --- |")
        for key, verdicts in sorted(counts.items()):
            print(f"| {key} | {verdicts['refused']} | {verdicts['accounted']} | {verdicts['FAILED']} |")
    total = collections.Counter(outcome.verdict for outcome in outcomes)
    print(f"\n{len(outcomes)} deliveries: {total['refused']} refused, {total['accounted']} accounted, "
          f"{total['FAILED']} failed; the slowest took {max(o.seconds for o in outcomes):.0f} s.")  # fmt: skip
    return 1 if total["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
