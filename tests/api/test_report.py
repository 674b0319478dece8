from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from rdflib import RDF, SH, Graph
from rich.console import Console

from haemony.api.reasons import FLAGS, REASONS
from haemony.api.report import PartnerReport, Report, issues, read_report, write_shacl
from haemony.api.report_view import bar, view
from haemony.api.workbench import SHAPES
from haemony.engine.errors import BuildError
from haemony.graph_loader import fates, records


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


#: Words of the loader that look like reasons and are states between two steps.
STATES = {"not-found", "not-loaded", "fact-overruled", "cell-overruled"}
ENCODINGS = re.compile(r"utf-|iso-|us-ascii|[a-z]+-sig")


def written_reasons() -> set[str]:
    """Collect what the loader's source gives as a reason or flag: constants, hyphened words, rules with a fate."""
    found = {
        value for room in (fates, records) for name, value in vars(room).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", value)
    }  # fmt: skip
    for path in sorted(Path(fates.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+(-[a-z]+)+-?", str(node.value)):
                found.add(str(node.value))
            if isinstance(node, ast.Tuple) and len(node.elts) == 3 and _fate(node.elts[1]):
                found |= {str(e.value) for e in node.elts[2:] if isinstance(e, ast.Constant)}
    words = {w for w in found - set(fates.FATES) - STATES - {""} if not ENCODINGS.match(w)}
    open_ended = {w for w in words if w.endswith("-")}
    return words - open_ended | {w + precision for w in open_ended for precision in ("month", "year")}


def _fate(node: ast.expr) -> bool:
    name = node.id.lower() if isinstance(node, ast.Name) else getattr(node, "value", "")
    return name in fates.FATES


def test_every_reason_that_the_loader_writes_has_words() -> None:
    written = written_reasons()
    assert {"required-missing", "date-known-to-the-year", "no-clock", "ignore", "link-none", "unmapped"} <= written
    assert sorted(written - set(REASONS) - set(FLAGS)) == []
    assert all(says for says, _ in REASONS.values()) and all(FLAGS.values())


def test_wanted_concepts_and_broken_rules(report: Report) -> None:
    mds = partner(report, "demo_mds")
    assert [w.subject for w in mds.wanted] == ["registry.cfs"]
    assert mds.wanted[0].cells > 0
    assert {r.severity for r in mds.rules} <= {"Violation", "Warning", "Info"}
    assert all(r.message and "{" not in r.message for r in mds.rules)


def test_faults_are_the_broken_rules_by_mapping_row(report: Report) -> None:
    for found in report.partners:
        by_shape = Counter[str]()
        for fault in found.faults:
            by_shape[fault.shape] += fault.records
            assert fault.advice and all(line.startswith(f"{found.name}/") for line in fault.mapping)
        assert by_shape == {s: sum(r.records for r in found.rules if r.shape == s) for s in by_shape}
        assert set(by_shape) == {r.shape for r in found.rules}
        assert [f.records for f in found.faults] == sorted((f.records for f in found.faults), reverse=True)
    high = next(f for f in partner(report, "demo_aml").faults if f.shape == "haemoglobin-impossible")
    assert high.columns == ("labor.Hb", "labor.Hb_Einheit")
    assert "demo_aml/dictionary.tsv:15" in high.mapping


def test_issues_are_the_quarantined_cells_without_their_text(build: Path, report: Report) -> None:
    listed = list(issues(build))
    counted = Counter(line[0] for line in listed if line[4] == "quarantined")
    assert counted == {p.name: p.cells["quarantined"] for p in report.partners}
    overruled = Counter(line[0] for line in listed if line[5] == "overruled")
    assert overruled == {p.name: n for p in report.partners if (n := sum(o.cells for o in p.overruled))}
    texts = delivered_texts(build.parents[1] / "demo-data")
    told = {str(cell) for _, file, _, _, *said in listed for cell in (file, *said)}
    assert not {t for t in texts if len(t) > 3} & told


def delivered_texts(folder: Path) -> set[str]:
    """Collect the values of every delivered file."""
    lines = [line for path in folder.rglob("*.csv") for line in path.read_bytes().decode("latin-1").splitlines()[1:]]
    return {cell.strip('"') for line in lines for cell in re.split("[,;\t]", line)}


def test_the_shacl_report_has_a_result_for_each_broken_rule(build: Path, report: Report, tmp_path: Path) -> None:
    out = tmp_path / "report.ttl"
    written = write_shacl(build, (SHAPES,), out)
    graph = Graph().parse(out)
    [head] = graph.subjects(RDF.type, SH.ValidationReport)
    results = list(graph.objects(head, SH.result))
    assert len(results) == written
    broken = {(graph.value(r, SH.sourceShape), graph.value(r, SH.focusNode)) for r in results}
    assert len(broken) == sum(r.records for p in report.partners for r in p.rules) > 0
    assert 0 < write_shacl(build, (SHAPES,), out, "demo_mds") < written
    with pytest.raises(BuildError, match="Did you mean 'demo_aml'"):
        write_shacl(build, (SHAPES,), out, "demo_amk")


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
