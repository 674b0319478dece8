"""The commands about shapes: what there are, what one says in words, and what it finds in the last build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from haemony.api.console import count, note, show, show_json, table
from haemony.api.options import Json, workbench_of

if TYPE_CHECKING:
    from haemony.api.shape_library import Card

shapes = typer.Typer(no_args_is_help=True, help="The rules that records are held against.")

Partner = Annotated[str | None, typer.Option(help="One partner: the shapes that its delivery is held against.")]
ShapeId = Annotated[str, typer.Argument(metavar="ID", help="The id of a shape, such as patient-age.")]
NOT_THERE = "Records that a build quarantined are not in it: a Violation that was found then is not found again."


@shapes.command("list", epilog="Example: haemony shapes list survival")
def shapes_list(
    ctx: typer.Context,
    text: Annotated[
        str | None, typer.Argument(help="Only shapes with this text in their id, target or message.")
    ] = None,
    partner: Partner = None,
    as_json: Json = False,
) -> None:
    """List the shapes: those of Haemony, your own, and those of single partners."""
    from haemony.api.shape_library import read_library

    found = [card for card in read_library(workbench_of(ctx), partner).cards if card.mentions(text or "")]
    if as_json:
        show_json([card.brief() for card in found])
        return
    columns = ("shape", "severity", "kahn", "looks at", "it says", "from")
    show(table(columns, [(c.id, c.severity, c.kahn, c.looks_at, c.says, c.owner) for c in found]))
    note(f"{count(len(found), 'shape')}. Next: haemony shapes show ID, haemony shapes test ID.")


@shapes.command("show", epilog="Example: haemony shapes show patient-age")
def shapes_show(ctx: typer.Context, shape: ShapeId, partner: Partner = None, as_json: Json = False) -> None:
    """Explain a shape in words: what it looks at, what it asks, and what becomes of a record that breaks it."""
    from haemony.api.shape_library import read_library

    found = read_library(workbench_of(ctx), partner).find(shape)
    if as_json:
        show_json([card.whole() for card in found])
        return
    for card in found:
        _show(card)


def _show(card: Card) -> None:
    rows: list[tuple[str, Any]] = [
        ("looks at", card.looks_at),
        ("severity", card.severity),
        ("a record that breaks it", card.consequence),
        ("kind of quality", card.kahn),
        ("its message", card.message),
        ("why", card.comment),
        ("source", ", ".join(card.sources)),
        ("from", f"{card.owner}, {card.file}"),
        ("switched off", "sh:deactivated: nothing is held against it" if card.deactivated else ""),
    ]
    show(Text(card.id, style="bold"), table(("", ""), [row for row in rows if row[1]]))
    show(Text("It asks:"), *(Text("  " * (line.depth + 1) + line.text) for line in card.asks))
    show(Text("\n" + card.turtle + "\n", style="dim"))


@shapes.command("test", epilog="Example: haemony shapes test patient-age")
def shapes_test(ctx: typer.Context, shape: ShapeId, partner: Partner = None, as_json: Json = False) -> None:
    """Run a shape on the records of the last build: how many it looks at, how many break it."""
    from haemony.api.shape_library import read_library, try_shape

    workbench = workbench_of(ctx)
    found = try_shape(workbench, read_library(workbench, partner).find(shape), partner)
    if as_json:
        show_json({"shape": shape, "note": NOT_THERE, "tried": [tried.__dict__ for tried in found]})
        return
    for tried in found:
        text = f"{tried.partner}: {count(tried.checked, 'record')} looked at, {tried.failed:,} break it."
        show(Text.assemble((text, "" if tried.failed == 0 else "yellow")))
        show(*(Text(f"  {n:,} × {cls}: {message}") for cls, message, n in tried.messages))
    note(NOT_THERE if found else "The build has no records of a partner for whom the shape holds.")
