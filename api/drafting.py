"""The command that drafts a partner: ``haemony init``."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from haemony.api.console import count, note, show, show_json, table
from haemony.api.options import Json, settings_of
from haemony.engine.errors import HaemonyError, Problem

if TYPE_CHECKING:
    from haemony.mappings.seen import SeenDelivery

#: Where drafts go unless settings say otherwise.
OWN_MAPPINGS = Path("my-mappings")


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the delivered files, or one file.")],
    name: Annotated[str | None, typer.Option(help="The partner's name (default: the folder's).")] = None,
    dictionary: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A data dictionary that is elsewhere; repeat it for more.")
    ] = None,
    key: Annotated[str, typer.Option(metavar="COLUMN", help="The column that names the patients.")] = "",
    as_json: Json = False,
) -> None:
    """Draft a partner's three files from a delivery: suggestions, for you to correct."""
    from haemony.api.workbench import Workbench, working_folder
    from haemony.engine.on_duckdb import DuckDBSession
    from haemony.graph_loader.delivery import look
    from haemony.mappings.draft import draft_partner

    for path in (folder, *(dictionary or [])):
        if not path.exists():
            raise HaemonyError([Problem(str(path), None, "", "there is no such file or folder.")])
    settings = settings_of(ctx)
    mappings = settings.mappings or OWN_MAPPINGS
    # the first draft makes the folder of mappings
    workbench = Workbench(settings if mappings.is_dir() else settings.model_copy(update={"mappings": None}))
    name = _name(name, folder)
    home = mappings / "partners" / name
    if home.exists() and any(home.iterdir()):
        advice = "Give the draft another --name, or remove the files."
        raise HaemonyError(
            [Problem(str(home), None, "", "the partner has files already; a draft replaces none.", advice)]
        )
    with working_folder(settings.build) as private, DuckDBSession(private) as session:
        seen = look(session, folder, workbench.vocabulary, dictionaries=dictionary or [], key=key)
    title = (folder.resolve().name if folder.is_dir() else folder.stem).replace("_", " ")
    draft = draft_partner(name, title, seen, workbench.vocabulary, datetime.date.today().isoformat())
    home.mkdir(parents=True, exist_ok=True)
    for file, text in draft.files.items():
        (home / file).write_text(text, encoding="utf-8")
    if as_json:
        about = {t.spec.name: {"file": t.spec.file, "rows": t.rows, "columns": len(t.columns)} for t in seen.tables}
        show_json({"folder": str(home), "tables": about, "uses": draft.uses, "left_out": seen.left_out})
        return
    _show(seen, draft.uses, home)
    given = "" if settings.mappings and not ctx.obj.get("mappings") else f" --mappings {mappings}"
    root = folder if folder.is_dir() else folder.parent
    note(f"Next: haemony{given} check {name}; haemony{given} build {name} --data {root}.")


def _name(given: str | None, folder: Path) -> str:
    """Return the name of the partner: as given, or the folder's as far as a name may hold it."""
    from haemony.mappings.curie import TABLE_NAME
    from haemony.mappings.header_words import without_accents

    if given is not None:
        if not TABLE_NAME.fullmatch(given):
            advice = "A name begins with a letter; letters, digits, - and _ follow."
            raise HaemonyError([Problem("", None, "--name", f"{given!r} is no name.", advice)])
        return given
    text = folder.resolve().name if folder.is_dir() else folder.stem
    name = re.sub("[^a-z0-9_-]+", "_", without_accents(text).lower()).strip("_-")
    return name if name[:1].isalpha() else f"partner_{name}".rstrip("_")


def _show(seen: SeenDelivery, uses: Mapping[str, int], home: Path) -> None:
    rows = [(t.spec.name, t.spec.file, t.rows, len(t.columns), t.key) for t in seen.tables]
    show(table(("table", "file", "rows", "columns", "patient"), rows))
    for file, why in seen.left_out.items():
        show(Text(f"{file} is left out: {why}"))
    order = ("key", "map", "context", "drop", "ignore", "to decide")
    told = ", ".join(f"{uses[use]} {use}" for use in order if uses.get(use))
    show(Text(f"{home}: {count(sum(uses.values()), 'column')}: {told}."))
