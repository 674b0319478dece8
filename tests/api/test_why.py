from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from haemony.api.why import Chain, ConceptLink, SourceCell, why
from haemony.engine.errors import BuildError, QueryError
from tests.build_folder import FLT3, FLT3_ITD, NPM1, BuildFolder, example_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example_build(tmp_path_factory.mktemp("build"))


def shown(chain: Chain) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(chain.tree())
    return captured.get()


def test_a_record_leads_to_cells_mapping_rows_and_concepts(build: Path) -> None:
    chain = why(build, f"n1-{NPM1}")
    assert (chain.record_class, chain.partners, chain.release) == ("Mutation", ("north",), "test release")
    assert (chain.fields["vaf"], chain.fields["variant"], chain.fields["patient"]) == (0.42, "npm1-a", "n1")
    assert [(c.file, c.row, c.column, c.field) for c in chain.sources] == [
        ("clinical.csv", 2, "NPM1", "concept"),
        ("clinical.csv", 2, "NPM1_VAF", "vaf"),
    ]
    assert [m.id for m in chain.mappings] == [
        "north/dictionary.tsv:3",
        "north/concepts.sssom.tsv:7",
        "north/dictionary.tsv:4",
    ]
    curated = chain.mappings[1]
    assert (curated.author, curated.reviewer, curated.date) == ("orcid:0000-0001", "orcid:0000-0002", "2026-01-02")
    assert curated.justification == "semapv:ManualMappingCuration"
    assert (chain.concepts[0].field, chain.concepts[0].id) == ("concept", NPM1)
    assert [(b.shape, b.severity) for b in chain.broken] == [("vaf-range", "Warning")]


def test_a_concept_without_code_shows_none() -> None:
    link = ConceptLink("concept", 35948005, "NPM1 gene variant measurement", "OMOP Genomic", "")
    text = shown(Chain("n", "Mutation", (), {}, "", concepts=(link, replace(link, code="c1"))))
    assert "(OMOP Genomic, concept 35948005)" in text
    assert "(OMOP Genomic c1, concept 35948005)" in text


def test_delivered_text_is_read_only_on_demand(build: Path) -> None:
    asked: list[SourceCell] = []

    def read_cell(cell: SourceCell) -> str:
        asked.append(cell)
        return "positive"

    assert all(cell.text is None for cell in why(build, f"n1-{NPM1}").sources)
    assert "positive" in shown(why(build, f"n1-{NPM1}", read_cell=read_cell))
    assert [cell.column for cell in asked] == ["NPM1", "NPM1_VAF"]


def test_tree_says_all_of_it(build: Path) -> None:
    text = shown(why(build, f"n1-{NPM1}"))
    for part in (
        "Mutation n1-",
        "vaf: 0.42",
        "north · clinical · clinical.csv, row 2, column NPM1 → concept",
        "north/concepts.sssom.tsv:7: north:clinical.NPM1 skos:exactMatch",
        "by orcid:0000-0001, reviewed by orcid:0000-0002, on 2026-01-02",
        "any variant counts",
        "release test release",
        "vaf-range (Warning) The fraction is high.",
    ):
        assert part in text


def test_json_is_the_same_chain(build: Path) -> None:
    chain = why(build, f"n1-{NPM1}")
    read = json.loads(chain.json())
    assert read["id"] == f"n1-{NPM1}"
    assert [m["id"] for m in read["mappings"]] == [m.id for m in chain.mappings]


def test_a_disputed_field_is_told(build: Path) -> None:
    assert why(build, f"n1-{FLT3_ITD}").disputed == ("length",)


def test_a_beginning_of_an_id_suffices_if_only_one_node_has_it(build: Path) -> None:
    assert why(build, "n1-remi").id == "n1-remission"
    with pytest.raises(QueryError, match="give more characters"):
        why(build, "s1-359")


def test_a_whole_id_is_never_taken_for_a_beginning(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path)
    for patient in ("patient", "patient-2"):
        build.record("p", "Patient", patient)
    assert why(build.write(), "patient").id == "patient"


def test_a_variant_tells_who_delivered_it_and_how_many_records_carry_it(build: Path) -> None:
    chain = why(build, "npm1-a")
    assert chain.partners == ("north", "south")
    assert chain.referred_by == {"Mutation": 3}
    assert chain.fields["hgvs_c"] == "c.860_863dup"


def test_a_panel_tells_what_it_covers(build: Path) -> None:
    assert [c.id for c in why(build, "genes").concepts] == [NPM1, FLT3]


def test_a_concept_tells_its_vocabulary(build: Path) -> None:
    (concept,) = why(build, str(FLT3_ITD)).concepts
    assert (concept.vocabulary, concept.code) == ("Haemony", "flt3-itd")


@pytest.mark.parametrize("node", ["nobody", "n9", "", "x' OR 1=1 --", "99999999999"])
def test_an_unknown_id_is_explained(build: Path, node: str) -> None:
    with pytest.raises(QueryError, match="no node"):
        why(build, node)


def test_no_build_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="haemony build"):
        why(tmp_path, "n1")
