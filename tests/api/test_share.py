from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from haemony.api.cli import app
from haemony.api.report import Report, read_report
from haemony.api.report_view import shared_view
from haemony.api.share import HIDDEN, Mask, masked, shared
from haemony.api.workbench import SHAPES


@pytest.fixture(scope="module")
def build(demo_home: Path) -> Path:
    return (demo_home / ".haemony" / "current").resolve()


@pytest.fixture(scope="module")
def report(build: Path) -> Report:
    return read_report(build, (SHAPES,))


def possible(hidden: list[bool], total: int, threshold: int) -> list[set[int]]:
    """Work out, as who knows the whole would, what each hidden part can be; ``hidden`` says whether each is small."""
    ranges = [range(1, threshold) if small else range(threshold, total + 1) for small in hidden]
    fits = [values for values in itertools.product(*ranges) if sum(values) == total]
    return [{values[i] for values in fits} for i in range(len(hidden))]


@given(st.lists(st.integers(0, 14), min_size=1, max_size=5), st.integers(2, 4))
def test_who_knows_the_whole_cannot_compute_a_masked_part(parts: list[int], threshold: int) -> None:
    hidden = masked(parts, threshold)
    if hidden is None:
        return
    small = [0 < parts[i] < threshold for i in sorted(hidden)]
    left = sum(parts[i] for i in hidden)
    for is_small, can_be in zip(small, possible(small, left, threshold), strict=True):
        assert not is_small or can_be == set(range(1, threshold))
    assert {i for i, n in enumerate(parts) if 0 < n < threshold} <= hidden


@given(st.lists(st.integers(0, 14), min_size=1, max_size=5), st.integers(2, 4))
def test_only_where_nothing_else_helps_the_parts_are_not_shown(parts: list[int], threshold: int) -> None:
    if masked(parts, threshold) is None:
        small = [0 < n < threshold for n in parts if n]
        can_be = possible(small, sum(parts), threshold)
        assert any(s and c != set(range(1, threshold)) for s, c in zip(small, can_be, strict=True))


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([500, 0], [500, 0]),
        ([497, 3], [HIDDEN, "<5"]),
        ([480, 17, 3], [480, HIDDEN, "<5"]),
        ([480, 6, 14, 1], [480, 5, HIDDEN, "<5"]),  # beside 6 that are no fewer than 5, only 1 were left
        ([480, 2, 3], [480, "<5", "<5"]),
        ([480, 3, 3], [HIDDEN, "<5", "<5"]),  # 1 and 5 could not be
        ([480, 4, 4], [HIDDEN, "<5", "<5"]),
        ([4, 4], None),
        ([3], None),
    ],
)
def test_parts(parts: list[int], shown: list[int | str] | None) -> None:
    assert Mask(5).parts(parts) == shown


@given(st.integers(0, 10_000), st.integers(2, 20))
def test_a_count_is_masked_or_rounded(number: int, threshold: int) -> None:
    shown = Mask(threshold).one(number)
    if isinstance(shown, str):
        assert 0 < number < threshold and shown == f"<{threshold}"
    else:
        assert shown % threshold == 0 and 2 * abs(shown - number) <= threshold and (shown > 0) == (number > 0)


def numbers(value: Any) -> Iterator[int | float]:
    """Yield every number in plain values, truth apart."""
    if isinstance(value, dict):
        yield from (n for inner in value.values() for n in numbers(inner))
    elif isinstance(value, list):
        yield from (n for inner in value for n in numbers(inner))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (t for pair in value.items() for inner in pair for t in texts(inner))
    elif isinstance(value, list):
        yield from (t for inner in value for t in texts(inner))
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("threshold", [5, 11])
def test_no_count_of_few_is_in_what_is_shared(report: Report, threshold: int) -> None:
    few = {n for n in numbers(report.json()) if 0 < n < threshold}
    assert few, "the demo's mistakes are few"
    made = json.loads(json.dumps(shared(report, threshold)))
    assert all(n % threshold == 0 for n in numbers(made))
    assert f"<{threshold}" in set(texts(made)) and HIDDEN in set(texts(made))


def test_no_value_and_no_delivered_text_is_in_what_is_shared(report: Report, demo_home: Path) -> None:
    folder = demo_home / ".haemony" / "demo-data"
    delivered = {
        cell.strip('"')
        for path in folder.rglob("*.csv")
        for line in path.read_bytes().decode("latin-1").splitlines()[1:]
        for cell in re.split("[,;\t]", line)
    }
    made = shared(report, 5)
    columns = {c["column"] for p in made["partners"] for f in p["files"] for c in f["columns"]}
    units = {m[said] for p in made["partners"] for m in p["mixups"] for said in ("says", "looks")}
    assert not {cell for cell in delivered if len(cell) > 3} & set(texts(made)) - columns - units
    assert not [f for p in report.partners for f in p.faults if f.values and f" {f.values}" in json.dumps(made)]


def test_columns_whose_parts_would_tell_a_part_hide_one(report: Report) -> None:
    """The whole of a column is the rows of its file: what is hidden must leave a small part open."""
    made = shared(report, 5)
    real = {(f.file, c.column): c for p in report.partners for f in p.files for c in f.columns}
    checked = 0
    for file in (f for p in made["partners"] for f in p["files"]):
        for column in file["columns"]:
            shown = list(column["cells"].values())
            if shown.count("<5") == 1 and file["rows"] != HIDDEN:
                assert HIDDEN in shown, (file["file"], column)
                checked += 1
            assert sum(real[file["file"], column["column"]].cells.values()) > 0
    assert checked > 20


def test_the_command_shares_and_refuses_what_cannot_be_shared(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo_home)
    told = CliRunner().invoke(app, ["report", "demo_mds", "--share"])
    assert told.exit_code == 0
    assert "Counts below 5 are written <5" in told.stdout and "Rules broken" in told.stdout
    monkeypatch.setenv("HAEMONY_PRIVACY", "11")
    plain = CliRunner().invoke(app, ["report", "--share", "--json"])
    assert all(n % 11 == 0 for n in numbers(json.loads(plain.stdout)))
    for refused in (["--issues"], ["--shacl", "report.ttl"]):
        done = CliRunner().invoke(app, ["report", "--share", *refused])
        assert done.exit_code == 1


def test_what_a_person_reads_is_no_more_than_what_a_program_reads(report: Report) -> None:
    made = shared(report, 5)
    console = Console(width=160)
    with console.capture() as captured:
        console.print(shared_view(made))
    said = {
        int(n.replace(",", ""))
        for n in re.findall(r"(?:loaded|missing|dropped|rows:|: [a-z-]+) ([\d,]+)\b", captured.get())
    }
    assert said and all(n % 5 == 0 for n in said)
