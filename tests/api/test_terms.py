"""An imported vocabulary from the command line: taken in, searched, named by a mapping, and in the graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haemony.api.cli import app

CONCEPT = """\
concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason
4400001\tSmouldering leukaemia\tCondition\tSNOMED\tDisorder\tS\t111\t19700101\t20991231\t
4400002\tLeukaemia of old\tCondition\tSNOMED\tDisorder\t\t333\t19700101\t20200131\tU
4400003\tsmouldering code\tCondition\tICD10CM\tcode\t\tC92X\t19700101\t20991231\t
"""
RELATIONSHIP = """\
concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason
4400001\t140352\tIs a\t19700101\t20991231\t
4400002\t4400001\tConcept replaced by\t19700101\t20991231\t
4400003\t4400001\tMaps to\t19700101\t20991231\t
"""
LAYOUT = """\
partner: tiny
title: A tiny partner
patients: roster
index: {event: diagnosis, relative: true}
tables:
  roster: {file: roster.csv, patient: id, at: index}
"""
DICTIONARY = """\
table\tvariable\tlabel\tuse\trecord\tfield\tunit\tformat\tat\tof\tnote
roster\tid\t\tkey\t\t\t\t\t\t\t
roster\tsex\t\tmap\tPatient\tsex\t\t\t\t\t
roster\tdx\t\tmap\tDiagnosis#dx\tconcept\t\t\t\t\t
roster\ticd\t\tmap\tDiagnosis#icd\tconcept\t\tICD10CM\t\t\t
"""
CONCEPTS = """\
subject_id\tsubject_label\tsubject_type\tsubject_source\tpredicate_id\tobject_id\tobject_label
\tm\trdfs literal\ttiny:roster.sex\tskos:exactMatch\tOMOP:8507\tmale
\tsm\trdfs literal\ttiny:roster.dx\tskos:exactMatch\tSNOMED:111\tSmouldering leukaemia
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "athena/CONCEPT.csv": CONCEPT,
        "athena/CONCEPT_RELATIONSHIP.csv": RELATIONSHIP,
        "mine/partners/tiny/partner.yaml": LAYOUT,
        "mine/partners/tiny/dictionary.tsv": DICTIONARY,
        "mine/partners/tiny/concepts.sssom.tsv": CONCEPTS,
        "data/roster.csv": "id,sex,dx,icd\n" + "".join(f"p{n},m,sm,C92X\n" for n in range(20)),
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


def test_a_concept_is_unknown_until_it_is_imported(home: Path) -> None:
    assert "SNOMED:111" in run("check", "tiny").output
    assert run("check", "tiny").exit_code == 1
    assert run("vocabulary", "show", "SNOMED:111").exit_code == 1
    made = run("vocabulary", "import", "athena")
    assert made.exit_code == 0 and "release unknown" in made.output
    assert run("check", "tiny").exit_code == 0
    found = json.loads(run("vocabulary", "search", "smouldering leukaemia", "--json").stdout)
    assert found[0]["curie"] == "SNOMED:111" and found[0]["concept_id"] == "4400001"
    above = json.loads(run("vocabulary", "ancestors", "4400001", "--json").stdout)
    assert above[0]["concept_id"] == "140352" and above[0]["steps"] == 1
    assert "Acute myeloid leukemia" in run("vocabulary", "show", "SNOMED:111").stdout


def test_an_old_concept_is_never_mapped_to(home: Path) -> None:
    assert run("vocabulary", "import", "athena").exit_code == 0
    shown = json.loads(run("vocabulary", "show", "4400002", "--json").stdout)
    assert shown["invalid_reason"] == "U" and shown["replaced_by"] == "SNOMED:111 Smouldering leukaemia"
    path = home / "mine" / "partners" / "tiny" / "concepts.sssom.tsv"
    path.write_text(CONCEPTS.replace("SNOMED:111", "SNOMED:333"), encoding="utf-8")
    said = run("check", "tiny")
    assert said.exit_code == 1 and "no longer valid" in said.output and "4400001" in said.output


def test_a_code_that_is_not_standard_deserves_a_look(home: Path) -> None:
    assert run("vocabulary", "import", "athena").exit_code == 0
    path = home / "mine" / "partners" / "tiny" / "concepts.sssom.tsv"
    path.write_text(CONCEPTS.replace("SNOMED:111", "ICD10CM:C92X"), encoding="utf-8")
    said = run("check", "tiny")
    assert said.exit_code == 0 and "no standard concept" in said.output


def test_imported_concepts_reach_the_graph(home: Path) -> None:
    assert run("vocabulary", "import", "athena").exit_code == 0
    built = run("build", "tiny", "--data", "data")
    assert built.exit_code == 0, built.output
    asked = run(
        "cypher", "MATCH (d:Diagnosis)-[:IS]->(c:Concept)-[:IS_A*1..3]->(a:Concept {id: 140352}) "
        "RETURN c.code AS code, count(*) AS n", "--format", "json",
    )  # fmt: skip
    assert json.loads(asked.stdout) == [{"code": "111", "n": 20}]


def test_ancestors_of_a_built_in_concept(home: Path) -> None:
    rows = json.loads(run("vocabulary", "ancestors", "haemony:flt3-itd", "--json").stdout)
    assert rows[0]["steps"] == 1 and "FLT3" in " ".join(row["name"] for row in rows)
    assert run("vocabulary", "ancestors", "haemony:nothing").exit_code == 1
