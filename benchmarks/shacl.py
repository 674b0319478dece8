"""Time validation against all shipped shapes: compiled, hand-written SQL, pySHACL, pyshacl-turbo and pyrudof.

    python benchmarks/shacl.py [--patients 1000,10000,100000] [--repeat 3] [--records FOLDER] [--markdown FILE]

All hold the same records (the partner demo_aml with its usual share of mistakes, before quarantine) against the same
shapes, each in a process of its own. *Compile* and *run* are seconds inside it, from shapes and records to the written
table of violations, once Python, libraries and vocabulary are loaded, *CPU* those of both; *process* is all of it.
The last two engines read RDF: they are given N-Triples made beforehand, in parts of ``PART`` patients, which costs
them nothing here.

Records are made once and kept in ``--records``; above ``HARMONISED`` patients they are copies under other ids. With
``--spoil`` a share of all cells is made wrong, so that nearly every shape fails somewhere: a test of the contenders
against each other, not a measurement. Ends with an error where any two find different things.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from hand.spoil import spoil

HERE: Final = Path(__file__).resolve().parent
ROOM: Final = HERE.parent
SHAPES: Final = ROOM / "ontology" / "shapes"
CONCEPTS: Final = ROOM / "ontology" / "concepts"
SECRET: Final = "a secret of the benchmark, as long as one must be"
#: More patients than this are copies of so many.
HARMONISED: Final = 100_000
#: Patients in one file of triples.
PART: Final = 1_000
RESULT: Final = "record_id, shape, component, value"
TYPES: Final = {"concept": "BIGINT", "integer": "BIGINT", "decimal": "DECIMAL(18,6)", "boolean": "BOOLEAN"}


# --- contenders: each runs in a process of its own -------------------------------------------------------------------


@dataclass
class Clock:
    """Seconds by what they were spent on, and CPU seconds of all of it, worker processes among them."""

    seconds: dict[str, float] = field(default_factory=lambda: {"compile": 0.0, "run": 0.0, "cpu": 0.0})

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        start, cpu = time.perf_counter(), sum(os.times()[:4])
        yield
        self.seconds[what] += time.perf_counter() - start
        self.seconds["cpu"] += sum(os.times()[:4]) - cpu


def compiled(source: Path, out: Path, options: argparse.Namespace, clock: Clock) -> None:
    """Validate as a build does; the summary tells its own compile time from the run."""
    from haemony.engine.on_duckdb import DuckDBSession
    from haemony.graph_loader.validate import validate

    schema, vocabulary = _knowledge()
    with DuckDBSession(out / "loaded") as session:  # so that libraries are loaded before the clock runs
        session.keep_rows("loaded", {"x": pa.int64()}, [])
    with clock("run"):
        summary = validate(
            source / "records",
            (SHAPES,),
            vocabulary.ancestors,
            out / "violations.parquet",
            name=lambda c: vocabulary[c].name,
            schema=schema,
        )
    compiling = summary.seconds["compile"]
    clock.seconds |= {"compile": compiling, "run": clock.seconds["run"] - compiling}


def sql(source: Path, out: Path, options: argparse.Namespace, clock: Clock) -> None:
    """Run the hand-written SQL."""
    from haemony.ontology.schema import read_schema

    schema = read_schema()
    text = (HERE / "hand" / "shapes.sql").read_text(encoding="utf-8")
    text = text.replace("$CONCEPTS", str(CONCEPTS)).replace("$OUT", str(out / "violations.parquet"))
    with duckdb.connect() as connection, clock("run"):
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"SET memory_limit = '{options.memory}'")
        connection.execute(f"SET temp_directory = '{out}/spill'")
        for cls in schema.records:
            path = source / "records" / f"{cls.name}.parquet"
            columns = ", ".join(
                f'"{f.name}" {TYPES.get(f.kind, "VARCHAR")}{"[]" if f.many else ""}' for f in cls.fields
            )
            if path.is_file():
                connection.execute(f"CREATE VIEW {cls.name} AS FROM read_parquet('{path}')")
            else:
                connection.execute(f"CREATE TABLE {cls.name} (id VARCHAR, patient VARCHAR, {columns})")
        for statement in connection.extract_statements(text):
            connection.execute(statement)


def pyshacl(source: Path, out: Path, options: argparse.Namespace, clock: Clock) -> None:
    """Run pySHACL over one partition of patients after the other: a single one, where spoiled links lead anywhere."""
    from haemony.graph_loader.validate import validate

    schema, vocabulary = _knowledge()
    with clock("run"):
        validate(
            source / "records",
            (SHAPES,),
            vocabulary.ancestors,
            out / "violations.parquet",
            processes=options.processes,
            batch=1_000_000 if options.spoil else 100,
            name=lambda c: vocabulary[c].name,
            schema=schema,
            reference=True,
        )


def turbo(source: Path, out: Path, options: argparse.Namespace, clock: Clock) -> None:
    """Run pyshacl-turbo over one file of triples after the other."""
    engine: Any = importlib.import_module("pyshacl_turbo")
    from rdflib import SH

    found: list[tuple[str, ...]] = []
    with clock("compile"):
        program = engine.compile_shapes(str(source / "rdf" / "shapes.ttl"), shacl_graph_format="turtle")
    with clock("run"):
        for part in sorted((source / "rdf").glob("*.nt")):
            _, report, _ = program.validate(str(part), data_graph_format="nt")
            for result in report.objects(None, SH.result):
                said = dict(report.predicate_objects(result))
                words = (SH.focusNode, SH.sourceShape, SH.sourceConstraintComponent)
                found.append((*(str(said[w]) for w in words), str(said.get(SH.value, ""))))
        _write(found, out)


def rudof(source: Path, out: Path, options: argparse.Namespace, clock: Clock) -> None:
    """Run pyrudof over one file of triples after the other."""
    engine: Any = importlib.import_module("pyrudof")
    session = engine.Rudof(engine.RudofConfig())
    found: list[tuple[str, ...]] = []
    with clock("compile"):
        session.read_shacl(str(source / "rdf" / "shapes.ttl"))
    with clock("run"):
        for part in sorted((source / "rdf").glob("*.nt")):
            session.read_data(str(part), format=engine.RDFFormat.NTriples, merge=False)
            for entry in session.validate_shacl():
                value = re.sub(r'^"(.*)"(\^\^\S+|@\S+)?$', r"\1", entry.value or "", flags=re.DOTALL)
                found.append((entry.focus_node, entry.source_shape or "", entry.constraint_component, value))
        _write(found, out)


STEPS: Final[dict[str, Callable[[Path, Path, argparse.Namespace, Clock], None]]] = {
    step.__name__: step for step in (pyshacl, sql, compiled, turbo, rudof)
}
PACKAGES: Final = {"turbo": "pyshacl_turbo", "rudof": "pyrudof"}
NAMES: Final = {
    "compiled": "compiled",
    "sql": "hand-written SQL",
    "pyshacl": "pySHACL",
    "turbo": "pyshacl-turbo",
    "rudof": "pyrudof",
}


def _knowledge() -> tuple[Any, Any]:
    from haemony.ontology.schema import read_schema
    from haemony.ontology.vocabulary import read_vocabulary

    return read_schema(), read_vocabulary()


def _write(found: Iterable[tuple[str, ...]], out: Path) -> None:
    """Write results as a table of violations, their IRIs as ids."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        (
            focus.removeprefix("urn:haemony:record:"),
            re.split("[/#]", shape)[-1],
            re.split("[/#]", component)[-1].removesuffix("ConstraintComponent"),
            value,
        )
        for focus, shape, component, value in found
    ]
    names = RESULT.split(", ")
    columns = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)}
    pq.write_table(pa.table(columns), out / "violations.parquet")


# --- what they work on ---------------------------------------------------------------------------------------------


def prepare(folder: Path, patients: int, options: argparse.Namespace) -> Path:
    """Make the records of so many patients, where they are not kept from before."""
    source = folder / str(patients)
    if not (source / "records").is_dir():
        half = folder / f"{patients}.partial"
        shutil.rmtree(half, ignore_errors=True)
        if patients > HARMONISED:
            copy(prepare(folder, HARMONISED, options) / "records", half / "records", patients // HARMONISED)
        else:
            harmonise(half, patients)
        half.rename(source)
    if options.spoil:
        source = _spoiled(source, folder / f"{patients}-spoiled", options.spoil)
    if patients <= options.others and not (source / "rdf").is_dir():
        triples(source)
    return source


def _spoiled(source: Path, target: Path, share: float) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    (target / "records").mkdir(parents=True)
    spoil(source / "records", SHAPES, target / "records", share)
    return target


def harmonise(out: Path, patients: int) -> None:
    """Harmonise a made-up delivery."""
    from haemony.demo.generate import generate
    from haemony.engine.session import open_session
    from haemony.graph_loader.harmonise import harmonise as run
    from haemony.graph_loader.records import RECORDS
    from haemony.mappings.partner import read_partner

    schema, vocabulary = _knowledge()
    partner = read_partner(ROOM / "mappings" / "partners" / "demo_aml", vocabulary, schema)
    generate(out / "data", patients, 1, ["demo_aml"])
    with open_session(out / "work") as session:
        run(session, schema, vocabulary, partner, out / "data", SECRET)
        shutil.copytree(session.folder / RECORDS, out / "records")
    for made in ("data", "work"):
        shutil.rmtree(out / made, ignore_errors=True)


def copy(records: Path, out: Path, times: int) -> None:
    """Write every record so many times, each time as another patient's."""
    from haemony.ontology.schema import read_schema

    out.mkdir(parents=True)
    for cls in read_schema().records:
        path = records / f"{cls.name}.parquet"
        if not path.is_file():
            continue
        names = ["id", "patient", *(f.name for f in cls.fields if f.kind == "reference" and f.role == "link")]
        # ids are hexadecimal: the first letter of a copy's is none of those, and another one each time
        other = ", ".join(f"chr(103 + i::INT) || {n}[2:] AS {n}" for n in names)
        duckdb.execute(
            f"COPY (SELECT * REPLACE ({other}) FROM read_parquet('{path}'), range({times}) AS copies(i)) "
            f"TO '{out / path.name}' (FORMAT parquet)"
        )


def triples(source: Path) -> None:
    """Write the shapes, and the records as the shapes see them, for engines that read RDF."""
    from haemony.graph_loader.rdf import Scope, Tables, project
    from haemony.graph_loader.shapes import read_shapes

    schema, vocabulary = _knowledge()
    half = source / "rdf.partial"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    shapes = read_shapes((SHAPES,))
    shapes.serialize(half / "shapes.ttl", format="turtle")
    scope = Scope.of(shapes)
    tables = Tables.read(source / "records", scope, schema)
    ids = tables.patients()
    for number, first in enumerate(range(0, len(ids), PART)):
        graph = project(tables.of(ids[first : first + PART]), vocabulary.ancestors, scope)
        graph.serialize(half / f"{number:04}.nt", format="nt", encoding="utf-8")
    half.rename(source / "rdf")


# --- the run -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    compile: float
    run: float
    cpu: float
    process: float
    megabytes: float


@dataclass(frozen=True)
class Row:
    """One line of the table: a contender at a size, and what it found or why it did not."""

    patients: int
    contender: str
    costs: tuple[Cost, ...] = ()
    results: int = 0
    verdict: str = ""

    def median(self, what: str) -> float:
        return float(statistics.median(getattr(cost, what) for cost in self.costs))

    @property
    def whole(self) -> float:
        return self.median("compile") + self.median("run")


def measure(contender: str, source: Path, out: Path, options: argparse.Namespace) -> Cost | str:
    """Run a contender in a process of its own; say in words why it did not come to an end."""
    package = PACKAGES.get(contender)
    if package and importlib.util.find_spec(package) is None:
        return f"{package} is not installed"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    line = [*_line(contender, source, out), json.dumps(vars(options))]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(line, stdout=said, stderr=said, env=_environment())
        status, used = _wait(process, options.timeout)
        said.seek(0)
        words = said.read().decode(errors="replace").strip().splitlines()
    if status is None:
        return f"stopped after {options.timeout} s"
    if status:
        return f"died ({status}): {words[-1][:120] if words else 'no word'}"
    seconds = json.loads((out / "seconds.json").read_text())
    wall = time.perf_counter() - start
    return Cost(seconds["compile"], seconds["run"], seconds["cpu"], wall, used.ru_maxrss / 1e3)


def _line(step: str, *arguments: object) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), "--step", step, *map(str, arguments)]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOM), os.environ.get("PYTHONPATH", "")])}


def _wait(process: subprocess.Popen[bytes], limit: float) -> tuple[int | None, Any]:
    """Wait for a process of ours, and end it where it takes too long."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status, used = os.wait4(process.pid, os.WNOHANG)
        if done:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used
        time.sleep(0.01)
    process.kill()
    process.wait()
    return None, None


def run(patients: int, options: argparse.Namespace, folder: Path, work: Path) -> list[Row]:
    """Run all contenders at one size, and hold each against the first one that came to an end."""
    # in a process of its own, since what a process has used before it starts another one counts as the other's
    subprocess.run(
        [*_line("prepare", folder, str(patients)), json.dumps(vars(options))], env=_environment(), check=True
    )
    source = folder / (f"{patients}-spoiled" if options.spoil else f"{patients}")
    limits = {"pyshacl": options.pyshacl, "turbo": options.others, "rudof": options.others}
    rows: list[Row] = []
    truth = ""
    for contender in (c for c in STEPS if c in options.contenders.split(",") and patients <= limits.get(c, patients)):
        slow = contender in limits
        costs: list[Cost] = []
        for _ in range(1 if slow else options.repeat):
            cost = measure(contender, source, work / contender, options)
            if isinstance(cost, str):
                rows.append(Row(patients, contender, verdict=cost))
                break
            costs.append(cost)
        else:
            verdict = (
                difference(work / truth, work / contender, contender in ("turbo", "rudof")) if truth else "the measure"
            )
            truth = truth or contender
            rows.append(Row(patients, contender, tuple(costs), _results(work / contender), verdict))
        print(f"{patients:,} patients: {NAMES[contender]}: {rows[-1].verdict}", file=sys.stderr, flush=True)
    return rows


def difference(truth: Path, other: Path, foreign: bool) -> str:
    """Say whether two contenders found the same; engines that know no :shows have no value to compare there."""
    one, two = (
        f"SELECT DISTINCT {_comparable(foreign)} FROM '{folder}/violations.parquet'" for folder in (truth, other)
    )
    found = []
    for word, left, right in (("missing", one, two), ("too many", two, one)):
        rows = duckdb.execute(
            f"SELECT shape, count(*) FROM ({left} EXCEPT {right}) GROUP BY shape ORDER BY 2 DESC, 1"
        ).fetchall()
        if rows:
            found.append(f"{sum(n for _, n in rows)} {word} ({', '.join(f'{shape} {n}' for shape, n in rows[:5])})")
    return "DIFFERS: " + ", ".join(found) if found else "same"


def _comparable(foreign: bool) -> str:
    if not foreign:
        return RESULT
    from rdflib import SH

    from haemony.graph_loader.shapes import read_shapes, shape_id
    from haemony.ontology.schema import HAEMONY

    graph = read_shapes((SHAPES,))
    silent = {shape_id(s) for s in graph.subjects(HAEMONY.shows)} | {
        shape_id(s) for s in set(graph.subjects(SH.severity)) - set(graph.subjects(SH.path))
    }
    names = ", ".join(f"'{name}'" for name in sorted(silent))
    valueless = "'MinCount', 'MaxCount', 'QualifiedMinCount', 'QualifiedMaxCount', 'HasValue', 'UniqueLang'"
    value = f"CASE WHEN shape NOT IN ({names}) AND component NOT IN ({valueless}) THEN value END AS value"
    return RESULT.replace("value", value)


def _results(folder: Path) -> int:
    found = duckdb.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT {RESULT} FROM '{folder}/violations.parquet')"
    ).fetchone()
    return int(found[0]) if found else 0


# --- what is printed -------------------------------------------------------------------------------------------------


def table(rows: Iterable[Row]) -> str:
    """Return the costs as a Markdown table."""
    lines = [
        "| patients | contender | compile s | run s | CPU s | process s | peak MB | results | |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        numbers = " | | | | | |"
        if row.costs:
            seconds = " | ".join(f"{row.median(w):,.2f}" for w in ("compile", "run", "cpu", "process"))
            numbers = f" {seconds} | {row.median('megabytes'):,.0f} | {row.results:,} |"
        lines.append(f"| {row.patients:,} | {NAMES[row.contender]} |{numbers} {row.verdict} |")
    return "\n".join(lines)


def targets(rows: Sequence[Row]) -> str:
    """Return what validation is held to, as far as it was measured, by wall and by CPU seconds."""
    by = {(r.patients, r.contender): r for r in rows if r.costs}
    lines = ["| patients | | wall | CPU | wanted |", "| ---: | --- | ---: | ---: | --- |"]
    for patients in sorted({p for p, _ in by}):
        ours, hand, slow = (by.get((patients, c)) for c in ("compiled", "sql", "pyshacl"))
        if ours is None:
            continue
        cpu, peak = ours.median("cpu"), ours.median("megabytes")
        held: list[tuple[str, str, str, int, str]] = [
            ("compiled, with compile, s", f"{ours.whole:.2f}", f"{cpu:.2f}", 100_000, "≤ 2"),
            ("compiled, peak memory, MB", f"{peak:,.0f}", "", 100_000, "≤ 600"),
        ]
        if hand:
            ratios = f"{ours.whole / hand.whole:.2f}", f"{cpu / hand.median('cpu'):.2f}"
            held.append(("compiled, with compile : hand-written SQL", *ratios, 100_000, "≤ 2"))
        if slow:
            ratios = f"{slow.whole / ours.whole:,.0f}", f"{slow.median('cpu') / cpu:,.0f}"
            held.append(("pySHACL : compiled, with compile", *ratios, 10_000, "≥ 300"))
            held.append(("pySHACL : compiled", f"{slow.whole / ours.median('run'):,.0f}", "", 10_000, "≥ 1,000"))
        if former := by.get((patients // 10, "compiled")):
            growth = f"{peak / former.median('megabytes'):.1f}"
            held.append(("compiled, memory for ten times the data", growth, "", patients, "< 10"))
        lines += [
            f"| {patients:,} | {what} | {wall} | {cpus} | {wanted if patients == at else ''} |"
            for what, wall, cpus, at, wanted in held
        ]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    options = parse()
    rows: list[Row] = []
    folder = Path(options.records or Path(tempfile.gettempdir()) / "haemony-shacl")
    folder.mkdir(parents=True, exist_ok=True)
    for patients in (int(n) for n in options.patients.split(",")):
        with tempfile.TemporaryDirectory(dir=options.work, prefix="bench-") as work:
            rows += run(patients, options, folder, Path(work))
    report = "\n\n".join([table(rows), targets(rows)])
    print(report)
    if options.markdown:
        Path(options.markdown).write_text(report + "\n", encoding="utf-8")
    if differing := [r for r in rows if r.verdict.startswith("DIFFERS")]:
        raise SystemExit("\n".join(f"{NAMES[r.contender]} at {r.patients:,} patients {r.verdict}" for r in differing))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", default="1000,10000,100000", help="sizes, with commas between them")
    parser.add_argument("--contenders", default=",".join(STEPS), help="which of them to run, with commas between them")
    parser.add_argument("--repeat", type=int, default=3, help="how often, for compiled and SQL")
    parser.add_argument("--pyshacl", type=int, default=10_000, help="run pySHACL up to this many patients")
    parser.add_argument("--others", type=int, default=10_000, help="run the engines that read RDF up to this many")
    parser.add_argument("--processes", type=int, default=2, help="of pySHACL; its memory is that of the largest")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds after which a contender is stopped")
    parser.add_argument("--spoil", type=float, default=0.0, help="share of cells to make wrong")
    parser.add_argument("--memory", default="600MB", help="DuckDB's limit for the hand-written SQL")
    parser.add_argument("--records", default=None, help="folder in which the records are kept from run to run")
    parser.add_argument("--work", default=None, help="folder for temporary files")
    parser.add_argument("--markdown", default=None, help="also write the tables here")
    return parser.parse_args()


def step(name: str, *arguments: str) -> None:
    """Prepare the records, or run a contender and write its seconds down."""
    first, second, words = arguments
    options = argparse.Namespace(**json.loads(words))
    if name == "prepare":
        prepare(Path(first), int(second), options)
        return
    clock = Clock()
    STEPS[name](Path(first), Path(second), options, clock)
    (Path(second) / "seconds.json").write_text(json.dumps(clock.seconds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        step(*sys.argv[2:])
    else:
        main()
