"""Harmonising as a whole: courses of treatment, links, and records that are the same on every run."""

from __future__ import annotations

import random

import pytest

from tests.graph_loader.partners import Run, Ward, check_ledger, lines, run
from tests.mappings.partner_files import meaning, row, value

VTD = [2100002238, 2100002242, 2100002267]
HSCT, REMISSION, RELAPSE, PROGRESSION, NPM1 = 2100000080, 2100000060, 2100000063, 2100000067, 35948005
BORTEZOMIB = 2100002238

COURSES = Ward(
    """
patients: patients
index: {event: diagnosis, relative: true}
last_contact: [lot.seen]
tables:
  patients: {file: patients.csv, patient: ID, at: index}
  lot: {file: lot.csv, patient: ID}
  fu: {file: fu.csv, patient: ID, at: index}
""",
    [
        row("patients", "ID", "key"),
        row("patients", "sex", record="Patient", field="sex"),
        row("patients", "NPM1", record="Mutation", field="present", format="header HGNC 1|0"),
        row("patients", "vaf", record="Mutation#v", field="vaf", unit="%"),
        row("patients", "gene", record="Mutation#v", field="concept", format="HGNC"),
        row("patients", "OS", record="Outcome#os", field="days", unit="d"),
        row("patients", "osc", record="Outcome#os", field="concept"),
        row("lot", "ID", "key"),
        row("lot", "LOT", record="Treatment#lot", field="line"),
        row("lot", "Regimen", record="Treatment#lot", field="concept"),
        row("lot", "Start", record="Treatment#lot", field="start_day", unit="d", at="index"),
        row("lot", "cycles", record="Treatment#lot", field="cycles"),
        row("lot", "best", record="Response#r", field="concept", at="seen", of="lot"),
        row("lot", "seen", "context"),
        row("lot", "SCT", record="Treatment#sct", field="present", format="1|0", at="seen", of="lot by LOT"),
        row("fu", "ID", "key"),
        row("fu", "LOT", "context"),
        row("fu", "state", record="Response#f", field="concept", of="lot.lot by LOT"),
    ],
    [
        value("ward:patients.sex", "m", "OMOP:8507"),
        value("ward:patients.osc", "os", "haemony:overall-survival"),
        value("ward:lot.Regimen", "VTD", "haemony:bortezomib"),
        value("ward:lot.Regimen", "VTD", "haemony:thalidomide"),
        value("ward:lot.Regimen", "VTD", "haemony:dexamethasone"),
        value("ward:lot.Regimen", "V", "haemony:bortezomib"),
        value("ward:lot.best", "CR", "haemony:complete-remission"),
        value("ward:lot.best", "none", "haemony:relapse"),
        value("ward:lot.best", "none", "haemony:progressive-disease"),
        meaning("ward:lot.SCT", "haemony:hsct"),
        value("ward:fu.state", "CR", "haemony:complete-remission"),
        value("ward:fu.state", "PD", "haemony:progressive-disease"),
    ],
    {
        "patients.csv": lines("""
            ID sex NPM1 vaf gene OS osc
            a  m   1    10  NPM1 5  os
            b  m   0    20  NPM1 x  os
            c  m   .    .   .    .  os
            d  .   1    .   .    7  .
            """),
        "lot.csv": lines("""
            ID LOT Regimen Start cycles best seen SCT
            a  2   V       200   4      none 220 0
            a  1   VTD     10    2.5    CR   30  1
            b  1   V       5     .      .    .   .
            b  1   VTD     9     .      .    .   .
            c  1   other   5     3      CR   9   1
            d  .   V       .     .      .    .   .
            """),
        "fu.csv": lines("""
            ID LOT state
            a  1   CR
            a  9   PD
            b  1   CR
            d  .   PD
            """),
    },
)


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return COURSES.run(tmp_path_factory.mktemp("courses"))


def test_the_drugs_of_a_regimen_are_one_treatment(courses: Run) -> None:
    treatment = courses.one("Treatment", "p2", line=1)
    assert treatment["concept"] == VTD
    assert (treatment["start_day"], treatment["cycles"]) == (10, None)
    assert courses.fate("lot", 3, "cycles") == "quarantined unreadable-number"


def test_a_class_of_one_concept_makes_a_record_each(courses: Run) -> None:
    assert sorted(r["concept"] for r in courses.of("Response", "p2") if r["day"] == 220) == [RELAPSE, PROGRESSION]


def test_line_is_delivered_and_sequence_is_computed(courses: Run) -> None:
    order = {(tuple(r["concept"]), r["line"], r["sequence"]) for r in courses.of("Treatment", "p2")}
    assert order == {(tuple(VTD), 1, 1), ((HSCT,), None, 2), ((BORTEZOMIB,), 2, 3)}
    assert courses.one("Treatment", "p5")["sequence"] is None


def test_links_within_a_row_and_by_a_column(courses: Run) -> None:
    first, second = (courses.one("Treatment", "p2", line=n)["id"] for n in (1, 2))
    assert courses.one("Response", "p2", concept=REMISSION, day=30)["treatment"] == first
    assert {r["treatment"] for r in courses.of("Response", "p2") if r["day"] == 220} == {second}
    assert courses.one("Treatment", "p2", concept=[HSCT])["part_of"] == first
    assert courses.one("Response", "p2", concept=REMISSION, day=0)["treatment"] == first


def test_a_link_that_finds_none_or_several_is_flagged(courses: Run) -> None:
    none = courses.one("Response", "p2", concept=PROGRESSION, day=0)
    assert (none["treatment"], none["flags"]) == (None, ["link-none"])
    several = courses.one("Response", "p3", concept=REMISSION, day=0)
    assert (several["treatment"], several["flags"]) == (None, ["link-several"])
    assert courses.one("Response", "p5")["flags"] == ["link-none"]
    # its line could not be read: the response stays
    assert courses.one("Response", "p4", concept=REMISSION)["flags"] == ["link-none"]


def test_a_record_without_a_required_field_is_none(courses: Run) -> None:
    assert courses.one("Outcome", "p2")["days"] == 5
    assert courses.of("Outcome", "p3") == []  # filled, and cannot be read: neither an event nor censored
    assert courses.one("Outcome", "p4")["event"] is False  # no time at all: censored at last contact
    assert courses.fate("patients", 3, "osc").startswith("quarantined")
    assert courses.fate("patients", 4, "osc").startswith("quarantined")
    assert courses.fate("patients", 5, "OS") == "quarantined no-lead"


def test_no_outcome_is_without_its_concept(courses: Run) -> None:
    assert [r["sources"] for r in courses.records["Outcome"] if r["concept"] is None] == []


def test_the_ledger_adds_up(courses: Run) -> None:
    texts = {name: str(COURSES.files[spec.file]).splitlines() for name, spec in courses.partner.tables.items()}
    check_ledger(courses, {name: (len(text) - 1, text[0].split(",")) for name, text in texts.items()})


# --- the same on every run -------------------------------------------------------------------------------------------


def shuffled(text: str, seed: int) -> str:
    header, *rows = text.splitlines()
    random.Random(seed).shuffle(rows)
    return "\n".join([header, *rows]) + "\n"


def identity(result: Run) -> dict[str, tuple[str, str]]:
    return {r["id"]: (name, r["hash"]) for name, rows in result.records.items() for r in rows}


def test_ids_and_hashes_do_not_depend_on_the_order_of_rows(
    courses: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {name: shuffled(str(text), 7) for name, text in COURSES.files.items()}
    assert files != COURSES.files
    again = Ward(COURSES.layout, COURSES.dictionary, COURSES.concepts, files).run(tmp_path_factory.mktemp("again"))
    assert identity(again) == identity(courses)
    assert len(identity(again)) == sum(map(len, again.records.values()))
    panels = {(t["patient"], t["panel"], t["day"]) for t in again.tested}
    assert panels == {(t["patient"], t["panel"], t["day"]) for t in courses.tested}


def test_pseudonyms_depend_on_the_secret_and_hashes_do_too(
    courses: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = run(courses.partner, courses.data, tmp_path_factory.mktemp("other"), secret="another secret")
    assert not {r["id"] for r in other.records["Patient"]} & {r["id"] for r in courses.records["Patient"]}
    assert not set(identity(other)) & set(identity(courses))
