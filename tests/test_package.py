"""The package is whole: one link for each room, rooms in order, nothing that others would not get."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

import haemony

ROOT = Path(__file__).parents[1]
FACE = ROOT / "haemony"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("haemony", "tests"))


def test_every_room_has_one_relative_link() -> None:
    links = {path.name: path.readlink() for path in FACE.iterdir() if path.is_symlink()}
    assert links == {room: Path("..") / room for room in ROOMS}


def test_every_room_is_a_layer() -> None:
    [contract] = PROJECT["tool"]["importlinter"]["contracts"]
    assert sorted(layer.removeprefix("haemony.") for layer in contract["layers"]) == ROOMS


def test_every_room_is_in_the_wheel_and_in_the_sdist() -> None:
    targets = PROJECT["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["sources"] == {room: f"haemony/{room}" for room in ROOMS}
    for target in ("wheel", "sdist"):
        assert set(ROOMS) <= set(targets[target]["only-include"])
    assert "tests" not in targets["wheel"]["only-include"]


def test_version_is_said_once_and_in_the_changelog() -> None:
    assert haemony.__version__ == PROJECT["project"]["version"]
    assert f"## {haemony.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_constraints_pin_every_dependency() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    names = {entry.replace("[", ">").split(">")[0].split("<")[0].strip().lower().replace("_", "-") for entry in wanted}
    assert names - pinned == set()


def modules() -> list[str]:
    return [m.name for m in pkgutil.walk_packages(haemony.__path__, "haemony.")]


@pytest.mark.parametrize("name", modules())
def test_module_imports_and_exports_what_it_names(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} says nothing about itself"
    assert [word for word in getattr(module, "__all__", []) if not hasattr(module, word)] == []


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_are_so(name: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0


def test_files_stay_short() -> None:
    long = {str(p.relative_to(ROOT)): n for r in ROOMS for p in (ROOT / r).rglob("*.py") if (n := _lines(p)) > 450}
    assert long == {}


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
