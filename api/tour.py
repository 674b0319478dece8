"""The demo: three made-up deliveries, built and asked four questions, in the order in which a person would do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from haemony.api.console import Steps, count, show, show_json, table
from haemony.api.query_library import Result, get_query, run_query
from haemony.api.report_view import bar, legend
from haemony.api.workbench import Workbench
from haemony.demo.generate import CENTRES, generate
from haemony.graph_loader.build import PartnerSummary
from haemony.graph_loader.fates import LOADED, QUARANTINED

#: Where the demo data is, below the build folder.
DATA: Final = "demo-data"
#: A small demo hides as many kinds of mistakes as a large one: they are a larger share of a column.
TOLERATED: Final = 0.5
#: A handful of made-up patients may hide so many mistakes that the delivery would be refused.
ACCEPTED: Final = "made up, with mistakes on purpose"
#: What the demo asks, and the columns of the answer that are shown.
QUESTIONS: Final[tuple[tuple[str, str, dict[str, str], tuple[str, ...]], ...]] = (
    (
        "How long do patients live, by NPM1 and FLT3-ITD?",
        "survival-by-genotype",
        {"alterations": "NPM1,FLT3-ITD"},
        ("group", "n", "deaths", "median_years", "median_years_low", "median_years_high"),
    ),
    ("Which genes are mutated together with NPM1?", "comutations", {"alteration": "NPM1", "limit": "5"}, ()),
    (
        "Who has a TP53 mutation, who was tested and has none, who was not tested?",
        "tested-negative",
        {"alteration": "TP53"},
        (),
    ),
    (
        "How many patients get to each line of therapy, and how many answer it?",
        "lines-of-therapy",
        {},
        ("dataset", "line", "patients", "median day of start", "answered", "percent answered", "went on to another"),
    ),
)
NEXT: Final = (
    ("haemony report", "where every delivered cell went, and what is wrong with it"),
    ("haemony queries list", "what else can be asked; `queries show NAME` prints the Cypher"),
    ('haemony cypher "MATCH (p:Patient) RETURN p.id, p.sex, p.age LIMIT 5"', "a question of your own"),
    ("haemony schema Mutation", "what a mapping may fill, when you bring your own data"),
)


def demo(workbench: Workbench, patients: int, seed: int, *, as_json: bool = False) -> None:
    """Make up data, build it, and show what can be asked."""
    folder = workbench.settings.build / DATA
    with Steps() as steps:
        steps("", f"making up {count(patients, 'patient')} of {len(CENTRES)} hospitals in {folder}")
        written = generate(folder, patients, seed)
        partners, _ = workbench.deliveries(list(CENTRES), folder)
        summaries = workbench.build(partners.values(), folder, steps, ACCEPTED)
    if as_json:
        show_json({"built": [summary.__dict__ for summary in summaries], "answers": _answers(workbench)})
        return
    show_summaries(summaries)
    show(_mistakes(written))
    for question, name, given, columns in QUESTIONS:
        with workbench.store() as store:
            show_answer(question, name, given, run_query(store, name, given, vocabulary=workbench.vocabulary), columns)
    show(Text("Try next", style="bold"), table(("", ""), NEXT))


def _answers(workbench: Workbench) -> dict[str, list[dict[str, Any]]]:
    """Return the answers to the questions, by the name of the query."""
    with workbench.store() as store:
        return {
            name: run_query(store, name, given, vocabulary=workbench.vocabulary).dicts()
            for _, name, given, _ in QUESTIONS
        }


def show_summaries(summaries: Sequence[PartnerSummary]) -> None:
    """Print what became of each partner's delivery."""
    rows = [_summary(summary) for summary in summaries]
    columns = (
        *("partner", "", "patients", "records", "cells", "how they ended", "loaded", "quarantined", "flagged"),
        "quality",
    )
    show(Text(), table(columns, rows), legend(), Text())


def _summary(summary: PartnerSummary) -> tuple[Any, ...]:
    cells = sum(summary.cells.values())
    return (
        Text(summary.name, style="bold"),
        summary.title,
        summary.records.get("Patient", 0),
        sum(summary.records.values()),
        cells,
        bar(summary.cells),
        Text(f"{summary.cells.get(LOADED, 0) / max(cells, 1):.0%}"),
        summary.cells.get(QUARANTINED, 0),
        summary.violations.get("Warning", 0),
        summary.level,
    )


def _mistakes(written: Mapping[str, Any]) -> Text:
    hidden = [mistake for made in written.values() for mistake in made["mistakes"] if mistake["rows"]]
    rows = sum(mistake["rows"] for mistake in hidden)
    return Text(
        f"The data hides {count(rows, 'mistake')} of {count(len(hidden), 'kind')}, listed beside it in mistakes.json. "
        "What they spoil is quarantined, what is only doubtful is flagged; no value is repaired or lost in silence.\n"
    )


def show_answer(
    question: str, name: str, given: Mapping[str, str], result: Result, columns: Sequence[str] = ()
) -> None:
    """Print a question, the command that asks it, and the answer."""
    params = "".join(f" --param {key}={value}" for key, value in given.items())
    shown = list(columns) or list(result.columns)
    rows = [[row[column] for column in shown] for row in result.dicts()]
    show(Text(question, style="bold"), Text(f"$ haemony queries run {name}{params}", style="cyan"), table(shown, rows))
    show_notes(get_query(name).title, result)


def show_notes(title: str, result: Result) -> None:
    """Print what a final step adds to an answer."""
    for key, value in result.notes.items():
        if value is not None:
            show(Text(f"{title}: {key} = {value:.2g}\n" if isinstance(value, float) else f"{key}: {value}\n"))
