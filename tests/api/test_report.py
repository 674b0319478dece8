from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from haemony.api.reasons import FLAGS, REASONS
from haemony.api.report import PartnerReport, Report, issues, read_report
from haemony.api.report_view import bar, view
from haemony.api.workbench import SHAPES
from haemony.engine.errors import BuildError
from haemony.graph_loader import fates


@pytest.fixture(scope="module")
def build(demo_home: Path) -> Path:
    return (demo_home / ".haemony" / "current").resolve()


@pytest.fixture(scope="module")
def report(build: Path) -> Report:
    return read_report(build, (SHAPES,))


def partner(report: Report, name: str) -> PartnerReport:
    return next(p for p in report.partners if p.name == name)


def test_ledger_is_every_cell_of_every_file(report: Report, demo_home: Path) -> None:
    for found in report.partners:
        assert found.adds_up
        for file in found.files:
            lines = (demo_home / ".haemony" / "demo-data" / file.file).read_bytes().splitlines()
            assert file.rows == len(lines) - 1, file.file
            assert {c.total for c in file.columns} == {file.rows}


def test_lists_say_the_same_as_the_ledger(report: Report) -> None:
    for found in report.partners:
        for fate in ("quarantined", "ignored"):
            assert sum(line.cells for line in found.because(fate)) == found.cells[fate]
        cells = [line.cells for line in found.because("quarantined")]
        assert cells == sorted(cells, reverse=True)


def test_every_reason_has_a_meaning(report: Report) -> None:
    assert [line.reason for p in report.partners for line in p.lost if not line.meaning] == []
    assert [flag.flag for p in report.partners for flag in p.flags if not flag.meaning] == []
    named = {value for name, value in vars(fates).items() if name.isupper() and isinstance(value, str)}
    reasons = (named | set(fates.VALUE_REASONS)) - set(fates.FATES)
    assert reasons - set(REASONS) - set(FLAGS) == set()


def test_wanted_concepts_and_broken_rules(report: Report) -> None:
    mds = partner(report, "demo_mds")
    assert [w.subject for w in mds.wanted] == ["registry.cfs"]
    assert mds.wanted[0].cells > 0
    assert {r.severity for r in mds.rules} <= {"Violation", "Warning", "Info"}
    assert all(r.message and "{" not in r.message for r in mds.rules)


def test_issues_are_the_quarantined_cells_without_their_text(build: Path, report: Report) -> None:
    listed = list(issues(build))
    counted = Counter(line[0] for line in listed if line[4] == "quarantined")
    assert counted == {p.name: p.cells["quarantined"] for p in report.partners}
    overruled = Counter(line[0] for line in listed if line[5] == "overruled")
    assert overruled == {p.name: n for p in report.partners if (n := sum(o.cells for o in p.overruled))}
    with duckdb.connect() as connection:
        pattern = str(build / "partners" / "*" / "issues.parquet")
        texts = {t for (t,) in connection.execute("SELECT DISTINCT text FROM read_parquet(?)", [pattern]).fetchall()}
    assert not {t for t in texts if t and len(t) > 3} & {str(cell) for line in listed for cell in line}


def test_one_partner(build: Path) -> None:
    assert [p.name for p in read_report(build, (SHAPES,), "demo_aml").partners] == ["demo_aml"]
    with pytest.raises(BuildError, match="Did you mean 'demo_aml'"):
        read_report(build, (SHAPES,), "demo_amk")


def test_view_and_json(report: Report) -> None:
    console = Console(width=140)
    with console.capture() as captured:
        console.print(view(report))
    shown = captured.get()
    for text in ("every one accounted for", "all columns", "Quarantined", "Wanted concepts", "Rules broken", "Ignored"):
        assert text in shown
    made = json.loads(json.dumps(report.json()))
    assert made["partners"][0]["files"][0]["columns"][0].keys() == {"column", *fates.FATES}


@pytest.mark.parametrize(
    ("cells", "drawn"),
    [
        ({}, ""),
        ({"loaded": 10}, "██████████"),
        ({"loaded": 999, "quarantined": 1}, "█████████▓"),
        ({"ignored": 5, "dropped": 5}, "░░░░░×××××"),
        ({"loaded": 1, "quarantined": 1, "ignored": 1, "dropped": 1, "missing": 996}, "█▓░×······"),
    ],
)
def test_bar(cells: dict[str, int], drawn: str) -> None:
    assert bar(cells, 10).plain == drawn
