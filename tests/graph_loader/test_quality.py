"""Scoring: thresholds, levels and differences, on literal counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import Graph

from haemony.graph_loader.quality import (
    LEVELS,
    QUARANTINE,
    SILVER,
    USUAL,
    Scorecard,
    allowed,
    difference,
    score,
    shape_thresholds,
    threshold,
)
from haemony.mappings.model import Allowance

V, W, PLAUSIBLE = "Violation", "Warning", "plausibility"


def row(shape: str, failed: int, targeted: int = 1000, severity: str = W, kahn: str = PLAUSIBLE) -> dict[str, Any]:
    counted = {"targeted": targeted, "failed": failed, "road": "compiled"}
    return {"shape": shape, "severity": severity, "kahn": kahn, **counted}


def sound(number: int) -> list[dict[str, Any]]:
    return [row(f"sound-{i}", 0) for i in range(number)]


def card(rows: Iterable[dict[str, Any]], quarantined: int = 0, **more: Any) -> Scorecard:
    return score("ward", rows, {"loaded": 1000 - quarantined, "quarantined": quarantined}, **more)


@pytest.mark.parametrize(
    ("rows", "quarantined", "level"),
    [
        ([], 0, "gold"),
        ([row("hb", 50)], 10, "gold"),
        ([row("hb", 51)], 0, "silver"),
        ([row("hb", 0)], 11, "silver"),
        ([row("hb", 0)], 51, "bronze"),
        ([row("hb", 900)], 0, "silver"),
        ([row("hb", 900), row("wbc", 900)], 0, "silver"),  # 2 of 22 checks: of few, one more than 5 % may
        ([row("hb", 900), row("wbc", 900), row("plt", 900)], 0, "bronze"),
        ([row("hb", 11, severity=V)], 0, "bronze"),
        ([row("hb", 100, severity=V)], 0, "bronze"),
        ([row("hb", 101, severity=V)], 0, "rejected"),
        ([row("hb", 1, targeted=4, severity=V)], 0, "gold"),  # of few records, one may
        ([row("hb", 2, targeted=4, severity=V)], 0, "rejected"),
        ([row(f"warning-{i}", 51) for i in range(8)], 0, "rejected"),  # 8 of 28 checks
    ],
)
def test_the_level_follows_the_rule(rows: list[dict[str, Any]], quarantined: int, level: str) -> None:
    made = card([*rows, *sound(20)], quarantined)
    assert made.level == level
    assert bool(made.because) == (level != "gold")


def test_what_stands_against_more_is_said() -> None:
    made = card([row("hb", 120, severity=V), row("plt", 60), *sound(40)])
    assert made.because == ("hb: 120 of 1,000 records (12 %), at most 1 % may",)
    assert [c.shape for c in made.checks[:3]] == ["hb", "plt", "sound-0"]
    assert card([row("x", 0)], 20).because == ("2 % of the filled cells are quarantined, at most 1 % may be",)


def test_a_partner_speaks_before_the_shape_and_the_shape_before_the_usual() -> None:
    own, agreed = {"hb": 0.2, "plt": 0.2}, {"hb": Allowance(0.5, "transfused")}
    made = card([row("hb", 300), row("plt", 300), row("wbc", 60)], own=own, agreed=agreed)
    assert {(c.shape, c.threshold, c.threshold_by, c.status) for c in made.checks} == {
        ("hb", 0.5, "partner", "passed"),
        ("plt", 0.2, "shape", "failed"),
        ("wbc", 0.05, "usual", "failed"),
    }
    assert next(c.reason for c in made.checks if c.shape == "hb") == "transfused"


def test_an_agreed_threshold_saves_a_delivery_from_being_rejected() -> None:
    rows = [row("hb", 400, severity=V)]
    assert card(rows).level == "rejected"
    assert card(rows, agreed={"hb": Allowance(0.5, "known, corrected next year")}).level == "gold"


def test_every_kind_of_shape_has_a_threshold_and_unnamed_ones_too() -> None:
    assert {(u.severity, u.kahn) for u in USUAL} >= {(V, "conformance"), (V, PLAUSIBLE), (W, PLAUSIBLE)}
    assert threshold("x", "Info", "", {}, {}).share == 0.1
    assert threshold("x", "Info", "plausibility", {}, {}).share == 0.1


def test_a_check_without_records_is_neither_passed_nor_failed() -> None:
    made = card([row("hb", 0, targeted=0)])
    assert made.checks[0].status == "no records" and made.checks[0].share is None
    assert made.made == () and made.level == "gold"


def test_acceptance_is_kept_only_where_it_was_needed() -> None:
    assert card([row("hb", 0)], accepted="because").accepted == ""
    assert card([row("hb", 400, severity=V)], accepted="because").accepted == "because"


def test_a_shape_says_its_own_threshold() -> None:
    text = """@prefix : <https://w3id.org/haemony/> . @prefix sh: <http://www.w3.org/ns/shacl#> .
    @prefix shape: <https://w3id.org/haemony/shape/> .
    shape:a sh:severity sh:Warning ; :threshold 0.25 . shape:b sh:severity sh:Warning ."""
    assert shape_thresholds(Graph().parse(data=text, format="turtle")) == {"a": 0.25}


def test_json_says_all_and_can_be_read_again() -> None:
    made = card([row("hb", 60), row("plt", 0, targeted=0)], 20, build="b1", built_at="2026-01-01", delivery="d")
    written = json.loads(json.dumps(made.json()))
    assert Scorecard.of_json(written) == made
    assert set(written) == {
        *("partner", "build", "built_at", "level", "because", "accepted", "delivery"),
        *("cells", "quarantined", "missing", "checks"),
    }
    assert set(written["checks"][0]) == {
        *("shape", "kahn", "severity", "targeted", "failed", "share", "threshold", "threshold_by"),
        *("allowed", "reason", "status", "road"),
    }


def test_the_difference_names_what_changed_worst_first() -> None:
    before = card([row("a", 10), row("b", 60), row("c", 5), row("gone", 1)], build="b1", delivery="d")
    now = card([row("a", 90), row("b", 20), row("c", 5), row("new", 2)], build="b2", delivery="d")
    found = difference(now, before)
    assert [(c.shape, c.worse) for c in found.changes] == [("a", True), ("new", True), ("b", False), ("gone", False)]
    assert found.same_files and found.build == "b1" and found.level == "silver"
    assert difference(before, before).changes == ()
    assert not difference(card([]), card([])).same_files  # nothing is known of the files


ROWS = st.lists(
    st.tuples(st.sampled_from([V, W, "Info"]), st.integers(0, 300), st.integers(0, 300)).map(
        lambda t: (t[0], min(t[1], t[2]), t[2])
    ),
    max_size=12,
)


@given(ROWS, st.integers(0, 12), st.integers(0, 100))
def test_one_more_broken_record_never_raises_the_level(
    rows: list[tuple[str, int, int]], which: int, quarantined: int
) -> None:
    counts = [row(f"s{i}", failed, targeted, severity) for i, (severity, failed, targeted) in enumerate(rows)]
    before = card(counts, quarantined).level
    for more in counts[which : which + 1]:
        more["failed"] = min(more["failed"] + 1, more["targeted"])
    assert LEVELS.index(card(counts, quarantined).level) >= LEVELS.index(before)


@given(st.floats(0, 1), st.integers(0, 10_000_000))
def test_as_many_may_fail_as_the_share_says_and_one_of_few(share: float, records: int) -> None:
    may = allowed(share, records)
    assert share * records - 1e-6 <= may <= max(share * records + 1, 1)
    assert may <= records


def test_quarantine_is_judged_without_the_ignored_cells() -> None:
    made = score("ward", [], {"loaded": 94, "quarantined": 6, "ignored": 900, "missing": 100})
    assert made.quarantined == pytest.approx(0.06) and made.missing == pytest.approx(0.5)
    assert made.quarantined > QUARANTINE[SILVER] and made.level == "bronze"
