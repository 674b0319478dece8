"""Building: complete or not at all, with every partner in one graph, and no key in any file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from haemony.engine.errors import BuildError, DeliveryError, HaemonyError
from haemony.graph_loader.build import GRAPH, PartnerSummary, Request, build, current_build
from haemony.graph_loader.scorecards import REFUSED
from haemony.graph_loader.stores.ladybug import LadybugStore
from haemony.mappings.model import Partner
from haemony.mappings.partner import read_partner
from haemony.ontology.schema import Schema, read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.graph_loader.partners import NAME, Ward, lines
from tests.mappings.partner_files import meaning, row, value

SECRET = "the-secret-of-this-installation"
KEY, PERSON = "KEY4711", "Mustermann"

TRANSFUSIONS = """
@prefix : <https://w3id.org/haemony/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:units a owl:DatatypeProperty .
:irradiated a owl:DatatypeProperty .
:Transfusion a owl:Class ; rdfs:subClassOf :Record ; :order 50 ; rdfs:comment "Blood products given." ;
  :relationship "WAS_TRANSFUSED" ; :repeatable true ; owl:hasKey ( :patient :concept :day ) .
:Transfusion.concept a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :concept ;
  rdfs:domain :Transfusion ; rdfs:range :Concept ; :order 1 ; :role "main" ; :relationship "GAVE" ;
  rdfs:comment "What." .
:Transfusion.units a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :units ;
  rdfs:domain :Transfusion ; rdfs:range xsd:integer ; :order 2 ; rdfs:comment "How many." .
:Transfusion.irradiated a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :irradiated ;
  rdfs:domain :Transfusion ; rdfs:range xsd:boolean ; :order 3 ; rdfs:comment "Whether." .
:Transfusion.day a owl:DatatypeProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :day ;
  rdfs:domain :Transfusion ; rdfs:range xsd:integer ; :order 4 ; :time "day" ; rdfs:comment "When." .
"""

SHAPES = """
@prefix : <https://w3id.org/haemony/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://w3id.org/haemony/shape/> .
shape:age sh:targetClass :Patient ; sh:path :age ; sh:maxInclusive 120 ; sh:severity sh:Violation ;
  sh:message "Aged {value}." .
shape:cycles sh:targetClass :Treatment ; sh:path :cycles ; sh:maxInclusive 50 ; sh:severity sh:Violation ;
  sh:message "{value} cycles." .
shape:low sh:targetClass :Measurement ; sh:path :value ; sh:minInclusive 3 ; sh:severity sh:Warning ;
  sh:message "Low: {value}." .
"""

LAYOUT = """
patients: patients
index: {event: diagnosis, relative: true}
tables:
  patients: {file: patients.csv, patient: ID, at: index}
  lot: {file: lot.csv, encoding: cp1252, patient: "replace(Sample, 'S-', '')"}
"""
SITE = Ward(
    LAYOUT,
    [
        row("patients", "ID", "key"),
        row("patients", "name", "drop", note="a name"),
        row("patients", "age", record="Patient", field="age", unit="a"),
        row("patients", "Hb", record="Measurement", unit="g/dL"),
        row("patients", "remark", "ignore", note="free text"),
        row("patients", "blood", record="Transfusion#t", field="concept"),
        row("patients", "bags", record="Transfusion#t", field="units"),
        row("patients", "ray", record="Transfusion#t", field="irradiated", format="y|n"),
        row("lot", "Sample", "key"),
        row("lot", "drug", record="Treatment#lot", field="concept"),
        row("lot", "cycles", record="Treatment#lot", field="cycles"),
        row("lot", "best", record="Response#r", field="concept", of="lot"),
    ],
    [
        meaning("ward:patients.Hb", "OMOP:3000963"),
        value("ward:patients.blood", "red", "haemony:azacitidine"),
        value("ward:lot.drug", "Bortezomib®", "haemony:bortezomib"),
        value("ward:lot.best", "CR", "haemony:complete-remission"),
    ],
    {
        "patients.csv": lines(f"""
            ID       name      age Hb  remark blood bags ray
            {KEY}A   {PERSON}A 61  9.5 fine   red   2    y
            {KEY}B   {PERSON}B 130 9   .      red   1    n
            {KEY}C   {PERSON}C 50  2   .      .     .    .
            {KEY}D   {PERSON}D 50  ?   .      green .    .
            """),
        "lot.csv": lines(f"""
            Sample     drug        cycles best
            S-{KEY}A   Bortezomib® 4      CR
            S-{KEY}B   Bortezomib® 4      CR
            S-{KEY}C   Bortezomib® 99     CR
            S-{KEY}Z   Bortezomib® 4      CR
            """).encode("cp1252"),
    },
)


@dataclass
class Home:
    """A build folder, what it is built from, and with which schema."""

    path: Path
    schema: Schema
    partners: dict[str, tuple[Partner, Path]]

    @property
    def folder(self) -> Path:
        return self.path / "build"

    def request(self, *names: str, tolerated: float = 0.5) -> Request:
        partners = {name: self.partners[name] for name in names}
        return Request(partners, self.folder, SECRET, (self.path / "shapes.ttl",), tolerated, processes=1)

    def build(self, *names: str, tolerated: float = 0.5) -> list[PartnerSummary]:
        return build(self.request(*names, tolerated=tolerated), self.schema, read_vocabulary())

    def ask(self, cypher: str) -> list[tuple[Any, ...]]:
        with LadybugStore(current_build(self.folder) / GRAPH) as store:
            return list(store.query(cypher).rows)

    def rows(self, file: str, partner: str = NAME) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(
            current_build(self.folder) / "partners" / partner / file
        ).to_pylist()
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Everything that a reader of the current build can see, byte by byte."""
        root = current_build(self.folder)
        return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def set_up(path: Path) -> Home:
    """Write two partners of one layout, shapes and an extension of the ontology."""
    (path / "own.ttl").write_text(TRANSFUSIONS)
    (path / "shapes.ttl").write_text(SHAPES)
    schema = read_schema(path / "own.ttl")
    ward, data = SITE.write(path, schema)
    annex = path / "partners" / "annex"
    annex.mkdir()
    (annex / "partner.yaml").write_text(f"partner: annex\nlike: {NAME}\ntitle: The annex\n{LAYOUT}")
    SITE.deliver(path / "annex")
    return Home(
        path, schema, {NAME: (ward, data), "annex": (read_partner(annex, read_vocabulary(), schema), path / "annex")}
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = set_up(tmp_path_factory.mktemp("home"))
    with pytest.raises(BuildError, match="no build"):
        current_build(home.folder)
    home.build(NAME, "annex")
    return home


# --- the tests run in their order: each finds the build that the one before it left ---------------------------------


def test_a_build_holds_what_the_contract_says(home: Home) -> None:
    root = current_build(home.folder)
    files = {str(p.relative_to(root / "partners" / NAME)) for p in (root / "partners" / NAME).rglob("*.parquet")}
    assert {
        "records/Patient.parquet",
        "records/Transfusion.parquet",
        "records/Panel.parquet",
        "records/tested.parquet",
    } <= files
    assert {"sources.parquet", "issues.parquet", "violations.parquet", "ledger.parquet", "mappings.parquet"} <= files
    about = json.loads((root / "build.json").read_text())
    assert about["partners"] == ["annex", NAME]
    assert about["vocabulary"] == read_vocabulary().release
    assert not (root / "work").exists()
    assert [p.name for p in (home.folder / "builds").iterdir()] == [root.name]


def test_no_file_holds_a_key_a_name_or_the_secret(home: Home) -> None:
    texts = [KEY, PERSON, SECRET]
    for name, content in home.snapshot().items():
        assert not [t for t in texts if t.encode() in content or t.encode("utf-16-le") in content], name
    connection = duckdb.connect()
    for path in current_build(home.folder).rglob("*.parquet"):
        # Pages are compressed: the words must be looked for in the values themselves.
        for row_ in connection.execute(f"SELECT t::VARCHAR FROM read_parquet('{path}') t").fetchall():
            assert not [t for t in texts if t in row_[0]], path.name
    for label in ("Patient", "Treatment", "Dataset", "Measurement"):
        for (node,) in home.ask(f"MATCH (n:{label}) RETURN n"):
            assert not [t for t in texts if t in str(node)], label
    outside = [
        p for p in home.folder.rglob("*") if p.is_file() and current_build(home.folder) not in p.resolve().parents
    ]
    history = [str(p.relative_to(home.folder)) for p in sorted(outside)]
    assert history == ["quality/annex.jsonl", f"quality/{NAME}.jsonl"]


def test_pseudonyms_of_two_partners_differ(home: Home) -> None:
    ids = [{r["id"] for r in home.rows("records/Patient.parquet", name)} for name in (NAME, "annex")]
    assert all(ids) and not ids[0] & ids[1]


def test_a_violation_takes_the_record_out_with_its_dependents(home: Home) -> None:
    patients = home.rows("records/Patient.parquet")
    assert len(patients) == 3
    assert {float(r["age"]) for r in patients} == {61.0, 50.0}
    kept = {r["id"] for r in patients}
    for cls in ("Measurement", "Treatment", "Response", "Transfusion"):
        assert {r["patient"] for r in home.rows(f"records/{cls}.parquet")} <= kept
    issues = {(i["table"], i["row"], i["column"]): i["reason"] for i in home.rows("issues.parquet")}
    assert issues["patients", 3, "age"] == "age"
    assert issues["patients", 3, "Hb"] == issues["lot", 3, "drug"] == issues["patients", 3, "blood"] == "dependent"
    assert {(v["shape"], v["severity"]) for v in home.rows("violations.parquet")} == {
        ("age", "Violation"),
        ("cycles", "Violation"),
        ("low", "Warning"),
    }


def test_what_refers_to_a_record_that_is_out_stays_without_it_and_flagged(home: Home) -> None:
    treatments = {r["id"] for r in home.rows("records/Treatment.parquet")}
    responses = home.rows("records/Response.parquet")
    assert len(treatments) == 1 and len(responses) == 2
    assert sorted((r["treatment"] in treatments, r["flags"]) for r in responses) == [(False, ["dependent"]), (True, [])]


def test_a_warning_loads_with_a_flag(home: Home) -> None:
    low = [r for r in home.rows("records/Measurement.parquet") if r["value"] == 2]
    assert [r["flags"] for r in low] == [["low"]]


def test_the_ledger_counts_what_validation_took_out(home: Home) -> None:
    ledger = home.rows("ledger.parquet")
    sums: dict[tuple[str, str], int] = {}
    for line in ledger:
        sums[line["table"], line["column"]] = sums.get((line["table"], line["column"]), 0) + line["cells"]
    assert set(sums.values()) == {4}
    assert ("patients", "age", "quarantined", "age", 1) in {
        (r["table"], r["column"], r["fate"], r["reason"], r["cells"]) for r in ledger
    }
    loaded = {(s["table"], s["row"], s["column"]) for s in home.rows("sources.parquet")}
    assert ("patients", 2, "Hb") in loaded and ("patients", 3, "Hb") not in loaded


def test_a_new_class_flows_to_the_graph(home: Home) -> None:
    found = home.ask(
        "MATCH (d:Dataset)<-[:FROM]-(:Patient)-[:WAS_TRANSFUSED]->(t:Transfusion)-[:GAVE]->(c:Concept) "
        "RETURN t.units, t.irradiated, t.day, c.name ORDER BY d.id"
    )
    assert found == [(2, True, 0, "azacitidine")] * 2


def test_a_partner_at_fault_leaves_the_old_build_whole(home: Home) -> None:
    before, data = home.snapshot(), home.partners[NAME][1]
    good = (data / "patients.csv").read_bytes()
    (data / "patients.csv").write_bytes(good.rstrip()[:-8] + b"\n")
    (home.partners["annex"][1] / "lot.csv").rename(home.path / "hidden.csv")
    with pytest.raises(DeliveryError) as caught:
        home.build(NAME, "annex")
    assert {p.file for p in caught.value.problems} == {"patients.csv", "lot.csv"}  # of both partners
    assert KEY not in str(caught.value) and PERSON not in str(caught.value)
    (data / "patients.csv").write_bytes(good)
    (home.path / "hidden.csv").rename(home.partners["annex"][1] / "lot.csv")
    with pytest.raises(HaemonyError):
        home.build(NAME, tolerated=0.0)
    assert home.snapshot() == before
    assert len(list((home.folder / "builds").iterdir())) == 1


def test_a_rejected_delivery_is_refused_unless_a_reason_is_given(home: Home) -> None:
    before, data = home.snapshot(), home.partners[NAME][1]
    good = (data / "patients.csv").read_text()
    (data / "patients.csv").write_text(good.replace(" 61 ", " 161 ").replace(",61,", ",161,").replace(",50,", ",150,"))
    with pytest.raises(BuildError) as caught:
        home.build(NAME, tolerated=1.0)
    assert "age: 4 of 4 records (100 %), at most 1 % may" in str(caught.value)
    assert home.snapshot() == before
    refused = home.folder / REFUSED / "partners"
    assert [p.name for p in refused.iterdir()] == [NAME] and (refused / NAME / "violations.parquet").is_file()
    assert not [t for t in (KEY, PERSON) for p in refused.rglob("*.json") if t in p.read_text()]
    request = replace(home.request(NAME, tolerated=1.0), accepted="the registry is moving")
    (summary,) = build(request, home.schema, read_vocabulary())
    card = json.loads((current_build(home.folder) / "partners" / NAME / "quality.json").read_text())
    assert summary.level == card["level"] == "rejected" and card["accepted"] == "the registry is moving"
    assert not (home.folder / REFUSED).exists()
    (data / "patients.csv").write_text(good)
    home.build(NAME)


KILLED = """
import sys
from pathlib import Path
from tests.graph_loader.test_build import NAME, set_up, Home
from haemony.graph_loader.build import build
from haemony.mappings.partner import read_partner
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary
path = Path(sys.argv[1])
schema = read_schema(path / "own.ttl")
partner = read_partner(path / "partners" / NAME, read_vocabulary(), schema)
home = Home(path, schema, {NAME: (partner, path / "data")})
build(home.request(NAME), schema, read_vocabulary(), lambda _, step: print(step, flush=True))
"""


def test_a_killed_build_leaves_the_old_one_at_work(home: Home) -> None:
    before = home.snapshot()
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home.path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    for step in process.stdout:
        if step.strip() == "joining facts":
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    assert home.snapshot() == before
    assert home.ask("MATCH (p:Patient) RETURN count(p)") == [(6,)]


def test_a_build_of_one_partner_carries_the_other_over(home: Home) -> None:
    former = current_build(home.folder)
    assert len(list((home.folder / "builds").iterdir())) == 2  # with what the killed build left
    (home.partners[NAME][1] / "patients.csv").write_text(
        lines(f"""
            ID       name      age Hb  remark blood bags ray
            {KEY}A   {PERSON}A 61  9.5 fine   red   3    y
            """)
    )
    annex = {r["id"] for r in home.rows("records/Patient.parquet", "annex")}
    kept = {r["id"] for r in home.rows("records/Patient.parquet")}
    home.build(NAME)
    assert {r["id"] for r in home.rows("records/Patient.parquet", "annex")} == annex
    (mine,) = home.rows("records/Patient.parquet")
    assert mine["id"] in kept  # a pseudonym stays the same from build to build
    counts = home.ask("MATCH (p:Patient)-[:FROM]->(d:Dataset) RETURN d.id, count(p) ORDER BY d.id")
    assert counts == [("annex", 3), (NAME, 1)]
    assert current_build(home.folder) != former
    assert [p.name for p in (home.folder / "builds").iterdir()] == [current_build(home.folder).name]
    assert [p.name for p in home.folder.iterdir() if p.name.startswith(".")] == []


@pytest.mark.skipif(os.name != "posix", reason="rights of files are Posix ones")
def test_a_build_is_for_its_owner_only(home: Home) -> None:
    assert current_build(home.folder).stat().st_mode & 0o077 == 0
