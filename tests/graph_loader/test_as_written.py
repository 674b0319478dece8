"""Values as partners write them: grouped thousands, bounds, and dates in several patterns, from cell to record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph_loader.partners import Run, Ward, check_ledger, lines
from tests.mappings.partner_files import meaning, row

PLATELETS, LDH = 3024929, 3016436

WARD = Ward(
    """
read: {separator: ";", decimal: ",", thousands: ".", missing: ["n.d.", "(null)"]}
patients: people
index: {event: diagnosis, date: people.Dx}
tables:
  people: {file: people.csv, patient: ID, at: index, derive: {many: "CASE WHEN LDH > 1000 THEN '1' ELSE '0' END"}}
  labs: {file: labs.csv, patient: ID, at: Day, decimal: ".", thousands: "'"}
""",
    [
        row("people", "ID", "key"),
        row("people", "Dx", "context", format="dd.MM.yy(1930);dd. MMM[de] yyyy"),
        row("people", "LDH", record="Measurement", unit="U/L"),
        row("people", "many", record="Finding", field="present", format="1|0"),
        row("labs", "ID", "key"),
        row("labs", "Day", "context", format="yyyy-MM-ddTHH:mm:ss;dd/MM/yyyy;MM/yyyy;yyyy"),
        row("labs", "PLT", record="Measurement", unit="10*9/L"),
    ],
    [
        meaning("ward:people.LDH", f"OMOP:{LDH}"),
        meaning("ward:people.many", "haemony:splenomegaly"),
        meaning("ward:labs.PLT", f"OMOP:{PLATELETS}"),
    ],
    {
        "people.csv": lines(
            """
            ID|Dx|LDH
            a|01.02.20|1.234,5
            b|3. Mär. 2020|> 2.500
            c|01.02.21|1.23
            d|01.02.21|n.d.
            """,
            ";",
        ),
        "labs.csv": lines(
            """
            ID|Day|PLT
            a|2020-02-02T08:30:00|1'200
            a|03/02/2020|<= 20.5
            a|03/2020|20
            a|2021|21
            a|31/02/2020|22
            b|04/03/2020|1'20
            """,
            ";",
        ),
    },
)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return WARD.run(tmp_path_factory.mktemp("as-written"))


def test_the_ledger_adds_up(ward: Run) -> None:
    check_ledger(ward, {"people": (4, ["ID", "Dx", "LDH"]), "labs": (6, ["ID", "Day", "PLT"])})


def test_thousands_are_grouped_as_the_table_says(ward: Run) -> None:
    assert [v for v in ward.values("Measurement", "p2", "concept", "value") if v[0] == LDH] == [(LDH, 1234.5)]
    assert ward.values("Measurement", "p3", "value", "operator") == [(2500.0, ">")]
    assert ward.values("Measurement", "p4", "value") == []
    assert 5 not in ward.fates("people", "LDH")
    assert ward.fates("labs", "PLT")[7] == "quarantined unreadable-number"
    assert [len(ward.of("Finding", p)) for p in ("p2", "p3", "p4")] == [1, 0, 0]


def test_each_date_is_read_by_its_own_pattern_and_flagged_by_its_own_precision(ward: Run) -> None:
    found = {r["value"]: (r["day"], r["flags"]) for r in ward.of("Measurement", "p2") if r["concept"] == PLATELETS}
    assert {float(value): day for value, (day, _) in found.items()} == {1200: 1, 20.5: 2, 20: 43, 21: 516, 22: None}
    flags = {float(value): [f for f in flags if "date" in f] for value, (_, flags) in found.items()}
    assert flags == {1200: [], 20.5: [], 20: ["date-known-to-the-month"], 21: ["date-known-to-the-year"], 22: []}
    assert ward.fates("labs", "Day")[6] == "quarantined unreadable-date"


def test_a_bound_is_kept(ward: Run) -> None:
    assert [r["operator"] for r in ward.of("Measurement", "p2") if r["value"] == 20.5] == ["<="]


def test_an_unknown_two_digit_year_is_an_error(tmp_path: Path) -> None:
    from haemony.engine.errors import MappingError

    dictionary = [{**r, "format": "dd.MM.yy"} if r.get("variable") == "Dx" else r for r in WARD.dictionary]
    with pytest.raises(MappingError, match=r"yy\(1930\)"):
        Ward(WARD.layout, dictionary, WARD.concepts, WARD.files).write(tmp_path)
