"""The two synthetic copies of a registry, where they are at hand: sums and counts, held against the files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from haemony.mappings.partner import BUNDLED, read_partner
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.graph_loader.partners import Run, run

DATA = Path(__file__).parents[2].parent / "shared" / "data"
COPIES = ("sal_ctab", "sal_nflow")
DAYS = 30.4375  # of a UCUM month
G_DL = 1.6114  # g/dL of haemoglobin in one mmol/L of its monomer
AML, OS, EFS, CR, NO_CR = 2100001310, 2100000001, 2100000002, 2100000068, 2100003002
HB, PLATELETS, LEUKOCYTES = 3000963, 3024929, 3000905

#: column: class, concept; each a flag of its own
FLAGS: dict[str, tuple[str, int]] = {
    "EXAML": ("Finding", 2100002103),
    "de_novo": ("Diagnosis", 2100001541),
    "sAML": ("Diagnosis", 2100001542),
    "tAML": ("Diagnosis", 2100001322),
    "CGNK": ("Finding", 2100000010),
    "CGCX": ("Finding", 2100000011),
    "FLT3I": ("Mutation", 2100000022),
    "FLT3T": ("Mutation", 2100000023),
    "NPM1": ("Mutation", 35948005),
    "CEBPA": ("Mutation", 35948202),
    "ZRSR2": ("Mutation", 35951184),
    "t8.21": ("Finding", 46236750),
    "inv16_t16.16": ("Finding", 44816901),
    "minus.5": ("Finding", 2100001764),
    "minus.17": ("Finding", 2100001940),
    "abn.17p.": ("Finding", 2100003001),
    "t.v.11..v.q23.": ("Finding", 2100003000),
    "t.9.11..p21.23.q23.": ("Finding", 2100002067),
    "trisomy_8": ("Finding", 2100001810),
    "minus.Y": ("Finding", 2100000015),
    "minus.X": ("Finding", 2100000017),
}

pytestmark = pytest.mark.skipif(
    not (DATA / "sal_synthetic").is_dir(), reason="the synthetic copies of the registry are not beside this checkout"
)


@dataclass(frozen=True)
class Copy:
    """What was harmonised, and the file as pandas reads it."""

    run: Run
    file: pd.DataFrame

    def carriers(self, cls: str, concept: int) -> int:
        """Count the records of a concept."""
        return sum(r["concept"] == concept for r in self.run.records[cls])


@pytest.fixture(scope="module", params=COPIES)
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    partner = read_partner(BUNDLED / request.param, read_vocabulary(), read_schema())
    file = pd.read_csv(DATA / partner.tables["sal"].file, sep=";", decimal=",")
    return Copy(run(partner, DATA, tmp_path_factory.mktemp(request.param), tolerated=0.0), file)


def test_the_mapping_has_no_faults_and_nothing_that_deserves_a_look(copy: Copy) -> None:
    assert copy.run.partner.warnings == ()


def test_every_cell_has_one_fate(copy: Copy) -> None:
    cells: Counter[str] = Counter()
    for row in copy.run.ledger:
        cells[row["column"]] += row["cells"]
    assert set(cells) == set(copy.file.columns)
    assert set(cells.values()) == {len(copy.file)} == {1606}


def test_no_cell_is_quarantined_or_ignored_but_for_the_zeros_of_patients_without_karyotype(copy: Copy) -> None:
    fates: Counter[tuple[str, str]] = Counter()
    for row in copy.run.ledger:
        fates[row["fate"], row["reason"] or ""] += row["cells"]
    untested = copy.file[copy.file.CGNK.isna() & copy.file.CGCX.isna()].loc[:, "inv16_t16.16":"minus.X"]
    assert fates.pop(("ignored", "panel-untested")) == int((untested == 0).sum().sum()) > 0
    assert fates.pop(("missing", "")) == int(copy.file.isna().sum().sum())
    assert {fate for fate, _ in fates} == {"loaded"}


@pytest.mark.parametrize("column", FLAGS)
def test_who_carries_what_is_counted_as_in_the_file(copy: Copy, column: str) -> None:
    assert copy.carriers(*FLAGS[column]) == int((copy.file[column] == 1).sum())


def test_every_mutation_and_finding_stands_on_a_flag_that_is_set(copy: Copy) -> None:
    genes = copy.file.loc[:, "ASXL1":"ZRSR2"]
    abnormalities = copy.file.loc[:, "inv16_t16.16":"minus.X"]
    assert len(copy.run.records["Mutation"]) == int((genes == 1).sum().sum())
    found = int((abnormalities == 1).sum().sum()) + int((copy.file[["EXAML", "CGNK", "CGCX"]] == 1).sum().sum())
    assert len(copy.run.records["Finding"]) == found


def test_no_two_columns_are_made_to_contradict_each_other(copy: Copy) -> None:
    # -17 beside abn(17p) = 0, and t(9;11) beside t(v;11q23) = 0, are no contradictions
    assert not [r for records in copy.run.records.values() for r in records if r["disputed"]]


def test_not_tested_is_not_negative(copy: Copy) -> None:
    covered = {p["id"]: set(p["covers"]) for p in copy.run.panels}
    tested: Counter[int] = Counter()
    for row in copy.run.tested:
        tested.update(covered[row["panel"]])
    assert {row["day"] for row in copy.run.tested} == {0}
    for column in ("NPM1", "FLT3I", "FLT3T", "CEBPA", "CGNK"):
        assert tested[FLAGS[column][1]] == int(copy.file[column].notna().sum()), column
    karyotyped = copy.file.CGNK.notna() | copy.file.CGCX.notna()
    assert tested[FLAGS["t8.21"][1]] == int((karyotyped | (copy.file["t8.21"] == 1)).sum())


def test_patients_of_no_said_origin_have_leukaemia_all_the_same(copy: Copy) -> None:
    unsaid = copy.file[["de_novo", "sAML", "tAML"]].sum(axis=1) == 0
    assert copy.carriers("Diagnosis", AML) == int(unsaid.sum()) > 0
    assert len(copy.run.records["Diagnosis"]) == len(copy.file)


def test_remission_reached_and_not_reached_are_both_kept(copy: Copy) -> None:
    assert copy.carriers("Response", CR) == int((copy.file.CR1 == 1).sum())
    assert copy.carriers("Response", NO_CR) == int((copy.file.CR1 == 0).sum())


@pytest.mark.parametrize(("concept", "time", "event"), [(OS, "OSTM", "OSSTAT"), (EFS, "EFSTM", "EFSSTAT")])
def test_survival_is_that_of_the_file_in_days(copy: Copy, concept: int, time: str, event: str) -> None:
    mine = pd.DataFrame([r for r in copy.run.records["Outcome"] if r["concept"] == concept])
    assert len(mine) == len(copy.file)
    assert set(mine.day) == {0}
    assert int(mine.event.sum()) == int(copy.file[event].sum())
    found = KaplanMeierFitter().fit(mine.days.astype(float), mine.event).median_survival_time_
    assert found == pytest.approx(
        KaplanMeierFitter().fit(copy.file[time], copy.file[event]).median_survival_time_ * DAYS, rel=1e-6
    )


@pytest.mark.parametrize(
    ("concept", "column", "factor"), [(HB, "HB", G_DL), (PLATELETS, "PLT", 1.0), (LEUKOCYTES, "WBC", 1.0)]
)
def test_laboratory_values_stand_in_the_unit_of_their_concept(
    copy: Copy, concept: int, column: str, factor: float
) -> None:
    mine = sorted(float(r["value"]) for r in copy.run.records["Measurement"] if r["concept"] == concept)
    assert mine == pytest.approx(sorted(copy.file[column] * factor), rel=1e-6, abs=1e-5)


def test_age_and_sex(copy: Copy) -> None:
    patients = copy.run.records["Patient"]
    assert sorted(float(p["age"]) for p in patients) == sorted(copy.file.AGE)
    assert Counter(p["sex"] for p in patients) == {
        8507: int((copy.file.SEX == "m").sum()),
        8532: int((copy.file.SEX == "f").sum()),
    }
