"""What tests of several rooms share: one small build of the demo, made once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from haemony.api.settings import read_settings
from haemony.api.workbench import Workbench
from haemony.demo.generate import CENTRES, generate

#: Enough patients for every query to have an answer, and for the mistakes to be few; few enough for a test.
PATIENTS = 250


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a build of the demo in ``.haemony``, as ``haemony demo`` leaves it."""
    home = tmp_path_factory.mktemp("home")
    settings = {"HAEMONY_SECRET_FILE": str(home / "secret"), "HAEMONY_PROCESSES": "1"}
    former = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    workbench = Workbench(read_settings(build=home / ".haemony"))
    generate(home / ".haemony" / "demo-data", PATIENTS, 1)
    partners, _ = workbench.deliveries(list(CENTRES), home / ".haemony" / "demo-data")
    workbench.build(partners.values(), home / ".haemony" / "demo-data", lambda about, step: None)
    yield home
    for name, value in former.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
