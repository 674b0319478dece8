"""The commands that ask: Cypher, the query library, and what a mapping or a query may name."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from haemony.api.console import Format, count, note, show, show_json, show_rows, table
from haemony.api.options import Form, Json, Limit, Params, workbench_of
from haemony.engine.errors import MappingError, Problem, QueryError

if TYPE_CHECKING:
    from haemony.api.query_library import Result
    from haemony.ontology.schema import Field

#: Rows of a table where no limit is given.
TABLE_ROWS = 100

queries = typer.Typer(no_args_is_help=True, help="The library of named questions.")

# --- asking --------------------------------------------------------------------------------------------------------


def cypher(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="One statement that reads.")],
    param: Params = None,
    form: Form = Format.table,
    limit: Limit = None,
) -> None:
    """Ask the graph in Cypher."""
    with workbench_of(ctx).store() as store:
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

    workbench = workbench_of(ctx)
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
    groups, durations, events, entries = (result.survival[k] for k in ("groups", "durations", "events", "entries"))
    drawn = survival_chart(groups, durations, events, entries, title=get_query(name).title)
    save_chart(drawn, chart)
    note(f"Drawn: {chart}")


def _described(query: Any) -> dict[str, Any]:
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
    made: dict[str, Any] = asdict(cls)
    fields = [{**field, "mappable": f.mappable} for field, f in zip(made.pop("fields"), cls.fields, strict=True)]
    return {**made, "fields": fields}
