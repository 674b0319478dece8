from __future__ import annotations

from pathlib import Path

import pytest

from haemony.engine.errors import Problem
from haemony.mappings.sssom import MappingSet, read_concepts, read_sssom
from haemony.ontology.vocabulary import Vocabulary
from tests.mappings.partner_files import CONCEPTS_HEADER, meaning, tsv, value

SUITE = Path(__file__).parents[2].parent / "shared" / "conformance" / "sssom"
needs_suite = pytest.mark.skipif(not SUITE.is_dir(), reason="the SSSOM conformance files are not beside the project")
EXAMPLES = sorted((SUITE / "examples").rglob("*.sssom.tsv"))
GOOD = ("basic.tsv", "literals.sssom.tsv", "sssom11-extensions.sssom.tsv", "trailing-tabs.sssom.tsv")


def read(path: Path) -> tuple[MappingSet, list[Problem], list[Problem]]:
    problems: list[Problem] = []
    warnings: list[Problem] = []
    return read_sssom(path, problems, warnings), problems, warnings


def messages(problems: list[Problem]) -> str:
    return "\n".join(str(p) for p in problems)


@needs_suite
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_good_examples_of_the_standard_are_read(path: Path) -> None:
    found, problems, _ = read(path)
    body = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    assert not problems, messages(problems)
    assert len(found.lines) == len(body) - 1


@needs_suite
@pytest.mark.parametrize("name", GOOD)
def test_the_good_files_of_sssom_py_are_read(name: str) -> None:
    found, problems, _ = read(SUITE / "sssom_py" / name)
    assert not problems, messages(problems)
    assert found.lines


@needs_suite
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_basic.tsv", "mapping_justification: 'Lexical' is no CURIE. Write semapv:Lexical"),
        ("basic_strict_fail.tsv", "curie_map: 'rdfs' always means"),
        ("test_validation1.sssom.tsv", "3: The # header is broken YAML"),
    ],
)
def test_the_bad_files_of_sssom_py_are_refused(name: str, message: str) -> None:
    _, problems, _ = read(SUITE / "sssom_py" / name)
    assert message in messages(problems)


@needs_suite
def test_an_undeclared_column_is_a_warning_and_a_declared_one_is_not() -> None:
    _, problems, warnings = read(SUITE / "sssom_py" / "sssom11-extensions.sssom.tsv")
    assert not problems
    assert [w.column for w in warnings] == ["ext_undefined"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# curie_map: [\nsubject_id\tpredicate_id\n", "The # header is broken YAML"),
        ("# - a\nsubject_id\tpredicate_id\n", "The # header is no mapping of keys"),
        ("subject_id\tobject_id\n", "predicate_id: The column is missing"),
        ("subject_id\tpredicate_id\tsubject_id\n", "The column stands twice in the header"),
        ("subject_id\tpredicate_id\na:b\tc:d\te\n", "2: The row has 3 cells, the header 2"),
        ("subject_id\tpredicate_id\nx:b\t\n", "2:predicate_id: The row has no predicate"),
        ('subject_id\tpredicate_id\n"a:b\tc:d\n', "The quotes are broken"),
        ("subject_id\tpredicate_id\tconfidence\na:b\tc:d\t1.5\n", "confidence: '1.5' is no number from 0 to 1"),
        ("subject_id\tpredicate_id\tmapping_date\na:b\tc:d\t1/2/24\n", "mapping_date: '1/2/24' is no date"),
        ("subject_id\tpredicate_id\n\tc:d\n", "2:subject_id: The row has no subject"),
        ("", "The file is empty"),
    ],
)
def test_what_breaks_the_standard(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.sssom.tsv"
    path.write_text(text, encoding="utf-8")
    _, problems, _ = read(path)
    assert message in messages(problems)


def test_short_rows_are_read_with_a_warning_and_refused_in_a_partner(tmp_path: Path, vocabulary: Vocabulary) -> None:
    path = tmp_path / "concepts.sssom.tsv"
    path.write_text(
        "subject_id\tpredicate_id\tobject_id\tcomment\np:t.v\tskos:exactMatch\tOMOP:8532\n", encoding="utf-8"
    )
    found, problems, warnings = read(path)
    assert (len(found.lines), problems, len(warnings)) == (1, [], 1)
    refused: list[Problem] = []
    assert read_concepts(path, "p", vocabulary, refused, []) == ()
    assert "2: The row has 3 cells, the header 4" in messages(refused)


def test_line_numbers_count_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.sssom.tsv"
    path.write_text("# license: x\n# comment: y\nsubject_id\tpredicate_id\n\na:b\tc:d\n", encoding="utf-8")
    found, problems, _ = read(path)
    assert not problems
    assert [line.number for line in found.lines] == [5]


def test_a_spreadsheets_quotes_and_bom_are_undone(tmp_path: Path) -> None:
    path = tmp_path / "x.sssom.tsv"
    text = '\ufeffsubject_id\tpredicate_id\tcomment\r\na:b\tc:d\t"says ""no"" here"\r\n'
    path.write_bytes(text.encode("utf-8"))
    found, problems, _ = read(path)
    assert not problems
    assert found.lines[0].cells["comment"] == 'says "no" here'


def test_columns_in_any_order(tmp_path: Path, vocabulary: Vocabulary) -> None:
    rows = [
        meaning("p:t.HB", "OMOP:3000963", reviewer_id="orcid:1"),
        value("p:t.sex", " 2.0 ", "OMOP:8532"),
        value("p:t.unit", "mmol/l", "UCUM:mmol/L", "haemony:mapsToUnit"),
        value("p:t.unit", "odd", "UCUM:10*3/dL", "haemony:mapsToUnit"),
        meaning("p:t.x", "HGNC:7910", "skos:broadMatch", mapping_justification="semapv:LexicalMatching"),
    ]
    found = []
    for number, header in enumerate((CONCEPTS_HEADER, tuple(reversed(CONCEPTS_HEADER)))):
        path = tmp_path / f"p{number}" / "concepts.sssom.tsv"
        path.parent.mkdir()
        path.write_text(tsv(header, rows), encoding="utf-8")
        problems: list[Problem] = []
        found.append(read_concepts(path, "p", vocabulary, problems, []))
        assert not problems, messages(problems)
    assert found[0] == found[1]
    hb, sex, unit, odd, gene = found[0]
    assert (hb.text, hb.concept_id, hb.loads_as, hb.reviewer) == (None, 3000963, "concept", "orcid:1")
    assert hb.justification == "semapv:ManualMappingCuration"
    assert (sex.text, sex.subject_id) == ("2", "p:t.sex")
    assert (unit.loads_as, unit.status) == ("unit", "loads")
    assert (odd.status, odd.concept_id) == ("loads", None)
    assert (gene.status, gene.loads_as) == ("not-loaded", "broad")
