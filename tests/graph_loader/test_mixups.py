from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haemony.api.mixups import Mixup, read_mixups
from haemony.engine.session import Session, open_session
from haemony.graph_loader.harmonise import harmonise
from haemony.graph_loader.mixups import Group, _placed, find, write_mixups
from haemony.graph_loader.ranges import Limits, Range, range_of, read_ranges
from haemony.graph_loader.said_units import SaidUnit
from haemony.graph_loader.shapes import read_shapes
from haemony.mappings.model import Variable
from haemony.ontology.schema import HAEMONY, read_schema
from haemony.ontology.units import canonical_unit, mistakable, molar_mass
from haemony.ontology.vocabulary import read_vocabulary
from tests.graph_loader.partners import ENGINE, SECRET, Ward
from tests.mappings.partner_files import meaning, row, value

SHAPES = (Path(__file__).parents[2] / "ontology" / "shapes",)
HB, CREATININE, PLATELETS, LEUKOCYTES = 3000963, 3016723, 3024929, 3000905
FERRITIN, ALBUMIN, CALCIUM, HAEMATOCRIT, LDH = 3001122, 3024561, 3006906, 3009542, 3016436
PATIENTS = 300

# --- a delivery with every kind of mix-up ---------------------------------------------------------------------------

LAYOUT = """
patients: labs
index: {event: diagnosis, relative: true}
tables:
  labs: {file: labs.csv, patient: ID, at: index}
  later: {file: later.csv, patient: ID, at: DAY}
"""
WIDE = {
    "hb": (HB, "g/dL"), "crea": (CREATININE, "mg/dL"), "plt": (PLATELETS, "10*9/L"), "wbc": (LEUKOCYTES, "10*9/L"),
    "fer": (FERRITIN, "ug/L"), "alb": (ALBUMIN, "g/L"), "ca": (CALCIUM, "mg/dL"), "hct": (HAEMATOCRIT, "%"),
}  # fmt: skip
DICTIONARY = [
    row("labs", "ID", "key"),
    row("labs", "site", "ignore", note="of no interest"),
    row("labs", "taken", "context", format="dd/MM/yyyy"),
    *(row("labs", column, record="Measurement", unit=unit) for column, (_, unit) in WIDE.items()),
    row("later", "ID", "key"),
    row("later", "DAY", "context"),
    row("later", "TEST", record="Measurement#lab", field="concept"),
    row("later", "RESULT", record="Measurement#lab", field="value"),
    row("later", "UNIT", record="Measurement#lab", field="value.unit"),
]
CONCEPTS = [
    *(meaning(f"ward:labs.{column}", f"OMOP:{concept}") for column, (concept, _) in WIDE.items()),
    value("ward:later.TEST", "Hb", f"OMOP:{HB}"),
    value("ward:later.TEST", "Alb", f"OMOP:{ALBUMIN}"),
    value("ward:later.UNIT", "g/l", "UCUM:g/L", predicate="haemony:mapsToUnit"),
]


def labs() -> str:
    """One row a patient. What is wrong stands beside each column."""
    draw = random.Random(1)

    def around(median: float, spread: float) -> float:
        return 10 ** draw.gauss(math.log10(median), spread)

    rows = ["ID,site,taken,hb,crea,plt,wbc,fer,alb,ca,hct"]
    for i in range(PATIENTS):
        site = "Ulm" if i % 20 == 0 else draw.choice(["Bonn", "Jena"])
        year = 2000 + i % 15
        cells = (
            around(10, 0.07) * (10 if site == "Ulm" else 1),  # g/L at one site
            around(1, 0.1) * (88.4 if draw.random() < 0.06 else 1),  # umol/L, and nothing tells where
            around(150, 0.3) * 1000,  # per microlitre throughout
            around(12, 0.75),  # wide: right
            around(900, 0.9),  # wide: right
            around(38, 0.05) / (10 if i % 23 == 1 else 1),  # g/dL: unexpected, yet not impossible
            around(9.5, 0.03) / (4.0078 if i in (5, 6) else 1),  # two values are slips
            around(33, 0.05) / (100 if year in (2003, 2004) else 1),  # a fraction in two years
        )
        rows.append(f"{i},{site},{1 + i % 28:02}/05/{year},{','.join(f'{cell:.4f}' for cell in cells)}")
    return "\n".join(rows) + "\n"


def later() -> str:
    """Haemoglobin in g/dL under the unit that albumin rightly has."""
    draw = random.Random(2)
    rows = ["ID,DAY,TEST,RESULT,UNIT"]
    for i in range(60):
        rows.append(f"{i},30,Hb,{draw.gauss(11, 1):.1f},g/l")
        rows.append(f"{i},30,Alb,{draw.gauss(40, 3):.0f},g/l")
    return "\n".join(rows) + "\n"


WARD = Ward(LAYOUT, DICTIONARY, CONCEPTS, {"labs.csv": labs(), "later.csv": later()})


def mixups(ward: Ward, home: Path) -> dict[tuple[str, str], tuple[dict[str, Any], Mixup]]:
    """Return what is found in a delivery, as data and in words, by column and unit that it looks like."""
    partner, data = ward.write(home)
    schema, vocabulary = read_schema(), read_vocabulary()
    with open_session(home / "work", ENGINE) as session:
        result = harmonise(session, schema, vocabulary, partner, data, SECRET)
        write_mixups(session, schema, vocabulary, result, read_shapes(SHAPES, schema), home / "mixups.parquet")
    rows = pq.read_table(home / "mixups.parquet").to_pylist()
    words = {(m.column, m.looks): m for m in read_mixups(home)}
    return {(r["column"], r["looks"]): (r, words[r["column"], r["looks"]]) for r in rows}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[dict[str, Any], Mixup]]:
    return mixups(WARD, tmp_path_factory.mktemp("ward"))


def test_every_mix_up_is_found_and_nothing_else(found: dict[tuple[str, str], Any]) -> None:
    assert set(found) == {
        ("hb", "g/L"), ("crea", "umol/L"), ("plt", "/uL"), ("alb", "g/dL"), ("hct", "1"), ("RESULT", "g/dL"),
    }  # fmt: skip


def test_a_site_tells_its_rows(found: dict[tuple[str, str], Any]) -> None:
    data, words = found["hb", "g/L"]
    assert (data["values"], data["of"], data["whole_column"]) == (PATIENTS // 20, PATIENTS, False)
    assert (data["told_by_column"], data["told_by_texts"]) == ("site", ["Ulm"])
    assert words.headline == f"{PATIENTS // 20} values of Hemoglobin look like g/L: the mapping row says g/dL"
    assert data["mapping"] == "ward/dictionary.tsv:5"
    assert "A decimal mark that was lost looks the same." in words.evidence
    assert words.change[1].endswith("""derive: {hb_unit: "CASE WHEN site IN ('Ulm') THEN 'g/L' ELSE 'g/dL' END"}""")
    assert "dictionary.tsv, the row of site: use context" in words.change


def test_years_tell_their_rows(found: dict[tuple[str, str], Any]) -> None:
    data, words = found["hct", "1"]
    assert (data["told_by_column"], data["told_by_date"], data["told_by_texts"]) == ("taken", True, ["2003", "2004"])
    assert "years 2003, 2004" in words.change[0]


def test_where_nothing_tells_the_rows_the_hospital_must(found: dict[tuple[str, str], Any]) -> None:
    data, words = found["crea", "umol/L"]
    assert data["told_by_column"] is None
    assert words.change == (
        "Nothing delivered tells these rows from the others: the hospital must say which are in umol/L.",
    )


def test_a_whole_column_needs_another_unit_in_its_row(found: dict[tuple[str, str], Any]) -> None:
    data, words = found["plt", "/uL"]
    assert data["whole_column"] and data["values"] >= 0.95 * PATIENTS
    assert words.change == ("ward/dictionary.tsv:7: write /uL as `unit`.",)


def test_a_unit_that_serves_another_test_too_is_not_to_be_changed(found: dict[tuple[str, str], Any]) -> None:
    data, words = found["RESULT", "g/dL"]
    assert (data["mapping"], data["unit_text"]) == ("ward/concepts.sssom.tsv:12", "g/l")
    assert (data["told_by_column"], data["told_by_texts"]) == ("TEST", ["Hb"])
    assert "CASE WHEN TEST IN ('Hb') AND UNIT = 'g/l' THEN 'g/dL' ELSE UNIT END" in words.change[1]


def test_no_more_than_rounded_ranges_are_said_of_values(found: dict[tuple[str, str], Any]) -> None:
    cells = {cell for line in (labs() + later()).splitlines()[1:] for cell in line.split(",") if "." in cell}
    said = " ".join(w.headline + w.evidence + " ".join(w.change) for _, w in found.values())
    assert not {cell for cell in cells if len(cell) > 5 and cell in said}


def test_the_proposals_repair_what_they_are_about(tmp_path: Path) -> None:
    site = """derive: {hb_unit: "CASE WHEN site IN ('Ulm') THEN 'g/L' ELSE 'g/dL' END"}"""
    test = """derive: {RESULT_unit: "CASE WHEN TEST IN ('Hb') AND UNIT = 'g/l' THEN 'g/dL' ELSE UNIT END"}"""
    layout = LAYOUT.replace("at: index}", f"at: index, {site}}}").replace("at: DAY}", f"at: DAY, {test}}}")
    changed = {
        "site": row("labs", "site", "context"),
        "hb": row("labs", "hb", record="Measurement#hb"),
        "plt": row("labs", "plt", record="Measurement", unit="/uL"),
        "UNIT": row("later", "UNIT", "context"),
    }
    dictionary = [changed.get(line["variable"], line) for line in DICTIONARY]
    dictionary.append(row("labs", "hb_unit", record="Measurement#hb", field="value.unit"))
    dictionary.append(row("later", "RESULT_unit", record="Measurement#lab", field="value.unit"))
    units = value("ward:later.RESULT_unit", "g/l", "UCUM:g/L", predicate="haemony:mapsToUnit")
    repaired = replace(WARD, layout=layout, dictionary=dictionary, concepts=[*CONCEPTS[:-1], units])
    assert {column for column, _ in mixups(repaired, tmp_path)} == {"crea", "alb", "hct"}


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with open_session(tmp_path_factory.mktemp("rule"), ENGINE) as opened:
        yield opened


def judged(session: Session, groups: dict[tuple[int, str], np.ndarray[Any, Any]]) -> dict[tuple[int, str], str]:
    """Return the unit that the values of each (test, unit as read) look like; values are in the unit of the test."""
    ranges = read_ranges(read_shapes(SHAPES), HAEMONY.value)
    vocabulary = read_vocabulary()
    numbered = list(groups)
    made, rows = {}, []
    for number, (concept, unit) in enumerate(numbered, 1):
        range_ = range_of(ranges, vocabulary.ancestors(concept))
        assert range_ is not None
        said = SaidUnit(unit, "", number)
        column = Variable("t", "c", 1, "map")
        made[number] = Group(number, concept, column, "", said, canonical_unit(concept) or "", range_, None)
        rows += [
            (f"{number}.{i}", i, number, concept, float(x), f"p{i}", "")
            for i, x in enumerate(groups[numbered[number - 1]])
        ]
    kinds = {
        "id": pa.string(), "row": pa.int64(), "column": pa.int64(), "concept": pa.int64(), "value": pa.float64(),
        "patient": pa.string(), "text": pa.string(),
    }  # fmt: skip
    values = session.table("values", kinds, rows)
    placed = session.lay(_placed(session, values, made.values()), "placed")
    found, _, _ = find(session, placed, made)
    return {numbered[number - 1]: trials[0].unit for number, trials in found.items()}


#: Where tests lie in blood cancer, and how widely, as logarithms: tails reach beyond what is expected.
USUAL = {
    HB: (10, 0.12), CREATININE: (1.1, 0.3), PLATELETS: (60, 0.55), LEUKOCYTES: (12, 0.9), FERRITIN: (1000, 1.0),
    ALBUMIN: (36, 0.15), CALCIUM: (9.6, 0.08), HAEMATOCRIT: (30, 0.15), LDH: (450, 0.6),
}  # fmt: skip


@pytest.mark.parametrize("wider", [1, 1.5, 2])
def test_wide_ranges_and_long_tails_are_no_mix_up(session: Session, wider: float) -> None:
    rng = np.random.default_rng(3)
    given = {
        (test, canonical_unit(test) or ""): 10 ** rng.normal(math.log10(median), spread * wider, 1500)
        for test, (median, spread) in USUAL.items()
    }
    assert judged(session, given) == {}


@pytest.mark.parametrize(
    ("test", "other"),
    [(HB, "g/L"), (HB, "mmol/L"), (CREATININE, "umol/L"), (PLATELETS, "/uL"), (CALCIUM, "mmol/L"), (ALBUMIN, "g/dL"),
     (HAEMATOCRIT, "1"), (LEUKOCYTES, "/uL")],
)  # fmt: skip
def test_a_twentieth_in_another_unit_is_found_where_ranges_can_show_it(session: Session, test: int, other: str) -> None:
    rng = np.random.default_rng(4)
    median, spread = USUAL[test]
    unit = canonical_unit(test) or ""
    values = 10 ** rng.normal(math.log10(median), spread, 1000)
    values[:50] /= mistakable(unit, unit, molar_mass(test))[other]
    got = judged(session, {(test, unit): values})
    if (test, other) in {(HB, "mmol/L"), (LEUKOCYTES, "/uL")}:
        assert got == {}, "haemoglobin of 6 mmol/L could be 6 g/dL, leukocytes of 600 per microlitre 600 per nanolitre"
    else:
        assert got == {(test, unit): other}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda v: v[:2], "two are slips"),
        (lambda v: v[:20] * 31, "no unit makes 31 of 1"),
        (lambda v: np.concatenate([v[:4] * 10, v[:16] * 3000]), "most of what is out is wrong otherwise"),
    ],
)
def test_what_is_wrong_otherwise_is_no_mix_up(session: Session, spoil: Callable[[Any], Any], why: str) -> None:
    values = 10 ** np.random.default_rng(5).normal(1, 0.1, 400)
    wrong = spoil(values) if "two" not in why else values[:2] * 10
    assert judged(session, {(HB, "g/dL"): np.concatenate([values, wrong])}) == {}, why


def test_ranges_are_those_of_the_shapes() -> None:
    ranges = read_ranges(read_shapes(SHAPES), HAEMONY.value)
    assert ranges[HB] == Range(Limits(1, 26), Limits(4, 20))
    assert range_of(ranges, [42]) is None
