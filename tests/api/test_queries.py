from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.analysis.survival import survival_chart
from haemony.api.query_library import (
    QUERIES,
    Result,
    bind,
    find_concept,
    get_query,
    list_queries,
    run_query,
)
from haemony.engine.errors import QueryError
from haemony.graph_loader.graph import project
from haemony.graph_loader.stores.base import GraphStore
from haemony.graph_loader.stores.ladybug import LadybugStore
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.build_folder import FLT3_ITD, KMT2A_REARRANGED, NPM1, example_build

STORES = ("ladybug",)
#: What must be given for a query to run.
GIVEN: dict[str, dict[str, Any]] = {
    "survival-by-genotype": {"alterations": ["NPM1"]},
    "comutations": {"alteration": "NPM1"},
    "tested-negative": {"alteration": "NPM1"},
    "patients-with-all": {"concepts": ["NPM1"]},
    "provenance": {"node": f"n1-{NPM1}"},
}


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    folder = tmp_path_factory.mktemp(request.param)
    with LadybugStore(folder / "graph.lbug") as opened:
        opened.load(project(example_build(folder), read_schema(), read_vocabulary()))
        yield opened


def rows(result: Result, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[c] for c in columns) for row in result.dicts()]


# --- the library as a whole ----------------------------------------------------------------------------------------


def test_library_is_described() -> None:
    queries = list_queries()
    assert len(queries) >= 14
    assert all(q.title and q.description for q in queries)
    assert all(p.text for q in queries for p in q.parameters)


@pytest.mark.parametrize("name", [q.name for q in list_queries()])
def test_every_query_finds_something_in_the_example(store: GraphStore, name: str) -> None:
    assert run_query(store, name, GIVEN.get(name, {})).rows


@pytest.mark.parametrize("query", list_queries(), ids=lambda q: q.name)
def test_every_parameter_is_used_and_every_used_one_is_declared(query: Any) -> None:
    cypher = "\n".join(line for line in query.cypher.splitlines() if not line.startswith("//"))
    used = {word.partition(")")[0].strip(",;}]") for word in cypher.replace("(", " ").split() if word.startswith("$")}
    assert used == {f"${p.name}" for p in query.parameters}


@pytest.mark.parametrize("query", list_queries(), ids=lambda q: q.name)
def test_queries_stay_in_what_neo4j_understands_too(query: Any) -> None:
    """Ladybug has functions and clauses of its own; these words would tie a query to it."""
    for own in ("label(", "list_", "CALL ", "LOAD ", "ACYCLIC", "SHORTEST", "TRAIL", "cast("):
        assert own not in query.cypher


def test_an_unknown_name_lists_names_like_it() -> None:
    with pytest.raises(QueryError, match=r"no query 'survival-by-gene'\. Did you mean .*survival-by-genotype"):
        get_query("survival-by-gene")


# --- parameters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given_", "message"),
    [
        ("tested-negative", {}, r"tested-negative:alteration: is not given. It takes one concept"),
        ("tested-negative", {"alteration": "NPM1", "gene": "x"}, r"no parameter 'gene'\. Its parameters: alteration"),
        ("comutations", {"alteration": "NPM1", "limit": "many"}, r"comutations:limit: is 'many' It takes one integer"),
        ("sex-karyotype-conflicts", {"list": "perhaps"}, "It takes true or false"),
        ("tested-negative", {"alteration": "NPM7"}, "'NPM7' names no concept"),
        ("survival-by-genotype", {"alterations": []}, "It takes a list of: concept"),
        ("survival-by-genotype", {"alterations": "[NPM1"}, "It takes a list of: concept"),
    ],
)
def test_a_parameter_at_fault_is_named(store: GraphStore, name: str, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        run_query(store, name, given_)


def test_all_faults_are_told_at_once(store: GraphStore) -> None:
    with pytest.raises(QueryError) as error:
        run_query(store, "comutations", {"limit": "many", "gene": 1})
    assert len(error.value.problems) == 3


@pytest.mark.parametrize("given_", ["NPM1,FLT3-ITD", '["NPM1", "FLT3-ITD"]', ["NPM1", "FLT3-ITD"], [NPM1, FLT3_ITD]])
def test_a_list_may_be_given_as_text(given_: Any) -> None:
    values, _ = bind(get_query("survival-by-genotype"), {"alterations": given_}, read_vocabulary())
    assert values == {"alterations": [NPM1, FLT3_ITD], "within": [], "outcome": 2100000001}


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("NPM1", NPM1),
        ("FLT3-ITD", FLT3_ITD),
        ("haemony:flt3-itd", FLT3_ITD),
        ("flt3-itd", FLT3_ITD),
        (str(FLT3_ITD), FLT3_ITD),
        ("FLT3 internal tandem duplication", FLT3_ITD),
        ("overall survival", 2100000001),
    ],
)
def test_concepts_are_found_by_id_curie_symbol_code_and_name(text: str, concept: int) -> None:
    assert find_concept(text, read_vocabulary()).id == concept


def test_a_former_symbol_and_iscn_are_understood() -> None:
    vocabulary = read_vocabulary()
    assert find_concept("MLL2", vocabulary) == find_concept("KMT2D", vocabulary)
    assert find_concept("-7", vocabulary).id == vocabulary.karyotype_keys()["-7"]


@given(st.text(max_size=20))
def test_any_text_finds_one_concept_or_is_explained(text: str) -> None:
    try:
        find_concept(text, read_vocabulary())
    except QueryError as error:
        assert "names no concept" in str(error) or "names several concepts" in str(error)


def test_a_file_with_a_faulty_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.cypher").write_text("// title: Bad\n// param x colour: none\nRETURN 1 AS x")
    with pytest.raises(QueryError, match=r"bad\.cypher: the parameter 'x colour: none'"):
        get_query("bad", tmp_path)
    (tmp_path / "worse.cypher").write_text("// title: Worse\n// then: guess(x=y)\nRETURN 1 AS x")
    with pytest.raises(QueryError, match=r"worse\.cypher: the step"):
        get_query("worse", tmp_path)
    assert QUERIES.is_dir()


# --- answers -------------------------------------------------------------------------------------------------------


def test_survival_counts_only_patients_who_were_tested_for_all(store: GraphStore) -> None:
    result = run_query(store, "survival-by-genotype", {"alterations": ["NPM1", "FLT3-ITD"]})
    assert rows(result, "group", "n", "deaths", "median_days") == [
        ("NPM1+ FLT3-ITD+", 1, 1, 300.0),
        ("NPM1+ FLT3-ITD-", 1, 1, 1000.0),
        ("NPM1- FLT3-ITD-", 1, 0, None),
    ]
    assert {row["patient"] for row in result.raw.dicts()} == {"n1", "n2", "n3"}
    assert 0 < result.notes["log-rank p"] < 1


def test_survival_within_compares_one_gene_among_carriers_of_others(store: GraphStore) -> None:
    result = run_query(store, "survival-by-genotype", {"alterations": "DNMT3A", "within": "NPM1"})
    assert rows(result, "group", "n", "deaths", "median_days") == [("DNMT3A+", 1, 1, 100.0), ("DNMT3A-", 2, 2, 300.0)]


def test_survival_of_nobody_is_explained(store: GraphStore) -> None:
    with pytest.raises(QueryError, match="no patients"):
        run_query(store, "survival-by-genotype", {"alterations": "NPM1", "outcome": "haemony:relapse-free-survival"})


def test_a_survival_query_feeds_the_chart(store: GraphStore) -> None:
    given_ = run_query(store, "survival-by-risk-group").survival
    assert sorted(zip(given_["groups"], given_["durations"], strict=True)) == [
        ("ELN 2017: adverse", 2000.0),
        ("ELN 2017: favorable", 1000.0),
    ]
    labelled = run_query(store, "survival-by-genotype", {"alterations": "NPM1"}).survival
    assert set(labelled["groups"]) == {"NPM1+", "NPM1-"}
    chart = survival_chart(labelled["groups"], labelled["durations"], labelled["events"])
    assert "NPM1+" in chart.to_json()


def test_survival_by_diagnosis_knows_no_later_one(store: GraphStore) -> None:
    result = run_query(store, "survival-by-diagnosis", {"dataset": "north"})
    assert rows(result, "n", "deaths", "median_days") == [(4, 3, 500.0)]
    assert sorted(result.survival["entries"], key=str) == [200.0, None, None, None]


def test_transplant_outcome_starts_at_the_transplant(store: GraphStore) -> None:
    result = run_query(store, "transplant-outcome")
    assert rows(result, "group", "n", "deaths", "median_days") == [("Unrelated donor", 1, 1, 900.0)]


@pytest.mark.parametrize(
    ("alteration", "north", "south"),
    [
        ("NPM1", (3, 1, 0), (1, 1, 0)),
        ("FLT3", (1, 2, 1), (0, 2, 0)),
        ("FLT3-ITD", (1, 2, 1), (0, 0, 2)),
        ("haemony:flt3-tkd", (0, 3, 1), (0, 2, 0)),
        (str(KMT2A_REARRANGED), (0, 3, 1), (0, 0, 2)),
        ("complex karyotype", (1, 2, 1), (0, 0, 2)),
        ("DNMT3A", (0, 3, 1), (1, 0, 1)),
        ("TP53", (0, 0, 4), (0, 0, 2)),
    ],
)
def test_not_tested_is_not_negative(
    store: GraphStore, alteration: str, north: tuple[int, ...], south: tuple[int, ...]
) -> None:
    result = run_query(store, "tested-negative", {"alteration": alteration})
    assert result.rows == (("north", *north), ("south", *south))


def test_conflicts_are_counted_and_named_only_on_demand(store: GraphStore) -> None:
    counted = run_query(store, "sex-karyotype-conflicts")
    female, male = "recorded female, karyotype with Y", "recorded male, karyotype XX without Y"
    assert counted.rows == ((female, 1, []), (male, 1, []))
    assert rows(run_query(store, "sex-karyotype-conflicts", {"list": "true"}), "who") == [(["n1"],), (["n2"],)]


def test_comutations_leave_out_the_gene_itself(store: GraphStore) -> None:
    result = run_query(store, "comutations", {"alteration": "NPM1"})
    assert result.rows == (("DNMT3A", 1, 2), ("FLT3", 1, 3))


def test_mutation_frequency_is_a_share_of_the_tested(store: GraphStore) -> None:
    result = run_query(store, "mutation-frequency")
    assert {row[0]: row[1:] for row in result.rows} == {
        "NPM1": (4, 5, 60.0),
        "FLT3": (1, 5, 20.0),
        "DNMT3A": (1, 3, 0.0),
    }
    north = run_query(store, "mutation-frequency", {"dataset": "north", "limit": 1})
    assert north.rows == (("NPM1", 3, 3, 66.7),)


def test_patients_with_all_meet_broad_concepts_by_narrow_records(store: GraphStore) -> None:
    def who(*concepts: str) -> list[Any]:
        result = run_query(store, "patients-with-all", {"concepts": list(concepts), "list": True})
        return [(row["dataset"], sorted(row["who"])) for row in result.dicts()]

    assert who("NPM1", "FLT3") == [("north", ["n1"])]
    assert who("haemony:disease", "NPM1") == [("north", ["n1", "n2", "n4"]), ("south", ["s1"])]
    assert who("haemony:chromosome-abnormality") == [("north", ["n3"])]
    assert who("haemony:hsct") == [("north", ["n2"])]


def test_patients_by_diagnosis_count_for_all_above(store: GraphStore) -> None:
    found = {(r["diagnosis"], r["dataset"]): r["patients"] for r in run_query(store, "patients-by-diagnosis").dicts()}
    assert found["Disease", "north"] == found["Acute Myeloid Leukemia", "north"] == 4
    assert found["Disease", "south"] == 2


def test_treatments_with_line_and_response(store: GraphStore) -> None:
    alone, both, transplant = run_query(store, "treatment-by-line-and-response").rows
    assert alone == (1, "cytarabine", "none recorded", 1)
    assert both == (1, "cytarabine + daunorubicin", "Complete remission", 1)
    assert transplant[2:] == ("none recorded", 1)


def test_lines_of_therapy_count_who_began_answered_and_went_on(store: GraphStore) -> None:
    result = run_query(store, "lines-of-therapy")
    assert result.rows == (("north", 1, 2, 6.5, 100.0, 1, 50.0, 1), ("north", 2, 1, 100.0, None, 0, 0.0, 0))
    stable = run_query(store, "lines-of-therapy", {"response": "haemony:stable-disease"})
    assert rows(stable, "answered") == [(0,), (0,)]


def test_a_line_that_begins_before_the_former_ends_overlaps_it(store: GraphStore) -> None:
    assert run_query(store, "overlapping-lines").rows == (("north", 1, 1, []),)
    named = run_query(store, "overlapping-lines", {"list": "true"})
    assert rows(named, "treatments") == [(["n2-transplant"],)]


def test_adverse_events_by_grade_and_by_drug(store: GraphStore) -> None:
    assert run_query(store, "adverse-events").rows == (("north", "Neutropenia", 2, 1),)
    under = run_query(store, "adverse-events", {"under": "daunorubicin"})
    assert rows(under, "patients", "grade 3 or more") == [(1, 1)]
    assert run_query(store, "adverse-events", {"under": "haemony:hsct"}).rows == ()


def test_response_rates(store: GraphStore) -> None:
    assert run_query(store, "response-rates").rows == (("north", "Complete remission", 1, 4, 25.0),)


def test_lab_summary(store: GraphStore) -> None:
    result = run_query(store, "lab-summary", {"measurement": "Hb"})
    columns = ("dataset", "unit", "n", "median", "lowest", "highest")
    assert rows(result, *columns) == [("north", "g/dL", 2, 10.0, 9.5, 10.5), ("south", "g/dL", 1, 8.0, 8.0, 8.0)]


def test_findings_alone_and_by_risk_group(store: GraphStore) -> None:
    findings = rows(run_query(store, "cytogenetic-findings"), "finding", "patients")
    assert ("Chromosome abnormality", 1) in findings
    by_risk = run_query(store, "abnormalities-by-risk-group", {"system": "ELN 2017"})
    assert rows(by_risk, "risk", "patients") == [("ELN 2017: adverse", 1)]
    with_other = run_query(store, "abnormalities-by-risk-group", {"system": "ELN 2022"})
    assert with_other.rows == ()


def test_recurrent_variants_cross_datasets(store: GraphStore) -> None:
    result = run_query(store, "recurrent-variants", {"gene": "NPM1"})
    assert rows(result, "gene", "hgvs_c", "carriers", "datasets") == [("NPM1", "c.860_863dup", 3, 2)]
    assert run_query(store, "recurrent-variants", {"gene": "FLT3"}).rows == ()


def test_disputed_records(store: GraphStore) -> None:
    assert run_query(store, "disputed-records").rows == (("Mutation", "length", 1, []),)


def test_dataset_overview(store: GraphStore) -> None:
    found = {(r["dataset"], r["class"]): r["records"] for r in run_query(store, "dataset-overview").dicts()}
    assert (found["north", "Mutation"], found["south", "Mutation"], found["south", "Outcome"]) == (4, 2, 2)


def test_provenance(store: GraphStore) -> None:
    result = run_query(store, "provenance", {"node": f"n1-{NPM1}"})
    assert rows(result, "class", "mapping", "author") == [("Mutation", "north/dictionary.tsv:3", "orcid:0000-0001")]


def test_limit_cuts_the_rows_shown(store: GraphStore) -> None:
    result = run_query(store, "dataset-overview", limit=3)
    assert (len(result.rows), result.truncated) == (3, True)
