from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haemony.api.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAEMONY_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("HAEMONY_PROCESSES", "1")
    monkeypatch.delenv("HAEMONY_MAPPINGS", raising=False)
    folder = tmp_path / "Klinik Süd"
    folder.mkdir()
    rows = [f"K{n};{'mw'[n % 2]};{40 + n};{8 + n % 7},5;{n % 2};{160 + n}\n" for n in range(30)]
    (folder / "fälle.csv").write_text(
        'PatNr;Geschlecht;Alter;Hb;NPM1;"Größe\n(cm)"\n' + "".join(rows), encoding="latin-1"
    )
    (folder / "leer.csv").write_text("a;b\n")
    return lambda *args: CliRunner().invoke(app, list(args))


def test_a_draft_is_checked_and_built_as_it_is(run: Run, tmp_path: Path) -> None:
    done = run("init", "Klinik Süd")
    assert done.exit_code == 0, done.output
    assert "leer.csv is left out: it has no rows." in done.output
    home = tmp_path / "my-mappings" / "partners" / "klinik_sud"
    assert sorted(path.name for path in home.iterdir()) == ["concepts.sssom.tsv", "dictionary.tsv", "partner.yaml"]
    checked = run("--mappings", "my-mappings", "check", "klinik_sud")
    assert "3 columns wait for a decision in falle: Hb, NPM1, Größe*(cm)." in " ".join(checked.output.split())
    assert "No problems; 1 thing to look at." in checked.output
    built = run("--mappings", "my-mappings", "build", "klinik_sud", "--data", "Klinik Süd", "--json")
    assert built.exit_code == 0, built.output
    [summary] = json.loads(built.stdout)["built"]
    assert sum(summary["cells"].values()) == 30 * 6
    answer = run("cypher", "MATCH (p:Patient) RETURN count(p), min(p.age), count(p.sex)", "--format", "csv")
    assert answer.stdout.splitlines()[1] == "30,40.0,30"


def test_a_row_is_turned_to_map_and_reviewed(run: Run, tmp_path: Path) -> None:
    assert run("init", "Klinik Süd", "--name", "sued").exit_code == 0
    home = tmp_path / "my-mappings" / "partners" / "sued"
    rows = (home / "dictionary.tsv").read_text(encoding="utf-8").replace("NPM1\t\tignore", "NPM1\t\tmap")
    (home / "dictionary.tsv").write_text(rows, encoding="utf-8")
    checked = run("--mappings", "my-mappings", "check", "sued")
    assert "Nobody has reviewed this automatic row" in " ".join(checked.output.split())
    text = (home / "concepts.sssom.tsv").read_text(encoding="utf-8")
    reviewed = text.replace("semapv:LexicalMatching\t\thaemony", "semapv:LexicalMatching\tmy:name\thaemony")
    (home / "concepts.sssom.tsv").write_text(reviewed, encoding="utf-8")
    assert run("--mappings", "my-mappings", "build", "sued", "--data", "Klinik Süd").exit_code == 0
    answer = run("cypher", "MATCH (m:Mutation) RETURN count(m) AS n", "--format", "csv")
    assert answer.stdout.splitlines() == ["n", "15"]


def test_a_draft_replaces_nothing(run: Run, tmp_path: Path) -> None:
    assert run("--mappings", "mine", "init", "Klinik Süd", "--name", "one").exit_code == 0
    again = run("--mappings", "mine", "init", "Klinik Süd", "--name", "one")
    assert (again.exit_code, "replaces none" in again.output) == (1, True)


@pytest.mark.parametrize(
    "args",
    [
        ("nowhere",),
        ("Klinik Süd", "--name", "1 x"),
        ("Klinik Süd", "--dictionary", "no.csv"),
        ("Klinik Süd", "--key", "No"),
    ],
)
def test_what_is_wrong_is_said(run: Run, tmp_path: Path, args: tuple[str, ...]) -> None:
    done = run("init", *args)
    assert done.exit_code == 1
    assert "problem" in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "my-mappings").exists()


def test_json(run: Run) -> None:
    done = json.loads(run("init", "Klinik Süd", "--json").stdout)
    assert done["tables"]["falle"] == {"file": "fälle.csv", "rows": 30, "columns": 6}
    assert done["uses"] == {"key": 1, "map": 2, "to decide": 3}
