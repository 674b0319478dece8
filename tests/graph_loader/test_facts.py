"""The same fact from several columns: what joins, what says less, what disagrees."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.graph_loader.partners import Run, Ward, check_ledger, lines
from tests.mappings.partner_files import meaning, row, value

NPM1, FLT3, FLT3_ITD = 35948005, 35956153, 2100000022
LOSS_5Q, DEL_5Q, MONOSOMY_5, SPLENOMEGALY = 2100001761, 37111436, 2100001764, 2100000123
AML, AML_NPM1, FAVOURABLE, ADVERSE = 2100001310, 2100001338, 2100000094, 2100000096
DUP, DUP_P = "c.860_863dup", "p.Trp288CysfsTer12"

LAYOUT = """
patients: clinical
index: {event: diagnosis, relative: true}
tables:
  clinical: {file: clinical.csv, patient: ID, at: index}
  second: {file: second.csv, patient: ID, at: index}
  variants: {file: variants.csv, patient: ID}
  confirm: {file: confirm.csv, patient: ID}
  labs: {file: labs.csv, patient: ID, at: index}
  risk: {file: risk.csv, patient: ID, at: index}
"""
VARIANTS = [
    cell
    for table in ("variants", "confirm")
    for cell in (
        row(table, "ID", "key"),
        row(table, "GENE", record="Mutation#v", field="concept", format="HGNC"),
        row(table, "CDNA", record="Mutation#v", field="hgvs_c"),
        row(table, "VAF", record="Mutation#v", field="vaf", unit="%"),
    )
]
CLINICAL = [
    cell
    for table in ("clinical", "second")
    for cell in (
        row(table, "ID", "key"),
        row(table, "sex", record="Patient", field="sex"),
        row(table, "age", record="Patient", field="age", unit="a"),
        row(table, "NPM1", record="Mutation", field="present", format="header HGNC 1|0"),
        row(table, "ITD", record="Mutation", field="present", format="1|0"),
        row(table, "spleen", record="Finding", field="present", format="1|0"),
        row(table, "OS", record="Outcome#os", field="days", unit="d"),
        row(table, "dead", record="Outcome#os", field="event", format="1|0"),
        row(table, "DX", record="Diagnosis", field="concept"),
    )
]
MEANINGS = [
    cell
    for table in ("clinical", "second")
    for cell in (
        value(f"ward:{table}.sex", "m", "OMOP:8507"),
        value(f"ward:{table}.sex", "f", "OMOP:8532"),
        meaning(f"ward:{table}.ITD", f"OMOP:{FLT3_ITD}"),
        meaning(f"ward:{table}.spleen", f"OMOP:{SPLENOMEGALY}"),
        meaning(f"ward:{table}.OS", "haemony:overall-survival"),
        value(f"ward:{table}.DX", "AML", "OncoTree:AML"),
        value(f"ward:{table}.DX", "AML-NPM1", "OncoTree:AMLNPM1"),
    )
]

GENETICS = Ward(
    LAYOUT,
    [
        *CLINICAL,
        *VARIANTS,
        row("clinical", "FLT3", record="Mutation", field="present", format="header HGNC 1|0"),
        row("clinical", "loss5", record="Finding", field="present", format="1|0"),
        row("clinical", "del5", record="Finding", field="present", format="1|0"),
        row("second", "VAF", record="Mutation#n", field="vaf", unit="%"),
        row("second", "NPM1t", record="Mutation#n", field="concept"),
        row("labs", "ID", "key"),
        row("labs", "Hb", record="Measurement", unit="g/dL"),
        row("risk", "ID", "key"),
        row("risk", "GROUP", record="RiskGroup#r", field="concept"),
        row("risk", "SCORE", record="RiskGroup#r", field="score"),
    ],
    [
        *MEANINGS,
        meaning("ward:clinical.loss5", f"OMOP:{LOSS_5Q}"),
        meaning("ward:clinical.del5", f"OMOP:{DEL_5Q}"),
        value("ward:second.NPM1t", "yes", f"OMOP:{NPM1}"),
        meaning("ward:labs.Hb", "OMOP:3000963"),
        value("ward:risk.GROUP", "fav", "haemony:eln2017-favorable"),
        value("ward:risk.GROUP", "adv", "haemony:eln2017-adverse"),
    ],
    {
        "clinical.csv": lines("""
            ID  sex age NPM1 ITD spleen OS  dead DX  FLT3 loss5 del5
            p2  m   61  1    .   1      365 1    AML .    .     .
            p3  f   50  1    .   .      10  0    .   .    .     .
            p4  f   50  1    .   .      10  0    .   .    1     1
            p5  f   50  0    .   0      10  0    .   .    .     .
            p6  f   50  .    .   .      10  0    .   .    .     .
            p7  f   50  .    .   .      10  0    .   .    .     .
            p8  m   61  .    .   .      365 1    .   .    .     .
            p9  m   61  .    .   .      365 1    .   .    .     .
            p10 m   61  .    1   .      .   .    .   0    0     1
            p11 m   61  .    0   .      .   .    .   1    1     0
            p12 m   61  .    .   .      .   .    .   .    .     .
            p13 m   61  1    .   .      .   .    .   .    .     .
            p14 m   61.0 .   .   .      .   .    .   .    .     .
            """),
        "second.csv": lines("""
            ID  sex age  NPM1 ITD spleen OS     dead DX       VAF  NPM1t
            p2  m   61   .    .   1      365    1    AML-NPM1 .    .
            p8  f   61.4 .    .   .      365.25 1    .        42   yes
            p9  m   63   .    .   .      365    0    .        42   yes
            p5  f   50   .    .   1      10     0    .        .    .
            p14 m   61.4 .    .   .      .      .    .        .    .
            """),
        "variants.csv": lines("""
            ID  GENE CDNA         VAF
            p2  NPM1 c.860_863dup 40
            p3  NPM1 c.860_863dup 40
            p3  NPM1 c.863_864insCCTG 12
            p5  NPM1 c.860_863dup 40
            p6  NPM1 c.860_863dup 40
            p6  NPM1 c.860_863dup 40
            p8  NPM1 c.860_863dup 42.4
            p9  NPM1 c.860_863dup 45
            p12 NPM1 c.860_863dup 10
            p12 NPM1 c.860_863dup 20
            p13 NPM1 .            5
            p13 NPM1 c.860_863dup 40
            p14 NPM1 c.860_863dup 40
            p7  TP53 c.what       5
            """),
        "confirm.csv": lines("""
            ID  GENE CDNA         VAF
            p2  NPM1 c.860_863dup 40
            p12 NPM1 c.860_863dup 20
            p14 NPM1 c.860_863dup 44
            """),
        "labs.csv": lines("""
            ID  Hb
            p6  9.5
            p6  9.5
            p6  10
            """),
        "risk.csv": lines("""
            ID GROUP SCORE
            p7 fav   1
            p7 fav   2
            p7 adv   3
            p6 fav   1
            p6 fav   1
            """),
    },
)


@pytest.fixture(scope="module")
def genetics(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return GENETICS.run(tmp_path_factory.mktemp("genetics"))


def test_equal_keys_from_two_columns_are_one_record_with_all_its_sources(genetics: Run) -> None:
    assert genetics.one("Finding", "p2")["sources"] == ["clinical:2:spleen", "second:2:spleen"]
    assert genetics.one("Outcome", "p2")["sources"] == [
        "clinical:2:OS",
        "clinical:2:dead",
        "second:2:OS",
        "second:2:dead",
    ]
    assert genetics.one("Patient", "p2")["disputed"] == []


def test_a_gene_flag_joins_the_variant_that_says_more(genetics: Run) -> None:
    mutation = genetics.one("Mutation", "p2")
    assert (mutation["concept"], mutation["hgvs_c"], mutation["vaf"], mutation["day"]) == (NPM1, DUP, 0.4, 0)
    assert {"clinical:2:NPM1", "variants:2:GENE", "confirm:2:GENE"} <= set(mutation["sources"])
    assert mutation["variant"] is not None


def test_it_joins_every_fact_that_it_fits(genetics: Run) -> None:
    mutations = genetics.of("Mutation", "p3")
    assert {m["hgvs_c"] for m in mutations} == {DUP, "c.863_864insCCTG"}
    assert all("clinical:3:NPM1" in m["sources"] for m in mutations)


def test_it_stands_alone_without_one(genetics: Run) -> None:
    assert genetics.one("Mutation", "p4")["hgvs_c"] is None


def test_an_ancestor_joins_its_descendant_and_the_most_specific_concept_wins(genetics: Run) -> None:
    finding = genetics.one("Finding", "p4")
    assert finding["concept"] == DEL_5Q
    assert finding["sources"] == ["clinical:4:del5", "clinical:4:loss5"]
    diagnosis = genetics.one("Diagnosis", "p2")
    assert diagnosis["concept"] == AML_NPM1
    assert diagnosis["sources"] == ["clinical:2:DX", "second:2:DX"]


def test_rows_of_one_column_never_join(genetics: Run) -> None:
    assert genetics.one("Mutation", "p6")["flags"] == ["duplicate-row"]  # identical ones collapse
    assert sorted(float(r["value"]) for r in genetics.of("Measurement", "p6")) == [9.5, 10.0]
    assert len(genetics.of("Mutation", "p13")) == 2  # the row without c. does not join the row that has it


def test_a_duplicate_key_in_a_class_that_does_not_repeat(genetics: Run) -> None:
    assert genetics.values("RiskGroup", "p7", "concept") == [ADVERSE]
    assert genetics.fates("risk", "SCORE")[2] == "quarantined duplicate-key"
    assert genetics.fates("risk", "GROUP")[3] == "quarantined duplicate-key"
    assert genetics.one("RiskGroup", "p6")["flags"] == ["duplicate-row"]


def test_a_text_that_its_reader_cannot_read_takes_only_itself_out(genetics: Run) -> None:
    mutation = genetics.one("Mutation", "p7")
    assert (mutation["hgvs_c"], mutation["vaf"]) == (None, 0.05)
    assert genetics.fate("variants", 15, "CDNA") == "quarantined unreadable-text"
    assert genetics.fate("variants", 15, "GENE") == "loaded"


def test_numbers_agree_at_the_coarser_precision(genetics: Run) -> None:
    assert genetics.one("Patient", "p8")["age"] == 61.4
    survival = genetics.one("Outcome", "p8")
    assert (survival["days"], survival["event"], survival["disputed"]) == (365.25, True, [])


def test_shares_agree_at_the_coarser_precision_at_which_they_were_delivered(genetics: Run) -> None:
    mutation = genetics.one("Mutation", "p8")
    assert (mutation["vaf"], mutation["disputed"]) == (0.424, [])


def test_precision_is_that_of_the_delivered_text(genetics: Run) -> None:
    assert genetics.one("Patient", "p14")["disputed"] == ["age"]
    assert genetics.one("Mutation", "p14")["disputed"] == ["vaf"]


def test_unequal_fields_stay_empty_and_disputed(genetics: Run) -> None:
    assert genetics.one("Patient", "p8")["sex"] is None
    assert genetics.one("Patient", "p8")["disputed"] == ["sex"]
    assert (genetics.one("Patient", "p9")["age"], genetics.one("Patient", "p9")["disputed"]) == (None, ["age"])
    mutation = genetics.one("Mutation", "p9")
    assert (mutation["vaf"], mutation["disputed"]) == (None, ["vaf"])
    survival = genetics.one("Outcome", "p9")
    assert (survival["event"], survival["disputed"]) == (None, ["event"])
    assert {"clinical:9:OS", "second:4:dead"} <= set(survival["sources"])


def test_present_against_absent_stays_present_and_disputed(genetics: Run) -> None:
    mutation = genetics.one("Mutation", "p5")
    assert mutation["disputed"] == ["present"]
    assert {"clinical:5:NPM1", "variants:5:GENE"} <= set(mutation["sources"])
    assert genetics.one("Finding", "p5")["disputed"] == ["present"]


def test_an_absent_ancestor_denies_and_an_absent_descendant_does_not(genetics: Run) -> None:
    denied = genetics.one("Finding", "p10")
    assert (denied["concept"], denied["disputed"]) == (DEL_5Q, ["present"])
    fine = genetics.one("Finding", "p11")
    assert (fine["concept"], fine["disputed"]) == (LOSS_5Q, [])


def test_a_gene_does_not_answer_for_its_tandem_duplication(genetics: Run) -> None:
    itd = genetics.one("Mutation", "p10")
    assert (itd["concept"], itd["disputed"]) == (FLT3_ITD, [])
    gene = genetics.one("Mutation", "p11")
    assert (gene["concept"], gene["disputed"]) == (FLT3, [])


def test_a_row_joins_the_one_that_it_agrees_with(genetics: Run) -> None:
    found = {m["vaf"]: m["sources"] for m in genetics.of("Mutation", "p12")}
    assert "confirm:3:VAF" in found[Decimal("0.2")]
    assert len(found[Decimal("0.1")]) == 3


def test_the_ledger_adds_up(genetics: Run) -> None:
    texts = {name: str(GENETICS.files[spec.file]).splitlines() for name, spec in genetics.partner.tables.items()}
    check_ledger(genetics, {name: (len(text) - 1, text[0].split(",")) for name, text in texts.items()})


# --- a written decision ------------------------------------------------------------------------------------------

PREFERRED = replace(
    GENETICS,
    layout=LAYOUT
    + "prefer: {Mutation: [variants, clinical], Patient: [second], Outcome: [risk], Finding: [second, clinical]}\n",
    files={
        **GENETICS.files,
        "clinical.csv": lines("""
            ID  sex age NPM1 ITD spleen OS  dead DX  FLT3 loss5 del5
            p2  m   61  1    .   1      365 1    AML .    .     .
            p3  m   61  0    1   1      365 1    .   .    .     .
            p4  f   .   .    0   .      .   .    .   .    .     .
            p5  f   .   0    .   .      .   .    .   .    .     .
            """),
        "second.csv": lines("""
            ID  sex age  NPM1 ITD spleen OS     dead DX       VAF  NPM1t
            p2  f   61.4 .    .   1      366    1    AML-NPM1 44   yes
            p3  .   61   .    .   0      365.2  0    .        .    .
            p4  .   .    1    1   .      .      .    .        .    .
            """),
        "variants.csv": lines("""
            ID  GENE CDNA         VAF
            p2  NPM1 c.860_863dup 40
            p3  NPM1 c.860_863dup 40
            p5  NPM1 c.860_863dup 40
            """),
        "confirm.csv": lines("""
            ID  GENE CDNA         VAF
            p2  NPM1 c.860_863dup 40.4
            p5  NPM1 c.860_863dup 47
            """),
    },
)


@pytest.fixture(scope="module")
def preferred(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return PREFERRED.run(tmp_path_factory.mktemp("preferred"))


def test_the_first_table_that_speaks_wins(preferred: Run) -> None:
    patient = preferred.one("Patient", "p2")
    assert (patient["sex"], patient["disputed"]) == (8532, [])
    assert preferred.fate("clinical", 2, "sex") == "quarantined overruled"
    assert preferred.one("Patient", "p3")["sex"] == 8507  # `second` says nothing
    mutation = preferred.one("Mutation", "p5")
    assert (mutation["vaf"], mutation["disputed"]) == (0.4, [])
    assert preferred.fate("confirm", 3, "VAF") == "quarantined overruled"
    assert "confirm:3:VAF" not in mutation["sources"]
    assert preferred.fate("confirm", 3, "GENE") == "loaded"


def test_what_agrees_is_not_overruled(preferred: Run) -> None:
    assert preferred.fate("clinical", 2, "age") == "loaded"
    assert preferred.fate("confirm", 2, "VAF") == "loaded"


def test_a_preferred_presence_overrules_an_absence_and_the_other_way_round(preferred: Run) -> None:
    assert preferred.one("Mutation", "p3", concept=NPM1)["disputed"] == []
    assert preferred.fate("clinical", 3, "NPM1") == "quarantined overruled"
    assert preferred.of("Finding", "p3") == []
    assert preferred.fate("clinical", 3, "spleen") == "quarantined overruled"
    assert preferred.fate("second", 3, "spleen") == "loaded"
    assert SPLENOMEGALY in preferred.covered("p3")
    assert FLT3_ITD not in preferred.values("Mutation", "p4", "concept")  # clinical before second


def test_tables_that_no_decision_names_still_dispute(preferred: Run) -> None:
    survival = preferred.one("Outcome", "p2")
    assert (survival["days"], survival["disputed"]) == (None, ["days"])
    assert preferred.one("Outcome", "p3")["event"] is None


def test_the_ledger_adds_up_under_preference(preferred: Run) -> None:
    texts = {name: str(PREFERRED.files[spec.file]).splitlines() for name, spec in preferred.partner.tables.items()}
    check_ledger(preferred, {name: (len(text) - 1, text[0].split(",")) for name, text in texts.items()})
