"""The command line, ``haemony``.

What a command needs is imported when it runs: the engine and the survival library take seconds to load, and ``--help``
or ``schema`` need neither.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from haemony import __version__
from haemony.api.console import Format, Steps, count, note, show, show_json, show_problems, show_rows, table
from haemony.api.settings import Settings, read_settings
from haemony.engine.errors import HaemonyError, MappingError, Problem, QueryError

if TYPE_CHECKING:
    from haemony.api.query_library import Result
    from haemony.api.workbench import Workbench
    from haemony.ontology.schema import Field
    from haemony.ontology.vocabulary import Vocabulary

#: What a shell expects of a command that was stopped with Ctrl-C.
INTERRUPTED = 130


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
            if error.filename is None:
                raise
            show_problems([Problem(str(error.filename), None, "", f"{error.strerror}.")])
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            note("Stopped. The build that was current before is still the current one.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Door, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    help="Haemony: one knowledge graph of blood cancer from what many partners deliver.",
    epilog="Begin with: haemony demo",
)  # fmt: skip
queries = typer.Typer(no_args_is_help=True, help="The library of named questions.")
vocabulary = typer.Typer(no_args_is_help=True, help="The concepts that mappings and queries name.")
app.add_typer(queries, name="queries")
app.add_typer(vocabulary, name="vocabulary")

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


def _settings(ctx: typer.Context, **given: Any) -> Settings:
    return read_settings(**ctx.obj, **given)


def _workbench(ctx: typer.Context, **given: Any) -> Workbench:
    from haemony.api.workbench import Workbench

    return Workbench(_settings(ctx, **given))


# --- making a graph ------------------------------------------------------------------------------------------------


@app.command(epilog="Example: haemony demo --patients 500")
def demo(
    ctx: typer.Context,
    patients: Annotated[int, typer.Option(min=2, help="Patients of both hospitals together.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
) -> None:
    """Make up two hospitals' data, build the graph, and ask it three questions."""
    from haemony.api.tour import TOLERATED
    from haemony.api.tour import demo as tour

    tour(_workbench(ctx, tolerate=TOLERATED), patients, seed)


@app.command("demo-data", epilog="Example: haemony demo-data --patients 1000 --seed 7 my-data")
def demo_data(
    folder: Annotated[Path, typer.Argument(help="Where to write.")],
    patients: Annotated[int, typer.Option(min=2, help="Patients of both hospitals together.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    as_json: Json = False,
) -> None:
    """Make up the data of two hospitals, with mistakes that are counted in mistakes.json."""
    from haemony.demo.generate import generate

    written = generate(folder, patients, seed)
    if as_json:
        show_json(written)
        return
    rows = [(name, made["patients"], file, n) for name, made in written.items() for file, n in made["rows"].items()]
    show(table(("partner", "patients", "file", "rows"), rows))


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
    as_json: Json = False,
) -> None:
    """Harmonise, validate and load partners' deliveries; the old graph stays until the new one is complete."""
    from haemony.api.tour import show_summaries

    workbench = _workbench(ctx, tolerate=tolerate, processes=processes)
    partners, left_out = workbench.deliveries(partner or [], data)
    for name, why_not in left_out.items():
        note(f"{name} is left out: {why_not}.")
    with Steps() as steps:
        summaries = workbench.build(partners.values(), data, steps)
    if as_json:
        show_json({"built": [summary.__dict__ for summary in summaries], "left_out": left_out})
        return
    show_summaries(summaries)
    note("Next: haemony report, haemony queries list.")


@app.command(epilog="Example: haemony check demo_aml")
def check(ctx: typer.Context, partner: Partners = None, as_json: Json = False) -> None:
    """Check partners' mappings without their data: every fault, and what deserves a look."""
    from haemony.mappings.check import check as check_partners
    from haemony.ontology.schema import read_schema
    from haemony.ontology.vocabulary import read_vocabulary

    settings = _settings(ctx)
    found = check_partners(partner or [], read_vocabulary(), read_schema(), mappings=settings.mappings)
    if as_json:
        show_json({"problems": [p.__dict__ for p in found.problems], "warnings": [w.__dict__ for w in found.warnings]})
        raise typer.Exit(1 if found.problems else 0)
    for warning in found.warnings:
        show(Text.assemble(("look  ", "yellow"), str(warning)))
    if found.problems:
        raise MappingError(found.problems)
    show(Text(f"No problems; {count(len(found.warnings), 'thing')} to look at." if found.warnings else "No problems."))


# --- looking at a build --------------------------------------------------------------------------------------------


@app.command(epilog="Example: haemony report demo_aml")
def report(
    ctx: typer.Context,
    partner: Annotated[str | None, typer.Argument(help="One partner; none means all.")] = None,
    single: Annotated[
        bool, typer.Option("--issues", help="List the single quarantined cells, by file, row and column.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show where every delivered cell went, what is quarantined and why, what is wanted, which rules are broken."""
    from haemony.api.report import issues, read_report
    from haemony.api.report_view import view

    workbench = _workbench(ctx)
    if single:
        columns = ("partner", "file", "row", "column", "reason", "rule")
        show_rows(columns, issues(workbench.current, partner), Format.json if as_json else Format.csv)
        return
    made = read_report(workbench.current, workbench.shapes, partner)
    if as_json:
        show_json(made.json())
    else:
        show(view(made))


@app.command(epilog="Example: haemony why 3f2a9c (an id, or how it begins)")
def why(
    ctx: typer.Context,
    node_id: Annotated[str, typer.Argument(help="The id of a node; six characters may do.")],
    as_json: Json = False,
) -> None:
    """Say why a node is in the graph: its record, source cells, mapping rows, concepts and vocabulary release."""
    from haemony.api.why import why as explain

    workbench = _workbench(ctx)
    chain = explain(workbench.current, node_id, schema=workbench.schema, vocabulary=workbench.vocabulary)
    if as_json:
        sys.stdout.write(chain.json() + "\n")
    else:
        show(chain.tree())


# --- asking --------------------------------------------------------------------------------------------------------


@app.command(epilog='Example: haemony cypher "MATCH (g:Gene) RETURN g.symbol LIMIT 3" --format csv')
def cypher(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="One statement that reads.")],
    param: Params = None,
    form: Form = Format.table,
    limit: Limit = None,
) -> None:
    """Ask the graph in Cypher."""
    with _workbench(ctx).store() as store:
        rows = store.query(query, {k: _literal(v) for k, v in _params(param).items()}, limit=_limit(limit, form))
    show_rows(rows.columns, rows.rows, form)
    _say_truncated(rows.truncated, len(rows.rows))


@queries.command("list", epilog="Example: haemony queries list")
def queries_list(as_json: Json = False) -> None:
    """List the named queries."""
    from haemony.api.query_library import list_queries

    found = list_queries()
    if as_json:
        show_json([_described(query) for query in found])
        return
    show(
        table(("query", "", "parameters"), [(q.name, q.title, ", ".join(p.name for p in q.parameters)) for q in found])
    )


@queries.command("show", epilog="Example: haemony queries show comutations")
def queries_show(name: Annotated[str, typer.Argument(help="A query.")], as_json: Json = False) -> None:
    """Show what a query asks, its parameters and its Cypher."""
    from haemony.api.query_library import get_query

    query = get_query(name)
    if as_json:
        show_json(_described(query))
        return
    show(Text.assemble((query.title, "bold"), "\n", query.description, "\n"))
    rows = [(p.name, p.type, "must be given" if p.required else repr(p.default), p.text) for p in query.parameters]
    show(table(("parameter", "type", "default", ""), rows)) if rows else None
    sys.stdout.write(query.cypher + "\n")


@queries.command("run", epilog="Example: haemony queries run survival-by-genotype --param alterations=NPM1,FLT3-ITD")
def queries_run(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A query.")],
    param: Params = None,
    form: Form = Format.table,
    limit: Limit = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw survival curves: .png, .svg or .html.")
    ] = None,
) -> None:
    """Run a query; lists are separated by commas, or written as JSON."""
    from haemony.api.query_library import run_query

    workbench = _workbench(ctx)
    with workbench.store() as store:
        result = run_query(store, name, _params(param), vocabulary=workbench.vocabulary, limit=_limit(limit, form))
    show_rows(result.columns, result.rows, form)
    for key, value in result.notes.items():
        if value is not None:
            line = f"{key} = {value:.2g}" if isinstance(value, float) else f"{key} = {value}"
            show(Text(line)) if form is Format.table else note(line)
    _say_truncated(result.truncated, len(result.rows))
    if chart:
        _draw(result, name, chart)


def _draw(result: Result, name: str, chart: Path) -> None:
    from haemony.analysis.survival import save_chart, survival_chart
    from haemony.api.query_library import get_query

    if not result.survival:
        raise QueryError(f"{name} has no survival curve to draw. Run it without --chart.")
    curves = result.survival
    drawn = survival_chart(curves["groups"], curves["durations"], curves["events"], title=get_query(name).title)
    save_chart(drawn, chart)
    note(f"Drawn: {chart}")


def _described(query: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(query)


def _params(given: Sequence[str] | None) -> dict[str, str]:
    """Read ``NAME=VALUE`` pairs.

    >>> _params(["gene=NPM1", "limit=5"])
    {'gene': 'NPM1', 'limit': '5'}
    """
    pairs = [text.partition("=") for text in given or ()]
    if wrong := [name for name, sign, _ in pairs if not sign or not name]:
        raise QueryError([Problem("--param", None, "", f"{text!r} is not NAME=VALUE.") for text in wrong])
    return {name.strip(): value.strip() for name, _, value in pairs}


def _literal(text: str) -> Any:
    """Read a value as JSON where it is such, as text otherwise."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def _limit(limit: int | None, form: Format) -> int | None:
    return TABLE_ROWS if limit is None and form is Format.table else limit


def _say_truncated(truncated: bool, shown: int) -> None:
    if truncated:
        note(f"Only {count(shown, 'row')} shown; there are more: --limit N.")


# --- what may be named ---------------------------------------------------------------------------------------------


@app.command(epilog="Example: haemony schema Measurement")
def schema(
    record: Annotated[str | None, typer.Argument(metavar="[CLASS]", help="One class; none means all.")] = None,
    as_json: Json = False,
) -> None:
    """Show the classes and fields that a mapping may fill."""
    from haemony.mappings.curie import nearest
    from haemony.ontology.schema import read_schema

    known = read_schema()
    if record and record not in known:
        raise MappingError(
            [Problem("", None, "", f"there is no class {record!r}.", nearest(record, [c.name for c in known.classes]))]
        )
    classes = [known[record]] if record else list(known.classes)
    if as_json:
        show_json([_class_json(cls) for cls in classes])
        return
    if not record:
        rows = [
            (c.name, c.comment, ", ".join(f.name for f in c.fields if f.mappable) if c.is_record else "(computed)")
            for c in classes
        ]
        show(
            table(("class", "what it is", "fields"), rows),
            Text("The fields of one class: haemony schema CLASS", style="dim"),
        )
        return
    cls = classes[0]
    show(Text.assemble((cls.name, "bold"), f"  {cls.comment}"), Text(f"The same fact: equal {', '.join(cls.key)}."))
    show(Text("Rows of one column are facts of their own." if cls.repeatable else "One fact for each key."))
    show(table(("field", "type", "unit", "what it is", "filled by"), [_field(f) for f in cls.fields]))


def _field(field: Field) -> tuple[str, ...]:
    kind = f"{field.kind} (several)" if field.many else field.kind
    kind = f"{kind}: {field.range}" if field.kind == "reference" else kind
    by = {
        "derived": "Haemony",
        "link": "`of`",
        "main": "mapping, also if `field` is empty",
        "naming": "mapping, also if `field` is empty",
    }
    return field.name, kind, field.unit, field.comment, by.get(field.role, "mapping")


def _class_json(cls: Any) -> dict[str, Any]:
    from dataclasses import asdict

    made: dict[str, Any] = asdict(cls)
    fields = [{**field, "mappable": f.mappable} for field, f in zip(made.pop("fields"), cls.fields, strict=True)]
    return {**made, "fields": fields}


def _vocabulary(ctx: typer.Context) -> Vocabulary:
    from haemony.mappings.partner import extend_vocabulary
    from haemony.ontology.vocabulary import read_vocabulary

    return extend_vocabulary(read_vocabulary(), _settings(ctx).mappings)


@vocabulary.command("search", epilog="Example: haemony vocabulary search Thrombozyten")
def vocabulary_search(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="A name, abbreviation or code.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 10,
    as_json: Json = False,
) -> None:
    """Find concepts by name, synonym or code."""
    found = _vocabulary(ctx).search(text, limit)
    rows = [(c.curie, c.name, c.record_class, str(c.id)) for c in found]
    show_rows(("curie", "name", "class", "concept_id"), rows, Format.json if as_json else Format.table)


@vocabulary.command("show", epilog="Example: haemony vocabulary show haemony:flt3-itd")
def vocabulary_show(
    ctx: typer.Context, concept: Annotated[str, typer.Argument(help="A concept id or CURIE.")], as_json: Json = False
) -> None:
    """Show a concept: its names, what it is a kind of, and where it comes from."""
    words = _vocabulary(ctx)
    found = words.resolve(concept) or (words[int(concept)] if concept.isdecimal() and int(concept) in words else None)
    if found is None:
        raise QueryError(f"there is no concept {concept!r}. Look for it: haemony vocabulary search TEXT.")
    above = sorted(words.ancestors(found.id) - {found.id})
    about = {
        **found.__dict__, "curie": found.curie, "synonyms": list(words.synonyms(found.id)),
        "ancestors": [words[a].name for a in above], "descendants": len(words.descendants(found.id)) - 1,
    }  # fmt: skip
    if as_json:
        show_json(about)
    else:
        rows = [(key, str(value) if key == "id" else value) for key, value in about.items() if value not in ("", [])]
        show(table(("", ""), rows))
