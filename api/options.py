"""What the commands share: their options, the settings and the workbench that they work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from haemony.api.console import Format
from haemony.api.settings import Settings, read_settings

if TYPE_CHECKING:
    from haemony.api.workbench import Workbench

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
Form = Annotated[Format, typer.Option("--format", help="How rows are written.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many rows; a table shows 100 unless told.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; repeat it for more.")
]
Partners = Annotated[
    list[str] | None, typer.Argument(metavar="[PARTNER]...", help="Names of partners; none means all.")
]
#: Rows of a table where no limit is given.
TABLE_ROWS = 100


def settings_of(ctx: typer.Context, **given: Any) -> Settings:
    """Return the settings, with what the command line says before what the environment says."""
    return read_settings(**ctx.obj, **given)


def workbench_of(ctx: typer.Context, **given: Any) -> Workbench:
    """Return the workbench for a command."""
    from haemony.api.workbench import Workbench

    return Workbench(settings_of(ctx, **given))
