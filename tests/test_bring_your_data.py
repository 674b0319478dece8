"""The story of docs/bring_your_data.md is so: its commands run in order, on its files, with its corrections."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haemony.api.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "bring_your_data.md"
FENCE = re.compile(r"^```(console|tsv [\w.]+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
MAPPINGS = "my-mappings"


def deliver(folder: Path) -> None:
    spec = spec_from_file_location("lindenhof", Path(__file__).with_name("lindenhof.py"))
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(folder)


def run(command: str) -> tuple[int, str]:
    if "$(" in command:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", command], env={**os.environ, "PATH": path}, capture_output=True, text=True)
        return done.returncode, done.stdout
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    return result.exit_code, result.output


def correct(file: Path, rows: str) -> None:
    """Put the rows of the page in the place of those of the same column, or of the same text of it."""
    have = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")), delimiter="\t"))
    names = list(have[0])
    keys = [n for n in ("table", "variable", "subject_id", "subject_source", "subject_label") if n in names]
    found = {tuple(row[key] for key in keys): row for row in have}
    for row in csv.DictReader(io.StringIO(rows), delimiter="\t"):
        place = tuple(row[key] for key in keys)
        assert place in found, f"{place} is not in the draft"
        found[place].update(row)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, names, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(found.values())


def test_the_story_is_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAEMONY_MAPPINGS", MAPPINGS)
    monkeypatch.setenv("HAEMONY_PROCESSES", "1")
    monkeypatch.setenv("HAEMONY_SECRET_FILE", str(tmp_path / "secret"))
    deliver(tmp_path / "lindenhof")
    ran = 0
    for kind, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind != "console":
            correct(tmp_path / MAPPINGS / "partners" / "lindenhof" / kind.removeprefix("tsv "), text)
            continue
        parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
        for command, shown in zip(parts[1::2], parts[2::2], strict=True):
            if command.startswith("haemony "):
                code, printed = run(command)
                assert code == 0, f"{command}\n{printed}"
                squeezed = " ".join(printed.split())
                lines = [" ".join(line.split()) for line in shown.splitlines() if line != "..."]
                assert [line for line in lines if line not in squeezed] == [], command
                ran += 1
    assert ran >= 9
