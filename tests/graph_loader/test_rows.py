"""Whole rows: derived columns, rows that do not count, and time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph_loader.partners import Run, Ward, check_ledger, lines
from tests.mappings.partner_files import meaning, row, value

OS, PFS, RFS = 2100000001, 2100000004, 2100000003
REMISSION, SECOND_REMISSION, RELAPSE = 2100000060, 2100000069, 2100000063
HAEMOGLOBIN, LEUKOCYTES, LDH = 3000963, 3000905, 3016436
AZACITIDINE, VENETOCLAX = 2100002197, 2100002211
NPM1, SPLENOMEGALY = 35948005, 2100000123
DATE = "dd.MM.yyyy"

STATION = Ward(
    """
read: {separator: ";", decimal: ","}
patients: patients
index: {event: diagnosis, date: patients.Dx}
last_contact: [patients.Seen, visits.Date]
tables:
  patients: {file: patients.csv, patient: PatID, at: index}
  visits: {file: visits.csv, patient: PatID, at: Date, split: {Drugs: +},
           where: {keep: "Kind = 'lab' AND number(Hb) < 20 OR Hb IS NULL", why: no laboratory},
           derive: {high: "CASE WHEN number(Hb) > 9 THEN 'yes' ELSE 'no' END", cells: number(WBC) * 1000}}
  months: {file: months.csv, patient: "replace(Number, 'x-', '')", at: Month}
  samples: {file: samples.csv, patient: PatID}
  assay: {file: assay.csv, patient: {column: Sample, through: samples.Tube}, at: index}
""",
    [
        row("patients", "PatID", "key"),
        row("patients", "Dx", "context", format=DATE),
        row("patients", "Born", record="Patient", field="age", format=DATE),
        row("patients", "Seen", "context", format=DATE),
        row("patients", "Died", record="Outcome#os", field="days", format=DATE),
        row("patients", "Dead", record="Outcome#os", field="event", format="1|0"),
        row("patients", "First", record="Outcome#pfs", field="entry_days", format=DATE),
        row("patients", "Prog", record="Outcome#pfs", field="days", format=DATE),
        row("patients", "CR", record="Response#cr", field="day", format=DATE),
        row("patients", "RFS", record="Outcome#rfs", field="days", unit="mo", at="CR"),
        row("patients", "Event", record="Outcome#rfs", field="event", format="1|0"),
        row("patients", "Rel", record="Response#rel", field="day", unit="d", at="CR"),
        row("patients", "CR2", record="Response#cr2", field="day", unit="wk", at="Rel"),
        row("visits", "PatID", "key"),
        row("visits", "Date", "context", format=DATE),
        row("visits", "Kind", "context"),
        row("visits", "Hb", record="Measurement", unit="g/dL"),
        row("visits", "WBC", record="Measurement", unit="10*9/L"),
        row("visits", "cells", record="Measurement", unit="/uL", field="value"),
        row("visits", "high", record="Finding", field="present", format="yes|no"),
        row("visits", "Drugs", record="Treatment", field="concept"),
        row("months", "Number", "key"),
        row("months", "Month", "context", format="MM/yyyy"),
        row("months", "LDH", record="Measurement", unit="U/L"),
        row("samples", "Tube", "key"),
        row("samples", "PatID", "key"),
        row("assay", "Sample", "key"),
        row("assay", "NPM1", record="Mutation", field="present", format="1|0"),
    ],
    [
        meaning("ward:patients.Died", "haemony:overall-survival"),
        meaning("ward:patients.Prog", "haemony:progression-free-survival"),
        meaning("ward:patients.RFS", "haemony:relapse-free-survival"),
        meaning("ward:patients.CR", "haemony:complete-remission"),
        meaning("ward:patients.Rel", "haemony:relapse"),
        meaning("ward:patients.CR2", "haemony:second-complete-remission"),
        meaning("ward:visits.Hb", "OMOP:3000963"),
        meaning("ward:visits.WBC", "OMOP:3010813"),
        meaning("ward:visits.cells", "LOINC:6690-2"),
        meaning("ward:visits.high", "haemony:splenomegaly"),
        meaning("ward:months.LDH", "OMOP:3016436"),
        meaning("ward:assay.NPM1", "OMOP:35948005"),
        value("ward:visits.Drugs", "AZA", "haemony:azacitidine"),
        value("ward:visits.Drugs", "VEN", "haemony:venetoclax"),
    ],
    {
        "patients.csv": lines(
            """
            PatID|Dx|Born|Seen|Died|Dead|Prog|CR|RFS|Event|Rel|CR2|First
            a|01.03.2020|02.03.1960|01.03.2022|01.03.2021|1|01.06.2020|31.03.2020|2|0|10|2|11.03.2020
            b|31.02.2020|01.01.1950||||||||||
            c|1.3.2020|01.03.1960|11.03.2020|31.04.2021|0|||||||05.03.2020
            d|01.03.2020|x|02.04.2020|02.03.2020|0|soon||1|1|5||02.03.2020
            e|01.03.2020|||||||||||
            e|01.03.2020|||||||||||
            |01.03.2020|||||||||||
            f|||01.01.2021|01.01.2021|0||01.01.2021|||||
            """,
            ";",
        ),
        "visits.csv": lines(
            """
            PatID|Date|Kind|Hb|WBC|Drugs
            a|05.03.2020|lab|9,5|1,25|AZA + VEN
            a|06.03.2020|lab|8||AZA+XYZ
            a|07.03.2020|talk|10|2|VEN
            a|31.02.2020|lab|7|3|
            c|21.03.2020|lab|6||+
            z|05.03.2020|lab|9,5||AZA
            e|05.03.2020|lab|9,5||
            |05.03.2020|lab|9,5||
            """,
            ";",
        ),
        "months.csv": lines(
            """
            Number|Month|LDH
            x-a|03/2020|300
            x-c|13/2020|200
            """,
            ";",
        ),
        "samples.csv": lines(
            """
            Tube|PatID
            1|a
            1.0|c
            2|a
            2|c
            3|z
            """,
            ";",
        ),
        "assay.csv": lines(
            """
            Sample|NPM1
            1|1
            1.0|0
            2|1
            3|1
            4|1
            """,
            ";",
        ),
    },
)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return STATION.run(tmp_path_factory.mktemp("station"))


def test_dates_become_days_since_the_index_date(station: Run) -> None:
    assert station.values("Measurement", "p2", "concept", "day", "value") == [
        (LEUKOCYTES, 4, 1.25),
        (LEUKOCYTES, None, 3.0),
        (HAEMOGLOBIN, 4, 9.5),
        (HAEMOGLOBIN, 5, 8.0),
        (HAEMOGLOBIN, None, 7.0),
        (LDH, 14, 300.0),  # a month is its 15th
    ]
    assert station.values("Measurement", "p4", "concept", "day") == [(HAEMOGLOBIN, 20), (LDH, None)]


def test_age_is_whole_years_at_the_index_date(station: Run) -> None:
    ages = {p: station.one("Patient", p)["age"] for p in station.patients}
    assert ages == {"p2": 59, "p3": None, "p4": 60, "p5": None, "p9": None}
    assert station.fate("patients", 5, "Born") == "quarantined unreadable-date"
    assert station.fate("patients", 3, "Born").startswith("quarantined")


def test_clocks_start_where_at_says(station: Run) -> None:
    responses = {(r["concept"], r["day"]) for r in station.of("Response", "p2")}
    assert responses == {(REMISSION, 30), (RELAPSE, 40), (SECOND_REMISSION, 54)}
    survival = station.one("Outcome", "p2", concept=RFS)
    assert (survival["day"], survival["days"], survival["event"]) == (30, 60.875, False)
    assert station.one("Outcome", "p5", concept=RFS)["day"] is None
    assert station.of("Response", "p5") == []


def test_a_duration_may_be_the_date_on_which_it_ends(station: Run) -> None:
    death = station.one("Outcome", "p2", concept=OS)
    assert (death["day"], death["days"], death["event"]) == (0, 365, True)
    assert station.fate("patients", 4, "Died") == "quarantined unreadable-date"  # 31 April
    assert station.fate("patients", 4, "Dead") == "quarantined unreadable-lead"


def test_without_an_event_column_a_time_is_an_event_and_others_are_censored(station: Run) -> None:
    fields = ("days", "event", "sources")
    progression = station.one("Outcome", "p2", concept=PFS)
    assert tuple(progression[f] for f in fields) == (92, True, ["patients:2:First", "patients:2:Prog"])
    censored = station.one("Outcome", "p4", concept=PFS)
    assert tuple(censored[f] for f in fields) == (20, False, ["patients:4:First", "visits:6:Date"])
    assert station.fate("patients", 4, "Seen") == "loaded"


def test_follow_up_begins_where_it_is_delivered_for_events_and_censored_alike(station: Run) -> None:
    assert station.one("Outcome", "p2", concept=PFS)["entry_days"] == 10
    assert station.one("Outcome", "p4", concept=PFS)["entry_days"] == 4
    assert station.fate("patients", 4, "First") == "loaded"
    assert station.fate("patients", 5, "First") == "quarantined unreadable-lead"  # nobody can say how it ended


def test_a_patient_whose_event_cannot_be_read_is_not_censored(station: Run) -> None:
    assert station.fate("patients", 5, "Prog") == "quarantined unreadable-date"
    assert [r for r in station.of("Outcome", "p5") if r["concept"] == PFS] == []


def test_an_unreadable_clock_is_not_lost_in_silence(station: Run) -> None:
    assert station.fate("visits", 5, "Date") == "quarantined unreadable-date"
    assert station.fate("months", 3, "Month") == "quarantined unreadable-date"


def test_an_unreadable_index_date_is_not_lost_in_silence(station: Run) -> None:
    assert station.fate("patients", 3, "Dx") == "quarantined unreadable-date"


def test_rows_of_nobody_and_of_two(station: Run) -> None:
    assert station.fates("patients", "Dx") == {
        **dict.fromkeys((2, 4, 5), "loaded"),
        3: station.fate("patients", 3, "Dx"),
        6: "quarantined duplicate-key",
        7: "quarantined duplicate-key",
        8: "quarantined unknown-patient",
    }
    assert set(station.patients) == {"p2", "p3", "p4", "p5", "p9"}
    hb = station.fates("visits", "Hb")
    assert (hb[7], hb[8], hb[9]) == (
        "quarantined unknown-patient",
        "quarantined duplicate-key",
        "quarantined unknown-patient",
    )
    assert station.fate("visits", 7, "PatID") == "quarantined unknown-patient"
    assert station.fate("visits", 9, "PatID") == "missing"


def test_where_leaves_rows_out_by_its_reason(station: Run) -> None:
    assert {station.fate("visits", 4, c) for c in ("PatID", "Date", "Kind", "Hb", "WBC", "Drugs")} == {"ignored where"}
    assert station.fate("visits", 2, "Kind") == "loaded"


def test_derived_columns_read_numbers_in_the_decimal_mark_of_the_table(station: Run) -> None:
    assert station.one("Finding", "p2")["day"] == 4
    assert station.one("Finding", "p2")["sources"] == ["visits:2:Hb", "visits:5:Hb"]
    counts = [r for r in station.of("Measurement", "p2") if r["concept"] == LEUKOCYTES]
    assert [r["sources"] for r in counts if r["day"] == 4] == [["visits:2:WBC"]]
    assert station.covered("p4") == {SPLENOMEGALY, NPM1}


def test_the_delivered_number_and_unit_stay_together(station: Run) -> None:
    count = station.one("Measurement", "p2", concept=LEUKOCYTES, day=4)
    assert (count["value"], count["unit"]) == (1.25, "10*9/L")
    assert (count["delivered_value"], count["delivered_unit"]) in (("1250", "/uL"), ("1,25", "10*9/L"))


def test_a_list_cell_makes_one_record_a_part(station: Run) -> None:
    days = [(r["concept"], r["start_day"], r["sources"]) for r in station.of("Treatment", "p2")]
    assert sorted(days) == [
        ([AZACITIDINE], 4, ["visits:2:Drugs"]),
        ([AZACITIDINE], 5, ["visits:3:Drugs"]),
        ([VENETOCLAX], 4, ["visits:2:Drugs"]),
    ]
    assert station.fate("visits", 3, "Drugs") == "loaded"  # one of its parts
    assert len([r for r in station.of("Measurement", "p2") if r["day"] == 4]) == 2  # the other columns: one a row


def test_a_list_cell_without_a_part_is_missing(station: Run) -> None:
    assert station.fate("visits", 6, "Drugs") == "missing"


def test_keys_by_an_expression_or_a_sample_sheet(station: Run) -> None:
    assert station.fates("months", "Number") == {2: "loaded", 3: "loaded"}
    assert station.values("Mutation", "p2", "concept") == [NPM1]
    assert NPM1 in station.covered("p4")
    # two owners, an owner of no roster, a tube of no sheet
    assert station.fates("assay", "NPM1") == {
        2: "loaded",
        3: "loaded",
        **dict.fromkeys((4, 5, 6), "quarantined unknown-patient"),
    }


def test_the_ledger_adds_up(station: Run) -> None:
    texts = {name: str(STATION.files[spec.file]).splitlines() for name, spec in station.partner.tables.items()}
    check_ledger(station, {name: (len(text) - 1, text[0].split(";")) for name, text in texts.items()})


# --- names of columns ------------------------------------------------------------------------------------------------

NAMES = ("patient", "day", "row", "table", "column", "times", "file", "concept", "text")


def test_columns_may_be_named_like_those_of_the_plan(tmp_path: Path) -> None:
    ward = Ward(
        """
patients: people
index: {event: diagnosis, relative: true}
last_contact: [people.day, visits.day]
tables:
  people: {file: people.csv, patient: patient}
  visits: {file: visits.csv, patient: {column: patient, through: people.table}, at: day}
""",
        [
            row("people", "patient", "key"),
            row("people", "table", "key"),
            row("people", "PFS", record="Outcome#pfs", field="days", unit="d", at="index"),
            row("people", "day", "context", at="index"),
            *(row("people", n, "context") for n in NAMES if n not in ("patient", "table", "day")),
            row("visits", "patient", "key"),
            row("visits", "row", record="Measurement", field="value", unit="g/dL"),
            *(row("visits", n, "context") for n in NAMES if n not in ("patient", "row")),
        ],
        [meaning("ward:people.PFS", "haemony:progression-free-survival"), meaning("ward:visits.row", "OMOP:3000963")],
        {
            "people.csv": f"{','.join(NAMES)},PFS\n" + "a,9,x,t1,x,x,x,x,x,\nb,9,x,t2,x,x,x,x,x,5\n",
            "visits.csv": f"{','.join(NAMES)}\n" + "t1,20,9.5,x,x,x,x,x,x\nt2,3,10,x,x,x,x,x,x\n",
        },
    )
    result = ward.run(tmp_path)
    assert result.values("Measurement", "p2", "value", "day") == [(9.5, 20)]
    assert result.values("Outcome", "p2", "days", "event") == [(20.0, False)]
    assert result.values("Outcome", "p3", "days", "event") == [(5.0, True)]
    check_ledger(result, {"people": (2, [*NAMES, "PFS"]), "visits": (2, NAMES)})


FORM = Ward(
    """
patients: people
index: {event: diagnosis, date: people.Dx}
last_contact: [lines.Start]
tables:
  people: {file: people.csv, patient: ID, at: index}
  lines: {file: lines.csv, patient: ID}
""",
    [
        row("people", "ID", "key"),
        row("people", "Dx", record="Diagnosis#d", field="day", format=DATE),
        row("people", "Died", record="Outcome#os", field="days", format=DATE),
        row("lines", "ID", "key"),
        row("lines", "Line", record="Treatment#t", field="line"),
        row("lines", "Drug", record="Treatment#t", field="concept"),
        row("lines", "Start", record="Treatment#t", field="start_day", format=DATE),
        row("lines", "Answer", record="Response#r", field="concept", of="t by Line"),
    ],
    [
        meaning("ward:people.Dx", "haemony:primary-aml"),
        meaning("ward:people.Died", "haemony:overall-survival"),
        value("ward:lines.Drug", "AZA", "haemony:azacitidine"),
        value("ward:lines.Answer", "CR", "haemony:complete-remission"),
    ],
    {
        "people.csv": lines(
            """
            ID|Dx|Died
            a|01.03.2020|
            b|01.03.2999|
            c|01.03.2020|
            c|01.04.2020|
            """
        ),
        "lines.csv": lines(
            """
            ID|Line|Drug|Start|Answer
            a|1|AZA|03.2020|
            a|2|AZA|11.03.2020|
            a|3|AZA|01.01.2999|
            a|2|||CR
            c|1|AZA|x|
            c|one|AZA|02.03.2020|
            """
        ),
    },
)


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return FORM.run(tmp_path_factory.mktemp("form"))


def test_an_unreadable_date_is_quarantined_whatever_else_reads_its_column(form: Run) -> None:
    assert form.fates("lines", "Start") == {
        2: "quarantined unreadable-date",
        3: "loaded",
        4: "quarantined unreadable-date",
        6: "quarantined unreadable-date",
        7: "quarantined duplicate-key",
    }
    assert form.values("Outcome", "p2", "days", "event") == [(10.0, False)]


def test_a_day_that_is_still_to_come_is_no_date(form: Run) -> None:
    assert form.fate("people", 3, "Dx") == "quarantined unreadable-date"
    assert form.of("Outcome", "p3") == []


def test_a_row_that_is_out_still_tells_which_of_its_values_are_wrong(form: Run) -> None:
    assert form.fate("lines", 7, "Line") == "quarantined unreadable-number"
    assert {form.fate("lines", 7, c) for c in ("ID", "Drug", "Start")} == {"quarantined duplicate-key"}


def test_a_row_may_only_tie_to_a_line(form: Run) -> None:
    assert form.fate("lines", 5, "Line") == "loaded"
    line = form.one("Treatment", "p2", line=2)
    assert form.values("Response", "p2", "treatment") == [line["id"]]
