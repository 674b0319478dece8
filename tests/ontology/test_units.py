import csv
import xml.etree.ElementTree as ET
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.engine.errors import VocabularyError
from haemony.ontology.units import (
    MEASUREMENT,
    canonical_unit,
    factor,
    is_ucum,
    molar_mass,
    read_measurements,
    read_unit,
)

SUITE = Path(__file__).parents[2].parent / "shared" / "conformance" / "ucum" / "UcumFunctionalTests.xml"

#: The suite is of 2009: [IU] has become a synonym of [iU] since, and it has no unit after an annotation ({x}1).
KNOWN_VALIDATION = {"1-249", "1-250", "1-251", "1-252", "1-275", "1-337", "1-116", "1-118"}
#: The suite reads a/b/c as a/(b/c) and s/4.m as s/(4.m); UCUM reads from left to right.
KNOWN_CONVERSION = {"3-108", "3-109", "3-110", "3-111", "3-115"}

COUNTS = ["10*9/L", "10*3/uL", "/nL", "{cells}/uL", "10*6/L", "10*12/L", "/mm3", "10*3/mm3", "/L"]
MASSES = ["g/dL", "g/L", "mg/dL", "ug/L", "ng/mL", "mg/L", "g%"]
AMOUNTS = ["mmol/L", "umol/L", "mol/m3", "nmol/mL"]
TIMES = ["d", "wk", "mo", "a", "h", "min", "s"]


def suite(section: str) -> list[ET.Element]:
    if not SUITE.exists():
        pytest.skip(f"the UCUM functional tests are not at {SUITE}")
    found = ET.parse(SUITE).getroot().find(section)
    assert found is not None
    return list(found)


def test_validation_cases_of_the_ucum_suite() -> None:
    cases = suite("validation")
    failed = {case.attrib["id"] for case in cases if is_ucum(case.attrib["unit"]) != (case.attrib["valid"] == "true")}
    assert failed == KNOWN_VALIDATION
    assert len(cases) - len(failed) >= 243


def test_conversion_cases_of_the_ucum_suite() -> None:
    cases = suite("conversion")
    failed = {case.attrib["id"] for case in cases if not converts(case)}
    assert failed == KNOWN_CONVERSION
    assert len(cases) - len(failed) >= 24


def converts(case: ET.Element) -> bool:
    try:
        value = Decimal(case.attrib["value"]) * factor(case.attrib["srcUnit"], case.attrib["dstUnit"])
    except VocabularyError:
        return False
    expected = Decimal(case.attrib["outcome"])
    half_a_last_digit = Decimal((0, (5,), int(expected.as_tuple().exponent) - 1))
    return abs(value - expected) <= max(half_a_last_digit, abs(expected) * Decimal("1e-11"))


def test_multiplication_cases_of_the_ucum_suite() -> None:
    for case in suite("multiplication"):
        product = read_unit(f"({case.attrib['u1']}).({case.attrib['u2']})")
        assert product == read_unit(case.attrib["uRes"])
        assert Decimal(case.attrib["v1"]) * Decimal(case.attrib["v2"]) == Decimal(case.attrib["vRes"])


def test_every_unit_of_the_ucum_table_is_worth_its_definition() -> None:
    from ucumvert import xml_util

    units = [u for u in xml_util.get_units_with_full_definition() if not (u.is_special or u.is_arbitrary)]
    wrong = [
        unit.code_cs
        for unit in units
        if read_unit(unit.code_cs).scale != Fraction(str(unit.conversion_factor)) * read_unit(unit.defining_unit).scale
    ]
    assert len(units) > 200
    assert wrong == ["mol"]  # a dimension of its own here


@pytest.mark.parametrize(
    ("from_ucum", "to_ucum", "mass", "expected"),
    [
        ("g/L", "g/dL", None, "0.1"),
        ("g%", "g/dL", None, "1"),
        ("mmol/L", "g/dL", 16114, "1.6114"),
        ("g/dL", "mmol/L", 16114, "0.620578379049"),
        ("umol/L", "mg/dL", 113.12, "0.011312"),
        ("10*3/uL", "10*9/L", None, "1"),
        ("/nL", "10*9/L", None, "1"),
        ("{cells}/uL", "10*9/L", None, "0.001"),
        ("10*9/L", "/mm3", None, "1000"),
        ("mo", "d", None, "30.4375"),
        ("a", "d", None, "365.25"),
        ("wk", "d", None, "7"),
        ("h", "d", None, "0.0416666666667"),
        ("%", "1", None, "0.01"),
        ("{bp}", "1", None, "1"),
        ("U/L", "ukat/L", None, "0.0166666666667"),
        ("[U]/L", "U/L", None, "1"),
        ("[IU]/L", "m[iU]/mL", None, "1"),
        ("Cel", "Cel", None, "1"),
    ],
)
def test_factor(from_ucum: str, to_ucum: str, mass: float | None, expected: str) -> None:
    assert str(factor(from_ucum, to_ucum, mass)) == expected


@pytest.mark.parametrize(
    ("from_ucum", "to_ucum", "mass"),
    [
        ("[IU]/L", "U/L", None),
        ("[IU]/L", "[CFU]/L", None),
        ("[IU]", "1", None),
        ("g/dL", "10*9/L", 16114),
        ("mmol/L", "/L", 16114),
        ("mmol/L", "g/dL", None),
        ("g2/L2", "mol2/L2", 16114),
        ("Cel", "K", None),
        ("d", "d2", None),
    ],
)
def test_units_that_do_not_convert_are_both_named(from_ucum: str, to_ucum: str, mass: float | None) -> None:
    with pytest.raises(VocabularyError) as error:
        factor(from_ucum, to_ucum, mass)
    assert repr(from_ucum) in str(error.value)
    assert repr(to_ucum) in str(error.value)


@pytest.mark.parametrize("text", ["Gpt/l", "10+3/uL", "mmol/l{", "g/dl ", "per litre", "ü", "1.000,0", "g//L", "0"])
def test_other_texts_are_no_ucum(text: str) -> None:
    assert not is_ucum(text)
    with pytest.raises(VocabularyError):
        factor(text, "g/dL")


def test_the_omop_spelling_of_the_enzyme_unit_converts_but_is_no_ucum() -> None:
    assert not is_ucum("[U]/L")
    assert factor("[U]/L", "U/L") == 1


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    if is_ucum(text):
        assert factor(text, text) == 1
    elif "[U]" not in text:
        with pytest.raises(VocabularyError):
            read_unit(text)


@given(
    st.sampled_from([COUNTS, MASSES, TIMES, MASSES + AMOUNTS]).flatmap(
        lambda units: st.tuples(*[st.sampled_from(units)] * 3)
    ),
    st.decimals(min_value="0.001", max_value="100000", places=4),
)
def test_converting_there_and_back_keeps_the_value(units: tuple[str, str, str], value: Decimal) -> None:
    first, second, third = units
    there = value * factor(first, second, 113.12)
    assert there * factor(second, first, 113.12) == pytest.approx(value, rel=Decimal("1e-10"))
    by_third = value * factor(first, third, 113.12) * factor(third, second, 113.12)
    assert by_third == pytest.approx(there, rel=Decimal("1e-10"))


@given(st.sampled_from(COUNTS + MASSES + TIMES), st.sampled_from(COUNTS + MASSES + TIMES))
def test_a_factor_has_at_most_twelve_digits(first: str, second: str) -> None:
    try:
        digits = factor(first, second).normalize().as_tuple().digits
    except VocabularyError:
        return
    assert len(digits) <= 12


def test_every_kept_unit_is_ucum_and_has_a_source() -> None:
    measured = read_measurements()
    assert len(measured) >= 10
    for concept_id, row in measured.items():
        assert is_ucum(row.unit), concept_id
        assert row.source, concept_id


def test_haemoglobin_is_kept_in_g_per_dl_by_the_monomer() -> None:
    assert canonical_unit(3000963) == "g/dL"
    assert round(factor("mmol/L", "g/dL", molar_mass(3000963)), 3) == Decimal("1.611")
    assert canonical_unit(1) is None
    assert molar_mass(1) is None


def test_a_bad_measurement_table_lists_every_row(tmp_path: Path) -> None:
    table = tmp_path / "measurement.csv"
    table.write_text("concept_id,unit,molar_mass,source\n1,Gpt/l,,x\n2,g/L,,x\n2,g/L,,x\nx,g/L,x,x\n", encoding="utf-8")
    with pytest.raises(VocabularyError) as error:
        read_measurements(table)
    assert [problem.row for problem in error.value.problems] == [2, 4, 5, 5]


def test_every_laboratory_concept_is_kept_in_a_unit_of_the_vocabulary() -> None:
    with (MEASUREMENT.parent / "CONCEPT.csv").open(encoding="utf-8", newline="") as file:
        concepts = list(csv.DictReader(file))
    laboratory = {int(row["concept_id"]) for row in concepts if row["record_class"] == "Measurement"}
    units = {row["concept_code"] for row in concepts if row["vocabulary_id"] == "UCUM"}
    measured = read_measurements()
    assert laboratory == measured.keys()
    assert {row.unit for row in measured.values()} - units == set()
    assert [unit for unit in units if not is_ucum(unit)] == []


def test_kept_units_are_plausible_to_the_ohdsi_quality_checks() -> None:
    checks = SUITE.parents[2] / "data" / "omop" / "dqd" / "OMOP_CDMv5.4_Concept_Level.csv"
    if not checks.exists():
        pytest.skip(f"the OHDSI quality checks are not at {checks}")
    with (MEASUREMENT.parent / "CONCEPT.csv").open(encoding="utf-8", newline="") as file:
        codes = {row["concept_id"]: row["concept_code"] for row in csv.DictReader(file)}
    units = {str(concept_id): row.unit for concept_id, row in read_measurements().items()}
    implausible = {}
    with checks.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            unit = units.get(row["conceptId"])
            known = {codes.get(concept, "") for concept in row["plausibleUnitConceptIds"].split(",")} - {""}
            if unit and known and unit not in known:
                implausible[row["conceptName"]] = (unit, known)
    assert set(implausible) <= {"Erythrocytes [#/volume] in Blood"}, implausible
