"""Our ranges and units of laboratory values beside those of the OHDSI DataQualityDashboard.

Its file of today has plausible units for each test, but limits for hardly any; by 2022 they were out (pull request 285
there). ``dqd_limits.csv`` has the former limits of the tests that we have, in the unit nearest to ours, from
inst/csv/OMOP_CDMv5.3.1_Concept_Level_Archived.csv at commit 342157fc7868caf1b187b28f5568923f259314b2 (Apache-2.0).
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest
from rdflib import DCTERMS, RDFS, SH, Graph
from rdflib.term import Node

from haemony.engine.errors import VocabularyError
from haemony.graph_loader.rdf import concept_id
from haemony.graph_loader.shapes import read_shapes, shape_id
from haemony.ontology.shape_ids import SHAPES
from haemony.ontology.units import canonical_unit, factor, molar_mass, read_measurements
from haemony.ontology.vocabulary import read_vocabulary

TODAY = Path(__file__).parents[2].parent / "shared" / "data" / "omop" / "dqd" / "OMOP_CDMv5.4_Concept_Level.csv"
FORMER = Path(__file__).with_name("dqd_limits.csv")
DASHBOARD = "https://github.com/OHDSI/DataQualityDashboard/"


class Limits(NamedTuple):
    """Limits of a test, in our unit; and as they are written."""

    concept: int
    low: Fraction
    high: Fraction
    written: str


def limits(concept: int, unit: str, low: str, high: str) -> Limits:
    ours = canonical_unit(concept)
    assert ours
    times = Fraction(str(factor(unit, ours, molar_mass(concept))))
    return Limits(concept, Fraction(low) * times, Fraction(high) * times, f"{low} to {high} {unit}")


def former() -> list[Limits]:
    with FORMER.open(encoding="utf-8", newline="") as file:
        return [limits(int(r["concept_id"]), r["unit"], r["low"], r["high"]) for r in csv.DictReader(file)]


def today() -> list[dict[str, str]]:
    if not TODAY.is_file():
        pytest.skip("the DataQualityDashboard's thresholds are not beside us")
    with TODAY.open(encoding="utf-8", newline="") as file:
        measured = {str(concept) for concept in read_measurements()}
        return [row for row in csv.DictReader(file) if row["conceptId"] in measured]


@pytest.fixture(scope="module")
def shapes() -> Graph:
    return read_shapes([SHAPES])


@pytest.fixture(scope="module")
def expected(shapes: Graph) -> dict[int, Node]:
    """The shape that flags unlikely values, by concept."""
    unlikely = [s for s in shapes.subjects(SH.severity, SH.Warning) if shape_id(s).endswith("-unlikely")]
    return {concept_id(c) or 0: shape for shape in unlikely for c in shapes.objects(shape, SH.targetClass)}


@pytest.mark.parametrize("theirs", former(), ids=lambda limit: str(limit.concept))
def test_our_limits_are_theirs_or_the_shape_says_why_not(
    theirs: Limits, shapes: Graph, expected: dict[int, Node]
) -> None:
    shape = expected[theirs.concept]
    low, high = (Fraction(str(shapes.value(shape, p))) for p in (SH.minInclusive, SH.maxInclusive))
    comment = str(shapes.value(shape, RDFS.comment))
    assert any(str(source).startswith(DASHBOARD) for source in shapes.objects(shape, DCTERMS.source))
    assert theirs.written in comment  # as they had it, so that a reader can judge
    reason = comment.partition(theirs.written)[2].partition(": ")[2]
    assert (low, high) == (theirs.low, theirs.high) or len(reason) > 10, comment


def test_every_test_with_limits_has_its_three_shapes(shapes: Graph, expected: dict[int, Node]) -> None:
    for theirs in former():
        stem = shape_id(expected[theirs.concept]).removesuffix("-unlikely")
        for kind in ("unit", "impossible"):
            others = [s for s in shapes.subjects(SH.severity) if shape_id(s) == f"{stem}-{kind}"]
            assert [concept_id(c) for s in others for c in shapes.objects(s, SH.targetClass) if concept_id(c)], stem


def test_the_comparison_leaves_out_no_limit_of_today() -> None:
    compared = {theirs.concept for theirs in former()}
    limited = {int(row["conceptId"]) for row in today() if row["plausibleValueLow"] or row["plausibleValueHigh"]}
    assert limited <= compared


def test_our_units_are_among_the_plausible_ones() -> None:
    vocabulary = read_vocabulary()
    other = set()
    rows = [row for row in today() if row["plausibleUnitConceptIds"]]
    for row in rows:
        concept = int(row["conceptId"])
        units = [int(u) for u in row["plausibleUnitConceptIds"].split(",") if int(u) in vocabulary]
        if not any(_same(vocabulary[u].code, canonical_unit(concept) or "") for u in units):
            other.add(concept)
    assert len(rows) > 30
    assert other == set()


def _same(theirs: str, ours: str) -> bool:
    try:
        return factor(theirs, ours) == 1
    except VocabularyError:
        return False
