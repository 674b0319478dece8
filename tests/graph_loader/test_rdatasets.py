"""Transplants, MGUS and myeloma of the R packages, where they are at hand: sums and estimates, never a patient.

What the graph would say is computed here a second time, straight from the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from haemony.analysis.survival import kaplan_meier
from haemony.mappings.partner import BUNDLED, read_partner
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary
from tests.graph_loader.partners import Run, run

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FILES = {
    "ebmt4": "mstate/ebmt4.csv",
    "mgus2": "mgus2.csv",
    "myeloma": "myeloma.csv",
    "myeloma_gep": "survminer/myeloma.csv",
}
MONTH = 30.4375
OS = "haemony:overall-survival"

pytestmark = pytest.mark.skipif(
    not (DATA / "rdatasets").is_dir(), reason="the tables of the R packages are not beside this checkout"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    vocabulary, schema = read_vocabulary(), read_schema()
    partners = {name: read_partner(BUNDLED / name, vocabulary, schema) for name in FILES}
    return {n: run(p, DATA, tmp_path_factory.mktemp(n), tolerated=0.0) for n, p in partners.items()}


@pytest.fixture(scope="module")
def files() -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(DATA / "rdatasets" / file) for name, file in FILES.items()}


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return read_vocabulary()


def records(run_: Run, cls: str, curie: str, vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Return the records of a class that state a concept."""
    concept = vocabulary.resolve(curie)
    assert concept is not None
    return [r for r in run_.records[cls] if r["concept"] in (concept.id, [concept.id])]


def estimate(outcomes: list[dict[str, Any]]) -> Any:
    """Estimate the survival that the records of an outcome give."""
    entries = [r["entry_days"] for r in outcomes]
    given = [r["days"] for r in outcomes], [r["event"] for r in outcomes]
    return kaplan_meier(["all"] * len(outcomes), *given, entries).groups[0]


def product_limit(days: Any, event: Any, entry: Any, at: float) -> tuple[float | None, float]:
    """Return the median and the survival at a time, by the definition: risk sets are those in (entry, days]."""
    left, median, survival = 1.0, None, 1.0
    for time in np.unique(days[event == 1]):
        at_risk = ((entry < time) | (entry == 0)) & (days >= time)
        left *= 1 - ((days == time) & (event == 1)).sum() / at_risk.sum()
        median = float(time) if median is None and left <= 0.5 + 1e-9 else median
        survival = left if time <= at else survival
    return median, survival


@pytest.mark.parametrize("name", FILES)
def test_every_cell_is_accounted_for_and_none_is_quarantined(
    name: str, runs: dict[str, Run], files: dict[str, pd.DataFrame]
) -> None:
    ledger = pd.DataFrame(runs[name].ledger)
    assert ledger.groupby("column")["cells"].sum().to_dict() == dict.fromkeys(files[name].columns, len(files[name]))
    assert set(ledger.fate) <= {"loaded", "ignored", "missing"}
    assert ledger.loc[ledger.fate == "missing", "cells"].sum() == files[name].isna().sum().sum()
    assert len(runs[name].records["Patient"]) == len(files[name])


@pytest.mark.parametrize(
    ("name", "curie", "days", "event", "unit"),
    [
        ("ebmt4", OS, "srv", "srv.s", 1),
        ("ebmt4", "haemony:time-to-platelet-recovery", "rec", "rec.s", 1),
        ("ebmt4", "haemony:time-to-acute-gvhd", "ae", "ae.s", 1),
        ("ebmt4", "haemony:time-to-platelet-recovery-and-acute-gvhd", "recae", "recae.s", 1),
        ("ebmt4", "haemony:cumulative-incidence-of-relapse", "rel", "rel.s", 1),
        ("mgus2", OS, "futime", "death", MONTH),
        ("mgus2", "haemony:time-to-plasma-cell-malignancy", "ptime", "pstat", MONTH),
        ("myeloma", OS, "futime", "death", 1),
        ("myeloma_gep", OS, "time", "event", MONTH),
    ],
)
def test_outcomes_are_those_of_the_file(
    name: str,
    curie: str,
    days: str,
    event: str,
    unit: float,
    runs: dict[str, Run],
    files: dict[str, pd.DataFrame],
    vocabulary: Vocabulary,
) -> None:
    outcomes, file = records(runs[name], "Outcome", curie, vocabulary), files[name]
    found = estimate(outcomes)
    entry = file["entry"] if "entry" in file else pd.Series(np.zeros(len(file)))
    median, five_years = product_limit(file[days] * unit, file[event], entry, 5 * 365.25)
    assert (found.n, found.deaths) == (len(file), file[event].sum())
    assert found.median_days == (None if median is None else pytest.approx(median))
    assert found.survival_5y == pytest.approx(five_years)
    assert {r["day"] for r in outcomes} == {0}


def test_left_truncation_takes_a_quarter_off_the_median(
    runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    outcomes = records(runs["myeloma"], "Outcome", OS, vocabulary)
    assert sum(r["entry_days"] > 0 for r in outcomes) == (files["myeloma"].entry > 0).sum()
    assert estimate(outcomes).median_days == 764
    assert estimate([{**r, "entry_days": None} for r in outcomes]).median_days == 1004


@pytest.mark.parametrize(
    ("cls", "curie", "column"),
    [
        ("AdverseEvent", "haemony:acute-gvhd-ii-iv", "ae"),
        ("Response", "haemony:relapse", "rel"),
        ("Finding", "haemony:platelet-recovery", "rec"),
    ],
)
def test_each_event_after_transplant_is_a_record_on_its_day(
    cls: str, curie: str, column: str, runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    seen = files["ebmt4"].loc[files["ebmt4"][f"{column}.s"] == 1, column]
    found = records(runs["ebmt4"], cls, curie, vocabulary)
    assert sorted(r["day"] for r in found) == sorted(np.floor(seen + 0.5).astype(int))
    if cls != "Finding":
        transplants = {
            r["patient"]: r["id"] for r in records(runs["ebmt4"], "Treatment", "haemony:sibling-hsct", vocabulary)
        }
        assert all(r["treatment"] == transplants[r["patient"]] for r in found)


def test_transplants_are_as_described(
    runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    file, ebmt4 = files["ebmt4"], runs["ebmt4"]
    transplants = records(ebmt4, "Treatment", "haemony:sibling-hsct", vocabulary)
    assert {r["start_day"] for r in transplants} == {0}
    assert len(transplants) == len(file)
    assert len(records(ebmt4, "Treatment", "haemony:gvhd-prophylaxis", vocabulary)) == (file.proph == "yes").sum()
    mismatch = records(ebmt4, "Finding", "haemony:donor-recipient-sex-mismatch", vocabulary)
    assert len(mismatch) == (file.match == "gender mismatch").sum()
    assert len(ebmt4.tested) == len(file)  # the others were asked for it, and have none
    ages = pd.Series([r["value_concept"] for r in records(ebmt4, "Finding", "haemony:age-group", vocabulary)])
    assert sorted(ages.value_counts()) == sorted(file.agecl.value_counts())


@pytest.mark.parametrize(
    ("curie", "column", "factor"),
    [("OMOP:3000963", "hgb", 1), ("OMOP:3016723", "creat", 1), ("haemony:m-protein-serum", "mspike", 10)],
)
def test_laboratory_values_are_those_of_the_file(
    curie: str, column: str, factor: int, runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    values = [float(r["value"]) for r in records(runs["mgus2"], "Measurement", curie, vocabulary)]
    delivered = files["mgus2"][column].dropna() * factor
    assert len(values) == len(delivered)
    assert np.mean(values) == pytest.approx(delivered.mean())
    assert sorted(values) == pytest.approx(sorted(delivered))


def test_copies_of_1q21_are_gains_or_their_absence(
    runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    copies = files["myeloma_gep"].chr1q21_status.value_counts()
    found = {c: len(records(runs["myeloma_gep"], "Finding", f"haemony:{c}-1q", vocabulary)) for c in ("gain", "amp")}
    assert found == {"gain": copies["3 copies"], "amp": copies["4+ copies"]}
    assert len(runs["myeloma_gep"].tested) == copies.sum()


@pytest.mark.parametrize("gene", ["CCND1", "CRIM1", "DEPDC1", "IRF4", "TP53", "WHSC1"])
def test_expression_is_that_of_the_file(
    gene: str, runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    curie = f"haemony:{'nsd2' if gene == 'WHSC1' else gene.lower()}-expression"
    values = [float(r["value"]) for r in records(runs["myeloma_gep"], "Measurement", curie, vocabulary)]
    assert sorted(values) == pytest.approx(sorted(files["myeloma_gep"][gene]))


def test_progressions_are_diagnoses_of_a_later_day(
    runs: dict[str, Run], files: dict[str, pd.DataFrame], vocabulary: Vocabulary
) -> None:
    file, mgus2 = files["mgus2"], runs["mgus2"]
    later = records(mgus2, "Diagnosis", "haemony:plasma-cell-malignancy", vocabulary)
    months = file.loc[file.pstat == 1, "ptime"]
    assert sorted(r["day"] for r in later) == sorted(np.floor(months * MONTH + 0.5).astype(int))
    assert len(records(mgus2, "Diagnosis", "OMOP:4149022", vocabulary)) == len(file)
    ages = [float(r["age"]) for r in mgus2.records["Patient"]]
    assert np.mean(ages) == pytest.approx(file.age.mean())


def test_death_ends_only_the_times_that_it_is_an_event_of() -> None:
    vocabulary = read_vocabulary()
    competing = vocabulary.resolve("haemony:competing-event-time")
    assert competing is not None
    times = (
        "time-to-plasma-cell-malignancy",
        "time-to-platelet-recovery",
        "time-to-acute-gvhd",
        "cumulative-incidence-of-relapse",
    )
    for concept in (vocabulary.resolve(f"haemony:{time}") for time in times):
        assert concept is not None and vocabulary.is_a(concept.id, competing.id)
