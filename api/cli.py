"""The command line, ``haemony``.

What a command needs is imported when it runs: the engine and the survival library take seconds to load, and ``--help``
or ``schema`` need neither.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.text import Text
from typer.core import TyperGroup

from haemony import __version__
from haemony.api.asking import cypher, queries, schema
from haemony.api.console import Format, Steps, count, note, show, show_json, show_problems, show_rows, table
from haemony.api.drafting import init
from haemony.api.options import Json, Partners, settings_of, workbench_of
from haemony.api.quality import quality
from haemony.api.shapes import shapes
from haemony.api.terms import vocabulary
from haemony.engine.errors import HaemonyError, MappingError, Problem

#: What a shell expects of a command that was stopped with Ctrl-C.
INTERRUPTED = 130
#: Set to 1, an unexpected error shows its traceback.
DEBUG = "HAEMONY_DEBUG"


class Door(TyperGroup):
    """Turns what goes wrong into one line a problem and an exit code; a person never sees a traceback for bad input."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except HaemonyError as error:
            show_problems(error.problems)
            raise typer.Exit(1) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            if error.filename is None:
                _unexpected(error, ctx)
            show_problems([Problem(str(error.filename), None, "", f"{error.strerror}.")])
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            note("Stopped. The build that was current before is still the current one.")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            _unexpected(error, ctx)


def _unexpected(error: Exception, ctx: Any) -> NoReturn:
    """Say that Haemony itself failed, and in which command.

    An engine's own text may repeat delivered values, so only who asks for it gets to see it.
    """
    if os.environ.get(DEBUG) == "1":
        raise error
    command = f"running haemony {ctx.invoked_subcommand}" if ctx.invoked_subcommand else "starting"
    show_problems(
        [
            Problem(
                "", None, "", f"something went wrong inside Haemony ({type(error).__name__}) while {command};",
                f"run again with {DEBUG}=1 to see the traceback, which may show values.",
            )
        ]
    )  # fmt: skip
    raise typer.Exit(1) from None


app = typer.Typer(
    cls=Door, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    help="Haemony: one knowledge graph of blood cancer from what many partners deliver.",
    epilog="Begin with: haemony demo",
)  # fmt: skip


def main() -> None:
    """Run the command line."""
    app(prog_name="haemony")


def _version(wanted: bool) -> None:
    if wanted:
        show(Text(f"haemony {__version__}"))
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    build: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The build folder (default .haemony, or HAEMONY_BUILD).")
    ] = None,
    mappings: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Your own partners, concepts and shapes.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = {"build": build, "mappings": mappings}


# --- making a graph ------------------------------------------------------------------------------------------------


@app.command(epilog="Example: haemony demo --patients 500")
def demo(
    ctx: typer.Context,
    patients: Annotated[int, typer.Option(min=3, help="Patients of all three hospitals together.")] = 1500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    as_json: Json = False,
) -> None:
    """Make up three hospitals' data, build the graph, and ask it four questions."""
    from haemony.api.tour import TOLERATED
    from haemony.api.tour import demo as tour

    tour(workbench_of(ctx, tolerate=TOLERATED), patients, seed, as_json=as_json)


@app.command("demo-data", epilog="Example: haemony demo-data --patients 1000 --seed 7 my-data")
def demo_data(
    folder: Annotated[Path, typer.Argument(help="Where to write.")],
    patients: Annotated[int, typer.Option(min=3, help="Patients of all three hospitals together.")] = 1500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    as_json: Json = False,
) -> None:
    """Make up the data of three hospitals, with mistakes that are counted in mistakes.json."""
    from haemony.demo.generate import generate

    written = generate(folder, patients, seed)
    if as_json:
        show_json(written)
        return
    rows = [(name, made["patients"], file, n) for name, made in written.items() for file, n in made["rows"].items()]
    show(table(("partner", "patients", "file", "rows"), rows))


app.command(epilog="Example: haemony init deliveries/centre_7 --name centre_7")(init)


@app.command(epilog="Example: haemony build demo_aml --data .haemony/demo-data")
def build(
    ctx: typer.Context,
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that the files of the mappings are relative to.")
    ],
    partner: Partners = None,
    tolerate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of a column that may be quarantined (default 0.1).")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes that validate (default 2).")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="duckdb|spark", help="What plans run on (default duckdb, or HAEMONY_ENGINE).")
    ] = None,
    accepted: Annotated[
        str, typer.Option("--accept-rejected", metavar="REASON", help="Build even what its quality rejects, and why.")
    ] = "",
    reference: Annotated[
        bool, typer.Option("--reference", help="Validate every shape with pySHACL, over RDF: the slow truth.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Harmonise, validate and load partners' deliveries; the old graph stays until the new one is complete."""
    from haemony.api.tour import show_summaries

    workbench = workbench_of(ctx, tolerate=tolerate, processes=processes, engine=engine)
    partners, left_out = workbench.deliveries(partner or [], data)
    for name, why_not in left_out.items():
        note(f"{name} is left out: {why_not}.")
    with Steps() as steps:
        summaries = workbench.build(partners.values(), data, steps, accepted, reference=reference)
    if as_json:
        show_json({"built": [summary.__dict__ for summary in summaries], "left_out": left_out})
        return
    show_summaries(summaries)
    note("Next: haemony report, haemony quality, haemony queries list.")


@app.command(epilog="Example: haemony check demo_aml")
def check(ctx: typer.Context, partner: Partners = None, as_json: Json = False) -> None:
    """Check partners' mappings and shapes without their data: every fault, and what deserves a look."""
    from haemony.mappings.check import check as check_partners
    from haemony.ontology.schema import read_schema
    from haemony.ontology.vocabulary import read_vocabulary

    settings = settings_of(ctx)
    found = check_partners(
        partner or [], read_vocabulary(), read_schema(), mappings=settings.mappings, athena=settings.athena()
    )
    found.problems.extend(_shape_faults(ctx, partner or []))
    if as_json:
        show_json({"problems": [p.__dict__ for p in found.problems], "warnings": [w.__dict__ for w in found.warnings]})
        raise typer.Exit(1 if found.problems else 0)
    for warning in found.warnings:
        show(Text.assemble(("look  ", "yellow"), str(warning)))
    if found.problems:
        raise MappingError(found.problems)
    show(Text(f"No problems; {count(len(found.warnings), 'thing')} to look at." if found.warnings else "No problems."))


def _shape_faults(ctx: typer.Context, names: list[str]) -> list[Problem]:
    try:
        return workbench_of(ctx).check_shapes(names)
    except MappingError:  # no partner can be found at all: the check has said so
        return []


# --- looking at a build --------------------------------------------------------------------------------------------


@app.command(epilog="Example: haemony report demo_aml")
def report(
    ctx: typer.Context,
    partner: Annotated[str | None, typer.Argument(help="One partner; none means all.")] = None,
    single: Annotated[
        bool, typer.Option("--issues", help="List single quarantined and overruled cells, by file, row, column.")
    ] = False,
    shacl: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the broken rules as a standard SHACL report: .ttl or .jsonld."),
    ] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Of what the last build refused for its quality.")] = False,
    share: Annotated[
        bool, typer.Option("--share", help="For the partner or a committee: no values, and no counts of few.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show where every delivered cell went, what is quarantined and why, what is wanted, which rules are broken."""
    from haemony.api.report import ISSUE, issues, read_report, write_shacl
    from haemony.api.report_view import shared_view, view
    from haemony.api.share import shared
    from haemony.graph_loader.scorecards import refused_build

    workbench = workbench_of(ctx)
    build = refused_build(workbench.settings.build) if refused else workbench.current
    if share and (shacl or single):
        raise HaemonyError([Problem("", None, "", "--share goes with no list of single cells or records.",
                                    "Leave out --shacl and --issues.")])  # fmt: skip
    if shacl:
        results = write_shacl(build, workbench.shapes, shacl, partner, workbench.schema)
        if as_json:
            show_json({"file": str(shacl), "results": results})
        else:
            show(Text(f"{shacl}: {count(results, 'result')}"))
        return
    if single:
        show_rows(ISSUE, issues(build, partner), Format.json if as_json else Format.csv)
        return
    privacy = workbench.settings.privacy
    made = read_report(build, workbench.shapes, partner, workbench.schema, workbench.name, privacy)
    if share:
        masked = shared(made, privacy)
        if as_json:
            show_json(masked)
        else:
            show(shared_view(masked))
    elif as_json:
        show_json(made.json())
    else:
        show(view(made))


app.command(epilog="Example: haemony quality demo_aml")(quality)


@app.command(epilog="Example: haemony why 3f2a9c (an id, or how it begins)")
def why(
    ctx: typer.Context,
    node_id: Annotated[str, typer.Argument(help="The id of a node; six characters may do.")],
    as_json: Json = False,
) -> None:
    """Say why a node is in the graph: its record, source cells, mapping rows, concepts and vocabulary release."""
    from haemony.api.why import why as explain

    workbench = workbench_of(ctx)
    chain = explain(workbench.current, node_id, schema=workbench.schema, vocabulary=workbench.vocabulary)
    if as_json:
        sys.stdout.write(chain.json() + "\n")
    else:
        show(chain.tree())


# --- asking: haemony.api.asking, haemony.api.terms, haemony.api.shapes -----------------------------------------------

app.command(epilog='Example: haemony cypher "MATCH (g:Gene) RETURN g.symbol LIMIT 3" --format csv')(cypher)
app.add_typer(queries, name="queries")
app.command(epilog="Example: haemony schema Measurement")(schema)
app.add_typer(vocabulary, name="vocabulary")
app.add_typer(shapes, name="shapes")
