"""A report that may leave the house: no value, no mapped text, no count of few, and none that can be computed.

Counts below a threshold are written ``<5``. The others are rounded to multiples of it, so that two of them never differ
by a small number that is exact. Where parts of a known whole are shown, parts are hidden beside a masked one until even
the exact whole would leave every masked count open (``masked``). A count of nobody is shown: it identifies nobody, as
OHDSI's results have it (https://ohdsi.github.io/CohortMethod/articles/ResultsSchema.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from haemony.api.faults import Fault
from haemony.api.report import FileLedger, PartnerReport, Report
from haemony.graph_loader.fates import FATES, IGNORED, QUARANTINED

#: A count that is hidden because a masked one could be computed from it.
HIDDEN: Final = "*"
#: What all the rules are called whose cells are out: which rule how often stands in the list of rules.
RULE: Final = "breaks a rule"

Shown = int | str


@dataclass(frozen=True)
class Mask:
    """How counts are shown, given the threshold of privacy."""

    threshold: int

    def one(self, number: int) -> Shown:
        """Show a count that is no part of a whole.

        >>> [Mask(5).one(n) for n in (0, 1, 4, 5, 7, 8, 1003)]
        [0, '<5', '<5', 5, 5, 10, 1005]
        """
        if 0 < number < self.threshold:
            return f"<{self.threshold}"
        return self.threshold * ((2 * number + self.threshold) // (2 * self.threshold))

    def parts(self, numbers: Sequence[int]) -> list[Shown] | None:
        """Show the parts of a whole that may be known; None where only the whole may be shown.

        >>> Mask(5).parts([495, 3, 20])
        [495, '<5', '*']
        """
        hidden = masked(numbers, self.threshold)
        if hidden is None:
            return None
        return [self.one(n) if i not in hidden or 0 < n < self.threshold else HIDDEN for i, n in enumerate(numbers)]


def masked(parts: Sequence[int], threshold: int) -> set[int] | None:
    """Return which parts of a whole to hide, the small ones and as few others as needed; None if all would not do.

    Who knows the whole knows the sum of what is hidden. A small part stays open if each count from 1 to below the
    threshold is still possible for it: the sum leaves room for the largest of them beside the least that the other
    hidden parts can be, which is 1 for a small part and the threshold for another.
    """
    small = {i for i, n in enumerate(parts) if 0 < n < threshold}
    others = sorted((i for i, n in enumerate(parts) if n >= threshold), key=lambda i: parts[i])
    total, most = sum(parts[i] for i in small), threshold - 1
    room = total - most - (len(small) - 1)
    if not small or (room >= 0 and total - 1 <= (len(small) - 1) * most):
        return small
    enough = next((i for i in others if parts[i] - threshold + room >= 0), None)
    if enough is not None:
        return small | {enough}
    return small | set(others) if others and room + sum(parts[i] - threshold for i in others) >= 0 else None


def shared(report: Report, threshold: int) -> dict[str, Any]:
    """Return a report as plain values that may be sent to the partner or a committee."""
    mask = Mask(threshold)
    return {
        "build": report.build,
        "built_at": report.built_at,
        "vocabulary": report.vocabulary,
        "privacy": f"Counts below {threshold} are written <{threshold}, others are rounded to multiples of {threshold};"
        f" {HIDDEN} hides a count from which a masked one could be computed.",
        "partners": [_partner(partner, mask) for partner in report.partners],
    }


def _partner(partner: PartnerReport, mask: Mask) -> dict[str, Any]:
    rules = {rule.shape for rule in partner.rules}
    return {
        "name": partner.name,
        "title": partner.title,
        "records": {name: mask.one(n) for name, n in partner.records.items()},
        "files": [_file(file, partner, rules, mask) for file in partner.files],
        "mixups": [
            {
                "values": mask.one(m.values), "test": m.test, "file": m.file, "column": m.column,
                "says": m.says, "looks": m.looks, "mapping": m.mapping,
            }
            for m in partner.mixups
        ],
        "rules": list(_rules(partner.faults, mask)),
        "wanted": [
            {"cells": mask.one(w.cells), "concept": w.label, "for": w.subject.partition(" = ")[0]}
            for w in partner.wanted
        ],
        "flags": [
            {"records": mask.one(f.records), "flag": f.flag, "of": f.record_class, "meaning": f.meaning}
            for f in partner.flags
            if f.flag not in rules
        ],
        "disputed": [
            {"records": mask.one(d.records), "field": d.flag, "of": d.record_class} for d in partner.disputed
        ],
    }  # fmt: skip


def _file(file: FileLedger, partner: PartnerReport, rules: set[str], mask: Mask) -> dict[str, Any]:
    """Return the finest parts of each column, so that no part is again the sum of parts."""
    columns: dict[str, dict[str, Shown]] = {}
    for column in file.columns:
        parts = {fate: column.cells.get(fate, 0) for fate in FATES if fate not in (QUARANTINED, IGNORED)}
        for lost in (one for one in partner.lost if (one.file, one.column) == (file.file, column.column)):
            reason = RULE if lost.reason in rules else lost.reason
            name = f"{lost.fate}: {reason}"
            parts[name] = parts.get(name, 0) + lost.cells
        filled = {name: n for name, n in parts.items() if n}
        shown = mask.parts(list(filled.values()))
        cells = dict(zip(filled, shown or [HIDDEN] * len(filled), strict=True))
        columns[column.column] = cells
    whole_hidden = any(cells and set(cells.values()) == {HIDDEN} for cells in columns.values())
    listed = [{"column": name, "cells": cells} for name, cells in columns.items()]
    return {"file": file.file, "rows": HIDDEN if whole_hidden else mask.one(file.rows), "columns": listed}


def _rules(faults: Sequence[Fault], mask: Mask) -> Iterator[dict[str, Any]]:
    """Return the broken rules by mapping row; in one, where the whole of a rule would give a row's count away."""
    by_shape = sorted(faults, key=lambda f: (f.shape, f.record_class, -f.records))
    found: list[dict[str, Any]] = []
    for _, group in groupby(by_shape, key=lambda f: (f.shape, f.record_class)):
        mine = list(group)
        whole = sum(f.records for f in mine)
        shown = [mask.one(whole)] if len(mine) == 1 else mask.parts([f.records for f in mine])
        if shown is None:
            found.append(_rule(mine[0], mask.one(whole), _together(mine)))
        else:
            found += [_rule(f, n, _together([f])) for f, n in zip(mine, shown, strict=True)]
    yield from sorted(found, key=lambda one: (-_weight(one["records"]), one["rule"], one["mapping"]))


def _weight(shown: Shown) -> int:
    """Return what shown counts are sorted by: their order must not say more than they do."""
    return shown if isinstance(shown, int) else 0


def _together(faults: Sequence[Fault]) -> Mapping[str, list[str]]:
    return {
        "columns": list(dict.fromkeys(c for f in faults for c in f.columns)),
        "mapping": list(dict.fromkeys(line for f in faults for line in f.mapping)),
    }


def _rule(fault: Fault, records: Shown, where: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "records": records, "severity": fault.severity, "rule": fault.shape, "of": fault.record_class,
        "columns": where["columns"], "mapping": where["mapping"],
        "says": fault.message, "change": fault.advice,
    }  # fmt: skip
