"""Scorecards on disk: the history of a partner, and what is kept of a refused delivery."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from haemony.engine.errors import BuildError
from haemony.graph_loader.quality import Scorecard, score
from haemony.graph_loader.scorecards import (
    HISTORY,
    KEPT,
    forget_refused,
    read_card,
    refuse,
    refused_build,
    remember,
    since_last,
    write_card,
)


def card(build: str, failed: int, delivery: str = "d") -> Scorecard:
    row = {"shape": "hb", "severity": "Violation", "kahn": "plausibility", "targeted": 100, "failed": failed}
    return score(
        "ward", [{**row, "road": "compiled"}], {"loaded": 9}, build=build, built_at=f"2026-{build}", delivery=delivery
    )


def builds(folder: Path) -> list[str]:
    lines = (folder / HISTORY / "ward.jsonl").read_text().splitlines()
    return [json.loads(line)["build"] for line in lines]


def test_the_difference_is_to_the_delivery_before(tmp_path: Path) -> None:
    first, second = card("b1", 0), card("b2", 5, "e")
    remember(tmp_path, [first])
    assert since_last(tmp_path, first) is None
    remember(tmp_path, [second])
    found = since_last(tmp_path, second)
    assert found and (found.build, found.level, found.same_files) == ("b1", "gold", False)


def test_a_build_that_tells_nothing_new_takes_the_place_of_the_last(tmp_path: Path) -> None:
    remember(tmp_path, [card("b1", 0)])
    remember(tmp_path, [card("b2", 5)])
    again = card("b3", 5)
    remember(tmp_path, [again])
    assert builds(tmp_path) == ["b1", "b3"]
    found = since_last(tmp_path, again)
    assert found and found.build == "b1" and found.same_files


def test_a_refused_delivery_is_compared_with_what_stands_in_the_graph(tmp_path: Path) -> None:
    remember(tmp_path, [card("b1", 0)])
    found = since_last(tmp_path, card("refused", 50))
    assert found and found.build == "b1" and builds(tmp_path) == ["b1"]


def test_history_is_finite(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        remember(tmp_path, [card(f"b{number}", number)])
    assert len(builds(tmp_path)) == KEPT and builds(tmp_path)[-1] == f"b{KEPT + 2}"


def test_a_refusal_says_why_and_what_to_do_and_keeps_the_evidence(tmp_path: Path) -> None:
    target, bad = tmp_path / "builds" / "x", card("x", 50)
    (target / "partners" / "ward").mkdir(parents=True)
    (target / "build.json").write_text(json.dumps({"id": "x", "partners": ["other", "ward"]}))
    write_card(bad, target / "partners" / "ward")
    with pytest.raises(BuildError, match="no delivery is refused"):
        refused_build(tmp_path)
    error = refuse(tmp_path, target, [bad])
    assert "hb: 50 of 100 records (50 %), at most 1 % may" in str(error)
    assert "--accept-rejected" in str(error) and "haemony report ward --refused" in str(error)
    assert read_card(refused_build(tmp_path) / "partners" / "ward") == bad
    assert json.loads((refused_build(tmp_path) / "build.json").read_text())["partners"] == ["ward"]
    forget_refused(tmp_path, ["other"])
    assert refused_build(tmp_path)
    forget_refused(tmp_path, ["ward"])
    with pytest.raises(BuildError):
        refused_build(tmp_path)


def test_a_build_older_than_scorecards_says_so(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="Build it again"):
        read_card(tmp_path)


def test_a_card_survives_the_disk(tmp_path: Path) -> None:
    made = replace(card("b1", 5), accepted="why")
    write_card(made, tmp_path)
    assert read_card(tmp_path) == made
