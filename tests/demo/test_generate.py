"""The made-up deliveries: same bytes for the same seed, readable as declared, medicine that looks like medicine."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from haemony.demo import aml_de, draw, figures, generate, mds_en, mm_es
from haemony.demo.variants import VARIANTS
from haemony.engine.errors import DeliveryError

LAYOUT = {"demo_aml": (";", "latin-1"), "demo_mds": (",", "utf-8"), "demo_mm": (";", "latin-1")}


def read(folder: Path, partner: str, file: str) -> pd.DataFrame:
    separator, encoding = LAYOUT[partner]
    return pd.read_csv(folder / partner / file, sep=separator, encoding=encoding, dtype=str, keep_default_na=False)


def digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, generate.generate(folder, 375, 3)


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate.generate(tmp_path / name, 120, seed)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert a["demo_aml/labor.csv"] != c["demo_aml/labor.csv"]


@pytest.mark.parametrize("module", [aml_de, mds_en, mm_es])
def test_first_patients_do_not_depend_on_how_many_follow(module: Any) -> None:
    whole = module.draw_patients(draw.generator(5, "x", 0, "patients"), 0, generate.BLOCK)
    few, more = module.deliver(draw.head(whole, 20)), module.deliver(draw.head(whole, 50))
    for file, table in few.items():
        mine = more[file].owner < 20
        for column, texts in table.columns.items():
            assert texts.tolist() == more[file].columns[column][mine].tolist(), (file, column)


def test_several_blocks_are_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "BLOCK", 100)
    made = generate.generate(tmp_path, 250, 1, ["demo_aml"])
    keys = read(tmp_path, "demo_aml", "stammdaten.csv")["PatNr"]
    assert keys.nunique() == 250
    assert made["demo_aml"]["patients"] == 250


@pytest.mark.parametrize("patients", [1, 2, 3])
def test_few_patients_are_made_too(tmp_path: Path, patients: int) -> None:
    for seed in range(8):
        for partner in generate.CENTRES:
            assert generate.generate(tmp_path, patients, seed, [partner])[partner]["patients"] == patients


def test_patients_are_shared_out(made: tuple[Path, dict[str, Any]]) -> None:
    assert {name: partner["patients"] for name, partner in made[1].items()} == {
        "demo_aml": 180,
        "demo_mds": 120,
        "demo_mm": 75,
    }


def test_row_counts_are_those_of_the_files(made: tuple[Path, dict[str, Any]]) -> None:
    folder, result = made
    for partner, told in result.items():
        on_disk = {path.name: len(read(folder, partner, path.name)) for path in (folder / partner).glob("*.csv")}
        assert told["rows"] == on_disk


def test_every_line_has_as_many_cells_as_the_header(made: tuple[Path, dict[str, Any]]) -> None:
    import csv

    for partner, (separator, encoding) in LAYOUT.items():
        for path in (made[0] / partner).glob("*.csv"):
            with path.open(encoding=encoding, newline="") as file:
                widths = {len(row) for row in csv.reader(file, delimiter=separator)}
            assert len(widths) == 1, path


@pytest.mark.parametrize(("file", "word"), [("demo_aml/stammdaten.csv", "günstig"), ("demo_mm/pacientes.csv", "sí")])
def test_file_is_latin_1_and_not_utf_8(made: tuple[Path, dict[str, Any]], file: str, word: str) -> None:
    path = made[0] / file
    assert word in path.read_text("latin-1")
    with pytest.raises(UnicodeDecodeError):
        path.read_text("utf-8")


def test_mistakes_file_says_what_was_returned(made: tuple[Path, dict[str, Any]]) -> None:
    folder, result = made
    told = json.loads((folder / "mistakes.json").read_text(encoding="utf-8"))
    assert told == {name: partner["mistakes"] for name, partner in result.items()}


@pytest.mark.parametrize(
    ("patients", "partners"), [(0, ["demo_aml"]), (1, ["demo_aml", "demo_mds"]), (5, ["nobody"]), (5, [])]
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, patients: int, partners: list[str]) -> None:
    with pytest.raises(DeliveryError):
        generate.generate(tmp_path, patients, 1, partners)


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2059, 12, 31)))
def test_dates_are_written_as_the_calendar_has_them(date: datetime.date) -> None:
    days = np.array([(date - datetime.date(1970, 1, 1)).days])
    assert draw.dates(days)[0] == date.isoformat()
    assert draw.dates(days, pattern=draw.GERMAN)[0] == date.strftime("%d.%m.%Y").rjust(10, "0")
    assert draw.dates(days, pattern=draw.SPANISH)[0] == date.strftime("%d/%m/%Y").rjust(10, "0")
    assert draw.dates(days, pattern="MM/yyyy")[0] == date.strftime("%m/%Y").rjust(7, "0")


@given(st.integers(1, 20), st.sampled_from("mw"), st.sampled_from([t for t, _ in figures.AML_KARYOTYPES.values()]))
def test_karyotype_clones_add_up_and_agree_with_sex(size: int, sex: str, text: str) -> None:
    (written,) = draw.karyotypes({"x": text})[f"x {sex}"][[size]]
    cells = [int(part.partition("]")[0]) for part in written.split("[")[1:]]
    assert sum(cells) == 20
    assert ("Y" in written) == (sex == "m")


def test_chromosome_counts_agree_with_the_abnormalities() -> None:
    texts = [row[0] for row in figures.AML_KARYOTYPES.values()] + [row[0] for row in figures.MDS_KARYOTYPES.values()]
    for text in texts:
        count, _, rest = text.partition(",")
        parts = rest.split(",")
        change = sum(p.startswith("+") for p in parts) - sum(p.startswith("-") for p in parts)
        assert int(count) == 46 + change, text


def test_substitutions_agree_with_their_codons() -> None:
    for gene, variants in VARIANTS.items():
        for coding, protein in variants:
            if ">" in coding:
                base = int(coding.removeprefix("c.").partition(">")[0][:-1])
                codon = int("".join(c for c in protein if c.isdigit()))
                assert (base + 2) // 3 == codon, (gene, coding, protein)


# --- medicine ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def aml() -> aml_de.Patients:
    return aml_de.draw_patients(draw.generator(2, "demo_aml", 0, "patients"), 0, 10_000)


@pytest.fixture(scope="module")
def mds() -> mds_en.Patients:
    return mds_en.draw_patients(draw.generator(2, "demo_mds", 0, "patients"), 0, 10_000)


def median_years(days: Any, died: Any, who: Any) -> float:
    fit = KaplanMeierFitter().fit(days[who] / 365.25, died[who])
    return float(fit.median_survival_time_)


def test_aml_prevalences_are_near_the_published_ones(aml: aml_de.Patients) -> None:
    npm1, itd = aml.has("NPM1"), aml.has("FLT3-ITD")
    assert 0.25 < npm1.mean() < 0.31
    assert 0.36 < itd[npm1].mean() < 0.44
    assert 0.12 < itd[~npm1].mean() < 0.18
    assert aml.has("DNMT3A")[npm1].mean() > 2 * aml.has("DNMT3A")[~npm1].mean()
    assert aml.has("TP53")[aml.shows("complex")].mean() > 0.7
    assert not (npm1 & (aml.shows("t8_21") | aml.shows("inv16"))).any()
    assert 0.43 < aml.female.mean() < 0.49


def test_aml_survival_is_ordered_by_risk_and_age(aml: aml_de.Patients) -> None:
    died, p53, npm1 = aml.death <= aml.last, aml.has("TP53"), aml.has("NPM1")
    groups = [aml.risk == 0, aml.risk == 1, (aml.risk == 2) & ~p53, p53]
    medians = [median_years(aml.last, died, who) for who in groups]
    assert medians == sorted(medians, reverse=True)
    assert medians[0] > 2 * medians[2] and medians[3] < 0.8
    itd = aml.has("FLT3-ITD")
    assert median_years(aml.last, died, npm1 & ~itd) > median_years(aml.last, died, npm1 & itd)
    assert median_years(aml.last, died, aml.age < 60) > median_years(aml.last, died, aml.age >= 60)


def test_what_happens_to_a_patient_happens_in_order(aml: aml_de.Patients) -> None:
    grafted, relapsed = aml.transplant < draw.NEVER, aml.relapse < draw.NEVER
    assert (aml.remission[grafted] < aml.transplant[grafted]).all()
    assert (aml.remission[relapsed] < aml.relapse[relapsed]).all()
    assert (aml.relapse[relapsed] < aml.death[relapsed]).all()
    assert (aml.last <= aml.death).all()


def test_mds_prevalences_and_survival(mds: mds_en.Patients) -> None:
    assert 0.20 < mds.has("SF3B1").mean() < 0.28
    assert mds.carries[:, : len(mds_en.SPLICING)].sum(axis=1).max() == 1
    complex_ = np.isin(mds.pattern.astype(str), ["complex3", "complex5", "complexp"])
    assert mds.has("TP53")[complex_].mean() > 5 * mds.has("TP53")[~complex_].mean()
    died = mds.death <= mds.last
    medians = [median_years(mds.last, died, mds.group == g) for g in range(5)]
    assert medians == sorted(medians, reverse=True)
    for median, (_, published, _) in zip(medians, figures.IPSSR.values(), strict=True):
        assert 0.75 * published < median < 1.35 * published


def test_ipss_r_group_follows_from_the_points(mds: mds_en.Patients) -> None:
    limits = [limit for limit, _, _ in figures.IPSSR.values()]
    assert all(
        points <= limits[g] and (g == 0 or points > limits[g - 1])
        for points, g in zip(mds.points, mds.group, strict=True)
    )


@pytest.fixture(scope="module")
def mm() -> mm_es.Patients:
    return mm_es.draw_patients(draw.generator(2, "demo_mm", 0, "patients"), 0, 10_000)


def test_myeloma_prevalences_are_near_the_published_ones(mm: mm_es.Patients) -> None:
    assert 67 < np.median(mm.age) < 71
    assert 0.42 < mm.female.mean() < 0.48
    deleted, four, sixteen, gained = mm.abnormal.T
    assert 0.08 < deleted.mean() < 0.12 and 0.11 < four.mean() < 0.15 and 0.02 < sixteen.mean() < 0.05
    assert 0.33 < gained.mean() < 0.43 and gained[four].mean() > 1.5 * gained[~four].mean()
    assert not (four & sixteen).any()
    assert 0.48 < np.char.startswith(mm.isotype.astype(str), "IgG").mean() < 0.57
    first, second, third = np.bincount(mm.stage) / len(mm.stage)
    assert 0.25 < first < 0.35 and 0.30 < second < 0.42 and 0.28 < third < 0.40
    first, _, third = np.bincount(mm.revised) / len(mm.revised)
    assert 0.18 < first < 0.30 and 0.08 < third < 0.14


def test_stage_follows_from_what_is_measured(mm: mm_es.Patients) -> None:
    microglobulin, albumin = mm.labs[:, mm_es.MICROGLOBULIN], mm.labs[:, mm_es.ALBUMIN]
    assert ((mm.stage == 2) == (microglobulin >= 5.5)).all()
    assert ((mm.stage == 0) == ((microglobulin < 3.5) & (albumin >= 35))).all()
    assert not mm.abnormal[mm.revised == 0, :3].any()
    assert (mm.stage[mm.revised == 2] == 2).all()


def test_myeloma_survival_is_ordered_by_stage(mm: mm_es.Patients) -> None:
    died = mm.death <= mm.last
    ended = np.minimum(mm.progress[:, 0], mm.death)
    alive, free = [], []
    for stage in range(3):
        who = mm.revised == stage
        alive.append(KaplanMeierFitter().fit(mm.last[who] / 365.25, died[who]).predict(5))
        years = np.minimum(ended, mm.last)[who] / 365.25
        free.append(KaplanMeierFitter().fit(years, (ended <= mm.last)[who]).predict(5))
    # 82, 62 and 40 % lived, 55, 36 and 24 % without progression, in trials: doi 10.1200/JCO.2015.61.2267
    assert all(abs(found - told) < 0.1 for found, told in zip(alive, (0.82, 0.62, 0.40), strict=True))
    assert all(abs(found - told) < 0.1 for found, told in zip(free, (0.55, 0.36, 0.24), strict=True))


def test_lines_of_therapy_follow_each_other(mm: mm_es.Patients) -> None:
    reached = (mm.begin <= mm.last[:, None]).mean(axis=0)
    assert reached[0] > 0.98 and 0.35 < reached[1] < 0.65 and (np.diff(reached) < 0).all()
    for nth in range(1, mm_es.LINES):
        begun = mm.begin[:, nth] < draw.NEVER
        assert (mm.begin[begun, nth] > mm.progress[begun, nth - 1]).all()
        assert (mm.begin[begun, nth] > mm.end[begun, nth - 1]).all()
    grafted = mm.graft[:, 0] < draw.NEVER
    assert (mm.graft[grafted, 0] > mm.end[grafted, 0]).all()
    assert (mm.end[mm.begin <= mm.last[:, None]] >= mm.begin[mm.begin <= mm.last[:, None]]).all()


def test_better_responses_are_rarer_in_later_lines_and_last_longer(mm: mm_es.Patients) -> None:
    begun = mm.begin < draw.NEVER
    shares = [(mm.response[begun[:, nth], nth] >= mm_es.PARTIAL).mean() for nth in range(3)]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.85
    complete = mm.response[:, 0] >= figures.MM_RESPONSES.index("RC")
    died, ended = mm.death, np.minimum(mm.progress[:, 0], mm.death)
    days, seen = np.minimum(ended, mm.last), np.minimum(died, ended) <= mm.last
    assert median_years(days, seen, complete) > 1.4 * median_years(days, seen, ~complete)


def test_no_regimen_is_given_before_its_time(mm: mm_es.Patients) -> None:
    year = 1970 + (mm.diagnosed[:, None] + mm.begin) / draw.DAYS_A_YEAR
    for regimen, since in (("Dara-VTD", 2020), ("KRd", 2016), ("Isa-Pd", 2020), ("Teclistamab", 2022)):
        given = (mm.regimen == regimen) & (mm.begin <= mm.last[:, None])
        assert given.any() and (year[given] >= since).all()
