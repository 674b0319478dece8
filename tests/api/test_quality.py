"""``haemony quality`` on a build of the demo."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from haemony.api.cli import app
from haemony.api.quality import card_view, read_cards, rule_json
from haemony.graph_loader.quality import LEVELS, RULE, Change, Difference, difference, score


@pytest.fixture
def run(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(demo_home)
    return CliRunner().invoke(app, ["quality", "demo_aml", "--json"])


def shown(thing: object) -> str:
    console = Console(width=140, file=StringIO())
    with console.capture() as text:
        console.print(thing)
    return text.get()


def test_json_counts_what_validation_counted(run: Result, demo_home: Path) -> None:
    card = json.loads(run.stdout)
    broken = {c["shape"]: c["failed"] for c in card["checks"] if c["failed"]}
    assert card["level"] in LEVELS and card["previous"] is None
    assert "haemoglobin-impossible" in broken and all(c["failed"] <= c["targeted"] for c in card["checks"])
    summary = json.loads((demo_home / ".haemony/current/partners/demo_aml/summary.json").read_text())
    assert summary["level"] == card["level"] and summary["cells"] == card["cells"]


def test_the_levels_of_all_partners_and_the_rule(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo_home)
    text = CliRunner().invoke(app, ["quality"]).stdout
    assert all(name in text for name in ("demo_aml", "demo_mds", "demo_mm"))
    rule = CliRunner().invoke(app, ["quality", "--rule"]).stdout
    assert all(level in rule for level in LEVELS)
    assert json.loads(CliRunner().invoke(app, ["quality", "--rule", "--json"]).stdout) == rule_json()


def test_nothing_was_refused(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo_home)
    for command in ("quality", "report"):
        done = CliRunner().invoke(app, [command, "demo_aml", "--refused"])
        assert done.exit_code == 1 and "no delivery is refused" in done.stderr


def test_the_card_lists_what_is_broken_by_category_worst_first(demo_home: Path) -> None:
    [card] = read_cards(demo_home / ".haemony" / "current", "demo_aml")
    text = shown(card_view(card, None))
    for check in card.checks:
        assert (check.shape in text) == bool(check.failed) or check.shape in str(card.because), check.shape
    assert text.index("Conformance:") < text.index("Completeness:") < text.index("Plausibility:")
    assert all(check.shape in shown(card_view(card, None, every=True)) for check in card.made)


def test_the_card_says_what_changed() -> None:
    row = {"shape": "hb", "severity": "Warning", "kahn": "plausibility", "targeted": 100, "road": ""}
    before = score("ward", [{**row, "failed": 2}], {}, build="b1")
    now = score("ward", [{**row, "failed": 9}], {}, build="b2")
    text = shown(card_view(now, difference(now, before)))
    assert "Since the delivery before (build b1, of other files): it was gold" in text
    assert "worse" in text and "2 % passed" in text and "9 % failed" in text
    assert "hb: 9 of 100 records (9 %), at most 5 % may" in text


def test_the_documents_say_the_rule_and_every_key(run: Result) -> None:
    docs = Path(__file__).parents[2] / "docs"
    mapping, architecture = ((docs / name).read_text(encoding="utf-8") for name in ("mapping.md", "architecture.md"))
    assert [text for _, text in RULE if text not in mapping] == []
    card = json.loads(run.stdout)
    keys = {*card, *card["checks"][0], *Difference.__dataclass_fields__, *Change.__dataclass_fields__}
    assert [key for key in keys if f"`{key}`" not in architecture] == []
