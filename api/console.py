"""What the command line prints: answers as tables, CSV or JSON, steps with their time, problems in plain words."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from haemony.engine.errors import Problem

#: Width of lines that go to a file or another program, which has none of its own.
PLAIN_WIDTH = 140
#: Room that names are given before longer texts, where a line is wide enough for both.
NAME_WIDTH = 34


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    json = "json"


def console(*, stderr: bool = False) -> Console:
    """Return where to print: as wide as the terminal, or wide enough where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PLAIN_WIDTH, highlight=False, soft_wrap=False)


def show(*things: RenderableType) -> None:
    """Print texts, which are not markup, and rich things; elsewhere than in a terminal without blanks at line ends."""
    out = console()
    if out.is_terminal:
        out.print(*things, sep="\n", markup=False)
        return
    with out.capture() as captured:
        out.print(*things, sep="\n", markup=False)
    sys.stdout.writelines(line.rstrip() + "\n" for line in captured.get().splitlines())


def note(text: str) -> None:
    """Print a remark that is no part of the answer."""
    console(stderr=True).print(Text(text, style="dim"), soft_wrap=True)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    print_plain(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_plain(text: str) -> None:
    """Print a text as it is, however long its lines."""
    sys.stdout.write(text + "\n")


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Format = Format.table) -> None:
    """Print rows in a format."""
    if form is Format.json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif form is Format.csv:
        print_plain(_csv(columns, rows))
    else:
        show(table(columns, list(rows)))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> Table:
    """Return rows as a table for people: numbers to the right, nothing cut off."""
    made = Table(title=title or None, title_justify="left", title_style="bold", header_style="bold", pad_edge=False)
    made.box = box.SIMPLE_HEAD
    made.show_header = any(columns)
    room = NAME_WIDTH if console().width >= PLAIN_WIDTH - 10 else 0
    for number, name in enumerate(columns):
        numeric = all(isinstance(row[number], int | float | None) for row in rows) and bool(rows)
        width = max((len(row[number]) for row in rows if _is_name(row[number])), default=0)
        made.add_column(
            Text(name.replace("_", " ")),
            justify="right" if numeric else "left",
            overflow="fold",
            min_width=min(width, room),
        )
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else Text(word(value)) for value in row))
    return made


def _is_name(value: Any) -> bool:
    """Tell whether a value is one word, which is not broken where there is room."""
    return isinstance(value, str) and " " not in value


def word(value: Any) -> str:
    """Return a value as a person would write it.

    >>> word(3.140000), word(True), word(None), word(["a", 1]), word(1234)
    ('3.14', 'yes', '', 'a, 1', '1,234')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(word(v) if not isinstance(v, int) or isinstance(v, bool) else str(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {word(v)}" for key, v in value.items())
    return str(value)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().removesuffix("\n")


def _cell(value: Any) -> Any:
    """Write lists and maps as JSON, truth as ``true`` and ``false``; what is missing stays empty."""
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | tuple | dict | bool) else value
    )


def show_problems(problems: Sequence[Problem]) -> None:
    """Print every problem on its own line, and how many there are."""
    err = console(stderr=True)
    for problem in problems:
        err.print(Text(str(problem)), soft_wrap=True)
    err.print(Text(count(len(problems), "problem"), style="bold red"), soft_wrap=True)


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "problem"), count(1200, "patient"), count(2, "delivery", "deliveries")
    ('1 problem', '1,200 patients', '2 deliveries')
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


class Steps:
    """Shows the steps of long work with their time: a spinner in a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._start = time.monotonic()
        self._live: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (
                SpinnerColumn(finished_text="✓"),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
            )
            self._live = Progress(*columns, console=self._console)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            if kind is None:
                self._finish()
            self._live.stop()

    def __call__(self, about: str, step: str) -> None:
        """Say that a step begins; the one before it is done."""
        text = f"{about}: {step}" if about else step
        if self._live:
            self._finish()
            self._task = self._live.add_task(text, total=1)
        else:
            self._console.print(Text(f"{time.monotonic() - self._start:6.1f} s  {text}"), soft_wrap=True)

    def _finish(self) -> None:
        if self._live and self._task is not None:
            self._live.update(self._task, completed=1)
