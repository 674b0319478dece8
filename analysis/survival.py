"""Survival: Kaplan-Meier estimates by group, the log-rank test, and the chart.

Estimates are lifelines' (https://lifelines.readthedocs.io); a median's confidence interval is where the curve's
log-log confidence band crosses one half (Brookmeyer and Crowley, Biometrics 1982, doi 10.2307/2530286).

Where patients came under observation only some time after the clock started (left truncation: referral to a centre,
entry into a registry), ``entries`` says when: until then a patient is not at risk. Who died before entry was never
seen, and counting the others from the clock's start would make survival too good.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.exceptions import StatError
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times
from scipy.stats import chi2

from haemony.engine.errors import QueryError

DAYS_PER_YEAR = 365.25
#: Okabe and Ito's palette, which readers with colour-blindness tell apart (https://jfly.uni-koeln.de/color/).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")


@dataclass(frozen=True)
class GroupSurvival:
    """The estimate of one group; a median that was not reached is ``None``."""

    group: str
    n: int
    deaths: int
    median_days: float | None
    median_years: float | None
    median_years_low: float | None
    median_years_high: float | None
    survival_1y: float | None
    survival_3y: float | None
    survival_5y: float | None


@dataclass(frozen=True)
class Survival:
    """The estimates of all groups, and how likely such a difference is by chance (log-rank test)."""

    groups: tuple[GroupSurvival, ...]
    log_rank_p: float | None

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary per group."""
        return [asdict(group) for group in self.groups]


def kaplan_meier(
    groups: Sequence[str],
    durations: Sequence[float],
    events: Sequence[bool],
    entries: Sequence[float | None] | None = None,
) -> Survival:
    """Estimate survival by group; durations are days, an event that is false is censored.

    ``entries`` are the days on which follow-up began; none, or none later than day 0, is follow-up from the start.

    >>> result = kaplan_meier(["a"] * 4, [100, 200, 300, 400], [True, True, True, True])
    >>> result.groups[0].n, result.groups[0].deaths, result.groups[0].median_days
    (4, 4, 200.0)
    >>> kaplan_meier(["a"] * 4, [100, 200, 300, 400], [True] * 4, [0, 150, 0, 0]).groups[0].survival_1y
    0.2222222222222222
    """
    frame = _frame(groups, durations, events, entries)
    estimates = tuple(_estimate(str(name), part) for name, part in frame.groupby("group", sort=True))
    return Survival(estimates, _log_rank(frame))


def survival_chart(
    groups: Sequence[str],
    durations: Sequence[float],
    events: Sequence[bool],
    entries: Sequence[float | None] | None = None,
    *,
    title: str = "",
    years: float | None = None,
    outcome: str = "Overall survival",
) -> alt.Chart:
    """Draw the curves of all groups, with ticks where patients were censored.

    The chart is Vega-Lite: the same in a notebook, a page and a file (``save_chart``).
    """
    frame = _frame(groups, durations, events, entries)
    end = years or math.ceil(float(frame["days"].max()) / DAYS_PER_YEAR) or 1
    names = {str(n): f"{n} (n={len(part)})" for n, part in frame.groupby("group", sort=True)}
    steps = pd.concat([_curve(part, names[str(n)]) for n, part in frame.groupby("group", sort=True)])
    scale = alt.Scale(domain=list(names.values()), range=[_COLOURS[i % len(_COLOURS)] for i in range(len(names))])
    base = alt.Chart(steps[steps["years"] <= end]).encode(
        x=alt.X("years:Q", title="Years", scale=alt.Scale(domain=[0, end])),
        y=alt.Y("survival:Q", title=outcome, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
        color=alt.Color("group:N", title=None, scale=scale),
    )
    lines = base.mark_line(interpolate="step-after")
    ticks = base.transform_filter("datum.censored > 0").mark_tick(orient="vertical", size=7, thickness=1)
    chart: alt.Chart = (lines + ticks).properties(title=title, width=520, height=320)
    return chart


def save_chart(chart: Any, path: Path) -> None:
    """Write a chart to a ``.png``, ``.svg`` or ``.html`` file; nothing is fetched from the network."""
    if path.suffix not in (".png", ".svg", ".html"):
        raise QueryError(f"a chart is written as .png, .svg or .html, not as {path.suffix or path.name!r}")
    scale = {"scale_factor": 2} if path.suffix == ".png" else {}
    chart.save(str(path), **scale)


def group_label(found: Sequence[Any], names: Mapping[Any, str]) -> str:
    """Return how a genotype reads: what was found with ``+``, what was not with ``-``.

    >>> group_label([7], {7: "NPM1", 8: "FLT3-ITD"})
    'NPM1+ FLT3-ITD-'
    """
    return " ".join(f"{name}{'+' if key in found else '-'}" for key, name in names.items())


def _frame(
    groups: Sequence[str],
    durations: Sequence[float],
    events: Sequence[bool],
    entries: Sequence[float | None] | None,
) -> pd.DataFrame:
    entries = [None] * len(groups) if entries is None else entries
    if not len(groups) == len(durations) == len(events) == len(entries):
        raise QueryError("groups, durations, events and entries must be equally many")
    if not groups:
        raise QueryError("no patients: nobody has this outcome together with these groups")
    frame = pd.DataFrame(
        {
            "group": list(groups),
            "days": [float(d) for d in durations],
            "event": [bool(e) for e in events],
            "entry": [max(0.0, float(e or 0)) for e in entries],
        }
    )
    if not (frame["days"] >= 0).all():
        raise QueryError("a duration is negative or missing: days run from the start of the clock")
    if ((frame["entry"] > 0) & (frame["entry"] >= frame["days"])).any():
        raise QueryError("follow-up begins no earlier than it ends: both are days from the start of the clock")
    return frame


def _fit(part: pd.DataFrame) -> Any:
    if not part["entry"].any():
        return KaplanMeierFitter().fit(part["days"], part["event"])
    try:
        return KaplanMeierFitter().fit(part["days"], part["event"], entry=part["entry"])
    except StatError:
        raise QueryError(
            f"of {part['group'].iloc[0]} ({len(part)} patients) nobody is left under observation before others enter: "
            "survival since the clock's start cannot be estimated. Choose larger groups."
        ) from None


def _estimate(name: str, part: pd.DataFrame) -> GroupSurvival:
    fitter = _fit(part)
    median = _median(fitter)
    low, high = (_finite(v) for v in median_survival_times(fitter.confidence_interval_).iloc[0])
    at = [_survival_at(fitter, float(part["days"].max()), years) for years in (1, 3, 5)]
    return GroupSurvival(name, len(part), int(part["event"].sum()), median, *map(_years, (median, low, high)), *at)


def _median(fitter: Any) -> float | None:
    """Return the first day with at most half alive. A product that is one half but for rounding is one half."""
    survival = fitter.survival_function_["KM_estimate"]
    reached = survival.index[survival <= 0.5 + 1e-9]
    return float(reached[0]) if len(reached) else None


def _survival_at(fitter: Any, last: float, years: int) -> float | None:
    """Return the estimate, or ``None`` where nobody was followed so long and somebody may still live."""
    survival = float(fitter.predict(years * DAYS_PER_YEAR))
    return survival if years * DAYS_PER_YEAR <= last or survival == 0 else None


def _curve(part: pd.DataFrame, name: str) -> pd.DataFrame:
    fitter = _fit(part)
    survival = fitter.survival_function_["KM_estimate"]
    censored = fitter.event_table["censored"].reindex(survival.index, fill_value=0)
    values = {"years": survival.index / DAYS_PER_YEAR, "survival": survival.to_numpy(), "censored": censored.to_numpy()}
    return pd.DataFrame(values).assign(group=name)


def _log_rank(frame: pd.DataFrame) -> float | None:
    if frame["group"].nunique() < 2 or not frame["event"].any():
        return None
    if frame["entry"].any():
        return _truncated_log_rank(frame)
    return float(multivariate_logrank_test(frame["days"], frame["group"], frame["event"]).p_value)


def _truncated_log_rank(frame: pd.DataFrame) -> float | None:
    """Return the p-value where entry is late, which lifelines' test does not take: at risk is who entered before.

    The formula is that of Klein and Moeschberger, Survival Analysis (2003), section 7.3, with their risk sets of 4.6.
    """
    times = np.unique(frame.loc[frame["event"], "days"])
    parts = [part for _, part in frame.groupby("group", sort=True)]
    risk = np.array([_from(part["days"], times) - _from(part["entry"], times) for part in parts])
    deaths = np.array([_from(part.loc[part["event"], "days"], times) for part in parts])
    deaths -= np.hstack([deaths[:, 1:], np.zeros((len(parts), 1), deaths.dtype)])
    n, d = risk.sum(axis=0), deaths.sum(axis=0)
    share = risk / n
    excess = (deaths - share * d).sum(axis=1)
    weight = d * (n - d) / np.maximum(n - 1, 1)
    spread = np.diag((share * weight).sum(axis=1)) - (share * weight) @ share.T
    statistic = float(excess[:-1] @ np.linalg.pinv(spread[:-1, :-1]) @ excess[:-1])
    return float(chi2.sf(statistic, len(parts) - 1))


def _from(days: pd.Series[float], times: Any) -> Any:
    """Count the days that are not before each time."""
    return len(days) - np.searchsorted(np.sort(days), times, side="left")


def _years(days: float | None) -> float | None:
    return None if days is None else round(days / DAYS_PER_YEAR, 2)


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
