"""What the documents show is so: commands run, nothing that exists is left out, pictures are of today."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from haemony.api.cli import app
from haemony.api.query_library import list_queries
from haemony.api.settings import PREFIX, Settings
from haemony.ontology.schema import read_schema

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TEXT = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
#: Pages that are one story, on files of their own: tests/test_bring_your_data.py runs it.
STORIES = (ROOT / "docs" / "bring_your_data.md",)
FENCE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: What a document shows after a command that fails: how many problems there were.
FAILED = re.compile(r"^\d+ problems?$", re.MULTILINE)


def shown() -> list[tuple[str, str]]:
    """Return each ``$`` command of the documents with what is shown below it."""
    found: list[tuple[str, str]] = []
    told = {block for page in STORIES for block in FENCE.findall(page.read_text(encoding="utf-8"))}
    for block in (block for block in FENCE.findall(TEXT) if block not in told):
        parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
        found += zip(parts[1::2], parts[2::2], strict=True)
    return found


HAEMONY = [(command, output) for command, output in shown() if command.startswith("haemony ")]


def run(command: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command as it stands; in this process where no shell is needed."""
    monkeypatch.chdir(home)
    if "$(" in command:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", command], cwd=home, env={**os.environ, "PATH": path}, capture_output=True)
        return done.returncode
    return CliRunner().invoke(app, shlex.split(command)[1:]).exit_code


@pytest.mark.parametrize(("command", "output"), HAEMONY, ids=[command for command, _ in HAEMONY])
def test_command_runs_as_shown(command: str, output: str, demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (demo_home / "docs").mkdir(exist_ok=True)
    assert run(command, demo_home, monkeypatch) == (1 if FAILED.search(output) else 0)


def test_there_is_something_to_run() -> None:
    assert len(HAEMONY) >= len(list_queries()) + 8


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ {4}|^\$ )make ([a-z]+)", TEXT, re.MULTILINE))
    assert {"demo", "test", "check", "bench"} <= named
    assert named <= targets


def test_every_command_is_documented() -> None:
    names = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {inner}" for inner in getattr(command, "commands", {})] or [name]
    assert [name for name in names if f"haemony {name}" not in TEXT] == []


def test_every_query_is_documented() -> None:
    text = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    for query in list_queries():
        [section] = re.findall(rf"^## {query.name}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
        assert query.description in section
        assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == [p.name for p in query.parameters]


def test_every_setting_is_documented() -> None:
    assert [name for name in Settings.model_fields if f"{PREFIX}{name.upper()}" not in TEXT] == []


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)", document.read_text(encoding="utf-8"))
        assert [link for link in links if not (document.parent / link).exists()] == [], document.name


def test_picture_of_the_model_is_drawn_from_the_ontology_of_today() -> None:
    spec = spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    assert spec and spec.loader
    figures = module_from_spec(spec)
    sys.modules["figures"] = figures
    spec.loader.exec_module(figures)
    drawn = (ROOT / "docs" / "images" / "model.svg").read_text(encoding="utf-8")
    assert drawn == figures.model(read_schema()), "draw it again: make figures"
