"""What a hostile or unlucky delivery must not do: overflow, half secrets, panels and rosters that overlap."""

from __future__ import annotations

from pathlib import Path

import pytest

from haemony.engine.errors import BuildError, MappingError
from haemony.graph_loader.build import _alone
from haemony.graph_loader.read import read_secret
from tests.graph_loader.partners import Run, Ward, lines
from tests.mappings.partner_files import meaning, row

T_8_21 = 46236750


def test_a_secret_is_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "config" / "secret"
    assert read_secret(path) == read_secret(path)
    assert len(read_secret(path)) == 64
    assert path.stat().st_mode & 0o077 == 0
    assert [p.name for p in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("text", ["", "\n", "short"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    with pytest.raises(BuildError, match="holds no secret"):
        read_secret(path)


WARD = Ward(
    """
patients: roster
index: {event: diagnosis, relative: true}
tables:
  roster:
    file: roster.csv
    patient: ID
    at: index
    where: {keep: "dx = 'AML'", why: another disease}
    derive: {sum: "number(a) + number(b)"}
  first: {file: first.csv, patient: ID, at: index}
  second: {file: second.csv, patient: ID, at: index}
panels:
  - {name: early, tested: first, covers: roster.t_8_21}
  - {name: late, tested: second, covers: roster.t_8_21}
""",
    [
        row("roster", "ID", "key"),
        row("roster", "dx", "context"),
        row("roster", "a", record="Outcome#os", field="days", unit="d"),
        row("roster", "b", "context"),
        row("roster", "sum", record="Measurement#s", field="value", unit="%"),
        row("roster", "t_8_21", record="Finding", field="present", format="1|0"),
        row("roster", "age", record="Patient", field="age", unit="a"),
        row("first", "ID", "key"),
        row("first", "OS", record="Outcome#os", field="days", unit="d"),
        row("first", "age", record="Patient", field="age", unit="a"),
        row("second", "ID", "key"),
        row("second", "OS", record="Outcome#os", field="days", unit="d"),
        row("second", "age", record="Patient", field="age", unit="a"),
    ],
    [
        meaning("ward:roster.a", "haemony:overall-survival"),
        meaning("ward:roster.sum", "haemony:bone-marrow-blasts"),
        meaning("ward:roster.t_8_21", f"OMOP:{T_8_21}"),
        meaning("ward:first.OS", "haemony:overall-survival"),
        meaning("ward:second.OS", "haemony:overall-survival"),
    ],
    {
        "roster.csv": lines("""
            ID dx  a            b            t_8_21 age
            a  AML 999999999999 999999999999 0      12.34
            b  MDS 5            5            1      40
            c  AML 5            5            0      40
            c  MDS 6            6            1      50
            d  AML 7            .            0      60
            """),
        "first.csv": lines("""
            ID OS age
            a  12 12.36
            c  5  40
            """),
        "second.csv": lines("""
            ID OS age
            a  .  12
            d  7  60
            """),
    },
)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return WARD.run(tmp_path_factory.mktemp("hardening"))


def test_numbers_at_the_edge_are_disputed_or_quarantined(ward: Run) -> None:
    (outcome,) = ward.of("Outcome", "p2")
    assert (outcome["days"], outcome["disputed"]) == (None, ["days"])
    assert ward.of("Measurement", "p2") == []  # the sum is too large for a number


def test_a_coarse_source_does_not_hide_that_finer_ones_differ(ward: Run) -> None:
    assert ward.one("Patient", "p2")["disputed"] == ["age"]
    assert ward.one("Patient", "p2")["age"] is None


def test_a_negative_counts_where_any_panel_over_its_column_tested(ward: Run) -> None:
    assert ward.fate("roster", 2, "t_8_21") == "loaded"  # first alone
    assert ward.fate("roster", 4, "t_8_21") == "loaded"
    assert ward.fate("roster", 6, "t_8_21") == "loaded"  # second alone


def test_the_roster_may_leave_rows_out(ward: Run) -> None:
    assert len(ward.records["Patient"]) == 3
    assert ward.fate("roster", 3, "t_8_21") == "ignored where"
    assert ward.fate("roster", 5, "dx") == "ignored where"
    assert [f["concept"] for f in ward.records.get("Finding", [])] == []


def test_a_key_is_no_text_for_expressions(tmp_path: Path) -> None:
    layout = WARD.layout.replace("dx = 'AML'", "ID LIKE 'a%'")
    with pytest.raises(MappingError, match="is a key"):
        Ward(layout, WARD.dictionary, WARD.concepts, WARD.files).run(tmp_path)


def test_a_karyotype_read_in_part_makes_nothing_negative(tmp_path: Path) -> None:
    layout = (
        "patients: k\nindex: {event: diagnosis, relative: true}\ntables: {k: {file: k.csv, patient: ID, at: index}}\n"
    )
    dictionary = [row("k", "ID", "key"), row("k", "kt", record="Karyotype", field="iscn")]
    texts = ("46,XY[20]", "46,XY,t(8;21(q22;q22)[18]", "46,XX,inc", "46,XY,t(8;21)(q22;q22)[20]")
    delivered = "ID|kt\n" + "".join(f"{i}|{text}\n" for i, text in zip("abcd", texts, strict=True))
    layout = layout.replace("patient: ID", 'separator: "|", patient: ID')
    meant = [meaning("ward:k.kt", "haemony:karyotype")]
    result = Ward(layout, dictionary, meant, {"k.csv": delivered}).run(tmp_path)
    assert [bool(result.covered(f"p{n}")) for n in (2, 3, 4, 5)] == [True, False, False, True]
    flags = [result.one("Karyotype", f"p{n}")["flags"] for n in (2, 3, 4, 5)]
    assert flags == [[], ["karyotype-partly-read"], ["karyotype-partly-read"], []]


def test_a_second_build_waits_for_the_first(tmp_path: Path) -> None:
    with _alone(tmp_path), pytest.raises(BuildError, match="another build"), _alone(tmp_path):
        pass
    with _alone(tmp_path):
        pass
