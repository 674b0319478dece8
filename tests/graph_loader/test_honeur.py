"""The myeloma uploads that come with HONEUR's form, good and bad, where they are at hand: counts, never a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from haemony.graph_loader.rdf import Tables
from haemony.graph_loader.reference import Validator
from haemony.graph_loader.shapes import read_shapes
from haemony.mappings.partner import BUNDLED, read_partner
from haemony.ontology.schema import TTL, read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.graph_loader.partners import Run, run

DATA = Path(__file__).parents[2].parent / "shared" / "data"
GOOD = Path("honeur_ecrf/good/dummydata")
BAD_PARTNER = Path(__file__).with_name("honeur_bad") / "partners" / "honeur_mm_bad"
FILES = {"demographics": (29, 16), "follow_ups": (116, 11), "lot": (261, 15)}
KEY, OS = "Hospital_patient_ID", 2100000001
VTD = {2100002238, 2100002242, 2100002267}
INDUCTION, MYELOMA_IGG, SMOLDERING, T_14_16 = 2100003101, 2100001551, 2100001549, 46236743
CASES = {
    "Disease": 2100002389,
    "Complications of Disease": 2100002390,
    "Other": 2100002392,
    "Stringent complete response": 2100002377,
    "Stable disease": 2100000066,
    "Response unknown": 2100002382,
}

pytestmark = pytest.mark.skipif(not (DATA / "honeur_ecrf").is_dir(), reason="HONEUR's uploads are not beside us")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    partner = read_partner(BUNDLED / "honeur_mm", read_vocabulary(), read_schema())
    return run(partner, DATA, tmp_path_factory.mktemp("honeur"), tolerated=0.1)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Run:
    partner = read_partner(BAD_PARTNER, read_vocabulary(), read_schema())
    return run(partner, DATA, tmp_path_factory.mktemp("honeur_bad"), tolerated=0.1)


def delivered(table: str) -> pd.DataFrame:
    """Read a file as pandas does, with its dates as dates and the row that a spreadsheet would count."""
    frame = pd.read_csv(DATA / GOOD / f"{table}.csv", dtype=str, encoding="utf-8-sig")
    for column in frame.columns[frame.columns.str.contains("date", case=False)]:
        frame[column] = pd.to_datetime(frame[column], format="%d/%m/%Y")
    return frame.assign(row=range(2, len(frame) + 2)).set_index(KEY, drop=False)


def by_patient(made: Run, cls: str, chosen: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, list[Any]]:
    """Return the records of a class by the delivered key of their patient."""
    keys = {f"p{row}": str(key) for key, row in delivered("demographics")["row"].items()}
    names = {record: keys[place] for place, record in made.patients.items()}
    found: dict[str, list[Any]] = {key: [] for key in keys.values()}
    for record in made.records[cls]:
        if chosen(record):
            found[names[record["patient"]]].append(record)
    return found


def rows_of(record: dict[str, Any], table: str) -> set[int]:
    return {int(source.split(":")[1]) for source in record["sources"] if source.startswith(f"{table}:")}


def broken(made: Run) -> Counter[str]:
    """Return how many records break each shape."""
    vocabulary = read_vocabulary()
    tables = Tables({c: pa.Table.from_pylist(r) for c, r in made.records.items() if r}, read_schema())
    shapes = read_shapes([TTL.with_name("shapes")])
    found = Validator(shapes, vocabulary.ancestors, lambda c: vocabulary[c].name).check(tables)
    return Counter(shape for shape, _ in {(v.shape, v.record_id) for v in found})


# --- the good one ----------------------------------------------------------------------------------------------


def test_everything_loads_but_the_hospitals(good: Run) -> None:
    fates = Counter[str]()
    for line in good.ledger:
        fates[line["fate"]] += line["cells"]
    frames = [delivered(t).drop(columns="row") for t in FILES]
    hospitals = sum(len(f) for f in frames if {"Hospital", "hospital"} & set(f.columns))
    flags = ["SMM_history", "MGUS_history", "Del17p", "t_4_14", "t_4_16"]
    unknown = int((frames[0][flags] == "Unknown").sum().sum())
    empty = sum(int(f.isna().sum().sum()) for f in frames)
    assert sum(fates.values()) == sum(r * c for r, c in FILES.values())
    assert fates["dropped"] == hospitals
    assert fates["missing"] == empty + unknown
    assert set(fates) == {"loaded", "dropped", "missing"}


def test_each_patient_has_the_lines_delivered_on_their_days(good: Run) -> None:
    lots, index = delivered("lot"), delivered("demographics")["date_of_diagnosis"]
    lines = lots[lots["Regimen"].notna()]
    made = by_patient(good, "Treatment", lambda r: r["line"] is not None)
    for key, records in made.items():
        mine = lines[lines[KEY] == key]
        expected = {
            (int(lot), (start - index[key]).days, (end - index[key]).days, int(cycles))
            for lot, start, end, cycles in mine[["LOT", "Start_date", "end_date", "cycles"]].itertuples(index=False)
        }
        assert {(r["line"], r["start_day"], r["end_day"], r["cycles"]) for r in records} == expected
        assert len(records) == len(mine)
    induction = lines[(lines["Regimen"] == "VTD") & (lines["category"] == "Induction")]
    assert sum({*VTD, INDUCTION} == set(r["concept"]) for rs in made.values() for r in rs) == len(induction) > 0


@pytest.mark.parametrize(
    ("cls", "link", "lead"),
    [("Response", "treatment", "response"), ("AdverseEvent", "treatment", "AE"), ("Treatment", "part_of", "SCT_type")],
)
def test_what_stands_in_other_rows_belongs_to_the_line_of_its_lot(good: Run, cls: str, link: str, lead: str) -> None:
    lots = delivered("lot")
    lot_of = dict(zip(lots["row"], lots[KEY] + "/" + lots["LOT"], strict=True))
    led = set(lots.loc[lots[lead].notna(), "row"])
    lines = {r["id"]: r for r in good.records["Treatment"] if r["line"] is not None}
    linked = [r for r in good.records[cls] if rows_of(r, "lot") & led]
    assert len(linked) == len(led) > 0
    for record in linked:
        line = lines[record[link]]
        (own,) = {lot_of[n] for n in rows_of(record, "lot")}
        # The rows that tie a line to others are not its sources: its own row alone is.
        assert {lot_of[n] for n in rows_of(line, "lot")} == {own}


def test_survival_ends_with_death_or_the_last_date_of_any_table(good: Run) -> None:
    people, visits, lots = (delivered(t) for t in FILES)
    dates = [visits["followup_date"], *(lots[c] for c in lots.columns if "date" in c.lower())]
    last = pd.concat([d.dropna() for d in dates]).groupby(level=0).max()
    made = by_patient(good, "Outcome")
    for key, person in people.iterrows():
        (outcome,) = made[str(key)]
        dead = pd.notna(person["date_of_death"])
        end = person["date_of_death"] if dead else last[key]
        assert outcome["event"] == dead
        assert outcome["days"] == (end - person["date_of_diagnosis"]).days
        assert outcome["cause"] == (CASES[person["cause_of_death"]] if dead else None)
        assert (outcome["concept"], outcome["day"]) == (OS, 0)


def test_history_comes_before_the_myeloma_and_is_denied_where_it_is(good: Run) -> None:
    people = delivered("demographics")
    for key, records in by_patient(good, "Diagnosis").items():
        person = people.loc[key]
        days = {r["concept"]: r["day"] for r in records}
        before = (
            (person["SMM_History_date"] - person["date_of_diagnosis"]).days if person["SMM_history"] == "Yes" else None
        )
        assert days.get(SMOLDERING) == before
        assert sum(day == 0 for day in days.values()) == 1
        assert (MYELOMA_IGG in days) == (person["PP_type"] == "IgG")
    denied = {t["patient"] for t in good.tested for p in good.panels if t["panel"] == p["id"] if T_14_16 in p["covers"]}
    assert len(denied) == (people["t_4_16"] != "Unknown").sum()
    assert sum(r["concept"] == T_14_16 for r in good.records["Finding"]) == (people["t_4_16"] == "Yes").sum()


def test_responses_say_what_was_delivered(good: Run) -> None:
    said, made = delivered("lot")["response"].value_counts(), Counter(r["concept"] for r in good.records["Response"])
    assert {t: made[CASES[t]] for t in said.index if t in CASES} == {t: n for t, n in said.items() if t in CASES}
    assert sum(made.values()) == said.sum()
    assert {r["system"] for r in good.records["RiskGroup"]} == {"R-ISS 2015"}


def test_values_are_kept_in_the_units_of_the_vocabulary(good: Run) -> None:
    visits = delivered("follow_ups")
    for concept, column, factor in ((3024561, "albumin", 10), (3000963, "Hb", 1), (2100003100, "bone_lesions", 1)):
        values = [float(r["value"]) for r in good.records["Measurement"] if r["concept"] == concept]
        assert sorted(values) == pytest.approx(sorted(visits[column].astype(float) * factor))


def test_only_true_faults_are_flagged(good: Run) -> None:
    people, visits, lots = (delivered(t) for t in FILES)
    death = people["date_of_death"]
    seen = [visits["followup_date"], *(lots[c].dropna() for c in lots.columns if "date" in c.lower())]
    after = {key for dates in seen for key, date in dates.items() if date > death[str(key)]}
    fatal = lots[(lots["AE_severity"] == "5") & lots[KEY].map(death).isna()]
    assert broken(good) == {"record-after-death": len(after), "adverse-event-fatal": len(fatal)}


# --- the bad one -----------------------------------------------------------------------------------------------


def test_every_planted_fault_is_found(bad: Run) -> None:
    """Two rows have one key, a key is missing for it, two values are no numbers, two dates no dates."""
    places = {(c["table"], c["row"], c["column"]): c["reason"] for c in bad.cells if c["fate"] == "quarantined"}
    blamed = {place: reason for place, reason in places.items() if reason.startswith("unreadable")}
    assert blamed == {
        **{("follow_ups", row, "LDH"): "unreadable-number" for row in (4, 14)},
        **{("lot", row, "Start_date"): "unreadable-date" for row in (2, 31)},
    }
    whole = Counter((table, reason) for table, row, reason in {(t, n, r) for (t, n, _), r in places.items()})
    rows = {("demographics", "duplicate-key"): 2}
    rows |= {(t, r): n for t, n in (("follow_ups", 4), ("lot", 9)) for r in ("duplicate-key", "unknown-patient")}
    assert {k: n for k, n in whole.items() if not k[1].startswith("unreadable")} == rows
    assert len(bad.records["Patient"]) == 27


def test_a_line_without_a_readable_start_loads_with_what_is_left(bad: Run) -> None:
    (line,) = (r for r in bad.records["Treatment"] if 31 in rows_of(r, "lot"))
    assert line["start_day"] is None and line["end_day"] is not None and line["concept"]
    assert "lot:31:Start_date" not in line["sources"]


# --- the rules of the form ---------------------------------------------------------------------------------------


def test_the_rules_of_the_form_are_kept(tmp_path: Path, good: Run) -> None:
    """Break each rule once in a copy of the good upload, each for another patient."""
    people, lots = (
        pd.read_csv(DATA / GOOD / f"{t}.csv", dtype=str, encoding="utf-8-sig") for t in ("demographics", "lot")
    )
    first = lots[lots["Regimen"].notna() & (lots["LOT"] == "1")]
    several = first[first[KEY].isin(lots.loc[lots["LOT"] == "2", KEY])]
    overlapping, open_, backwards = several.index[:3]
    lots.loc[overlapping, "end_date"] = "01/01/2020"
    lots.loc[open_, "end_date"] = None
    lots.loc[backwards, "end_date"] = "01/01/2001"
    late, future = (people.index[people[KEY] == key][0] for key in several[KEY].iloc[3:5])
    people.loc[late, "date_of_diagnosis"] = "31/12/2019"
    people.loc[future, "date_of_diagnosis"] = "31/12/2999"
    folder = tmp_path / GOOD
    folder.mkdir(parents=True)
    people.to_csv(folder / "demographics.csv", index=False)
    lots.to_csv(folder / "lot.csv", index=False)
    (folder / "follow_ups.csv").write_bytes((DATA / GOOD / "follow_ups.csv").read_bytes())
    made = run(good.partner, tmp_path, tmp_path / "work", tolerated=0.1)
    found = broken(made)
    assert {n: found[n] for n in ("lines-overlap", "line-left-open", "treatment-ends-before-start")} == {
        "lines-overlap": lots.loc[lots["Regimen"].notna(), KEY].eq(several[KEY].iloc[0]).sum() - 1,
        "line-left-open": 1,
        "treatment-ends-before-start": 1,
    }
    mine = lots[lots[KEY] == people.loc[late, KEY]]
    before = mine[["Start_date", "SCT_date", "response_date"]].notna().sum()
    assert found["treatment-before-diagnosis"] == before["Start_date"] + before["SCT_date"]
    assert found["response-before-diagnosis"] == before["response_date"]
    assert made.fate("demographics", future + 2, "date_of_diagnosis") == "quarantined unreadable-date"
