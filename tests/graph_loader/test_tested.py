"""Who was tested for what: panels, flags, karyotypes, and what absence says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph_loader.partners import Run, Ward, check_ledger, lines
from tests.mappings.partner_files import meaning, row, value

NPM1, FLT3, FLT3_ITD, DNMT3A, TP53 = 35948005, 35956153, 2100000022, 35958399, 35948926
CEBPA, BIALLELIC = 35948202, 2100000025
T_8_21, T_6_9, SPLENOMEGALY, ABNORMALITY = 46236750, 46236752, 2100000123, 2100000013
HSCT = 2100000080

CLINIC = Ward(
    """
patients: clinical
index: {event: diagnosis, relative: true}
tables:
  clinical: {file: clinical.csv, patient: ID, at: index}
  variants: {file: variants.csv, patient: ID}
panels:
  - {name: tested, tested: clinical.panel, covers: variants.GENE}
  - {name: absent, tested: "clinical: cyto IS NOT NULL", covers: "clinical.t_*"}
  - {name: sets, tested: "clinical: number(frag) > 2", covers: [haemony:flt3-itd, DNMT3A, "OMOP:35948202"]}
""",
    [
        row("clinical", "ID", "key"),
        row("clinical", "panel", "context", format="1|0"),
        row("clinical", "cyto", "context"),
        row("clinical", "frag", "context"),
        row("clinical", "NPM1", record="Mutation", field="present", format="1|0"),
        row("clinical", "t_8_21", record="Finding", field="present", format="1|0"),
        row("clinical", "t_6_9", record="Finding", field="present", format="1|0|9"),
        row("clinical", "spleen", record="Finding", field="present", format="1|0"),
        row("clinical", "CEBPA", record="Mutation", field="concept"),
        row("clinical", "FLT3", record="Mutation", field="present", format="1|0"),
        row("clinical", "HSCT", record="Treatment", field="present", format="1|0"),
        row("clinical", "broad", record="Mutation", field="concept"),
        row("variants", "ID", "key"),
        row("variants", "GENE", record="Mutation#v", field="concept", format="HGNC"),
    ],
    [
        meaning("ward:clinical.NPM1", f"OMOP:{NPM1}"),
        meaning("ward:clinical.FLT3", f"OMOP:{FLT3}"),
        meaning("ward:clinical.t_8_21", f"OMOP:{T_8_21}"),
        meaning("ward:clinical.t_6_9", f"OMOP:{T_6_9}"),
        meaning("ward:clinical.spleen", f"OMOP:{SPLENOMEGALY}"),
        meaning("ward:clinical.HSCT", f"OMOP:{HSCT}"),
        value("ward:clinical.CEBPA", "1", f"OMOP:{CEBPA}"),
        value("ward:clinical.CEBPA", "2", f"OMOP:{BIALLELIC}"),
        value("ward:clinical.CEBPA", "0", f"OMOP:{CEBPA}"),
        value("ward:clinical.CEBPA", "0", "OMOP:9189", "haemony:mapsToValue"),
        value("ward:clinical.broad", "no", f"OMOP:{TP53}", "skos:broadMatch"),
        value("ward:clinical.broad", "no", "OMOP:9189", "haemony:mapsToValue"),
    ],
    {
        "clinical.csv": lines("""
            ID panel cyto frag NPM1 t_8_21 t_6_9 spleen CEBPA FLT3 HSCT broad
            a  1     done 3    1    1      0     1      1     .    1    .
            b  1.0   done 1    0    0      9     0      2     .    0    no
            c  0     .    .    .    0      1     .      0     .    .    .
            d  1     .    x    1    .      .     .      .     .    .    .
            e  1     .    .    .    .      .     .      .     1    1    .
            f  1     .    .    .    .      .     .      .     .    .    .
            g  1     .    .    .    .      .     .      .     .    .    .
            """),
        "variants.csv": lines("""
            ID GENE
            a  NPM1
            b  TP53
            z  DNMT3A
            """),
    },
)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return CLINIC.run(tmp_path_factory.mktemp("tested"))


def test_a_panel_covers_the_things_that_a_column_names(clinic: Run) -> None:
    # g and f have no row and no flag: absent for the genes that occur. DNMT3A occurs in nobody of the roster.
    assert clinic.covered("p7") == clinic.covered("p8") == {NPM1, TP53}
    assert TP53 not in clinic.covered("p4")  # the panel was not done


def test_a_flag_column_says_who_was_tested_whatever_its_zeros(clinic: Run) -> None:
    assert TP53 in clinic.covered("p3")  # delivered as 1.0


def test_equal_sets_share_a_panel(clinic: Run) -> None:
    panel = {t["panel"] for t in clinic.tested if t["patient"] in (clinic.patients["p7"], clinic.patients["p8"])}
    assert len(panel) == 1
    sets = [tuple(p["covers"]) for p in clinic.panels]
    assert len(sets) == len(set(sets))
    assert all(list(covers) == sorted(set(covers)) for covers in sets)


def test_a_panel_over_an_expression_covers_what_it_lists(clinic: Run) -> None:
    assert {p for p in clinic.patients if {FLT3_ITD, DNMT3A, CEBPA} <= clinic.covered(p)} == {"p2"}


def test_flags_of_a_panel_count_only_for_those_whom_it_tested(clinic: Run) -> None:
    assert clinic.fates("clinical", "t_8_21") == {2: "loaded", 3: "loaded", 4: "ignored panel-untested"}
    assert clinic.fate("clinical", 2, "t_6_9") == "loaded"
    assert clinic.fate("clinical", 4, "t_6_9") == "loaded"  # true counts in any case
    assert clinic.values("Finding", "p4", "concept") == [T_6_9]
    assert T_8_21 not in clinic.covered("p4")
    assert {T_8_21, T_6_9} <= clinic.covered("p3")  # the panel answers, where the flag's cell is missing


def test_flags_say_that_they_tested_whether_true_or_false(clinic: Run) -> None:
    assert {p for p in clinic.patients if SPLENOMEGALY in clinic.covered(p)} == {"p2", "p3"}
    assert clinic.values("Finding", "p3", "concept") == []


def test_positives_are_tested(clinic: Run) -> None:
    assert {p for p in clinic.patients if CEBPA in clinic.covered(p)} == {"p2", "p3", "p4"}


def test_a_flag_where_a_panel_is_silent_is_flagged(clinic: Run) -> None:
    assert clinic.one("Mutation", "p5")["flags"] == ["panel-silent"]
    assert clinic.one("Mutation", "p2", concept=NPM1)["flags"] == []
    assert clinic.one("Mutation", "p6")["flags"] == []  # no panel answers for FLT3


def test_an_absent_treatment_is_no_fact(clinic: Run) -> None:
    assert clinic.fates("clinical", "HSCT") == {2: "loaded", 3: "ignored absent-no-fact", 6: "loaded"}
    assert clinic.of("Treatment", "p3") == []
    assert HSCT not in clinic.covered("p2") | clinic.covered("p3")


def test_absent_under_a_broad_match_says_nothing_however_it_is_written(clinic: Run) -> None:
    assert clinic.fate("clinical", 3, "broad") == "ignored broad-false"
    assert clinic.one("Mutation", "p3", concept=TP53)["disputed"] == []


def test_a_panel_says_nothing_of_a_day_that_is_not_known(clinic: Run) -> None:
    days = {(t["day"]) for t in clinic.tested if t["patient"] == clinic.patients["p7"]}
    assert days == {0}


BANDING = Ward(
    """
patients: clinical
index: {event: diagnosis, relative: true}
tables:
  clinical: {file: clinical.csv, patient: ID}
panels:
  - {name: banding, tested: "clinical: cyto IS NOT NULL", covers: "clinical.t_*"}
""",
    [
        row("clinical", "ID", "key"),
        row("clinical", "cyto", "context"),
        row("clinical", "t_8_21", record="Finding", field="present", format="1|0", at="index"),
        row("clinical", "t_6_9", record="Finding", field="present", format="1|0", at="index"),
    ],
    [meaning("ward:clinical.t_8_21", f"OMOP:{T_8_21}"), meaning("ward:clinical.t_6_9", f"OMOP:{T_6_9}")],
    {
        "clinical.csv": lines("""
        ID cyto t_8_21 t_6_9
        a  done 0      0
        b  done 0      .
        """)
    },
)


def test_a_panel_holds_when_the_flags_that_it_covers_do(tmp_path: Path) -> None:
    banding = BANDING.run(tmp_path)
    assert [t["day"] for t in banding.tested] == [0, 0]
    assert len(banding.panels) == 1


def test_the_ledger_adds_up(clinic: Run) -> None:
    texts = {name: str(CLINIC.files[spec.file]).splitlines() for name, spec in clinic.partner.tables.items()}
    check_ledger(clinic, {name: (len(text) - 1, text[0].split(",")) for name, text in texts.items()})
    # cells that only say who was tested share the fate of their row
    assert set(clinic.fates("clinical", "panel").values()) == {"loaded"}
