from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.datasets import load_lung

from haemony.analysis.survival import DAYS_PER_YEAR, group_label, kaplan_meier, save_chart, survival_chart
from haemony.engine.errors import QueryError


def test_median_is_the_first_day_on_which_half_are_gone() -> None:
    result = kaplan_meier(["a"] * 5, [10, 20, 30, 40, 50], [True, False, True, True, True])
    (group,) = result.groups
    # 4/5 after day 10; 2 of the 3 at risk on day 30 stay: 8/15; half of those go on day 40: 4/15.
    assert (group.n, group.deaths, group.median_days) == (5, 4, 40.0)
    assert group.median_years == round(40 / DAYS_PER_YEAR, 2)
    assert result.log_rank_p is None


def test_who_enters_late_is_at_risk_only_from_then_on() -> None:
    (group,) = kaplan_meier(["a"] * 4, [100, 200, 300, 400], [True] * 4, [None, 100, 250, -5]).groups
    # On day 100 two are at risk, the second enters after it: 1/2; day 200: one of two dies, 1/4; day 300: 1/8.
    assert (group.n, group.median_days) == (4, 100.0)
    assert group.survival_1y == pytest.approx(0.125)


def test_a_group_that_nobody_is_left_in_before_others_enter_is_named() -> None:
    with pytest.raises(QueryError, match=r"of b \(3 patients\) nobody is left"):
        kaplan_meier(["a", "b", "b", "b"], [80, 100, 900, 950], [True] * 4, [0, 0, 500, 600])


patients_who_enter = st.tuples(st.sampled_from("ab"), st.integers(0, 99), st.integers(1, 99), st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(patients_who_enter, max_size=30))
def test_log_rank_with_late_entry_compares_the_risk_sets(patients: list[tuple[str, int, int, bool]]) -> None:
    patients = [*patients, ("a", 0, 300, False), ("b", 0, 300, False)]  # somebody is always at risk
    groups, entries = [g for g, *_ in patients], [entry for _, entry, *_ in patients]
    days, events = [entry + d for _, entry, d, _ in patients], [event for *_, event in patients]
    excess = variance = 0.0
    for day in {d for d, event in zip(days, events, strict=True) if event}:
        risk = [g for g, entry, d in zip(groups, entries, days, strict=True) if entry < day <= d]
        dead = [g for g, d, event in zip(groups, days, events, strict=True) if event and d == day]
        n, share = len(risk), risk.count("a") / len(risk)
        excess += dead.count("a") - len(dead) * share
        variance += len(dead) * share * (1 - share) * (n - len(dead)) / (n - 1)
    found = kaplan_meier(groups, days, events, entries).log_rank_p
    if not any(events):
        assert found is None
    else:
        assert found == pytest.approx(math.erfc(math.sqrt(excess**2 / variance / 2)))


def test_survival_at_years_is_stated_only_as_long_as_somebody_was_followed() -> None:
    days = [100, 500, 1200, 1300]
    (group,) = kaplan_meier(["a"] * 4, days, [True, True, False, False]).groups
    assert group.survival_1y == pytest.approx(0.75)
    assert (group.survival_3y, group.survival_5y) == (0.5, None)


def test_survival_is_none_left_once_all_have_died() -> None:
    (group,) = kaplan_meier(["a"] * 2, [100, 200], [True, True]).groups
    assert (group.survival_1y, group.survival_5y) == (0.0, 0.0)


def test_a_median_that_is_not_reached_is_none() -> None:
    (group,) = kaplan_meier(["a"] * 3, [100, 200, 300], [True, False, False]).groups
    assert group.median_days is None
    assert group.median_years is None


def test_log_rank_tells_groups_apart_and_same_groups_not() -> None:
    short, long = list(range(1, 31)), list(range(300, 330))
    apart = kaplan_meier(["a"] * 30 + ["b"] * 30, short + long, [True] * 60)
    same = kaplan_meier(["a"] * 30 + ["b"] * 30, short + short, [True] * 60)
    assert apart.log_rank_p is not None and apart.log_rank_p < 1e-6
    assert same.log_rank_p == pytest.approx(1.0)
    assert [g.group for g in apart.groups] == ["a", "b"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3000), st.booleans()), min_size=1, max_size=30))
def test_median_agrees_with_the_product_limit(patients: list[tuple[int, bool]]) -> None:
    (group,) = kaplan_meier(["a"] * len(patients), [d for d, _ in patients], [e for _, e in patients]).groups
    left, median = 1.0, None
    for day in sorted({d for d, event in patients if event}):
        risk = sum(d >= day for d, _ in patients)
        left *= 1 - sum(event and d == day for d, event in patients) / risk
        if median is None and left <= 0.5 + 1e-12:
            median = day
    assert group.median_days == median


@pytest.mark.parametrize(
    ("groups", "days", "events", "part"),
    [([], [], [], "no patients"), (["a"], [1, 2], [True], "equally many"), (["a"], [-1], [True], "negative")],
)
def test_unfit_input_is_named(groups: list[str], days: list[float], events: list[bool], part: str) -> None:
    with pytest.raises(QueryError, match=part):
        kaplan_meier(groups, days, events)


@pytest.mark.parametrize(("entries", "part"), [([5], "no earlier"), ([7], "no earlier"), ([], "equally many")])
def test_an_unfit_entry_is_named(entries: list[float], part: str) -> None:
    with pytest.raises(QueryError, match=part):
        kaplan_meier(["a"], [5], [True], entries)


def test_a_missing_duration_is_named() -> None:
    with pytest.raises(QueryError, match="missing"):
        kaplan_meier(["a"], [math.nan], [True])


def test_label_says_what_is_there_and_what_is_not() -> None:
    assert group_label([8], {7: "NPM1", 8: "FLT3-ITD"}) == "NPM1- FLT3-ITD+"
    assert group_label([], {7: "NPM1"}) == "NPM1-"


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_chart_is_written(tmp_path: Path, suffix: str) -> None:
    chart = survival_chart(["a", "a", "b"], [100, 400, 800], [True, False, True], title="Two groups")
    save_chart(chart, tmp_path / f"chart{suffix}")
    written = (tmp_path / f"chart{suffix}").read_bytes()
    assert written.startswith(b"\x89PNG" if suffix == ".png" else b"<svg")
    if suffix == ".svg":
        assert b"Two groups" in written
        assert b"a (n=2)" in written


def test_chart_refuses_other_files(tmp_path: Path) -> None:
    chart = survival_chart(["a"], [100], [True])
    with pytest.raises(QueryError, match=r"\.png, \.svg or \.html"):
        save_chart(chart, tmp_path / "chart.docx")


def test_published_medians_of_lung_cancer_patients() -> None:
    """`survfit(Surv(time, status) ~ sex, lung)` of R's survival prints 270 and 426 days; `survdiff` p = 0.001."""
    lung = load_lung()
    result = kaplan_meier([str(s) for s in lung["sex"]], list(lung["time"]), [bool(s) for s in lung["status"]])
    assert [g.median_days for g in result.groups] == [270.0, 426.0]
    assert result.log_rank_p == pytest.approx(0.00131, abs=1e-4)
