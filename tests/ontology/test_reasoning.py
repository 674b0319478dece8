import shutil
from pathlib import Path

import owlready2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.engine.errors import HaemonyError, VocabularyError
from haemony.ontology.reasoning import (
    CONCEPTS,
    Ancestor,
    Asserted,
    ancestors,
    classify,
    derive_ancestors,
    main,
    read_ancestors,
    read_asserted,
    write_ancestors,
)

AML, CORE_BINDING_FACTOR, AML_T_8_21, AML_INV_16 = 2100001310, 2100001544, 2100001339, 2100001333
AML_RUNX1, AML_MYELODYSPLASIA_GENES = 2100001335, 2100001547
KMT2A, T_9_11, T_4_11, ADVERSE = 36017899, 2100002067, 2100002068, 2100090000
MYELOMA_T_4_14, MYELOMA_HIGH_RISK = 2100090005, 2100090008
MYELODYSPLASTIC, MDS_DEL_5Q = 2100001401, 2100001412

PREFIXES = """
@prefix c: <https://w3id.org/haemony/concept/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
"""

needs_java = pytest.mark.skipif(shutil.which(owlready2.JAVA_EXE) is None, reason="HermiT needs Java")


@pytest.fixture(scope="module")
def asserted() -> Asserted:
    return read_asserted()


def without(asserted: Asserted, *pairs: tuple[int, int]) -> Asserted:
    return Asserted(asserted.names, asserted.parents - set(pairs))


def is_below(child: int, parent: int, below: set[tuple[int, int]]) -> bool:
    return any(row.ancestor == parent for row in ancestors([child], below))


@needs_java
def test_the_kept_hierarchy_is_what_the_reasoner_derives() -> None:
    assert read_ancestors() == derive_ancestors(), "run: python -m haemony.ontology.reasoning"


@needs_java
def test_definitions_place_concepts_that_no_row_places(asserted: Asserted) -> None:
    told = without(
        asserted,
        (AML_T_8_21, CORE_BINDING_FACTOR),
        (AML_INV_16, CORE_BINDING_FACTOR),
        (MYELOMA_T_4_14, MYELOMA_HIGH_RISK),
    )
    inferred = classify(told)
    for child, parent in [
        (AML_T_8_21, CORE_BINDING_FACTOR),
        (AML_INV_16, CORE_BINDING_FACTOR),
        (AML_RUNX1, AML_MYELODYSPLASIA_GENES),
        (MYELOMA_T_4_14, MYELOMA_HIGH_RISK),
        (T_4_11, ADVERSE),
    ]:
        assert not is_below(child, parent, set(told.parents)), asserted.names[child]
        assert is_below(child, parent, inferred), asserted.names[child]
    assert not is_below(T_9_11, ADVERSE, inferred)
    assert not is_below(KMT2A, ADVERSE, inferred)
    assert not is_below(CORE_BINDING_FACTOR, AML_T_8_21, inferred)
    assert not is_below(MYELODYSPLASTIC, MDS_DEL_5Q, inferred)


@needs_java
def test_a_class_that_nothing_can_belong_to_is_named(asserted: Asserted, tmp_path: Path) -> None:
    extension = tmp_path / "wrong.ttl"
    extension.write_text(f"{PREFIXES} c:{AML} rdfs:subClassOf c:{MYELODYSPLASTIC} .", encoding="utf-8")
    with pytest.raises(VocabularyError, match="nothing can be Acute Myeloid Leukemia") as error:
        classify(asserted, extension)
    assert {str(AML), str(AML_T_8_21)} <= {problem.file for problem in error.value.problems}


@needs_java
def test_a_contradiction_is_found(asserted: Asserted, tmp_path: Path) -> None:
    extension = tmp_path / "wrong.ttl"
    extension.write_text(f"{PREFIXES} <urn:someone> a c:8507 , c:8532 .", encoding="utf-8")
    with pytest.raises(VocabularyError, match="contradicts itself"):
        classify(asserted, extension)


def test_a_concept_of_a_definition_has_to_be_in_the_vocabulary(asserted: Asserted) -> None:
    names = {concept: name for concept, name in asserted.names.items() if concept != AML_T_8_21}
    with pytest.raises(VocabularyError, match=rf"definitions\.ttl: concept {AML_T_8_21} is not in"):
        classify(Asserted(names, frozenset()))


def test_a_parent_has_to_be_in_the_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "CONCEPT.csv").write_text("concept_id,concept_name\n1,one\n", encoding="utf-8")
    with pytest.raises(VocabularyError, match=r"CONCEPT_RELATIONSHIP\.csv: is not in"):
        read_asserted(tmp_path)
    rows = "concept_id_1,concept_id_2,relationship_id,invalid_reason\n1,2,Is a,\n1,3,Is a,D\n1,4,Maps to,\n"
    (tmp_path / "CONCEPT_RELATIONSHIP.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(VocabularyError) as error:
        read_asserted(tmp_path)
    assert [problem.message for problem in error.value.problems] == ["concept 2 is not in CONCEPT.csv."]


def test_an_extension_that_is_no_turtle_is_named(asserted: Asserted, tmp_path: Path) -> None:
    extension = tmp_path / "wrong.ttl"
    extension.write_text("this is not Turtle", encoding="utf-8")
    with pytest.raises(VocabularyError, match=r"wrong\.ttl: cannot be read as Turtle"):
        classify(asserted, extension)


def test_missing_java_is_said(asserted: Asserted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owlready2, "JAVA_EXE", "no-such-java")
    with pytest.raises(HaemonyError, match="needs Java"):
        classify(asserted)


@needs_java
def test_the_command_writes_the_file_and_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(CONCEPTS, tmp_path, dirs_exist_ok=True)
    kept = read_ancestors()
    lost = next(row for row in kept if (row.ancestor, row.descendant) == (CORE_BINDING_FACTOR, AML_T_8_21))
    write_ancestors([row for row in kept if row != lost], tmp_path / "CONCEPT_ANCESTOR.csv")
    assert main(tmp_path) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"+ {AML_T_8_21} ")
    assert out[1:] == [f"{len(kept)} rows: 1 new, 0 gone."]
    assert read_ancestors(tmp_path / "CONCEPT_ANCESTOR.csv") == kept


def test_the_command_reports_a_fault_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 1
    assert "CONCEPT.csv: is not in" in capsys.readouterr().err


def test_levels_are_the_shortest_and_longest_way() -> None:
    rows = ancestors([1, 2, 3, 4, 5], [(5, 4), (4, 2), (5, 3), (3, 1), (2, 1), (5, 1)])
    assert Ancestor(1, 5, 2, 3) in rows
    assert Ancestor(2, 5, 2, 2) in rows
    assert Ancestor(5, 5, 0, 0) in rows
    assert len(rows) == len(set(rows)) == 5 + 1 + 1 + 2 + 4


def test_concepts_that_are_the_same_share_a_place() -> None:
    rows = ancestors([1, 2, 3, 4], [(3, 2), (2, 3), (2, 1), (4, 3)])
    assert {Ancestor(2, 3, 0, 0), Ancestor(3, 2, 0, 0), Ancestor(1, 3, 1, 1), Ancestor(2, 4, 1, 1)} <= set(rows)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_every_hierarchy_is_closed_and_has_consistent_levels(pairs: list[tuple[int, int]]) -> None:
    rows = ancestors(range(10), pairs)
    levels = {(row.ancestor, row.descendant): (row.min_levels, row.max_levels) for row in rows}
    assert rows == sorted(rows)
    assert all((parent, child) in levels for child, parent in pairs)
    for (above, between), (least, most) in levels.items():
        assert 0 <= least <= most
        assert ((between, above) in levels) == (least == 0)
        for (_, below), (further, furthest) in ((k, v) for k, v in levels.items() if k[0] == between):
            assert levels[above, below][0] <= least + further
            assert levels[above, below][1] >= most + furthest
