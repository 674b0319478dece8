"""How cells are read: texts, numbers, flags, units and formats."""

from __future__ import annotations

import pytest

from tests.graph_loader.partners import Run, Ward, check_ledger, lines
from tests.mappings.partner_files import meaning, row, value

MALE, FEMALE = 8507, 8532
HAEMOGLOBIN, CREATININE, LEUKOCYTES = 3000963, 3016723, 3010813
NPM1, CEBPA, BIALLELIC = 35948005, 35948202, 2100000025
FLT3_ITD = 2100000022
KMT2D, T_8_21 = 2100001137, 46236750
SPLENOMEGALY, TRISOMY_8, COMPLEX = 2100000123, 2100001810, 2100000011
PRIMARY_AML, SECONDARY_AML = "haemony:primary-aml", "haemony:secondary-aml"
NEGATIVE, FAILED = 9189, 2100000016

CLINIC = Ward(
    """
read: {missing: ["", NA, "-9"]}
patients: clinical
index: {event: diagnosis, relative: true}
tables:
  clinical: {file: clinical.csv, patient: ID, at: index, missing: {"*": [NA, "-9"], ECOG: ["9"]}}
  genes: {file: genes.csv, separator: ";", patient: ID, missing: [nd]}
  labs: {file: labs.csv, separator: ";", decimal: ",", patient: ID, at: DAY}
""",
    [
        row("clinical", "ID", "key"),
        row("clinical", "sex", record="Patient", field="sex"),
        row("clinical", "age", record="Patient", field="age", unit="a"),
        row("clinical", "HB", record="Measurement", unit="g/dL"),
        row("clinical", "ECOG", record="Measurement", unit="1"),
        row("clinical", "de_novo", record="Diagnosis#aml", field="concept", format="1|0"),
        row("clinical", "sAML", record="Diagnosis#aml", field="concept", format="1|0"),
        row("clinical", "spleen", record="Finding", field="present", format="Yes|No|Unknown"),
        row("clinical", "comment", "ignore", note="free text"),
        row("clinical", "name", "drop", note="a name"),
        row("genes", "ID", "key"),
        row("genes", "NPM1", record="Mutation", field="present", format="header HGNC 1|0"),
        row("genes", "MLL2", record="Mutation", field="present", format="header HGNC 1|0"),
        row("genes", "CEBPA", record="Mutation", field="concept"),
        row("genes", "itd", record="Mutation", field="present", format="1|0"),
        row("genes", "gene", record="Mutation#v", field="concept", format="HGNC"),
        row("genes", "vaf", record="Mutation#v", field="vaf", unit="%"),
        row("genes", "tri8", record="Finding", field="present", format="1|0"),
        row("genes", "plus", record="Finding", field="present", format="1|0"),
        row("genes", "iscn", record="Karyotype", field="iscn"),
        row("genes", "note", record="Finding"),
        row("labs", "ID", "key"),
        row("labs", "DAY", "context"),
        row("labs", "TEST", record="Measurement#lab", field="concept"),
        row("labs", "RESULT", record="Measurement#lab", field="value"),
        row("labs", "UNIT", record="Measurement#lab", field="value.unit"),
        row("labs", "SIGN", record="Measurement#lab", field="value.operator"),
    ],
    [
        value("ward:clinical.sex", "1", "OMOP:8507"),
        value("ward:clinical.sex", "2", "OMOP:8532"),
        value("ward:clinical.sex", "3", "OMOP:8521", "skos:closeMatch"),
        value("ward:clinical.sex", "4", "OMOP:8532", predicate_modifier="Not"),
        value("ward:clinical.sex", "5", "OMOP:8532", mapping_justification="semapv:LexicalMatching"),
        value(
            "ward:clinical.sex", "6", "OMOP:8532", mapping_justification="semapv:LexicalMatching", reviewer_id="orcid:1"
        ),
        value("ward:clinical.sex", "7", "sssom:NoTermFound"),
        value("ward:clinical.sex", "8", "", object_label="a third sex"),
        meaning("ward:clinical.HB", "OMOP:3000963"),
        value("ward:clinical.HB", "low", "OMOP:9189", "haemony:mapsToValue"),
        meaning("ward:clinical.ECOG", "haemony:ecog-performance-status"),
        meaning("ward:clinical.de_novo", PRIMARY_AML),
        meaning("ward:clinical.sAML", SECONDARY_AML),
        meaning("ward:clinical.spleen", "haemony:splenomegaly"),
        value("ward:clinical.spleen", "slightly", "haemony:splenomegaly"),
        value("ward:genes.CEBPA", "1", f"OMOP:{CEBPA}"),
        value("ward:genes.CEBPA", "2", f"OMOP:{BIALLELIC}"),
        value("ward:genes.CEBPA", "0", f"OMOP:{CEBPA}"),
        value("ward:genes.CEBPA", "0", "OMOP:9189", "haemony:mapsToValue"),
        meaning("ward:genes.itd", f"OMOP:{FLT3_ITD}"),
        value("ward:genes.itd", "0", "sssom:NoTermFound"),
        meaning("ward:genes.tri8", f"OMOP:{TRISOMY_8}", "skos:broadMatch"),
        meaning("ward:genes.plus", f"OMOP:{TRISOMY_8}"),
        value("ward:genes.iscn", "no metaphases", "haemony:karyotype-failed", "haemony:mapsToValue"),
        value("ward:genes.note", "big", f"OMOP:{SPLENOMEGALY}"),
        value("ward:genes.note", "both", f"OMOP:{SPLENOMEGALY}"),
        value("ward:genes.note", "both", f"OMOP:{COMPLEX}"),
        value("ward:labs.TEST", "Hb", "OMOP:3000963"),
        value("ward:labs.TEST", "Hb", "UCUM:g/L", "haemony:mapsToUnit"),
        value("ward:labs.TEST", "WBC", "OMOP:3010813"),
        value("ward:labs.TEST", "crea", "OMOP:3016723"),
        value("ward:labs.UNIT", "Gramm", "UCUM:g/dL", "haemony:mapsToUnit"),
    ],
    {
        "clinical.csv": lines("""
            ID|sex|age|HB|ECOG|de_novo|sAML|spleen|comment|name
            a| 1 |61.0|  9.50 |1|1|0|Yes|fine|Ann
            b|2.0|NA|NA|9|0|1|No||Bea
            c|3|sixty|<7.5|-9|0|0|Unknown|x|Cid
            d|4|44|low|0|1|1| slightly ||Dan
            e|5||>= 12|2|||yes||Eve
            f|6|+7|"9,5"|1.0|1.0||Yes||Flo
            g|7|1e1|-9|4|x||No||Gus
            h|8|<60|8.1|3|||||Hal
            """),
        "genes.csv": lines(
            """
            ID|NPM1|MLL2|CEBPA|itd|gene|vaf|tri8|plus|iscn|note
            a|1|0|2|1|FLT3|>40|1|0|"46,XX,t(8;21)(q22;q22)[20]"|big
            b|0|1|1|0|MLL2|nd|0|1|no metaphases|both
            c|1.0|nd|0|2|flt3|10||0.0|47,XY,+8[3]/46,XY[17]|huge
            d|nd|2|3|||12|0|1|hopeless|
            """,
            ";",
        ),
        "labs.csv": lines(
            """
            ID|DAY|TEST|RESULT|UNIT|SIGN
            a|0|Hb|9,5|g/dL|
            a|1|Hb|5,0|mmol/L|
            a|2|Hb|95||
            a|3|Hb|9.5|g/dL|
            a|4|Hb|9|stone|
            a|5|Hb|9|Gramm|<
            a|6|crea|88,4|umol/L|
            b|0|WBC|1,5|Gpt/l|
            b|1|WBC|1,5|G/l|
            b|2|WBC|1,5|10^9/L|
            b|3|WBC|1,5|/nl|
            b|4|WBC|1,5|K/uL|
            b|5|WBC|1500|/uL|
            b|6|WBC|1|mmol/L|
            b|7|WBC|1||
            b|8|CRP|1|mg/L|
            b|9||1|mg/L|
            b|x|WBC|2|G/l|
            b||WBC|3|G/l|~
            """,
            ";",
        ),
    },
)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return CLINIC.run(tmp_path_factory.mktemp("clinic"))


def test_a_value_row_speaks_before_format_and_reader_and_only_if_it_loads(clinic: Run) -> None:
    assert clinic.fates("clinical", "sex") == {
        2: "loaded",
        3: "loaded",
        4: "quarantined unmapped",  # closeMatch
        5: "quarantined unmapped",  # Not
        6: "quarantined unmapped",  # found by a machine, seen by nobody
        7: "loaded",  # reviewed
        8: "ignored no-term-found",
        9: "quarantined concept-wanted",
    }
    sexes = {p: clinic.one("Patient", p)["sex"] for p in clinic.patients}
    assert sexes == {"p2": MALE, "p3": FEMALE, "p7": FEMALE, **dict.fromkeys(["p4", "p5", "p6", "p8", "p9"])}
    assert clinic.fate("genes", 3, "itd") == "ignored no-term-found"
    assert clinic.one("Measurement", "p5", concept=HAEMOGLOBIN)["value_concept"] == NEGATIVE
    assert clinic.fate("clinical", 5, "spleen") == "loaded"
    assert clinic.fate("genes", 3, "iscn") == "loaded"
    assert clinic.values("Karyotype", "p3", "iscn", "value_concept") == [(None, FAILED)]


def test_missing_codes_hold_for_their_table_or_column(clinic: Run) -> None:
    assert clinic.fate("clinical", 3, "age") == "missing"
    assert clinic.fate("clinical", 3, "ECOG") == "missing"
    assert clinic.fate("clinical", 4, "ECOG") == "missing"
    assert clinic.fate("clinical", 8, "HB") == "missing"
    assert clinic.fate("genes", 5, "NPM1") == "missing"
    assert HAEMOGLOBIN not in clinic.values("Measurement", "p3", "concept")


def test_numbers(clinic: Run) -> None:
    ages = {p: clinic.one("Patient", p)["age"] for p in ("p2", "p4", "p5", "p7", "p8")}
    assert ages == {"p2": 61, "p4": None, "p5": 44, "p7": 7, "p8": 10}
    assert clinic.fate("clinical", 4, "age") == "quarantined unreadable-number"
    assert clinic.fate("clinical", 7, "HB") == "quarantined unreadable-number"
    assert clinic.fate("labs", 5, "RESULT") == "quarantined unreadable-number"
    assert clinic.one("Measurement", "p7", concept=2100000122)["value"] == 1


def test_a_bound_stands_beside_its_number(clinic: Run) -> None:
    fields = ("operator", "value", "delivered_value")
    assert clinic.values("Measurement", "p4", *fields) == [("<", 7.5, "<7.5")]
    assert (">=", 12.0, ">= 12") in clinic.values("Measurement", "p6", *fields)
    assert clinic.one("Measurement", "p2", day=5)["operator"] == "<"
    assert clinic.fate("labs", 20, "SIGN") == "quarantined unmapped"


def test_a_bound_that_its_class_cannot_keep_is_no_number(clinic: Run) -> None:
    assert clinic.one("Patient", "p9")["age"] is None
    assert clinic.fate("clinical", 9, "age") == "quarantined unreadable-number"
    assert clinic.one("Mutation", "p2", concept=FLT3_ITD)["vaf"] is None
    assert clinic.fate("genes", 2, "vaf") == "quarantined unreadable-number"


def test_units_convert_and_the_delivered_ones_stay(clinic: Run) -> None:
    def kept(day: int) -> tuple[object, ...]:
        record = clinic.one("Measurement", "p2", day=day)
        return record["value"], record["unit"], record["delivered_value"], record["delivered_unit"]

    assert kept(1) == (8.057, "g/dL", "5,0", "mmol/L")  # the monomer: 16,114 g/mol
    assert kept(2) == (9.5, "g/dL", "95", "g/L")  # the unit that the value row of the test names
    assert kept(5) == (9.0, "g/dL", "9", "Gramm")
    assert kept(6) == (pytest.approx(1.0, rel=1e-4), "mg/dL", "88,4", "umol/L")


def test_spellings_of_one_unit(clinic: Run) -> None:
    found = {
        (r["delivered_unit"], float(r["value"]), r["unit"])
        for r in clinic.of("Measurement", "p3")
        if r["day"] in range(6)
    }
    assert found == {(unit, 1.5, "10*9/L") for unit in ("Gpt/l", "G/l", "10^9/L", "/nl", "K/uL", "/uL")}


def test_a_unit_that_does_not_convert_takes_the_value_out(clinic: Run) -> None:
    for day, line in ((6, 15), (7, 16)):
        assert clinic.one("Measurement", "p3", day=day)["value"] is None
        assert clinic.fate("labs", line, "RESULT") == "quarantined unknown-unit"
    assert clinic.fate("labs", 15, "UNIT") == "quarantined unknown-unit"


def test_a_value_in_an_unknown_unit_does_not_load(clinic: Run) -> None:
    assert clinic.fate("labs", 6, "UNIT") == "quarantined unknown-unit"
    assert clinic.one("Measurement", "p2", day=4)["value"] is None
    assert clinic.fate("labs", 6, "RESULT") == "quarantined unknown-unit"


def test_flags(clinic: Run) -> None:
    assert clinic.fates("clinical", "spleen") == {
        2: "loaded",
        3: "loaded",
        4: "missing",  # the third text: not tested
        5: "loaded",
        6: "quarantined unmapped",
        7: "loaded",
        8: "loaded",
    }
    assert SPLENOMEGALY in clinic.values("Finding", "p2", "concept")
    assert SPLENOMEGALY not in clinic.values("Finding", "p8", "concept")
    assert {p for p in clinic.patients if SPLENOMEGALY in clinic.covered(p)} == {"p2", "p3", "p5", "p7", "p8"}
    assert clinic.fates("genes", "plus") == dict.fromkeys((2, 3, 4, 5), "loaded")


def test_one_hot_flags(clinic: Run) -> None:
    assert clinic.fates("clinical", "de_novo") == {
        2: "loaded",
        3: "ignored one-hot-false",
        4: "ignored one-hot-false",
        5: "loaded",
        7: "loaded",
        8: "quarantined unmapped",
    }
    found = {p: len(clinic.of("Diagnosis", p)) for p in clinic.patients}
    assert found == {"p2": 1, "p3": 1, "p4": 0, "p5": 2, "p6": 0, "p7": 1, "p8": 0, "p9": 0}


def test_false_under_a_broad_match_says_nothing(clinic: Run) -> None:
    assert clinic.fates("genes", "tri8") == {2: "loaded", 3: "ignored broad-false", 5: "ignored broad-false"}


def test_codes_of_a_vocabulary_and_names_of_columns(clinic: Run) -> None:
    assert set(clinic.values("Mutation", "p3", "concept")) == {CEBPA, KMT2D}
    assert clinic.one("Mutation", "p3", concept=KMT2D)["sources"] == ["genes:3:MLL2", "genes:3:gene"]
    assert clinic.fate("genes", 4, "gene") == "quarantined unmapped"  # case matters
    assert {NPM1, KMT2D} <= clinic.covered("p2")


def test_a_record_needs_its_lead(clinic: Run) -> None:
    assert clinic.fate("genes", 5, "vaf") == "quarantined no-lead"
    assert clinic.fate("genes", 4, "vaf") == "quarantined unreadable-lead"
    assert clinic.fate("labs", 18, "RESULT") == "quarantined no-lead"
    assert clinic.fate("labs", 17, "RESULT") == "quarantined unreadable-lead"
    assert clinic.fate("labs", 18, "DAY") == "quarantined no-lead"  # context shares the fate of its users


def test_rows_of_one_value_all_hold(clinic: Run) -> None:
    assert {SPLENOMEGALY, COMPLEX} <= set(clinic.values("Finding", "p3", "concept"))
    assert clinic.fate("genes", 3, "note") == "loaded"
    assert clinic.fate("genes", 4, "note") == "quarantined unmapped"


def test_karyotypes_are_read(clinic: Run) -> None:
    karyotype = clinic.one("Karyotype", "p4")
    assert (karyotype["iscn"], karyotype["clones"], karyotype["sex_chromosomes"]) == ("47,XY,+8[3]/46,XY[17]", 2, "XY")
    assert clinic.one("Finding", "p4", concept=TRISOMY_8)["sources"] == ["genes:4:iscn", "genes:4:plus"]
    assert clinic.fate("genes", 5, "iscn") == "quarantined unreadable-text"
    assert clinic.one("Finding", "p2", concept=T_8_21)["sources"] == ["genes:2:iscn"]


def test_dropped_and_ignored_columns(clinic: Run) -> None:
    assert [(r["fate"], r["cells"]) for r in clinic.ledger if r["column"] == "name"] == [("dropped", 8)]
    ignored = [(r["fate"], r["reason"], r["cells"]) for r in clinic.ledger if r["column"] == "comment"]
    assert sorted(ignored) == [("ignored", "ignore", 2), ("missing", "", 6)]


def test_the_ledger_adds_up(clinic: Run) -> None:
    columns = {
        name: (len(str(text).splitlines()) - 1, str(text).splitlines()[0].replace(";", ",").split(","))
        for name, text in (
            ("clinical", CLINIC.files["clinical.csv"]),
            ("genes", CLINIC.files["genes.csv"]),
            ("labs", CLINIC.files["labs.csv"]),
        )
    }
    check_ledger(clinic, columns)


def test_every_record_names_its_cells_and_mapping_rows(clinic: Run) -> None:
    records = [r for rows in clinic.records.values() for r in rows]
    assert all(r["sources"] and r["mappings"] for r in records)
    lines_of = {m for r in clinic.of("Measurement", "p2") for m in r["mappings"]}
    assert {m.split(":")[0] for m in lines_of} == {"ward/dictionary.tsv", "ward/concepts.sssom.tsv"}
    loaded = {f"{c['table']}:{c['row']}:{c['column']}" for c in clinic.cells if c["fate"] == "loaded"}
    assert {s for r in records for s in r["sources"]} <= loaded
