"""Quality: thresholds, the scorecard of a delivery, its level, and what changed since the delivery before.

Modelled on the OHDSI DataQualityDashboard: every check belongs to a category of Kahn et al. (2016), counts the records
that it looks at and those that fail, and fails where a larger share than its threshold does. Haemony's severities stand
where the dashboard has *fatal*, *convention* and *characterization*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, Final, Literal, NamedTuple

from rdflib import SH, Graph

from haemony.graph_loader.fates import LOADED, MISSING, QUARANTINED
from haemony.graph_loader.shapes import shape_id
from haemony.mappings.model import Allowance
from haemony.ontology.schema import HAEMONY

DQD: Final = "OHDSI DataQualityDashboard 2f81ca9, inst/csv/OMOP_CDMv5.4_*_Level.csv"


class Usual(NamedTuple):
    """The threshold of a kind of shape, and why it is that."""

    severity: str
    kahn: str
    share: float
    reason: str


#: What holds for a shape that says nothing else, by severity and Kahn category. The dashboard's own are in ``DQD``.
USUAL: Final = (
    Usual("Violation", "conformance", 0.001,
          "the form is the mapping's business; the dashboard bears none, but here the record is quarantined"),
    Usual("Violation", "completeness", 0.001,
          "what cannot stand without a field; the dashboard bears none for required fields"),
    Usual("Violation", "plausibility", 0.01,
          "impossible values and orders of days: the dashboard's 1 % for values and dates of a field"),
    Usual("Warning", "conformance", 0.01,
          "it loads, under a concept or in a spelling that others may not look for"),
    Usual("Warning", "completeness", 0.05,
          "a record that says half of what it should: the dashboard's 5 % for records without a concept"),
    Usual("Warning", "plausibility", 0.05,
          "unlikely is not wrong, and rare patients are why data are pooled: the dashboard's 5 % for single concepts"),
    Usual("Info", "completeness", 0.1,
          "what most analyses need: the dashboard's 10 % for records without a source concept"),
)  # fmt: skip
#: The same for a shape of a user that names no category.
UNNAMED: Final = {"Violation": 0.01, "Warning": 0.05, "Info": 0.1}

Level = Literal["gold", "silver", "bronze", "rejected"]
GOLD: Final = "gold"
SILVER: Final = "silver"
BRONZE: Final = "bronze"
REJECTED: Final = "rejected"
LEVELS: Final[tuple[Level, ...]] = (GOLD, SILVER, BRONZE, REJECTED)
Status = Literal["passed", "failed", "no records"]

#: A violation that more of its records have is no accident of single cells: a unit, a date, a column is misread.
SYSTEMATIC: Final = 0.1
#: Of the cells that should say something, at most so many may be in quarantine. What a build bears at all is another
#: matter, said by column: ``ledger.TOLERATED``.
QUARANTINE: Final = {GOLD: 0.01, SILVER: 0.05}
#: Of the checks that had records, at most so many may fail.
FAILING: Final = {GOLD: 0.0, SILVER: 0.05, BRONZE: 0.25}

RULE: Final = (
    ("a check fails", "where more of its records break it than its threshold allows; of few records, one always may, "
                      "unless the threshold is 0"),
    (GOLD, f"no check fails, and at most {100 * QUARANTINE[GOLD]:.0f} % of the filled cells are quarantined"),
    (SILVER, f"no violation fails, at most {100 * FAILING[SILVER]:.0f} % of the checks do, and at most "
             f"{100 * QUARANTINE[SILVER]:.0f} % of the filled cells are quarantined"),
    (BRONZE, "what is neither silver nor rejected"),
    (REJECTED, f"a violation fails that more than {100 * SYSTEMATIC:.0f} % of its records break, or more than "
               f"{100 * FAILING[BRONZE]:.0f} % of the checks fail: a build refuses it"),
)  # fmt: skip


# --- thresholds ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Threshold:
    """The share of records that may break a shape, who said so (``usual``, ``shape`` or ``partner``), and why."""

    share: float
    by: Literal["usual", "shape", "partner"]
    reason: str


def shape_thresholds(shapes: Graph) -> dict[str, float]:
    """Return the thresholds that shapes have of their own (``:threshold``), by their ids."""
    found = shapes.subject_objects(HAEMONY.threshold)
    return {shape_id(shape): float(str(share)) for shape, share in found if (shape, SH.severity, None) in shapes}


def threshold(
    shape: str, severity: str, kahn: str, own: Mapping[str, float], partner: Mapping[str, Allowance]
) -> Threshold:
    """Return the threshold of a shape: the partner's, else the shape's own, else the usual one.

    >>> threshold("x", "Warning", "plausibility", {}, {}).share
    0.05
    >>> threshold("x", "Warning", "plausibility", {"x": 0.2}, {"x": Allowance(0.3, "transfused")})
    Threshold(share=0.3, by='partner', reason='transfused')
    """
    if shape in partner:
        return Threshold(partner[shape].threshold, "partner", partner[shape].reason)
    if shape in own:
        return Threshold(own[shape], "shape", "the shape's own: see its comment")
    for usual in USUAL:
        if (usual.severity, usual.kahn) == (severity, kahn):
            return Threshold(usual.share, "usual", usual.reason)
    return Threshold(UNNAMED[severity], "usual", "the shape names no category of Kahn et al.")


# --- the scorecard ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One shape in a scorecard; ``allowed`` is how many of its records may break it."""

    shape: str
    kahn: str
    severity: str
    targeted: int
    failed: int
    threshold: float
    threshold_by: str
    reason: str
    road: str = ""

    @property
    def share(self) -> float | None:
        """Return the share of records that break the shape; None where there are none."""
        return self.failed / self.targeted if self.targeted else None

    @property
    def allowed(self) -> int:
        """Return how many records may break the shape."""
        return allowed(self.threshold, self.targeted)

    @property
    def status(self) -> Status:
        """Return whether the check passed."""
        if not self.targeted:
            return "no records"
        return "failed" if self.failed > self.allowed else "passed"

    @property
    def systematic(self) -> bool:
        """Tell whether a violation fails that is no accident of single cells."""
        often = self.failed > allowed(SYSTEMATIC, self.targeted)
        return self.severity == "Violation" and self.status == "failed" and often

    def json(self) -> dict[str, Any]:
        """Return the check as plain values."""
        counted = {"share": self.share, "allowed": self.allowed, "status": self.status}
        return {**asdict(self), **counted}


def allowed(share: float, records: int) -> int:
    """Return how many of some records may fail: their share, rounded up, so that of few records one may.

    >>> allowed(0.01, 1500), allowed(0.01, 29), allowed(0.0, 29), allowed(1.0, 29)
    (15, 1, 0, 29)
    """
    return ceil(Fraction(str(share)) * records)


@dataclass(frozen=True)
class Scorecard:
    """What a data-quality committee signs: every check, the cells, the level and what it rests on."""

    partner: str
    build: str
    built_at: str
    checks: tuple[Check, ...]
    cells: Mapping[str, int] = field(default_factory=dict)
    delivery: str = ""
    accepted: str = ""

    @property
    def made(self) -> tuple[Check, ...]:
        """Return the checks that had records."""
        return tuple(c for c in self.checks if c.targeted)

    @property
    def failing(self) -> tuple[Check, ...]:
        """Return the checks that failed, the gravest and then the largest share first."""
        return worst_first(c for c in self.checks if c.status == "failed")

    @property
    def quarantined(self) -> float:
        """Return the share of the filled cells, ignored ones apart, that are quarantined."""
        return _part(self.cells.get(QUARANTINED, 0), self.cells.get(LOADED, 0))

    @property
    def missing(self) -> float:
        """Return the share of the cells, ignored ones apart, that hold nothing."""
        return _part(self.cells.get(MISSING, 0), self.cells.get(LOADED, 0) + self.cells.get(QUARANTINED, 0))

    @property
    def level(self) -> Level:
        """Return the level of the delivery, as ``RULE`` says."""
        return _level(self)[0]

    @property
    def because(self) -> tuple[str, ...]:
        """Return what keeps the delivery from the next higher level."""
        return _level(self)[1]

    def json(self) -> dict[str, Any]:
        """Return the scorecard as plain values; its keys are documented in docs/architecture.md and stay."""
        return {
            "partner": self.partner,
            "build": self.build,
            "built_at": self.built_at,
            "level": self.level,
            "because": list(self.because),
            "accepted": self.accepted,
            "delivery": self.delivery,
            "cells": dict(self.cells),
            "quarantined": self.quarantined,
            "missing": self.missing,
            "checks": [check.json() for check in self.checks],
        }

    @classmethod
    def of_json(cls, written: Mapping[str, Any]) -> Scorecard:
        """Read a scorecard from plain values."""
        names = Check.__dataclass_fields__
        checks = tuple(Check(**{n: v for n, v in check.items() if n in names}) for check in written["checks"])
        plain = {n: written[n] for n in ("partner", "build", "built_at", "cells", "delivery", "accepted")}
        return cls(checks=checks, **plain)


def _part(part: int, rest: int) -> float:
    return part / (part + rest) if part else 0.0


#: Grave ones first.
_GRAVITY: Final = ("Violation", "Warning", "Info")


def worst_first(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Sort checks: failed ones first, then by severity, then by the share that fails."""

    def badness(check: Check) -> tuple[bool, int, float, str]:
        return check.status != "failed", _GRAVITY.index(check.severity), -(check.share or 0), check.shape

    return tuple(sorted(checks, key=badness))


def _level(card: Scorecard) -> tuple[Level, tuple[str, ...]]:
    """Return the highest level that nothing stands against, and what stands against the next one."""
    because: tuple[str, ...] = ()
    rules: tuple[tuple[Level, Callable[[Scorecard], list[str]]], ...] = (
        (GOLD, _against_gold),
        (SILVER, _against_silver),
        (BRONZE, _against_bronze),
    )
    for level, against in rules:
        found = tuple(against(card))
        if not found:
            return level, because
        because = found
    return REJECTED, because


def _against_gold(card: Scorecard) -> list[str]:
    return [_said(check) for check in card.failing] + _too_many_cells(card, GOLD)


def _against_silver(card: Scorecard) -> list[str]:
    found = [_said(check) for check in card.failing if check.severity == "Violation"]
    return found + _too_many_checks(card, SILVER) + _too_many_cells(card, SILVER)


def _against_bronze(card: Scorecard) -> list[str]:
    found = [_said(check) for check in card.failing if check.systematic]
    return found + _too_many_checks(card, BRONZE)


def _said(check: Check) -> str:
    numbers = f"{check.failed:,} of {check.targeted:,} records ({percent(check.share)})"
    return f"{check.shape}: {numbers}, at most {percent(check.threshold)} may"


def _too_many_checks(card: Scorecard, level: str) -> list[str]:
    failing, made = len(card.failing), len(card.made)
    if failing <= allowed(FAILING[level], made):
        return []
    return [f"{failing} of {made} checks fail ({percent(failing / made)}), at most {percent(FAILING[level])} may"]


def _too_many_cells(card: Scorecard, level: str) -> list[str]:
    if card.quarantined <= QUARANTINE[level]:
        return []
    share = percent(card.quarantined)
    return [f"{share} of the filled cells are quarantined, at most {percent(QUARANTINE[level])} may be"]


def percent(share: float | None) -> str:
    """Write a share as a committee reads it.

    >>> percent(0.0412), percent(0.0004), percent(0.3), percent(0), percent(1), percent(None)
    ('4.1 %', '0.04 %', '30 %', '0 %', '100 %', '')
    """
    return "" if share is None else f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def score(
    partner: str,
    checked: Iterable[Mapping[str, Any]],
    cells: Mapping[str, int],
    *,
    own: Mapping[str, float] | None = None,
    agreed: Mapping[str, Allowance] | None = None,
    build: str = "",
    built_at: str = "",
    delivery: str = "",
    accepted: str = "",
) -> Scorecard:
    """Make the scorecard of a delivery from ``checked.parquet`` and the cells of its ledger by fate.

    ``own`` are the thresholds of shapes, ``agreed`` those of the partner. ``accepted`` is kept where the delivery would
    be rejected: why it is taken nevertheless.
    """
    checks = []
    for row in checked:
        limit = threshold(row["shape"], row["severity"], row["kahn"], own or {}, agreed or {})
        counts = {name: row[name] for name in ("shape", "kahn", "severity", "targeted", "failed", "road")}
        checks.append(Check(**counts, threshold=limit.share, threshold_by=limit.by, reason=limit.reason))
    card = Scorecard(partner, build, built_at, worst_first(checks), dict(cells), delivery)
    return Scorecard(**{**card.__dict__, "accepted": accepted if card.level == REJECTED else ""})


# --- since the last time ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """How a check fared in two deliveries; a share is None where it had no records."""

    shape: str
    before: float | None
    now: float | None
    status_before: str
    status: str

    @property
    def step(self) -> float:
        """Return by how much the share changed."""
        return (self.now or 0) - (self.before or 0)

    @property
    def worse(self) -> bool:
        """Tell whether more records break it now."""
        return self.step > 0


@dataclass(frozen=True)
class Difference:
    """What changed since the delivery before; ``same_files`` where only mapping, rules or Haemony did."""

    build: str
    built_at: str
    level: str
    same_files: bool
    cells: Mapping[str, int]
    quarantined: float
    changes: tuple[Change, ...]

    def json(self) -> dict[str, Any]:
        """Return the difference as plain values."""
        return asdict(self)


def difference(now: Scorecard, before: Scorecard) -> Difference:
    """Compare a scorecard with the one before: checks whose status or share changed, those that got worse first."""
    old = {check.shape: check for check in before.checks}
    gone = [c for c in before.checks if c.shape not in {check.shape for check in now.checks}]
    changes = [_change(old.get(check.shape), check) for check in now.checks] + [_change(c, None) for c in gone]
    changed = [c for c in changes if c.status != c.status_before or c.before != c.now]
    changed.sort(key=lambda c: (c.status == c.status_before, not c.worse, -abs(c.step), c.shape))
    same = bool(now.delivery) and now.delivery == before.delivery
    kept = (before.build, before.built_at, before.level, same, before.cells, before.quarantined)
    return Difference(*kept, tuple(changed))


def _change(before: Check | None, now: Check | None) -> Change:
    one = now or before
    assert one is not None
    return Change(
        one.shape,
        before.share if before else None,
        now.share if now else None,
        before.status if before else "not there",
        now.status if now else "not there",
    )
