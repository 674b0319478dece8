"""Shapes from the command line: the file of docs/validation.md, checked, built, listed, explained and tried."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from haemony.api.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
LAYOUT = """\
partner: NAME
title: A tiny partner
patients: roster
index: {event: diagnosis, relative: true}
tables:
  roster: {file: roster.csv, patient: id, at: index}
  labs: {file: labs.csv, patient: id, at: index}
"""
DICTIONARY = """\
table,variable,label,use,record,field,unit,format,at,of,note
roster,id,,key,,,,,,,
roster,sex,,map,Patient,sex,,,,,
roster,npm1,,map,Mutation,present,,1|0,,,
labs,id,,key,,,,,,,
labs,day,,context,,,,,,,
labs,hb,,map,Measurement,value,g/dL,,,,
"""
CONCEPTS = """\
subject_id,subject_label,subject_type,subject_source,predicate_id,object_id,object_label
,m,rdfs literal,tiny:roster.sex,skos:exactMatch,OMOP:8507,male
,f,rdfs literal,tiny:roster.sex,skos:exactMatch,OMOP:8532,female
tiny:labs.hb,,,,skos:exactMatch,OMOP:3000963,
tiny:roster.npm1,,,,skos:exactMatch,OMOP:35948005,
"""
Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    [shapes] = re.findall(r"^```turtle\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    labs = [f"p{n},{9 + n / 10:.1f}" for n in range(30)] + ["p0,10.5", "p1,9.3"]
    files = {
        "mine/partners/tiny/partner.yaml": LAYOUT.replace("NAME", "tiny"),
        "mine/partners/tiny/dictionary.tsv": DICTIONARY.replace("labs,day,,context,,,,,,,\n", "").replace(",", "\t"),
        "mine/partners/tiny/concepts.sssom.tsv": CONCEPTS.replace(",", "\t"),
        "mine/partners/tiny/shapes.ttl": shapes,
        "mine/partners/twin/partner.yaml": LAYOUT.replace("NAME", "twin\nlike: tiny"),
        "data/roster.csv": "id,sex,npm1\n"
        + "".join(f"p{n},{'mf'[n % 2]},{n % 3 or ''}\n".replace(",2", ",0") for n in range(30)),
        "data/labs.csv": "\n".join(["id,hb", *labs]) + "\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAEMONY_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("HAEMONY_PROCESSES", "1")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--mappings", "mine", *arguments])


def test_shapes_are_listed_by_text_and_partner(home: Path) -> None:
    ours = json.loads(run("shapes", "list", "OUR-", "--json").stdout)
    assert [(s["id"], s["owner"], s["kahn"]) for s in ours] == [
        ("our-haemoglobin", "partner tiny", "plausibility"),
        ("our-npm1-mutated", "partner tiny", "completeness"),
        ("our-two-of-a-day", "partner tiny", "plausibility"),
    ]
    assert json.loads(run("shapes", "list", "our-", "--partner", "twin", "--json").stdout) == ours
    assert json.loads(run("shapes", "list", "our-", "--partner", "demo_mm", "--json").stdout) == []
    everything = json.loads(run("shapes", "list", "--json").stdout)
    assert {s["owner"] for s in everything} == {"Haemony", "partner tiny"} and len(everything) > 100


def test_a_shape_is_explained(home: Path) -> None:
    shown = run("shapes", "show", "our-haemoglobin")
    assert shown.exit_code == 0
    for text in (
        "every record of Hemoglobin",
        "each is at most 11.5",
        "flags",
        "tiny/shapes.ttl",
        "sh:maxInclusive 11.5",
    ):
        assert text in shown.output
    missing = run("shapes", "show", "our-hemoglobin")
    assert missing.exit_code == 1 and "Did you mean 'our-haemoglobin'?" in missing.stderr
    nobody = run("shapes", "list", "--partner", "tinny")
    assert nobody.exit_code == 1 and "Did you mean 'tiny'?" in nobody.stderr


def test_a_partners_shapes_are_built_reported_and_tried(home: Path) -> None:
    assert run("check", "tiny").exit_code == 0
    built = run("build", "tiny", "--data", "data")
    assert built.exit_code == 0, built.stderr
    folder = home / ".haemony" / "current" / "partners" / "tiny"
    rows = duckdb.sql(f"SELECT shape, targeted, failed, road FROM '{folder / 'checked.parquet'}'").fetchall()
    checked = {shape: rest for shape, *rest in rows}
    assert checked["our-haemoglobin"] == [32, 4, "compiled"]
    assert checked["our-npm1-mutated"] == [30, 20, "compiled"]
    assert checked["our-two-of-a-day"] == [32, 1, "sparql"]
    messages = dict(
        duckdb.sql(f"SELECT shape, min(message) FROM '{folder / 'violations.parquet'}' GROUP BY ALL").fetchall()
    )
    assert messages["our-two-of-a-day"] == "Another haemoglobin of day 0 is 10.5."
    assert messages["our-haemoglobin"] == "A haemoglobin of 11.6 g/dL on day 0 is high for a patient of ours."
    report = run("report", "tiny")
    assert "for their SPARQL: our-two-of-a-day." in report.output
    assert "is high for a patient of ours" in report.output
    (home / "mine/partners/tiny/shapes.ttl").unlink()  # the build keeps them
    assert run("report", "tiny", "--shacl", "r.ttl").exit_code == 0
    assert "shape/our-two-of-a-day" in (home / "r.ttl").read_text()


def test_a_shape_that_has_just_been_written_is_tried_on_the_last_build(home: Path) -> None:
    file = home / "mine/partners/tiny/shapes.ttl"
    text = file.read_text(encoding="utf-8")
    file.unlink()
    assert run("build", "twin", "--data", "data", "--reference").exit_code == 0
    assert "Validated with the reference engine" in run("report", "twin").output
    file.write_text(text, encoding="utf-8")
    tried = run("shapes", "test", "our-haemoglobin")
    assert "twin: 32 records looked at, 4 break it." in tried.output
    assert "4 × Measurement: A haemoglobin of … … on day … is high" in tried.output
    assert "quarantined are not in it" in tried.stderr
    asked = json.loads(run("shapes", "test", "our-two-of-a-day", "--partner", "twin", "--json").stdout)
    assert [(t["partner"], t["checked"], t["failed"]) for t in asked["tried"]] == [("twin", 32, 1)]
    assert not list((home / ".haemony").glob(".try-*"))


def test_a_fault_of_a_partners_shapes_stops_check_and_build_with_all_others(home: Path) -> None:
    file = home / "mine/partners/tiny/shapes.ttl"
    faults = 'sh:pattern "a(?=b)" ; sh:minCount 1, 2'
    more = f'shape:a sh:targetClass :Patient ; sh:path :sex ; {faults} ; sh:severity sh:Info ; sh:message "x" .'
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    for command in (("check", "tiny"), ("build", "tiny", "--data", "data")):
        failed = run(*command)
        assert failed.exit_code == 1
        assert "tiny/shapes.ttl:a: sh:pattern 'a(?=b)' cannot be honoured" in failed.stderr
        assert "tiny/shapes.ttl:a: sh:minCount breaks a rule of SHACL: there is at most 1." in failed.stderr
        assert failed.stderr.rstrip().endswith("2 problems")
    assert run("check", "demo_mm").exit_code == 0
