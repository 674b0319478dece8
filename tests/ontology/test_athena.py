"""A download of Athena: what is kept, what is found, what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from haemony.engine.errors import VocabularyError
from haemony.ontology.athena import Athena, type_of
from haemony.ontology.athena_import import import_athena
from haemony.ontology.vocabulary import read_vocabulary

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "omop"

CONCEPT = """\
concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason
900001\tAcute "smouldering" leukaemia\tCondition\tSNOMED\tDisorder\tS\t111\t19700101\t20991231\t
900002\tKind of leukaemia\tCondition\tSNOMED\tDisorder\tS\t222\t1970-01-01\t2099-12-31\t
900003\tLeukaemia, old name\tCondition\tSNOMED\tDisorder\t\t333\t19700101\t20200131\tU
900004\tC92.0 smouldering\tCondition\tICD10CM\tcode\t\tC92.0X\t19700101\t20991231\t
900005\tSome procedure\tProcedure\tMy Terms\tcode\tS\tP 1\t19700101\t20991231\t
140352\tAcute myeloid leukemia, renamed\tCondition\tSNOMED\tDisorder\tS\t91861009\t19700101\t20991231\t
"""
RELATIONSHIP = """\
concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason
900001\t900002\tIs a\t19700101\t20991231\t
900002\t140352\tIs a\t19700101\t20991231\t
900003\t900001\tConcept replaced by\t19700101\t20991231\t
900004\t900001\tMaps to\t19700101\t20991231\t
900001\t900001\tMaps to\t19700101\t20991231\t
900001\t900005\tHas due to\t19700101\t20991231\t
900005\t900001\tIs a\t19700101\t20200101\tD
"""
ANCESTOR = """\
ancestor_concept_id\tdescendant_concept_id\tmin_levels_of_separation\tmax_levels_of_separation
900001\t900001\t0\t0
900002\t900001\t1\t1
140352\t900001\t2\t2
"""
SYNONYM = "concept_id\tconcept_synonym_name\tlanguage_concept_id\n900001\tSchwelende Leukämie\t4182504\n"
VOCABULARY = (
    "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id\n"
    "None\tOMOP\tOMOP\tv5.0 30-AUG-24\t0\n"
)


@pytest.fixture
def download(tmp_path: Path) -> Path:
    folder = tmp_path / "download"
    folder.mkdir()
    files = {
        "CONCEPT": CONCEPT, "CONCEPT_RELATIONSHIP": RELATIONSHIP, "CONCEPT_ANCESTOR": ANCESTOR,
        "CONCEPT_SYNONYM": SYNONYM, "VOCABULARY": VOCABULARY,
    }  # fmt: skip
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def athena(download: Path, tmp_path: Path) -> Athena:
    import_athena(download, tmp_path / "vocabulary")
    return Athena(tmp_path / "vocabulary")


def test_quotes_both_dates_and_kinds_of_relationships(download: Path, tmp_path: Path) -> None:
    rows = import_athena(download, tmp_path / "vocabulary")
    assert rows == {
        "CONCEPT": 6, "CONCEPT_SYNONYM": 1, "CONCEPT_RELATIONSHIP": 5, "CONCEPT_ANCESTOR": 3, "VOCABULARY": 1,
    }  # fmt: skip
    athena = Athena(tmp_path / "vocabulary")
    assert athena.release == "v5.0 30-AUG-24"
    assert athena.find([900001]).concepts[1].name == 'Acute "smouldering" leukaemia'
    assert athena.vocabularies() == {"ICD10CM": 1, "My Terms": 1, "SNOMED": 4}


def test_what_is_named_comes_with_its_ancestors(athena: Athena) -> None:
    built_in = read_vocabulary()
    words = built_in.joined(athena, ["SNOMED:111", "OMOP:140352", "LOINC:718-7", "OMOP:12x"])
    found = words.resolve("SNOMED:111")
    assert found is not None and found.id == 900001 and found.record_class == "Diagnosis"
    assert words.is_a(900001, 140352) and words.is_a(900001, 900002)
    assert words[140352] == built_in[140352]
    assert words.synonyms(900001) == ("Schwelende Leukämie",)
    assert words.release.endswith("+v5.0 30-AUG-24")
    assert 900003 not in words
    assert built_in.joined(athena, ["OMOP:140352"]) is built_in


def test_hierarchy_without_the_ancestor_table(download: Path, tmp_path: Path) -> None:
    (download / "CONCEPT_ANCESTOR.csv").unlink()
    import_athena(download, tmp_path / "vocabulary")
    words = read_vocabulary().joined(Athena(tmp_path / "vocabulary"), ["SNOMED:111"])
    assert words.is_a(900001, 140352)


def test_a_source_code_is_its_standard_concept_and_an_old_one_its_successor(athena: Athena) -> None:
    words = read_vocabulary().joined(athena, ["OMOP:900003", "My_Terms:P 1"], ["ICD10CM"])
    assert words.codes("ICD10CM", "Diagnosis")["C92.0X"] == 900001
    assert words[900003].invalid_reason == "U" and words.successor(900003) == 900001
    assert words[900005].record_class == ""
    assert "333" not in words.codes("SNOMED", "Diagnosis")


def test_search_finds_both_and_nothing_invalid(athena: Athena) -> None:
    words = read_vocabulary()
    names = [c.name for c in words.search_all(athena, "schwelende leukämie")]
    assert names[0] == 'Acute "smouldering" leukaemia'
    assert "Leukaemia, old name" not in [c.name for c in words.search_all(athena, "Leukaemia, old name", 50)]
    assert words.search_all(athena, "Thrombozyten", 1)[0].name == "Platelets [#/volume] in Blood"


@pytest.mark.parametrize(
    ("old", "new", "row", "column"),
    [
        ("900002\tKind", "90000x\tKind", 3, "concept_id"),
        ("222\t1970-01-01\t2099-12-31", "222\t01.01.1970\t2099-12-31", 3, "valid_start_date"),
        ("222\t1970-01-01\t2099-12-31\t\n", "222\n", 3, "valid_end_date"),
        ("concept_code", "code", 1, ""),
        ("900002\tKind", "900001\tKind", None, "concept_id"),
    ],
)
def test_faults_of_a_file(download: Path, tmp_path: Path, old: str, new: str, row: int | None, column: str) -> None:
    target = tmp_path / "vocabulary"
    import_athena(download, target)
    (download / "CONCEPT.csv").write_text(CONCEPT.replace(old, new), encoding="utf-8")
    with pytest.raises(VocabularyError) as caught:
        import_athena(download, target)
    assert (row, column) in {(p.row, p.column) for p in caught.value.problems}
    assert all(p.file == "CONCEPT.csv" and p.advice for p in caught.value.problems)
    assert Athena(target).release == "v5.0 30-AUG-24"
    assert {path.name for path in tmp_path.iterdir()} == {"download", "vocabulary"}


def test_what_is_no_download(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 nothing")
    for source in (tmp_path / "empty", tmp_path / "broken.zip", tmp_path / "nowhere"):
        with pytest.raises(VocabularyError):
            import_athena(source, tmp_path / "vocabulary")
    with pytest.raises(VocabularyError, match="vocabulary import"):
        Athena(tmp_path / "vocabulary")


def test_zip(download: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v5.zip", "w") as archive:
        for path in download.iterdir():
            archive.write(path, f"v5/{path.name}")
    assert import_athena(tmp_path / "v5.zip", tmp_path / "vocabulary")["CONCEPT"] == 6


def test_types_of_columns() -> None:
    assert [type_of(c) for c in ("concept_id", "domain_id", "valid_end_date", "concept_name", "concept_id_2")] == [
        "BIGINT", "VARCHAR", "DATE", "VARCHAR", "BIGINT",
    ]  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/omop is not there")
def test_public_concept_rows(tmp_path: Path) -> None:
    eunomia = import_athena(SHARED / "eunomia" / "Synthea27Nj_5.4.zip", tmp_path / "eunomia")
    assert eunomia["CONCEPT"] == 2294
    assert Athena(tmp_path / "eunomia").release == "v5.0 09-APR-22*"
    oncology = import_athena(SHARED / "oncology", tmp_path / "oncology")
    assert oncology["CONCEPT"] == 768
    names = [c.name for c in read_vocabulary().search_all(Athena(tmp_path / "oncology"), "FNCLCC Histologic Grade 1")]
    assert names[0] == "FNCLCC Histologic Grade 1"
