"""The report of a build, laid out for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from haemony.api.console import count, table
from haemony.api.faults import Fault
from haemony.api.mixups import Mixup
from haemony.api.report import FileLedger, LostCells, PartnerReport, Report
from haemony.graph_loader.fates import DROPPED, FATES, IGNORED, LOADED, MISSING, QUARANTINED

#: How each fate is drawn, with and without colour.
MARKS: Final = {
    LOADED: ("█", "green"),
    QUARANTINED: ("▓", "red"),
    IGNORED: ("░", "bright_black"),
    DROPPED: ("×", "magenta"),
    MISSING: ("·", "dim"),
}
BAR: Final = 24
#: As many lines of a list as a person reads; ``--json`` has all.
SHOWN: Final = 25
#: As many columns as one line names.
COLUMNS: Final = 4


def bar(cells: Mapping[str, int], width: int = BAR) -> Text:
    """Draw how cells ended: every fate that occurs has a mark.

    >>> bar({"loaded": 98, "quarantined": 1, "missing": 1}, 10).plain
    '████████▓·'
    """
    total = sum(cells.values())
    present = [fate for fate in FATES if cells.get(fate)]
    shares = {fate: max(1, int(cells[fate] * width / total)) for fate in present}
    if shares:
        largest = max(present, key=lambda fate: cells[fate])
        shares[largest] += width - sum(shares.values())
    return Text.assemble(*((MARKS[fate][0] * shares[fate], MARKS[fate][1]) for fate in present), no_wrap=True)


def legend() -> Text:
    """Say what the marks of a bar mean."""
    return Text("   ").join(Text.assemble((mark, style), f" {fate}") for fate, (mark, style) in MARKS.items())


def view(report: Report) -> Group:
    """Return the whole report."""
    head = Text(f"Build {report.build}, {report.built_at}, vocabulary {report.vocabulary}", style="dim")
    return Group(head, legend(), *(Group(*_partner(partner)) for partner in report.partners))


def shared_view(report: Mapping[str, Any]) -> Group:
    """Return the report that may leave the house (``share.shared``)."""
    head = Text(f"Build {report['build']}, {report['built_at']}, vocabulary {report['vocabulary']}", style="dim")
    partners = (line for partner in report["partners"] for line in _shared_partner(partner))
    return Group(head, Text(report["privacy"]), *partners)


def _shared_partner(partner: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text.assemble("\n", (partner["name"], "bold"), f"  {partner['title']}")
    yield Text("Records: " + ", ".join(f"{name} {_shown(n)}" for name, n in partner["records"].items()))
    for file in partner["files"]:
        rows = [(c["column"], [f"{name} {_shown(n)}" for name, n in c["cells"].items()]) for c in file["columns"]]
        yield Text(f"\n{file['file']}: {_shown(file['rows'])} rows", style="bold")
        yield table(("column", "cells"), rows)
    for name, (title, columns) in SHARED.items():
        cells = [[_shown(line[column]) for column in columns] for line in partner[name]]
        if cells:
            yield Text(f"\n{title}", style="bold")
            yield table(columns, cells)


#: The lists of a report that is shared, and what a person reads of them; ``--json`` has all.
SHARED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "mixups": ("Units that look mixed up", ("values", "test", "file", "column", "says", "looks", "mapping")),
    "rules": ("Rules broken", ("records", "severity", "rule", "columns", "says")),
    "wanted": ("Wanted concepts", ("cells", "concept", "for")),
    "flags": ("Flagged, and in the graph", ("records", "flag", "of", "meaning")),
    "disputed": ("Disputed between sources", ("records", "field", "of")),
}


def _shown(value: int | str | list[str]) -> str:
    return f"{value:,}" if isinstance(value, int) else value if isinstance(value, str) else ", ".join(value)


def _partner(partner: PartnerReport) -> Iterator[RenderableType]:
    total = sum(partner.cells.values())
    yield Text.assemble("\n", (partner.name, "bold"), f"  {partner.title}")
    yield Text(f"{count(total, 'cell')} in {count(len(partner.files), 'file')}, {_sums(partner.adds_up)}.")
    for file in partner.files:
        yield _ledger(file)
    yield from _list("Quarantined", LOST, list(_by_reason(partner.because(QUARANTINED))))
    overruled = [(o.cells, o.file, o.column, o.loaded or None) for o in partner.overruled]
    yield from _list("Overruled by a preferred table", OVERRULED_COLUMNS, overruled)
    yield from _list(
        "Wanted concepts", ("cells", "concept", "for"), [(w.cells, w.label, w.subject) for w in partner.wanted]
    )
    yield from _mixups(partner.mixups)
    yield from _faults(partner.faults)
    if partner.sparql:
        yield Text(f"Took the slow road, over RDF, for their SPARQL: {', '.join(partner.sparql)}.", style="dim")
    if partner.reference:
        yield Text(f"Validated with the reference engine: {count(len(partner.reference), 'shape')}.", style="dim")
    flags = [f for f in partner.flags if f.flag not in {r.shape for r in partner.rules}]
    yield from _list(
        "Flagged, and in the graph", MARKED, [(f.records, f.flag, f.record_class, f.meaning) for f in flags]
    )
    yield from _list(
        "Disputed between sources",
        ("records", "field", "of"),
        [(d.records, d.flag, d.record_class) for d in partner.disputed],
    )
    yield from _list("Ignored", ("cells", "reason", "columns", "it means"), list(_ignored(partner.because(IGNORED))))


LOST: Final = ("cells", "reason", "file", "columns", "it means, and what to do")
OVERRULED_COLUMNS: Final = ("cells", "file", "column", "that load for something else")
MARKED: Final = ("records", "flag", "of", "it means")


def _mixups(mixups: Sequence[Mixup]) -> Iterator[RenderableType]:
    if mixups:
        yield Text("\nUnits that look mixed up; nothing was converted", style="bold")
    for mixup in mixups:
        yield Text.assemble("     ", (mixup.headline, "yellow"), f" ({mixup.mapping})")
        yield _indented(f"{mixup.file}, column {mixup.column}. {mixup.evidence}")
        yield from (_indented(f"→ {line}") for line in mixup.change)


def _faults(faults: Sequence[Fault]) -> Iterator[RenderableType]:
    """Yield the broken rules, most records first, and below each where its records come from and what to change."""
    if faults:
        yield Text("\nRules broken", style="bold")
    shapes: dict[str, list[Fault]] = {}
    for fault in faults:
        shapes.setdefault(fault.shape, []).append(fault)
    for shape, mine in sorted(shapes.items(), key=lambda s: -sum(f.records for f in s[1]))[:SHOWN]:
        total = sum(f.records for f in mine)
        yield Text.assemble("\n", (f"{total:7,}  {shape}", "bold"), f"  {mine[0].severity}. {mine[0].message}")
        for fault in mine[:COLUMNS]:
            rows = ", ".join(_first([line.partition("/")[2] for line in fault.mapping]))
            values = [f"values {fault.values}"] if fault.values else []
            where = "; ".join([*values, ", ".join(_first(fault.columns)), rows])
            yield _indented(f"{fault.records:,} of {fault.record_class}: {where}")
        if len(mine) > COLUMNS:
            yield _indented(f"{sum(f.records for f in mine[COLUMNS:]):,} through other mapping rows")
        yield _indented(f"→ {mine[0].advice}")
    if len(shapes) > SHOWN:
        yield Text(f"… and {count(len(shapes) - SHOWN, 'rule')} more: haemony report --json", style="dim")


def _indented(text: str) -> Padding:
    return Padding(Text(text), (0, 0, 0, 9))


def _first(names: Sequence[str]) -> list[str]:
    return [*names[:COLUMNS], *([f"{len(names) - COLUMNS} more"] if len(names) > COLUMNS else [])]


def _sums(adds_up: bool) -> str:
    return (
        "every one accounted for" if adds_up else "and the ledger does not add up: please report this fault of Haemony"
    )


def _ledger(file: FileLedger) -> RenderableType:
    rows = [(c.column, bar(c.cells), *(c.cells.get(fate, 0) or None for fate in FATES)) for c in file.columns]
    rows.append(("all columns", bar(file.cells), *(file.cells[fate] or None for fate in FATES)))
    size = f"{count(file.rows, 'row')} × {count(len(file.columns), 'column')}"
    return table(("column", "", *FATES), rows, title=f"{file.file}: {size} = {count(sum(file.cells.values()), 'cell')}")


def _by_reason(lost: Sequence[LostCells]) -> Iterator[tuple[object, ...]]:
    """Yield one row for each reason in each file, most cells first, with the columns that it concerns."""
    groups: dict[tuple[str, str], list[LostCells]] = {}
    for line in lost:
        groups.setdefault((line.reason, line.file), []).append(line)
    for (reason, file), lines in sorted(groups.items(), key=lambda g: -sum(line.cells for line in g[1])):
        columns = [f"{line.column} {line.cells:,}" for line in lines[:COLUMNS]]
        more = [f"{len(lines) - COLUMNS} more"] if len(lines) > COLUMNS else []
        yield sum(line.cells for line in lines), reason, file, [*columns, *more], _advice(lines[0])


def _advice(line: LostCells) -> str:
    """Return what a reason means and what to do; the text of a shape ends as a sentence, other texts do not."""
    return f"{line.meaning.removesuffix('.')}: {line.advice}" if line.advice else line.meaning


def _ignored(lost: Sequence[LostCells]) -> Iterator[tuple[object, ...]]:
    """Yield one row for each reason, with how many columns it concerns."""
    for reason in dict.fromkeys(line.reason for line in lost):
        mine = [line for line in lost if line.reason == reason]
        yield sum(m.cells for m in mine), reason, len({(m.file, m.column) for m in mine}), mine[0].meaning


def _list(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[RenderableType]:
    if rows:
        yield table(columns, rows[:SHOWN], title=title)
        if len(rows) > SHOWN:
            yield Text(f"… and {count(len(rows) - SHOWN, 'line')} more: haemony report --json", style="dim")
