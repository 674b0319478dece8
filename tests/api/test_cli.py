from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from haemony import __version__
from haemony.api.cli import app
from haemony.engine.on_duckdb import DuckDBSession

Run = Callable[..., Result]

LAYOUT = """
partner: tiny
title: A tiny partner
patients: roster
index: {event: diagnosis, relative: true}
tables:
  roster: {file: roster.csv, patient: id, at: index}
"""
DICTIONARY = """
table,variable,label,use,record,field,unit,format,at,of,note
roster,id,,key,,,,,,,
roster,sex,,map,Patient,sex,,,,,
roster,hb,,map,Measurement,value,g/dL,,,,
roster,npm1,,map,Mutation,present,,1|0,,,
"""
CONCEPTS = """
subject_id,subject_label,subject_type,subject_source,predicate_id,object_id,object_label
,m,rdfs literal,tiny:roster.sex,skos:exactMatch,OMOP:8507,male
,f,rdfs literal,tiny:roster.sex,skos:exactMatch,OMOP:8532,female
tiny:roster.hb,,,,skos:exactMatch,OMOP:3000963,
tiny:roster.npm1,,,,skos:exactMatch,OMOP:35948005,
"""


class Home:
    """A working folder with one partner of 30 patients, for tests to spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mappings = folder / "mine"
        self.partner = self.mappings / "partners" / "tiny"
        self.data = folder / "data"
        self.partner.mkdir(parents=True)
        self.data.mkdir()
        self.layout(LAYOUT)
        self.dictionary(DICTIONARY)
        self.concepts(CONCEPTS)
        self.deliver()

    def layout(self, text: str) -> None:
        (self.partner / "partner.yaml").write_text(text.lstrip(), encoding="utf-8")

    def dictionary(self, text: str) -> None:
        (self.partner / "dictionary.tsv").write_text(text.lstrip().replace(",", "\t"), encoding="utf-8")

    def concepts(self, text: str) -> None:
        (self.partner / "concepts.sssom.tsv").write_text(text.lstrip().replace(",", "\t"), encoding="utf-8")

    def deliver(self, spoilt: dict[int, str] | None = None, header: str = "id,sex,hb,npm1") -> None:
        rows = [f"p{n},{'mf'[n % 2]},{9 + n / 10:.1f},{n % 3 and 1}" for n in range(30)]
        for number, row in (spoilt or {}).items():
            rows[number] = row
        (self.data / "roster.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def run(home: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(home.folder)
    monkeypatch.setenv("HAEMONY_SECRET_FILE", str(home.folder / "secret"))
    monkeypatch.setenv("HAEMONY_PROCESSES", "1")
    return lambda *arguments: CliRunner().invoke(app, ["--mappings", str(home.mappings), *arguments])


def build(run: Run, *more: str) -> Result:
    return run("build", "tiny", "--data", "data", *more)


def faults(result: Result) -> list[str]:
    """Return the problems that a failed command lists, once it is sure that it failed as it should."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    *lines, total = [
        line for line in result.stderr.splitlines() if line.strip() and not line.lstrip()[0].isdecimal()
    ] + [result.stderr.strip().splitlines()[-1]]
    assert total == (f"{len(lines)} problems" if len(lines) != 1 else "1 problem"), result.stderr
    return lines


# --- what every command owes ---------------------------------------------------------------------------------------


def commands() -> list[tuple[str, ...]]:
    from typer.main import get_command

    found: list[tuple[str, ...]] = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(name, other) for other in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output and f"haemony {' '.join(command)}" in " ".join(shown.output.split())


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.strip() == f"haemony {__version__}"


# --- building ------------------------------------------------------------------------------------------------------


def test_build_loads_and_reports_and_a_failed_one_leaves_it_alone(run: Run, home: Home) -> None:
    home.deliver({3: "p3,x,9.3,1", 4: "p4,m,much,1", 5: "p6,m,9.5,1"})
    done = build(run, "--json")
    assert done.exit_code == 0, done.output
    [summary] = json.loads(done.stdout)["built"]
    assert summary["records"]["Patient"] == 28, "the key that stands twice is out"
    assert sum(summary["cells"].values()) == 30 * 4
    listed = run("report", "tiny", "--issues").stdout
    assert {(*row[2:4], row[5]) for row in csv.reader(io.StringIO(listed)) if "p" not in row[2]} >= {
        ("5", "sex", "unmapped"), ("6", "hb", "unreadable-number"), ("7", "hb", "duplicate-key"),
    }  # fmt: skip
    assert "much" not in listed

    before = (home.folder / ".haemony" / "current").resolve()
    home.deliver({n: f"p{n},m,much,1" for n in range(5)})
    [fault] = faults(build(run))
    assert "roster.csv" in fault and "hb" in fault and "17%" in fault
    assert (home.folder / ".haemony" / "current").resolve() == before
    counted = run("cypher", "MATCH (p:Patient) RETURN count(p) AS n", "--format", "csv")
    assert counted.stdout.split() == ["n", "28"]
    assert build(run, "--tolerate", "0.2").exit_code == 0


def test_build_without_names_takes_whose_files_are_there(run: Run) -> None:
    done = run("build", "--data", "data", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert [s["name"] for s in said["built"]] == ["tiny"]
    assert {"amlsg", "demo_aml", "demo_mds"} <= set(said["left_out"])
    assert "demo_aml is left out: demo_aml/stammdaten.csv is not there" in done.stderr


def test_a_partner_of_whom_a_file_is_missing_is_not_left_out(run: Run, home: Home) -> None:
    assert build(run).exit_code == 0
    before = (home.folder / ".haemony" / "current").resolve()
    home.layout(LAYOUT + "  more: {file: more.csv, patient: id}\n")
    home.dictionary(DICTIONARY + "more,id,,key,,,,,,,\n")
    listed = faults(run("build", "--data", "data"))
    assert [line for line in listed if "more.csv" in line and "the file is missing" in line], listed
    assert (home.folder / ".haemony" / "current").resolve() == before


def test_a_partner_of_the_former_build_that_is_left_out_is_mentioned(run: Run, home: Home) -> None:
    assert build(run).exit_code == 0
    (home.data / "roster.csv").unlink()
    said = [line for line in faults(run("build", "--data", "data")) if line.startswith("tiny:")]
    assert said == ["tiny: left out: roster.csv is not there; what the former build holds of it stays in the graph."]


def test_copies_of_a_refused_delivery_are_kept_in_the_build_folder_alone(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    class Watched(DuckDBSession):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            folders.append(folder)

    monkeypatch.setattr("haemony.api.workbench.DuckDBSession", Watched)
    home.concepts(CONCEPTS.replace("OMOP:35948005", "OMOP:99"))
    home.deliver({29: "p29,m"})
    assert any("too few columns" in line for line in faults(build(run)))
    [folder] = folders
    assert folder.parent.parent.resolve() == (home.folder / ".haemony" / "builds").resolve()
    assert folder.parent.name.endswith(f".{os.getpid()}.partial")
    assert list((home.folder / ".haemony" / "builds").iterdir()) == []


def test_all_faults_of_mapping_and_headers_are_listed_at_once(run: Run, home: Home) -> None:
    home.dictionary(DICTIONARY.replace("g/dL", "furlong").replace("Patient,sex", "Patient,sax"))
    home.concepts(CONCEPTS.replace("OMOP:35948005", "OMOP:99"))
    home.deliver(header="id,sex,hb,npm2")
    listed = faults(build(run))
    for word in ("furlong", "'sax'", "OMOP:99", "npm1", "npm2"):
        assert any(word in line for line in listed), (word, listed)
    assert not (home.folder / ".haemony" / "current").exists()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda h: h.layout(LAYOUT + "  roster: [\n"), "partner.yaml"),
        (lambda h: (h.data / "roster.csv").unlink(), "the file is missing"),
        (lambda h: h.deliver({29: "p29,m"}), "too few columns"),
        (lambda h: h.deliver(header="pid,sex,hb,npm1"), "id"),
        (lambda h: (h.data / "roster.csv").write_text(""), "empty"),
    ],
    ids=["broken YAML", "missing file", "truncated", "no key column", "empty"],
)  # fmt: skip
def test_a_fault_of_structure_stops_the_build(run: Run, home: Home, spoil: Callable[[Home], object], word: str) -> None:
    spoil(home)
    assert any(word in line for line in faults(build(run)))


def test_check_needs_no_data(run: Run, home: Home) -> None:
    (home.data / "roster.csv").unlink()
    assert run("check", "tiny").exit_code == 0
    home.dictionary(DICTIONARY.replace("g/dL", "furlong"))
    home.concepts(CONCEPTS.replace("OMOP:35948005", "OMOP:99"))
    assert len(faults(run("check", "tiny"))) == 2
    said = run("check", "tiny", "--json")
    assert said.exit_code == 1
    assert len(json.loads(said.stdout)["problems"]) == 2


def test_unknown_partner(run: Run) -> None:
    assert faults(run("build", "tony", "--data", "data")) == ["there is no partner 'tony'. Did you mean 'tiny'?"]
    assert "tiny" in faults(run("check", "tony"))[0]


# --- settings ------------------------------------------------------------------------------------------------------


def test_secret_stays_out_of_the_build_folder(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAEMONY_SECRET_FILE", ".haemony/sub/../secret")
    assert "lies in the build folder" in faults(build(run))[0]
    assert not (home.folder / ".haemony" / "secret").exists()


def test_settings_are_checked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAEMONY_TOLERATE", "a lot")
    assert "HAEMONY_TOLERATE" in faults(run("report"))[0]


def test_no_build_yet(run: Run) -> None:
    for command in (("report",), ("cypher", "RETURN 1"), ("why", "abcdef"), ("queries", "run", "dataset-overview")):
        assert "there is no build" in faults(run(*command))[0]


def test_interrupt_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("haemony.api.workbench.Workbench.build", stop)
    stopped = build(run)
    assert stopped.exit_code == 130
    assert "Stopped." in stopped.stderr


@pytest.mark.parametrize("error", [duckdb.ConversionException, MemoryError, RuntimeError, OSError])
def test_an_unexpected_error_shows_no_traceback_and_no_value(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("Could not convert 'Mustermann'")

    monkeypatch.setattr("haemony.api.workbench.Workbench.build", fail)
    [fault] = faults(build(run))
    assert fault.startswith(f"something went wrong inside Haemony ({error.__name__}) while running haemony build;")
    assert "HAEMONY_DEBUG=1" in fault and "Mustermann" not in fault
    monkeypatch.setenv("HAEMONY_DEBUG", "1")
    debugged = build(run)
    assert isinstance(debugged.exception, error)


def test_wrong_usage_stays_wrong_usage(run: Run) -> None:
    wrong = run("build")
    assert wrong.exit_code == 2 and "--data" in wrong.output and "something went wrong" not in wrong.output


# --- asking --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(demo_home)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_cypher_in_three_formats(ask: Run) -> None:
    query = "UNWIND [3, 1] AS n RETURN n, ['b', 'a'] AS list, n > 2 AS big ORDER BY n"
    assert json.loads(ask("cypher", query, "--format", "json").stdout) == [
        {"n": 1, "list": ["b", "a"], "big": False},
        {"n": 3, "list": ["b", "a"], "big": True},
    ]
    assert list(csv.reader(io.StringIO(ask("cypher", query, "--format", "csv").stdout))) == [
        ["n", "list", "big"], ["1", '["b", "a"]', "false"], ["3", '["b", "a"]', "true"],
    ]  # fmt: skip
    assert "yes" in ask("cypher", query).stdout


def test_cypher_takes_parameters_and_says_when_there_is_more(ask: Run) -> None:
    found = ask("cypher", "UNWIND $list AS n RETURN n", "--param", "list=[1,2,3]", "--limit", "2", "--format", "csv")
    assert found.stdout.split() == ["n", "1", "2"]
    assert "there are more" in found.stderr


@pytest.mark.parametrize("query", ["MATCH (n) DETACH DELETE n", "MATCH (n RETURN n", "", "RETURN $absent"])
def test_bad_cypher(ask: Run, query: str) -> None:
    assert len(faults(ask("cypher", query))) == 1


def test_queries(ask: Run, tmp_path: Path) -> None:
    names = [q["name"] for q in json.loads(ask("queries", "list", "--json").stdout)]
    assert "survival-by-genotype" in names
    assert "MATCH" in ask("queries", "show", "comutations").stdout
    chart = tmp_path / "curve.svg"
    survival = ("queries", "run", "survival-by-genotype", "--param", "alterations=NPM1,FLT3-ITD")
    found = ask(*survival, "--format", "json", "--chart", str(chart))
    assert {"group", "n", "deaths", "median_years"} <= set(json.loads(found.stdout)[0])
    assert chart.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("comutation",), "comutations"),
        (("comutations",), "alteration"),
        (("comutations", "-p", "alteration"), "NAME=VALUE"),
        (("comutations", "-p", "alteration=NPM1", "-p", "gene=x"), "gene"),
        (("comutations", "-p", "alteration=no such thing at all"), "names no concept"),
        (("comutations", "-p", "alteration=NPM1", "--chart", "x.png"), "no survival curve"),
        (("survival-by-genotype", "-p", "alterations=NPM1", "--chart", "x.gif"), ".gif"),
    ],
)
def test_bad_query(ask: Run, arguments: tuple[str, ...], word: str) -> None:
    assert any(word in line for line in faults(ask("queries", "run", *arguments)))


def test_why(ask: Run) -> None:
    [node] = json.loads(ask("cypher", "MATCH (m:Mutation) RETURN m.id AS id LIMIT 1", "--format", "json").stdout)
    chain = json.loads(ask("why", node["id"], "--json").stdout)
    assert chain["record_class"] == "Mutation" and chain["sources"] and chain["mappings"] and chain["release"]
    assert "source cells" in ask("why", node["id"]).stdout
    assert len(faults(ask("why", "no-such-node"))) == 1


def test_schema_and_vocabulary(run: Run) -> None:
    classes = json.loads(run("schema", "--json").stdout)
    assert "Mutation" in {c["name"] for c in classes}
    [measurement] = json.loads(run("schema", "Measurement", "--json").stdout)
    assert {f["name"]: f["mappable"] for f in measurement["fields"]}["value"]
    assert "hgvs_c" in run("schema", "Mutation").stdout
    assert "Did you mean 'Mutation'?" in faults(run("schema", "Mutatoin"))[0]
    found = json.loads(run("vocabulary", "search", "Thrombozyten", "--json").stdout)
    assert found[0]["class"] == "Measurement"
    assert json.loads(run("vocabulary", "show", "haemony:flt3-itd", "--json").stdout)["id"] == 2100000022
    assert len(faults(run("vocabulary", "show", "haemony:nothing"))) == 1


def test_shacl_report(ask: Run, tmp_path: Path) -> None:
    out = tmp_path / "report.ttl"
    everyone = json.loads(ask("report", "--shacl", str(out), "--json").stdout)["results"]
    assert "sh:ValidationReport" in out.read_text(encoding="utf-8")
    said = ask("report", "demo_mds", "--shacl", str(out))
    assert said.exit_code == 0 and " results" in said.stdout
    assert out.read_text(encoding="utf-8").count("sh:result [") < everyone
    assert "demo_aml" in faults(ask("report", "demo_amk", "--shacl", str(out)))[0]
    assert "no-such" in faults(ask("report", "--shacl", str(tmp_path / "no-such" / "report.ttl")))[0]


def test_demo_as_json(run: Run) -> None:
    made = run("demo", "--patients", "60", "--json")
    assert made.exit_code == 0, made.output
    said = json.loads(made.stdout)
    assert {s["name"] for s in said["built"]} == {"demo_aml", "demo_mds", "demo_mm"}
    assert said["answers"].keys() == {"survival-by-genotype", "comutations", "tested-negative", "lines-of-therapy"}


def test_demo_data(run: Run, home: Home) -> None:
    written = json.loads(run("demo-data", "--patients", "10", "--seed", "3", "made", "--json").stdout)
    assert sum(partner["patients"] for partner in written.values()) == 10
    assert (home.folder / "made" / "mistakes.json").is_file()


# --- engines -------------------------------------------------------------------------------------------------------


def test_an_unknown_engine_is_one_line(home: Home, run: Run) -> None:
    assert "duckdb" in faults(build(run, "--engine", "sparc"))[0]


def test_spark_that_is_not_installed_is_one_line(home: Home, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.setenv("HAEMONY_ENGINE", "spark")
    assert "pip install 'haemony[spark]'" in faults(build(run))[0]
    assert build(run, "--engine", "duckdb").exit_code == 0
