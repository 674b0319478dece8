"""The engines that the words of a plan are tested on; tests of other rooms take them from here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from haemony.engine.errors import EngineError
from haemony.engine.session import ENGINES, Engine, Session, open_session

#: Spark is started once in a process, by this folder's configuration.
os.environ.setdefault("SPARK_CONF_DIR", str(Path(__file__).with_name("spark")))


def open_or_skip(folder: Path, engine: Engine) -> Session:
    """Open a session of an engine; skip the test where this machine lacks the engine."""
    try:
        return open_session(folder, engine)
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=ENGINES)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session of each engine in turn; one Spark serves all of a process."""
    with open_or_skip(tmp_path_factory.mktemp(request.param), request.param) as session:
        yield session
