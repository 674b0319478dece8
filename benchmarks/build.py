"""Time a build of made-up patients, stage by stage, beside hand-written SQL, a bare COPY and carrot-transform.

    python benchmarks/build.py [--patients 1000,10000] [--repeat 3] [--carrot COMMAND] [--markdown FILE]

Every stage runs in a process of its own, whose CPU seconds and peak memory the operating system reports; start-up of
Python is part of it, and is a line of its own. The tables show medians over the repeats.

*Head to head*: five of the eight files of the partner demo_aml, harmonised by Haemony and by ``hand/demo_aml.sql``.
Both write the same record tables, source cells, panels, issues and ledger, which is checked row by row, or by count and
sum of hashes above ``ROW_BY_ROW`` patients. *Whole*: both demo partners with all that they deliver. Validation is
apart: it runs up to ``--validate`` patients. *carrot-transform* does what its rules can say: see ``hand/carrot.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import yaml
from hand.carrot import command, events, prepare

HERE: Final = Path(__file__).resolve().parent
ROOM: Final = HERE.parent
SECRET: Final = "a secret of the benchmark, as long as one must be"
#: The files of demo_aml that the hand-written SQL covers.
FIVE: Final = ("stammdaten", "labor", "molekular", "therapie", "transplantation")
#: Above this many patients, tables are compared by count and sum of hashes.
ROW_BY_ROW: Final = 10_000


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu: float
    gigabytes: float


def measure(step: str, *arguments: object, program: Sequence[str] = ()) -> Cost:
    """Run a step of this file, or another program, in a process of its own."""
    line = [*program] or [sys.executable, str(Path(__file__).resolve()), "--step", step]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*line, *map(str, arguments)], stdout=said, stderr=said, env=_environment())
        _, status, used = os.wait4(process.pid, 0)
        if status:
            said.seek(0)
            raise SystemExit(f"{step} failed:\n{said.read().decode()}")
    return Cost(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOM), os.environ.get("PYTHONPATH", "")])}


# --- steps: each runs in a process of its own ------------------------------------------------------------------------


def start() -> None:
    """Load what every build loads first."""
    _knowledge()


def _knowledge() -> tuple[Any, Any]:
    from haemony.graph_loader import build  # noqa: F401 - the libraries that a build needs
    from haemony.ontology.schema import read_schema
    from haemony.ontology.vocabulary import read_vocabulary

    return read_schema(), read_vocabulary()


def harmonise(partner: str, data: str, out: str, memory: str) -> None:
    """Harmonise a delivery, and write records, sources, issues and ledger, as if no shape were broken."""
    from haemony.engine.session import open_session
    from haemony.graph_loader.build import keep
    from haemony.graph_loader.harmonise import harmonise as run
    from haemony.graph_loader.validate import no_violations
    from haemony.mappings.partner import read_partner

    schema, vocabulary = _knowledge()
    spec = read_partner(Path(partner), vocabulary, schema)
    folder = Path(out) / "partners" / spec.name
    folder.mkdir(parents=True)
    work = Path(out) / "work" / spec.name
    with open_session(work, memory=memory) as session:
        result = run(session, schema, vocabulary, spec, Path(data), SECRET)
        violations = no_violations(folder / "violations.parquet")
        keep(session, schema, result, session.read(violations), folder, tolerated=1.0)


def by_hand(data: str, out: str, memory: str) -> None:
    """Run the hand-written SQL under the settings of a session of Haemony."""
    (Path(out) / "records").mkdir(parents=True)
    text = (HERE / "hand" / "demo_aml.sql").read_text(encoding="utf-8")
    places = {"$DATA": f"{data}/demo_aml", "$OUT": out, "$CONCEPTS": str(ROOM / "ontology" / "concepts")}
    for name, place in places.items():
        text = text.replace(name, place)
    with duckdb.connect() as connection:
        connection.execute("SET disabled_optimizers = 'in_clause'")
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute(f"SET temp_directory = '{out}/spill'")
        connection.execute("SET VARIABLE secret = $1", [SECRET])
        for statement in connection.extract_statements(text):
            connection.execute(statement)


def validate(out: str) -> None:
    """Hold the records of all partners against the shapes."""
    from haemony.graph_loader.validate import validate as run

    schema, vocabulary = _knowledge()
    for work in sorted((Path(out) / "work").iterdir()):
        shapes = (ROOM / "ontology" / "shapes",)
        run(work / "records", shapes, vocabulary.ancestors, work / "found.parquet", schema=schema)


def project(out: str) -> None:
    """Write the nodes and relationships of the graph."""
    from haemony.graph_loader.graph import project as run

    schema, vocabulary = _knowledge()
    tables = run(Path(out), schema, vocabulary, Path(out) / "graph")
    (Path(out) / "tables.pickle").write_bytes(pickle.dumps(tables))


def load(out: str) -> None:
    """Load the graph into the embedded store."""
    from haemony.graph_loader.stores.ladybug import LadybugStore

    LadybugStore(Path(out) / "graph.lbug").load(_tables(out))


def bare_copy(out: str) -> None:
    """Load the same tables with nothing but the statements that this needs."""
    import ladybug

    from haemony.graph_loader.stores.ladybug import statements

    database = ladybug.Database(str(Path(out) / "bare.lbug"))
    connection = ladybug.Connection(database)
    for statement in ("BEGIN TRANSACTION", *statements(_tables(out)), "COMMIT"):
        connection.execute(statement).close()
    connection.close()
    database.close()


def _tables(out: str) -> Any:
    return pickle.loads((Path(out) / "tables.pickle").read_bytes())


STEPS: Final[dict[str, Callable[..., None]]] = {
    step.__name__: step for step in (start, harmonise, by_hand, validate, project, load, bare_copy)
}


# --- what they work on ---------------------------------------------------------------------------------------------


def reduced(target: Path) -> Path:
    """Write the partner demo_aml with five of its files; the lines that remain keep their numbers."""
    source = ROOM / "mappings" / "partners" / "demo_aml"
    target.mkdir(parents=True)
    layout = yaml.safe_load((source / "partner.yaml").read_text(encoding="utf-8"))
    layout["tables"] = {name: table for name, table in layout["tables"].items() if name in FIVE}
    del layout["panels"], layout["last_contact"]
    (target / "partner.yaml").write_text(yaml.safe_dump(layout, allow_unicode=True), encoding="utf-8")
    named = re.compile(rf"demo_aml:({'|'.join(FIVE)})\.|^({'|'.join(FIVE)})\t|^subject_id\t|^table\t")
    for file in ("dictionary.tsv", "concepts.sssom.tsv"):
        lines = (source / file).read_text(encoding="utf-8").splitlines()
        (target / file).write_text(
            "\n".join(line if named.search(line) else "" for line in lines) + "\n", encoding="utf-8"
        )
    return target


def difference(ours: Path, theirs: Path, patients: int) -> str:
    """Say whether two folders hold the same tables; tables without rows need not be in both."""
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '8GB'")
    found = []
    for path in sorted({p.relative_to(f) for f in (ours, theirs) for p in f.rglob("*.parquet")}):
        tables = [f"read_parquet('{f / path}')" for f in (ours, theirs) if (f / path).is_file()]
        if len(tables) == 1:
            differ = connection.execute(f"SELECT count(*) FROM {tables[0]}").fetchone() != (0,)
        elif patients <= ROW_BY_ROW:
            one, other = tables
            both = f"(FROM {one} EXCEPT ALL FROM {other}) UNION ALL (FROM {other} EXCEPT ALL FROM {one})"
            differ = connection.execute(f"SELECT count(*) FROM ({both})").fetchone() != (0,)
        else:
            sums = [connection.execute(f"SELECT count(*), sum(hash(t)) FROM {t} AS t").fetchone() for t in tables]
            differ = sums[0] != sums[1]
        if differ:
            found.append(str(path))
    return "differ in " + ", ".join(found) if found else "identical"


# --- the run -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of the table: a stage at a size, and how many source cells it made something of."""

    patients: int
    stage: str
    costs: tuple[Cost, ...]
    cells: int = 0

    def median(self, what: str) -> float:
        return float(statistics.median(getattr(cost, what) for cost in self.costs))


def run(patients: int, options: argparse.Namespace, work: Path) -> tuple[list[Row], str]:
    """Run all stages at one size; return their costs, and whether the hand-written SQL gives the same."""
    from haemony.demo.generate import generate

    data, five = work / "data", reduced(work / "five" / "demo_aml")
    generate(data, patients, 1, ["demo_aml"])
    generate(work / "both", patients, 1)
    costs: dict[str, list[Cost]] = {}
    cells: dict[str, int] = {}

    def take(name: str, *cost: Cost) -> None:
        costs.setdefault(name, []).append(
            Cost(sum(c.seconds for c in cost), sum(c.cpu for c in cost), max(c.gigabytes for c in cost))
        )

    same = ""
    for _ in range(options.repeat):
        for folder in ("ours", "theirs", "whole"):
            shutil.rmtree(work / folder, ignore_errors=True)
        take("start-up of Python and vocabulary", measure("start"))
        take("harmonise, five files", measure("harmonise", five, data, work / "ours", options.memory))
        take("the same in hand-written SQL", measure("by_hand", data, work / "theirs", options.memory))
        same = same or difference(_results(work / "ours"), work / "theirs", patients)
        cells["harmonise, five files"] = _rows(work / "ours" / "partners" / "demo_aml" / "sources.parquet")
        if options.carrot:
            take("carrot-transform, what it can", _carrot(options.carrot, data, work / "carrot"))
            cells["carrot-transform, what it can"] = events(work / "carrot")
        partners = [ROOM / "mappings" / "partners" / name for name in ("demo_aml", "demo_mds")]
        whole = [measure("harmonise", p, work / "both", work / "whole", options.memory) for p in partners]
        take("harmonise, whole", *whole)
        (work / "whole" / "build.json").write_text(json.dumps({"id": "1", "built_at": "", "vocabulary": ""}))
        if patients <= options.validate:
            take("validate", measure("validate", work / "whole"))
        take("project the graph", measure("project", work / "whole"))
        take("load the graph", measure("load", work / "whole"))
        take("bare COPY", measure("bare_copy", work / "whole"))
    return [Row(patients, stage, tuple(found), cells.get(stage, 0)) for stage, found in costs.items()], same


def _rows(path: Path) -> int:
    found = duckdb.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchone()
    return int(found[0]) if found else 0


def _results(out: Path) -> Path:
    """Return the folder of a partner's results, without what only validation and the graph need."""
    folder = out / "partners" / "demo_aml"
    for other in ("violations.parquet", "mappings.parquet"):
        (folder / other).unlink(missing_ok=True)
    return folder


def _carrot(program: str, data: Path, work: Path) -> Cost:
    shutil.rmtree(work, ignore_errors=True)
    prepare(data / "demo_aml", work)
    return measure("carrot-transform", program=command(program, work))


def table(rows: Iterable[Row]) -> str:
    """Return the costs as a Markdown table."""
    lines = ["| patients | stage | wall s | CPU s | peak GB | cells |", "| ---: | --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {r.patients:,} | {r.stage} | {r.median('seconds'):.1f} | {r.median('cpu'):.1f} | "
        f"{r.median('gigabytes'):.2f} | {_number(r.cells)} |"
        for r in rows
    ]
    return "\n".join(lines)


def _number(cells: int) -> str:
    return f"{cells:,}" if cells else ""


def ratios(rows: Sequence[Row]) -> str:
    """Return the ratios that the stages are held to, by CPU and by wall seconds."""
    lines = ["| patients | ratio | wall | CPU | wanted |", "| ---: | --- | ---: | ---: | --- |"]
    wanted = [
        ("harmonise : hand-written SQL", ["harmonise, five files"], "the same in hand-written SQL", "≤ 1.5"),
        ("load : bare COPY", ["load the graph"], "bare COPY", "≤ 1.5"),
        ("project and load : bare COPY", ["project the graph", "load the graph"], "bare COPY", ""),
    ]
    for size in sorted({r.patients for r in rows}):
        by_stage = {r.stage: r for r in rows if r.patients == size}
        for name, stages, beside, limit in wanted:
            if all(s in by_stage for s in (*stages, beside)):
                above = {w: sum(by_stage[s].median(w) for s in stages) for w in ("seconds", "cpu")}
                parts = [above[w] / by_stage[beside].median(w) for w in ("seconds", "cpu")]
                lines.append(f"| {size:,} | {name} | {parts[0]:.2f} | {parts[1]:.2f} | {limit} |")
        both = [by_stage.get(s) for s in ("harmonise, five files", "carrot-transform, what it can")]
        if both[0] and both[1]:
            ours, theirs = ([r.cells / r.median(w) for w in ("seconds", "cpu")] for r in both if r)
            name = "cells a second, harmonise : carrot-transform"
            lines.append(f"| {size:,} | {name} | {ours[0] / theirs[0]:.2f} | {ours[1] / theirs[1]:.2f} | ≥ 10 |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    options = parse()
    rows: list[Row] = []
    said = []
    for patients in (int(n) for n in options.patients.split(",")):
        with tempfile.TemporaryDirectory(dir=options.work, prefix="bench-") as work:
            more, same = run(patients, options, Path(work))
        rows += more
        said.append(f"{patients:,} patients: the tables of harmonise and of the hand-written SQL are {same}.")
        print(f"{said[-1]}\n{table(more)}\n", flush=True)
    if not options.carrot:
        said.append("carrot-transform was not run: give its command with --carrot or HAEMONY_CARROT.")
    report = "\n\n".join(["\n".join(said), table(rows), ratios(rows)])
    print(report)
    if options.markdown:
        Path(options.markdown).write_text(report + "\n", encoding="utf-8")
    if any("differ" in line for line in said):
        raise SystemExit(1)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", default="1000,10000", help="sizes, with commas between them")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--validate", type=int, default=1000, help="validate up to this many patients")
    parser.add_argument("--carrot", default=os.environ.get("HAEMONY_CARROT"), help="the command carrot-transform")
    parser.add_argument("--memory", default="12GB", help="DuckDB's limit")
    parser.add_argument("--work", default=None, help="folder for temporary files")
    parser.add_argument("--markdown", default=None, help="also write the tables here")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](*sys.argv[3:])
    else:
        main()
