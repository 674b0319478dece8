"""``haemony quality``: the scorecard of a delivery as a data-quality committee reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from haemony.api.console import count, note, show, show_json, table
from haemony.api.options import Json, workbench_of

if TYPE_CHECKING:
    from haemony.graph_loader.quality import Change, Check, Difference, Scorecard

#: How a level, and how a check ended, is shown.
STYLES: Final = {
    "gold": "bold yellow",
    "silver": "bold bright_white",
    "bronze": "bold dark_orange3",
    "rejected": "bold red",
    "passed": "green",
    "failed": "bold red",
}
#: As many checks that changed as a person reads; ``--json`` has all.
SHOWN: Final = 15
CHECKS: Final = ("", "check", "severity", "records", "broken", "allowed", "share", "at most", "said by")


def quality(
    ctx: typer.Context,
    partner: Annotated[str | None, typer.Argument(help="One partner; none gives the levels of all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="List the checks that no record breaks, too.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Of the delivery that the last build refused.")] = False,
    rule: Annotated[bool, typer.Option("--rule", help="Print the rule of the levels and usual thresholds.")] = False,
    as_json: Json = False,
) -> None:
    """Show the scorecard of a delivery: every check, its threshold, the level, and what changed since the last one."""
    from haemony.graph_loader.scorecards import refused_build, since_last

    if rule:
        show_json(rule_json()) if as_json else show(rule_view())
        return
    workbench = workbench_of(ctx)
    folder = workbench.settings.build
    cards = read_cards(refused_build(folder) if refused else workbench.current, partner)
    told = [(card, since_last(folder, card)) for card in cards]
    if as_json:
        made = [card_json(card, change) for card, change in told]
        show_json(made[0] if partner else made)
    elif partner:
        show(card_view(*told[0], every=every))
    else:
        show(overview(told))
        note("Next: haemony quality PARTNER, haemony quality --rule.")


def read_cards(build: Path, partner: str | None = None) -> list[Scorecard]:
    """Read the scorecards of a build; of one partner, where one is named.

    Of all partners, those are left out that were carried over from a build older than scorecards.
    """
    from haemony.api.report import partner_in
    from haemony.graph_loader.scorecards import QUALITY, read_card

    if partner:
        return [read_card(build / "partners" / partner_in(build, partner))]
    folders = sorted((build / "partners").iterdir())
    return [read_card(folder) for folder in folders if (folder / QUALITY).is_file()] or [read_card(folders[0])]


def card_json(card: Scorecard, since: Difference | None) -> dict[str, Any]:
    """Return a scorecard and what changed as plain values; docs/architecture.md lists the keys."""
    return {**card.json(), "previous": since.json() if since else None}


# --- for a person ----------------------------------------------------------------------------------------------


def overview(told: Sequence[tuple[Scorecard, Difference | None]]) -> RenderableType:
    """Return the levels of all partners, the best first."""
    from haemony.graph_loader.quality import LEVELS, percent

    rows = [
        (
            Text(card.partner, style="bold"),
            _level(card.level),
            f"{len(card.failing)} of {len(card.made)}",
            percent(card.quarantined),
            percent(card.missing),
            since.level if since else "",
            card.because[0] if card.because else "",
        )
        for card, since in sorted(told, key=lambda t: (LEVELS.index(t[0].level), t[0].partner))
    ]
    columns = ("partner", "level", "checks failed", "quarantined", "missing", "before", "first thing against more")
    return table(columns, rows)


def card_view(card: Scorecard, since: Difference | None, *, every: bool = False) -> Group:
    """Return the whole scorecard."""
    return Group(*_card(card, since, every))


def _card(card: Scorecard, since: Difference | None, every: bool) -> Iterator[RenderableType]:
    from haemony.graph_loader.quality import percent

    yield Text.assemble((card.partner, "bold"), "  ", _level(card.level), f"   build {card.build}, {card.built_at}")
    if card.accepted:
        yield Text(f"Rejected, and built nevertheless: {card.accepted}", style="red")
    passed = len(card.made) - len(card.failing)
    yield Text(
        f"{passed} of {count(len(card.made), 'check')} passed; {len(card.checks) - len(card.made)} had no records. "
        f"Of the cells wanted, {percent(card.missing)} are missing; of the filled ones, {percent(card.quarantined)} "
        "are quarantined."
    )
    if card.because:
        yield Text(f"\nNot {_next(card.level)}, because" if card.level != "rejected" else "\nRejected, because")
        yield from (Text(f"  · {reason}") for reason in card.because)
    for kahn in (*_KAHN, ""):
        yield from _category(kahn, [c for c in card.made if c.kahn == kahn], every)
    yield from _agreed(card.made)
    if since:
        yield from _since(since)
    else:
        yield Text("\nThere was no delivery before.", style="dim")
    above = card.level if card.level in ("gold", "rejected") else _next(card.level)
    gap = "" if since and since.changes else "\n"
    yield Text(f"{gap}The rule of {above}: {_rule(above)}. All of it: haemony quality --rule", style="dim")


_KAHN: Final = ("conformance", "completeness", "plausibility")


def _level(level: str) -> Text:
    return Text(level, style=STYLES[level])


def _next(level: str) -> str:
    from haemony.graph_loader.quality import LEVELS

    return LEVELS[LEVELS.index(level) - 1]


def _rule(level: str) -> str:
    from haemony.graph_loader.quality import RULE

    return dict(RULE)[level]


def _category(kahn: str, checks: Sequence[Check], every: bool) -> Iterator[RenderableType]:
    """Yield the checks of a category that any record breaks, the worst first."""
    if not checks:
        return
    failed = sum(c.status == "failed" for c in checks)
    name = (kahn or "no category").capitalize()
    listed = [c for c in checks if c.failed or every]
    head = f"{name}: {len(checks) - failed} of {len(checks)} passed"
    if not listed:
        yield Text.assemble("\n", (head, "bold"), ", broken by no record")
        return
    yield Text()
    yield table(CHECKS, [_check(c) for c in listed], title=head)
    if len(listed) < len(checks):
        yield Text(f"and {count(len(checks) - len(listed), 'check')} that no record breaks", style="dim")


def _check(check: Check) -> tuple[Any, ...]:
    from haemony.graph_loader.quality import percent

    share, most = percent(check.share), percent(check.threshold)
    status = Text(check.status, style=STYLES[check.status])
    said = "" if check.threshold_by == "usual" else check.threshold_by
    counts = (check.targeted, check.failed, check.allowed)
    return status, check.shape, check.severity.lower(), *counts, _right(share), _right(most), said


def _right(text: str) -> Text:
    return Text(text.rjust(7))


def _agreed(checks: Sequence[Check]) -> Iterator[RenderableType]:
    agreed = [(c.shape, f"{c.threshold:.0%}", c.reason) for c in checks if c.threshold_by == "partner"]
    if agreed:
        yield Text()
        yield table(("check", "at most", "why"), agreed, title="Thresholds of this partner")


def _since(since: Difference) -> Iterator[RenderableType]:
    from haemony.graph_loader.quality import percent

    files = "from the same files" if since.same_files else "of other files"
    yield Text.assemble(
        ("\nSince the delivery before", "bold"),
        f" (build {since.build}, {files}): it was ",
        _level(since.level),
        f", with {percent(since.quarantined)} of the filled cells quarantined.",
    )
    if not since.changes:
        yield Text("No check fared otherwise.")
        return
    yield table(("", "check", "before", "now"), [_change(c) for c in since.changes[:SHOWN]])
    if len(since.changes) > SHOWN:
        yield Text(f"and {count(len(since.changes) - SHOWN, 'check')} more: --json has all", style="dim")


def _change(change: Change) -> tuple[Any, ...]:
    from haemony.graph_loader.quality import percent

    mark = Text("worse", style="red") if change.worse else Text("better", style="green")
    before, now = (
        f"{percent(share)} {status}".strip()
        for share, status in ((change.before, change.status_before), (change.now, change.status))
    )
    return mark, change.shape, before, now


# --- the rule --------------------------------------------------------------------------------------------------


def rule_view() -> Group:
    """Return the rule of the levels, and the usual thresholds with their reasons."""
    from haemony.graph_loader.quality import DQD, RULE, USUAL, percent

    levels = [(_level(name) if name in STYLES else Text(name), text) for name, text in RULE]
    usual = [(u.severity.lower(), u.kahn, percent(u.share), u.reason) for u in USUAL]
    return Group(
        table(("", ""), levels, title="Levels"),
        table(("severity", "category", "at most", "why"), usual, title="Usual thresholds"),
        Text("A shape may have its own (:threshold); a partner may differ, with a reason: `quality` in partner.yaml."),
        Text(f"The dashboard is {DQD}.", style="dim"),
    )


def rule_json() -> dict[str, Any]:
    """Return the rule and the usual thresholds as plain values."""
    from haemony.graph_loader.quality import RULE, USUAL

    return {"levels": dict(RULE), "thresholds": [usual._asdict() for usual in USUAL]}
